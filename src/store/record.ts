import { InvariantError, SpecError } from '../model/errors.ts';

/**
 * What every kind of store has in common: which paths and values it takes, and how it says no.
 * Paths and sizes are bounded so that each record fits a ZooKeeper node (`jute.maxbuffer` is 1 MiB).
 */
export const maxRecordBytes = 900 * 1024;

const maxSegments = 8;
/** Keeps the file name of a record under the 255 bytes that file systems allow. */
const maxPathLength = 200;
const segmentPattern = /^[A-Za-z0-9._-]+$/;

/** Throws unless `path` is one that the port allows; `.` and `..` are not, so no path leaves the store. */
export function checkRecordPath(path: string): void {
  const segments = path.split('/');
  const allowed =
    path.length <= maxPathLength &&
    segments.length <= maxSegments &&
    segments.every((segment) => segmentPattern.test(segment) && segment !== '.' && segment !== '..');
  if (!allowed) {
    throw new InvariantError(
      'KM_BUG_STORE_PATH',
      `${JSON.stringify(path.slice(0, maxPathLength))} is not a record path: at most ${maxSegments} segments of letters, digits, ".", "_" and "-", at most ${maxPathLength} characters`,
    );
  }
}

/** The value as JSON text; refuses what JSON cannot say and what is too large for a record. */
export function encodeRecordValue(path: string, value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) {
    throw new InvariantError('KM_BUG_STORE_VALUE', `the value for record ${path} is not JSON`);
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > maxRecordBytes) {
    throw new SpecError(
      'KM_SPEC_RECORD_TOO_LARGE',
      `record ${path} would have ${bytes} bytes; the largest allowed is ${maxRecordBytes} (900 KiB)`,
      { remedy: 'Split the cluster into several, or shorten what its spec lists broker by broker.' },
    );
  }
  return text;
}

/** The direct children that `paths` give `parent`, sorted; a record deeper down counts as its ancestors. */
export function childNames(parent: string, paths: Iterable<string>): readonly string[] {
  const prefix = `${parent}/`;
  const names = new Set<string>();
  for (const path of paths) {
    if (!path.startsWith(prefix)) continue;
    const [name] = path.slice(prefix.length).split('/');
    if (name !== undefined) names.add(name);
  }
  return [...names].sort();
}
