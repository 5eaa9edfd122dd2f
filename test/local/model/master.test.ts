/** Behaviour of the model which the recordings do not show, or show only in passing. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { restore, serialize } from '../../../src/local/model/step.ts';
import { agentConfig, events, offers, replyOf, scalar, startMs, statuses, the, World } from './world.ts';

const command = { value: 'sleep 1000' };
const executor = {
  executor_id: { value: 'e1' },
  command: { value: 'run' },
  resources: [scalar('cpus', 0.1), scalar('mem', 32)],
};
const frameworkId = { value: 'm-0000' };
const executorId = { value: 'e1' };

function running(taskId = 't1'): { world: World; containerId: string } {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  const made = world.launch(offer, { task_id: { value: taskId }, command });
  const start = the(made.find((output) => output.kind === 'start-container'));
  acknowledgeAll(world, world.start([start]));
  return { world, containerId: start.kind === 'start-container' ? start.containerId : '' };
}

function acknowledgeAll(world: World, outputs: Parameters<typeof statuses>[0]): void {
  for (const status of statuses(outputs)) {
    if (status.uuid !== undefined) acknowledgeAll(world, world.acknowledge(status));
  }
}

function states(outputs: Parameters<typeof statuses>[0]): string[] {
  return statuses(outputs).map((status) => `${status.task_id.value} ${status.state}`);
}

test('a launch in one ACCEPT: reserve, create, start with the volume mounted', () => {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  const reservations = [{ type: 'DYNAMIC' as const, role: 'kafka', principal: 'kafka' }];
  const disk = scalar('disk', 100, { reservations });
  const volume = {
    ...disk,
    disk: {
      persistence: { id: 'v1', principal: 'kafka' },
      volume: { container_path: 'data', mode: 'RW' as const },
    },
  };
  const made = world.call({
    type: 'ACCEPT',
    accept: {
      offer_ids: [offer.id],
      operations: [
        { type: 'RESERVE', reserve: { resources: [disk] } },
        { type: 'CREATE', create: { volumes: [volume] } },
        {
          type: 'LAUNCH',
          launch: {
            task_infos: [
              {
                name: 't',
                task_id: { value: 't1' },
                agent_id: offer.agent_id,
                resources: [scalar('cpus', 1), volume],
                command,
              },
            ],
          },
        },
      ],
    },
  });
  assert.equal(
    made.map((output) => output.kind),
    ['reply', 'create-volume', 'start-container'],
  );
  const start = the(made.at(-1));
  assert.equal(start.kind === 'start-container' && start.volumes, [
    {
      persistenceId: 'v1',
      role: 'kafka',
      volumePath: 'volumes/roles/kafka/v1',
      containerPath: 'data',
      mode: 'RW',
    },
  ]);
});

test('a kill during the fetch ends the task without starting it', () => {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  const launched = world.launch(offer, { task_id: { value: 't1' }, command });
  const killed = world.call({ type: 'KILL', kill: { task_id: { value: 't1' } } });
  assert.equal(states(killed), ['t1 TASK_KILLED']);
  assert.is(the(statuses(killed)[0]).reason, 'REASON_TASK_KILLED_DURING_LAUNCH');
  assert.ok(killed.some((output) => output.kind === 'destroy-container'));
  // The runner was faster than the destruction: nothing starts any more.
  assert.equal(states(world.start(launched)), []);
});

test('a fetch that failed is TASK_FAILED by the agent; a sandbox that failed is TASK_DROPPED', () => {
  for (const [reason, state] of [
    [undefined, 'TASK_FAILED'],
    ['REASON_EXECUTOR_TERMINATED', 'TASK_DROPPED'],
  ] as const) {
    const world = new World('agent-1');
    const offer = the(offers(world.subscribe())[0]);
    const launched = world.launch(offer, { task_id: { value: 't1' }, command });
    const start = the(launched.find((output) => output.kind === 'start-container'));
    if (start.kind !== 'start-container') throw new Error('unreachable');
    const failed = world.do({
      kind: 'container-failed',
      agentName: 'agent-1',
      containerId: start.containerId,
      message: 'Failed to fetch',
      ...(reason === undefined ? {} : { reason }),
    });
    const status = the(statuses(failed)[0]);
    assert.equal([status.state, status.source, status.message], [state, 'SOURCE_AGENT', 'Failed to fetch']);
  }
});

test('resends double from 10 s to 10 min, in order, and end with the acknowledgement', () => {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  const first = the(statuses(world.start(world.launch(offer, { task_id: { value: 't1' }, command })))[0]);
  const times: number[] = [];
  for (let second = 0; second < 3600; second += 1) {
    for (const status of statuses(world.pass(1000))) {
      assert.is(status.uuid, first.uuid);
      times.push((world.nowMs - startMs) / 1000);
    }
  }
  assert.equal(times, [10, 30, 70, 150, 310, 630, 1230, 1830, 2430, 3030]);
  const next = the(statuses(world.acknowledge(first))[0]);
  assert.is(next.state, 'TASK_RUNNING');
  assert.equal(statuses(world.acknowledge(next)), []);
  assert.equal(statuses(world.pass(1_200_000)), []);
});

test('a launch that a partition swallowed is TASK_DROPPED when the agent is back', () => {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  world.do({ kind: 'agent-partitioned', agentName: 'agent-1' });
  const launched = world.launch(offer, { task_id: { value: 't1' }, command });
  assert.not.ok(launched.some((output) => output.kind === 'start-container'));
  const healed = world.do({ kind: 'agent-healed', agentName: 'agent-1' });
  assert.ok(states(healed).includes('t1 TASK_DROPPED'));
  assert.is(the(statuses(healed)[0]).reason, 'REASON_RECONCILIATION');
});

test('a reservation that a partition swallowed is OPERATION_DROPPED, and is not there', () => {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  world.do({ kind: 'agent-partitioned', agentName: 'agent-1' });
  const reservations = [{ type: 'DYNAMIC' as const, role: 'kafka', principal: 'kafka' }];
  const reserve = { resources: [scalar('cpus', 1, { reservations })] };
  world.call({
    type: 'ACCEPT',
    accept: { offer_ids: [offer.id], operations: [{ type: 'RESERVE', id: { value: 'op' }, reserve }] },
  });
  const meanwhile = events(world.call({ type: 'RECONCILE_OPERATIONS', reconcile_operations: {} }));
  assert.equal(
    meanwhile.map((e) => e.type === 'UPDATE_OPERATION_STATUS' && e.update_operation_status.status.state),
    ['OPERATION_PENDING'],
  );
  const healed = events(world.do({ kind: 'agent-healed', agentName: 'agent-1' }));
  assert.equal(
    healed.map(
      (event) => event.type === 'UPDATE_OPERATION_STATUS' && event.update_operation_status.status.state,
    ),
    ['OPERATION_DROPPED'],
  );
  const [again] = offers(world.pass(1_100));
  assert.is(again?.resources?.filter((one) => one.reservations !== undefined).length, 0);
});

test('what an agent does not have it does not run, though an offer from before its return shows it', () => {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  const reservations = [{ type: 'DYNAMIC' as const, role: 'kafka', principal: 'kafka' }];
  const disk = (value: number, id?: string) =>
    scalar('disk', value, {
      reservations,
      ...(id === undefined
        ? {}
        : { disk: { persistence: { id, principal: 'kafka' }, volume: { container_path: 'v', mode: 'RW' } } }),
    });
  const accept = (id: unknown, ...operations: unknown[]) =>
    world.call({
      type: 'ACCEPT',
      accept: { offer_ids: [id], operations, filters: { refuse_seconds: 0 } },
    });
  const share = scalar('cpus', 0.5, { reservations });
  accept(
    offer.id,
    { type: 'RESERVE', reserve: { resources: [share, disk(150)] } },
    { type: 'CREATE', create: { volumes: [disk(100, 'v')] } },
  );
  // In advance the master has it; the agent never hears of it.
  const [small] = offers(world.pass(2_000));
  world.do({ kind: 'agent-partitioned', agentName: 'agent-1' });
  accept(
    the(small).id,
    { type: 'GROW_VOLUME', grow_volume: { volume: disk(100, 'v'), addition: disk(50) } },
    { type: 'RESERVE', reserve: { resources: [share] } },
  );
  const [large] = offers(world.pass(2_000));
  world.do({ kind: 'agent-healed', agentName: 'agent-1' });
  const made = world.launch(
    the(large),
    {
      task_id: { value: 't1' },
      resources: [scalar('cpus', 1), scalar('mem', 128), disk(150, 'v')],
      executor,
    },
    {
      task_id: { value: 't2' },
      executor: {
        ...executor,
        executor_id: { value: 'e2' },
        resources: [scalar('cpus', 1, { reservations })],
      },
    },
  );
  assert.equal(
    statuses(made).map(({ state, reason, message }) => [state, reason, message]),
    ['task or task group', 'executor'].map((what) => [
      'TASK_DROPPED',
      'REASON_RESOURCES_UNKNOWN',
      `The checkpointed resources being used by the ${what} are unknown to the agent`,
    ]),
  );
  assert.not.ok(made.some((output) => output.kind === 'start-container'));
});

test('a wiped agent leaves no container behind', () => {
  const { world, containerId } = running();
  world.do({ kind: 'agent-stopped', agentName: 'agent-1', executors: 'running' });
  const wiped = world.do({ kind: 'agent-started', agent: agentConfig('agent-1'), wiped: true });
  assert.ok(wiped.some((one) => one.kind === 'destroy-container' && one.containerId === containerId));
  assert.equal(states(wiped), ['t1 TASK_LOST']);
});

test('the registration timeout of an executor waits while its agent is down', () => {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  world.launch(offer, { task_id: { value: 't1' }, executor });
  world.do({ kind: 'agent-stopped', agentName: 'agent-1', executors: 'running' });
  assert.not.ok(world.pass(74_000).some((output) => output.kind === 'destroy-container'));
  world.do({ kind: 'agent-started', agent: agentConfig('agent-1') });
  assert.ok(world.pass(2_100).some((output) => output.kind === 'destroy-container'));
});

test('an agent whose machine is gone becomes unreachable after 75 s; its task then fails on its return', () => {
  const { world } = running();
  world.do({ kind: 'agent-stopped', agentName: 'agent-1', executors: 'gone' });
  assert.equal(states(world.pass(74_000)), []);
  assert.equal(states(world.pass(2_000)), ['t1 TASK_UNREACHABLE']);
  const back = world.do({ kind: 'agent-started', agent: agentConfig('agent-1'), livingContainers: [] });
  assert.ok(states(back).includes('t1 TASK_FAILED'));
});

test('a container that did not live through an agent restart ends its task', () => {
  const { world } = running();
  world.do({ kind: 'agent-stopped', agentName: 'agent-1', executors: 'running' });
  const back = world.do({ kind: 'agent-started', agent: agentConfig('agent-1'), livingContainers: [] });
  assert.equal([...new Set([...states(back), ...states(world.pass(3_000))])], ['t1 TASK_FAILED']);
});

test('an executor that does not subscribe again in time is killed, with the reason', () => {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  const start = the(
    world.launch(offer, { task_id: { value: 't1' }, executor }).find((one) => one.kind === 'start-container'),
  );
  if (start.kind !== 'start-container') throw new Error('unreachable');
  world.do({
    kind: 'executor-subscribe',
    agentName: 'agent-1',
    streamId: 'x1',
    call: { type: 'SUBSCRIBE', executor_id: executorId, framework_id: frameworkId, subscribe: {} },
  });
  world.do({ kind: 'agent-stopped', agentName: 'agent-1', executors: 'running' });
  world.do({ kind: 'agent-started', agent: agentConfig('agent-1') });
  const late = world.pass(2_500);
  assert.ok(late.some((output) => output.kind === 'destroy-container'));
  const { containerId } = start;
  const ended = world.do({ kind: 'container-exited', agentName: 'agent-1', containerId, waitStatus: 9 });
  assert.is(the(statuses(ended)[0]).reason, 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT');
});

test('a task handed out just before the agent died is TASK_DROPPED unless the executor names it', () => {
  for (const named of [false, true]) {
    const world = new World('agent-1');
    const offer = the(offers(world.subscribe())[0]);
    world.launch(offer, { task_id: { value: 't1' }, executor });
    const subscribe = (streamId: string, again: boolean) =>
      world.do({
        kind: 'executor-subscribe',
        agentName: 'agent-1',
        streamId,
        call: {
          type: 'SUBSCRIBE',
          executor_id: executorId,
          framework_id: frameworkId,
          subscribe: {
            unacknowledged_tasks: again
              ? [{ name: 't', task_id: { value: 't1' }, agent_id: offer.agent_id }]
              : [],
          },
        },
      });
    const first = subscribe('x1', false);
    assert.equal(
      first.flatMap((output) => (output.kind === 'executor-event' ? [output.event.type] : [])),
      ['SUBSCRIBED', 'LAUNCH'],
    );
    world.do({ kind: 'agent-stopped', agentName: 'agent-1', executors: 'running' });
    world.do({ kind: 'agent-started', agent: agentConfig('agent-1') });
    subscribe('x2', named);
    assert.equal([...new Set(states(world.pass(5_000)))], named ? [] : ['t1 TASK_DROPPED']);
  }
});

test('a removed framework is told of nothing, and its late agent is cleaned up', () => {
  const { world } = running();
  world.do({ kind: 'agent-stopped', agentName: 'agent-1', executors: 'running' });
  world.call({ type: 'TEARDOWN' });
  world.do({ kind: 'agent-started', agent: agentConfig('agent-1') });
  const back = world.pass(3_000);
  assert.ok(back.some((output) => output.kind === 'signal-container'));
  assert.equal(events(back), []);
});

test('a restart of the whole embedded Mesos keeps tasks, reservations and unacknowledged updates', () => {
  const world = new World('agent-1', 'agent-2');
  const offer = the(offers(world.subscribe())[0]);
  const launched = world.launch(offer, { task_id: { value: 't1' }, command });
  const start = the(launched.find((output) => output.kind === 'start-container'));
  if (start.kind !== 'start-container') throw new Error('unreachable');
  const starting = the(statuses(world.start(launched))[0]);
  world.nowMs += 60_000;
  world.state = restore(serialize(world.state), world.nowMs);
  const refused = replyOf(world.call({ type: 'REVIVE' }));
  assert.equal([refused?.status, refused?.text], [403, 'Framework is not subscribed']);
  for (const name of ['agent-1', 'agent-2']) {
    const living = [start.containerId];
    world.do({ kind: 'agent-started', agent: agentConfig(name), livingContainers: living });
  }
  world.subscribe('s2', 'm-0000');
  const after = world.pass(3_000);
  assert.is(the(statuses(after)[0]).uuid, starting.uuid);
  const known = statuses(world.call({ type: 'RECONCILE', reconcile: {} }, 's2'));
  assert.equal(
    known.map((status) => [status.task_id.value, status.state]),
    [['t1', 'TASK_STARTING']],
  );
});

test('an agent marked gone is stopped, and stopped again when it starts', () => {
  const { world } = running();
  const agentId = { value: 'm-S0' };
  const gone = world.do({
    kind: 'operator-call',
    call: { type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id: agentId } },
  });
  assert.is(replyOf(gone)?.status, 200);
  assert.equal(states(gone), ['t1 TASK_GONE_BY_OPERATOR']);
  assert.ok(gone.some((output) => output.kind === 'stop-agent'));
  const again = world.do({ kind: 'agent-started', agent: agentConfig('agent-1') });
  assert.ok(again.some((output) => output.kind === 'stop-agent'));
});

test('a stale acknowledgement neither ends a task nor frees its id', () => {
  const { world, containerId } = running();
  const ended = world.do({ kind: 'container-exited', agentName: 'agent-1', containerId, waitStatus: 0 });
  const finished = the(statuses(ended)[0]);
  assert.is(finished.state, 'TASK_FINISHED');
  world.acknowledge({ ...finished, uuid: Buffer.alloc(16, 7).toString('base64') });
  const known = statuses(
    world.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: finished.task_id }] } }),
  );
  assert.equal(
    known.map((status) => status.state),
    ['TASK_FINISHED'],
  );
  world.acknowledge(finished);
  assert.equal(statuses(world.call({ type: 'RECONCILE', reconcile: {} })), []);
});

test('an agent whose resources or attributes changed does not start under its old id', () => {
  const { world } = running();
  world.do({ kind: 'agent-stopped', agentName: 'agent-1', executors: 'running' });
  const changed = world.do({ kind: 'agent-started', agent: agentConfig('agent-1', 8) });
  assert.equal(
    changed.map((output) => output.kind),
    ['stop-agent'],
  );
  const asBefore = world.do({ kind: 'agent-started', agent: agentConfig('agent-1') });
  assert.equal(asBefore, []);
  assert.is(offers(world.pass(4_000))[0]?.agent_id.value, 'm-S0');
});

test('amounts that are none are refused before they reach the books', () => {
  for (const cpus of [-1, 0, Number.NaN]) {
    const world = new World('agent-1');
    const offer = the(offers(world.subscribe())[0]);
    const made = world.launch(offer, {
      task_id: { value: 't1' },
      command,
      resources: [scalar('cpus', cpus), scalar('mem', 64)],
    });
    assert.equal(states(made), ['t1 TASK_ERROR']);
    assert.match(the(statuses(made)[0]).message ?? '', 'value <= 0');
    assert.is(the(offers(world.pass(1_100))[0]).resources?.length, 4);
  }
});

test('two frameworks of one role take turns, by what they hold', () => {
  const world = new World('agent-1', 'agent-2');
  const first = offers(world.subscribe('s1'));
  for (const offer of first) world.launch(offer, { task_id: { value: offer.id.value }, command });
  const second = world.subscribe('s2', 'other');
  // The newcomer holds nothing: what is left is offered to it.
  assert.is(offers(second).length, 2);
  assert.ok(events(second).every((event) => event.type !== 'ERROR'));
});

test('a refusal, however short, outlives the next allocation; one of 0 does not exist', () => {
  for (const [seconds, expected] of [
    [0.1, 2],
    [0, 1],
  ] as const) {
    const world = new World('agent-1');
    const offer = the(offers(world.subscribe())[0]);
    world.pass(50);
    const filters = { refuse_seconds: seconds };
    world.call({ type: 'DECLINE', decline: { offer_ids: [offer.id], filters } });
    let cycles = 1;
    for (world.pass(960); offers(world.outputs).length < 2; cycles += 1) world.pass(1_000);
    assert.is(cycles, expected);
  }
});

test('what an ACCEPT made of the offer comes back at once; only what it left alone is refused', () => {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  const reservations = [{ type: 'DYNAMIC' as const, role: 'kafka', principal: 'kafka' }];
  const reserve = { resources: [scalar('cpus', 1, { reservations })] };
  world.call({
    type: 'ACCEPT',
    accept: {
      offer_ids: [offer.id],
      operations: [{ type: 'RESERVE', reserve }],
      filters: { refuse_seconds: 3600 },
    },
  });
  // The reserved part is more than what was refused: it breaks through, with all there is.
  const again = the(offers(world.pass(1_100))[0]);
  assert.ok(again.resources?.some((one) => one.reservations !== undefined));
  world.call({ type: 'DECLINE', decline: { offer_ids: [again.id], filters: { refuse_seconds: 3600 } } });
  assert.equal(offers(world.pass(60_000)), []);
});

test('GROW_VOLUME: the volume is larger in the next offer, and nothing behind it in the ACCEPT can use it', () => {
  const world = new World('agent-1');
  const [offer] = offers(world.subscribe());
  const reservations = [{ type: 'DYNAMIC', role: 'kafka', principal: 'kafka' }] as const;
  const disk = (value: number, extra = {}) => scalar('disk', value, { reservations, ...extra });
  const volume = (value: number) =>
    disk(value, {
      disk: {
        persistence: { id: 'v', principal: 'kafka' },
        volume: { container_path: 'data', mode: 'RW' },
      },
    });
  const accept = (id: unknown, ...operations: unknown[]) =>
    world.call({
      type: 'ACCEPT',
      accept: { offer_ids: [id], operations, filters: { refuse_seconds: 0 } },
    });
  const grow = (addition: unknown, id?: string) => ({
    type: 'GROW_VOLUME',
    ...(id === undefined ? {} : { id: { value: id } }),
    grow_volume: { volume: volume(1000), addition },
  });
  accept(
    the(offer).id,
    { type: 'RESERVE', reserve: { resources: [disk(1500)] } },
    { type: 'CREATE', create: { volumes: [volume(1000)] } },
  );
  const [second] = offers(world.pass(2_000));
  const refused = accept(the(second).id, grow(scalar('disk', 10), 'g1'), grow(disk(600), 'g2'));
  const messages = events(refused).flatMap((e) =>
    e.type === 'UPDATE_OPERATION_STATUS' ? [e.update_operation_status.status.message ?? ''] : [],
  );
  assert.match(messages[0] ?? '', /^Incompatible resources/, 'not reserved as the volume is');
  assert.match(
    messages[1] ?? '',
    /^Invalid GROW_VOLUME operation: .* does not contain/,
    'more than there is',
  );
  const [third] = offers(world.pass(2_000));
  const done = accept(the(third).id, grow(disk(500), 'g3'), {
    type: 'LAUNCH',
    launch: {
      task_infos: [
        {
          name: 't',
          task_id: { value: 't' },
          agent_id: the(third).agent_id,
          resources: [scalar('cpus', 1), scalar('mem', 32), volume(1500)],
          command: { value: 'true' },
        },
      ],
    },
  });
  assert.match(statuses(done)[0]?.message ?? '', /more than available/);
  const [fourth] = offers(world.pass(2_000));
  const disks = (the(fourth).resources ?? []).filter((r) => r.disk?.persistence?.id === 'v');
  assert.equal(
    disks.map((r) => r.scalar?.value),
    [1500],
  );
  const states = events(world.outputs).flatMap((e) =>
    e.type === 'UPDATE_OPERATION_STATUS' ? [e.update_operation_status.status.state] : [],
  );
  assert.equal([...new Set(states)], ['OPERATION_ERROR', 'OPERATION_FINISHED']);
});

test('a lost stream clears the refusals', () => {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  const filters = { refuse_seconds: 3600 };
  world.call({ type: 'DECLINE', decline: { offer_ids: [offer.id], filters } });
  assert.equal(offers(world.pass(10_000)), []);
  world.do({ kind: 'stream-closed', streamId: 's1' });
  assert.is(offers(world.subscribe('s2', 'm-0000')).length, 1);
});

test('wrong requests never throw: they are answered', () => {
  const world = new World('agent-1');
  world.subscribe();
  const nonsense: Record<string, unknown>[] = [
    {},
    { type: 'UNKNOWN' },
    { type: 'NONSENSE' },
    { type: 'constructor' },
    { type: 'KILL' },
    { type: 'ACCEPT', accept: {} },
    { type: 'DECLINE', decline: { offer_ids: [{ value: 'toString' }] } },
    { type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: '__proto__' } }] } },
    { type: 'KILL', kill: { task_id: { value: 'constructor' } } },
  ];
  for (const body of nonsense) {
    const status = replyOf(world.call(body))?.status;
    assert.ok(status === 400 || status === 202, JSON.stringify(body));
  }
  const unknown = replyOf(world.do({ kind: 'operator-call', call: { type: 'GET_EVERYTHING' } as never }));
  assert.is(unknown?.status, 400);
});

test.run();
