import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Desired } from '../../src/model/desired.ts';
import type { KafkaObserved } from '../../src/model/kafka.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { BrokerRecord, ClusterMemory } from '../../src/model/records.ts';
import { askFor, askNothing, type IntentRequest } from '../../src/plan/intents.ts';
import { plan } from '../../src/plan/plan.ts';
import { clusterStatus } from '../../src/plan/status.ts';
import {
  makeBroker,
  makeCluster,
  makeDesired,
  makeEnded,
  makeInput,
  makeKafka,
  makeMemory,
  makeOffer,
  makeRecord,
  nowMs,
} from './builders.ts';

const topic = { name: 'events', partitions: 3, replicationFactor: 3, config: { 'min.insync.replicas': '2' } };
const combined = makeDesired({ topics: [topic] });
/** Voters of their own, so that brokers may be replaced. */
const apart = makeDesired({
  brokers: [
    ...[0, 1, 2].map((id) => makeBroker(id, { roles: ['broker'] })),
    ...[100, 101, 102].map((id) => makeBroker(id, { roles: ['controller'] })),
  ],
  topics: [topic],
});

const ask = (record: BrokerRecord, request: Partial<IntentRequest> & Pick<IntentRequest, 'kind'>) =>
  askFor(record, { author: 'ann', ...request }, nowMs - 60_000);

function memoryOf(desired: Desired, ...records: BrokerRecord[]): ClusterMemory {
  return makeMemory(desired, records);
}

function planOf(memory: ClusterMemory, changes: Parameters<typeof makeInput>[1] = {}): Plan {
  return plan(makeInput([memory], changes));
}

const shown = (made: Plan) =>
  made.steps.filter((s) => s.mark !== '·').map((s) => `${s.mark} ${s.what}: ${s.why}`);
const heldOf = (made: Plan) => made.held.map((h) => `${h.need}: ${h.reason.kind}`);
const recordOf = (desired: Desired, id: number) =>
  makeRecord(desired, desired.brokers.find((b) => b.id === id) ?? makeBroker(id));

/** Kafka does without broker 1, and an agent that it was never on has an offer. */
function withoutBroker1() {
  const all = makeKafka(apart);
  const value: KafkaObserved = {
    ...all,
    brokers: all.brokers.filter((b) => b.id !== 1),
    topics: all.topics.map((t) => ({
      ...t,
      partitions: t.partitions.map((p) => ({ ...p, isr: p.isr.filter((id) => id !== 1) })),
    })),
  };
  return {
    kafka: { demo: { known: true as const, value } },
    mesos: { offers: [makeOffer('agent-9')] },
  };
}

test('restart: once, behind the gate of a roll; forgotten when another task runs', () => {
  const asked = ask(recordOf(combined, 1), { kind: 'restart', reason: 'new keys' });
  assert.equal(shown(planOf(memoryOf(combined, asked))), [
    '~ restart broker 1: restart asked for by ann (new keys)',
  ]);
  const behind = makeKafka(combined);
  const [first] = behind.topics;
  assert.ok(first);
  const shrunk: KafkaObserved = {
    ...behind,
    topics: [
      { ...first, partitions: first.partitions.map((p) => ({ ...p, isr: p.isr.filter((id) => id !== 2) })) },
    ],
  };
  assert.equal(
    shown(planOf(memoryOf(combined, asked), { kafka: { demo: { known: true, value: shrunk } } })),
    [],
  );

  const task = asked.task;
  assert.ok(task);
  const after = planOf(memoryOf(combined, { ...asked, task: { ...task, taskId: 'demo.1.2.x' } }));
  assert.equal(shown(after), []);
  const forget = after.steps.find((s) => s.action.kind === 'broker');
  assert.ok(forget?.action.kind === 'broker');
  assert.not.ok(forget.action.record.intent);
  assert.is(forget.action.call, undefined);
});

test('stop: as the spec would, is no difference to repair, and is over at its time', () => {
  const asked = ask(recordOf(combined, 1), { kind: 'stop', expiresAtMs: nowMs + 1_000 });
  const running = planOf(memoryOf(combined, asked));
  assert.equal(shown(running), ['- stop broker 1: stop asked for by ann']);

  const { task: _stopped, ...rest } = asked;
  const last = makeEnded(combined, makeBroker(1)).last;
  assert.ok(last);
  const stopped: BrokerRecord = { ...rest, last: { ...last, ordered: true } };
  const kept = memoryOf(combined, stopped);
  const offers = [makeOffer('agent-2')];
  const then = planOf(kept, { mesos: { offers } });
  assert.equal(shown(then), []);
  assert.equal(heldOf(then), []);
  const status = clusterStatus({
    input: makeInput([kept]),
    memory: kept,
    plan: then,
    events: [],
    rates: new Map(),
  });
  assert.is(status.brokers[1]?.state, 'stopped');
  assert.is(status.brokers[1]?.intent?.author, 'ann');
  assert.is(then.wakeAtMs !== undefined && then.wakeAtMs <= nowMs + 1_000, true);

  const over = plan(makeInput([kept], { nowMs: nowMs + 1_000 }));
  assert.ok(over.held.some((h) => h.brokerId === 1 && h.need.endsWith('broker 1')));
  assert.ok(over.steps.some((s) => s.what === 'forget that broker 1 was to stop'));
});

