import { gunzipSync, gzipSync } from 'node:zlib';
import { InvariantError, ProtocolError, SpecError } from '../model/errors.ts';

/**
 * What every kind of store has in common: which paths and values it takes, how a record is written down,
 * and how it says no.
 *
 *     {"format":1,"path":"clusters/orders/spec","value":…}      JSON in UTF-8
 *     1f 8b …                                                   the same by gzip, from 64 KiB on
 *
 * A spec of a thousand brokers repeats itself a thousand times, and is a few per cent of its size then.
 */
export const maxRecordBytes = 32 * 1024 * 1024;

/** As written down. A ZooKeeper node with its request is below `jute.maxbuffer` (1 MiB) so. */
export const maxEncodedBytes = 900 * 1024;

const compressFromBytes = 64 * 1024;

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

/** The value as JSON text, which does not change with it; refuses what JSON cannot say. */
export function recordJson(path: string, value: unknown): string {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) {
    throw new InvariantError('KM_BUG_STORE_VALUE', `the value for record ${path} is not JSON`);
  }
  return json;
}

/**
 * The record in bytes; `version` only where the store has no other place for it. Refuses by name what is too
 * large, and never cuts anything off.
 */
export function encodeRecord(path: string, json: string, version?: number): Buffer {
  const head = JSON.stringify({
    format: migrations.length + 1,
    path,
    ...(version === undefined ? {} : { version }),
  });
  const plain = Buffer.from(`${head.slice(0, -1)},"value":${json}}\n`);
  if (plain.length > maxRecordBytes) throw tooLarge(path, plain.length, maxRecordBytes, '');
  if (plain.length < compressFromBytes) return plain;
  const compressed = gzipSync(plain);
  if (compressed.length > maxEncodedBytes)
    throw tooLarge(path, compressed.length, maxEncodedBytes, ' compressed');
  return compressed;
}

function tooLarge(path: string, bytes: number, maxBytes: number, how: string): SpecError {
  return new SpecError(
    'KM_SPEC_RECORD_TOO_LARGE',
    `record ${path} would have ${bytes} bytes${how}; the largest allowed is ${maxBytes} (${maxBytes / 1024} KiB)`,
    { remedy: 'Split the cluster into several, or shorten what its spec lists broker by broker.' },
  );
}

type Envelope = Readonly<Record<string, unknown>>;

/**
 * From each older format to the next: `migrations[0]` makes format 2 from format 1. A record is migrated when it is
 * read, and is in the new format once it is written.
 */
export type Migrations = readonly ((envelope: Envelope) => Envelope)[];

const migrations: Migrations = [];

/** `where` names the file or node in errors: `ProtocolError` `KM_PROTOCOL_STORE_RECORD` with that remedy. */
export function decodeRecord(
  path: string,
  bytes: Buffer,
  where: { readonly name: string; readonly remedy: string },
  known: Migrations = migrations,
): { readonly value: unknown; readonly version: unknown } {
  const damaged = (cause: string, error?: unknown) => damagedRecord(where, cause, error);
  let envelope: unknown;
  try {
    envelope = JSON.parse(inflate(bytes).toString('utf8'));
  } catch (error) {
    if (bytes.toString('latin1').trim() === '') throw damaged('it is empty', error);
    throw damaged(`it is not JSON (${(error as Error).message})`, error);
  }
  if (!isObject(envelope)) throw damaged('it is not a JSON object');
  const newest = known.length + 1;
  for (let format = envelope.format; format !== newest; format = envelope.format) {
    const migrate = typeof format === 'number' ? known[format - 1] : undefined;
    if (migrate === undefined) {
      throw damaged(`its format is ${JSON.stringify(format)}, this program reads ${newest} and older`);
    }
    envelope = { ...migrate(envelope), format: (format as number) + 1 };
    if (!isObject(envelope)) throw damaged('it is not a JSON object');
  }
  // Also what keeps two paths apart on a file system that does not tell upper from lower case.
  if (envelope.path !== path) throw damaged(`it holds record ${JSON.stringify(envelope.path)}`);
  if (!('value' in envelope)) throw damaged('it has no value');
  return { value: envelope.value, version: envelope.version };
}

export function damagedRecord(
  where: { readonly name: string; readonly remedy: string },
  cause: string,
  error?: unknown,
): ProtocolError {
  return new ProtocolError('KM_PROTOCOL_STORE_RECORD', `${where.name} cannot be used: ${cause}`, {
    cause: error,
    remedy: where.remedy,
  });
}

function inflate(bytes: Buffer): Buffer {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return isGzip ? gunzipSync(bytes, { maxOutputLength: maxRecordBytes }) : bytes;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
