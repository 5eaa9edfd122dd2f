/** The admin port and the tools against real Kafka: one combined node and one broker, started once. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createKafkaAdmin } from '../../src/kafka/admin.ts';
import { proveProduceConsume } from '../../src/kafka/prove.ts';
import { consoleConsumerCommand, consoleProducerCommand } from '../../src/kafka/tools.ts';
import { ConflictError, UnavailableError } from '../../src/model/errors.ts';
import type { KafkaAdmin, KafkaObserved, QuotaEntity } from '../../src/model/kafka.ts';
import { delay, systemClock } from '../../src/sys/clock.ts';
import { freePorts } from '../free-ports.ts';
import { type RealNode, run, startNode, unpackKafka } from '../kafka/real-kafka.ts';
import { testFolder } from '../test-folder.ts';

const clusterId = 'MkU3OEVBNTcwNTJENDM2Qg';
const directoryId = 'JEXY6aqzQY-32P5TStzaFg';
const config = {
  'broker.session.timeout.ms': '9000',
  'broker.heartbeat.interval.ms': '500',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '3',
  'group.initial.rebalance.delay.ms': '0',
  'auto.create.topics.enable': 'false',
};

const test = suite('kafka admin');

let folder: string;
let kafka: Awaited<ReturnType<typeof unpackKafka>>;
let first: RealNode;
let second: RealNode;
let movedPort: number;
const processes = new Map<number, ChildProcess>();
let bootstrap: string[];
let admin: KafkaAdmin;

async function setUp(): Promise<void> {
  folder = await mkdtemp(join(testFolder, 'kafka-mesos-admin-'));
  kafka = await unpackKafka(folder);
  const [port = 0, controllerPort = 0, secondPort = 0, thirdPort = 0] = await freePorts(4);
  movedPort = thirdPort;
  const voters = [{ nodeId: 1, host: '127.0.0.1', port: controllerPort, directoryId }];
  first = { nodeId: 1, roles: ['broker', 'controller'], port, controllerPort, voters, config };
  second = { nodeId: 2, roles: ['broker'], port: secondPort, controllerPort, voters, config };
  await start(first, true);
  await start(second, true);
  bootstrap = [`127.0.0.1:${first.port}`];
  admin = createKafkaAdmin({
    bootstrap: () => bootstrap,
    clientId: 'kafka-mesos-test',
    clusterId: () => clusterId,
    clock: systemClock,
  });
  await until('both brokers serve', (seen) => seen.brokers.filter(({ fenced }) => !fenced).length === 2);
}

async function start(node: RealNode, format: boolean): Promise<void> {
  processes.set(node.nodeId, await startNode(kafka, folder, clusterId, node, format));
}

async function end(node: RealNode): Promise<void> {
  const child = processes.get(node.nodeId);
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

async function until(what: string, holds: (seen: KafkaObserved) => boolean): Promise<KafkaObserved> {
  let last: unknown;
  for (let attempt = 0; attempt < 300; attempt++) {
    try {
      const seen = await admin.observe();
      if (holds(seen)) return seen;
      last = seen;
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      last = error.message;
    }
    await delay(systemClock, 200);
  }
  throw new Error(`never: ${what}; last ${JSON.stringify(last)}`);
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected a rejection');
}

test.before(async () => {
  try {
    await setUp();
  } catch (error) {
    await tearDown();
    throw error;
  }
});

async function tearDown(): Promise<void> {
  await admin?.close();
  for (const child of processes.values()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }
  await rm(folder, { recursive: true, force: true });
}

test.after(tearDown);

test('observes cluster, brokers and quorum', async () => {
  const seen = await admin.observe();
  assert.is(seen.clusterId, clusterId);
  assert.equal(seen.brokers, [
    { id: 1, fenced: false, host: '127.0.0.1', port: first.port, rack: 'rack-1' },
    { id: 2, fenced: false, host: '127.0.0.1', port: second.port, rack: 'rack-2' },
  ]);
  assert.is(seen.quorum.leaderId, 1);
  assert.equal(
    seen.quorum.voters.map(({ nodeId, directoryId }) => ({ nodeId, directoryId })),
    [{ nodeId: 1, directoryId }],
  );
  assert.equal(
    seen.quorum.observers.map(({ nodeId }) => nodeId),
    [2],
  );
  assert.ok((seen.quorum.voters[0]?.logEndOffset ?? 0) > 0);
  assert.ok(seen.tookMs >= 0);
});

test('creates topics, and again without harm', async () => {
  const topic = {
    name: 'orders',
    partitions: 3,
    replicationFactor: 2,
    config: { 'min.insync.replicas': '2', 'retention.ms': '3600000' },
  };
  await admin.createTopic(topic);
  await admin.createTopic(topic);
  const seen = await until('topic is there', ({ topics }) => topics.some(({ name }) => name === 'orders'));
  const orders = seen.topics.find(({ name }) => name === 'orders');
  assert.is(orders?.minIsr, 2);
  assert.is(orders?.internal, false);
  assert.equal(
    orders?.partitions.map(({ replicas }) => replicas.toSorted()),
    [
      [1, 2],
      [1, 2],
      [1, 2],
    ],
  );
  const configs = await admin.describeConfigs({ kind: 'topic', name: 'orders' });
  assert.equal(
    configs.filter(({ source }) => source === 'dynamic').map(({ name, value }) => [name, value]),
    [
      ['min.insync.replicas', '2'],
      ['retention.ms', '3600000'],
    ],
  );
});

test("a refusal has Kafka's own words", async () => {
  const error = await rejection(
    admin.createTopic({ name: 'x', partitions: 1, replicationFactor: 5, config: {} }),
  );
  assert.instance(error, ConflictError);
  assert.is((error as ConflictError).code, 'KM_CONFLICT_KAFKA_INVALID_REPLICATION_FACTOR');
  assert.match(error.message, '2 broker(s)');
  const unknown = await rejection(admin.describeConfigs({ kind: 'topic', name: 'nope' }));
  assert.is((unknown as ConflictError).code, 'KM_CONFLICT_KAFKA_UNKNOWN_TOPIC_OR_PARTITION');
});

test('raises partitions, and again without harm, never lowers them', async () => {
  await admin.createPartitions('orders', 4);
  await admin.createPartitions('orders', 4);
  assert.instance(await rejection(admin.createPartitions('orders', 2)), ConflictError);
  await until('4 partitions', ({ topics }) => topics.some(({ partitions }) => partitions.length === 4));
});

test('changes configs of a topic, of one broker through that broker, and of the cluster', async () => {
  const topic = { kind: 'topic', name: 'orders' } as const;
  await admin.alterConfigs(topic, { 'retention.ms': undefined, 'segment.bytes': '2000000' });
  await eventually(async () => {
    const own = (await admin.describeConfigs(topic)).filter(({ source }) => source === 'dynamic');
    return own.map(({ name }) => name).join() === 'min.insync.replicas,segment.bytes';
  });
  const broker = { kind: 'broker', id: 2 } as const;
  const key = 'log.cleaner.threads';
  const sourceOf = async (resource: Parameters<KafkaAdmin['describeConfigs']>[0]) =>
    (await admin.describeConfigs(resource)).find(({ name }) => name === key)?.source;
  await admin.alterConfigs(broker, { [key]: '2' });
  await eventually(async () => (await sourceOf(broker)) === 'dynamic');
  assert.is(await sourceOf({ kind: 'broker', id: 1 }), 'default');
  await admin.alterConfigs(broker, { [key]: undefined });
  await eventually(async () => (await sourceOf(broker)) === 'default');
  await admin.alterConfigs({ kind: 'cluster' }, { [key]: '1' });
  await eventually(async () => (await sourceOf({ kind: 'cluster' })) === 'dynamic');
  await eventually(async () => (await sourceOf(broker)) === 'other');
  const error = await rejection(admin.alterConfigs(broker, { 'broker.rack': 'other' }));
  assert.instance(error, ConflictError);
  assert.match(error.message, 'broker.rack');
});

test('a refused key takes those beside it down; by itself each is taken or refused', async () => {
  const broker = { kind: 'broker', id: 2 } as const;
  const dynamic = async () =>
    (await admin.describeConfigs(broker))
      .filter(({ source }) => source === 'dynamic')
      .map(({ name, value }) => `${name}=${value}`)
      .join();
  // Of 8 threads, Kafka takes at most 16 at once.
  const error = await rejection(
    admin.alterConfigs(broker, { 'num.io.threads': '17', 'log.cleaner.threads': '2' }),
  );
  assert.instance(error, ConflictError);
  assert.match(error.message, 'double the current value');
  assert.is(await dynamic(), '');
  await admin.alterConfigs(broker, { 'log.cleaner.threads': '2' });
  assert.instance(await rejection(admin.alterConfigs(broker, { 'num.io.threads': '17' })), ConflictError);
  await eventually(async () => (await dynamic()) === 'log.cleaner.threads=2');
  // In two steps it gets there.
  await admin.alterConfigs(broker, { 'num.io.threads': '16' });
  await eventually(async () => (await dynamic()).includes('num.io.threads=16'));
  await admin.alterConfigs(broker, { 'num.io.threads': '17' });
  const small = await rejection(admin.alterConfigs(broker, { 'num.io.threads': '4' }));
  assert.match(small.message, 'half the current value');
  await admin.alterConfigs(broker, { 'num.io.threads': undefined, 'log.cleaner.threads': undefined });
});

test('sets, changes and removes client quotas of users, client ids, both, addresses and all others', async () => {
  assert.equal(await admin.describeClientQuotas(), []);
  const entities: readonly QuotaEntity[] = [
    { user: 'ann' },
    { clientId: 'loader' },
    { user: 'ann', clientId: 'loader' },
    { user: null },
    { user: null, clientId: null },
  ];
  for (const [index, entity] of entities.entries()) {
    await admin.alterClientQuotas(entity, {
      producer_byte_rate: 1_000_000 + index,
      request_percentage: 12.5,
    });
  }
  await admin.alterClientQuotas({ ip: '127.0.0.9' }, { connection_creation_rate: 10 });
  const sorted = async () =>
    (await admin.describeClientQuotas()).map((quota) => JSON.stringify(quota)).sort();
  const wanted = [
    ...entities.map((entity, index) => ({
      entity,
      limits: { producer_byte_rate: 1_000_000 + index, request_percentage: 12.5 },
    })),
    { entity: { ip: '127.0.0.9' }, limits: { connection_creation_rate: 10 } },
  ];
  const texts = wanted.map((quota) => JSON.stringify(quota)).sort();
  await eventually(async () => (await sorted()).join() === texts.join());

  // One limit goes, one comes, one stays; again without harm.
  for (let time = 0; time < 2; time += 1) {
    await admin.alterClientQuotas(
      { user: 'ann' },
      { producer_byte_rate: undefined, consumer_byte_rate: 2_000_000 },
    );
  }
  await eventually(async () => {
    const ann = (await admin.describeClientQuotas()).find(
      ({ entity }) => entity.user === 'ann' && entity.clientId === undefined,
    );
    return JSON.stringify(ann?.limits) === '{"consumer_byte_rate":2000000,"request_percentage":12.5}';
  });
  const refused = await rejection(admin.alterClientQuotas({ user: 'ann' }, { producer_byte_rate: -1 }));
  assert.instance(refused, ConflictError);
  assert.match(refused.message, 'user ann');
  assert.instance(
    await rejection(admin.alterClientQuotas({ user: 'ann', ip: '127.0.0.9' }, { producer_byte_rate: 1 })),
    ConflictError,
  );
  for (const { entity, limits } of await admin.describeClientQuotas()) {
    await admin.alterClientQuotas(
      entity,
      Object.fromEntries(Object.keys(limits).map((key) => [key, undefined])),
    );
  }
  await eventually(async () => (await admin.describeClientQuotas()).length === 0);
});

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await holds()) return;
    await delay(systemClock, 100);
  }
  throw new Error(`never: ${holds}`);
}

test('observes the settings of the topics asked for, wherever Kafka has them from', async () => {
  const topic = { kind: 'topic', name: 'orders' } as const;
  await admin.alterConfigs(topic, { 'cleanup.policy': 'compact, delete', preallocate: 'FALSE' });
  const config = async (...names: readonly string[]) =>
    (await admin.observe(names)).topics.find(({ name }) => name === 'orders')?.config;
  await eventually(async () => (await config('orders'))?.['cleanup.policy'] === 'compact,delete');
  const read = await config('orders', 'nope');
  // As it was set, as Kafka tells it, and Kafka's own.
  assert.is(read?.['min.insync.replicas'], '2');
  assert.is(read?.preallocate, 'false');
  assert.is(read?.['retention.bytes'], '-1');
  assert.is(await config(), undefined);
  assert.is((await admin.observe()).topics.find(({ name }) => name === 'orders')?.minIsr, 2);
  await admin.alterConfigs(topic, { 'cleanup.policy': undefined, preallocate: undefined });
  const error = await rejection(admin.alterConfigs(topic, { 'retention.mss': '5' }));
  assert.instance(error, ConflictError);
  assert.match(error.message, 'retention.mss');
});

test('describes the log directories of both brokers', async () => {
  const dirs = await admin.describeLogDirs([1, 2]);
  assert.is(dirs.length, 4);
  for (const id of [1, 2]) {
    const replicas = dirs.filter(({ brokerId }) => brokerId === id).flatMap((dir) => dir.replicas);
    assert.is(replicas.filter(({ topic }) => topic === 'orders').length, 4);
  }
  assert.ok(dirs.every(({ usableBytes }) => (usableBytes ?? 0) > 0));
  assert.instance(await rejection(admin.describeLogDirs([9])), UnavailableError);
});

test('produces and consumes through KafkaJS', async () => {
  for (const count of [100, 50]) {
    const proof = await proveProduceConsume({ bootstrap, topic: 'orders', count });
    assert.equal([proof.produced, proof.consumed], [count, count]);
  }
  assert.instance(
    await rejection(proveProduceConsume({ bootstrap, topic: 'nope', timeoutMs: 5000 })),
    UnavailableError,
  );
});

test("produces and consumes by Kafka's console tools", async () => {
  await admin.createTopic({ name: 'lines', partitions: 1, replicationFactor: 1, config: {} });
  const input = { java: 'java', ...kafka, bootstrap, topic: 'lines' };
  await run(consoleProducerCommand(input), 'one\ntwo\nthree\n');
  const out = await run(consoleConsumerCommand({ ...input, maxMessages: 3, timeoutMs: 60_000 }));
  assert.equal(
    out.split('\n').filter((line) => ['one', 'two', 'three'].includes(line)),
    ['one', 'two', 'three'],
  );
});

test('a broker of another cluster is not talked to', async () => {
  const stranger = createKafkaAdmin({
    bootstrap: () => bootstrap,
    clientId: 'stranger',
    clusterId: () => 'AAAAAAAAAAAAAAAAAAAAAQ',
    clock: systemClock,
  });
  const error = await rejection(
    stranger.createTopic({ name: 'stray', partitions: 1, replicationFactor: 1, config: {} }),
  );
  await stranger.close();
  assert.instance(error, UnavailableError);
  assert.is((error as UnavailableError).outcome, 'not-sent');
  assert.match(error.message, `belongs to cluster ${clusterId}`);
  assert.not.ok((await admin.observe()).topics.some(({ name }) => name === 'stray'));
});

test('unregistering a broker that is not there is no error', async () => {
  await admin.unregisterBroker(77);
});

test('sees a killed broker fenced, ISR and ELR without it, and follows it to another port', async () => {
  await admin.createTopic({ name: 'single', partitions: 4, replicationFactor: 1, config: {} });
  await end(second);
  const seen = await until('broker 2 is fenced', ({ brokers, topics }) =>
    Boolean(
      brokers.find(({ id }) => id === 2)?.fenced &&
        topics.find(({ name }) => name === 'orders')?.partitions.every(({ isr }) => isr.length === 1),
    ),
  );
  const orders = seen.topics.find(({ name }) => name === 'orders');
  for (const { isr, elr } of orders?.partitions ?? []) assert.equal([isr, elr], [[1], [2]]);
  // A partition without a leader is an error to the library's parser, and has to be seen all the same.
  const lost = seen.topics
    .find(({ name }) => name === 'single')
    ?.partitions.filter(({ leader }) => leader < 0);
  assert.ok((lost?.length ?? 0) > 0);
  for (const partition of lost ?? []) assert.equal(partition.replicas, [2]);
  assert.instance(await rejection(admin.describeConfigs({ kind: 'broker', id: 2 })), UnavailableError);

  second = { ...second, port: movedPort };
  await start(second, false);
  const back = await until('broker 2 is back and in sync', ({ brokers, topics }) =>
    Boolean(
      brokers.some(({ id, fenced }) => id === 2 && !fenced) &&
        topics.find(({ name }) => name === 'orders')?.partitions.every(({ isr }) => isr.length === 2),
    ),
  );
  assert.is(back.brokers.find(({ id }) => id === 2)?.port, movedPort);
  assert.ok((await admin.describeConfigs({ kind: 'broker', id: 2 })).length > 200);
});

test('without a controller nothing is observed, however willing a broker is', async () => {
  // Broker 2 lives, and would answer with what it knew last.
  await admin.observe();
  await end(first);
  const impatient = createKafkaAdmin({
    bootstrap: () => [`127.0.0.1:${second.port}`],
    clientId: 'impatient',
    clock: systemClock,
    limits: { requestTimeoutMs: 2_000, callTimeoutMs: 6_000 },
  });
  assert.instance(await rejection(impatient.observe()), UnavailableError);
  const error = await rejection(
    impatient.createTopic({ name: 'late', partitions: 1, replicationFactor: 1, config: {} }),
  );
  assert.instance(error, UnavailableError);
  assert.is((error as UnavailableError).outcome, 'unknown');
  await impatient.close();
  await start(first, false);
  await until('broker 1 is back', ({ brokers }) => brokers.filter(({ fenced }) => !fenced).length === 2);
});

test('unregisters a broker that has gone for good', async () => {
  await end(second);
  await until('broker 2 is fenced', ({ brokers }) => brokers.find(({ id }) => id === 2)?.fenced === true);
  await admin.unregisterBroker(2);
  await until('broker 2 is gone', ({ brokers }) => brokers.every(({ id }) => id !== 2));
});

test('closed, it holds no socket and answers no more', async () => {
  await admin.close();
  assert.instance(await rejection(admin.observe()), UnavailableError);
  assert.equal(
    process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap'),
    [],
  );
});

test.run();
