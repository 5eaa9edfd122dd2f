/** A volume that grows, against the model of Mesos: what the goldens say one plan at a time, in one go. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AgentConfig } from '../../src/local/model/state.ts';
import type { Resource } from '../../src/mesos/types.ts';
import type { MesosCall, OfferOperation } from '../../src/model/mesos.ts';
import { describeHeld } from '../../src/plan/describe-held.ts';
import { plan } from '../../src/plan/plan.ts';
import { previewCluster } from '../../src/plan/preview.ts';
import { agentConfig, scalar } from '../local/model/world.ts';
import { makeBroker, makeDesired, makeInput, makeMemory, makeRecord } from './builders.ts';
import { PlannerLoop } from './planner-loop.ts';

const desiredOf = (sizeMiB: number) =>
  makeDesired({
    brokers: [
      makeBroker(0, {
        storage: { kind: 'persistent', volumes: [{ name: 'data', sizeMiB, disk: 'root' }] },
      }),
    ],
  });

/** Broker 0 runs, on a volume of 1000 MiB, as far as its record and Mesos know. */
function running(agent: string | AgentConfig = 'agent-1', role?: string): PlannerLoop {
  const loop = new PlannerLoop(desiredOf(1000), [agent], role);
  loop.run(2);
  loop.world.start(loop.world.outputs);
  const record = loop.record(0);
  if (record.task === undefined) throw new Error('it was not launched');
  loop.write({
    ...record,
    formatted: true,
    task: { ...record.task, state: 'TASK_RUNNING', seen: true },
  });
  // Offers are looked at for a while after a subscription and after a start; then they are suppressed.
  loop.run(15);
  return loop;
}

/** As if its broker had been stopped: the container is gone, and the volume is offered. */
function stop({ world }: PlannerLoop): void {
  for (const output of world.outputs.slice()) {
    if (output.kind === 'start-container') {
      const { agentName, containerId } = output;
      world.do({ kind: 'container-exited', agentName, containerId, waitStatus: 0 });
    }
  }
}

const operations = ({ sent }: PlannerLoop): readonly (readonly OfferOperation['kind'][])[] =>
  sent.flatMap((c) => (c.kind === 'accept' ? [c.operations.map((o) => o.kind)] : []));

const volumeMiB = ({ world }: PlannerLoop): number | undefined =>
  Object.values(world.state.agents)
    .flatMap((agent) => agent.total)
    .find((r) => r.disk?.persistence !== undefined)?.scalar?.value;

test('reserved while it runs, grown when it has stopped, started on the next offer', () => {
  const loop = running();
  loop.apply(desiredOf(1500));
  loop.run(5);
  assert.equal(operations(loop), [['reserve', 'create', 'launch'], ['reserve']]);
  assert.equal(loop.record(0).growth, { revision: 2, isReserved: true, attempts: 0 });
  assert.match(JSON.stringify(loop.lastPlan.held), /restart broker 0/, 'Kafka cannot be asked here');
  assert.is(volumeMiB(loop), 1000);
  stop(loop);
  loop.run(3);
  assert.equal(operations(loop).slice(2), [['grow'], ['launch']]);
  assert.is(volumeMiB(loop), 1500);
  assert.is(loop.record(0).task?.state, 'TASK_STAGING');
  assert.is(loop.record(0).growth, undefined);
  assert.is(loop.record(0).placement?.volumes[0]?.sizeMiB, 1500);
});

const says = ({ lastPlan }: PlannerLoop, words: RegExp): boolean =>
  lastPlan.held.some((h) => words.test(`${h.need}: ${describeHeld(h).message}`));

/** RESERVE of what is added goes another way; what the start reserves went out before. */
function onReserve(loop: PlannerLoop, change: (o: OfferOperation) => readonly OfferOperation[]): void {
  loop.onTheWay = (call: MesosCall) =>
    call.kind === 'accept'
      ? { ...call, operations: call.operations.flatMap((o) => (o.kind === 'reserve' ? change(o) : [o])) }
      : call;
}

