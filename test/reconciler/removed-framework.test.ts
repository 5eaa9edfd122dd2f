/** Mesos removed the framework: nothing is begun anew without consent, and with it the data is gone on with. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UnavailableError } from '../../src/model/errors.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import { createMemoryStoreBackend, type MemoryStoreBackend } from '../../src/store/memory-store.ts';
import { makeKafka, makeOffer, reservedFor } from '../plan/builders.ts';
import { createHarness, type Harness, settle } from './harness.ts';
import { desired, running, serving, subscribed } from './stages.ts';

const removal = { kind: 'framework-removed', message: 'gone' } as const;
const code = 'KM_CONFLICT_FRAMEWORK_REMOVED';
const down = (): Error => new UnavailableError('KM_UNAVAILABLE_STORE', 'down');
const writes = ({ crossed }: Harness): readonly string[] => crossed.filter((c) => c.startsWith('write'));

/** A store whose three brokers served when Mesos removed their framework F. */
async function removed(): Promise<{
  readonly backend: MemoryStoreBackend;
  readonly before: readonly BrokerRecord[];
}> {
  const backend = createMemoryStoreBackend();
  const harness = await serving(createHarness(backend));
  const before = await brokersOf(harness);
  harness.reconciler.onMesosEvent(removal);
  await settle();
  await harness.reconciler.stop();
  return { backend, before };
}

async function brokersOf(harness: Harness): Promise<readonly BrokerRecord[]> {
  const records = await Promise.all([0, 1, 2].map((id) => harness.broker(id)));
  return records.flatMap((record) => record ?? []);
}

async function refused(harness: Harness, registerAnew?: string): Promise<void> {
  await harness.reconciler.start({ registerAnew }).then(
    () => assert.unreachable('it started'),
    (error) => {
      assert.is(error.code, code);
      assert.match(error.remedy, /once with --register-anew F$/);
    },
  );
  assert.equal(writes(harness), []);
}

test('the removal is stored, and the end names the way on', async () => {
  const harness = await serving();
  const before = await brokersOf(harness);
  harness.reconciler.onMesosEvent(removal);
  await settle();
  assert.is(harness.fatal[0]?.code, code);
  assert.match(harness.fatal[0]?.remedy ?? '', /once with --register-anew F$/);
  assert.equal(await harness.stored('framework'), {
    schema: 1,
    frameworkId: 'F',
    removed: { atMs: harness.clock.nowMs(), message: 'gone' },
  });
  assert.equal(await brokersOf(harness), before, 'without consent nothing else changes');
});

test('a removal that cannot be stored is told again', async () => {
  const backend = createMemoryStoreBackend();
  const harness = await serving(createHarness(backend));
  harness.onWrite = down;
  harness.reconciler.onMesosEvent(removal);
  await settle();
  assert.is(harness.fatal[0]?.code, code);
  assert.equal(await harness.stored('framework'), { schema: 1, frameworkId: 'F' });
  const next = createHarness(backend);
  await next.reconciler.start();
  assert.is(next.reconciler.frameworkId(), 'F', 'it asks as whom it was');
  next.reconciler.onMesosEvent(removal);
  await settle();
  assert.is(next.fatal[0]?.code, code);
  await refused(createHarness(backend));
});

test('whoever does not lead any more stores nothing of it', async () => {
  const backend = createMemoryStoreBackend();
  const harness = await serving(createHarness(backend));
  await backend.connect().claim();
  harness.reconciler.onMesosEvent(removal);
  await settle();
  assert.is(harness.fatal[0]?.code, 'KM_CONFLICT_FENCED');
  assert.equal(await harness.stored('framework'), { schema: 1, frameworkId: 'F' });
});

test('a teardown that was under way is no removal to go on after', async () => {
  const harness = await serving();
  await harness.reconciler.beginTeardown('ann');
  harness.reconciler.onMesosEvent(removal);
  await settle();
  assert.is(harness.fatal[0]?.code, code);
  assert.match(harness.fatal[0]?.remedy ?? '', /teardown was under way/);
  assert.equal(await harness.stored('framework'), {
    schema: 1,
    frameworkId: 'F',
    teardown: { atMs: harness.clock.nowMs(), author: 'ann' },
  });
});

