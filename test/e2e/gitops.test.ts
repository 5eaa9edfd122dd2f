/** Specs in a directory, with real commits, links and writes, and the real loop; without brokers. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  commitAll,
  createGitopsWorld,
  type GitopsWorld,
  git,
  newFolder,
  put,
  removeFolder,
  specOf,
  until,
} from './gitops-world.ts';

/** A work tree `specs` of one commit with the cluster demo. */
async function inWorkTree(use: (world: GitopsWorld, first: string) => Promise<void>): Promise<void> {
  const folder = newFolder();
  put(folder, 'specs/demo.yaml', specOf('demo'));
  git(folder, 'init', '-q');
  const first = commitAll(folder, 'Declare demo');
  const world = await createGitopsWorld(folder);
  try {
    await use(world, first);
  } finally {
    await world.close();
    removeFolder(folder);
  }
}

test('a commit is taken, with its author', () =>
  inWorkTree(async (world, first) => {
    await world.follower.look();
    assert.is(world.revision('demo'), 1);
    const [revision] = await world.history('demo');
    assert.is(revision?.author, 'Ann <ann@example.org>');
    assert.is(revision?.source?.commit?.id, first);
    assert.is(revision?.source?.commit?.subject, 'Declare demo');
    assert.is(world.source('demo')?.state, 'following');

    put(world.folder, 'specs/demo.yaml', specOf('demo', 1));
    const second = commitAll(world.folder, 'More cpus');
    await until('the second commit', () => world.revision('demo') === 2);
    assert.is((await world.history('demo'))[0]?.source?.commit?.id, second);
  }));

test('a broken file keeps its cluster, says where, and holds up no other', () =>
  inWorkTree(async (world) => {
    await world.follower.look();
    put(world.folder, 'specs/demo.yaml', specOf('demo', 1).replace('cpus', 'cqus'));
    put(world.folder, 'specs/other.yaml', specOf('other'));
    await until('the other cluster', () => world.revision('other') === 1);
    const source = world.source('demo');
    assert.is(source?.state, 'broken');
    assert.match(source?.message ?? '', /^broken: specs\/demo\.yaml:7:32 .*revision 1 holds$/);
    assert.is(world.follower.status().state, 'broken');
    assert.is(world.revision('demo'), 1);
    put(world.folder, 'specs/demo.yaml', specOf('demo', 1));
    await until('the mended file', () => world.revision('demo') === 2);
    assert.is(world.follower.status().state, 'read');
  }));

test('a rollback pins: newer commits are counted and not taken, until resume', () =>
  inWorkTree(async (world) => {
    await world.follower.look();
    put(world.folder, 'specs/demo.yaml', specOf('demo', 1));
    commitAll(world.folder, 'More cpus');
    await world.follower.look();
    const answer = await world.following.rollback('demo', { author: 'bob', revision: 1, reason: 'latency' });
    assert.is(answer.revision, 3);
    assert.is(answer.source?.state, 'pinned');
    assert.is(answer.source?.message, 'pinned to revision 1 (latency), git is 1 commit ahead');
    put(world.folder, 'specs/demo.yaml', specOf('demo', 2));
    commitAll(world.folder, 'Still more cpus');
    await world.follower.look();
    assert.is(world.revision('demo'), 3);
    assert.is(world.source('demo')?.message, 'pinned to revision 1 (latency), git is 2 commits ahead');
    assert.is(world.source('demo')?.aheadCommits, 2);
    const [third] = await world.history('demo');
    assert.is(third?.rollbackOf, 1);
    const resumed = await world.following.resume('demo', { author: 'bob' });
    assert.is(resumed.revision, 4);
    assert.is(resumed.source?.state, 'following');
  }));

test.run();
