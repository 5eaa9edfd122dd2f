/** A broker alone: controllers are nodes of their own, so that the quorum is there when all other brokers are not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Resource } from '../../src/mesos/types.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { becomes, broker, createWorld, directoryId, kafkaTool, libsOf, quickJvm } from './harness.ts';
import { produce, withAdmin } from './writer.ts';

const test = suite('one replica, and the other brokers stopped');
const world = createWorld('single-replica');
const values = Array.from({ length: 300 }, (_, i) => `r${String(i).padStart(3, '0')}`);

/** One controller and three brokers take an agent each. */
const specOf = (
  stopped: readonly number[],
  consent: boolean,
  spread = true,
  sizes: Readonly<Record<number, string>> = {},
) =>
  world.spec(
    'alone',
    `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: alone }
spec:
  defaults: { cpus: 0.5, memory: 768MiB, heap: 320MiB, storage: { size: 1GiB }, ${quickJvm} }
  pools:
    - { name: controllers, ids: 100, roles: [controller] }
    - name: brokers
      ids: 0..2
      roles: [broker]
      overrides: { ${[
        ...stopped.map((id) => `${id}: { state: stopped }`),
        ...Object.entries(sizes).map(([id, size]) => `${id}: { storage: { size: ${size} } }`),
      ].join(', ')} }
  rollout: { allowSingleReplicaOutage: ${consent} }
  topics:
    - { name: single, partitions: 1, replicationFactor: 1 }
${spread ? '    - { name: spread, partitions: 3, replicationFactor: 1 }' : ''}
`,
  );

/** The broker that has all records, and those that are stopped. */
let host = -1;
let others: readonly number[] = [];

const statesOf = (status: ClusterStatus) =>
  status.brokers.map(({ id, state }) => `${id} ${state}`).toSorted();

/** Reads by assignment: a consumer group would want a coordinator, which may be on a broker that is stopped. */
async function readSingle(bootstrap: readonly string[]): Promise<readonly string[]> {
  const tool = kafkaTool(libsOf(world.home), 'org.apache.kafka.tools.consumer.ConsoleConsumer', [
    ...['--bootstrap-server', bootstrap.join(','), '--topic', 'single', '--partition', '0'],
    ...['--offset', 'earliest', '--max-messages', String(values.length), '--timeout-ms', '60000'],
  ]);
  const out: Buffer[] = [];
  tool.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  assert.is(await new Promise((resolve) => tool.on('close', resolve)), 0);
  return Buffer.concat(out).toString().trim().split('\n');
}

test('kill -9 of the only broker that runs: same agent, port and directory id, all records', async () => {
  await world.ok(['apply', '-f', specOf([], false, false), '--local', '--wait', '--timeout', '5m']);
  // Made when all brokers are there, so that each has a partition that no other has.
  await world.ok(['apply', '-f', specOf([], false), '--wait', '--timeout', '3m']);
  const started = await world.status('alone');
  assert.is(new Set(started.brokers.map((b) => b.agent)).size, 4);

  const leadersOf = (topic: string) =>
    withAdmin(started.bootstrap, async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return (topics[0]?.partitions ?? []).map(({ leader }) => leader);
    });
  await becomes(async () => (await leadersOf('spread')).toSorted(), [0, 1, 2]);
  host = (await leadersOf('single'))[0] ?? -1;
  others = [0, 1, 2].filter((id) => id !== host);
  await produce(
    started.bootstrap,
    'single',
    values.map((value) => ({ value, partition: 0 })),
  );

  // The partitions of `spread` have nobody else: without consent by name no broker is stopped.
  await world.ok(['apply', '-f', specOf(others, false)]);
  const held = await world.until('alone', 'the stop is held', (s) =>
    s.held.some((h) => h.reason === 'waiting-for-isr' && h.stalled),
  );
  assert.match(held.held.find((h) => h.reason === 'waiting-for-isr')?.message ?? '', 'spread-');
  assert.equal(statesOf(held), ['0 running', '1 running', '100 running', '2 running']);
  await world.ok(['apply', '-f', specOf(others, true)]);
  const alone = [
    '100 running',
    ...[0, 1, 2].map((id) => `${id} ${id === host ? 'running' : 'stopped'}`),
  ].toSorted();
  const before = await world.until('alone', 'it is alone', (s) => statesOf(s).join() === alone.join());
  assert.equal(before.bootstrap, [broker(before, host).endpoint]);
  const idBefore = directoryId(world.home, 'alone', host);
  assert.ok(idBefore.length > 0);

  const victim = broker(before, host);
  assert.type(victim.jvmPid, 'number');
  process.kill(victim.jvmPid ?? 0, 'SIGKILL');
  const after = await world.until(
    'alone',
    'it runs again as another process',
    (s) =>
      broker(s, host).state === 'running' &&
      broker(s, host).jvmPid !== undefined &&
      broker(s, host).jvmPid !== victim.jvmPid,
  );
  assert.is(broker(after, host).agent, victim.agent);
  assert.is(broker(after, host).endpoint, victim.endpoint);
  assert.is(directoryId(world.home, 'alone', host), idBefore);
  assert.is(broker(after, host).restarts, victim.restarts + 1);
  assert.equal(await readSingle(after.bootstrap), values);
  // Nobody helped.
  assert.equal(statesOf(await world.status('alone')), alone);
  assert.is(broker(after, 100).jvmPid, broker(before, 100).jvmPid);
});

/** MiB of the broker's volume, as the master has it. */
async function volumeMiB(id: number): Promise<number | undefined> {
  const { mesos } = JSON.parse(await world.ok(['local', 'status', '-o', 'json']));
  const answer = await fetch(new URL('/api/v1', mesos.masterUrl), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify({ type: 'GET_AGENTS' }),
  });
  const { get_agents } = (await answer.json()) as {
    get_agents: { agents: readonly { total_resources: readonly Resource[] }[] };
  };
  return get_agents.agents
    .flatMap((agent) => agent.total_resources)
    .find((r) => r.disk?.persistence?.id.startsWith(`alone-${id}-data-`) === true)?.scalar?.value;
}

test('its volume grows with the spec, between a stop and a start, and keeps its records', async () => {
  assert.is(await volumeMiB(host), 1024);
  const before = broker(await world.status('alone'), host);
  await world.ok(['apply', '-f', specOf(others, true, true, { [host]: '1536MiB' })]);
  const after = await world.until(
    'alone',
    'it runs on a larger volume',
    (s) => broker(s, host).state === 'running' && broker(s, host).taskId !== before.taskId,
  );
  assert.is(await volumeMiB(host), 1536);
  assert.is(broker(after, host).agent, before.agent);
  assert.is(broker(after, host).endpoint, before.endpoint);
  assert.equal(await readSingle(after.bootstrap), values);
});

test.after(() => world.close());

test.run();
