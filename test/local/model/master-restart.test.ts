/** A master failover beyond what scenario 18 shows. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { agentConfig, events, offers, replyOf, scalar, statuses, the, World } from './world.ts';

const framework = 'm-0000';
const question = { task_id: { value: 't1' }, agent_id: { value: 'm-S0' } };

function running(): World {
  const world = new World('agent-1', 'agent-2');
  const offer = the(offers(world.subscribe()).find((one) => one.hostname === 'agent-1'));
  const started = world.start(world.launch(offer, { task_id: { value: 't1' }, command: { value: 'x' } }));
  for (const status of statuses(started)) {
    for (const next of statuses(world.acknowledge(status))) world.acknowledge(next);
  }
  return world;
}

function reconcile(world: World, ...tasks: object[]): string[] {
  const answers = world.call({ type: 'RECONCILE', reconcile: { tasks } }, 's2');
  return statuses(answers).map((status) => `${status.task_id.value} ${status.state}`);
}

test('the streams break; no task is answered for until its agent is back', () => {
  const world = running();
  const restarted = world.do({ kind: 'master-restarted', masterId: 'n', agentsReturnAfterMs: 5_000 });
  assert.equal(restarted, [{ kind: 'close-stream', streamId: 's1', broken: true }]);
  assert.is(replyOf(world.call({ type: 'REVIVE' }))?.status, 400, 'the framework is not known');
  world.subscribe('s2', framework);
  assert.equal(reconcile(world), []);
  assert.equal(reconcile(world, question, { task_id: { value: 't9' } }), []);
  assert.equal(reconcile(world, { ...question, agent_id: { value: 'nobody' } }), ['t1 TASK_UNKNOWN']);
  const back = offers(world.pass(6_000));
  assert.equal(
    back.map((offer) => [offer.agent_id.value, offer.id.value]),
    [
      ['m-S0', 'n-O0'],
      ['m-S1', 'n-O1'],
    ],
  );
  assert.equal(reconcile(world), ['t1 TASK_RUNNING']);
});

test('agents back before their framework: it is recovered, its task is not killed, its kill is possible', () => {
  const world = running();
  const outputs = world.do({ kind: 'master-restarted', masterId: 'n' });
  const after = [...outputs, ...world.pass(3_000)];
  assert.not(after.some((output) => ['signal-container', 'destroy-container'].includes(output.kind)));
  const frameworks = replyOf(world.do({ kind: 'operator-call', call: { type: 'GET_FRAMEWORKS' } }))?.json;
  const [known] = (frameworks as { get_frameworks: { frameworks: Record<string, unknown>[] } }).get_frameworks
    .frameworks;
  assert.equal([known?.recovered, known?.connected], [true, false]);
  world.subscribe('s2', framework);
  assert.equal(reconcile(world), ['t1 TASK_RUNNING']);
  const kill = world.call({ type: 'KILL', kill: question }, 's2');
  assert.equal(
    statuses(kill).map((status) => status.state),
    ['TASK_KILLING'],
  );
});

test('an agent that does not come back in ten minutes: FAILURE only, then it is unreachable', () => {
  const world = running();
  world.do({ kind: 'agent-partitioned', agentName: 'agent-1' });
  world.do({ kind: 'master-restarted', masterId: 'n' });
  world.subscribe('s2', framework);
  const late = world.pass(601_000);
  assert.equal(statuses(late), []);
  assert.equal(
    events(late).flatMap((event) => (event.type === 'FAILURE' ? [event.failure.agent_id?.value] : [])),
    ['m-S0'],
  );
  assert.equal(reconcile(world, question), ['t1 TASK_UNREACHABLE']);
  const healed = world.do({ kind: 'agent-healed', agentName: 'agent-1' });
  assert.equal(
    statuses(healed).map((status) => [status.state, status.reason]),
    [['TASK_RUNNING', 'REASON_AGENT_REREGISTERED']],
  );
});

test('what the registry holds outlives the master: drains, gone agents, machines that are down', () => {
  const world = running();
  world.do({
    kind: 'operator-call',
    call: { type: 'DRAIN_AGENT', drain_agent: { agent_id: { value: 'm-S0' } } },
  });
  world.do({
    kind: 'operator-call',
    call: { type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id: { value: 'm-S1' } } },
  });
  world.do({ kind: 'master-restarted', masterId: 'n' });
  world.subscribe('s2', framework);
  assert.equal(offers(world.pass(10_000)), []);
  assert.is(world.state.drainingAgents['m-S0']?.state, 'DRAINING');
  const refused = world.do({ kind: 'agent-started', agent: agentConfig('agent-2') });
  assert.ok(refused.some((output) => output.kind === 'stop-agent'));
});

test('reservations and unacknowledged operations come back with their agent', () => {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  const reservations = [{ type: 'DYNAMIC' as const, role: 'kafka', principal: 'kafka' }];
  const reserve = { resources: [scalar('cpus', 1, { reservations })] };
  const operations = [{ type: 'RESERVE', id: { value: 'op-1' }, reserve }];
  world.call({ type: 'ACCEPT', accept: { offer_ids: [offer.id], operations } });
  world.do({ kind: 'master-restarted', masterId: 'n', agentsReturnAfterMs: 3_000 });
  world.subscribe('s2', framework);
  const ask = () => {
    const operation = { operation_id: { value: 'op-1' }, agent_id: { value: 'm-S0' } };
    const call = { type: 'RECONCILE_OPERATIONS', reconcile_operations: { operations: [operation] } };
    return operationStates(world.call(call, 's2'));
  };
  assert.equal(ask(), ['OPERATION_RECOVERING']);
  const back = world.pass(4_000);
  assert.equal(operationStates(back), ['OPERATION_FINISHED']);
  assert.equal(ask(), ['OPERATION_FINISHED']);
  assert.ok(the(offers(back)[0]).resources?.some((one) => one.reservations !== undefined));
});

function operationStates(outputs: Parameters<typeof events>[0]): string[] {
  return events(outputs).flatMap((event) =>
    event.type === 'UPDATE_OPERATION_STATUS' ? [event.update_operation_status.status.state] : [],
  );
}

test.run();
