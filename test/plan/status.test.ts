/** Status says what is, also of what somebody wanted so. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BrokerRecord } from '../../src/model/records.ts';
import { plan } from '../../src/plan/plan.ts';
import { clusterStatus } from '../../src/plan/status.ts';
import {
  makeBroker,
  makeDesired,
  makeEnded,
  makeInput,
  makeKafka,
  makeMemory,
  makePlacement,
  makeRecord,
  makeTask,
  nowMs,
} from './builders.ts';

const topics = [{ name: 'events', partitions: 1, replicationFactor: 3, config: {} }];
const desired = makeDesired({ topics });

function shown(records: readonly BrokerRecord[], isr: readonly number[]) {
  const memory = makeMemory(desired, records);
  const kafka = makeKafka(desired);
  const value = {
    ...kafka,
    topics: kafka.topics.map((t) => ({ ...t, partitions: t.partitions.map((p) => ({ ...p, isr })) })),
  };
  const input = makeInput([memory], { kafka: { demo: { known: true, value } } });
  return clusterStatus({ input, memory, plan: plan(input), events: [], rates: new Map() });
}

test('a topic without the replicas of a broker that is kept stopped says so, and waits for nothing', () => {
  const ended = makeEnded(desired, makeBroker(2));
  const intent = { kind: 'stop', author: 'ann', atMs: nowMs } as const;
  const last = ended.last === undefined ? {} : { last: { ...ended.last, ordered: true } };
  const status = shown([{ ...ended, ...last, intent }], [0, 1]);
  assert.is(status.phase, 'converged');
  assert.is(status.topics[0]?.state, 'under-replicated');
  assert.is(status.topics[0]?.waiting?.why, 'broker 2 is kept stopped');
  const ready = status.conditions.find((c) => c.type === 'Ready');
  assert.equal(
    [ready?.status, ready?.reason, ready?.message],
    [true, 'BrokersStopped', 'broker 2 is kept stopped, so topic events is under-replicated'],
  );
  assert.is(status.brokers[2]?.lastEnd?.ordered, true);
});

test('a cluster with a volume that is to grow has not converged, whatever the last plan said', () => {
  const grown = makeDesired({
    brokers: desired.brokers.map((b) => ({
      ...b,
      storage: {
        kind: 'persistent' as const,
        volumes: b.storage.volumes.map((v) => ({ ...v, sizeMiB: v.sizeMiB + 1 })),
      },
    })),
  });
  const records = desired.brokers.map((b) => makeRecord(desired, b));
  const phaseOf = (wanted: typeof desired) => {
    const memory = makeMemory(wanted, records);
    const input = makeInput([memory], {
      kafka: { demo: { known: true, value: makeKafka(desired) } },
    });
    // As between the storing of a revision and its first pass.
    return clusterStatus({
      input,
      memory,
      plan: { steps: [], held: [], declined: [] },
      events: [],
      rates: new Map(),
    }).phase;
  };
  assert.is(phaseOf(makeDesired()), 'converged');
  assert.is.not(phaseOf(grown), 'converged');
});

test('nothing is in sync as long as Kafka cannot be asked, topics or none', () => {
  const memory = makeMemory(makeDesired());
  const input = makeInput([memory], { kafka: { demo: { known: false, why: 'no broker answers' } } });
  const { phase, conditions } = clusterStatus({
    ...{ input, memory, plan: plan(input), events: [], rates: new Map() },
  });
  assert.is(phase, 'converging');
  assert.equal(
    conditions.filter(({ type }) => type === 'Ready').map((c) => [c.status, c.reason]),
    [[false, 'KafkaUnknown']],
  );
});

test('a broker that has no process that could serve is not in sync, whatever Kafka has not noticed yet', () => {
  const placement = makePlacement('demo', makeBroker(1));
  for (const [state, inSync, topic] of [
    ['TASK_STAGING', 0, 'under-replicated'],
    ['TASK_STARTING', 0, 'under-replicated'],
    ['TASK_RUNNING', 1, 'ready'],
  ] as const) {
    const task = makeTask(desired, makeBroker(1), placement, { state });
    const status = shown([makeRecord(desired, makeBroker(1), { task })], [0, 1, 2]);
    assert.equal(status.brokers[1]?.inSync, { inSync, total: 1 }, state);
    assert.is(status.topics[0]?.state, topic, state);
  }
});

test('a cluster of which something is still asked to be done once has not converged', () => {
  const phaseOf = (kind: 'restart' | 'pause') => {
    // Its next task runs: all there is to do is to forget it.
    const intent = { kind, author: 'ann', atMs: nowMs, taskId: 'demo.1.0.before' } as const;
    return shown([makeRecord(desired, makeBroker(1), { intent })], [0, 1, 2]).phase;
  };
  assert.is(phaseOf('restart'), 'converging');
  assert.is(phaseOf('pause'), 'converged');
});

test('a roll is a roll until its last broker is back', () => {
  const changed = makeDesired({ topics, brokers: [0, 1, 2].map((id) => makeBroker(id, { heapMiB: 600 })) });
  const before = makeEnded(desired, makeBroker(1)).last;
  const placement = makePlacement('demo', makeBroker(1));
  const task = makeTask(changed, makeBroker(1, { heapMiB: 600 }), placement, { state: 'TASK_STARTING' });
  const phaseOf = (last: BrokerRecord['last']) => {
    const record = makeRecord(changed, makeBroker(1), { task, ...(last === undefined ? {} : { last }) });
    const memory = makeMemory(changed, [record]);
    const input = makeInput([memory]);
    return clusterStatus({ input, memory, plan: plan(input), events: [], rates: new Map() }).phase;
  };
  assert.is(phaseOf(before && { ...before, ordered: true }), 'rolling');
  assert.is(phaseOf(before), 'converging', 'it failed');
  assert.is(phaseOf(before && { ...before, ordered: true, startedWith: task.startedWith }), 'converging');
});

test.run();
