import { readFileSync, writeFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const protoUrl = new URL('../../src/mesos/proto/', import.meta.url);
const descriptorUrl = new URL('descriptor.json', protoUrl);

function parseProtos(): string {
  const root = new protobuf.Root();
  for (const name of ['mesos', 'scheduler', 'executor', 'master']) {
    protobuf.parse(readFileSync(new URL(`${name}.proto`, protoUrl), 'utf8'), root, { keepCase: true });
  }
  root.resolveAll();
  return `${JSON.stringify(root.toJSON())}\n`;
}

// `UPDATE_DESCRIPTOR=1` rewrites the checked-in file after an edit of a .proto.
test('descriptor.json is what the .proto files say', () => {
  const parsed = parseProtos();
  if (process.env.UPDATE_DESCRIPTOR === '1') writeFileSync(descriptorUrl, parsed);
  assert.is(
    readFileSync(descriptorUrl, 'utf8'),
    parsed,
    'run UPDATE_DESCRIPTOR=1 node test/mesos/descriptor.test.ts',
  );
});

test.run();
