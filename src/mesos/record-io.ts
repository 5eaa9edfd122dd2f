import { ProtocolError } from '../model/errors.ts';

/*
 * RecordIO, the framing of Mesos' v1 event streams (docs/scheduler-http-api.md, "RecordIO response format"):
 *
 *   stream = *record
 *   record = length LF payload
 *   length = 1*10DIGIT          ; decimal, the number of octets in the payload
 *   payload = *OCTET            ; one message, protobuf or JSON as negotiated
 *
 * HTTP chunks say nothing about records: one chunk may hold many records or a part of one. A length that
 * cannot be read leaves no way to find the next record, so it is fatal for the stream.
 */

/** Far above the largest event seen (offers of thousands of agents), far below what hurts. */
export const defaultMaxRecordBytes = 64 * 1024 * 1024;

export type RecordDecoder = {
  /**
   * Takes the next bytes of the stream and gives the records they complete. A record may share its memory
   * with `chunk`. Throws ProtocolError `KM_PROTOCOL_RECORD_IO`, and from then on always.
   */
  push(chunk: Uint8Array): Uint8Array[];
  /** Whether the stream may end here without cutting a record. */
  atBoundary(): boolean;
};

export function createRecordDecoder(options: { maxRecordBytes?: number } = {}): RecordDecoder {
  const maxRecordBytes = options.maxRecordBytes ?? defaultMaxRecordBytes;
  let digits = '';
  /** Undefined while the length line is being read. */
  let missingBytes: number | undefined;
  let parts: Uint8Array[] = [];
  let failure: ProtocolError | undefined;

  const fail = (reason: string): never => {
    failure = new ProtocolError('KM_PROTOCOL_RECORD_IO', `The RecordIO stream is broken: ${reason}.`, {
      remedy: 'The connection has to be made anew; check that the address is that of a Mesos v1 endpoint.',
    });
    throw failure;
  };

  const readLengthOctet = (octet: number): void => {
    if (octet >= 0x30 && octet <= 0x39) {
      if (digits.length === 10) fail(`a length line begins with ${digits}, more than 10 digits`);
      digits += String.fromCharCode(octet);
      return;
    }
    if (octet !== 0x0a) fail(`octet 0x${octet.toString(16).padStart(2, '0')} in a length line`);
    if (digits === '') fail('an empty length line');
    const length = Number(digits);
    if (length > maxRecordBytes) fail(`a record of ${length} bytes, the limit is ${maxRecordBytes}`);
    missingBytes = length;
    digits = '';
  };

  return {
    atBoundary: () => digits === '' && missingBytes === undefined,
    push(chunk) {
      if (failure) throw failure;
      const records: Uint8Array[] = [];
      let at = 0;
      // A record of length 0 is complete with its line, even when that line ends the chunk.
      while (at < chunk.length || missingBytes === 0) {
        if (missingBytes === undefined) {
          readLengthOctet(chunk[at] ?? 0);
          at += 1;
          continue;
        }
        const part = chunk.subarray(at, at + missingBytes);
        at += part.length;
        missingBytes -= part.length;
        parts.push(part);
        if (missingBytes > 0) continue;
        records.push(joinParts(parts));
        parts = [];
        missingBytes = undefined;
      }
      return records;
    },
  };
}

export function encodeRecord(payload: Uint8Array): Uint8Array {
  const line = new TextEncoder().encode(`${payload.length}\n`);
  const record = new Uint8Array(line.length + payload.length);
  record.set(line);
  record.set(payload, line.length);
  return record;
}

function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first && parts.length === 1) return first;
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