test('stop: a broker that ended just now is not in sync, whatever an older or a newer reading says', () => {
  const stopped = (endedAgoMs: number): BrokerRecord => {
    const { task: _ended, ...rest } = ask(recordOf(combined, 1), { kind: 'stop' });
    const { last } = makeEnded(combined, makeBroker(1));
    assert.ok(last);
    return { ...rest, last: { ...last, ordered: true, endedAtMs: nowMs - endedAgoMs } };
  };
  const restarted = ask(recordOf(combined, 2), { kind: 'restart' });
  const full = (readAgoMs: number) => ({
    kafka: {
      demo: { known: true as const, value: makeKafka(combined, { observedAtMs: nowMs - readAgoMs }) },
    },
  });
  const older = planOf(memoryOf(combined, stopped(100), restarted), full(1_500));
  assert.equal(shown(older), []);
  assert.equal(heldOf(older), ['restart broker 2: kafka-unknown']);
  // Kafka fences a broker that did not say that it goes after its session only.
  const newer = planOf(memoryOf(combined, stopped(2_000), restarted), full(500));
  assert.equal(shown(newer), []);
  assert.equal(heldOf(newer), ['restart broker 2: waiting-for-isr']);
});

test('pause: neither restarted for a changed spec, nor started, nor stopped, nor relocated', () => {
  const changed = makeDesired({
    topics: [topic],
    brokers: [0, 1, 2].map((id) => makeBroker(id, { cpus: 2 })),
  });
  const asked = ask(recordOf(combined, 0), { kind: 'pause' });
  const made = planOf({ ...memoryOf(combined, asked), spec: memoryOf(changed).spec });
  assert.equal(shown(made), ['~ restart broker 1: cpus: 1 → 2']);
  assert.ok(heldOf(made).includes('restart broker 0: paused-by-operator'));

  const down = ask(makeEnded(combined, makeBroker(1), { stickyUntilMs: nowMs - 1 }), { kind: 'pause' });
  const idle = planOf(memoryOf(combined, down), {
    mesos: { offers: [makeOffer('agent-2'), makeOffer('agent-4')] },
  });
  assert.equal(shown(idle), []);
  assert.ok(heldOf(idle).includes('start broker 1: paused-by-operator'));

  const toStop = makeDesired({
    topics: [topic],
    brokers: [0, 1, 2].map((id) => makeBroker(id, { state: id === 0 ? 'stopped' : 'running' })),
  });
  assert.equal(shown(planOf({ ...memoryOf(combined, asked), spec: memoryOf(toStop).spec })), []);

  // Told to stop before it was paused, and its agent is away for long.
  const running = recordOf(apart, 1);
  if (running.task === undefined) throw new Error('no task');
  const lost: BrokerRecord = {
    ...running,
    task: {
      ...running.task,
      unreachableSinceMs: nowMs - 86_400_000,
      kill: { cause: 'roll', detail: 'cpus: 1 → 2', atMs: nowMs - 86_400_000 },
    },
  };
  const world = withoutBroker1();
  assert.is(shown(planOf(memoryOf(apart, lost), world)).length, 1, 'relocated when nobody minds');
  assert.equal(shown(planOf(memoryOf(apart, ask(lost, { kind: 'pause' })), world)), []);
});

test('replace: stopped behind the gate, then started empty on another agent, never on the old one', () => {
  const asked = ask(recordOf(apart, 1), { kind: 'replace' });
  assert.equal(shown(planOf(memoryOf(apart, asked))), ['~ restart broker 1: replacement asked for by ann']);

  const { task: _stopped, ...down } = asked;
  const fenced = makeKafka(apart);
  const kafka: KafkaObserved = {
    ...fenced,
    brokers: fenced.brokers.map((b) => (b.id === 1 ? { ...b, fenced: true } : b)),
    topics: fenced.topics.map((t) => ({
      ...t,
      partitions: t.partitions.map((p) => ({ ...p, isr: p.isr.filter((id) => id !== 1) })),
    })),
  };
  const world = { kafka: { demo: { known: true as const, value: kafka } } };
  const onlyHome = planOf(memoryOf(apart, down), { ...world, mesos: { offers: [makeOffer('agent-2')] } });
  assert.equal(shown(onlyHome), []);
  assert.match(JSON.stringify(onlyHome.held), /it is to leave this agent/);
  const spare = planOf(memoryOf(apart, down), {
    ...world,
    mesos: { offers: [makeOffer('agent-2'), makeOffer('agent-9')] },
  });
  assert.equal(shown(spare), ['+ start broker 1 on agent-9: replacement asked for by ann']);
  const launch = spare.steps.find((s) => s.brokerId === 1)?.action;
  assert.ok(launch?.kind === 'broker');
  assert.is(launch.record.formatted, false);
  assert.is.not(launch.record.placement?.incarnation, 'i1');
});

