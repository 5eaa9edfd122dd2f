/** What happened is told in order, once, bounded, and outlives the scheduler. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SpecError, UnavailableError } from '../../src/model/errors.ts';
import type { EventsRecord } from '../../src/model/records.ts';
import { eventSentence } from '../../src/model/status.ts';
import type { Store } from '../../src/model/store.ts';
import { createEventLog } from '../../src/reconciler/event-log.ts';
import { loadMemory } from '../../src/reconciler/memory.ts';
import { createEventReader } from '../../src/reconciler/read-events.ts';
import { createStoredEvents } from '../../src/reconciler/stored-events.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { createVirtualClock } from '../mesos/virtual-clock.ts';
import { makeDesired, makeSpec } from '../plan/builders.ts';
import { createHarness, type Harness, settle } from './harness.ts';
import { launched, serving, subscribed } from './stages.ts';

const eventsPath = 'clusters/demo/events';
const reader = (store: Store) => createEventReader({ store, clock: systemClock, logger: silentLogger });
const eventWrites = (harness: Harness): number =>
  harness.crossed.filter((c) => c === `write ${eventsPath}`).length;
const said = (harness: Harness): readonly string[] =>
  harness.reconciler.events({ clusterName: 'demo', limit: 100 }).events.map(eventSentence);
const seconds = async (harness: Harness, count: number): Promise<void> => {
  for (let i = 0; i < count; i += 1) {
    harness.clock.advance(1_000);
    await settle();
  }
};

test('what happened is stored in one write a while later, and told by whoever takes over, in one order', async () => {
  const backend = createMemoryStoreBackend();
  const harness = await serving(createHarness(backend));
  assert.is(eventWrites(harness), 0, 'not at once');
  await seconds(harness, 3);
  assert.is(eventWrites(harness), 1);
  const before = harness.reconciler.events({ limit: 100 });
  assert.equal(said(harness).slice(0, 2), ['revision 1 applied by ann', 'form cluster demo']);

  const next = await subscribed(createHarness(backend));
  assert.equal(next.reconciler.events({ limit: 100 }).events, before.events);
  await next.reconciler.setIntent('demo', 1, { kind: 'pause', author: 'bob', reason: 'disk swap' });
  const news = next.reconciler.events({ limit: 100, afterSeq: before.lastSeq ?? 0 });
  assert.equal(news.events.map(eventSentence), [
    'broker 1: to be left alone, as asked for by bob: disk swap',
  ]);
  assert.ok((news.lastSeq ?? 0) > (before.lastSeq ?? 0));
});

test('when all is as declared it is said once, and nothing is written any more', async () => {
  const harness = await serving();
  await seconds(harness, 20);
  assert.is(said(harness).filter((s) => s === 'revision 1 is as declared').length, 1);
  const written = harness.crossed.filter((c) => c.startsWith('write')).length;
  await seconds(harness, 120);
  assert.is(harness.crossed.filter((c) => c.startsWith('write')).length, written);
});

test('an order to stop stores what is not stored yet', async () => {
  const backend = createMemoryStoreBackend();
  const harness = await launched(createHarness(backend));
  await harness.reconciler.stop();
  const { events } = await reader(backend.connect()).page({ clusterName: 'demo', limit: 100 });
  assert.is(events[0]?.message, 'revision 1 applied');
});

test('a store that takes no events delays them: the loop goes on, and an answer that was lost costs nothing', async () => {
  const harness = await launched();
  await seconds(harness, 3);
  let failures = 0;
  harness.onWrite = (path) => {
    if (path !== eventsPath) return undefined;
    failures += 1;
    return failures > 3 ? 'lost' : new UnavailableError('KM_UNAVAILABLE_STORE', 'down');
  };
  await harness.reconciler.setIntent('demo', 0, { kind: 'pause', author: 'ann' });
  assert.is((await harness.broker(0))?.intent?.kind, 'pause', 'other records are stored');
  await seconds(harness, 40);
  assert.ok(failures >= 4 && failures < 8, `${failures} tries: it backs off`);
  harness.onWrite = () => undefined;
  await seconds(harness, 60);
  await harness.reconciler.setIntent('demo', 0, undefined);
  await seconds(harness, 3);
  const { events } = (await harness.stored(eventsPath)) as EventsRecord;
  assert.equal(events.map(eventSentence), said(harness));
  assert.equal(harness.fatal, []);
});

test('another writer of the record, and a form that nobody knows, hold up nothing', async () => {
  const backend = createMemoryStoreBackend();
  const hand = backend.connect();
  await hand.claim();
  await hand.write('events', { schema: 7 }, 0);
  const harness = await launched(createHarness(backend));
  await seconds(harness, 3);
  assert.is(eventWrites(harness), 1);
  assert.equal(harness.fatal, []);
});

test('only what changed is written, and what went with its cluster is forgotten', async () => {
  const store = createMemoryStoreBackend().connect();
  await store.claim();
  const written: string[] = [];
  const log = createEventLog();
  const clusters = new Set(['a', 'b']);
  const stored = createStoredEvents({
    log,
    store: {
      ...store,
      write: (path, value, version) => {
        written.push(path);
        return store.write(path, value, version);
      },
    },
    clock: createVirtualClock(),
    logger: silentLogger,
    exists: (name) => clusters.has(name),
    takeTurn: () => {},
  });
  const add = (name: string): void => log.add(name, { atMs: 0, severity: 'info', message: 'm' });
  for (const name of ['', 'a', 'b']) add(name);
  await stored.flush();
  add('a');
  await stored.flush();
  assert.equal(written, ['events', 'clusters/a/events', 'clusters/b/events', 'clusters/a/events']);
  clusters.delete('b');
  add('b');
  await stored.flush();
  assert.is(written.length, 4);
  assert.equal(log.names(), ['', 'a']);
});

test('a record that the store refuses holds up no other', async () => {
  const store = createMemoryStoreBackend().connect();
  await store.claim();
  const log = createEventLog();
  const stored = createStoredEvents({
    log,
    store: {
      ...store,
      write: async (path, value, version) => {
        if (path === 'clusters/a/events') throw new SpecError('KM_SPEC_RECORD_TOO_LARGE', 'too large');
        return store.write(path, value, version);
      },
    },
    clock: createVirtualClock(),
    logger: silentLogger,
    exists: () => true,
    takeTurn: () => {},
  });
  for (const name of ['a', 'b']) log.add(name, { atMs: 0, severity: 'info', message: 'x' });
  await stored.flush();
  assert.is(await store.read('clusters/a/events'), undefined);
  assert.ok(await store.read('clusters/b/events'));
});

test('with the last record of a cluster its events go', async () => {
  const store = createMemoryStoreBackend().connect();
  await store.claim();
  await store.write('clusters/demo/spec', makeSpec(makeDesired()), 0);
  await store.write(eventsPath, { schema: 1, events: [] }, 0);
  const memory = await loadMemory(store);
  await memory.removeCluster('demo', { keepSpec: true, nowMs: 0 });
  assert.ok(await store.read(eventsPath), 'kept with the spec');
  await memory.removeCluster('demo', { keepSpec: false, nowMs: 0 });
  assert.is(await store.read(eventsPath), undefined);
  assert.equal(memory.clusters(), []);
});

test('what repeats itself is counted, and pushes nothing out', () => {
  const log = createEventLog();
  const add = (atMs: number, message: string): void =>
    log.add('demo', { atMs, severity: 'info', message, brokerId: 1 });
  log.add('demo', { atMs: 0, severity: 'info', message: 'revision 1 applied' });
  for (let i = 0; i < 300; i += 1) {
    add(i * 60_000, 'start broker 1');
    add(i * 60_000 + 1, 'ended');
  }
  const told = log.of('demo').map(({ message, count = 1, firstAtMs }) => ({ message, count, firstAtMs }));
  assert.equal(told, [
    { message: 'revision 1 applied', count: 1, firstAtMs: undefined },
    { message: 'start broker 1', count: 1, firstAtMs: undefined },
    { message: 'ended', count: 1, firstAtMs: undefined },
    { message: 'start broker 1', count: 299, firstAtMs: 60_000 },
    { message: 'ended', count: 299, firstAtMs: 60_001 },
  ]);
  const seqs = log.of('demo').map((e) => e.seq);
  assert.equal(
    seqs,
    [...seqs].sort((a, b) => a - b),
  );
});

test('ends whose words differ in numbers only are the same one again', () => {
  const log = createEventLog();
  for (let i = 0; i < 5; i += 1) {
    log.add('demo', {
      atMs: i,
      severity: 'error',
      brokerId: 1,
      message: 'ended',
      why: `at 12:00:0${i}: exit 1`,
    });
  }
  assert.equal(
    log.of('demo').map(({ why, count }) => [why, count]),
    [
      ['at 12:00:00: exit 1', undefined],
      ['at 12:00:04: exit 1', 4],
    ],
  );
});

test('a log is bounded in number and bytes, and of what is many the oldest goes first', () => {
  const log = createEventLog();
  log.add('demo', { atMs: 0, severity: 'info', message: 'revision 1 applied', author: 'ann' });
  for (let id = 0; id < 5_000; id += 1) {
    log.add('demo', {
      atMs: id,
      severity: 'info',
      brokerId: id,
      message: 'm'.repeat(5_000),
      why: 'w'.repeat(5_000),
    });
  }
  const events = log.of('demo');
  assert.is(events.length, 200);
  assert.is(events[0]?.author, 'ann');
  assert.is(events.at(-1)?.brokerId, 4_999);
  assert.ok(JSON.stringify(log.record('demo')).length < 250_000);
});

test('pages follow one another over all clusters, by one order', () => {
  const log = createEventLog();
  for (const [atMs, name] of [
    [5, 'a'],
    [5, 'b'],
    [3, ''],
    [9, 'a'],
  ] as const) {
    log.add(name, { atMs, severity: 'info', message: name });
  }
  const first = log.page({ limit: 2, afterSeq: 0 });
  const second = log.page({ limit: 2, afterSeq: first.lastSeq ?? 0 });
  assert.equal(
    [...first.events, ...second.events].map((e) => e.clusterName),
    ['a', 'b', '', 'a'],
  );
  assert.equal(
    log.page({ limit: 1 }).events.map((e) => e.atMs),
    [9],
  );
  assert.equal(log.page({ limit: 5, afterSeq: second.lastSeq ?? 0 }), {
    events: [],
    lastSeq: second.lastSeq,
  });
});

test.run();
