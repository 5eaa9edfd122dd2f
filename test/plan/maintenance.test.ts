/** Inverse offers: an agent is given back only when every cluster can spare what runs there. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { InverseOffer, Offer } from '../../src/model/mesos.ts';
import type { PlanInput } from '../../src/model/observed.ts';
import type { Action } from '../../src/model/plan.ts';
import type { BrokerRecord, ClusterMemory } from '../../src/model/records.ts';
import { emptyMesosTable, foldMesosEvent, foldSent, type MesosTable } from '../../src/observe/mesos-table.ts';
import { describeHeld } from '../../src/plan/describe-held.ts';
import { plan } from '../../src/plan/plan.ts';
import { blockLeave } from '../../src/plan/safety.ts';
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

const hourMs = 3_600_000;
const desired = makeDesired({
  topics: [{ name: 't', partitions: 3, replicationFactor: 3, config: { 'min.insync.replicas': '2' } }],
});
const ask = (agentId: string, startMs = nowMs + hourMs, receivedAtMs = nowMs - 5_000): InverseOffer => ({
  id: `inverse-${agentId}`,
  agentId,
  unavailability: { startMs, durationMs: hourMs },
  receivedAtMs,
});

function tableOf(...offers: InverseOffer[]): MesosTable {
  return foldMesosEvent(
    emptyMesosTable,
    { kind: 'inverse-offers', inverseOffers: offers },
    () => true,
    nowMs,
  );
}

function inputOf(
  table: MesosTable,
  memory: ClusterMemory = makeMemory(desired),
  kafka = makeKafka(desired),
): PlanInput {
  return makeInput([memory], {
    mesos: { inverseOffers: table.inverseOffers },
    kafka: { demo: { known: true, value: kafka } },
  });
}

/** In the order of the steps: `store 0: declined`, `accept inverse-agent-1`. */
function answers(input: PlanInput): readonly string[] {
  const tell = (action: Action): readonly string[] => {
    if (action.kind === 'broker' && action.call === undefined) {
      const { maintenance } = action.record;
      const said = maintenance === undefined ? 'nothing' : maintenance.accepted ? 'accepted' : 'declined';
      return [`store ${action.record.id}: ${said}`];
    }
    return action.kind === 'mesos' && action.call.kind === 'answer-inverse-offer'
      ? [`${action.call.accept ? 'accept' : 'decline'} ${action.call.inverseOfferId}`]
      : [];
  };
  return plan(input).steps.flatMap((s) => tell(s.action));
}

/** The memory after the stored steps of the plan. */
function stored(input: PlanInput): ClusterMemory {
  const [memory] = input.clusters;
  if (memory === undefined) throw new Error('no cluster');
  const brokers = new Map<number, BrokerRecord>(memory.brokers);
  for (const { action } of plan(input).steps) {
    if (action.kind === 'broker') brokers.set(action.record.id, action.record);
  }
  return { ...memory, brokers };
}

test('the answer is stored with the broker, then sent; the same answer is not stored again', () => {
  const input = inputOf(tableOf(ask('agent-1')));
  assert.equal(answers(input), ['store 0: accepted', 'accept inverse-agent-1']);
  assert.equal(answers(inputOf(tableOf(ask('agent-1')), stored(input))), ['accept inverse-agent-1']);
  assert.equal(answers(inputOf(tableOf(ask('agent-9')))), ['accept inverse-agent-9'], 'nothing runs there');
});

