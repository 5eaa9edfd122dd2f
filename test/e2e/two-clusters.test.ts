/** Two clusters of two Kafka versions in one file, side by side on the same agents: neither knows of the other. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterStatus } from '../../src/model/status.ts';
import { broker, createWorld, dataDirectories, quickJvm } from './harness.ts';
import { produce, readBack } from './writer.ts';

const test = suite('two clusters on the same agents');
const world = createWorld('two-clusters');

type Wish = { readonly stopped?: readonly number[]; readonly extra?: boolean };

/** `orders` has three combined nodes on three agents and `clicks` two nodes on these; `extra` is for the fourth. */
function spec({ stopped = [], extra = false }: Wish = {}): string {
  const overrides = stopped.map((id) => `"${id}": { state: stopped }`).join(', ');
  const defaults = `defaults: { cpus: 0.3, memory: 512MiB, heap: 256MiB, storage: { size: 512MiB }, ${quickJvm} }`;
  const constraints = "constraints: [hostname unique, 'hostname like agent-[123]']";
  return world.spec(
    'both',
    `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: orders }
spec:
  config: { offsets.topic.num.partitions: 1 }
  ${defaults}
  pools:
    - { name: main, ids: 0..2, ${constraints}, overrides: { ${overrides} } }
${extra ? '    - { name: more, roles: [broker], ids: 7 }\n' : ''}  topics:
    - { name: events, partitions: 3, replicationFactor: 3, config: { min.insync.replicas: 2 } }
${extra ? '    - { name: wide, partitions: 1, replicationFactor: 4 }\n' : ''}---
apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: clicks }
spec:
  kafka: { version: 4.2.1 }
  config: { offsets.topic.num.partitions: 1 }
  ${defaults}
  pools:
    - { name: main, ids: 0, ${constraints} }
    - { name: brokers, roles: [broker], ids: 1, ${constraints} }
  topics:
    - { name: events, partitions: 2, replicationFactor: 2 }
`,
  );
}

const converged = (cluster: string) => world.until(cluster, 'converged', (s) => s.phase === 'converged');
const identities = (status: ClusterStatus, without: readonly number[] = []) =>
  status.brokers.filter((b) => !without.includes(b.id)).map((b) => [b.id, b.taskId, b.jvmPid]);

function write(bootstrap: readonly string[], values: readonly string[]): Promise<void> {
  return produce(
    bootstrap,
    'events',
    values.map((value) => ({ value })),
  );
}

const orders = Array.from({ length: 60 }, (_, i) => `order ${i}`);
const clicks = Array.from({ length: 60 }, (_, i) => `click ${i}`);

test('both converge, with ports and disks of their own', async () => {
  await world.ok(['apply', '-f', spec(), '--local', '--wait', '--timeout', '5m']);
  const [one, other] = [await converged('orders'), await converged('clicks')];
  assert.is.not(one.clusterId, other.clusterId);
  const shared = new Set(one.brokers.map((b) => b.agent));
  assert.ok(
    other.brokers.every((b) => shared.has(b.agent)),
    'on the same agents',
  );
  const endpoints = [...one.brokers, ...other.brokers].map((b) => b.endpoint);
  assert.is(new Set(endpoints).size, 5);
  for (const status of [one, other]) {
    for (const { id, agent } of status.brokers) {
      const disks = dataDirectories(world.home, status.name, id);
      assert.equal(
        disks.map((disk) => disk.agent),
        [agent],
      );
      const meta = readFileSync(join(disks[0]?.path ?? '', 'meta.properties'), 'utf8');
      assert.match(meta, `cluster.id=${status.clusterId}\n`);
      assert.match(meta, `node.id=${id}\n`);
    }
  }
});

test('each runs its own version of Kafka', async () => {
  for (const [cluster, version] of [
    ['orders', '4.3.1'],
    ['clicks', '4.2.1'],
  ] as const) {
    assert.is((await world.status(cluster)).kafkaVersion, version);
    const log = await world.ok(['logs', '0', '--cluster', cluster, '--tail', '5000']);
    assert.ok(log.includes(`Kafka version: ${version}`), `${cluster} runs ${version}`);
  }
});

test('a topic of the same name holds what was written to its own cluster', async () => {
  const [one, other] = [await world.status('orders'), await world.status('clicks')];
  await write(one.bootstrap, orders);
  await write(other.bootstrap, clicks);
  assert.equal([...(await readBack(one.bootstrap, 'events'))].sort(), [...orders].sort());
  assert.equal([...(await readBack(other.bootstrap, 'events'))].sort(), [...clicks].sort());
});

test('a broker killed in one leaves the other alone', async () => {
  const [one, other] = [await world.status('orders'), await world.status('clicks')];
  const victim = broker(other, 1);
  process.kill(victim.jvmPid ?? 0, 'SIGKILL');
  const after = await world.until(
    'clicks',
    'broker 1 is back',
    (s) => s.phase === 'converged' && broker(s, 1).jvmPid !== victim.jvmPid,
  );
  assert.is(broker(after, 1).endpoint, victim.endpoint);
  assert.equal(identities(after, [1]), identities(other, [1]));
  assert.equal(identities(await world.status('orders')), identities(one));
});

test('of two brokers told to stop one stops, and the gate keeps the other', async () => {
  const [one, other] = [await world.status('orders'), await world.status('clicks')];
  await world.ok(['apply', '-f', spec({ stopped: [1, 2] })]);
  const during = await world.until(
    'orders',
    'one is stopped and one held by the gate',
    (s) =>
      [1, 2].filter((id) => broker(s, id).state === 'stopped').length === 1 &&
      s.held.some((h) => h.reason === 'waiting-for-isr'),
  );
  const stopped = [1, 2].find((id) => broker(during, id).state === 'stopped') ?? -1;
  const kept = 3 - stopped;
  assert.is(broker(during, stopped).taskId, undefined);
  assert.is(broker(during, kept).state, 'running');
  const held = during.held.find((h) => h.reason === 'waiting-for-isr');
  assert.is(held?.brokerId, kept);
  assert.match(held?.message ?? '', /events-\d/);
  assert.equal(identities(during, [stopped]), identities(one, [stopped]));

  // With two of three the quorum and the in-sync sets hold: it still takes writes.
  await write(during.bootstrap, ['while one is stopped']);

  await world.ok(['apply', '-f', spec(), '--wait', '--timeout', '3m']);
  const after = await converged('orders');
  assert.is(broker(after, stopped).agent, broker(one, stopped).agent);
  assert.is(broker(after, stopped).endpoint, broker(one, stopped).endpoint);
  assert.equal(identities(after, [stopped]), identities(one, [stopped]));
  assert.equal(
    [...(await readBack(after.bootstrap, 'events'))].sort(),
    [...orders, 'while one is stopped'].sort(),
  );
  assert.equal(identities(await world.status('clicks')), identities(other));
});

test('a new pool adds a broker and restarts none', async () => {
  const [one, other] = [await world.status('orders'), await world.status('clicks')];
  await world.ok(['apply', '-f', spec({ extra: true }), '--wait', '--timeout', '3m']);
  const after = await converged('orders');
  assert.is(broker(after, 7).state, 'running');
  assert.is(new Set(after.brokers.map((b) => b.agent)).size, 4);
  // A topic of four replicas needs it.
  assert.is(after.topics.find((t) => t.name === 'wide')?.state, 'ready');
  assert.equal(identities(after, [7]), identities(one));
  assert.equal(identities(await world.status('clicks')), identities(other));
});

test.after(async () => {
  await world.close();
});

test.run();
