/** Spec files of requests are read beside whatever else the process does. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { maxWaiting, readSpec } from '../../src/cli/read-spec.ts';
import { SpecError, UnavailableError } from '../../src/model/errors.ts';
import { parseSpec } from '../../src/spec/parse.ts';
import { failureOf } from '../zookeeper/support.ts';

const cluster = (name: string, ids = '0..2') => `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: ${name} }
spec:
  pools:
    - { name: main, ids: ${ids}, cpus: 0.5, memory: 512MiB, storage: { size: 1GiB } }
`;
const files = (count: number, ids?: string) =>
  Array.from({ length: count }, (_, index) => ({ path: `${index}.yaml`, text: cluster(`c${index}`, ids) }));

test('many documents leave turns to others, and are read as at once', async () => {
  const documents = [
    {
      path: 'all.yaml',
      text: files(20)
        .map(({ text }) => text)
        .join('---\n'),
    },
  ];
  let turns = 0;
  const immediate = () => {
    turns += 1;
    pending = setImmediate(immediate);
  };
  let pending = setImmediate(immediate);
  const read = await readSpec(documents);
  clearImmediate(pending);
  assert.ok(turns >= 20, `${turns} turns`);
  assert.equal(read, parseSpec(documents));
});

test('a few lines that declare very many brokers are given up', async () => {
  assert.is((await readSpec(files(2, '0..99'), 200)).clusters.length, 2);
  const error = await failureOf(readSpec(files(3, '0..99'), 200));
  assert.instance(error, SpecError);
  assert.match((error as SpecError).message, 'more than 200 brokers');
});

test('so many requests wait and no more, and a bad one holds up no other', async () => {
  const outcomes = await Promise.all(
    Array.from({ length: maxWaiting + 1 }, (_, index) =>
      readSpec(index === 0 ? (undefined as never) : files(1)).then(
        ({ clusters }) => clusters.length,
        (error: unknown) => (error instanceof UnavailableError ? error.code : 'failed'),
      ),
    ),
  );
  assert.equal(outcomes, ['failed', ...Array(maxWaiting - 1).fill(1), 'KM_UNAVAILABLE_BUSY']);
  assert.is((await readSpec(files(1))).clusters.length, 1);
});

test.run();
