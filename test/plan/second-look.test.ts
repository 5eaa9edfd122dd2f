/** Sequences that once went wrong, found by reading: each ends in harm without the rule it names. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DesiredBroker } from '../../src/model/desired.ts';
import type { Offer, TaskUpdate } from '../../src/model/mesos.ts';
import type { PlanInput } from '../../src/model/observed.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import { foldUpdate } from '../../src/observe/fold-update.ts';
import { plan } from '../../src/plan/plan.ts';
import { planTopics } from '../../src/plan/topics.ts';
import {
  makeBroker,
  makeCluster,
  makeDesired,
  makeEnded,
  makeInput,
  makeKafka,
  makeMemory,
  makeOffer,
  makePlacement,
  makeRecord,
  makeTask,
  nowMs,
} from './builders.ts';

const brokerOnly = (id: number, changes: Partial<DesiredBroker> = {}) =>
  makeBroker(id, { roles: ['broker'], ...changes });
const steps = (input: PlanInput) =>
  plan(input)
    .steps.filter((s) => s.mark !== '·')
    .map((s) => s.what);
const needs = (input: PlanInput) => plan(input).held.map((h) => `${h.need}: ${h.reason.kind}`);

test('a task that Mesos kills for a drain is on its way down: no other broker is restarted', () => {
  const desired = makeDesired({
    brokers: [0, 1, 2].map((id) => makeBroker(id, { config: { 'num.partitions': '4' } })),
  });
  const killing = desired.brokers[0];
  if (killing === undefined) throw new Error('no broker');
  const record = makeRecord(desired, killing, {
    task: makeTask(desired, killing, makePlacement('demo', killing), {
      state: 'TASK_KILLING',
      stateSinceMs: nowMs - 1_000,
    }),
  });
  const others = desired.brokers.slice(1).map((broker) => {
    const made = makeRecord(desired, broker);
    return {
      ...made,
      ...(made.task && { task: { ...made.task, startedWith: { ...made.task.startedWith, config: {} } } }),
    };
  });
  const input = makeInput([makeMemory(desired, [record, ...others])], {
    kafka: { demo: { known: true, value: makeKafka(desired) } },
  });
  assert.equal(steps(input), []);
  assert.ok(needs(input).includes('start broker 0: task-in-progress'), needs(input).join('\n'));
});

/** Broker 3 has ended; broker-only, formatted, healthy elsewhere. */
function lostBroker(changes: Partial<BrokerRecord>, subscribedAgoMs: number): PlanInput {
  const desired = makeDesired({ brokers: [...[0, 1, 2].map((id) => makeBroker(id)), brokerOnly(3)] });
  const broker = desired.brokers[3];
  if (broker === undefined) throw new Error('no broker');
  const kafka = makeKafka(desired);
  const fenced = { ...kafka, brokers: kafka.brokers.map((b) => (b.id === 3 ? { ...b, fenced: true } : b)) };
  return makeInput([makeMemory(desired, [makeEnded(desired, broker, changes)])], {
    mesos: { offers: [makeOffer('agent-9')], subscribedAtMs: nowMs - subscribedAgoMs },
    kafka: { demo: { known: true, value: fenced } },
  });
}

test('right after a subscription no disk is given up: the agent that has it may still offer', () => {
  const over = { stickyUntilMs: nowMs - 1_000, formatted: true };
  assert.equal(steps(lostBroker(over, 100)), []);
  assert.equal(steps(lostBroker(over, 3_600_000)).length, 1);
});

test('an agent marked gone does not skip the gate, whatever was heard of the disk', () => {
  const gone = (formatted: boolean, offer: Offer): PlanInput => {
    const input = lostBroker({ formatted }, 3_600_000);
    const [memory] = input.clusters;
    const broker = memory?.spec.desired.brokers[3];
    if (memory === undefined || broker === undefined) return assert.unreachable() as never;
    const {
      last: _last,
      stickyUntilMs: _sticky,
      ...record
    } = memory.brokers.get(3) ?? makeRecord(memory.spec.desired, broker);
    const task = makeTask(memory.spec.desired, broker, makePlacement('demo', broker), {
      state: 'TASK_STARTING',
    });
    const update: TaskUpdate = { taskId: task.taskId, state: 'TASK_GONE_BY_OPERATOR' };
    const folded = foldUpdate({ ...record, task }, update, broker, nowMs - 1_000);
    return {
      ...input,
      clusters: [{ ...memory, brokers: new Map([[3, folded]]) }],
      mesos: { ...input.mesos, offers: [offer] },
      kafka: new Map([['demo', { known: false, why: 'nobody answers' }]]),
    };
  };
  // Elsewhere, and on the machine that it was on: that begins anew under another id, with an empty disk.
  for (const offer of [makeOffer('agent-9'), makeOffer('agent-9', { hostname: 'agent-4' })]) {
    assert.equal(steps(gone(false, offer)), []);
    assert.equal(steps(gone(true, offer)), []);
  }
});

