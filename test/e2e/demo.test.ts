/** `npm run demo` on a machine without a home, and the proof at its end: what it says is true of the topic. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { proveCluster } from '../../src/cli/demo.ts';
import { proveProduceConsume } from '../../src/kafka/prove.ts';
import { UnavailableError } from '../../src/model/errors.ts';
import { createWorld } from './harness.ts';
import { createTopic, readBack, withAdmin } from './writer.ts';

const test = suite('demo');
const world = createWorld('demo');
const proven = /^Proven: 100 records written to topic (\S+) with acks=all, read back in [\d.]+ s\.$/m;

test('from nothing to a proven cluster; the records that it speaks of are in the topic', async () => {
  const { code, stdout, stderr } = await world.run([], { program: 'demo.mjs', timeoutMs: 600_000 });
  assert.is(code, 0, `${stdout}\n${stderr}`);
  const topic = proven.exec(stdout)?.[1] ?? '';
  // Its consumer has Kafka make the topic of offsets, whose replicas want a moment to be in sync.
  const status = await world.until('demo', 'converged', (s) => s.phase === 'converged');
  assert.is(topic, status.topics[0]?.name);
  assert.match(stdout, `  ${status.bootstrap.join(',')}\n`);
  assert.match(stdout, `kill -9 ${status.brokers[1]?.jvmPid}\n`);
  // By another reader. Each run gives all its records one value.
  const values = await readBack(status.bootstrap, topic);
  assert.equal([values.length, new Set(values).size], [100, 1]);
  const { groups } = await withAdmin(status.bootstrap, (admin) => admin.listGroups());
  assert.equal(
    groups.filter(({ groupId }) => groupId.includes('prove')),
    [],
    'its group is removed again',
  );
});

test('again it finds everything there, and proves it with records of its own', async () => {
  const before = await world.status('demo');
  const { code, stdout } = await world.run([], { program: 'demo.mjs' });
  assert.is(code, 0);
  const topic = proven.exec(stdout)?.[1] ?? '';
  const values = await readBack(before.bootstrap, topic);
  assert.equal([values.length, new Set(values).size], [200, 2]);
  const after = await world.status('demo');
  assert.equal(
    after.brokers.map((b) => b.jvmPid),
    before.brokers.map((b) => b.jvmPid),
  );
});

test('records that Kafka refuses, and a topic that is not there, prove nothing', async () => {
  const { bootstrap } = await world.status('demo');
  const configEntries = [{ name: 'max.message.bytes', value: '1' }];
  await createTopic(bootstrap, { topic: 'tiny', numPartitions: 1, replicationFactor: 1, configEntries });
  for (const topic of ['tiny', 'nope']) {
    let failure: unknown;
    await proveProduceConsume({ bootstrap, topic, count: 1, timeoutMs: 15_000 }).catch((error: unknown) => {
      failure = error;
    });
    assert.instance(failure, UnavailableError, topic);
    assert.match((failure as UnavailableError).message, topic);
  }
});

test('without a scheduler the proof fails', async () => {
  await world.ok(['local', 'down']);
  process.env.KAFKA_MESOS_HOME = world.home;
  let failure: unknown;
  await proveCluster('demo').catch((error: unknown) => {
    failure = error;
  });
  assert.instance(failure, Error);
  assert.match((failure as Error).message, 'the scheduler does not run any more');
});

test.after(() => world.close());

test.run();
