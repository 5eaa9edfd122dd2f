import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { resolveHome } from '../../src/cli/home-layout.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { runCli } from '../cli/run-cli.ts';
import { checkNothingLeft, disksOf } from '../crash/invariants.ts';
import type { CrashPoint } from '../crash/scheduler-main.ts';
import { bundlePrograms, createWorld, type World } from '../crash/world.ts';

const specOf = (brokers: string, more = '') => `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: crash }
spec:
  ${more}
  # Stub brokers: nothing is fetched.
  kafka: { distribution: { uri: 'http://127.0.0.1:1/kafka.tgz', sha512: '${'0'.repeat(128)}' } }
  defaults: { cpus: 0.5, memory: 768MiB, heap: 320MiB, storage: { size: 1GiB } }
  pools:
    - { name: main, roles: [broker, controller], ids: 0..2 }
    ${brokers}
`;
const four = specOf('- { name: more, roles: [broker], ids: 3 }');
const three = specOf('');
const kept = specOf('', 'deletion: { policy: keepData, confirm: crash }');
const destroyed = specOf('', 'deletion: { policy: destroy, confirm: crash }');
/** What a scheduler that died had released may count as gone only 90 s after the next subscription (src/plan/release.ts). */
const timeoutMs = 180_000;

const programs = await bundlePrograms('test/executor/stub-main.ts', { withKafkaClients: false });
test.after(() => programs.remove());

const runs =
  (count: number) =>
  ([status]: readonly ClusterStatus[]): boolean =>
    status?.phase === 'converged' &&
    status.deletion === undefined &&
    status.brokers.length === count &&
    status.brokers.every(({ state }) => state === 'running') &&
    // What is left of a broker holds up nothing, so it is asked for by itself.
    !status.held.some(({ reason }) => reason === 'left-behind');
const isKept = ([status]: readonly ClusterStatus[]): boolean =>
  status?.phase === 'converged' && status.brokers.every(({ state }) => state === 'stopped');
const isGone = (statuses: readonly ClusterStatus[]): boolean => statuses.length === 0;

/** One scheduler after the other dies at a write, each a bit later than the last, until one finds it done. */
async function throughDeaths(
  world: World,
  spec: string,
  wanted: (statuses: readonly ClusterStatus[]) => boolean,
  first: number,
): Promise<number> {
  for (let deaths = 0; ; deaths += 1) {
    const life = first + deaths;
    const crash: CrashPoint = { side: life % 2 === 0 ? 'after' : 'before', count: 2 + (life % 5) };
    world.start(crash);
    const end = await world.follow(spec, wanted, timeoutMs);
    if (end !== 'died') {
      await world.stopScheduler();
      return deaths;
    }
    assert.ok(deaths < 60, 'it comes to an end');
  }
}

async function inWorld(run: (world: World) => Promise<void>): Promise<void> {
  const world = await createWorld({ programs, spec: four, stubBrokers: 3 });
  try {
    world.start();
    assert.is.not(await world.follow(four, runs(4), timeoutMs), 'died', world.log());
    await world.stopScheduler();
    await run(world);
  } catch (error) {
    throw new Error(`${(error as Error).stack}\n${world.written().join(' ')}\n${world.log().slice(-6_000)}`);
  } finally {
    await world.close();
  }
}

for (const first of [0, 3]) {
  test(`a broker leaves, then the cluster goes, its scheduler dying all the way (from ${first})`, async () => {
    await inWorld(async (world) => {
      const deaths = await throughDeaths(world, three, runs(3), first);
      assert.ok(deaths >= 1, `${deaths} deaths while the broker left`);
      const more = await throughDeaths(world, destroyed, isGone, first);
      assert.ok(more >= 3, `${more} deaths while the cluster went`);
      await checkNothingLeft(world);
    });
  });
}

test('a cluster whose data is kept comes back with it', async () => {
  await inWorld(async (world) => {
    const deaths = await throughDeaths(world, kept, isKept, 1);
    assert.ok(deaths >= 3, `${deaths} deaths`);
    const disks = disksOf(world);
    assert.is(disks.length, 4);
    world.start();
    assert.is.not(await world.follow(four, runs(4), timeoutMs), 'died');
    assert.equal(disksOf(world), disks);
  });
});

test('teardown: a dead agent is named and holds up nothing else; when it is back, the master proves the end', async () => {
  await inWorld(async (world) => {
    const home = resolveHome({ KAFKA_MESOS_HOME: world.home }, world.home);
    world.start();
    assert.is.not(await world.follow(four, runs(4), timeoutMs), 'died');
    await world.mesos.stopAgent('agent-1', 'gone');
    const look = () => runCli(['teardown', '--confirm', 'kafka-mesos', '--timeout', '8s'], { home });
    let early = await look();
    for (let looks = 1; /agent-[^1]/.test(early.stdout) && looks < 20; looks += 1) early = await look();
    assert.is(early.exitCode, 2, early.stderr);
    assert.match(early.stdout, /(task|unreachable-task|record|volume).*agent-1/);
    assert.not.match(early.stdout, /agent-[^1]/, 'what the others had is gone');
    await world.mesos.startAgent('agent-1', false);
    const end = await runCli(['teardown', '--confirm', 'kafka-mesos', '--timeout', '180s'], { home });
    assert.is(end.exitCode, 0, `${end.stdout}\n${end.stderr}`);
    assert.is(await world.schedulerEnd(), 0);
    await checkNothingLeft(world);
  });
});

test.run();
