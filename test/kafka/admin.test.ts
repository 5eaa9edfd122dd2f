import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Connection, MultipleErrors, ResponseError } from '@platformatic/kafka';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createKafkaAdmin, type KafkaAdminLimits } from '../../src/kafka/admin.ts';
import { parseAddress } from '../../src/kafka/connections.ts';
import { kafkaUuid, observeCluster, readTopics } from '../../src/kafka/observation.ts';
import { refusalsOf, translate } from '../../src/kafka/wire.ts';
import { ConflictError, ProtocolError, UnavailableError } from '../../src/model/errors.ts';
import type { KafkaAdmin } from '../../src/model/kafka.ts';
import { systemClock } from '../../src/sys/clock.ts';

const limits: KafkaAdminLimits = { connectTimeoutMs: 300, requestTimeoutMs: 300, callTimeoutMs: 5_000 };

type Peer = { readonly server: Server; readonly address: string; readonly sockets: Socket[] };

async function listen(onSocket: (socket: Socket) => void): Promise<Peer> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onSocket(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

async function stop(peer: Peer): Promise<void> {
  for (const socket of peer.sockets) socket.destroy();
  peer.server.close();
  await once(peer.server, 'close');
}

function adminOf(addresses: () => readonly string[], some: Partial<KafkaAdminLimits> = {}): KafkaAdmin {
  return createKafkaAdmin({
    bootstrap: addresses,
    clientId: 'test',
    clock: systemClock,
    limits: { ...limits, ...some },
  });
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected a rejection');
}

const topic = { name: 't', partitions: 1, replicationFactor: 1, config: {} };

test('nobody there: unavailable, nothing sent, every address named', async () => {
  const admin = adminOf(() => ['127.0.0.1:1', 'nonsense']);
  const error = await rejection(admin.createTopic(topic));
  assert.instance(error, UnavailableError);
  assert.is((error as UnavailableError).outcome, 'not-sent');
  assert.match(error.message, '127.0.0.1:1');
  assert.match(error.message, 'nonsense');
  await admin.close();
});

test('a peer that takes requests and says nothing: unknown for a change, not repeated', async () => {
  const [silent, other] = [await listen(() => {}), await listen(() => {})];
  const admin = adminOf(() => [silent.address, other.address]);
  const error = await rejection(admin.createTopic(topic));
  assert.instance(error, UnavailableError);
  assert.is((error as UnavailableError).outcome, 'unknown');
  assert.is(other.sockets.length, 0);
  await admin.close();
  await stop(silent);
  await stop(other);
});

test('a read is asked of the next broker, and the dead connection is not used again', async () => {
  const [hangs, breaks] = [await listen(() => {}), await listen((socket) => socket.destroy())];
  const admin = adminOf(() => [hangs.address, breaks.address]);
  assert.instance(await rejection(admin.observe()), UnavailableError);
  assert.instance(await rejection(admin.observe()), UnavailableError);
  assert.is(hangs.sockets.length, 2);
  assert.ok(breaks.sockets.length >= 2);
  await admin.close();
  await stop(hangs);
  await stop(breaks);
});

test('an answer that is no Kafka is a protocol error', async () => {
  const peer = await listen((socket) => {
    socket.once('data', (request) => {
      // A frame with the right correlation id and nothing readable in it.
      const answer = Buffer.alloc(9);
      answer.writeInt32BE(5, 0);
      request.copy(answer, 4, 8, 12);
      socket.write(answer);
    });
  });
  const admin = adminOf(() => [peer.address]);
  assert.instance(await rejection(admin.createTopic(topic)), ProtocolError);
  await admin.close();
  await stop(peer);
});

test('a call has an end even when its parts have not', async () => {
  const silent = await listen(() => {});
  const admin = adminOf(() => [silent.address], { requestTimeoutMs: 60_000, callTimeoutMs: 100 });
  const error = await rejection(admin.createTopic(topic));
  assert.instance(error, UnavailableError);
  assert.is((error as UnavailableError).outcome, 'unknown');
  await admin.close();
  await stop(silent);
});

test('closing ends open connections and those being made', async () => {
  const silent = await listen(() => {});
  const admin = adminOf(() => [silent.address], { requestTimeoutMs: 60_000 });
  const pending = rejection(admin.observe());
  while (silent.sockets.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const gone = once(silent.sockets[0] as Socket, 'close');
  // The server side sees the end only when it reads.
  silent.sockets[0]?.resume();
  await admin.close();
  assert.instance(await pending, UnavailableError);
  await gone;
  assert.instance(await rejection(admin.observe()), UnavailableError);
  assert.is(silent.sockets.length, 1);
  await stop(silent);
});

test('errors of answers: refused, unable now, unreadable', () => {
  const refused = new ResponseError(19, 7, { '/topics/0': [38, 'only 1 broker(s)'] }, {});
  assert.equal(refusalsOf(refused), [{ id: 'INVALID_REPLICATION_FACTOR', message: 'only 1 broker(s)' }]);
  const conflict = translate(refused, 'create topic t', 'a:1');
  assert.instance(conflict, ConflictError);
  assert.is(conflict.code, 'KM_CONFLICT_KAFKA_INVALID_REPLICATION_FACTOR');
  assert.match(conflict.message, 'only 1 broker(s)');
  const unable = translate(new ResponseError(19, 7, { '/': [41, null] }, {}), 'create', 'a:1');
  assert.instance(unable, UnavailableError);
  assert.is((unable as UnavailableError).outcome, 'unknown');
  assert.instance(translate(new RangeError('out of range'), 'read', 'a:1'), ProtocolError);
  assert.instance(translate(new MultipleErrors('many', []), 'read', 'a:1'), ProtocolError);
});

test('a topic cut by a page is put together; one without a leader or gone is no failure', async () => {
  const partition = (index: number, leaderId = 1) => ({
    errorCode: leaderId < 0 ? 5 : 0,
    partitionIndex: index,
    leaderId,
    leaderEpoch: 0,
    replicaNodes: [1, 2],
    isrNodes: [1],
    eligibleLeaderReplicas: index === 0 ? null : [2],
    lastKnownElr: null,
    offlineReplicas: [],
  });
  const topicOf = (name: string, partitions: ReturnType<typeof partition>[], errorCode = 0) => ({
    errorCode,
    name,
    topicId: '',
    isInternal: name.startsWith('__'),
    partitions,
    topicAuthorizedOperations: 0,
  });
  const pages = [
    {
      topics: [topicOf('b', [partition(1), partition(0)])],
      nextCursor: { topicName: 'b', partitionIndex: 2 },
    },
    {
      topics: [topicOf('b', [partition(2, -1)]), topicOf('gone', [], 3)],
      nextCursor: { topicName: 'z', partitionIndex: 0 },
    },
    { topics: [topicOf('__a', [partition(0)])], nextCursor: null },
  ];
  const requests: number[] = [];
  const fake = {
    send(apiKey: number, ...rest: unknown[]) {
      requests.push(apiKey);
      const page = { throttleTimeMs: 0, ...pages[requests.length - 1] };
      const answer = rest.at(-1) as (error: Error | null, page?: unknown) => void;
      const failed = requests.length === 2;
      answer(failed ? new ResponseError(75, 0, { '/topics/0/partitions/0': [5, null] }, page) : null, page);
    },
  } as unknown as Connection;
  const topics = await readTopics(fake, []);
  assert.equal(requests, [75, 75, 75]);
  assert.equal(
    topics.map(({ name, internal, partitions }) => [
      name,
      internal,
      partitions.map((one) => [one.partition, one.leader, one.elr]),
    ]),
    [
      ['__a', true, [[0, 1, []]]],
      [
        'b',
        false,
        [
          [0, 1, []],
          [1, 1, [2]],
          [2, -1, [2]],
        ],
      ],
    ],
  );
});

test('a reading is as old as its first question, and tells how long it took to its last answer', async () => {
  const answers: Readonly<Record<number, object>> = {
    60: { clusterId: 'c', brokers: [] },
    75: { topics: [{ errorCode: 0, name: 't', isInternal: false, partitions: [] }], nextCursor: null },
    55: { topics: [{ partitions: [{ leaderId: 1, currentVoters: [], observers: [] }] }] },
    32: { results: [] },
  };
  let nowMs = 1_000;
  const fake = {
    send(apiKey: number, ...rest: unknown[]) {
      nowMs += 800;
      (rest.at(-1) as (error: null, answer: unknown) => void)(null, answers[apiKey]);
    },
  } as unknown as Connection;
  const { observedAtMs, tookMs } = await observeCluster(fake, () => nowMs, new Set());
  assert.equal({ observedAtMs, tookMs }, { observedAtMs: 1_000, tookMs: 3_200 });
});

test('addresses and uuids', () => {
  assert.equal(parseAddress('a.example:9092'), { host: 'a.example', port: 9092 });
  assert.equal(parseAddress('[2001:db8::1]:9092'), { host: '2001:db8::1', port: 9092 });
  for (const wrong of ['a', 'a:', 'a:0', 'a:65536', ':1']) assert.throws(() => parseAddress(wrong));
  assert.is(kafkaUuid('6db6db6d-b6db-6db6-db6d-b6db6db6db6c'), 'bbbbbbbbbbbbbbbbbbbbbA');
  assert.is(kafkaUuid('00000000-0000-0000-0000-000000000000'), undefined);
});

test.run();
