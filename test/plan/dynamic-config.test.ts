import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BrokerRecord, BrokerSettings, DynamicValue } from '../../src/model/records.ts';
import { foldBrokerConfig, foldMinIsr } from '../../src/observe/fold-dynamic.ts';
import { diffNeedingRestart, dynamicChanges, planDynamicConfig } from '../../src/plan/dynamic-config.ts';
import { holdRefused } from '../../src/plan/refusals.ts';
import { settingsOf } from '../../src/plan/settings.ts';
import { makeBroker, makeCluster, makeDesired, makeKafka, makeMemory, makeRecord } from './builders.ts';

const settings = (config: Record<string, string>): BrokerSettings => ({
  kafkaVersion: '4.3.1',
  kafkaSha512: 'k',
  roles: ['broker'],
  cpus: 1,
  memoryMiB: 1024,
  heapMiB: 512,
  listeners: [],
  jvmOptions: [],
  environment: {},
  config,
  log4j: {},
});
const set = (value: string | null, applied = true): DynamicValue => ({ value, applied });

test('a key that Kafka can change while it runs needs no restart; a read-only one does', () => {
  const started = settings({ 'num.io.threads': '8', 'num.partitions': '1' });
  const wanted = settings({ 'num.io.threads': '4', 'num.partitions': '2' });
  assert.equal(diffNeedingRestart(started, wanted), ['config num.partitions: 1 → 2']);
  assert.equal(dynamicChanges(started.config, wanted.config), { 'num.io.threads': '4' });
});

test('what is set dynamically is followed: changed, sent again until applied, left alone when it is right', () => {
  const started = { 'num.io.threads': '8' };
  const dynamic = { 'num.io.threads': set('4') };
  assert.equal(dynamicChanges(started, { 'num.io.threads': '4' }, dynamic), {});
  assert.equal(dynamicChanges(started, { 'num.io.threads': '8' }, dynamic), { 'num.io.threads': '8' });
  assert.equal(dynamicChanges(started, { 'num.io.threads': '4' }, { 'num.io.threads': set('4', false) }), {
    'num.io.threads': '4',
  });
});

test('a key that leaves the spec: our dynamic value is removed, and the file wants a restart', () => {
  const started = settings({ 'num.io.threads': '8' });
  const dynamic = { 'num.io.threads': set('4') };
  assert.equal(dynamicChanges(started.config, {}, dynamic), { 'num.io.threads': null });
  assert.equal(diffNeedingRestart(started, settings({}), dynamic), ['config num.io.threads: 8 → default']);
  // After the restart only the dynamic value is left to remove.
  assert.equal(diffNeedingRestart(settings({}), settings({}), dynamic), []);
});

test('min.insync.replicas is the cluster’s: never per broker, never a restart', () => {
  const started = settings({ 'min.insync.replicas': '1' });
  const wanted = settings({ 'min.insync.replicas': '2' });
  assert.equal(diffNeedingRestart(started, wanted), []);
  assert.equal(dynamicChanges(started.config, wanted.config), {});
});

test('min.insync.replicas is written only when it differs from what was last applied', () => {
  const brokers = [0, 1, 2].map((id) => makeBroker(id, { config: { 'min.insync.replicas': '2' } }));
  const desired = makeDesired({ brokers });
  const kafka = { known: true, value: makeKafka(desired) } as const;
  const plan = (value: DynamicValue | undefined) => {
    const cluster = makeCluster(desired, value === undefined ? {} : { minInsyncReplicas: value });
    return planDynamicConfig(makeMemory(desired, [], cluster), kafka, new Set([0, 1, 2])).steps.map((s) => [
      s.what,
      ...s.why,
    ]);
  };
  assert.equal(plan(set('2')), []);
  assert.equal(plan(set('1')), [['configure cluster demo', 'config min.insync.replicas: 1 → 2']]);
  assert.equal(plan(set('2', false)), [['configure cluster demo', 'config min.insync.replicas: 2 → 2']]);
  assert.equal(plan(undefined), [['configure cluster demo', 'config min.insync.replicas: default → 2']]);
});

test('one broker at a time is configured, none while the rollout is paused or another is out of sync', () => {
  const brokers = [0, 1, 2].map((id) => makeBroker(id, { config: { 'num.io.threads': '4' } }));
  const planned = (paused: boolean, fenced: readonly number[] = []) => {
    const desired = makeDesired({ brokers, rollout: { allowSingleReplicaOutage: false, paused } });
    const started = brokers.map((broker) => {
      const record = makeRecord(desired, broker);
      const { task } = record;
      return task === undefined
        ? record
        : { ...record, task: { ...task, startedWith: { ...task.startedWith, config: {} } } };
    });
    const kafka = makeKafka(desired);
    const value = { ...kafka, brokers: kafka.brokers.map((b) => ({ ...b, fenced: fenced.includes(b.id) })) };
    const { steps, held } = planDynamicConfig(
      makeMemory(desired, started),
      { known: true, value },
      new Set(),
    );
    return [steps.map((s) => s.what), held.map((h) => `${h.need}: ${h.reason.kind}`)];
  };
  assert.equal(planned(false), [
    ['configure broker 0'],
    ['configure broker 1: waiting-for-roll', 'configure broker 2: waiting-for-roll'],
  ]);
  assert.equal(planned(true)[0], []);
  assert.equal(planned(false, [2])[0], []);
});

