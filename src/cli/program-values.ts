import { InvalidArgumentError } from 'commander';
import { type ListenAddress, parseListenAddress } from '../api/listen-address.ts';
import { parseDuration } from './durations.ts';

/** Readers of option values; what they throw becomes wrong usage. */

export function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

export function parseBrokerId(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('A broker id is a number, such as 2.');
  return Number(text);
}

export function parseCount(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It must be a number.');
  return Number(text);
}

export function parseDurationOption(text: string): number {
  const found = parseDuration(text);
  if (found === undefined) throw new InvalidArgumentError('Write it as 90s, 10m, 2h or 7d.');
  return found;
}

export function parseListenOption(text: string): ListenAddress {
  const found = parseListenAddress(text);
  if (found === undefined)
    throw new InvalidArgumentError('Write it as 127.0.0.1:8080; port 0 takes a free one.');
  return found;
}