test('a RESERVE that is lost stops nothing, and is sent again', () => {
  const loop = running();
  loop.apply(desiredOf(1500));
  onReserve(loop, () => []);
  loop.run(30);
  assert.equal(operations(loop).slice(1), [['reserve']]);
  assert.not(says(loop, /restart broker 0/));
  assert.ok(says(loop, /grow volume data of broker 0: .* is waited for that shows the 500 MiB of disk/));
  loop.onTheWay = (call) => call;
  // What was refused meanwhile comes back after ten minutes.
  loop.run(12 * 60);
  assert.equal(operations(loop).slice(1), [['reserve'], ['reserve']]);
  assert.is(loop.record(0).growth?.isReserved, true);
  assert.ok(says(loop, /restart broker 0/));
});

test('a RESERVE that Mesos refuses stops nothing, and is told in its words', () => {
  const loop = running();
  loop.apply(desiredOf(1500));
  onReserve(loop, (o) =>
    o.kind === 'reserve' ? [{ ...o, resources: o.resources.map((r) => ({ ...r, reservations: [] })) }] : [],
  );
  loop.run(30);
  assert.equal(operations(loop).slice(1), [['reserve']]);
  assert.not(says(loop, /restart broker 0/));
  assert.ok(says(loop, /Mesos refuses to reserve the disk: .*is not dynamically reserved/));
});

test('disk that is reserved for a role above ours grows by more of the same, and by no other', () => {
  const [cpus, mem, disk, ports] = agentConfig('agent-1').resources;
  const above = (amount: number) =>
    scalar('disk', amount, { reservations: [{ type: 'STATIC', role: 'kafka' }] });
  if (cpus === undefined || mem === undefined || disk === undefined || ports === undefined) return;
  const on = (...disks: Resource[]): PlannerLoop =>
    running({ ...agentConfig('agent-1'), resources: [cpus, mem, ports, ...disks] }, 'kafka/prod');
  // The smallest disk that does is taken first: the one that is reserved.
  const loop = on(scalar('disk', 9_000), above(2_000));
  assert.is(loop.record(0).placement?.volumes[0]?.base?.[0]?.role, 'kafka');
  loop.apply(desiredOf(1500));
  loop.run(5);
  stop(loop);
  loop.run(3);
  assert.equal(operations(loop), [['reserve', 'create', 'launch'], ['reserve'], ['grow'], ['launch']]);
  assert.is(volumeMiB(loop), 1500);

  const full = on(scalar('disk', 9_000), above(1_200));
  full.apply(desiredOf(1500));
  // An offer that will not do is refused for minutes: only the pass that has it in hand can say why.
  const noRoom = /agent-1 has 200 of 500 MiB of disk reserved for role kafka to add/;
  const said = [1, 2, 3, 4, 5].map(() => {
    full.run(1);
    return says(full, noRoom);
  });
  assert.ok(said.includes(true));
  assert.equal(operations(full), [['reserve', 'create', 'launch']]);
});

test('the plan shows it before anything is asked of Mesos', () => {
  const memory = makeMemory(desiredOf(1500), [makeRecord(desiredOf(1000), makeBroker(0))]);
  const input = makeInput([memory]);
  const { steps } = previewCluster(input, memory, plan(input));
  assert.equal(
    steps.map((s) => [s.what, ...s.why]),
    [['restart broker 0', 'volume data: 1000 MiB → 1500 MiB']],
  );
});

test('a growth that is taken back before the stop gives the disk back', () => {
  const loop = running();
  loop.apply(desiredOf(1500));
  loop.run(3);
  loop.apply(desiredOf(1000));
  stop(loop);
  loop.run(3);
  assert.equal(operations(loop).slice(2)[0], ['launch']);
  assert.is(volumeMiB(loop), 1000);
});

