/** A plan that was looked at is applied as it was, or not at all; and it says what came between. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterPlan } from '../../src/model/api.ts';
import { ConflictError } from '../../src/model/errors.ts';
import { requirePlans } from '../../src/reconciler/plan-check.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { makeBroker, makeDesired, makeKafka, makeLagging } from '../plan/builders.ts';
import { createHarness, type Harness, settle } from './harness.ts';
import { desired, digest, serving, taskOf } from './stages.ts';

const wanted = makeDesired({ brokers: [0, 1, 2].map((id) => makeBroker(id, { heapMiB: 600 })) });

function indexes({ reconciler }: Harness): Readonly<Record<string, string>> {
  return Object.fromEntries(reconciler.preview([wanted]).map(({ name, index = '' }) => [name, index]));
}

async function refusal(harness: Harness, expected: Readonly<Record<string, string>>): Promise<ConflictError> {
  const before = harness.reconciler.spec('demo')?.revision;
  const applied = harness.reconciler.apply(
    [{ desired: wanted, digest: 'd2' }],
    'ann',
    {},
    { kind: 'command' },
    expected,
  );
  const error = await applied.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, ConflictError);
  assert.is((error as ConflictError).code, 'KM_CONFLICT_PLAN');
  assert.is(harness.reconciler.spec('demo')?.revision, before, 'nothing is stored');
  return error as ConflictError;
}

async function served(): Promise<Harness> {
  const harness = await serving();
  harness.clock.advance(1_000);
  await settle();
  return harness;
}

test('a plan of a world that stands still is applied, whenever', async () => {
  const harness = await served();
  const expected = indexes(harness);
  for (let i = 0; i < 20; i += 1) {
    harness.clock.advance(1_000);
    await settle();
    assert.equal(indexes(harness), expected, `after ${i + 1} s`);
  }
  const [applied] = await harness.reconciler.apply(
    [{ desired: wanted, digest: 'd2' }],
    'ann',
    { demo: 1 },
    { kind: 'command' },
    expected,
  );
  assert.equal(applied, { name: 'demo', revision: 2, changed: true });
});

test('a broker that ended meanwhile is named', async () => {
  const harness = await served();
  const expected = indexes(harness);
  await harness.update({
    taskId: await taskOf(harness, 2),
    state: 'TASK_FAILED',
    agentId: 'agent-3',
    uuid: 'x',
  });
  const { message } = await refusal(harness, expected);
  assert.match(message, /^the plan is out of date; cluster demo: broker 2 is \w+ now/);
});

test('a revision that came between is named with who applied it', async () => {
  const harness = await served();
  const expected = indexes(harness);
  await harness.reconciler.apply([{ desired: makeDesired({ labels: { a: 'b' } }), digest: 'd3' }], 'bob');
  await settle();
  assert.match((await refusal(harness, expected)).message, 'revision 2 was applied by bob');
});

test('a plan that is refused has nothing read again: nothing was written', async () => {
  const backend = createMemoryStoreBackend();
  const harness = await serving(createHarness(backend));
  const stored = harness.reconciler.spec('demo');
  await refusal(harness, { demo: 'revision=0' });
  await settle();
  assert.is(harness.reconciler.spec('demo'), stored, 'the same record, not one that was read');
});

test('a replica that was lost is named', async () => {
  const harness = await served();
  const topics = [{ name: 'events', partitions: 4, replicationFactor: 3, config: {} }];
  const kafka = makeKafka(makeDesired({ topics }));
  harness.kafka = kafka;
  harness.clock.advance(31_000);
  await settle();
  const expected = indexes(harness);
  harness.kafka = makeLagging(kafka, 3);
  harness.clock.advance(31_000);
  await settle();
  assert.match((await refusal(harness, expected)).message, 'events-3 has 2 of 3 replicas in sync');
});

test('a cluster that the files do not have is refused', async () => {
  const harness = await served();
  assert.match(
    (await refusal(harness, { ...indexes(harness), other: 'x=1' })).message,
    'cluster other: the spec files do not have it',
  );
});

test('a cluster of the files that the plan does not name is refused, whatever the others are', () => {
  const expected = { demo: 'x=1' };
  const planOf = (name: string) => ({ name, index: 'x=1' }) as ClusterPlan;
  const check = (...plans: readonly ClusterPlan[]) =>
    requirePlans(expected, { stored: [], plans, statuses: () => [], kafka: new Map() });
  check(planOf('demo'));
  for (const plans of [
    [planOf('demo'), planOf('orders')],
    [{ ...planOf('demo'), index: 'x=2' }, planOf('orders')],
    // An object has such properties of its own accord.
    [planOf('demo'), planOf('constructor')],
  ]) {
    try {
      check(...plans);
      assert.unreachable('it was let through');
    } catch (error) {
      assert.instance(error, ConflictError);
      assert.is((error as ConflictError).code, 'KM_CONFLICT_PLAN');
      const { name } = plans[1] ?? {};
      assert.is(
        (error as ConflictError).message,
        `the spec files have cluster ${name}, of which the plan says nothing`,
      );
      assert.match((error as ConflictError).remedy ?? '', 'plan again with all of these files');
    }
  }
});

test('a new leader comes to the same index once it has asked Kafka', async () => {
  const backend = createMemoryStoreBackend();
  const first = await serving(createHarness(backend));
  first.clock.advance(1_000);
  await settle();
  const expected = indexes(first);
  const second = createHarness(backend);
  await second.reconciler.start();
  const early = await refusal(second, expected);
  assert.match(early.message, 'the scheduler does not know just now what Kafka says');
  assert.match(early.remedy ?? '', 'try it again in a moment');
  second.kafka = makeKafka(desired);
  second.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  await settle();
  second.clock.advance(2_000);
  await settle();
  assert.equal(indexes(second), expected);
  assert.is(second.reconciler.spec('demo')?.digest, digest);
});

test.run();
