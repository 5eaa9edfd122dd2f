/** DRAIN_AGENT, DEACTIVATE_AGENT and REACTIVATE_AGENT beyond what scenario 16 shows. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { restore, serialize } from '../../../src/local/model/step.ts';
import { agentConfig, events, offers, replyOf, scalar, statuses, the, World } from './world.ts';

const agentId = { value: 'm-S0' };
const executor = { executor_id: { value: 'e1' }, command: { value: 'run' } };

/** One task of a custom executor, running and acknowledged. */
function running(): { world: World; containerId: string } {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  const made = world.launch(offer, { task_id: { value: 't1' }, executor });
  const start = the(made.find((output) => output.kind === 'start-container'));
  world.start(made);
  world.do({
    kind: 'executor-subscribe',
    agentName: 'agent-1',
    streamId: 'x1',
    call: {
      type: 'SUBSCRIBE',
      framework_id: { value: 'm-0000' },
      executor_id: { value: 'e1' },
      subscribe: {},
    },
  });
  tell(world, 'TASK_RUNNING', 1);
  return { world, containerId: start.kind === 'start-container' ? start.containerId : '' };
}

/** The executor reports; the framework acknowledges what it hears. Returns the status it heard. */
function tell(world: World, state: 'TASK_RUNNING' | 'TASK_KILLED', number: number) {
  const uuid = Buffer.alloc(16, number).toString('base64');
  const outputs = world.do({
    kind: 'executor-call',
    agentName: 'agent-1',
    call: {
      type: 'UPDATE',
      framework_id: { value: 'm-0000' },
      executor_id: { value: 'e1' },
      update: { status: { task_id: { value: 't1' }, state, source: 'SOURCE_EXECUTOR', uuid } },
    },
  });
  const status = the(statuses(outputs)[0]);
  world.acknowledge(status);
  return status;
}

function drain(world: World, more: object = {}) {
  return world.do({
    kind: 'operator-call',
    call: { type: 'DRAIN_AGENT', drain_agent: { agent_id: agentId, ...more } },
  });
}

function reactivate(world: World): number | undefined {
  const call = { type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id: agentId } } as const;
  return replyOf(world.do({ kind: 'operator-call', call }))?.status;
}

test('a custom executor is told the shorter grace period, and is drained when its end is acknowledged', () => {
  const { world } = running();
  const drained = drain(world, { max_grace_period: { seconds: 7 } });
  const kill = drained.find((output) => output.kind === 'executor-event');
  assert.equal(kill?.kind === 'executor-event' && kill.event, {
    type: 'KILL',
    kill: { task_id: { value: 't1' }, kill_policy: { grace_period: { nanoseconds: 7e9 } } },
  });
  assert.is(world.state.drainingAgents['m-S0']?.state, 'DRAINING');
  assert.is(reactivate(world), 400);
  assert.is(tell(world, 'TASK_KILLED', 2).reason, 'REASON_AGENT_DRAINING');
  assert.is(world.state.drainingAgents['m-S0']?.state, 'DRAINED');
  assert.equal(offers(world.pass(10_000)), []);
  assert.is(reactivate(world), 200);
  assert.is(offers(world.pass(10_000)).length, 1);
});

test('an agent without executors takes tasks again, though nobody acknowledged what it dropped', () => {
  const { world, containerId } = running();
  drain(world);
  tell(world, 'TASK_KILLED', 2);
  assert.is(reactivate(world), 200);
  const launch = (id: string) =>
    world.launch(the(offers(world.pass(10_000))[0]), {
      task_id: { value: id },
      executor: { executor_id: { value: id }, command: { value: 'run' } },
    });
  const dropped = the(statuses(launch('t2'))[0]);
  assert.is(dropped.state, 'TASK_DROPPED');
  assert.is(dropped.reason, 'REASON_AGENT_DRAINING');
  world.do({ kind: 'container-exited', agentName: 'agent-1', containerId, waitStatus: 0 });
  assert.ok(launch('t3').some((output) => output.kind === 'start-container'));
});

test('of a task that a draining agent drops the master counts no executor', () => {
  const { world } = running();
  drain(world);
  tell(world, 'TASK_KILLED', 2);
  // The master takes it for drained; the agent drains on, because its executor has not ended.
  assert.is(reactivate(world), 200);
  assert.ok(world.state.processes['agent-1']?.drain !== undefined);
  const offer = the(offers(world.pass(10_000))[0]);
  const other = { executor_id: { value: 'e2' }, command: { value: 'run' }, resources: [scalar('cpus', 0.5)] };
  const made = world.launch(offer, { task_id: { value: 't2' }, executor: other });
  const dropped = the(statuses(made)[0]);
  assert.equal([dropped.state, dropped.reason], ['TASK_DROPPED', 'REASON_AGENT_DRAINING']);
  assert.equal(
    events(made).filter(({ type }) => type === 'FAILURE'),
    [{ type: 'FAILURE', failure: { agent_id: agentId, executor_id: { value: 'e2' }, status: -1 } }],
  );
  world.acknowledge(dropped);
  assert.equal(the(offers(world.pass(10_000))[0]).resources, offer.resources, 'its share comes free');
});

