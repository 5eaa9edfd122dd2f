/** A directory of specs, a work tree of git where that is wanted, and the real follower over a reconciler without brokers. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { followSpecs } from '../../src/cli/follow-specs.ts';
import { createFollowingService, type Following } from '../../src/cli/following-service.ts';
import type { Follower, Timing } from '../../src/gitops/follower.ts';
import { createGit, type Git } from '../../src/gitops/git.ts';
import type { RevisionSummary, SourceStatus } from '../../src/model/source.ts';
import type { Reconciler } from '../../src/reconciler/ports.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { createHarness, type Harness } from '../reconciler/harness.ts';
import { subscribed } from '../reconciler/stages.ts';
import { testFolder } from '../test-folder.ts';

export type GitopsWorld = {
  readonly folder: string;
  readonly harness: Harness;
  readonly follower: Follower;
  readonly following: Following;
  /** Names of the clusters whose spec was stored, in order. */
  readonly taken: string[];
  source(clusterName: string): SourceStatus | undefined;
  revision(clusterName: string): number;
  history(clusterName: string): Promise<readonly RevisionSummary[]>;
  close(): Promise<void>;
};

const quick: Timing = { settleMs: 40, burstMs: 400, rereadMs: 600_000, retryMs: 40 };

/** `specs`: below the folder. The follower has not looked yet. */
export async function createGitopsWorld(
  folder: string,
  options: {
    readonly specs?: string;
    readonly harness?: Harness;
    readonly timing?: Partial<Timing>;
    readonly git?: Git;
    /** In the place of the reconciler's. */
    readonly apply?: Reconciler['apply'];
  } = {},
): Promise<GitopsWorld> {
  const harness = options.harness ?? createHarness();
  if (options.harness === undefined) await subscribed(harness);
  const taken: string[] = [];
  const { apply = harness.reconciler.apply } = options;
  const watched: Reconciler = {
    ...harness.reconciler,
    async apply(...asked) {
      const answer = await apply(...asked);
      for (const { desired } of asked[0]) taken.push(desired.name);
      return answer;
    },
  };
  const follower = followSpecs(watched, {
    directory: options.specs ?? 'specs',
    path: join(folder, options.specs ?? 'specs'),
    git: options.git ?? createGit(),
    clock: systemClock,
    logger: silentLogger,
    timing: { ...quick, ...options.timing },
  });
  const following = createFollowingService(harness.reconciler, follower);
  return {
    folder,
    harness,
    follower,
    following,
    taken,
    source: following.sourceOf,
    revision: (name) => harness.reconciler.spec(name)?.revision ?? 0,
    history: async (name) => (await following.revisions(name)) ?? [],
    close: () => follower.close(),
  };
}

export function newFolder(): string {
  return mkdtempSync(join(testFolder, 'kafka-mesos-gitops-'));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

export function put(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

let seconds = 1_800_000_000;

/** Each commit is a second later than the one before. */
export function git(folder: string, ...args: readonly string[]): string {
  seconds += 1;
  const when = `${seconds} +0000`;
  return execFileSync('git', ['-c', 'init.defaultBranch=main', '-c', 'core.hooksPath=/dev/null', ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_AUTHOR_NAME: 'Ann',
      GIT_AUTHOR_EMAIL: 'ann@example.org',
      GIT_COMMITTER_NAME: 'Ann',
      GIT_COMMITTER_EMAIL: 'ann@example.org',
      GIT_AUTHOR_DATE: when,
      GIT_COMMITTER_DATE: when,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

export function commitAll(folder: string, subject: string): string {
  git(folder, 'add', '-A');
  git(folder, 'commit', '-q', '-m', subject);
  return git(folder, 'rev-parse', 'HEAD');
}

/** A cluster of one broker that nothing has to be fetched for. */
export function specOf(name: string, cpus = 0.5, more = ''): string {
  return `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: ${name} }
spec:
  kafka: { distribution: { uri: 'http://127.0.0.1:1/kafka.tgz', sha512: '${'0'.repeat(128)}' } }
  pools:
    - { name: main, ids: 0..0, cpus: ${cpus}, storage: { size: 1GiB } }
${more}`;
}

/** Waits for what watchers and timers bring about. */
export async function until(what: string, isSo: () => boolean, timeoutMs = 20_000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error(`not in ${timeoutMs / 1000} s: ${what}`);
    await sleep(5);
  }
}

/** Lays a commit out beside the others and swaps the link to it, as git-sync does; what was there before is removed. */
export function syncTo(repository: string, commit: string): void {
  const name = `.worktrees/${commit}`;
  if (!existsSync(join(repository, name))) git(repository, 'worktree', 'add', '-q', '--detach', name, commit);
  const before = existsSync(join(repository, 'current'))
    ? readlinkSync(join(repository, 'current'))
    : undefined;
  symlinkSync(name, join(repository, 'next'));
  renameSync(join(repository, 'next'), join(repository, 'current'));
  if (before !== undefined && before !== name) git(repository, 'worktree', 'remove', '--force', before);
}

/** A work tree `specs` of one commit with the cluster demo. */
export async function inWorkTree(use: (world: GitopsWorld, first: string) => Promise<void>): Promise<void> {
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