test('without consent to just this it ends again, as often as it is started', async () => {
  const { backend, before } = await removed();
  await refused(createHarness(backend));
  await refused(createHarness(backend));
  await refused(createHarness(backend), 'F-0');
  assert.equal(await brokersOf(createHarness(backend)), before);
});

test('consent to what did not happen, or is over, changes nothing', async () => {
  const backend = createMemoryStoreBackend();
  const first = await serving(createHarness(backend));
  const before = await brokersOf(first);
  await first.reconciler.stop();
  const next = createHarness(backend);
  await next.reconciler.start({ registerAnew: 'F' });
  assert.is(next.reconciler.frameworkId(), 'F');
  assert.equal(await brokersOf(next), before);
  assert.equal(writes(next), []);
  const fresh = createHarness();
  await fresh.reconciler.start({ registerAnew: 'F' });
  assert.equal(writes(fresh), []);
});

test('with consent all tasks are former instances, stored before it subscribes as a new framework', async () => {
  const { backend, before } = await removed();
  const harness = createHarness(backend);
  harness.clock.advance(14 * 86_400_000);
  const nowMs = harness.clock.nowMs();
  await harness.reconciler.start({ registerAnew: 'F' });
  assert.is(harness.reconciler.frameworkId(), undefined);
  assert.is(harness.reconciler.removedFrameworkId(), 'F');
  for (const [id, record] of (await brokersOf(harness)).entries()) {
    const { task, ...kept } = before[id] ?? {};
    assert.equal(record, {
      ...kept,
      superseded: [{ taskId: task?.taskId, agentId: task?.agentId }],
      last: {
        taskId: task?.taskId,
        agentId: task?.agentId,
        state: 'TASK_LOST',
        message: 'Mesos removed its framework F',
        endedAtMs: nowMs,
        ordered: false,
        revision: task?.revision,
        startedWith: task?.startedWith,
      },
      stickyUntilMs: nowMs + (desired.brokers[id]?.stickinessPeriodMs ?? 0),
    });
  }
  harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F-2' });
  await settle();
  assert.equal(await harness.stored('framework'), { schema: 1, frameworkId: 'F-2' });
  assert.is(harness.reconciler.frameworkId(), 'F-2');
  assert.is(harness.reconciler.removedFrameworkId(), undefined);
});

test('a disk of which nobody heard whether it was formatted may be', async () => {
  const { backend } = await removed();
  const store = backend.connect();
  await store.claim();
  const path = 'clusters/demo/brokers/0';
  const stored = await store.read(path);
  await store.write(path, { ...(stored?.value as BrokerRecord), formatted: false }, stored?.version ?? 0);
  const harness = createHarness(backend);
  await harness.reconciler.start({ registerAnew: 'F' });
  assert.is((await harness.broker(0))?.mayBeFormatted, true);
});

test('whoever dies on the way begins again, with consent only', async () => {
  for (const dies of [1, 2, 3, 4]) {
    for (const how of ['not written', 'written'] as const) {
      const { backend, before } = await removed();
      let count = 0;
      const dying = createHarness(backend);
      dying.onWrite = () => {
        count += 1;
        if (count !== dies) return undefined;
        return how === 'written' ? 'lost' : down();
      };
      const started = await dying.reconciler.start({ registerAnew: 'F' }).then(
        () => true,
        (error) => {
          assert.is(error.code, 'KM_UNAVAILABLE_STORE');
          return false;
        },
      );
      assert.is(started, dies === 4, 'one write for each broker');
      if (started) {
        // It dies between the subscription and the record of it.
        dying.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F-2' });
        await settle();
        assert.is(count >= 4, true);
      }
      await dying.reconciler.stop();
      const isOver = started && how === 'written';
      if (!isOver) await refused(createHarness(backend));
      const next = createHarness(backend);
      await next.reconciler.start({ registerAnew: 'F' });
      assert.is(next.reconciler.frameworkId(), isOver ? 'F-2' : undefined);
      next.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: isOver ? 'F-2' : 'F-3' });
      await settle();
      assert.equal(await next.stored('framework'), { schema: 1, frameworkId: isOver ? 'F-2' : 'F-3' });
      for (const [id, record] of (await brokersOf(next)).entries()) {
        assert.is(record.task, undefined);
        assert.equal(
          record.superseded.map((s) => s.taskId),
          [before[id]?.task?.taskId],
        );
        assert.is(record.placement?.incarnation, before[id]?.placement?.incarnation);
      }
    }
  }
});

