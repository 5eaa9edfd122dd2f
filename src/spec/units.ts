/**
 * The small texts of a spec, and back. All functions are total: `undefined` stands for "not one of these".
 *
 * ```
 * size     = number ("MiB" | "GiB" | "TiB" | "MB" | "GB" | "TB")
 * rate     = number ("KiB" | "MiB" | "GiB" | "KB" | "MB" | "GB") "/s"
 * number   = digits [ "." digits ]
 * duration = one or more of: digits "w", digits "d", digits "h", digits "m", digits "s", digits "ms"; in this order
 * ids      = item { "," item }        item = digits [ ".." digits ]
 * port     = "any" | digits [ ".." digits ]
 * ```
 */
import type { PortChoice } from '../model/desired.ts';

const byteUnits: Readonly<Record<string, number>> = {
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
};

/** MiB, rounded down but at least 1. */
export function parseSizeMiB(text: string): number | undefined {
  const bytes = /K/.test(text) ? undefined : parseBytes(text);
  return bytes === undefined ? undefined : Math.max(1, Math.floor(bytes / 1024 ** 2));
}

/** The shortest exact text of a whole number of MiB. */
export function formatSizeMiB(sizeMiB: number): string {
  if (sizeMiB > 0 && sizeMiB % 1024 ** 2 === 0) return `${sizeMiB / 1024 ** 2}TiB`;
  if (sizeMiB > 0 && sizeMiB % 1024 === 0) return `${sizeMiB / 1024}GiB`;
  return `${sizeMiB}MiB`;
}

/** Bytes per second, at least 1. */
export function parseRate(text: string): number | undefined {
  const bytes = text.endsWith('/s') ? parseBytes(text.slice(0, -2)) : undefined;
  return bytes === undefined ? undefined : Math.max(1, Math.floor(bytes));
}

/** The shortest text of whole bytes per second; rounded down to KB/s only where no unit divides them. */
export function formatRate(bytesPerSecond: number): string {
  for (const unit of ['GiB', 'GB', 'MiB', 'MB', 'KiB', 'KB']) {
    const size = byteUnits[unit] ?? 1;
    if (bytesPerSecond >= size && bytesPerSecond % size === 0) return `${bytesPerSecond / size}${unit}/s`;
  }
  return `${Math.floor(bytesPerSecond / 1e3)}KB/s`;
}

function parseBytes(text: string): number | undefined {
  const match = /^([0-9]{1,9}(?:\.[0-9]{1,3})?)([KMGT]i?B)$/.exec(text);
  const unit = byteUnits[match?.[2] ?? ''];
  const bytes = match === null || unit === undefined ? 0 : Number(match[1]) * unit;
  return bytes > 0 ? bytes : undefined;
}

const durationUnits: readonly (readonly [string, number])[] = [
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** Milliseconds. */
export function parseDurationMs(text: string): number | undefined {
  const pattern =
    /^(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?(?:(\d{1,6})ms)?$/;
  const match = pattern.exec(text);
  if (match === null || text === '') return undefined;
  return durationUnits.reduce((sum, [, unitMs], index) => sum + Number(match[index + 1] ?? 0) * unitMs, 0);
}

export function formatDurationMs(durationMs: number): string {
  let restMs = durationMs;
  let text = '';
  for (const [unit, unitMs] of durationUnits) {
    const count = Math.floor(restMs / unitMs);
    if (count > 0) text += `${count}${unit}`;
    restMs -= count * unitMs;
  }
  return text === '' ? '0s' : text;
}

/** A range of ids with both ends. */
export type IdRange = { readonly first: number; readonly last: number };

/** As written, in the order written; overlaps are the caller's to judge. */
export function parseIdRanges(
  ids: number | string | readonly (number | string)[],
): readonly IdRange[] | undefined {
  const items = Array.isArray(ids) ? ids.flat() : [ids as number | string];
  const ranges = items.flatMap((item) => String(item).split(',')).map(parseIdRange);
  return ranges.some((range) => range === undefined)
    ? undefined
    : ranges.filter((range) => range !== undefined);
}

function parseIdRange(text: string): IdRange | undefined {
  const match = /^ *(\d{1,10})(?:\.\.(\d{1,10}))? *$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first <= last && last <= 2 ** 31 - 1 ? { first, last } : undefined;
}

/** Ascending, neighbours joined: `0..2,7`. */
export function formatIds(ids: readonly number[]): string {
  const sorted = [...new Set(ids)].sort((a, b) => a - b);
  const ranges: { first: number; last: number }[] = [];
  for (const id of sorted) {
    const range = ranges.at(-1);
    if (range !== undefined && range.last === id - 1) range.last = id;
    else ranges.push({ first: id, last: id });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}..${last}`)).join(',');
}

export function parsePort(port: number | string): PortChoice | undefined {
  if (port === 'any') return { kind: 'any' };
  const match = /^(\d{1,5})(?:\.\.(\d{1,5}))?$/.exec(String(port));
  if (match === null) return undefined;
  const begin = Number(match[1]);
  const end = Number(match[2] ?? match[1]);
  if (begin < 1 || end > 65_535 || begin > end) return undefined;
  return match[2] === undefined ? { kind: 'fixed', port: begin } : { kind: 'range', begin, end };
}

export function formatPort(port: PortChoice): string {
  if (port.kind === 'any') return 'any';
  return port.kind === 'fixed' ? String(port.port) : `${port.begin}..${port.end}`;
}