test('replace: the last live replica is held by name, and given up only by name', () => {
  const single = { name: 'single', partitions: 1, replicationFactor: 1, config: {} };
  const desired = { ...apart, topics: [single] };
  const observed = makeKafka(desired);
  const kafka: KafkaObserved = {
    ...observed,
    topics: [
      {
        name: 'single',
        internal: false,
        minIsr: 1,
        partitions: [{ partition: 0, leader: 1, replicas: [1], isr: [1], elr: [] }],
      },
    ],
  };
  const world = { kafka: { demo: { known: true as const, value: kafka } } };
  const held = planOf(memoryOf(desired, ask(recordOf(desired, 1), { kind: 'replace' })), world);
  assert.equal(shown(held), []);
  assert.match(JSON.stringify(held.held), /single-0: it has this replica only/);
  const other = planOf(
    memoryOf(desired, ask(recordOf(desired, 1), { kind: 'replace', acceptLoss: ['single-1'] })),
    world,
  );
  assert.equal(shown(other), []);

  const accepted = ask(recordOf(desired, 1), { kind: 'replace', acceptLoss: ['single-0'] });
  assert.is(shown(planOf(memoryOf(desired, accepted), world)).length, 1);
  const { task: _gone, ...down } = accepted;
  const dead: KafkaObserved = {
    ...kafka,
    brokers: kafka.brokers.map((b) => (b.id === 1 ? { ...b, fenced: true } : b)),
  };
  const moved = planOf(memoryOf(desired, down), {
    kafka: { demo: { known: true, value: dead } },
    mesos: { offers: [makeOffer('agent-9')] },
  });
  assert.equal(shown(moved), ['+ start broker 1 on agent-9: replacement asked for by ann']);
});

test('replace: a voter keeps its disk', () => {
  const asked = ask(makeEnded(combined, makeBroker(1)), { kind: 'replace' });
  const made = planOf(memoryOf(combined, asked), { mesos: { offers: [makeOffer('agent-9')] } });
  assert.equal(shown(made), []);
  assert.match(JSON.stringify(made.held), /holds a vote of the controller quorum/);
  assert.ok(makeCluster(combined).voters.length > 0);
});

test('taking back and asking again forget failures, so that it is tried at once', () => {
  const failing = makeEnded(combined, makeBroker(1), { failures: 7, retryAtMs: nowMs + 600_000 });
  for (const record of [
    askNothing(ask(failing, { kind: 'pause' }), nowMs),
    ask(failing, { kind: 'restart' }),
  ]) {
    assert.is(record.failures, 0);
    assert.is(record.retryAtMs, undefined);
  }
  assert.is(ask(failing, { kind: 'pause' }).failures, 7);
});

test('a broker that was kept down is missed at its agent only since it is wanted again', () => {
  const down = makeEnded(apart, apart.brokers[1] ?? makeBroker(1), { stickyUntilMs: nowMs - 86_400_000 });
  const back = askNothing(ask(down, { kind: 'stop' }), nowMs - 1_000);
  const world = withoutBroker1();
  assert.equal(shown(planOf(memoryOf(apart, back), world)), []);
  const restarted = ask(ask(down, { kind: 'stop' }), { kind: 'restart' });
  assert.equal(shown(planOf(memoryOf(apart, restarted), world)), [], 'asked for by a restart');
  // Of one that nobody had kept down the same spare is taken.
  assert.is(shown(planOf(memoryOf(apart, down), world)).length, 1);
});

test('what has had its time is forgotten, of a cluster that is removed too', () => {
  const removed: Desired = { ...combined, deletion: 'keepData' };
  const paused = ask(makeEnded(removed, makeBroker(1)), {
    kind: 'pause',
    expiresAtMs: nowMs - 1,
  });
  const forgotten = planOf(memoryOf(removed, paused)).steps.find((s) => s.brokerId === 1);
  assert.is(forgotten?.what, 'forget that broker 1 was to pause');
});

test.run();
