import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createRecordDecoder, encodeRecord } from '../../src/mesos/record-io.ts';
import { ProtocolError } from '../../src/model/errors.ts';

const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });
const cuts = fc.array(fc.nat(), { maxLength: 40 });

/** The stream cut into chunks at the given places, empty chunks included. */
function chop(stream: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [
    0,
    ...places.map((place) => place % (stream.length + 1)).toSorted((a, b) => a - b),
    stream.length,
  ];
  return at.slice(1).map((end, index) => stream.subarray(at[index], end));
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test('any chunking gives the records that were written', () => {
  fc.assert(
    fc.property(payloads, cuts, (records, places) => {
      const decoder = createRecordDecoder();
      const stream = Buffer.concat(records.map(encodeRecord));
      const read = chop(stream, places).flatMap((chunk) => decoder.push(chunk));
      assert.equal(read.map(toHex), records.map(toHex));
      assert.ok(decoder.atBoundary());
    }),
  );
});

test('any truncation gives the whole records before it and knows whether it cut one', () => {
  fc.assert(
    fc.property(payloads, cuts, fc.nat(), (records, places, length) => {
      const decoder = createRecordDecoder();
      const encoded = records.map(encodeRecord);
      const stream = Buffer.concat(encoded);
      const end = length % (stream.length + 1);
      const read = chop(stream.subarray(0, end), places).flatMap((chunk) => decoder.push(chunk));
      const ends = encoded.map((_, index) => Buffer.concat(encoded.slice(0, index + 1)).length);
      assert.equal(read.map(toHex), records.filter((_, index) => (ends[index] ?? 0) <= end).map(toHex));
      assert.is(decoder.atBoundary(), end === 0 || ends.includes(end));
    }),
  );
});

test('arbitrary bytes give records or a ProtocolError, and no more records after it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (stream, places) => {
      const decoder = createRecordDecoder({ maxRecordBytes: 100 });
      let failed = false;
      for (const chunk of chop(stream, places)) {
        try {
          decoder.push(chunk);
          assert.not(failed, 'went on after a failure');
        } catch (error) {
          assert.instance(error, ProtocolError);
          failed = true;
        }
      }
    }),
  );
});

test('a bad length is fatal', () => {
  for (const text of ['\n', 'x', '-1\n', '+1\na', ' 1\na', '1\r\na', '0x1\na', '1.0\na', '12345678901']) {
    assert.throws(() => createRecordDecoder().push(bytesOf(text)), /RecordIO/, JSON.stringify(text));
  }
});

test('a record longer than the limit is refused before its bytes come', () => {
  const decoder = createRecordDecoder({ maxRecordBytes: 10 });
  assert.is(decoder.push(bytesOf('10\n0123456789')).length, 1);
  assert.throws(() => decoder.push(bytesOf('11\n')), /11 bytes, the limit is 10/);
});

test('an empty record is a record', () => {
  const decoder = createRecordDecoder();
  assert.is(decoder.push(bytesOf('0\n')).length, 1);
  assert.is(decoder.push(bytesOf('0\n0\n1\na0')).length, 3);
  assert.is(decoder.push(bytesOf('\n')).length, 1);
});

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test.run();