test('declined when min ISR would break or the quorum lose its majority, with the reason', () => {
  const kafka = makeKafka(desired);
  const behind = {
    ...kafka,
    topics: kafka.topics.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((p) => ({ ...p, isr: [0, 1] })),
    })),
  };
  const input = inputOf(tableOf(ask('agent-1')), makeMemory(desired), behind);
  assert.equal(answers(input), ['store 0: declined', 'decline inverse-agent-1']);
  assert.match(
    stored(input).brokers.get(0)?.maintenance?.why ?? '',
    /t-0 would have 1 in sync of min ISR 2, and 2/,
  );
  assert.equal(
    answers(inputOf(tableOf(ask('agent-3')), makeMemory(desired), behind))[1],
    'accept inverse-agent-3',
  );

  const noTopics = makeDesired();
  const leaving = new Set([0]);
  const policy = { allowSingleReplicaOutage: false };
  const healthy = makeKafka(noTopics);
  const lagging = {
    ...healthy,
    quorum: {
      ...healthy.quorum,
      voters: healthy.quorum.voters.map((v) =>
        v.nodeId === 2 ? { ...v, logEndOffset: 1, lastCaughtUpMs: nowMs - hourMs } : v,
      ),
    },
  };
  assert.is(blockLeave(healthy, leaving, policy, new Set()), undefined);
  assert.match(blockLeave(lagging, leaving, policy, new Set()) ?? '', /caught-up voters would be left/);
  assert.match(
    blockLeave(healthy, new Set([0, 1]), policy, new Set()) ?? '',
    /caught-up voters would be left/,
  );
});

test('a partition with one replica is spared by consent only, an unknown min ISR never', () => {
  const kafka = makeKafka(
    makeDesired({ topics: [{ name: 's', partitions: 1, replicationFactor: 1, config: {} }] }),
  );
  const all = new Set([0]);
  assert.match(
    blockLeave(kafka, all, { allowSingleReplicaOutage: false }, new Set()) ?? '',
    /s-0 would have 0/,
  );
  assert.is(blockLeave(kafka, all, { allowSingleReplicaOutage: true }, new Set()), undefined);
  const healthy = makeKafka(desired);
  const unknown = { ...healthy, topics: healthy.topics.map(({ minIsr: _unknown, ...topic }) => topic) };
  assert.match(blockLeave(unknown, all, { allowSingleReplicaOutage: true }, new Set()) ?? '', /is not known/);
});

test('agents promised for the same time count together, for another time they do not', () => {
  const both = inputOf(tableOf(ask('agent-1'), ask('agent-2')));
  assert.equal(answers(both), [
    'store 0: accepted',
    'accept inverse-agent-1',
    'store 1: declined',
    'decline inverse-agent-2',
  ]);
  const later = inputOf(tableOf(ask('agent-2')), stored(inputOf(tableOf(ask('agent-1')))));
  assert.ok(answers(later).includes('decline inverse-agent-2'), 'the promise is in the store');
  const apart = inputOf(tableOf(ask('agent-1'), ask('agent-2', nowMs + 3 * hourMs)));
  assert.is(answers(apart).at(-1), 'accept inverse-agent-2');
});

test('an unknown Kafka declines, a reading from before the question waits for the next', () => {
  const input = inputOf(tableOf(ask('agent-1')));
  const unknown: PlanInput = {
    ...input,
    kafka: new Map([['demo', { known: false, why: 'nobody answers' }]]),
  };
  assert.is(answers(unknown).at(-1), 'decline inverse-agent-1');
  assert.equal(answers(inputOf(tableOf(ask('agent-1', nowMs + hourMs, nowMs)))), []);
});

test('a broker that this very pass changes is judged in the next one', () => {
  const stopping = makeDesired({
    brokers: desired.brokers.map((b) => (b.id === 0 ? makeBroker(0, { state: 'stopped' }) : b)),
  });
  const input = inputOf(tableOf(ask('agent-1')), makeMemory(stopping), makeKafka(desired));
  assert.ok(plan(input).steps.some((s) => s.what === 'stop broker 0'));
  assert.equal(answers(input), []);
});

test('who is down or goes down in this pass cannot stand in for who is to leave', () => {
  const ended = makeEnded(desired, makeBroker(1));
  const healthy = makeKafka(desired);
  const answerTo = (memory: ClusterMemory) =>
    answers(inputOf(tableOf(ask('agent-1')), memory, healthy)).at(-1);
  assert.is(answerTo(makeMemory(desired)), 'accept inverse-agent-1');
  assert.is(answerTo(makeMemory(desired, [ended])), 'decline inverse-agent-1', 'Kafka has not noticed yet');
  const { task } = makeRecord(desired, makeBroker(1));
  assert.ok(task);
  const told = { ...task, kill: { cause: 'roll' as const, detail: 'x', atMs: nowMs - 1_000 } };
  const killed = makeRecord(desired, makeBroker(1), { task: told });
  assert.is(answerTo(makeMemory(desired, [killed])), 'decline inverse-agent-1');
  const stopping = makeDesired({
    ...desired,
    brokers: desired.brokers.map((b) => (b.id === 1 ? makeBroker(1, { state: 'stopped' }) : b)),
  });
  const input = inputOf(tableOf(ask('agent-1')), makeMemory(stopping), healthy);
  assert.ok(plan(input).steps.some((s) => s.what === 'stop broker 1'));
  assert.is(answers(input).at(-1), 'decline inverse-agent-1');
});