test('a topic is not grown onto brokers that do not serve', () => {
  const before = makeDesired({
    brokers: [0, 1, 2].map((id) => makeBroker(id)),
    topics: [{ name: 'events', partitions: 1, replicationFactor: 3, config: {} }],
  });
  const after = { ...before, topics: before.topics.map((t) => ({ ...t, partitions: 2 })) };
  const kafka = makeKafka(before);
  const value = { ...kafka, brokers: kafka.brokers.map((b) => ({ ...b, fenced: b.id === 2 })) };
  const { steps, held } = planTopics(makeMemory(after, []), { known: true, value });
  assert.equal(steps, []);
  assert.equal(held[0]?.reason, { kind: 'too-few-brokers', wanted: 3, available: 2 });
});

test('a broker that was stopped a moment ago counts as a change: the reading before it stops no other', () => {
  const desired = makeDesired({
    brokers: [
      ...[0, 1, 2].map((id) =>
        brokerOnly(id, id === 1 ? { state: 'stopped' } : { config: { 'num.partitions': '4' } }),
      ),
      // The vote of a broker that is stopped would be missed as well.
      ...[100, 101, 102].map((id) => makeBroker(id, { roles: ['controller'] })),
    ],
    topics: [{ name: 'events', partitions: 1, replicationFactor: 2, config: {} }],
  });
  const before = { ...desired, brokers: desired.brokers.map((b) => ({ ...b, config: {} })) };
  const records = desired.brokers.map((broker) => {
    const ended = makeEnded(before, broker, { failures: 0 });
    return broker.id === 1 && ended.last !== undefined
      ? { ...ended, last: { ...ended.last, endedAtMs: nowMs - 100, ordered: true } }
      : makeRecord(before, { ...broker, config: {} });
  });
  // Half a second old: broker 1 still serves in it.
  const kafka = makeKafka(before, { observedAtMs: nowMs - 500 });
  const input = makeInput([makeMemory(desired, records)], {
    kafka: { demo: { known: true, value: kafka } },
  });
  assert.equal(steps(input), []);
  const read = makeKafka(before, { observedAtMs: nowMs - 50 });
  const later = makeInput([makeMemory(desired, records)], { kafka: { demo: { known: true, value: read } } });
  assert.equal(steps(later), ['restart broker 0']);
});

test('a KILL that was ordered before the agent went away is repeated only where it could be ordered now', () => {
  const desired = makeDesired({
    brokers: [0, 1, 2].map((id) => makeBroker(id)),
    topics: [{ name: 'events', partitions: 1, replicationFactor: 3, config: { 'min.insync.replicas': '2' } }],
  });
  const records = desired.brokers.map((broker) =>
    makeRecord(desired, broker, {
      task: makeTask(desired, broker, makePlacement('demo', broker), {
        ...(broker.id === 0 ? { kill: { cause: 'roll', detail: 'memory', atMs: nowMs - 100_000 } } : {}),
      }),
    }),
  );
  const kafka = makeKafka(desired);
  const behind = {
    ...kafka,
    topics: kafka.topics.map((t) => ({ ...t, partitions: t.partitions.map((p) => ({ ...p, isr: [0, 1] })) })),
  };
  const inputOf = (value: typeof kafka) =>
    makeInput([makeMemory(desired, records)], { kafka: { demo: { known: true, value } } });
  assert.equal(steps(inputOf(behind)), []);
  assert.match(needs(inputOf(behind)).join(), /restart broker 0: waiting-for-/);
  const sent = plan(inputOf(kafka)).steps.flatMap(({ action }) =>
    action.kind === 'broker' && action.call?.kind === 'kill' ? [action.call.taskId] : [],
  );
  assert.equal(sent, ['demo.0.1.t']);
});

test('a voter that was bound and never launched starts on its host, under whatever id the agent has now', () => {
  const desired = makeDesired({ brokers: [0, 1, 2].map((id) => makeBroker(id)) });
  const cluster = makeCluster(desired);
  const records = desired.brokers.filter((b) => b.id !== 2).map((broker) => makeRecord(desired, broker));
  const brokers = new Map(records.map((record) => [record.id, record]));
  const memory = { ...makeMemory(desired, records), cluster, brokers };
  const hostname = cluster.voters[2]?.placement.hostname ?? '';
  const input = makeInput([memory], {
    mesos: { offers: [{ ...makeOffer('another-id'), hostname }] },
  });
  assert.match(steps(input).join(), /start broker 2/);
});

test.run();
