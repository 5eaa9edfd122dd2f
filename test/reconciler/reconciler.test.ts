import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConflictError, UnavailableError } from '../../src/model/errors.ts';
import type { MesosCall } from '../../src/model/mesos.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { makeCluster, makeDesired, makeOffer, makeRecord, makeSpec } from '../plan/builders.ts';
import { createHarness, settle, unknownOutcome } from './harness.ts';
import { desired, digest, launched, running, serving, subscribed, taskOf } from './stages.ts';

test('a step’s intent is durable before its call is sent, voters before all', async () => {
  const { crossed } = await launched();
  const launches = crossed.filter((c) => !/reconcile|suppress|revive|decline/.test(c));
  assert.equal(launches, [
    'write framework',
    'write clusters/demo/spec',
    'write clusters/demo/revisions/1',
    'write clusters/demo/cluster',
    'write clusters/demo/brokers/0',
    'send accept',
    'write clusters/demo/brokers/1',
    'send accept',
    'write clusters/demo/brokers/2',
    'send accept',
  ]);
});

test('an intent that could not be stored is not sent; the next pass tries anew', async () => {
  const harness = await subscribed();
  harness.onWrite = (path) =>
    path.endsWith('brokers/0') ? new UnavailableError('KM_UNAVAILABLE_STORE', 'down') : undefined;
  await harness.reconciler.apply([{ desired, digest }], 'ann');
  harness.reconciler.onMesosEvent({
    kind: 'offers',
    offers: [1, 2, 3].map((n) => makeOffer(`agent-${n}`, { receivedAtMs: harness.clock.nowMs() })),
  });
  await settle();
  assert.not(harness.sent.some((c) => c.kind === 'accept'));
  harness.onWrite = () => undefined;
  harness.clock.advance(1_000);
  await settle();
  assert.is(harness.sent.filter((c) => c.kind === 'accept').length, 3);
  assert.equal(harness.fatal, []);
});

test('a write whose answer was lost is read again, neither repeated blindly nor taken for failed', async () => {
  const harness = await subscribed();
  let lost = 0;
  harness.onWrite = (path) => {
    if (!path.endsWith('brokers/0') || lost > 0) return undefined;
    lost += 1;
    return 'lost';
  };
  await launched(harness);
  harness.clock.advance(1_000);
  await settle();
  const record = await harness.broker(0);
  assert.is(record?.launches, 1, 'the stored launch counts, though its ACCEPT was never sent');
  assert.is(harness.crossed.filter((c) => c === 'write clusters/demo/brokers/0').length, 1);
  // Nothing comes of it: it is asked about by name, and only a terminal answer brings a new task.
  harness.clock.advance(31_000);
  await settle();
  const asked = harness.sent.filter((c) => c.kind === 'reconcile-tasks' && c.tasks.length > 0).at(-1);
  assert.ok(asked?.kind === 'reconcile-tasks' && asked.tasks.some((t) => t.taskId === record?.task?.taskId));
  await harness.update({ taskId: record?.task?.taskId ?? '', state: 'TASK_GONE' });
  harness.reconciler.onMesosEvent({ kind: 'offers', offers: [makeOffer('agent-1', { id: 'again' })] });
  await settle();
  assert.is((await harness.broker(0))?.launches, 2);
  assert.is.not(await taskOf(harness, 0), record?.task?.taskId);
});

test('a call that was lost is not repeated from where it failed', async () => {
  const harness = createHarness();
  harness.onSend = (call) =>
    call.kind === 'accept'
      ? new UnavailableError('KM_UNAVAILABLE_MASTER_CALL', 'lost', { outcome: 'unknown' })
      : undefined;
  await launched(harness);
  harness.clock.advance(5_000);
  await settle();
  assert.is((await harness.broker(0))?.launches, 1);
});

test('an update is stored, then acknowledged', async () => {
  const harness = await launched();
  harness.crossed.length = 0;
  await harness.update({
    taskId: await taskOf(harness, 0),
    state: 'TASK_STARTING',
    agentId: 'agent-1',
    uuid: 'u',
  });
  assert.equal(harness.crossed.slice(0, 2), ['write clusters/demo/brokers/0', 'send acknowledge']);
});

