/** Specs in a directory, with real commits, links and writes, and the real loop; without brokers. */
import { existsSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createGit, type Git } from '../../src/gitops/git.ts';
import { UnavailableError } from '../../src/model/errors.ts';
import { parseSpecFile } from '../../src/spec/parse.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { createHarness, settle } from '../reconciler/harness.ts';
import {
  commitAll,
  createGitopsWorld,
  git,
  inWorkTree,
  newFolder,
  put,
  removeFolder,
  specOf,
  until,
} from './gitops-world.ts';

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
    assert.is(resumed?.revision, 4);
    assert.is(resumed?.source?.state, 'following');
  }));

test('a burst of writes, and an editor that saves beside the file and renames, are one change each', () =>
  inWorkTree(async (world) => {
    await world.follower.look();
    for (let n = 1; n <= 20; n += 1) put(world.folder, 'specs/demo.yaml', specOf('demo', 0.5 + n / 100));
    await until('the burst', () => world.revision('demo') > 1);
    assert.is(world.harness.reconciler.spec('demo')?.desired.brokers[0]?.cpus, 0.7);
    assert.is(world.revision('demo'), 2);
    put(world.folder, 'specs/.demo.yaml.swp', 'no spec');
    put(world.folder, 'specs/demo.yaml~', specOf('demo', 3));
    renameSync(join(world.folder, 'specs/demo.yaml~'), join(world.folder, 'specs/demo.yaml'));
    await until('the renamed one', () => world.revision('demo') === 3);
    assert.is(world.follower.status().files, 1);
  }));

test('a file that is written in pieces is taken whole', async () => {
  const folder = newFolder();
  put(folder, 'specs/demo.yaml', specOf('demo'));
  const world = await createGitopsWorld(folder, { timing: { settleMs: 200 } });
  try {
    await world.follower.look();
    const text = specOf('demo', 1, '  topics:\n    - { name: events }\n    - { name: orders }\n');
    // Each beginning of it that ends with a line is a valid spec.
    const half = text.indexOf('    - { name: orders');
    put(folder, 'specs/demo.yaml', text.slice(0, half));
    await new Promise((resolve) => setTimeout(resolve, 100));
    put(folder, 'specs/demo.yaml', text);
    await until('the whole', () => world.revision('demo') > 1);
    assert.is(world.revision('demo'), 2);
    assert.is(world.harness.reconciler.spec('demo')?.desired.topics.length, 2);
  } finally {
    await world.close();
    removeFolder(folder);
  }
});

test('an emptied and a vanished directory are no order, and what comes back goes on', () =>
  inWorkTree(async (world) => {
    await world.follower.look();
    renameSync(join(world.folder, 'specs/demo.yaml'), join(world.folder, 'kept'));
    await until('emptied', () => world.follower.status().state === 'emptied');
    assert.is(world.source('demo')?.state, 'missing');
    assert.not(world.follower.isAbandoned('demo'), 'it belongs to its file all the same');
    renameSync(join(world.folder, 'specs'), join(world.folder, 'elsewhere'));
    await world.follower.look();
    assert.is(world.follower.status().state, 'unreadable');
    assert.match(world.follower.status().message, 'ENOENT');
    assert.is(world.revision('demo'), 1);
    put(world.folder, 'specs/demo.yaml', specOf('demo', 1));
    await until('the directory is back', () => world.revision('demo') === 2);
  }));

test('a directory that is put in the place of another is watched as that was', () =>
  inWorkTree(async (world) => {
    await world.follower.look();
    put(world.folder, 'next/demo.yaml', specOf('demo', 1));
    renameSync(join(world.folder, 'specs'), join(world.folder, 'before'));
    renameSync(join(world.folder, 'next'), join(world.folder, 'specs'));
    await until('what it has', () => world.revision('demo') === 2);
    put(world.folder, 'specs/demo.yaml', specOf('demo', 2));
    await until('what changes in it', () => world.revision('demo') === 3);
  }));