test('no broker is stopped while another may go down with an agent that was promised', () => {
  const promise = (startMs: number, accepted = true): BrokerRecord =>
    makeRecord(desired, makeBroker(0), {
      maintenance: { agentId: 'agent-1', startMs, durationMs: hourMs, accepted, why: '' },
    });
  const changed = makeDesired({
    ...desired,
    brokers: desired.brokers.map((b) => (b.id === 2 ? makeBroker(2, { state: 'stopped' }) : b)),
  });
  const made = (...records: readonly BrokerRecord[]) =>
    plan(inputOf(emptyMesosTable, makeMemory(changed, records), makeKafka(desired)));
  const stopped = (record: BrokerRecord) => made(record).steps.some((s) => s.what === 'stop broker 2');
  // 2 min of grace and 5 min to come back.
  assert.not(stopped(promise(nowMs + 6 * 60_000)));
  assert.not(stopped(promise(nowMs - hourMs / 2)), 'it has begun');
  assert.ok(stopped(promise(nowMs + 8 * 60_000)));
  assert.ok(stopped(promise(nowMs - hourMs)), 'it is over');
  assert.ok(stopped(promise(nowMs, false)), 'it was declined');
  assert.ok(stopped({ ...promise(nowMs), task: { ...recordTask(0), agentId: 'agent-9' } }), 'it moved');
  const held = made(promise(nowMs - 1_000)).held.find((h) => h.need === 'stop broker 2');
  assert.equal(held?.reason, {
    kind: 'waiting-for-roll',
    brokerId: 0,
    detail: 'may go down with its agent agent-1, whose maintenance was accepted',
    untilMs: nowMs - 1_000 + hourMs,
  });
  const over = nowMs - hourMs + 60_000;
  assert.is(made(promise(over)).wakeAtMs, over + hourMs, 'and it goes on by itself');
  const own = made({ ...promise(nowMs), id: 2, task: { ...recordTask(2), agentId: 'agent-1' } });
  assert.ok(
    own.steps.some((s) => s.what === 'stop broker 2'),
    'its own agent',
  );
});

test('when a maintenance is, the wall clock says, however far from it the clock of waits is', () => {
  const promised = makeRecord(desired, makeBroker(0), {
    maintenance: {
      agentId: 'agent-1',
      startMs: nowMs + 2 * 60_000,
      durationMs: hourMs,
      accepted: true,
      why: '',
    },
  });
  const changed = makeDesired({
    ...desired,
    brokers: desired.brokers.map((b) => (b.id === 2 ? makeBroker(2, { state: 'stopped' }) : b)),
  });
  const made = (aheadMs: number, wallMs = nowMs) => {
    const atMs = wallMs + aheadMs;
    const kafka = makeKafka(changed, { observedAtMs: atMs - 500 });
    return plan({ ...inputOf(emptyMesosTable, makeMemory(changed, [promised]), kafka), nowMs: atMs, wallMs });
  };
  const stops = (aheadMs: number, wallMs = nowMs) =>
    made(aheadMs, wallMs).steps.some((s) => s.what === 'stop broker 2');
  for (const aheadMs of [-30 * 60_000, 0, 114 * 60_000]) {
    assert.not(stops(aheadMs), `it begins in two minutes, ${aheadMs} ms ahead`);
    assert.not(stops(aheadMs, nowMs + 2 * 60_000), 'it has begun');
    assert.ok(stops(aheadMs, nowMs + 2 * 60_000 + hourMs), 'it is over');
    assert.ok(stops(aheadMs, nowMs - 10 * 60_000), 'it is far off');
  }
  const endMs = nowMs + 2 * 60_000 + hourMs;
  const { wakeAtMs, held } = made(5_000, endMs - 1_000);
  assert.is(wakeAtMs, endMs + 5_000, 'the wait for its end is one of the steady clock');
  const reason = held.find((h) => h.need === 'stop broker 2')?.reason;
  assert.is(
    reason?.kind === 'waiting-for-roll' && reason.untilMs,
    endMs,
    'and people are told the time of day',
  );
});