test('an update that could not be stored is not acknowledged; it comes again and is', async () => {
  const harness = await launched();
  harness.onWrite = () => new UnavailableError('KM_UNAVAILABLE_STORE', 'down');
  const update = {
    taskId: await taskOf(harness, 0),
    state: 'TASK_STARTING' as const,
    agentId: 'agent-1',
    uuid: 'u',
  };
  await harness.update(update);
  assert.not(harness.sent.some((c) => c.kind === 'acknowledge'));
  harness.onWrite = () => undefined;
  await harness.update(update);
  assert.is(harness.sent.filter((c) => c.kind === 'acknowledge').length, 1);
  assert.is((await harness.broker(0))?.task?.state, 'TASK_STARTING');
});

test('an update stored though its answer was lost: memory is read again, the repeat is acknowledged', async () => {
  const harness = await launched();
  let lost = false;
  harness.onWrite = (path) => {
    if (lost || !path.includes('brokers')) return undefined;
    lost = true;
    return 'lost';
  };
  const update = {
    taskId: await taskOf(harness, 0),
    state: 'TASK_STARTING' as const,
    agentId: 'agent-1',
    uuid: 'u',
  };
  await harness.update(update);
  assert.not(harness.sent.some((c) => c.kind === 'acknowledge'));
  await harness.update(update);
  assert.ok(harness.sent.some((c) => c.kind === 'acknowledge'));
  assert.equal(harness.fatal, []);
});

test('updates of unknown tasks that carry a uuid are acknowledged too, those without are not', async () => {
  const harness = await launched();
  await harness.update({ taskId: 'unheard-of', state: 'TASK_FAILED', agentId: 'a', uuid: 'u' });
  await harness.update({ taskId: 'unheard-of', state: 'TASK_FAILED', agentId: 'a' });
  assert.equal(
    harness.sent.filter((c) => c.kind === 'acknowledge'),
    [{ kind: 'acknowledge', taskId: 'unheard-of', agentId: 'a', uuid: 'u' }] satisfies MesosCall[],
  );
});

test('a repeated update writes nothing', async () => {
  const harness = await serving();
  harness.crossed.length = 0;
  await harness.update({
    taskId: await taskOf(harness, 0),
    state: 'TASK_RUNNING',
    agentId: 'agent-1',
    data: running('agent-1:31000'),
    uuid: 'u0',
  });
  assert.equal(
    harness.crossed.filter((c) => c.startsWith('write')),
    [],
  );
  assert.ok(harness.crossed.includes('send acknowledge'));
});

test('a live task of before what its record knows is killed, again with backoff until it ends', async () => {
  const harness = await serving();
  const kills = (): number => harness.sent.filter((c) => c.kind === 'kill').length;
  await harness.update({ taskId: 'demo.0.0.old', state: 'TASK_RUNNING', agentId: 'agent-9' });
  assert.is(kills(), 1);
  harness.clock.advance(4_999);
  await settle();
  assert.is(kills(), 1);
  harness.clock.advance(1);
  await settle();
  assert.is(kills(), 2);
  await harness.update({ taskId: 'demo.0.0.old', state: 'TASK_KILLED', agentId: 'agent-9' });
  harness.clock.advance(120_000);
  await settle();
  assert.is(kills(), 2);
});

test('a live task of after what its record knows is left alone, and so is its cluster: the store is older', async () => {
  const harness = await serving();
  harness.sent.length = 0;
  await harness.update({ taskId: 'demo.0.2.new', state: 'TASK_RUNNING', agentId: 'agent-9' });
  await harness.update({ taskId: 'other.0.1.new', state: 'TASK_RUNNING', agentId: 'agent-9' });
  await harness.update({ taskId: await taskOf(harness, 1), state: 'TASK_FAILED', agentId: 'agent-2' });
  harness.clock.advance(600_000);
  await settle();
  assert.equal(
    harness.sent.filter((c) => c.kind === 'kill' || c.kind === 'accept'),
    [],
  );
  const reasons = harness.reconciler.statuses()[0]?.held.map((h) => h.reason);
  assert.ok(reasons?.includes('store-outdated'), String(reasons));
  assert.equal(
    harness.reconciler.counters().orphans.map((h) => h.need),
    ['own task other.0.1.new'],
  );
});