test('a file that is gone ends the ownership; one that was renamed takes it along', () =>
  inWorkTree(async (world) => {
    put(world.folder, 'specs/other.yaml', specOf('other'));
    await world.follower.look();
    git(world.folder, 'mv', 'specs/demo.yaml', 'specs/renamed.yaml');
    commitAll(world.folder, 'Rename');
    const owner = () => world.harness.reconciler.spec('demo')?.source?.path;
    await until('the new owner', () => owner() === 'renamed.yaml');
    assert.is(world.source('demo')?.path, 'renamed.yaml');
    assert.is(world.revision('demo'), 1, 'no new revision');
    rmSync(join(world.folder, 'specs/other.yaml'));
    await until('other is missing', () => world.source('other')?.state === 'missing');
    assert.ok(world.follower.isAbandoned('other'));
    assert.is(world.revision('other'), 1);
  }));

test('two files that name one cluster are both wrong, and it stays as it is', () =>
  inWorkTree(async (world) => {
    await world.follower.look();
    put(world.folder, 'specs/second.yaml', specOf('demo', 2));
    const errors = () => world.follower.status().problems.filter(({ severity }) => severity === 'error');
    await until('both are broken', () => errors().length === 2);
    assert.is(errors()[0]?.message, 'the cluster demo is declared at specs/second.yaml:3 too');
    assert.is(world.source('demo')?.state, 'broken');
    assert.is(world.revision('demo'), 1);
    rmSync(join(world.folder, 'specs/demo.yaml'));
    await until('it has moved', () => world.revision('demo') === 2);
    assert.is(world.source('demo')?.path, 'second.yaml');
  }));

test('of a file with two clusters, one broken, neither is taken', () =>
  inWorkTree(async (world) => {
    const both = (cpus: number, tail = '') => `${specOf('demo', cpus)}---\n${specOf('twin', cpus)}${tail}`;
    put(world.folder, 'specs/demo.yaml', both(1));
    await world.follower.look();
    assert.equal([world.revision('demo'), world.revision('twin')], [1, 1]);
    put(world.folder, 'specs/demo.yaml', both(2, '  nonsense: 1\n'));
    await until('broken', () => world.source('demo')?.state === 'broken');
    assert.is(world.source('twin')?.state, 'broken');
    assert.equal([world.revision('demo'), world.revision('twin')], [1, 1]);
  }));

test('suspend in the file holds back what else it says, and is no change of the cluster', () =>
  inWorkTree(async (world) => {
    await world.follower.look();
    put(world.folder, 'specs/demo.yaml', specOf('demo', 2, '  suspend: true\n'));
    await until('suspended', () => world.source('demo')?.state === 'suspended');
    assert.is(
      world.source('demo')?.message,
      'specs/demo.yaml says suspend: true, so nothing else of it is taken; revision 1 holds',
    );
    assert.is(world.revision('demo'), 1);
    put(world.folder, 'specs/demo.yaml', specOf('demo', 2));
    await until('it goes on', () => world.revision('demo') === 2);
    put(world.folder, 'specs/new.yaml', specOf('new', 2, '  suspend: true\n'));
    await world.follower.look();
    assert.is(world.revision('new'), 0, 'it is not begun');
  }));

test('the next leader writes nothing when nothing has changed', () =>
  inWorkTree(async (world) => {
    const backend = createMemoryStoreBackend();
    const one = await createGitopsWorld(world.folder, { harness: createHarness(backend) });
    await one.harness.reconciler.start();
    await one.follower.look();
    assert.is(one.revision('demo'), 1);
    await one.close();
    const two = await createGitopsWorld(world.folder, { harness: createHarness(backend) });
    await two.harness.reconciler.start();
    await two.follower.look();
    await settle();
    assert.equal(two.taken, []);
    assert.equal(
      two.harness.crossed.filter((what) => what.startsWith('write')),
      [],
    );
    assert.is(two.source('demo')?.state, 'following');
    await two.close();
  }));

