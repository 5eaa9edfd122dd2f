/** After a takeover: what the records say was set in Kafka is compared with what Kafka has, once. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UnavailableError } from '../../src/model/errors.ts';
import type { ConfigEntry, ConfigResource } from '../../src/model/kafka.ts';
import { createMemoryStoreBackend, type MemoryStoreBackend } from '../../src/store/memory-store.ts';
import { makeBroker, makeDesired, makeKafka } from '../plan/builders.ts';
import { createHarness, type Harness, settle } from './harness.ts';
import { running, serving, taskOf } from './stages.ts';

const changed = makeDesired({
  brokers: [0, 1, 2].map((id) =>
    makeBroker(id, {
      config: { 'min.insync.replicas': '2', ...(id === 1 ? { 'num.io.threads': '9' } : {}) },
    }),
  ),
});
const asSet = (resource: ConfigResource): readonly ConfigEntry[] => {
  const entry = (name: string, value: string): ConfigEntry => ({ name, value, source: 'dynamic' });
  if (resource.kind === 'cluster') return [entry('min.insync.replicas', '2')];
  return resource.kind === 'broker' && resource.id === 1 ? [entry('num.io.threads', '9')] : [];
};

async function seconds(harness: Harness, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    harness.clock.advance(1_000);
    await settle();
  }
}

/** What an earlier scheduler set, and wrote down. */
async function configured(): Promise<MemoryStoreBackend> {
  const backend = createMemoryStoreBackend();
  const harness = await serving(createHarness(backend));
  harness.configs = asSet;
  await seconds(harness, 3);
  await harness.reconciler.apply([{ desired: changed, digest: 'd2' }], 'ann');
  harness.configs = () => [];
  await seconds(harness, 3);
  assert.is((await harness.broker(1))?.dynamicConfig?.['num.io.threads']?.applied, true);
  assert.ok(harness.crossed.some((c) => c.startsWith('alter {"kind":"cluster"}')));
  await harness.reconciler.stop();
  return backend;
}

async function takeOver(backend: MemoryStoreBackend, configs: Harness['configs']): Promise<Harness> {
  const next = createHarness(backend);
  next.configs = configs;
  next.kafka = makeKafka(changed);
  await next.reconciler.start();
  next.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  for (const id of [0, 1, 2]) {
    await next.update({
      taskId: await taskOf(next, id),
      state: 'TASK_RUNNING',
      agentId: `agent-${id + 1}`,
      data: running(`agent-${id + 1}:31000`),
    });
  }
  await seconds(next, 5);
  return next;
}

const altered = ({ crossed }: Harness): readonly string[] => crossed.filter((c) => c.startsWith('alter'));

test('where Kafka has all of it nothing is sent, and it is asked once', async () => {
  const next = await takeOver(await configured(), asSet);
  await seconds(next, 60);
  assert.equal(altered(next), []);
  assert.equal(next.described.slice().sort(), ['{"kind":"broker","id":1}', '{"kind":"cluster"}']);
});

test('what Kafka does not have as recorded is sent again, once, whoever undid it', async () => {
  const undone = (resource: ConfigResource): readonly ConfigEntry[] =>
    resource.kind === 'cluster'
      ? [{ name: 'min.insync.replicas', value: '1', source: 'dynamic' }]
      : [{ name: 'num.io.threads', value: '8', source: 'static' }];
  const next = await takeOver(await configured(), undone);
  assert.equal(altered(next).toSorted(), [
    'alter {"kind":"broker","id":1} {"num.io.threads":"9"}',
    'alter {"kind":"cluster"} {"min.insync.replicas":"2"}',
  ]);
  assert.is((await next.broker(1))?.dynamicConfig?.['num.io.threads']?.applied, true);
  // Kafka that goes on to answer otherwise is not fought over.
  await seconds(next, 60);
  assert.is(altered(next).length, 2);
});

test('a Kafka that could not be asked is asked again', async () => {
  let failures = 2;
  const next = await takeOver(await configured(), (resource) => {
    if (failures > 0) {
      failures -= 1;
      throw new UnavailableError('KM_UNAVAILABLE_KAFKA', 'no broker answers');
    }
    return resource.kind === 'cluster' ? asSet(resource) : [];
  });
  assert.equal(altered(next), ['alter {"kind":"broker","id":1} {"num.io.threads":"9"}']);
});

test.run();
