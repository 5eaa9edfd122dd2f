import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConflictError } from '../../src/model/errors.ts';
import type { KafkaAdmin } from '../../src/model/kafka.ts';
import { createKafkaWatch } from '../../src/reconciler/kafka-watch.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { createVirtualClock } from '../mesos/virtual-clock.ts';
import { makeBroker, makeDesired, makeKafka, makeMemory, makeRecord } from '../plan/builders.ts';
import { settle } from './harness.ts';

const desired = makeDesired({
  brokers: [makeBroker(0)],
  topics: [{ name: 'events', partitions: 1, replicationFactor: 1, config: { 'retention.ms': '5' } }],
});
const memory = makeMemory(
  desired,
  desired.brokers.map((broker) => makeRecord(desired, broker)),
);

function createWatch() {
  const clock = createVirtualClock();
  const asked: (readonly string[])[] = [];
  const closed: number[] = [];
  const admin = {
    async observe(topics: readonly string[] = []) {
      asked.push(topics);
      return { ...makeKafka(desired), observedAtMs: clock.nowMs() };
    },
    async close() {
      closed.push(clock.nowMs());
    },
  } as unknown as KafkaAdmin;
  const watch = createKafkaWatch({
    clock,
    logger: silentLogger,
    connect: () => admin,
    mayAct: () => true,
    onNews: () => {},
  });
  return { watch, asked, closed, clock, poll: () => watch.poll([memory], () => true) };
}

test('the settings of the topics in the spec are asked for, and at once when the spec has changed', async () => {
  const { watch, asked, poll } = createWatch();
  poll();
  await settle();
  poll();
  await settle();
  assert.equal(asked, [['events']]);
  watch.specChanged('demo');
  poll();
  await settle();
  assert.is(asked.length, 2);
});

test('the next question comes by itself, and none when nobody looks at the answers any more', async () => {
  const { watch, asked, poll, clock } = createWatch();
  poll();
  await settle();
  poll();
  clock.advance(10_000);
  await settle();
  assert.is(asked.length, 2);
  clock.advance(60_000);
  await settle();
  assert.is(asked.length, 2);
  poll();
  await settle();
  assert.is(asked.length, 3);
  poll();
  await watch.close();
  clock.advance(60_000);
  await settle();
  assert.is(asked.length, 3);
});

test('since when it is silent is told, whatever makes it unknown, and a change under way is no silence', async () => {
  const { watch, poll, clock } = createWatch();
  const began = clock.nowMs();
  const since = () => {
    const source = watch.sources(clock.nowMs()).get('demo');
    return source?.known === false ? source.sinceMs : source?.known;
  };
  clock.advance(1_000);
  poll();
  assert.is(since(), began + 1_000, 'nothing was heard yet');
  clock.advance(2_000);
  await settle();
  const heard = clock.nowMs();
  assert.is(since(), true);
  clock.advance(40_000);
  assert.is(since(), heard, 'its answer is too old to be one');
  watch.change('demo', 'create topic x', () => new Promise(() => {}));
  assert.is(since(), heard);
  poll();
  await settle();
  assert.is(since(), clock.nowMs(), 'it answers, though that is of no use');
});

test('of a cluster that was removed nothing is kept, and nobody asks it any more', async () => {
  const { watch, asked, closed, poll, clock } = createWatch();
  poll();
  await settle();
  poll();
  watch.poll([], () => true);
  clock.advance(60_000);
  await settle();
  assert.is(asked.length, 1);
  assert.is(closed.length, 1);
  assert.is(watch.sources(clock.nowMs()).size, 0);
  poll();
  await settle();
  assert.is(asked.length, 2, 'and one that is formed anew is asked');
});

test('a refusal is remembered by what was to be done, until that is done or the spec changes', async () => {
  const { watch, poll } = createWatch();
  poll();
  await settle();
  const refuse = (): Promise<void> =>
    Promise.reject(new ConflictError('KM_CONFLICT_KAFKA_INVALID_CONFIG', 'no such key'));
  const refused = () => [...(watch.refusals().get('demo') ?? new Map()).keys()];
  watch.change('demo', 'configure topic events: a', refuse);
  watch.change('demo', 'configure topic events: b', async () => {});
  watch.change('demo', 'configure topic other', refuse);
  await settle();
  assert.equal(refused(), ['configure topic events: a', 'configure topic other']);
  watch.change('demo', 'configure topic other', async () => {});
  await settle();
  assert.equal(refused(), ['configure topic events: a']);
  watch.specChanged('demo');
  assert.equal(refused(), []);
});

test('a change that finds itself deposed between its reading and its writing writes nothing', async () => {
  const clock = createVirtualClock();
  const altered: unknown[] = [];
  let leads = true;
  const admin = {
    async describeConfigs() {
      leads = false;
      return [];
    },
    async alterConfigs(...args: unknown[]) {
      altered.push(args);
    },
  } as unknown as KafkaAdmin;
  const watch = createKafkaWatch({
    clock,
    logger: silentLogger,
    connect: () => admin,
    mayAct: () => leads,
    onNews: () => {},
  });
  watch.change('demo', 'set min ISR', async (kafka) => {
    await kafka.describeConfigs({ kind: 'cluster' });
    await kafka.alterConfigs({ kind: 'cluster' }, { 'min.insync.replicas': '1' });
  });
  await settle();
  assert.equal(altered, []);
  assert.equal([...(watch.refusals().get('demo') ?? [])], [], 'and Kafka refused nothing');
});

test.run();