test('brokers start on the volumes that they had, and what they were is asked for until it is gone', async () => {
  const { backend, before } = await removed();
  const harness = createHarness(backend);
  await harness.reconciler.start({ registerAnew: 'F' });
  harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F-2' });
  await settle();
  const old = before.map(({ task }) => task?.taskId ?? '');
  const asked = harness.sent.flatMap((c) => (c.kind === 'reconcile-tasks' ? c.tasks : []));
  assert.equal(new Set(asked.map((t) => t.taskId)), new Set(old));
  // An agent that the master has: the new framework has no such task there. One that it has not heard of: it cannot say.
  await harness.update({ taskId: old[0] ?? '', state: 'TASK_GONE', agentId: 'agent-1' });
  await harness.update({ taskId: old[1] ?? '', state: 'TASK_UNKNOWN', agentId: 'agent-2' });
  assert.equal((await harness.broker(0))?.superseded, []);
  assert.is((await harness.broker(1))?.superseded.length, 1);
  harness.reconciler.onMesosEvent({
    kind: 'offers',
    offers: before.map(({ id, placement }) => {
      const broker = desired.brokers[id];
      if (broker === undefined || placement === undefined) throw new Error(`broker ${id} has no place`);
      return makeOffer(placement.agentId, {
        receivedAtMs: harness.clock.nowMs(),
        extra: reservedFor('demo', broker, placement),
      });
    }),
  });
  await settle();
  for (const [id, record] of (await brokersOf(harness)).entries()) {
    assert.equal(record.placement, before[id]?.placement, 'the same disk, agent and ports');
    assert.ok(record.task !== undefined && record.task.taskId !== old[id]);
  }
  const made = harness.sent.flatMap((c) => (c.kind === 'accept' ? c.operations.map((o) => o.kind) : []));
  assert.equal(made, ['launch', 'launch', 'launch'], 'nothing is reserved or made again');
});

test('an old instance that Kafka still serves keeps its successor from starting', async () => {
  const { backend, before } = await removed();
  const harness = createHarness(backend);
  await harness.reconciler.start({ registerAnew: 'F' });
  harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F-2' });
  const offerOf = (id: number, n: string) => {
    const [broker, placement] = [desired.brokers[id], before[id]?.placement];
    if (broker === undefined || placement === undefined) throw new Error(`broker ${id} has no place`);
    harness.reconciler.onMesosEvent({
      kind: 'offers',
      offers: [
        makeOffer(placement.agentId, {
          id: n,
          receivedAtMs: harness.clock.nowMs(),
          extra: reservedFor('demo', broker, placement),
        }),
      ],
    });
  };
  offerOf(0, 'a');
  await settle();
  const data = running('agent-1:31000');
  harness.kafka = makeKafka(desired);
  const taskId = (await harness.broker(0))?.task?.taskId ?? '';
  await harness.update({ taskId, state: 'TASK_RUNNING', agentId: 'agent-1', data, uuid: 'u' });
  harness.clock.advance(1_000);
  await settle();
  offerOf(1, 'b');
  await settle();
  assert.is((await harness.broker(1))?.task, undefined);
  const reasons = harness.reconciler.statuses()[0]?.held.map((h) => JSON.stringify(h));
  assert.match(String(reasons), 'waiting for Kafka to miss its former instance');
  const kafka = makeKafka(desired);
  harness.kafka = { ...kafka, brokers: kafka.brokers.map((b) => ({ ...b, fenced: b.id !== 0 })) };
  harness.clock.advance(1_000);
  await settle();
  offerOf(1, 'c');
  await settle();
  assert.is((await harness.broker(1))?.placement?.incarnation, before[1]?.placement?.incarnation);
  assert.ok((await harness.broker(1))?.task !== undefined);
});

test('a framework without brokers is left in the same way', async () => {
  const backend = createMemoryStoreBackend();
  const first = await subscribed(createHarness(backend));
  first.reconciler.onMesosEvent(removal);
  await settle();
  await first.reconciler.stop();
  await refused(createHarness(backend));
  const next = createHarness(backend);
  await next.reconciler.start({ registerAnew: 'F' });
  assert.is(next.reconciler.frameworkId(), undefined);
});

test.run();