test('a GROW_VOLUME that Mesos refuses ends in a start without it, and in words', () => {
  const loop = running();
  loop.apply(desiredOf(1500));
  loop.run(2);
  loop.onTheWay = (call: MesosCall) =>
    call.kind === 'accept'
      ? {
          ...call,
          operations: call.operations.map((o) =>
            o.kind === 'grow' ? { ...o, addition: { ...o.addition, reservations: [] } } : o,
          ),
        }
      : call;
  stop(loop);
  loop.run(4);
  assert.equal(operations(loop).slice(2), [['grow'], ['launch']]);
  const { growth, task } = loop.record(0);
  assert.match(growth?.refused ?? '', /Incompatible resources/);
  if (task === undefined) throw new Error('it was not launched');
  loop.write({ ...loop.record(0), task: { ...task, state: 'TASK_RUNNING', stateSinceMs: loop.world.nowMs } });
  const [held] = loop.pass().held.filter((h) => h.reason.kind === 'volume-not-grown');
  if (held === undefined) throw new Error('nothing is held');
  assert.ok(held.stalled);
  assert.match(describeHeld(held).message, /Incompatible resources/);
  assert.match(describeHeld(held).remedy ?? '', /kafka-mesos broker restart 0/);
  // What was reserved for it in vain goes back.
  loop.run(3);
  assert.equal(operations(loop).slice(4), [['unreserve']]);
});

test('a GROW_VOLUME on an offer that was rescinded meanwhile is sent again', () => {
  const loop = running();
  loop.apply(desiredOf(1500));
  loop.run(2);
  let isFirst = true;
  loop.onTheWay = (call: MesosCall) => {
    const isLate = call.kind === 'accept' && call.operations.some((o) => o.kind === 'grow') && isFirst;
    isFirst &&= !isLate;
    if (isLate) {
      const offer_ids = call.offerIds.map((value) => ({ value }));
      loop.world.call({ type: 'DECLINE', decline: { offer_ids, filters: { refuse_seconds: 1 } } });
    }
    return call;
  };
  stop(loop);
  loop.run(60);
  assert.not(isFirst);
  assert.is(volumeMiB(loop), 1500);
  assert.is(loop.record(0).growth?.refused, undefined);
});

/** The volume is to grow and its broker is down; the master takes the GROW_VOLUME, and the agent is out of reach just then. */
function growOutOfReach(): { readonly loop: PlannerLoop; readonly heal: () => void } {
  const loop = running();
  loop.apply(desiredOf(1500));
  loop.run(2);
  const agentName = loop.record(0).placement?.hostname ?? '';
  const isGrow = (call: MesosCall): boolean =>
    call.kind === 'accept' && call.operations.some((o) => o.kind === 'grow');
  loop.onTheWay = (call) => {
    if (isGrow(call) && loop.sent.filter(isGrow).length === 1) {
      loop.world.do({ kind: 'agent-partitioned', agentName });
    }
    return call;
  };
  stop(loop);
  for (let i = 0; i < 5 && !loop.sent.some(isGrow); i += 1) loop.run(1);
  return { loop, heal: () => void loop.world.do({ kind: 'agent-healed', agentName }) };
}

test('a GROW_VOLUME that was dropped on its way to the agent is sent again', () => {
  const { loop, heal } = growOutOfReach();
  heal();
  loop.run(6);
  assert.equal(operations(loop).slice(2), [['grow'], ['grow'], ['launch']]);
  assert.is(volumeMiB(loop), 1500);
});

test('a start on a size that was offered in advance is dropped by the agent, and the volume is grown again', () => {
  const { loop, heal } = growOutOfReach();
  // The offer that shows it is out when the agent is back.
  loop.world.pass(1_000);
  heal();
  loop.pass();
  assert.equal(operations(loop).slice(2), [['grow'], ['launch']]);
  assert.is(volumeMiB(loop), 1000);
  loop.run(30);
  assert.equal(operations(loop).slice(4), [['grow'], ['launch']]);
  assert.is(loop.record(0).last?.reason, 'RESOURCES_UNKNOWN');
  assert.is(volumeMiB(loop), 1500);
  assert.is(loop.record(0).placement?.volumes[0]?.sizeMiB, 1500);
});

test('a GROW_VOLUME that is lost is sent again, and not for ever', () => {
  const loop = running();
  loop.apply(desiredOf(1500));
  loop.run(2);
  loop.onTheWay = (call: MesosCall) =>
    call.kind === 'accept' ? { ...call, operations: call.operations.filter((o) => o.kind !== 'grow') } : call;
  stop(loop);
  loop.run(10);
  assert.equal(operations(loop).slice(2), [['grow'], ['grow'], ['grow'], ['launch']]);
  assert.is(volumeMiB(loop), 1000);
});

test.run();