test('a lost KILL is sent again when it is due, and not while Kafka cannot say what it would do', async () => {
  const harness = await serving();
  const stopped = makeDesired({
    brokers: desired.brokers.map((b) => (b.id === 2 ? { ...b, state: 'stopped' as const } : b)),
  });
  await harness.reconciler.apply([{ desired: stopped, digest: 'd2' }], 'ann');
  await settle();
  // The reading must be younger than the last change.
  for (let i = 0; i < 3; i += 1) {
    harness.clock.advance(1_000);
    await settle();
  }
  const kills = (): number => harness.sent.filter((c) => c.kind === 'kill').length;
  assert.is(kills(), 1);
  const kafka = harness.kafka;
  harness.kafka = undefined;
  harness.clock.advance(5_000);
  await settle();
  assert.is(kills(), 1);
  harness.kafka = kafka;
  const before = harness.crossed.length;
  const heard = (): number => harness.reconciler.statuses()[0]?.events.length ?? 0;
  const heardBefore = heard();
  for (let i = 0; i < 3; i += 1) {
    harness.clock.advance(1_000);
    await settle();
  }
  assert.is(kills(), 2);
  assert.not.match(harness.crossed.slice(before).join(), 'write', 'the order is stored already');
  assert.is(heard(), heardBefore, 'and no news');
});

test('fenced, and noticed by an apply: that is fatal too, nothing more is sent', async () => {
  const backend = createMemoryStoreBackend();
  const harness = await subscribed(createHarness(backend));
  await backend.connect().claim();
  harness.sent.length = 0;
  await harness.reconciler.apply([{ desired, digest }], 'ann').then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'KM_CONFLICT_FENCED'),
  );
  harness.reconciler.onMesosEvent({ kind: 'offers', offers: [makeOffer('agent-1')] });
  await settle();
  assert.is(harness.fatal[0]?.code, 'KM_CONFLICT_FENCED');
  assert.equal(harness.sent, []);
});

test('fenced while it works: nothing more is sent, and it is fatal', async () => {
  const backend = createMemoryStoreBackend();
  const harness = await launched(createHarness(backend));
  await backend.connect().claim();
  harness.sent.length = 0;
  await harness.update({
    taskId: await taskOf(harness, 0),
    state: 'TASK_FAILED',
    agentId: 'agent-1',
    uuid: 'u',
  });
  assert.equal(harness.sent, []);
  assert.is(harness.fatal[0]?.code, 'KM_CONFLICT_FENCED');
  harness.reconciler.onMesosEvent({ kind: 'offers', offers: [makeOffer('agent-1')] });
  await settle();
  assert.equal(harness.sent, []);
});

test('fenced, and subscribed again: not even what it does not know is acknowledged', async () => {
  const backend = createMemoryStoreBackend();
  const harness = await launched(createHarness(backend));
  // Without an election nothing but the store tells that another one has taken over, and started tasks.
  await backend.connect().claim();
  harness.reconciler.onMesosEvent({ kind: 'disconnected' });
  await settle();
  harness.sent.length = 0;
  harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  await harness.update({
    taskId: 'demo.7.1.x',
    state: 'TASK_STARTING',
    agentId: 'agent-1',
    uuid: 'u',
  });
  assert.equal(harness.sent, []);
  assert.is(harness.fatal[0]?.code, 'KM_CONFLICT_FENCED');
});

