/** Maintenance windows and inverse offers beyond what scenario 17 shows. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Output } from '../../../src/local/model/io.ts';
import { restore, serialize } from '../../../src/local/model/step.ts';
import type { InverseOffer } from '../../../src/mesos/types.ts';
import { agentConfig, events, offers, replyOf, startMs, statuses, the, World } from './world.ts';

const startNs = (startMs + 600_000) * 1e6;
const machine = (name: string) => ({ hostname: name, ip: '127.0.0.1' });

function schedule(world: World, ...names: string[]): Output[] {
  const unavailability = { start: { nanoseconds: startNs } };
  const windows = names.length === 0 ? [] : [{ machine_ids: names.map(machine), unavailability }];
  return world.do({
    kind: 'operator-call',
    call: { type: 'UPDATE_MAINTENANCE_SCHEDULE', update_maintenance_schedule: { schedule: { windows } } },
  });
}

function start(world: World, name: string): Output[] {
  const call = { type: 'START_MAINTENANCE', start_maintenance: { machines: [machine(name)] } } as const;
  return world.do({ kind: 'operator-call', call });
}

function stop(world: World, name: string): Output[] {
  const call = { type: 'STOP_MAINTENANCE', stop_maintenance: { machines: [machine(name)] } } as const;
  return world.do({ kind: 'operator-call', call });
}

function inverseOffers(outputs: readonly Output[]): InverseOffer[] {
  return events(outputs).flatMap((event) =>
    event.type === 'INVERSE_OFFERS' ? (event.inverse_offers.inverse_offers ?? []) : [],
  );
}

test('only who holds something of the machine is asked, once, until it answers', () => {
  const world = new World('agent-1', 'agent-2');
  world.subscribe();
  // Suppressed and without offers, the framework holds nothing.
  world.call({ type: 'SUPPRESS' });
  const declined = Object.keys(world.state.offers).map((value) => ({ value }));
  world.call({ type: 'DECLINE', decline: { offer_ids: declined } });
  assert.equal(inverseOffers([...schedule(world, 'agent-1'), ...world.pass(5_000)]), []);
  const revived = world.call({ type: 'REVIVE' });
  assert.equal(
    inverseOffers(revived).map((one) => [one.agent_id?.value, one.unavailability.start.nanoseconds]),
    [['m-S0', startNs]],
  );
  assert.equal(
    offers(revived).map((one) => [one.hostname, one.unavailability?.start.nanoseconds]),
    [
      ['agent-1', startNs],
      ['agent-2', undefined],
    ],
  );
  assert.equal(inverseOffers(world.pass(60_000)), []);
});

test('a lifted schedule takes its inverse offers back, and the offers lose the window', () => {
  const world = new World('agent-1');
  world.subscribe();
  assert.is(inverseOffers(schedule(world, 'agent-1')).length, 1);
  const lifted = schedule(world);
  assert.is(events(lifted).filter((event) => event.type === 'RESCIND_INVERSE_OFFER').length, 1);
  assert.is(the(offers(lifted)[0]).unavailability, undefined);
  assert.equal(inverseOffers(world.pass(30_000)), []);
});

test('a declined inverse offer comes again after its filter, after REVIVE at once', () => {
  const world = new World('agent-1');
  world.subscribe();
  const asked = the(inverseOffers(schedule(world, 'agent-1'))[0]);
  const decline = (refuse_seconds: number, id = asked.id) =>
    world.call({
      type: 'DECLINE_INVERSE_OFFERS',
      decline_inverse_offers: { inverse_offer_ids: [id], filters: { refuse_seconds } },
    });
  decline(20);
  assert.equal(inverseOffers(world.pass(19_000)), []);
  const again = the(inverseOffers(world.pass(2_000))[0]);
  decline(1000, again.id);
  assert.is(inverseOffers(world.call({ type: 'REVIVE' })).length, 1);
});

test('a scheduled agent cannot be drained', () => {
  const world = new World('agent-1');
  schedule(world, 'agent-1');
  const call = { type: 'DRAIN_AGENT', drain_agent: { agent_id: { value: 'm-S0' } } } as const;
  const { status, text } = the(replyOf(world.do({ kind: 'operator-call', call })));
  assert.is(status, 400);
  assert.match(text ?? '', 'part of a maintenance schedule under Machine agent-1 (127.0.0.1)');
});

test('a machine that is down stays down over a restart of the master’s process, and keeps its agent id', () => {
  const world = new World('agent-1');
  const offer = the(offers(world.subscribe())[0]);
  world.launch(offer, { task_id: { value: 't1' }, command: { value: 'x' } });
  schedule(world, 'agent-1');
  const down = start(world, 'agent-1');
  assert.equal(
    statuses(down).map((status) => [status.state, status.reason]),
    [['TASK_LOST', 'REASON_AGENT_REMOVED']],
  );
  assert.ok(down.some((output) => output.kind === 'destroy-container'));
  world.state = restore(serialize(world.state), world.nowMs);
  world.subscribe('s2', 'm-0000');
  const refused = world.do({ kind: 'agent-started', agent: agentConfig('agent-1'), livingContainers: [] });
  assert.equal(
    refused.map((output) => output.kind),
    ['stop-agent'],
  );
  assert.is(replyOf(stop(world, 'agent-1'))?.status, 200);
  assert.is(world.state.maintenance.schedule.length, 0);
  world.do({ kind: 'agent-started', agent: agentConfig('agent-1'), livingContainers: [] });
  assert.equal(
    offers(world.outputs.slice(-3)).map((one) => one.agent_id.value),
    ['m-S0'],
  );
});

test.run();
