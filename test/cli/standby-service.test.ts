import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createStandbyService } from '../../src/cli/standby-service.ts';
import { NotLeaderError } from '../../src/model/errors.ts';
import type { Leader, Leadership } from '../../src/model/leadership.ts';
import type { Store } from '../../src/model/store.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { type Clock, systemClock } from '../../src/sys/clock.ts';
import { createVirtualClock } from '../mesos/virtual-clock.ts';
import { failureOf } from '../zookeeper/support.ts';

const self: Leader = { id: 'kafka-1:200', host: 'kafka-1', apiUrl: 'http://127.0.0.1:7090' };

async function standingBy(
  leader: Leader,
  store: Store = createMemoryStoreBackend().connect(),
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
  const { service } = await standingBy(self, createMemoryStoreBackend().connect(), clock);
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

test.run();
