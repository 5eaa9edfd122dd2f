import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { broker, createWorld, kafkaTool, processesOf, threeBrokers, type World } from './harness.ts';

const test = suite<{ world: World }>('three brokers on the embedded Mesos');
const world = createWorld('bring-up');
let spec = '';

const single = '    - { name: single, partitions: 3, replicationFactor: 1 }\n';
const events =
  "    - { name: events, partitions: 3, replicationFactor: 3, config: { min.insync.replicas: '2' } }\n";

function client(bootstrap: readonly string[]): kafkajs.Kafka {
  return new kafkajs.Kafka({
    clientId: 'e2e',
    brokers: [...bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 20, initialRetryTime: 200, maxRetryTime: 1_000 },
  });
}

async function readAll(
  bootstrap: readonly string[],
  topic: string,
  count: number,
): Promise<readonly string[]> {
  const consumer = client(bootstrap).consumer({ groupId: `e2e-${Math.random()}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const values: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`${values.length} of ${count} records of ${topic} in 60 s`)),
      60_000,
    );
    void consumer.run({
      eachMessage: async ({ message }) => {
        values.push(message.value?.toString() ?? '');
        if (values.length === count) {
          clearTimeout(timer);
          resolve();
        }
      },
    });
  });
  await consumer.disconnect();
  return values.sort();
}

/** meta.properties of a broker's volume on the embedded agents' disks. */
function directoryId(home: string, id: number): string {
  const found = readdirSync(join(home, 'local'), { recursive: true })
    .map(String)
    .filter(
      (path) => path.endsWith('meta.properties') && path.includes(`volumes/`) && path.includes(`demo-${id}-`),
    );
  assert.is(found.length, 1, `one meta.properties of broker ${id}: ${found.join(', ')}`);
  return /^directory\.id=(.*)$/m.exec(readFileSync(join(home, 'local', found[0] ?? ''), 'utf8'))?.[1] ?? '';
}

function libsOf(home: string): string {
  const found = readdirSync(join(home, 'local'), { recursive: true, withFileTypes: true }).find(
    (e) => e.isDirectory() && e.name === 'libs' && e.parentPath.includes('.kafka-mesos'),
  );
  if (found === undefined) throw new Error('no unpacked Kafka');
  return join(found.parentPath, found.name);
}

test('apply --wait brings up three brokers on three agents in three racks', async () => {
  spec = world.spec('demo', threeBrokers({ topics: events + single }));
  const { code, stdout, stderr } = await world.run([
    'apply',
    '-f',
    spec,
    '--local',
    '--wait',
    '--timeout',
    '5m',
  ]);
  assert.is(code, 0, `${stdout}\n${stderr}`);
  const status = await world.status('demo');
  assert.is(status.phase, 'converged');
  assert.equal(
    status.brokers.map((b) => b.state),
    ['running', 'running', 'running'],
  );
  assert.is(new Set(status.brokers.map((b) => b.agent)).size, 3);
  assert.equal(status.brokers.map((b) => b.rack).sort(), ['r1', 'r2', 'r3']);
  assert.equal(
    status.topics.map((t) => t.state),
    ['ready', 'ready'],
  );
});

test('a second apply changes nothing and plan is empty', async () => {
  const before = await world.status('demo');
  await world.ok(['apply', '-f', spec, '--wait']);
  assert.is((await world.run(['plan', '-f', spec, '--detailed-exitcode'])).code, 0);
  const after = await world.status('demo');
  assert.is(after.revision, before.revision);
  assert.equal(
    after.brokers.map((b) => [b.taskId, b.jvmPid]),
    before.brokers.map((b) => [b.taskId, b.jvmPid]),
  );
});

test('logs shows the end of Kafka’s own log, read from the sandbox on the agent', async () => {
  const log = await world.ok(['logs', '1', '--tail', '50']);
  assert.match(log, /INFO/);
  assert.ok(log.trim().split('\n').length <= 50);
});

test('a setting that Kafka can change while it runs is changed so: no process restarts', async () => {
  const before = await world.status('demo');
  const changed = world.spec(
    'demo',
    threeBrokers({ topics: events + single, config: "num.io.threads: 5, min.insync.replicas: '2'" }),
  );
  const planned = await world.run(['plan', '-f', changed, '--detailed-exitcode']);
  assert.is(planned.code, 2);
  assert.match(planned.stdout, /~ configure broker 1/);
  await world.ok(['apply', '-f', changed, '--wait', '--timeout', '2m']);
  const after = await world.status('demo');
  assert.equal(
    after.brokers.map((b) => [b.taskId, b.jvmPid]),
    before.brokers.map((b) => [b.taskId, b.jvmPid]),
  );
  const admin = client(after.bootstrap).admin();
  await admin.connect();
  for (const id of ['0', '1', '2']) {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.BROKER,
          name: id,
          configNames: ['num.io.threads', 'min.insync.replicas'],
        },
      ],
    });
    const values = Object.fromEntries(
      (resources[0]?.configEntries ?? []).map((e) => [e.configName, e.configValue]),
    );
    assert.equal(values, { 'num.io.threads': '5', 'min.insync.replicas': '2' }, `broker ${id}`);
  }
  await admin.disconnect();
  assert.is((await world.run(['plan', '-f', changed, '--detailed-exitcode'])).code, 0);
  spec = changed;
});

test('Kafka’s own console tools produce and consume', async () => {
  const { bootstrap } = await world.status('demo');
  const libs = libsOf(world.home);
  const lines = ['one', 'two', 'three'];
  const producer = kafkaTool(libs, 'org.apache.kafka.tools.ConsoleProducer', [
    '--bootstrap-server',
    bootstrap.join(','),
    '--topic',
    'events',
    '--command-property',
    'acks=all',
  ]);
  producer.stdin?.end(`${lines.join('\n')}\n`);
  assert.is(await new Promise((resolve) => producer.on('close', resolve)), 0);
  const consumer = kafkaTool(libs, 'org.apache.kafka.tools.consumer.ConsoleConsumer', [
    '--bootstrap-server',
    bootstrap.join(','),
    '--topic',
    'events',
    '--from-beginning',
    '--max-messages',
    '3',
    '--timeout-ms',
    '60000',
  ]);
  const out: Buffer[] = [];
  consumer.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  assert.is(await new Promise((resolve) => consumer.on('close', resolve)), 0);
  assert.equal(Buffer.concat(out).toString().trim().split('\n').sort(), [...lines].sort());
});

test('kill -9 of a broker: same agent, port, directory id; records of an RF=1 topic are there', async () => {
  const before = await world.status('demo');
  const victim = broker(before, 1);
  const idBefore = directoryId(world.home, 1);
  const producer = client(before.bootstrap).producer();
  await producer.connect();
  const values = Array.from({ length: 300 }, (_, i) => `r${String(i).padStart(3, '0')}`);
  await producer.send({
    topic: 'single',
    acks: -1,
    messages: values.map((value, i) => ({ value, partition: i % 3 })),
  });
  await producer.disconnect();

  assert.type(victim.jvmPid, 'number');
  process.kill(victim.jvmPid ?? 0, 'SIGKILL');
  const after = await world.until(
    'demo',
    'broker 1 is back with another process',
    (s) => s.phase === 'converged' && broker(s, 1).jvmPid !== victim.jvmPid,
  );
  assert.is(broker(after, 1).agent, victim.agent);
  assert.is(broker(after, 1).endpoint, victim.endpoint);
  assert.is(directoryId(world.home, 1), idBefore);
  assert.is.not(broker(after, 1).taskId, victim.taskId);
  assert.is(broker(after, 1).restarts, victim.restarts + 1);
  for (const id of [0, 2]) {
    assert.is(broker(after, id).jvmPid, broker(before, id).jvmPid, `broker ${id} was left alone`);
  }
  assert.equal(await readAll(after.bootstrap, 'single', 300), values);
});

test('a dead scheduler stops nothing; the next one goes on', async () => {
  const before = await world.status('demo');
  const api = JSON.parse(readFileSync(join(world.home, 'scheduler', 'api.json'), 'utf8')) as { pid: number };
  process.kill(api.pid, 'SIGKILL');
  await world.ok(['local', 'up']);
  const after = await world.until('demo', 'converged again', (s) => s.phase === 'converged');
  assert.equal(
    after.brokers.map((b) => [b.taskId, b.jvmPid]),
    before.brokers.map((b) => [b.taskId, b.jvmPid]),
  );
});

test('a machine lost and back inside the stickiness period: the same agent', async () => {
  const before = await world.status('demo');
  const victim = broker(before, 2);
  await world.ok(['local', 'agent', 'stop', victim.agent ?? '', '--machine']);
  await world.until('demo', 'broker 2 is missed', (s) => broker(s, 2).state !== 'running');
  await world.ok(['local', 'agent', 'start', victim.agent ?? '']);
  const after = await world.until(
    'demo',
    'broker 2 is back',
    (s) => s.phase === 'converged' && broker(s, 2).jvmPid !== victim.jvmPid,
  );
  assert.is(broker(after, 2).agent, victim.agent);
  assert.is(broker(after, 2).endpoint, victim.endpoint);
});

test('local down leaves no process', async () => {
  assert.ok(processesOf(world.home).length >= 8, 'there were processes to stop');
  await world.ok(['local', 'down']);
  assert.equal(processesOf(world.home), []);
});

test('up again: the same data', async () => {
  await world.ok(['local', 'up']);
  const after = await world.until('demo', 'converged', (s) => s.phase === 'converged');
  assert.is((await readAll(after.bootstrap, 'single', 300)).length, 300);
});

test.after(async () => {
  await world.close();
});

test.run();