test('a subscription that cannot be stored acknowledges nothing, until it is', async () => {
  const harness = await launched(createHarness());
  harness.reconciler.onMesosEvent({ kind: 'disconnected' });
  await settle();
  harness.sent.length = 0;
  harness.onWrite = () => unknownOutcome();
  const update = { taskId: 'demo.7.1.x', state: 'TASK_STARTING', agentId: 'agent-1', uuid: 'u' } as const;
  harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  await harness.update(update);
  assert.equal(harness.sent, []);
  harness.onWrite = () => undefined;
  harness.clock.advance(1_000);
  await settle();
  await harness.update(update);
  assert.ok(harness.sent.some((call) => call.kind === 'acknowledge'));
});

for (const [event, code] of [
  [{ kind: 'failed-over' }, 'KM_CONFLICT_FAILED_OVER'],
  [{ kind: 'framework-removed', message: 'gone' }, 'KM_CONFLICT_FRAMEWORK_REMOVED'],
] as const) {
  test(`${event.kind} ends the loop for good`, async () => {
    const harness = await launched();
    harness.sent.length = 0;
    harness.reconciler.onMesosEvent(event);
    harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
    await settle();
    assert.is(harness.fatal[0]?.code, code);
    assert.equal(harness.sent, []);
  });
}

test('tasks in the store and no framework id: it refuses to start', async () => {
  const backend = createMemoryStoreBackend();
  const store = backend.connect();
  await store.claim();
  const broker = desired.brokers[0];
  if (broker === undefined) throw new Error('there is one');
  await store.write('clusters/demo/spec', makeSpec(desired), 0);
  await store.write('clusters/demo/cluster', makeCluster(desired), 0);
  await store.write('clusters/demo/brokers/0', makeRecord(desired, broker), 0);
  const harness = createHarness(backend);
  await harness.reconciler.start().then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'KM_CONFLICT_FRAMEWORK_LOST'),
  );
});

test('a record of another form stops the start: half a memory makes half a plan', async () => {
  const backend = createMemoryStoreBackend();
  const store = backend.connect();
  await store.claim();
  await store.write('clusters/demo/spec', { ...makeSpec(desired), schema: 2 }, 0);
  await createHarness(backend)
    .reconciler.start()
    .then(
      () => assert.unreachable(),
      (error) => assert.is(error.code, 'KM_PROTOCOL_RECORD'),
    );
});

test('a cluster whose spec or own record is lost is not guessed at', async () => {
  const broker = desired.brokers[0];
  if (broker === undefined) throw new Error('there is one');
  for (const paths of [['brokers/0'], ['spec', 'brokers/0'], ['cluster']]) {
    const backend = createMemoryStoreBackend();
    const store = backend.connect();
    await store.claim();
    await store.write('framework', { schema: 1, frameworkId: 'F' }, 0);
    for (const path of paths) {
      const value =
        path === 'spec'
          ? makeSpec(desired)
          : path === 'cluster'
            ? makeCluster(desired)
            : makeRecord(desired, broker);
      await store.write(`clusters/demo/${path}`, value, 0);
    }
    await createHarness(backend)
      .reconciler.start()
      .then(
        () => assert.unreachable(paths.join()),
        (error) => {
          assert.is(error.code, 'KM_PROTOCOL_RECORD');
          assert.match(
            error.message,
            paths.includes('spec') ? 'clusters/demo/cluster' : 'clusters/demo/spec',
          );
        },
      );
  }
});

test('the framework id is durable before any task, and the next scheduler has it', async () => {
  const backend = createMemoryStoreBackend();
  const harness = createHarness(backend);
  harness.onWrite = (path) =>
    path === 'framework' ? new UnavailableError('KM_UNAVAILABLE_STORE', 'down') : undefined;
  await launched(harness);
  assert.equal(harness.sent, []);
  harness.onWrite = () => undefined;
  harness.clock.advance(1_000);
  await settle();
  assert.ok(harness.sent.some((c) => c.kind === 'accept'));
  const next = createHarness(backend);
  await next.reconciler.start();
  assert.is(next.reconciler.frameworkId(), 'F');
});

