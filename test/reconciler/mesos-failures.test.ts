/** The loop under what Mesos does to tasks and answers; the numbers are those of test/correctness.ts. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KafkaMesosError } from '../../src/model/errors.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import {
  makeBroker,
  makeCluster,
  makeDesired,
  makeKafka,
  makeOffer,
  makeRecord,
  makeSpec,
  reservedFor,
} from '../plan/builders.ts';
import { createHarness, settle, unknownOutcome } from './harness.ts';
import { desired, serving, taskOf } from './stages.ts';

test('an hour of silence on reconciliation: nothing is killed or started, each question names the agent', async () => {
  const harness = await serving();
  harness.reconciler.onMesosEvent({ kind: 'disconnected' });
  harness.kafka = undefined;
  harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  await settle();
  const from = harness.sent.length;
  const asked: number[] = [];
  const startMs = harness.clock.nowMs();
  while (harness.clock.nowMs() - startMs < 3_600_000) {
    const before = harness.sent.length;
    harness.clock.advance(Math.max(1, Math.min(...harness.clock.pending())));
    await settle();
    const news = harness.sent.slice(before);
    if (news.some((c) => c.kind === 'reconcile-tasks' && c.tasks.length > 0))
      asked.push(harness.clock.nowMs());
  }
  const calls = harness.sent.slice(from);
  assert.not(calls.some((c) => c.kind === 'kill' || c.kind === 'accept'));
  for (const call of calls)
    if (call.kind === 'reconcile-tasks') assert.ok(call.tasks.every((t) => t.agentId !== undefined));
  const gaps = asked.slice(1).map((at, i) => at - (asked[i] ?? 0));
  assert.ok(Math.max(...gaps) <= 61_000 && asked.length >= 55, `${asked.length}: ${gaps.slice(0, 10)}`);
  assert.ok((gaps[1] ?? 0) < (gaps[4] ?? 0), 'the waits grow');
  for (const id of [0, 1, 2]) assert.is((await harness.broker(id))?.launches, 1);
});

test('a replaced instance that comes back is killed at once, until it ends', async () => {
  const harness = await serving();
  const record = await harness.broker(1);
  const old = record?.task?.taskId ?? '';
  // Its volume is offered elsewhere: the old instance does not use it, and a new one is launched.
  await harness.update({ taskId: old, state: 'TASK_UNREACHABLE', agentId: 'agent-2' });
  const [placed] = [record?.placement];
  if (record === undefined || placed === undefined) throw new Error('broker 1 has no place');
  const broker = desired.brokers[1];
  if (broker === undefined) throw new Error('no broker 1');
  harness.reconciler.onMesosEvent({
    kind: 'offers',
    offers: [
      makeOffer('agent-2b', {
        hostname: 'agent-2',
        extra: reservedFor('demo', broker, placed),
        receivedAtMs: harness.clock.nowMs(),
      }),
    ],
  });
  await settle();
  assert.equal(
    (await harness.broker(1))?.superseded.map((s) => s.taskId),
    [old],
  );
  assert.not(harness.sent.some((c) => c.kind === 'kill'));
  await harness.update({
    taskId: old,
    state: 'TASK_RUNNING',
    agentId: 'agent-2',
    reason: 'AGENT_REREGISTERED',
  });
  const kills = () => harness.sent.flatMap((c) => (c.kind === 'kill' ? [`${c.taskId} on ${c.agentId}`] : []));
  assert.equal(kills(), [`${old} on agent-2`]);
  harness.clock.advance(5_000);
  await settle();
  assert.equal(kills(), [`${old} on agent-2`, `${old} on agent-2`], 'again until it ends');
  await harness.update({ taskId: old, state: 'TASK_KILLED', agentId: 'agent-2', uuid: 'u' });
  harness.clock.advance(60_000);
  await settle();
  assert.is(kills().length, 2);
  assert.equal((await harness.broker(1))?.superseded, []);
});

test('tasks of unreachable agents are asked about by name now and then: all of them leaves them out', async () => {
  const harness = await serving();
  const taskId = await taskOf(harness, 1);
  await harness.update({ taskId, state: 'TASK_UNREACHABLE', agentId: 'agent-2' });
  harness.sent.length = 0;
  harness.clock.advance(15 * 60_000);
  await settle();
  const asked = harness.sent.flatMap((c) => (c.kind === 'reconcile-tasks' ? [c.tasks] : []));
  assert.equal(asked, [[], [{ taskId, agentId: 'agent-2' }]]);
  await harness.update({ taskId, state: 'TASK_GONE_BY_OPERATOR', agentId: 'agent-2' });
  assert.is((await harness.broker(1))?.last?.state, 'TASK_GONE_BY_OPERATOR');
});

for (const [state, left] of [
  ['TASK_GONE', 'none'],
  ['TASK_UNKNOWN', 'unreachable'],
] as const) {
  test(`a KILL that is answered by ${state} is not sent again: ${left} is left to stop`, async () => {
    const harness = await serving();
    const stopped = makeDesired({
      brokers: desired.brokers.map((b) => (b.id === 2 ? { ...b, state: 'stopped' } : b)),
    });
    await harness.reconciler.apply([{ desired: stopped, digest: 'd2' }], 'ann');
    for (let i = 0; i < 3; i += 1) {
      // A broker is stopped on a reading of Kafka that is newer than the last change.
      await settle();
      harness.clock.advance(1_000);
    }
    await settle();
    const kills = (): number => harness.sent.filter((c) => c.kind === 'kill').length;
    assert.is(kills(), 1);
    await harness.update({
      taskId: await taskOf(harness, 2),
      state,
      agentId: 'agent-3',
      reason: 'RECONCILIATION',
    });
    for (let i = 0; i < 30; i += 1) {
      harness.clock.advance(60_000);
      await settle();
    }
    assert.is(kills(), 1);
    assert.is((await harness.broker(2))?.launches, 1);
  });
}

test('an instance that was replaced is a task too: without the framework id it refuses to start', async () => {
  const backend = createMemoryStoreBackend();
  const store = backend.connect();
  await store.claim();
  const [broker] = desired.brokers;
  if (broker === undefined) throw new Error('no broker 0');
  const { task, ...rest } = makeRecord(desired, broker);
  await store.write('clusters/demo/spec', makeSpec(desired), 0);
  await store.write('clusters/demo/cluster', makeCluster(desired), 0);
  const superseded = [{ taskId: task?.taskId ?? '', agentId: 'agent-1' }];
  await store.write('clusters/demo/brokers/0', { ...rest, superseded }, 0);
  const code = await createHarness(backend)
    .reconciler.start()
    .then(
      () => 'started',
      (error: KafkaMesosError) => error.code,
    );
  assert.is(code, 'KM_CONFLICT_FRAMEWORK_LOST');
});

test('offers refused while a broker waited for its agent come again when it may go elsewhere', async () => {
  const harness = await serving();
  const broker = makeBroker(3, { roles: ['broker'] });
  const wider = makeDesired({ brokers: [...desired.brokers, broker] });
  await harness.reconciler.apply([{ desired: wider, digest: 'd2' }], 'ann');
  const offer = (agentId: string, id: string) =>
    harness.reconciler.onMesosEvent({
      kind: 'offers',
      offers: [makeOffer(agentId, { id, receivedAtMs: harness.clock.nowMs() })],
    });
  const count = (kind: string): number => harness.sent.filter((c) => c.kind === kind).length;
  offer('agent-4', 'o1');
  await settle();
  const taskId = await taskOf(harness, 3);
  const data = JSON.stringify({ protocol: 1, phase: 'serving', formatted: true, endpoint: 'agent-4:31000' });
  await harness.update({ taskId, state: 'TASK_RUNNING', agentId: 'agent-4', data, uuid: 'u3' });
  const kafka = makeKafka(wider);
  harness.kafka = { ...kafka, brokers: kafka.brokers.map((b) => ({ ...b, fenced: b.id === 3 })) };
  await harness.update({ taskId, state: 'TASK_UNREACHABLE', agentId: 'agent-4' });
  const revives = count('revive');
  offer('agent-9', 'o2');
  await settle();
  const refusal = harness.sent.findLast((c) => c.kind === 'decline');
  assert.ok(refusal?.kind === 'decline' && refusal.offerIds.includes('o2') && refusal.refuseSeconds >= 600);
  let passedMs = 0;
  while (count('revive') === revives && passedMs < broker.stickinessPeriodMs + 5_000) {
    harness.clock.advance(1_000);
    await settle();
    passedMs += 1_000;
  }
  assert.ok(
    passedMs >= broker.stickinessPeriodMs - 1_000,
    `nothing new waits inside the period: ${passedMs}`,
  );
  assert.is(count('revive'), revives + 1);
  offer('agent-9', 'o3');
  await settle();
  assert.is((await harness.broker(3))?.task?.agentId, 'agent-9');
});

test('why a broker is not placed is told after the offers were given back', async () => {
  const harness = await serving();
  const wider = makeDesired({ brokers: [...desired.brokers, makeBroker(3, { roles: ['broker'] })] });
  await harness.reconciler.apply([{ desired: wider, digest: 'd2' }], 'ann');
  const small = makeOffer('agent-9', { cpus: 0.5, receivedAtMs: harness.clock.nowMs() });
  harness.reconciler.onMesosEvent({ kind: 'offers', offers: [small] });
  await settle();
  for (let i = 0; i < 5; i += 1) {
    harness.clock.advance(5_000);
    await settle();
    const held = harness.reconciler.statuses()[0]?.held.find((h) => h.brokerId === 3);
    assert.equal(held?.details, ['agent-9: cpus 0.5 of 1.1']);
  }
  assert.ok(harness.sent.some((c) => c.kind === 'decline' && c.offerIds.includes(small.id)));
});

test('times from the future that an earlier life wrote down are bounded before anything is decided', async () => {
  const backend = createMemoryStoreBackend();
  const first = await serving(createHarness(backend));
  await first.update({ taskId: await taskOf(first, 1), state: 'TASK_FAILED', agentId: 'agent-2' });
  const record = await first.broker(1);
  if (record === undefined) throw new Error('no broker 1');
  const store = backend.connect();
  const { version } = (await store.read('clusters/demo/brokers/1')) ?? { version: 0 };
  const aheadMs = first.clock.nowMs() + 5 * 3_600_000;
  await store.claim();
  await store.write('clusters/demo/brokers/1', { ...record, stickyUntilMs: aheadMs }, version);
  const next = createHarness(backend);
  await next.reconciler.start();
  const period = desired.brokers[1]?.stickinessPeriodMs ?? 0;
  assert.is((await next.broker(1))?.stickyUntilMs, next.clock.nowMs() + period);
});

test('a deletion that was taken back after its kills were stored: nothing is killed, and nothing waits for ever', async () => {
  const backend = createMemoryStoreBackend();
  const first = await serving(createHarness(backend));
  const store = backend.connect();
  await store.claim();
  for (const id of [0, 1, 2]) {
    const path = `clusters/demo/brokers/${id}`;
    const { version, value } = (await store.read(path)) ?? { version: 0, value: undefined };
    const record = value as BrokerRecord;
    const kill = { cause: 'removed', detail: 'the cluster is removed', atMs: first.clock.nowMs() } as const;
    await store.write(path, { ...record, ...(record.task && { task: { ...record.task, kill } }) }, version);
  }
  const next = createHarness(backend);
  next.kafka = makeKafka(desired);
  await next.reconciler.start();
  next.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  for (const id of [0, 1, 2]) {
    await next.update({ taskId: await taskOf(next, id), state: 'TASK_RUNNING', agentId: `agent-${id + 1}` });
  }
  const seconds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      next.clock.advance(1_000);
      await settle();
    }
  };
  await seconds(120);
  assert.equal(
    (await next.broker(1))?.task?.kill?.cause,
    'removed',
    'a KILL of the earlier one may still come',
  );
  await seconds(60);
  for (const id of [0, 1, 2]) assert.is((await next.broker(id))?.task?.kill, undefined);
  assert.equal(
    next.sent.filter((c) => c.kind === 'kill'),
    [],
  );
  assert.is(next.reconciler.statuses()[0]?.phase, 'converged');
});

test('of a subscription that is not stored no operation is acknowledged either', async () => {
  const harness = await serving();
  harness.reconciler.onMesosEvent({ kind: 'disconnected' });
  await settle();
  harness.onWrite = () => unknownOutcome();
  harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  const update = { operationId: 'unreserve.i0.loyw3v28', state: 'finished', agentId: 'agent-1' } as const;
  harness.reconciler.onMesosEvent({ kind: 'operation', update: { ...update, uuid: 'dQ==' } });
  await settle();
  assert.equal(
    harness.sent.filter((c) => c.kind === 'acknowledge-operation'),
    [],
  );
});

test('the end of an operation is acknowledged, and stored nowhere', async () => {
  const harness = await serving();
  harness.crossed.length = 0;
  const update = { operationId: 'unreserve.i0.loyw3v28', state: 'finished', agentId: 'agent-1' } as const;
  // One that the master made up has no uuid, and wants no acknowledgement.
  harness.reconciler.onMesosEvent({ kind: 'operation', update });
  harness.reconciler.onMesosEvent({ kind: 'operation', update: { ...update, uuid: 'dQ==' } });
  await settle();
  assert.equal(
    harness.sent.filter((c) => c.kind === 'acknowledge-operation'),
    [
      {
        kind: 'acknowledge-operation',
        operationId: 'unreserve.i0.loyw3v28',
        agentId: 'agent-1',
        uuid: 'dQ==',
      },
    ],
  );
  assert.not(
    harness.crossed.some((c) => c.startsWith('write')),
    harness.crossed.join(),
  );
});

test.run();