test('a leader with an older checkout says so and takes nothing, until it is told to', () =>
  inWorkTree(async (world) => {
    put(world.folder, 'specs/demo.yaml', specOf('demo', 2));
    const newer = commitAll(world.folder, 'More cpus');
    for (const isShallow of [false, true]) {
      const old = newFolder();
      git(
        old,
        'clone',
        '-q',
        ...(isShallow ? ['--depth', '1', `file://${world.folder}`] : [world.folder]),
        'work',
      );
      const work = join(old, 'work');
      if (isShallow) {
        // Another clone that was made before the commit, and has never heard of it.
        removeFolder(work);
        git(world.folder, 'branch', '-f', 'before', 'HEAD~1');
        git(old, 'clone', '-q', '--depth', '1', '-b', 'before', `file://${world.folder}`, 'work');
      } else git(work, 'checkout', '-q', 'HEAD~1');
      const backend = createMemoryStoreBackend();
      const leader = await createGitopsWorld(world.folder, { harness: createHarness(backend) });
      await leader.harness.reconciler.start();
      await leader.follower.look();
      assert.is(leader.harness.reconciler.spec('demo')?.source?.commit?.id, newer);
      await leader.close();

      const next = await createGitopsWorld(work, { harness: createHarness(backend) });
      await next.harness.reconciler.start();
      await next.follower.look();
      assert.equal(next.taken, []);
      assert.is(next.source('demo')?.state, 'behind');
      assert.match(
        next.source('demo')?.message ?? '',
        `which is older than ${newer.slice(0, 7)}, so it is not taken`,
      );
      const resumed = await next.following.resume('demo', { author: 'bob' });
      assert.is(resumed?.revision, 2);
      assert.is(resumed?.source?.state, 'following');
      await next.close();
      removeFolder(old);
    }
  }));

test('what the store does not take is tried again', () =>
  inWorkTree(async (world) => {
    let refusals = 0;
    world.harness.onWrite = (path) => {
      if (!path.endsWith('/spec') || refusals === 2) return undefined;
      refusals += 1;
      return new UnavailableError('KM_UNAVAILABLE_STORE', 'no quorum');
    };
    await world.follower.look();
    assert.is(world.revision('demo'), 0);
    assert.match(world.follower.status().message, 'cluster demo is not stored: no quorum');
    await until('the third try', () => world.revision('demo') === 1);
    assert.is(world.follower.status().message, '1 file, 1 cluster');
  }));

test('a deletion in the file works as by apply; a file that stays makes no new cluster', () =>
  inWorkTree(async (world) => {
    await world.follower.look();
    put(
      world.folder,
      'specs/demo.yaml',
      specOf('demo', 0.5, '  deletion: { policy: destroy, confirm: demo }\n'),
    );
    await until('it is gone', () => world.harness.reconciler.memory().length === 0);
    await world.follower.look();
    assert.is(world.harness.reconciler.memory().length, 0);
    assert.is(await world.following.revisions('demo'), undefined);
    assert.equal(await world.harness.stored('clusters/demo/revisions/1'), undefined);
    assert.equal(await world.harness.stored('clusters/demo/revisions/2'), undefined);
  }));

test('commits are known by files that others changed in between, a revert and a rewritten history', () =>
  inWorkTree(async (world, first) => {
    put(world.folder, 'specs/other.yaml', specOf('other'));
    const second = commitAll(world.folder, 'Declare other');
    await world.follower.look();
    assert.is(world.source('demo')?.commit?.id, first);
    assert.is(world.source('other')?.commit?.id, second);
    put(world.folder, 'specs/demo.yaml', specOf('demo', 2));
    commitAll(world.folder, 'More');
    git(world.folder, 'revert', '--no-edit', 'HEAD');
    await world.follower.look();
    assert.is(
      world.source('demo')?.commit?.id,
      git(world.folder, 'rev-parse', 'HEAD'),
      'the bytes are as before',
    );
    assert.is(world.source('other')?.commit?.id, second);
    git(world.folder, 'reset', '-q', '--soft', first);
    commitAll(world.folder, 'Squashed');
    await world.follower.look();
    assert.is(world.source('other')?.commit?.id, git(world.folder, 'rev-parse', 'HEAD'));
    assert.is(world.source('demo')?.commit?.id, first);
  }));

