/** What operators do with resources, and the calls that are refused. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { OperatorCall } from '../../../src/local/model/io.ts';
import { freeResources } from '../../../src/local/model/offers.ts';
import type { Resource } from '../../../src/mesos/types.ts';
import { events, offers, replyOf, scalar, the, World } from './world.ts';

const agent_id = { value: 'm-S0' };
const reservations = [{ type: 'DYNAMIC' as const, role: 'kafka', principal: 'kafka' }];
const reserved = scalar('disk', 100, { reservations });
const volume: Resource = {
  ...reserved,
  disk: {
    persistence: { id: 'v1', principal: 'kafka' },
    volume: { container_path: 'data', mode: 'RW' },
  },
};

function operate(world: World, call: OperatorCall) {
  const outputs = world.do({ kind: 'operator-call', call });
  return { outputs, ...the(replyOf(outputs)) };
}

test('an operator takes down what a framework left: the volume, then the reservation', () => {
  const world = new World('agent-1');
  world.subscribe();
  const before = JSON.stringify(world.state.agents['m-S0']?.total);
  const reserve = operate(world, {
    type: 'RESERVE_RESOURCES',
    reserve_resources: { agent_id, resources: [reserved] },
  });
  assert.is(reserve.status, 202);
  assert.ok(
    events(reserve.outputs).some((event) => event.type === 'RESCIND'),
    'the offer had it',
  );
  const create = operate(world, { type: 'CREATE_VOLUMES', create_volumes: { agent_id, volumes: [volume] } });
  assert.ok(create.outputs.some((output) => output.kind === 'create-volume'));
  const offer = the(offers(world.pass(10_000))[0]);
  assert.ok(offer.resources?.some((one) => one.disk?.persistence?.id === 'v1'));
  const unreserve = {
    type: 'UNRESERVE_RESOURCES',
    unreserve_resources: { agent_id, resources: [reserved] },
  } as const;
  assert.is(operate(world, unreserve).status, 409, 'the volume holds it');
  const destroy = operate(world, {
    type: 'DESTROY_VOLUMES',
    destroy_volumes: { agent_id, volumes: [volume] },
  });
  assert.is(destroy.status, 202);
  assert.ok(destroy.outputs.some((output) => output.kind === 'destroy-volume'));
  assert.is(operate(world, unreserve).status, 202);
  assert.is(JSON.stringify(world.state.agents['m-S0']?.total), before);
  assert.is(world.state.processes['agent-1']?.total, world.state.agents['m-S0']?.total);
});

test('what a task uses is not taken from it', () => {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  const task = {
    name: 't',
    task_id: { value: 't1' },
    agent_id,
    resources: [scalar('cpus', 1), volume],
    command: { value: 'x' },
  };
  const operations = [
    { type: 'RESERVE', reserve: { resources: [reserved] } },
    { type: 'CREATE', create: { volumes: [volume] } },
    { type: 'LAUNCH', launch: { task_infos: [task] } },
  ];
  world.call({ type: 'ACCEPT', accept: { offer_ids: [offer.id], operations } });
  const destroy = operate(world, {
    type: 'DESTROY_VOLUMES',
    destroy_volumes: { agent_id, volumes: [volume] },
  });
  assert.equal(
    [destroy.status, destroy.text],
    [400, 'Invalid DESTROY operation on agent m-S0: Persistent volumes in use'],
  );
  const all = scalar('cpus', 4, { reservations });
  const reserve = operate(world, {
    type: 'RESERVE_RESOURCES',
    reserve_resources: { agent_id, resources: [all] },
  });
  assert.is(reserve.status, 409);
  const agent = the(world.state.agents['m-S0']);
  assert.ok(freeResources(world.state, agent).every((one) => one.name !== 'cpus' || one.scalar?.value === 3));
});

test('calls without their field, of another API, or for nobody', () => {
  const world = new World('agent-1');
  assert.equal(
    [
      { type: 'CREATE_VOLUMES' },
      { type: 'GET_METRICS' },
      { type: 'RESERVE_RESOURCES', reserve_resources: { agent_id: { value: 'nobody' } } },
      {},
    ].map((call) => {
      const { status, text } = operate(world, call as never);
      return [status, text];
    }),
    [
      [400, "Failed to validate master::Call: Expecting 'create_volumes' to be present"],
      [400, 'GET_METRICS is not supported by this master'],
      [400, 'No agent found with specified ID'],
      [400, "Failed to validate master::Call: Expecting 'type' to be present"],
    ],
  );
});

test.run();