test('new work keeps its distance from a maintenance by the wall clock', () => {
  const offer = makeOffer('agent-9', { unavailability: { startMs: nowMs + 60_000, durationMs: hourMs } });
  const {
    task: _none,
    placement: _nowhere,
    ...fresh
  } = makeRecord(desired, makeBroker(3, { roles: ['broker'] }));
  const grown = makeDesired({
    ...desired,
    brokers: [...desired.brokers, makeBroker(3, { roles: ['broker'] })],
  });
  const memory = makeMemory(grown, [{ ...fresh, formatted: false, launches: 0 }], makeCluster(desired));
  const starts = (aheadMs: number, wallMs = nowMs) =>
    plan(makeInput([memory], { nowMs: wallMs + aheadMs, wallMs, mesos: { offers: [offer] } })).steps.some(
      (s) => s.brokerId === 3 && s.action.kind === 'broker' && s.action.record.placement !== undefined,
    );
  for (const aheadMs of [-114 * 60_000, 0, 114 * 60_000]) {
    assert.not(starts(aheadMs), `${aheadMs} ms ahead`);
    assert.ok(starts(aheadMs, nowMs + 2 * hourMs), 'it is over');
  }
});

function recordTask(id: number) {
  const { task } = makeRecord(desired, makeBroker(id));
  if (task === undefined) throw new Error('no task');
  return task;
}

test('a maintenance without an end holds a roll, and a person is told what ends it', () => {
  const promise = (startMs: number): BrokerRecord =>
    makeRecord(desired, makeBroker(0), {
      maintenance: { agentId: 'agent-1', startMs, accepted: true, why: '' },
    });
  const changed = makeDesired({
    ...desired,
    brokers: desired.brokers.map((b) => (b.id === 2 ? makeBroker(2, { state: 'stopped' }) : b)),
  });
  const heldAt = (startMs: number) =>
    plan(inputOf(emptyMesosTable, makeMemory(changed, [promise(startMs)]), makeKafka(desired))).held.find(
      (h) => h.need === 'stop broker 2',
    );
  const begun = heldAt(nowMs - 24 * hourMs);
  assert.ok(begun?.stalled === true);
  assert.match(describeHeld(begun).remedy ?? '', /agent-1 has no duration: take it out/);
  assert.is(heldAt(nowMs + 60_000)?.stalled, false, 'it has not begun');
});

test('the answer for a broker that is down, or has moved, is forgotten in the end', () => {
  const maintenance = {
    agentId: 'agent-1',
    startMs: nowMs - hourMs,
    durationMs: 2 * hourMs,
    accepted: true,
    why: '',
  };
  const ended = makeEnded(desired, makeBroker(0), { maintenance });
  const inputAt = (record: BrokerRecord, ...offers: Offer[]) => {
    const input = inputOf(emptyMesosTable, makeMemory(desired, [record]));
    return { ...input, mesos: { ...input.mesos, offers } };
  };
  // Its agent offers too little to start it again, so that the record is written for nothing else.
  const offer = (unavailability?: Offer['unavailability']) =>
    makeOffer('agent-1', { cpus: 0.1, ...(unavailability === undefined ? {} : { unavailability }) });
  const forgotten = ['store 0: nothing'];
  assert.equal(answers(inputAt(ended)), []);
  assert.equal(answers({ ...inputAt(ended), wallMs: nowMs + hourMs }), forgotten, 'it is over');
  assert.equal(answers({ ...inputAt(ended), nowMs: nowMs + hourMs }), [], 'by the wall clock');
  assert.equal(answers(inputAt(ended, offer())), forgotten, 'its agent has nothing planned any more');
  assert.equal(answers(inputAt(ended, offer({ startMs: maintenance.startMs, durationMs: 2 * hourMs }))), []);
  assert.equal(
    answers(inputAt(ended, offer({ startMs: nowMs + hourMs }))),
    forgotten,
    'another one is planned',
  );
  const moved = makeRecord(desired, makeBroker(0), {
    maintenance,
    task: { ...recordTask(0), agentId: 'agent-9' },
  });
  const asked = inputOf(tableOf(ask('agent-1')), makeMemory(desired, [moved]));
  assert.equal(answers(asked), ['accept inverse-agent-1', ...forgotten], 'it runs elsewhere');
  const { durationMs: _none, ...endless } = maintenance;
  assert.equal(answers({ ...inputAt({ ...ended, maintenance: endless }), wallMs: nowMs + 24 * hourMs }), []);
});

