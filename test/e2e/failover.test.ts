/**
 * Two schedulers, a real ZooKeeper and real brokers: whatever becomes of the leader, the other one takes over
 * in time and no broker notices.
 */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NotLeaderError } from '../../src/model/errors.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { failureOf, until } from '../zookeeper/support.ts';
import { threeBrokers } from './harness.ts';
import { createTwoSchedulers, type Scheduler, takeoverMs } from './two-schedulers.ts';
import { readBack, startWriter, type Writer } from './writer.ts';

const world = await createTwoSchedulers();
const { one, two } = world;
let writer: Writer | undefined;
let born: readonly unknown[] = [];

/** What must not change: each broker's task, and its process with its time of birth. */
const identities = (status: ClusterStatus) =>
  status.brokers.map(({ id, taskId, jvmPid, agentId }) => {
    const stat = readFileSync(`/proc/${jvmPid}/stat`, 'utf8');
    return [id, taskId, agentId, jvmPid, stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]];
  });

const statusOf = async (scheduler: Scheduler) => {
  const found = await scheduler.api().cluster('demo');
  if (found === undefined) throw new Error(`${scheduler.name} knows no cluster`);
  return found;
};

const converges = (scheduler: Scheduler, timeoutMs = 60_000) =>
  until(
    `${scheduler.name} sees the cluster converged`,
    () =>
      statusOf(scheduler).then(
        (status) => status.phase === 'converged',
        () => false,
      ),
    timeoutMs,
  );

const logged = (scheduler: Scheduler, message: string) =>
  scheduler
    .log()
    .split('\n')
    .filter((line) => line.includes(`"${message}"`));

/** Waits until `next` leads and acts, and says how long after `sinceMs` it was elected. */
async function takesOver(next: Scheduler, sinceMs: number): Promise<void> {
  await world.leads(next);
  const elected = logged(next, 'elected').at(-1) ?? '{}';
  const electedMs = Date.parse((JSON.parse(elected) as { time: string }).time);
  process.stdout.write(
    `  ${next.name} was elected after ${electedMs - sinceMs} ms of at most ${takeoverMs}\n`,
  );
  await converges(next);
  assert.equal(identities(await statusOf(next)), born);
  assert.equal([...(writer?.errors ?? [])], [], 'the open producer noticed');
}

test('one leads and brings the cluster up; the other stands by, reads, and names the leader', async () => {
  one.start();
  await world.leads(one);
  two.start();
  await world.standsBy(two);
  const files = [{ path: 'demo.yaml', text: threeBrokers() }];
  const refused = await failureOf(two.api().apply({ files, author: 'test' }));
  assert.instance(refused, NotLeaderError);
  const { api } = JSON.parse(logged(one, 'scheduler started').at(-1) ?? '{}') as { api: string };
  assert.is((refused as NotLeaderError).leader?.apiUrl, api);

  await one.api().apply({ files, author: 'test' });
  await converges(one, 240_000);
  const status = await statusOf(one);
  born = identities(status);
  // What Prometheus sums over both is not summed twice.
  const [led, stood] = [await one.metrics(), await two.metrics()];
  for (const page of [led, stood]) assert.match(page, /^kafka_mesos_standbys 1$/m);
  assert.match(led, /^kafka_mesos_leading 1$/m);
  assert.match(led, /^kafka_mesos_brokers{cluster="demo",state="running"} 3$/m);
  assert.match(led, /^kafka_mesos_partitions_offline{cluster="demo"} 0$/m);
  assert.match(led, /^kafka_mesos_starts_total{cluster="demo",kind="first"} 3$/m);
  assert.match(stood, /^kafka_mesos_leading 0$/m);
  assert.match(stood, /^kafka_mesos_store_operations_total{operation="read",result="ok"} \d+$/m);
  assert.not.match(stood, 'cluster="demo"');
  await until('the standby has read what the leader stored', async () => {
    const read = await statusOf(two);
    return read.brokers.every(({ state }) => state === 'running');
  });
  const read = await statusOf(two);
  assert.is(read.revision, status.revision);
  assert.equal(
    read.brokers.map(({ id, taskId, jvmPid }) => [id, taskId, jvmPid]),
    status.brokers.map(({ id, taskId, jvmPid }) => [id, taskId, jvmPid]),
  );
  assert.ok(
    read.conditions.every(({ reason, message }) => reason === 'Unknown' && message.includes('leads')),
  );
  assert.equal(
    read.topics.map(({ state }) => state),
    ['unknown'],
  );
  assert.is((await two.api().spec('demo'))?.revision, status.revision);
  writer = await startWriter(status.bootstrap, 'events', 3);
});

test('the leader is killed', async () => {
  const atMs = Date.now();
  one.process().kill('SIGKILL');
  await takesOver(two, atMs);
  one.start();
  await world.standsBy(one);
});

test('the leader is stopped, and goes on later: it ends without a call', async () => {
  const atMs = Date.now();
  two.process().kill('SIGSTOP');
  await takesOver(one, atMs);
  const subscribed = logged(one, 'subscribed').length;
  two.process().kill('SIGCONT');
  assert.is(await two.exit(), 75);
  // A call of the one that woke up would have thrown the new one out, or be refused and logged.
  assert.is(await one.state(), 'leading');
  assert.is(logged(one, 'subscribed').length, subscribed);
  await converges(one);
  assert.equal(identities(await statusOf(one)), born);
  two.start();
  await world.standsBy(two);
});

test('the leader is cut from ZooKeeper, in silence', async () => {
  const atMs = Date.now();
  one.proxy.silence();
  const ended = one.exit();
  await takesOver(two, atMs);
  assert.is(await ended, 75);
  assert.is(await two.state(), 'leading');
  one.proxy.mend();
  one.start();
  await world.standsBy(one);
});

test('the leader is told to stop: the other one leads at once', async () => {
  const atMs = Date.now();
  two.process().kill('SIGTERM');
  assert.is(await two.exit(), 0);
  await takesOver(one, atMs);
});

test('every acknowledged record is there', async () => {
  const acknowledged = writer?.acknowledged ?? new Set();
  await writer?.stop();
  const { bootstrap } = await statusOf(one);
  const found = new Set(await readBack(bootstrap, 'events'));
  assert.ok(acknowledged.size > 100);
  assert.equal(
    [...acknowledged].filter((value) => !found.has(value)),
    [],
  );
});

test.after(async () => {
  await world.close();
});
test.run();