test('a key that Kafka refused holds up neither the other keys of its broker nor the other brokers', () => {
  const config = { 'num.io.threads': '20', 'log.cleaner.threads': '2' };
  const desired = makeDesired({ brokers: [0, 1].map((id) => makeBroker(id, { config })) });
  const kafka = { known: true, value: makeKafka(desired) } as const;
  const refusal = { why: 'too many', untilMs: Number.POSITIVE_INFINITY };
  const planned = (dynamic: BrokerRecord['dynamicConfig'], ...refused: readonly string[]) => {
    const records = desired.brokers.map((broker) => {
      const record = makeRecord(desired, broker);
      const { task } = record;
      if (task === undefined) throw new Error('it runs');
      const started = { ...task, startedWith: { ...task.startedWith, config: {} } };
      return { ...record, task: started, ...(broker.id === 0 ? { dynamicConfig: dynamic ?? {} } : {}) };
    });
    const refusals = new Map(refused.map((what) => [what, refusal]));
    const { steps, held } = planDynamicConfig(makeMemory(desired, records), kafka, new Set(), refusals);
    const open = holdRefused([{ steps, held: [] }], 'demo', refusals);
    return [open.steps.map((s) => s.what), [...held, ...open.held].map((h) => h.need)];
  };
  const together = 'configure broker 0';
  const threads = `${together}: num.io.threads`;
  const cleaner = `${together}: log.cleaner.threads`;
  assert.equal(planned({}), [[together], ['configure broker 1']]);
  assert.equal(planned({}, together), [[cleaner, threads], ['configure broker 1']]);
  assert.equal(planned({}, together, threads), [[cleaner], ['configure broker 1', threads]]);
  // The cleaner's is taken: what is left of broker 0 is refused, and broker 1 is next.
  assert.equal(planned({ 'log.cleaner.threads': set('2') }, together, threads), [
    ['configure broker 1'],
    [together],
  ]);
});

test('a node that only controls has to restart even for what brokers change while they run', () => {
  const started = { ...settings({ 'num.network.threads': '3' }), roles: ['controller'] as const };
  const wanted = { ...started, config: { 'num.network.threads': '6' } };
  assert.equal(diffNeedingRestart(started, wanted), ['config num.network.threads: 3 → 6']);
});

test('what follows from the size of the cluster is no reason to restart', () => {
  const before = makeBroker(1, { derivedConfig: { 'offsets.topic.replication.factor': '1' } });
  const after = makeBroker(1, { derivedConfig: { 'offsets.topic.replication.factor': '3' } });
  const desired = makeDesired({ brokers: [after] });
  const started = settingsOf(desired, before, 'k');
  assert.equal(diffNeedingRestart(started, settingsOf(desired, after, 'k')), []);
  assert.equal(dynamicChanges(started.config, after.config), {});
});

test('what Kafka took is folded in; an intent that changed since stays open', () => {
  const record = {
    ...makeRecord(makeDesired(), makeBroker(1)),
    dynamicConfig: { a: set('1', false), b: set(null, false), c: set('9', false) },
  };
  const folded = foldBrokerConfig(record, { a: '1', b: null, c: '8' });
  assert.equal(folded.dynamicConfig, { a: set('1'), c: set('9', false) });
  const cluster = makeCluster(makeDesired(), { minInsyncReplicas: set('2', false) });
  assert.equal(foldMinIsr(cluster, '2').minInsyncReplicas, set('2'));
  assert.equal(foldMinIsr(cluster, '3').minInsyncReplicas, set('2', false));
});

test('what cannot be set just now is held with the reason', () => {
  const desired = makeDesired({
    brokers: [0, 1].map((id) => makeBroker(id, { config: { 'num.io.threads': '4' } })),
  });
  const records = [0, 1].map((id) => makeRecord(makeDesired(), makeBroker(id)));
  const kafka = makeKafka(desired);
  const fenced = { ...kafka, brokers: kafka.brokers.map((b) => ({ ...b, fenced: b.id === 1 })) };
  const memory = makeMemory(desired, records);
  const reasonsOf = (source: Parameters<typeof planDynamicConfig>[1]) =>
    planDynamicConfig(memory, source, new Set()).held.map((h) => [h.brokerId, h.reason]);
  const unknown = { kind: 'kafka-unknown', detail: 'it does not answer' };
  assert.equal(reasonsOf({ known: false, why: unknown.detail }), [
    [0, unknown],
    [1, unknown],
  ]);
  assert.equal(reasonsOf({ known: true, value: fenced })[0], [
    1,
    { kind: 'kafka-unknown', detail: 'the controller has fenced broker 1' },
  ]);
});

test.run();
