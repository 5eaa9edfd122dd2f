import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One line of a recording that carries bytes of the scheduler or executor API. */
export type Exchange = {
  readonly place: string;
  readonly api: 'scheduler' | 'executor';
  readonly kind: 'request' | 'event';
  readonly connection: string;
  readonly body: Record<string, unknown>;
  /** Empty in a JSON recording. */
  readonly raw: Buffer;
};

const fixturesDir = fileURLToPath(new URL('../fixtures/mesos-transcripts/', import.meta.url));
/** The exchanges recorded in the media type, of all scenarios or of those whose file name begins with `name`. */
export function readFixtures(mediaType: 'protobuf' | 'json', name = ''): Exchange[] {
  const files = readdirSync(fixturesDir).filter(
    (file) =>
      file.startsWith(name) &&
      file.endsWith('.jsonl') &&
      file.endsWith('.protobuf.jsonl') === (mediaType === 'protobuf'),
  );
  return files
    .toSorted()
    .flatMap((file) =>
      readFileSync(`${fixturesDir}/${file}`, 'utf8').trim().split('\n').flatMap(toExchange(file)),
    );
}

function toExchange(file: string): (line: string, index: number) => Exchange[] {
  return (line, index) => {
    const { conn, kind, body, raw_base64 } = JSON.parse(line);
    const api = String(conn).split('-')[0];
    if (typeof body !== 'object' || body === null || (kind !== 'request' && kind !== 'event')) return [];
    if (api !== 'scheduler' && api !== 'executor') return [];
    // What the recorded executor wrote down about itself has no bytes.
    if (file.endsWith('.protobuf.jsonl') && raw_base64 === undefined) return [];
    const raw = Buffer.from(raw_base64 ?? '', 'base64');
    return [{ place: `${file}:${index + 1}`, api, kind, connection: conn, body, raw }];
  };
}

/**
 * A recorded body in our form. The recorder wrote 64-bit integers as text where ours are numbers (these
 * are all such fields of the API), and wrote down the empty arrays of its own calls, which protobuf cannot
 * tell from absent ones. Anything else must agree as it stands.
 */
export function normaliseBody(value: unknown, field = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => normaliseBody(item, field));
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => !(Array.isArray(item) && item.length === 0));
    return Object.fromEntries(entries.map(([key, item]) => [key, normaliseBody(item, key)]));
  }
  const is64Bit = ['begin', 'end', 'nanoseconds', 'hard', 'soft'].includes(field);
  return is64Bit && typeof value === 'string' ? Number(value) : value;
}