test('a file that never rests holds up neither the others nor itself', async () => {
  const folder = newFolder();
  put(folder, 'specs/demo.yaml', specOf('demo'));
  const world = await createGitopsWorld(folder, { timing: { settleMs: 200, burstMs: 600 } });
  let n = 0;
  const restless = setInterval(() => put(folder, 'specs/restless.yaml', specOf('restless', ++n / 100)), 50);
  try {
    void world.follower.look();
    await until('both', () => world.revision('demo') === 1 && world.revision('restless') > 0);
  } finally {
    clearInterval(restless);
    await world.close();
    removeFolder(folder);
  }
});

test('links inside of the directory are followed, none leads out of it', () =>
  inWorkTree(async (world) => {
    put(world.folder, 'secret/token.yaml', specOf('secret'));
    put(world.folder, 'specs/..data/mounted.yaml', specOf('mounted'));
    symlinkSync('..data/mounted.yaml', join(world.folder, 'specs/mounted.yaml'));
    symlinkSync('../secret', join(world.folder, 'specs/folder'));
    symlinkSync('../secret/token.yaml', join(world.folder, 'specs/token.yaml'));
    symlinkSync('nowhere.yaml', join(world.folder, 'specs/dangling.yaml'));
    symlinkSync('.', join(world.folder, 'specs/loop'));
    await world.follower.look();
    assert.equal(world.taken, ['demo', 'mounted']);
    assert.equal(
      world.follower
        .status()
        .problems.filter(({ severity }) => severity === 'error')
        .map(({ file, message }) => `${file}: ${message}`),
      [
        'specs/dangling.yaml: it cannot be read: ENOENT',
        'specs/token.yaml: it is a link that leads out of the directory',
      ],
    );
  }));

test('nothing that a repository configures is run', () =>
  inWorkTree(async (world) => {
    const trap = join(world.folder, 'trap');
    const mark = join(world.folder, 'sprung');
    writeFileSync(trap, `#!/bin/sh\ntouch '${mark}'\n`, { mode: 0o755 });
    for (const [key, value] of [
      ['core.fsmonitor', trap],
      ['core.pager', trap],
      ['core.hooksPath', world.folder],
      ['core.sshCommand', trap],
      ['diff.external', trap],
      ['gpg.program', trap],
      ['log.showSignature', 'true'],
      ['pager.log', trap],
      ['filter.evil.clean', trap],
      ['filter.evil.process', trap],
      ['alias.log', `!${trap}`],
    ] as const) {
      git(world.folder, 'config', key, value);
    }
    writeFileSync(join(world.folder, '.git/info/attributes'), '*.yaml filter=evil diff=evil\n');
    await world.follower.look();
    assert.is(world.source('demo')?.state, 'following');
    assert.ok(world.source('demo')?.commit, 'and the commit is known');
    assert.not(existsSync(mark));
  }));

/** A git that is killed, as one that takes too long, as often as `failures` says at what `pattern` fits. */
function flakyGit(
  folder: string,
  pattern: string,
): { readonly git: Git; readonly fail: (times: number) => void } {
  const program = join(folder, 'flaky-git');
  const failures = join(folder, 'failures');
  writeFileSync(
    program,
    `#!/bin/sh
case "$*" in *"${pattern}"*)
  if read -r one < ${failures} && [ "$one" -gt 0 ]; then echo $((one - 1)) > ${failures}; kill -9 $$; fi ;;
esac
exec git "$@"
`,
    { mode: 0o755 },
  );
  const fail = (times: number) => writeFileSync(failures, `${times}\n`);
  fail(0);
  return { git: createGit(program), fail };
}