test('apply: revisions count, the same digest is no change, a wrong expectation is a conflict', async () => {
  const harness = await subscribed();
  const apply = (digestNow: string, expected?: number) =>
    harness.reconciler.apply(
      [{ desired, digest: digestNow }],
      'ann',
      expected === undefined ? {} : { demo: expected },
    );
  assert.equal(await apply('d1', 0), [{ name: 'demo', revision: 1, changed: true }]);
  assert.equal(await apply('d1'), [{ name: 'demo', revision: 1, changed: false }]);
  assert.equal(await apply('d2', 1), [{ name: 'demo', revision: 2, changed: true }]);
  await apply('d3', 1).then(
    () => assert.unreachable(),
    (error) => {
      assert.instance(error, ConflictError);
      assert.is(error.code, 'KM_CONFLICT_REVISION');
    },
  );
  assert.is(harness.reconciler.spec('demo')?.revision, 2);
  assert.is(harness.crossed.filter((c) => c === 'write clusters/demo/spec').length, 2);
  assert.equal(harness.fatal, []);
});

test('apply of several clusters: a wrong expectation of one stores none of them', async () => {
  const harness = await subscribed();
  const named = (name: string, digestNow: string) => ({ desired: makeDesired({ name }), digest: digestNow });
  await harness.reconciler.apply([named('second', 'd1')], 'bob');
  const both = [named('first', 'd1'), named('second', 'd2')];
  await harness.reconciler.apply(both, 'ann', { first: 0, second: 0 }).then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'KM_CONFLICT_REVISION'),
  );
  assert.is(harness.reconciler.spec('first'), undefined);
});

test('a store that takes nothing is a reason, until it does', async () => {
  const harness = await serving();
  const held = () =>
    harness.reconciler.statuses().flatMap((s) => s.held.filter((h) => h.reason === 'store-unavailable'));
  assert.equal(held(), []);
  harness.onWrite = () =>
    new UnavailableError('KM_UNAVAILABLE_STORE', 'no space left on device', { outcome: 'not-sent' });
  const end = {
    taskId: await taskOf(harness, 1),
    state: 'TASK_FAILED',
    agentId: 'agent-2',
    uuid: 'x',
  } as const;
  await harness.update(end);
  assert.match(held()[0]?.message ?? '', 'no space left on device');
  assert.is(held()[0]?.stalled, false, 'it may pass');
  harness.clock.advance(31_000);
  await settle();
  assert.is(held()[0]?.stalled, true);
  assert.is(harness.reconciler.statuses()[0]?.phase, 'held');
  harness.onWrite = () => undefined;
  await harness.update(end);
  assert.equal(held(), []);
});

test('an apply whose answer was lost: the repeat is no change', async () => {
  const harness = await subscribed();
  harness.onWrite = () => 'lost';
  await harness.reconciler.apply([{ desired, digest }], 'ann').then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, unknownOutcome().code),
  );
  harness.onWrite = () => undefined;
  await settle();
  assert.equal(await harness.reconciler.apply([{ desired, digest }], 'ann'), [
    { name: 'demo', revision: 1, changed: false },
  ]);
});

test('after a disconnection nothing is sent; after the next subscription all tasks are asked about', async () => {
  const harness = await serving();
  harness.reconciler.onMesosEvent({ kind: 'disconnected' });
  await settle();
  harness.sent.length = 0;
  harness.reconciler.wake();
  harness.clock.advance(60_000);
  await settle();
  assert.equal(harness.sent, []);
  assert.not(harness.reconciler.counters().connected);
  harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  await settle();
  const asked = harness.sent.flatMap((c) => (c.kind === 'reconcile-tasks' ? [c.tasks.length] : []));
  assert.equal(asked, [0, 3], 'all, and by name');
});

