/** The store is lost while brokers run: it is made again from Mesos and Kafka, and no broker notices. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterStatus } from '../../src/model/status.ts';
import { startZooKeeper } from '../zookeeper/real-zookeeper.ts';
import { createWorld, root, threeBrokers } from './harness.ts';

const test = suite('recovery of a lost store');
const world = createWorld('recover');
const store = join(world.home, 'local', 'scheduler-store');
let file = '';
let before: ClusterStatus;
let master = '';
let schedulerPid = 0;

const identities = (status: ClusterStatus) =>
  status.brokers.map((b) => [b.id, b.taskId, b.agent, b.rack, b.endpoint, b.startedAtMs]);

/** Start times of the JVMs there were, in clock ticks since boot; the master does not know their pids. */
const startTimes = () =>
  before.brokers.map(
    ({ jvmPid }) => readFileSync(`/proc/${jvmPid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19],
  );
let started: readonly (string | undefined)[] = [];

const recoverInto = (uri: string, ...more: string[]) =>
  world.run(['scheduler', '--recover', '--master', master, '--store', uri, '-f', file, ...more]);
const recover = (...more: string[]) => recoverInto(`file:${store}`, ...more);

/** As a zombie too: an orphan may wait long for an init that reaps. */
async function ended(pid: number): Promise<void> {
  for (;;) {
    try {
      if (/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return;
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('three brokers run, one setting was changed dynamically', async () => {
  file = world.spec('demo', threeBrokers({ config: 'num.io.threads: 4' }));
  await world.ok(['apply', '-f', file, '--local', '--wait', '--timeout', '5m']);
  file = world.spec('demo', threeBrokers({ config: 'num.io.threads: 6' }));
  await world.ok(['apply', '-f', file, '--wait', '--timeout', '5m']);
  before = await world.until('demo', 'converged', (s) => s.phase === 'converged');
  started = startTimes();
  const local = JSON.parse(await world.ok(['local', 'status', '-o', 'json']));
  master = new URL(local.mesos.masterUrl).host;
  schedulerPid = local.scheduler.pid;
});

test('while a scheduler is connected nothing can be recovered', async () => {
  const { code, stdout } = await recover();
  assert.is(code, 1);
  assert.match(stdout, /has a scheduler that is connected: stop that one first/);
});

test('the store is lost; recovery shows what it found, and an empty plan, and writes nothing', async () => {
  process.kill(schedulerPid, 'SIGKILL');
  await ended(schedulerPid);
  rmSync(store, { recursive: true });
  const { code, stdout, stderr } = await recover();
  assert.is(code, 0, `${stdout}\n${stderr}`);
  for (const { taskId } of before.brokers) assert.match(stdout, `task ${taskId}`);
  assert.match(stdout, /Plan: no changes\./);
  assert.match(stdout, /Nothing was written/);
  assert.throws(() => readdirSync(store));
});

test('with consent it is written, and the next scheduler finds everything as it was', async () => {
  const { code, stdout, stderr } = await recover('--confirm');
  assert.is(code, 0, `${stdout}\n${stderr}`);
  // A second one does not overwrite the first.
  assert.match((await recover('--confirm')).stderr, /the store is not empty/);

  await world.ok(['local', 'up']);
  const after = await world.until('demo', 'converged', (s) => s.phase === 'converged');
  assert.equal(identities(after), identities(before));
  assert.equal(startTimes(), started);
  assert.is(after.clusterId, before.clusterId);
  assert.equal(
    after.brokers.map((b) => b.drift),
    [[], [], []],
  );
  assert.match(await world.ok(['plan', '-f', file]), /Plan: no changes\./);
});

test('a dynamic value that was found is still followed', async () => {
  file = world.spec('demo', threeBrokers({ config: 'num.io.threads: 5' }));
  await world.ok(['apply', '-f', file, '--wait', '--timeout', '5m']);
  const after = await world.status('demo');
  assert.equal(identities(after), identities(before));
  assert.equal(startTimes(), started);
});

test('what is recovered into ZooKeeper, a scheduler there goes on with', async () => {
  schedulerPid = JSON.parse(await world.ok(['local', 'status', '-o', 'json'])).scheduler.pid;
  process.kill(schedulerPid, 'SIGKILL');
  await ended(schedulerPid);
  const zookeeper = await startZooKeeper();
  const uri = `zk://${zookeeper.address}/kafka-mesos`;
  try {
    const { code, stdout, stderr } = await recoverInto(uri, '--confirm');
    assert.is(code, 0, `${stdout}\n${stderr}`);
    assert.match((await recoverInto(uri, '--confirm')).stderr, /the store is not empty/);
    const args = ['scheduler', '--master', master, '--store', uri, '--artifact-url', 'file:'];
    const scheduler = spawn(process.execPath, [join(root, 'bin', 'kafka-mesos'), ...args], {
      env: { ...process.env, KAFKA_MESOS_HOME: world.home, NO_COLOR: '1' },
      stdio: 'ignore',
    });
    const exited = once(scheduler, 'exit');
    try {
      while ((await world.run(['status'])).code !== 0 && scheduler.exitCode === null) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const after = await world.until('demo', 'converged', (s) => s.phase === 'converged');
      assert.equal(identities(after), identities(before));
      assert.equal(startTimes(), started);
      assert.match(await world.ok(['plan', '-f', file]), /Plan: no changes\./);
    } finally {
      scheduler.kill('SIGTERM');
      await exited;
    }
    assert.is(scheduler.exitCode, 0);
  } finally {
    await zookeeper.close();
  }
});

test.after(() => world.close());

test.run();