for (const pattern of ['rev-parse', 'log -1', 'ls-tree', '--stdin']) {
  test(`a git that did not answer (${pattern}) is asked again: an older checkout is not taken for a new one`, () =>
    inWorkTree(async (world, first) => {
      put(world.folder, 'specs/demo.yaml', specOf('demo', 2));
      commitAll(world.folder, 'More cpus');
      await world.follower.look();
      assert.is(world.revision('demo'), 1);
      git(world.folder, 'checkout', '-q', first);
      const flaky = flakyGit(world.folder, pattern);
      flaky.fail(2);
      const next = await createGitopsWorld(world.folder, { git: flaky.git, harness: world.harness });
      await next.follower.look();
      assert.equal([next.revision('demo'), next.source('demo')?.state], [1, 'behind']);
      await next.close();
    }));
}

test('a git that never answers is waited for a few times only, and what it says later is stored', () =>
  inWorkTree(async ({ folder }, first) => {
    const flaky = flakyGit(folder, '--stdin');
    flaky.fail(1_000);
    const world = await createGitopsWorld(folder, { git: flaky.git });
    await world.follower.look();
    assert.is(world.revision('demo'), 1);
    assert.is(world.harness.reconciler.spec('demo')?.source?.commit, undefined);
    flaky.fail(0);
    await world.follower.look();
    assert.is(world.harness.reconciler.spec('demo')?.source?.commit?.id, first);
    assert.is(world.revision('demo'), 1, 'that is no new revision');
    const { events } = world.harness.reconciler.events({ limit: 100, clusterName: 'demo' });
    assert.is(events.filter(({ message }) => /owner/.test(message)).length, 0);
    const written = world.taken.length;
    await world.follower.look();
    assert.is(world.taken.length, written);
    await world.close();
  }));

test('a look after the directory was mended sees it, though it is still being written', () =>
  inWorkTree(async (world) => {
    await world.follower.look();
    renameSync(join(world.folder, 'specs'), join(world.folder, 'elsewhere'));
    await world.follower.look();
    assert.is(world.follower.status().state, 'unreadable');
    put(world.folder, 'specs/demo.yaml', specOf('demo', 1));
    await world.follower.look();
    assert.equal([world.follower.status().state, world.revision('demo')], ['read', 2]);
  }));

test('what is taken over while its file is gone stays so when the file appears under another name', () =>
  inWorkTree(async (world) => {
    await world.follower.look();
    renameSync(join(world.folder, 'specs/demo.yaml'), join(world.folder, 'on-its-way'));
    put(world.folder, 'specs/other.yaml', specOf('other'));
    await world.follower.look();
    assert.ok(world.follower.isAbandoned('demo'));
    const { clusters } = parseSpecFile({ path: 'x', text: specOf('demo', 2) });
    const origin = world.following.originOf({ files: [], author: 'carol', takeOver: true });
    await world.harness.reconciler.apply(clusters, 'carol', {}, origin);
    renameSync(join(world.folder, 'on-its-way'), join(world.folder, 'specs/renamed.yaml'));
    await world.follower.look();
    assert.equal([world.revision('demo'), world.source('demo')?.state], [2, 'taken-over']);
  }));

test('a directory in no work tree, and a machine without git, have no commits', async () => {
  const folder = newFolder();
  put(folder, 'specs/demo.yaml', specOf('demo'));
  for (const program of ['git', '/nonexistent/git']) {
    const world = await createGitopsWorld(folder, { git: createGit(program) });
    await world.follower.look();
    assert.equal(world.harness.reconciler.spec('demo')?.source, { path: 'demo.yaml' });
    assert.is(world.harness.reconciler.spec('demo')?.author, 'specs');
    assert.is(world.follower.status().state, 'read');
    await world.close();
  }
  removeFolder(folder);
});

test.run();
