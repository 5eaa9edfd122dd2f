/** Directories of specs as they are in production: swapped by git-sync, and large. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  commitAll,
  createGitopsWorld,
  git,
  newFolder,
  put,
  removeFolder,
  specOf,
  syncTo,
  until,
} from './gitops-world.ts';

test('git-sync swaps a link: each commit is seen whole, by its own author, and the next one too', async () => {
  const folder = newFolder();
  const commits: string[] = [];
  git(folder, 'init', '-q', 'source');
  for (let n = 1; n <= 12; n += 1) {
    for (const name of ['one', 'two', 'three'])
      put(folder, `source/specs/${name}.yaml`, specOf(name, n / 10));
    commits.push(commitAll(`${folder}/source`, `cpus ${n / 10}`));
  }
  git(folder, 'clone', '-q', '--no-checkout', 'source', 'git');
  const repository = `${folder}/git`;
  syncTo(repository, commits[0] ?? '');
  const world = await createGitopsWorld(folder, { specs: 'git/current/specs' });
  const cpus = () =>
    ['one', 'two', 'three'].map((name) => world.harness.reconciler.spec(name)?.desired.brokers[0]?.cpus);
  try {
    await world.follower.look();
    assert.equal(cpus(), [0.1, 0.1, 0.1]);
    assert.is(world.source('one')?.commit?.id, commits[0]);
    // Swapped under its hands: what it has seen is never a mixture of two commits.
    for (const commit of commits.slice(1, 11)) {
      syncTo(repository, commit);
      const look = world.follower.look();
      syncTo(repository, commits[commits.indexOf(commit) + 1] ?? '');
      await look;
      assert.is(new Set(cpus()).size, 1, JSON.stringify(cpus()));
    }
    await until('the last commit, by the watch alone', () => cpus().every((one) => one === 1.2));
    assert.is(world.source('three')?.commit?.id, commits[11]);
    assert.is(world.source('three')?.commit?.author, 'Ann <ann@example.org>');
    syncTo(repository, commits[5] ?? '');
    await until('the older commit', () => world.source('one')?.state === 'behind');
    assert.equal(cpus(), [1.2, 1.2, 1.2]);
  } finally {
    await world.close();
    removeFolder(folder);
  }
});

test('ten thousand files: read without stopping the loop, one broken, one changed', async () => {
  const folder = newFolder();
  const names = Array.from({ length: 10_000 }, (_, n) => `c${n}`);
  for (const [n, name] of names.entries()) put(folder, `specs/${n % 100}/${name}.yaml`, specOf(name));
  git(folder, 'init', '-q');
  commitAll(folder, 'Declare ten thousand');
  const taken: string[] = [];
  const world = await createGitopsWorld(folder, {
    apply: async ([cluster]) => {
      taken.push(cluster?.desired.name ?? '');
      return [];
    },
  });
  try {
    let turns = 0;
    const count = setInterval(() => {
      turns += 1;
    }, 1);
    await world.follower.look();
    clearInterval(count);
    assert.is(taken.length, 10_000);
    assert.is(world.follower.status().files, 10_000);
    assert.ok(turns > 100, `others had ${turns} turns`);
    taken.length = 0;
    put(folder, 'specs/7/c7.yaml', specOf('c7', 1).replace('cpus', 'cqus'));
    put(folder, 'specs/8/c8.yaml', specOf('c8', 1));
    commitAll(folder, 'Change two');
    await until('the broken one', () => world.follower.status().state === 'broken');
    assert.match(world.follower.status().message, '1 of 10000 files has errors');
    assert.not(taken.includes('c7'));
    assert.ok(taken.includes('c8'));
  } finally {
    await world.close();
    removeFolder(folder);
  }
});

test.run();
