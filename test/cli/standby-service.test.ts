import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startApiServer } from '../../src/api/server.ts';
import { specChecker } from '../../src/cli/spec-problems.ts';
import { createStandbyService } from '../../src/cli/standby-service.ts';
import { NotLeaderError } from '../../src/model/errors.ts';
import type { Leader, Leadership } from '../../src/model/leadership.ts';
import type { Store } from '../../src/model/store.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { decodeRecord } from '../../src/store/record.ts';
import { type Clock, systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { token } from '../api/fixtures.ts';
import { createVirtualClock } from '../mesos/virtual-clock.ts';
import { makeDesired, makeSpec } from '../plan/builders.ts';
import { failureOf } from '../zookeeper/support.ts';

const self: Leader = { id: 'kafka-1:200', host: 'kafka-1', apiUrl: 'http://127.0.0.1:7090' };

async function standingBy(
  leader: Leader,
  store: Store = createMemoryStoreBackend().connect(),
  logger = silentLogger,
  clock: Clock = systemClock,
) {
  const service = createStandbyService({
    store,
    leadership: () =>
      ({ leader: async () => leader, standbys: async () => 1 }) as Partial<Leadership> as Leadership,
    self: () => self,
    framework: {
      name: 'kafka-mesos',
      user: 'kafka',
      role: 'kafka',
      principal: 'kafka',
      failoverTimeoutMs: 1,
    },
    clock,
    logger,
    identity: { version: '1', frameworkName: 'kafka-mesos', role: 'kafka', master: 'm:5050', startedAtMs: 0 },
  });
  const refused = await failureOf(service.apply({ files: [], author: 'test' }));
  assert.instance(refused, NotLeaderError);
  return { service, refused: refused as NotLeaderError, status: await service.scheduler() };
}

test('a standby refuses, and says where the leader is', async () => {
  const leader = { ...self, id: 'kafka-2:100', host: 'kafka-2' };
  const { refused, status } = await standingBy(leader);
  assert.is(refused.code, 'KM_CONFLICT_NOT_LEADER');
  assert.match(refused.message, 'kafka-2:100 on kafka-2 leads');
  assert.is(refused.remedy, 'ask the leader, on kafka-2 at http://127.0.0.1:7090');
  assert.equal(refused.leader, leader);
  assert.equal(status.leadership, { state: 'standby', leader, standbys: 1 });
});

test('a leader that listened where this one does is gone: nobody is sent in a circle', async () => {
  const { refused, status } = await standingBy({ ...self, id: 'kafka-1:100' });
  assert.match(refused.message, 'nobody leads just now');
  assert.is(refused.remedy, 'try again in a moment');
  assert.is(refused.leader, undefined);
  assert.equal(status.leadership, { state: 'standby', standbys: 1 });
});

test('a standby answers for events from the store', async () => {
  const backend = createMemoryStoreBackend();
  const writer = backend.connect();
  await writer.claim();
  const event = { seq: 7, atMs: 7, severity: 'info', message: 'a leads from here on' };
  await writer.write('events', { schema: 1, events: [event] }, 0);
  const { service } = await standingBy(self, backend.connect());
  assert.equal(await service.events({ limit: 10 }), { events: [{ ...event, clusterName: '' }], lastSeq: 7 });
  assert.equal(await service.events({ limit: 10, afterSeq: 7 }), { events: [], lastSeq: 7 });
});

test('who follows a standby is told to look every second, as long as it follows', async () => {
  const clock = createVirtualClock();
  const { service } = await standingBy(self, createMemoryStoreBackend().connect(), silentLogger, clock);
  let told = 0;
  const end = service.onChange(() => {
    told += 1;
  });
  for (let second = 0; second < 3; second += 1) clock.advance(1_000);
  assert.is(told, 3);
  end();
  clock.advance(1_000);
  assert.is(told, 3);
});

test('an events record that cannot be read holds up nothing, and is told with its remedy', async () => {
  const backend = createMemoryStoreBackend();
  const writer = backend.connect();
  await writer.claim();
  const event = { seq: 7, atMs: 7, severity: 'info', message: 'formed' };
  for (const name of ['a', 'b', 'c', 'd']) {
    await writer.write(`clusters/${name}/spec`, makeSpec(makeDesired({ name })), 0);
    await writer.write(`clusters/${name}/events`, { schema: 1, events: [event] }, 0);
  }
  await writer.remove('clusters/b/events', (await writer.read('clusters/b/events'))?.version ?? 0);
  await writer.write('clusters/b/events', { schema: 2, log: 'of a later release' }, 0);
  await writer.remove('clusters/d/events', (await writer.read('clusters/d/events'))?.version ?? 0);
  await writer.write('clusters/d/events', { schema: 1, events: [null] }, 0);
  const damaged = new Set(['clusters/a/events']);
  let reads = 0;
  let nowMs = 0;
  const store: Store = {
    ...writer,
    read: async (path) => {
      reads += 1;
      return damaged.has(path)
        ? { ...decodeRecord(path, Buffer.from('{"for'), { name: `node ${path}`, remedy: 'R' }), version: 1 }
        : writer.read(path);
    },
  };
  const logged: unknown[] = [];
  const warn = (_: string, fields?: Record<string, unknown>) => void logged.push(fields?.path);
  const { service } = await standingBy(
    self,
    store,
    { ...silentLogger, warn },
    { ...systemClock, nowMs: () => nowMs },
  );

  const page = await service.events({ limit: 10 });
  assert.equal(
    page.events.map(({ clusterName, seq }) => [clusterName, seq]),
    [
      ['a', 0],
      ['b', 0],
      ['d', 0],
      ['c', 7],
    ],
  );
  assert.is(page.lastSeq, 7);
  assert.match(page.events[0]?.why ?? '', /^node clusters\/a\/events .* not JSON .*Delete that record/);
  assert.match(page.events[1]?.why ?? '', 'Run the version that wrote it');
  assert.match((await service.events({ limit: 1 })).events[0]?.message ?? '', 'cannot be read');
  assert.is((await service.events({ limit: 1 })).lastSeq, 7, 'who follows goes on after what happened');
  assert.equal(await service.events({ limit: 10, afterSeq: 7 }), { events: [], lastSeq: 7 });

  const clusters = await service.clusters();
  assert.equal(
    clusters.map(({ name, events }) => [name, events[0]?.seq]),
    [
      ['a', 0],
      ['b', 0],
      ['c', 7],
      ['d', 0],
    ],
  );
  assert.equal(logged, ['clusters/a/events', 'clusters/b/events', 'clusters/d/events'], 'once each');

  const before = reads;
  for (let i = 0; i < 50; i += 1) await service.events({ limit: 1, clusterName: i % 2 === 0 ? 'a' : 'none' });
  assert.is(reads, before, 'asking again reads nothing');
  damaged.clear();
  nowMs += 1_000;
  assert.is((await service.events({ limit: 10, clusterName: 'a' })).events[0]?.seq, 7);
});

test('a name that no cluster can have never comes to the store', async () => {
  const asked: string[] = [];
  const inner = createMemoryStoreBackend().connect();
  const { service } = await standingBy(self, {
    ...inner,
    read: (path) => {
      asked.push(path);
      return inner.read(path);
    },
  });
  const api = await startApiServer({
    service,
    specs: specChecker,
    tokens: { write: token },
    listen: { host: '127.0.0.1', port: 0 },
    version: '1',
    logger: silentLogger,
  });
  try {
    asked.length = 0;
    for (const name of ['..%2f..', '%2e%2e', 'a%20b', '%00', '-', 'A', 'a'.repeat(64), '..%2fevents%23']) {
      for (const part of [
        '',
        '/spec',
        '/revisions',
        '/brokers',
        '/brokers/0',
        '/topics',
        '/brokers/0/logs',
      ]) {
        const response = await fetchAs(token, `${api.url}/v1/clusters/${name}${part}`);
        assert.is(response.status, 404, `${name}${part}`);
      }
      for (const path of ['events', 'watch']) {
        assert.is((await fetchAs(token, `${api.url}/v1/${path}?cluster=${name}`)).status, 400, name);
      }
    }
    assert.equal(asked, []);
    assert.is((await fetchAs(token, `${api.url}/v1/clusters/constructor/spec`)).status, 404);
    assert.equal(asked, ['clusters/constructor/spec']);
  } finally {
    await api.close();
  }
});

const fetchAs = (bearer: string, url: string) =>
  fetch(url, { headers: { authorization: `Bearer ${bearer}` } });

test.run();
