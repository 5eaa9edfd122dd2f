/**
 * Two schedulers on a real ZooKeeper, each with a checkout of its own: `one` a plain clone, `two` links that are swapped
 * as by git-sync. Whoever leads follows its own; nothing goes back, and nothing is stored twice. All brokers are kept
 * stopped.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { resolveHome } from '../../src/cli/home.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { runHere } from '../cli/run-cli.ts';
import { openSession, until } from '../zookeeper/support.ts';
import { commitAll, git, newFolder, put, removeFolder, specOf, syncTo } from './gitops-world.ts';
import { createTwoSchedulers, type Scheduler } from './two-schedulers.ts';

const names = ['demo', 'held', 'pinned', 'taken'];
const folder = newFolder();
const source = join(folder, 'source');
const specs = { one: join(folder, 'one/specs'), two: join(folder, 'two/current/specs') };
const commits: string[] = [];
mkdirSync(source);
git(source, 'init', '-q');
for (const n of [1, 2, 3, 4, 5]) {
  for (const name of names) {
    put(source, `specs/${name}.yaml`, specOf(name, n / 10, '  defaults: { state: stopped }\n'));
  }
  commits.push(commitAll(source, `cpus ${n / 10}`));
}
git(folder, 'clone', '-q', source, 'one');
git(folder, 'clone', '-q', '--no-checkout', source, 'two');

/** The nth commit in the checkout of one of them. */
function checkOut(name: 'one' | 'two', n: number): void {
  const commit = commits[n - 1] ?? '';
  if (name === 'two') syncTo(join(folder, 'two'), commit);
  else git(join(folder, 'one'), 'checkout', '-q', commit);
}
const short = (n: number): string => (commits[n - 1] ?? '').slice(0, 7);

checkOut('one', 1);
checkOut('two', 1);
const world = await createTwoSchedulers({ stubBrokers: 0, specs });
const { one, two } = world;
const store = openSession(one.proxy.address);

const clusterOf = async (scheduler: Scheduler, name: string): Promise<ClusterStatus> => {
  const found = await scheduler.api().cluster(name);
  if (found === undefined) throw new Error(`${scheduler.name} knows no cluster ${name}`);
  return found;
};

/** `held 2 suspended` */
const standOf = async (scheduler: Scheduler): Promise<readonly string[]> =>
  Promise.all(
    names.map(async (name) => {
      const found = await scheduler.api().cluster(name);
      return `${name} ${found?.revision} ${found?.source?.state}`;
    }),
  );

/** It leads, has read its own directory at that commit, and has stored what follows from it. */
async function follows(scheduler: Scheduler, n: number): Promise<void> {
  await world.leads(scheduler);
  await until(`${scheduler.name} has read commit ${n}`, async () => {
    const read = (await scheduler.api().scheduler()).specs;
    return read?.state === 'read' && read.commit?.id === commits[n - 1];
  });
  await scheduler.api().reconcile({});
  assert.is((await scheduler.api().scheduler()).specs?.directory, specs[scheduler.name as 'one' | 'two']);
}

const reaches = (scheduler: Scheduler, stand: string) =>
  until(`${scheduler.name}: ${stand}`, async () => (await standOf(scheduler)).includes(stand));

/** Of specs and revisions, which is all that a directory may bring about. */
const specWrites = (scheduler: Scheduler): readonly string[] =>
  scheduler.written().filter((path) => /\/(spec|revisions\/\d+)$/.test(path));

/** How often ZooKeeper has taken a write of a cluster's spec. */
const storedTimes = async (name: string): Promise<number> =>
  (await store.stat(`/kafka-mesos/records/clusters/${name}/spec`))?.version ?? 0;

const shows = async (scheduler: Scheduler, ...args: readonly string[]): Promise<string> => {
  const ran = await runHere(['status', ...args], {
    home: resolveHome({ KAFKA_MESOS_HOME: scheduler.home }, '/nowhere'),
  });
  assert.is(ran.exitCode, 0, ran.stderr);
  return ran.stdout;
};

test('who leads takes its commit; who stands by reads no directory and says who leads', async () => {
  one.start();
  await follows(one, 1);
  await reaches(one, 'taken 1 following');
  two.start();
  await world.standsBy(two);
  assert.match(await shows(one), `Specs      ${specs.one} @ ${short(1)}: 4 files, 4 clusters`);
  const stood = await shows(two, 'demo');
  assert.not.match(stood, 'Specs ');
  assert.match(stood, 'of demo.yaml; only the leader reads it; revision 1 holds');
  assert.equal(specWrites(two), []);
});

test('killed; the next one has the same commit, and writes nothing', async () => {
  one.process().kill('SIGKILL');
  await follows(two, 1);
  assert.equal(
    await standOf(two),
    names.map((name) => `${name} 1 following`),
  );
  assert.equal(specWrites(two), []);
  assert.match(await shows(two), `Specs      ${specs.two} @ ${short(1)}: 4 files, 4 clusters`);
});

