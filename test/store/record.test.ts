import { gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ProtocolError } from '../../src/model/errors.ts';
import { decodeRecord, encodeRecord, maxRecordBytes, recordJson } from '../../src/store/record.ts';

const where = { name: 'the record', remedy: 'restore it' };
const encode = (value: unknown) => encodeRecord('a', recordJson('a', value));

function refusal(bytes: Buffer, ...more: [Parameters<typeof decodeRecord>[3]?]): string {
  try {
    decodeRecord('a', bytes, where, ...more);
  } catch (error) {
    assert.instance(error, ProtocolError);
    return (error as Error).message;
  }
  return assert.unreachable('it was read') as never;
}

test('small records are text that a person can read, large ones are compressed', () => {
  assert.is(encode({ b: 1 }).toString(), '{"format":1,"path":"a","value":{"b":1}}\n');
  const large = encode('x'.repeat(100_000));
  assert.equal([...large.subarray(0, 2)], [0x1f, 0x8b]);
  assert.ok(large.length < 1_000);
  assert.is(decodeRecord('a', large, where).value, 'x'.repeat(100_000));
});

test('a record of an older format is migrated step by step; of a newer one, refused', () => {
  const bytes = (format: unknown, value: unknown) =>
    Buffer.from(JSON.stringify({ format, path: 'a', version: 7, value }));
  const migrations = [
    (envelope: Readonly<Record<string, unknown>>) => ({ ...envelope, value: [envelope.value, 'two'] }),
    (envelope: Readonly<Record<string, unknown>>) => ({ ...envelope, value: [envelope.value, 'three'] }),
  ];
  const read = (format: number) => decodeRecord('a', bytes(format, 'one'), where, migrations);
  assert.equal(read(1), { value: [['one', 'two'], 'three'], version: 7 });
  assert.equal(read(2), { value: ['one', 'three'], version: 7 });
  assert.equal(read(3), { value: 'one', version: 7 });
  for (const format of [4, 0, -1, 1.5, '1', null, undefined]) {
    assert.match(refusal(bytes(format, 'one'), migrations), 'this program reads 3 and older');
  }
});

test('what unpacks to more than a record may have is refused without unpacking it', () => {
  const bomb = gzipSync(Buffer.alloc(maxRecordBytes + 1, ' '));
  assert.ok(bomb.length < 100_000);
  assert.match(refusal(bomb), 'the record cannot be used');
  assert.match(refusal(encode('x'.repeat(100_000)).subarray(0, 50)), 'the record cannot be used');
  assert.match(refusal(Buffer.alloc(0)), 'it is empty');
});

test.run();