test('a broker that ended is started again by the next scheduler too: its timers are in the store', async () => {
  const backend = createMemoryStoreBackend();
  const harness = await serving(createHarness(backend));
  await harness.update({
    taskId: await taskOf(harness, 1),
    state: 'TASK_FAILED',
    agentId: 'agent-2',
    uuid: 'u',
  });
  const before = (await harness.broker(1)) as BrokerRecord;
  await harness.reconciler.stop();
  const next = await subscribed(createHarness(backend));
  const after = next.reconciler.memory()[0]?.brokers.get(1);
  assert.equal(after, before);
  assert.type(after?.stickyUntilMs, 'number');
});

test('while Kafka is being asked the loop waits for the answer and does not spin', async () => {
  const harness = await serving();
  let answer = (): void => {};
  harness.onObserve = () => new Promise((resolve) => (answer = resolve));
  for (let i = 0; i < 25; i += 1) {
    harness.clock.advance(1_000);
    await settle();
  }
  const { pass } = harness.reconciler.counters();
  const asked = harness.observed;
  for (let i = 0; i < 50; i += 1) {
    harness.clock.advance(20);
    await settle();
  }
  assert.is(harness.reconciler.counters().pass, pass, 'no pass without news');
  assert.is(harness.observed, asked, 'one question at a time');
  harness.onObserve = undefined;
  answer();
  await settle();
  assert.ok(harness.reconciler.counters().pass > pass);
});

test('a converged cluster falls silent: no call, no write, and Kafka is asked now and then', async () => {
  const harness = await serving();
  for (let i = 0; i < 30; i += 1) {
    harness.clock.advance(1_000);
    await settle();
  }
  assert.is(harness.reconciler.statuses()[0]?.phase, 'converged');
  harness.crossed.length = 0;
  const { observed } = harness;
  for (let i = 0; i < 60; i += 1) {
    harness.clock.advance(1_000);
    await settle();
  }
  assert.equal(harness.crossed, []);
  assert.ok(
    harness.observed - observed >= 4 && harness.observed - observed <= 8,
    `${harness.observed - observed}`,
  );
});

test('a preview plans and changes nothing', async () => {
  const harness = await serving();
  harness.crossed.length = 0;
  const changed = makeDesired({ brokers: desired.brokers.map((b) => ({ ...b, heapMiB: 600 })) });
  const [preview] = harness.reconciler.preview([changed]);
  assert.is(preview?.steps.filter((s) => s.mark === '~').length, 3);
  assert.equal(
    harness.crossed.filter((c) => c !== 'send suppress'),
    [],
  );
  assert.is(harness.reconciler.spec('demo')?.revision, 1);
});

test('a scheduler that may not lead any more sends nothing, stores nothing and ends', async () => {
  const harness = await launched();
  const { length } = harness.crossed;
  harness.leads = false;
  await harness.update({
    taskId: await taskOf(harness, 0),
    state: 'TASK_RUNNING',
    agentId: 'agent-1',
    data: running('agent-1:31000'),
    uuid: 'u0',
  });
  assert.equal(
    harness.crossed.slice(length).filter((c) => c.startsWith('send')),
    [],
  );
  assert.equal(
    harness.fatal.map((e) => e.code),
    ['KM_CONFLICT_LEADERSHIP_LOST'],
  );
});

test('a change of Kafka that waits is dropped when leadership is lost', async () => {
  const topic = (name: string) => ({ name, partitions: 3, replicationFactor: 3, config: {} });
  const withTopics = makeDesired({ topics: [topic('events'), topic('orders')] });
  const harness = await serving();
  harness.onCreateTopic = () => {
    harness.leads = false;
  };
  void harness.reconciler.apply([{ desired: withTopics, digest: 'd2' }], 'ann');
  await settle();
  assert.equal(
    harness.crossed.filter((c) => c.startsWith('create')),
    ['create events'],
  );
});