test('a task that a draining agent drops does not end the executor that it was for', () => {
  const { world } = running();
  drain(world);
  tell(world, 'TASK_KILLED', 2);
  reactivate(world);
  const made = world.launch(the(offers(world.pass(10_000))[0]), { task_id: { value: 't2' }, executor });
  assert.is(statuses(made)[0]?.state, 'TASK_DROPPED');
  assert.equal(
    events(made).filter(({ type }) => type === 'FAILURE'),
    [],
  );
  assert.equal(Object.keys(world.state.agents['m-S0']?.executors['m-0000'] ?? {}), ['e1']);
});

test('a drain outlives partition and crash of the agent, and a restart of the master’s process', () => {
  const { world, containerId } = running();
  world.do({ kind: 'agent-partitioned', agentName: 'agent-1' });
  drain(world);
  assert.is(world.state.processes['agent-1']?.drain, undefined, 'not told yet');
  world.state = restore(serialize(world.state), world.nowMs);
  world.subscribe('s2', 'm-0000');
  world.do({ kind: 'agent-started', agent: agentConfig('agent-1'), livingContainers: [containerId] });
  const back = world.do({
    kind: 'executor-subscribe',
    agentName: 'agent-1',
    streamId: 'x2',
    call: {
      type: 'SUBSCRIBE',
      framework_id: { value: 'm-0000' },
      executor_id: { value: 'e1' },
      subscribe: {},
    },
  });
  const kills = [...back, ...world.pass(5_000)].filter(
    (output) => output.kind === 'executor-event' && output.event.type === 'KILL',
  );
  assert.is(kills.length, 1);
  assert.is(world.state.drainingAgents['m-S0']?.state, 'DRAINING');
  assert.is(tell(world, 'TASK_KILLED', 2).reason, 'REASON_AGENT_DRAINING');
});

test('an agent unreachable at the drain is DRAINED when it comes back without tasks', () => {
  const world = new World('agent-1');
  world.subscribe();
  world.do({ kind: 'agent-partitioned', agentName: 'agent-1' });
  world.pass(80_000);
  assert.ok(world.state.unreachableAgents['m-S0'] !== undefined);
  assert.is(replyOf(drain(world))?.status, 200);
  world.do({ kind: 'agent-healed', agentName: 'agent-1' });
  assert.is(world.state.drainingAgents['m-S0']?.state, 'DRAINED');
  assert.equal(offers(world.pass(5_000)), []);
});

test('drain with mark_gone of an idle agent ends its process at once', () => {
  const world = new World('agent-1');
  world.subscribe();
  const outputs = drain(world, { mark_gone: true });
  assert.ok(outputs.some((output) => output.kind === 'stop-agent'));
  assert.ok(events(outputs).some((event) => event.type === 'FAILURE'));
  assert.ok(world.state.goneAgents['m-S0'] !== undefined);
});

test('operations of an agent given up or marked gone are ended by the master', () => {
  const reservations = [{ type: 'DYNAMIC' as const, role: 'kafka', principal: 'kafka' }];
  for (const [lose, state] of [
    [(world: World) => world.pass(80_000), 'OPERATION_UNREACHABLE'],
    [
      (world: World) =>
        world.do({
          kind: 'operator-call',
          call: { type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id: agentId } },
        }),
      'OPERATION_GONE_BY_OPERATOR',
    ],
  ] as const) {
    const world = new World('agent-1');
    const offer = the(offers(world.subscribe())[0]);
    world.call({
      type: 'ACCEPT',
      accept: {
        offer_ids: [offer.id],
        operations: [
          {
            type: 'RESERVE',
            id: { value: 'op-1' },
            reserve: { resources: [scalar('cpus', 1, { reservations })] },
          },
        ],
      },
    });
    world.do({ kind: 'agent-partitioned', agentName: 'agent-1' });
    const told = events(lose(world)).flatMap((event) =>
      event.type === 'UPDATE_OPERATION_STATUS' ? [event.update_operation_status.status] : [],
    );
    assert.equal(
      told.map((status) => [status.operation_id?.value, status.state, status.uuid]),
      [['op-1', state, undefined]],
    );
    world.do({ kind: 'agent-healed', agentName: 'agent-1' });
    const answer = world.call({ type: 'RECONCILE_OPERATIONS', reconcile_operations: {} });
    const known = events(answer).filter((event) => event.type === 'UPDATE_OPERATION_STATUS').length;
    assert.is(known, state === 'OPERATION_UNREACHABLE' ? 1 : 0, 'the agent brings back what it knows');
  }
});

test.run();
