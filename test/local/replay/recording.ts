/** A recording of a real Mesos: its lines, and the flags its master and agents ran with. */
import { readFileSync } from 'node:fs';
import type { Attribute, DomainInfo, Resource } from '../../../src/mesos/types.ts';

export type Line = {
  /** Milliseconds since the start of the scenario. */
  readonly t: number;
  readonly conn: string;
  readonly dir: '>' | '<' | '*';
  readonly kind: 'request' | 'response' | 'event' | 'closed' | 'note';
  readonly id?: number;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status?: number;
  readonly how?: string;
  readonly error?: string;
  readonly body?: unknown;
};

export type AgentFlags = {
  readonly name: string;
  readonly ip: string;
  readonly port: number;
  readonly resources: readonly Resource[];
  readonly attributes: readonly Attribute[];
  readonly domain?: DomainInfo;
  readonly flags: Readonly<Record<string, string>>;
};

export type Recording = {
  readonly lines: readonly Line[];
  readonly master: Readonly<Record<string, string>>;
  readonly agents: readonly AgentFlags[];
};

export function readRecording(path: string): Recording {
  const [first = '{}', ...rest] = readFileSync(path, 'utf8').trimEnd().split('\n');
  const { setup } = JSON.parse(first) as { setup: { masters: Commands; agents: Commands } };
  const lines = rest.map((line) => numbers(JSON.parse(line)) as Line);
  const [master = ''] = Object.values(setup.masters);
  return {
    lines: inOrderOfAnswers(lines),
    master: flagsOf(master),
    agents: Object.entries(setup.agents).map(([name, command]) => agentOf(name, flagsOf(command))),
  };
}

/**
 * N9 requests: each call had a connection of its own, so calls sent in the same millisecond reached the
 * master in any order. They are applied in the order of their answers.
 */
function inOrderOfAnswers(lines: readonly Line[]): Line[] {
  const result = [...lines];
  const answeredAt = (request: Line): number =>
    lines.findIndex(
      (line) => line.kind === 'response' && line.id === request.id && line.conn === request.conn,
    );
  for (let at = 1; at < result.length; at += 1) {
    const [one, other] = [result[at - 1], result[at]];
    if (one?.kind !== 'request' || other?.kind !== 'request') continue;
    if (one.t !== other.t || one.conn !== other.conn || answeredAt(one) < answeredAt(other)) continue;
    result[at - 1] = other;
    result[at] = one;
  }
  return result;
}

type Commands = Readonly<Record<string, string>>;

function flagsOf(command: string): Record<string, string> {
  const found = command.matchAll(/--([a-z_-]+)(?:=(\S+))?/g);
  return Object.fromEntries([...found].map(([, name = '', value = 'true']) => [name, value]));
}

function agentOf(name: string, flags: Record<string, string>): AgentFlags {
  const attributes = (flags.attributes ?? '').split(';').filter((text) => text !== '');
  return {
    name,
    ip: flags.ip ?? '',
    port: Number(flags.port),
    resources: (flags.resources ?? '').split(';').map((text) => valueIn(text) as Resource),
    attributes: attributes.map((text) => valueIn(text) as Attribute),
    ...(flags.domain === undefined ? {} : { domain: JSON.parse(flags.domain) as DomainInfo }),
    flags,
  };
}

/** `name:value`, where a value is a number, `[1-2,3-4]`, `{a,b}` or text. */
function valueIn(text: string): unknown {
  const colon = text.indexOf(':');
  const name = text.slice(0, colon);
  const value = text.slice(colon + 1);
  if (value.startsWith('[')) {
    const range = value
      .slice(1, -1)
      .split(',')
      .map((part) => part.split('-').map(Number))
      .map(([begin = 0, end = begin]) => ({ begin, end }));
    return { name, type: 'RANGES', ranges: { range } };
  }
  if (value.startsWith('{')) return { name, type: 'SET', set: { item: value.slice(1, -1).split(',') } };
  if (/^[0-9.]+$/.test(value)) return { name, type: 'SCALAR', scalar: { value: Number(value) } };
  return { name, type: 'TEXT', text: { value } };
}

/** `6secs`, `10mins` in milliseconds. */
export function durationMs(text: string | undefined): number | undefined {
  const [, amount, unit = ''] = /^([0-9.]+)([a-z]+)$/.exec(text ?? '') ?? [];
  const lengths: Record<string, number> = { ms: 1, secs: 1000, mins: 60_000, hrs: 3_600_000 };
  return amount === undefined ? undefined : Number(amount) * (lengths[unit] ?? Number.NaN);
}

const wide = new Set(['begin', 'end', 'nanoseconds']);

/** Protobuf runs show 64-bit integers as strings; the JSON runs as numbers. */
function numbers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(numbers);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      wide.has(key) && typeof inner === 'string' ? Number(inner) : numbers(inner),
    ]),
  );
}