test('what an operator asks is stored before it is acted on, outlives the scheduler, and can be taken back', async () => {
  const backend = createMemoryStoreBackend();
  const harness = await serving(createHarness(backend));
  await harness.reconciler.setIntent('demo', 1, { kind: 'pause', author: 'ann', expiresInMs: 60_000 });
  assert.is((await harness.broker(1))?.intent?.kind, 'pause');
  const next = await subscribed(createHarness(backend));
  assert.is(next.reconciler.statuses()[0]?.brokers[1]?.intent?.author, 'ann');
  await next.reconciler.setIntent('demo', 1, { kind: 'restart', author: 'bob' }).then(
    () => assert.unreachable(),
    (error) => assert.match(error.message, /to be left alone, asked for by ann/),
  );
  await next.reconciler.setIntent('demo', 1, undefined);
  assert.is((await next.broker(1))?.intent, undefined);
  // Where nothing is asked there is nothing to take back, and nothing to tell.
  await next.reconciler.setIntent('demo', 1, undefined);
  await next.reconciler.setIntent('demo', 0, undefined);
  assert.equal(
    next.reconciler
      .statuses()[0]
      ?.events.filter((e) => /to be/.test(e.message))
      .map((e) => e.message),
    ['no more to be left alone: it was taken back'],
  );
});

test('what the spec contradicts is refused and nothing is stored', async () => {
  const stopped = makeDesired({ brokers: desired.brokers.map((b) => ({ ...b, state: 'stopped' })) });
  const harness = await serving();
  const refused = async (id: number, kind: 'restart' | 'replace') => {
    try {
      await harness.reconciler.setIntent('demo', id, { kind, author: 'ann' });
      return 'taken';
    } catch (error) {
      return error instanceof ConflictError ? error.message : String(error);
    }
  };
  assert.match(await refused(9, 'restart'), /has no broker 9/);
  assert.match(await refused(0, 'replace'), /voter of the controller quorum/);
  await harness.reconciler.apply([{ desired: stopped, digest: 'd2' }], 'ann');
  assert.match(await refused(0, 'restart'), /the spec says that broker 0 is stopped/);
  // Where Kafka cannot be asked the stop itself waits for somebody's consent.
  await harness.reconciler.setIntent('demo', 0, { kind: 'stop', author: 'ann', withoutKafka: true });
  const consent = (await harness.broker(0))?.intent;
  assert.is(consent?.kind === 'stop' && consent.withoutKafka, true);
  const [shown] = harness.reconciler.statuses();
  assert.is(shown?.brokers[0]?.intent?.withoutKafka, true, 'whoever looks sees what was consented to');
  assert.match(shown?.events.at(-1)?.message ?? '', 'stopped, without Kafka if need be, as asked for');
  await harness.reconciler.setIntent('demo', 0, undefined);
  await harness.reconciler.setIntent('demo', 0, { kind: 'pause', author: 'ann' });
  await harness.reconciler.setIntent('demo', 0, undefined);
  assert.is((await harness.broker(0))?.intent, undefined);
});

test('a promise to Mesos holds by the wall clock, which was set after the waits were begun', async () => {
  const harness = await serving();
  const minuteMs = 60_000;
  const seconds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      harness.clock.advance(1_000);
      await settle();
    }
  };
  harness.clock.setWall(-114 * minuteMs);
  const startMs = harness.clock.wallMs() + 2 * minuteMs;
  const asked = { id: 'inverse-1', agentId: 'agent-1', receivedAtMs: harness.clock.nowMs() };
  harness.reconciler.onMesosEvent({
    kind: 'inverse-offers',
    inverseOffers: [{ ...asked, unavailability: { startMs, durationMs: 60 * minuteMs } }],
  });
  await seconds(11);
  assert.is((await harness.broker(0))?.maintenance?.accepted, true);
  const stopped = {
    ...desired,
    brokers: desired.brokers.map((b) => (b.id === 1 ? { ...b, state: 'stopped' as const } : b)),
  };
  await harness.reconciler.apply([{ desired: stopped, digest: 'd2' }], 'ann');
  await seconds(30);
  assert.not(harness.sent.some((c) => c.kind === 'kill'));
  const shown = harness.reconciler.statuses()[0]?.brokers;
  assert.ok(shown?.[0]?.maintenance !== undefined, 'it is not over');
  assert.match(shown?.[1]?.waiting?.why ?? '', /whose maintenance was accepted/);
});

test.run();
