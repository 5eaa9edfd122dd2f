/** Reading what an executor reports, of this release or another: the rules are in `model/launch.ts`. */
import type { BrokerReport, DiskReport } from '../model/launch.ts';

/** The executor's JSON, bounded and checked; anything else is no report. */
export function parseReport(data: string | undefined): BrokerReport | undefined {
  if (data === undefined || data === '' || data.length > 64 * 1024) {
    return undefined;
  }
  try {
    return checkReport(JSON.parse(data));
  } catch {
    return undefined;
  }
}

const fieldTypes = {
  protocol: 'number',
  formatted: 'boolean',
  directoryId: 'string',
  endpoint: 'string',
  jvmPid: 'number',
  message: 'string',
} as const;

/** A phase or a code is a word in lists and tables; what else stands there is cut to one. */
const maxWordLength = 40;
const maxWarnings = 20;
const maxDisks = 64;

/** Whoever reads it shows it: a field of the wrong type is left out, not believed. */
function checkReport(value: unknown): BrokerReport | undefined {
  if (typeof value !== 'object' || value === null || !('phase' in value) || typeof value.phase !== 'string') {
    return undefined;
  }
  const { warnings, progress, recovery, disks, code, phase, ...rest } = value as Record<string, unknown>;
  const known = Object.entries(fieldTypes).flatMap(([key, type]) =>
    Object.hasOwn(rest, key) && typeof rest[key] === type ? [[key, rest[key]]] : [],
  );
  const bytes = counts(progress, ['doneBytes', 'totalBytes']);
  const logs = counts(recovery, ['doneLogs', 'totalLogs']);
  const segments = counts(recovery, ['doneSegments']);
  return {
    ...Object.fromEntries(known),
    phase: word(phase),
    ...(typeof code === 'string' ? { code: word(code) } : {}),
    ...(Array.isArray(warnings)
      ? { warnings: warnings.filter((w) => typeof w === 'string').slice(0, maxWarnings) }
      : {}),
    ...(bytes === undefined ? {} : { progress: bytes }),
    ...(logs === undefined ? {} : { recovery: { ...logs, ...segments } }),
    ...(Array.isArray(disks) ? { disks: disks.slice(0, maxDisks).flatMap(disk) } : {}),
  } as unknown as BrokerReport;
}

function word(text: unknown): string {
  const shown = String(text)
    .replaceAll(/[^\w.-]+/g, ' ')
    .slice(0, maxWordLength)
    .trim();
  return shown === '' ? 'unknown' : shown;
}

function disk(value: unknown): readonly DiskReport[] {
  const bytes = counts(value, ['totalBytes', 'freeBytes']);
  const { path, error } = (value ?? {}) as Record<string, unknown>;
  return bytes === undefined || typeof path !== 'string'
    ? []
    : [{ path, ...bytes, ...(typeof error === 'string' ? { error } : {}) } as DiskReport];
}

/** The named fields, when all of them are numbers that can be counted with. */
function counts(value: unknown, needed: readonly string[]): Record<string, number> | undefined {
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  const fields = value as Record<string, unknown>;
  return needed.every((key) => Number.isFinite(fields[key]))
    ? Object.fromEntries(needed.map((key) => [key, Number(fields[key])]))
    : undefined;
}