test('killed; the next one has an older commit, takes none of it, and keeps what operators asked', async () => {
  checkOut('two', 2);
  await reaches(two, 'taken 2 following');
  await two.api().suspend('held', { author: 'bob', reason: 'freeze' });
  await two.api().rollback('pinned', { author: 'bob', revision: 1 });
  const byHand = { path: 'taken.yaml', text: specOf('taken', 7, '  defaults: { state: stopped }\n') };
  await two.api().apply({ files: [byHand], author: 'bob', takeOver: true });
  one.start();
  await world.standsBy(one);
  const before = specWrites(one).length;
  two.process().kill('SIGKILL');
  await follows(one, 1);
  assert.equal(await standOf(one), [
    'demo 2 behind',
    'held 2 suspended',
    'pinned 3 pinned',
    'taken 3 taken-over',
  ]);
  assert.is(specWrites(one).length, before);
  const stalled = (await clusterOf(one, 'demo')).conditions.find(({ type }) => type === 'Stalled');
  assert.equal([stalled?.status, stalled?.reason], [true, 'SpecBehind']);
  assert.match(
    await shows(one, 'demo'),
    new RegExp(`${specs.one}/demo.yaml is at ${short(1)}, which is\\s+older\\s+than ${short(2)}`),
  );
  // Its checkout catches up, with a commit that is stored already.
  checkOut('one', 2);
  await reaches(one, 'demo 2 following');
  assert.is(specWrites(one).length, before);
});

test('killed; the next one has a newer commit, and takes it of what is followed', async () => {
  checkOut('two', 3);
  two.start();
  await world.standsBy(two);
  one.process().kill('SIGKILL');
  await follows(two, 3);
  await reaches(two, 'demo 3 following');
  assert.equal(await standOf(two), [
    'demo 3 following',
    'held 2 suspended',
    'pinned 3 pinned',
    'taken 3 taken-over',
  ]);
  assert.is((await clusterOf(two, 'pinned')).source?.message, 'pinned to revision 1, git is 2 commits ahead');
  for (const name of ['held', 'pinned', 'taken']) await two.api().resume(name, { author: 'bob' });
  assert.equal(await standOf(two), [
    'demo 3 following',
    'held 3 following',
    'pinned 4 following',
    'taken 4 following',
  ]);
  const [newest] = (await two.api().revisions('demo')) ?? [];
  assert.is(newest?.source?.commit?.id, commits[2]);
});

test('stopped at the write of a revision until another one leads, it stores nothing, and ends with 75', async () => {
  // Of the two, `one` is made leader first, since only one that was started for it stops at a write.
  checkOut('one', 3);
  one.start({ side: 'before', count: 1, matching: '^clusters/demo/spec .*"revision":4,', isStop: true });
  await world.standsBy(one);
  two.process().kill('SIGTERM');
  assert.is(await two.exit(), 0);
  await follows(one, 3);
  two.start();
  await world.standsBy(two);
  const before = specWrites(one).length;
  checkOut('one', 4);
  await world.leads(two);
  await follows(two, 3);
  assert.is((await clusterOf(two, 'demo')).revision, 3);
  assert.equal(specWrites(one).slice(before), ['clusters/demo/spec'], 'it has begun, and nothing else');
  one.process().kill('SIGCONT');
  assert.is(await one.exit(), 75);
  assert.equal(specWrites(one).slice(before), ['clusters/demo/spec']);
  assert.is(await storedTimes('demo'), 3);
  assert.is(await two.state(), 'leading');
  checkOut('two', 5);
  await reaches(two, 'demo 4 following');
});

test('no revision was stored twice, and each is of the commit that it should be', async () => {
  await reaches(two, 'taken 5 following');
  // A suspension and a resumption are a write each; to roll back, and to take over, suspends in the same write.
  assert.equal(await Promise.all(names.map(storedTimes)), [4, 4 + 2, 5 + 1, 5 + 1]);
  const commitsOf = async (name: string) =>
    ((await two.api().revisions(name)) ?? []).map(({ revision, source: from }) => [
      revision,
      from?.commit === undefined ? undefined : commits.indexOf(from.commit.id) + 1,
    ]);
  // The fourth commit was only ever in the checkout of the one that was stopped.
  assert.equal(await commitsOf('demo'), [
    [4, 5],
    [3, 3],
    [2, 2],
    [1, 1],
  ]);
  assert.equal(await commitsOf('pinned'), [
    [5, 5],
    [4, 3],
    [3, 1],
    [2, 2],
    [1, 1],
  ]);
  assert.equal(await commitsOf('taken'), [
    [5, 5],
    [4, 3],
    [3, undefined],
    [2, 2],
    [1, 1],
  ]);
});

test.after(async () => {
  await store.close();
  await world.close();
  removeFolder(folder);
});
test.run();