test('a question is answered once; a rescinded one is forgotten while the broker is still up', () => {
  const table = tableOf(ask('agent-1'));
  const answered = foldSent(
    table,
    { kind: 'answer-inverse-offer', inverseOfferId: 'inverse-agent-1', accept: true, refuseSeconds: 60 },
    nowMs,
  );
  assert.equal(answers(inputOf(answered)), []);
  const rescinded = foldMesosEvent(
    answered,
    { kind: 'rescind-inverse-offer', inverseOfferId: 'inverse-agent-1' },
    () => true,
    nowMs,
  );
  const memory = stored(inputOf(table));
  assert.equal(answers(inputOf(rescinded, memory)), ['store 0: nothing']);
  assert.equal(answers(inputOf(rescinded, stored(inputOf(rescinded, memory)))), [], 'and then nothing more');
  // START_MAINTENANCE rescinds too, after the tasks were lost.
  const lost = makeRecord(desired, makeBroker(0), { ...memory.brokers.get(0) });
  const down = { ...lost, ...(lost.task && { task: { ...lost.task, unreachableSinceMs: nowMs - 1_000 } }) };
  const begun = { ...memory, brokers: new Map([...memory.brokers, [0, down]]) };
  assert.equal(answers(inputOf(rescinded, begun)), []);
  assert.ok(shown(inputOf(rescinded, begun)));
});

const shown = (input: PlanInput) => {
  const [memory] = input.clusters;
  if (memory === undefined) throw new Error('no cluster');
  const status = clusterStatus({ input, memory, plan: plan(input), events: [], rates: new Map() });
  return status.brokers[0]?.maintenance;
};

test('a question that is not asked again was withdrawn', () => {
  const asked = tableOf(ask('agent-1'));
  const memory = stored(inputOf(asked));
  const answered = foldSent(
    asked,
    { kind: 'answer-inverse-offer', inverseOfferId: 'inverse-agent-1', accept: true, refuseSeconds: 60 },
    nowMs,
  );
  const input = inputOf(answered, memory);
  const dueMs = nowMs - 5_000 + 180_000;
  assert.is(plan(input).wakeAtMs, dueMs);
  assert.equal(answers({ ...input, nowMs: dueMs - 1 }), []);
  assert.equal(answers({ ...input, nowMs: dueMs }), ['store 0: nothing']);
  // After a restart of the scheduler nothing tells of it but that it is not asked.
  const restarted = inputOf(emptyMesosTable, memory);
  const mesos = { ...restarted.mesos, subscribedAtMs: nowMs - 60_000 };
  assert.equal(answers({ ...restarted, mesos }), []);
  assert.equal(answers({ ...restarted, mesos: { ...mesos, subscribedAtMs: nowMs - 180_000 } }), [
    'store 0: nothing',
  ]);
});

test('the answer is shown until the maintenance is over', () => {
  const memory = stored(inputOf(tableOf(ask('agent-1'))));
  const input = inputOf(emptyMesosTable, memory);
  assert.equal(shown(input), {
    startMs: nowMs + hourMs,
    endMs: nowMs + 2 * hourMs,
    accepted: true,
    why: 'min ISR and quorum hold without what runs there',
  });
  assert.is(shown({ ...input, wallMs: nowMs + 2 * hourMs }), undefined);
  assert.ok(shown({ ...input, nowMs: nowMs + 2 * hourMs }), 'whatever the clock of waits says');
});

test.run();
