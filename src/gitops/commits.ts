/** Which commit each file is at, over the work trees that the directory is in; only what is new is asked of git. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { GitCommit } from '../model/source.ts';
import type { FileFacts } from './decide/decide.ts';
import type { Git, GitTree, Relation } from './git.ts';
import type { ReadFile } from './read-directory.ts';

/** Git holds its lock while it writes files; one that is older was left behind. */
const gitLockMs = 30_000;
/** More work trees in one directory than these are nobody's. */
const maxTrees = 20;

export type Commits = {
  /** Finds the work trees of these files. `locked`: git is writing to one of them, and what was known stays. */
  look(files: readonly ReadFile[]): Promise<'locked' | 'read' | 'no answer'>;
  /** `isComplete`: git has answered to the end. */
  of(files: readonly ReadFile[]): Promise<{
    readonly facts: ReadonlyMap<ReadFile, Pick<FileFacts, 'commit' | 'uncommitted'>>;
    readonly isComplete: boolean;
  }>;
  /** How a file's commit stands to the one that was applied; undefined: it is in no work tree. */
  relation(file: ReadFile, applied: GitCommit, newest: GitCommit): Promise<Relation | undefined>;
  /** Of the first work tree. */
  head(): GitCommit | undefined;
  gitDirs(): readonly string[];
};

export function createCommits(git: Git): Commits {
  let trees: ReadonlyMap<string, GitTree> = new Map();
  /** By place in a repository: what is known of its files, as of a commit. Undefined: no commit was found. */
  const histories = new Map<
    string,
    { readonly head: GitCommit; readonly commits: ReadonlyMap<string, GitCommit | undefined> }
  >();

  async function look(files: readonly ReadFile[]): ReturnType<Commits['look']> {
    const found = new Map<string, GitTree>();
    let isAnswered = true;
    const nowMs = Date.now();
    const bases = new Set(files.map(({ base }) => base));
    for (const base of [...bases].slice(0, maxTrees)) {
      const tree = await git.tree(base, trees.get(base));
      if (tree === 'no answer') isAnswered = false;
      if (tree === undefined || tree === 'no answer') continue;
      const lock = await stat(join(tree.gitDir, 'index.lock')).catch(() => undefined);
      if (lock !== undefined && Math.abs(nowMs - lock.mtimeMs) < gitLockMs) return 'locked';
      found.set(base, tree);
    }
    trees = found;
    return isAnswered ? 'read' : 'no answer';
  }

  /** Asks only for what came since the last look, as long as history has only grown. */
  async function lastCommits(
    tree: GitTree,
    paths: readonly string[],
  ): Promise<{
    readonly commits: ReadonlyMap<string, GitCommit | undefined>;
    readonly isComplete: boolean;
  }> {
    const before = histories.get(tree.place);
    const isGrown = before !== undefined && (await git.isAncestor(tree, before.head));
    const known = isGrown ? before.commits : new Map<string, GitCommit | undefined>();
    const hasMoved = isGrown && before.head.id !== tree.head.id;
    const old = paths.filter((path) => known.has(path));
    const changed = await git.lastCommits(tree, hasMoved ? old : [], before?.head);
    const found = await git.lastCommits(
      tree,
      paths.filter((path) => !known.has(path)),
    );
    const isComplete = changed.isComplete && found.isComplete;
    const commits = new Map(
      paths.map((path) => {
        // Of a file that may have changed since, what was known before says nothing.
        const kept = changed.isComplete ? known.get(path) : undefined;
        return [path, changed.commits.get(path) ?? found.commits.get(path) ?? kept] as const;
      }),
    );
    // What git did not say is asked again.
    if (isComplete) histories.set(tree.place, { head: tree.head, commits });
    return { commits, isComplete };
  }

  async function of(files: readonly ReadFile[]): ReturnType<Commits['of']> {
    const facts = new Map<ReadFile, Pick<FileFacts, 'commit' | 'uncommitted'>>();
    let isComplete = true;
    for (const tree of trees.values()) {
      const own = files.filter((file) => file.base === tree.base);
      const committed = own.filter(({ below }) => tree.blobs.has(below));
      const last = await lastCommits(
        tree,
        committed.map(({ below }) => below),
      );
      isComplete &&= last.isComplete;
      for (const file of own) {
        const commit = last.commits.get(file.below);
        const blob = tree.blobs.get(file.below);
        const isCommitted = blob !== undefined && (blob === file.blob?.sha1 || blob === file.blob?.sha256);
        facts.set(file, {
          ...(commit === undefined ? {} : { commit }),
          ...(isCommitted ? {} : { uncommitted: true as const }),
        });
      }
    }
    return { facts, isComplete };
  }

  return {
    look,
    of,
    async relation({ base, below }, applied, newest) {
      const tree = trees.get(base);
      return tree === undefined ? undefined : await git.relation(tree, applied, newest, below);
    },
    head: () => [...trees.values()][0]?.head,
    gitDirs: () => [...trees.values()].map(({ gitDir }) => gitDir),
  };
}
