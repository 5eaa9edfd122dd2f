/** A rolling restart under load, and one that a broken setting stops; judged by the metadata log. */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterStatus } from '../../src/model/status.ts';
import { broker, createWorld, dataDirectories, threeBrokers } from './harness.ts';
import { type MetadataEvent, overlaps, readMetadataLog } from './metadata-log.ts';
import { readBack, startWriter, type Writer } from './writer.ts';

const test = suite('a rolling restart under load');
const world = createWorld('rolling');
const ids = [0, 1, 2];
const partitions = 4;
let writer: Writer | undefined;
/** The broker that the broken setting was tried on. */
let victim = -1;

/** `queued.max.requests` can be changed by a restart only. */
function spec(queuedMaxRequests: number): string {
  return world.spec(
    'demo',
    threeBrokers({
      config: `offsets.topic.num.partitions: 3, queued.max.requests: ${queuedMaxRequests}`,
      topics: `    - { name: events, partitions: ${partitions}, replicationFactor: 3, config: { min.insync.replicas: 2 } }`,
    }),
  );
}

const identity = (status: ClusterStatus, id: number) => [
  broker(status, id).taskId,
  broker(status, id).jvmPid,
];

test('a changed setting restarts each broker exactly once', async () => {
  await world.ok(['apply', '-f', spec(400), '--local', '--wait', '--timeout', '5m']);
  const before = await world.until('demo', 'converged', (s) => s.phase === 'converged');
  writer = await startWriter(before.bootstrap, 'events', partitions);

  await world.ok(['apply', '-f', spec(401), '--wait', '--timeout', '5m']);
  const after = await world.until('demo', 'converged', (s) => s.phase === 'converged');
  for (const id of ids) {
    const [was, is] = [broker(before, id), broker(after, id)];
    assert.is(is.restarts, was.restarts + 1, `restarts of broker ${id}`);
    assert.is(is.failures, 0);
    assert.is.not(is.taskId, was.taskId);
    assert.is.not(is.jvmPid, was.jvmPid);
    assert.is(is.agent, was.agent);
    assert.is(is.endpoint, was.endpoint);
  }
});

test('a setting that Kafka refuses stops the roll at the first broker, and status says why', async () => {
  const before = await world.status('demo');
  await world.ok(['apply', '-f', spec(0)]);
  // Twice, so that the retry is seen to leave the others alone too; while it waits for the next try it says why.
  const during = await world.until('demo', 'a broker failed twice and waits because of it', (s) =>
    s.brokers.some((b) => b.failures >= 2 && b.waiting?.why.includes('queued.max.requests') === true),
  );
  const failed = during.brokers.filter((b) => b.failures > 0);
  assert.is(failed.length, 1);
  victim = failed[0]?.id ?? -1;
  const down = broker(during, victim);
  assert.match(down.lastEnd?.why ?? '', /queued\.max\.requests/);
  for (const id of ids.filter((id) => id !== victim)) {
    assert.equal(identity(during, id), identity(before, id), `broker ${id} was left alone`);
    assert.is(broker(during, id).state, 'running');
    assert.equal(broker(during, id).drift, ['config queued.max.requests: 401 → 0']);
    assert.match(broker(during, id).waiting?.why ?? '', new RegExp(`broker ${victim} `));
  }
});

test('the corrected spec heals it, and restarts nobody else', async () => {
  const before = await world.status('demo');
  await world.ok(['apply', '-f', spec(401), '--wait', '--timeout', '3m']);
  const after = await world.until('demo', 'converged', (s) => s.phase === 'converged');
  for (const id of ids.filter((id) => id !== victim)) {
    assert.equal(identity(after, id), identity(before, id), `broker ${id} was left alone`);
  }
});

test('the writer lost nothing, and was never told of too few replicas', async () => {
  if (writer === undefined) throw new Error('no writer');
  await writer.stop();
  const { acknowledged, errors } = writer;
  const seen = [...errors].map(([name, count]) => `${name} ${count}`).join(', ');
  assert.not.match(seen, /NOT_ENOUGH_REPLICAS/);
  const records = await readBack((await world.status('demo')).bootstrap, 'events');
  const read = new Set(records);
  assert.ok(acknowledged.size > 1_000, `${acknowledged.size} records were acknowledged`);
  assert.equal(
    [...acknowledged].filter((value) => !read.has(value)),
    [],
    'acknowledged and lost',
  );
  assert.equal(
    [...read].filter((value) => !acknowledged.has(value)),
    [],
    'read and never acknowledged',
  );
  process.stdout.write(
    `  ${acknowledged.size} records, ${records.length - read.size} of them twice; errors: ${seen || 'none'}\n`,
  );
});

test('the metadata log: never two brokers down, never under min ISR, the controller last', async () => {
  const [disk] = dataDirectories(world.home, 'demo', 0);
  const events = await readMetadataLog(world.home, join(disk?.path ?? '', '__cluster_metadata-0'));
  const isr = events.filter((e): e is Extract<MetadataEvent, { kind: 'isr' }> => e.kind === 'isr');
  assert.ok(isr.filter((e) => e.topic === 'events').every((e) => e.minIsr === 2));
  // Each partition leaves and enters the in-sync set of each broker once at least.
  assert.ok(isr.filter((e) => e.topic === 'events').length >= partitions * ids.length * 2);
  assert.equal(
    isr
      .filter((e) => e.isr.length < e.minIsr)
      .map((e) => `${e.topic}-${e.partition} at ${e.offset}: [${e.isr.join()}] of ${e.minIsr}`),
    [],
  );
  assert.equal(overlaps(events, ids.length), []);

  const registered = events.filter((e) => e.kind === 'registered');
  const [formed, rolled, healed] = [registered.slice(0, 3), registered.slice(3, 6), registered.slice(6)];
  assert.equal(formed.map((e) => e.nodeId).sort(), ids);
  assert.equal(rolled.map((e) => e.nodeId).sort(), ids);
  assert.equal(
    healed.map((e) => e.nodeId),
    [victim],
  );
  const leaders = events.filter((e) => e.kind === 'leader');
  const leaderAt = (offset: number) => leaders.filter((e) => e.offset < offset).at(-1)?.nodeId;
  // Where each went down: a slow machine may have them elect another one between two restarts.
  const downs = [...rolled, ...healed].map(({ nodeId, offset }) => {
    const since = registered.filter((e) => e.nodeId === nodeId && e.offset < offset).at(-1)?.offset ?? 0;
    const down = events.find((e) => e.kind === 'down' && e.nodeId === nodeId && e.offset > since);
    return { nodeId, leader: leaderAt(down?.offset ?? 0) };
  });
  const [first, second, last, broken] = downs;
  for (const one of [first, second, broken]) {
    assert.is.not(one?.nodeId, one?.leader, `${one?.nodeId} was not the active controller`);
  }
  const elected = leaders.filter(
    (e) => e.offset > (formed.at(-1)?.offset ?? 0) && e.offset < (rolled[1]?.offset ?? 0),
  );
  if (elected.length === 0) assert.is(last?.nodeId, last?.leader, 'the active controller was restarted last');
});

test.after(async () => {
  await writer?.stop({ giveUp: true });
  await world.close();
});

test.run();
