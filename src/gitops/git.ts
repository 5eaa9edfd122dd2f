/**
 * Asks the `git` program about a work tree. It only reads objects and references, never the index, so that no file system
 * monitor is asked: it takes no lock, runs no hook, filter, pager or signature check, reaches no remote, and heeds no
 * configuration but the repository's own, of which all that names a program is overruled. Where it is absent, does not
 * answer in time or knows nothing, so does this: nothing rests on a commit but what people are shown, and which of two is
 * the older.
 */
import { spawn } from 'node:child_process';
import type { GitCommit } from '../model/source.ts';

/** A directory inside a work tree. */
export type GitTree = {
  readonly base: string;
  /** Where the repository keeps what belongs to this work tree. */
  readonly gitDir: string;
  /** The same for the repository's work trees of any commit. */
  readonly place: string;
  readonly head: GitCommit;
  /** Its history ends somewhere, so that what is no ancestor may be one all the same. */
  readonly isShallow: boolean;
  /** Of HEAD, by path below the base. */
  readonly blobs: ReadonlyMap<string, string>;
};

/** How a commit stands to an earlier one that was applied. */
export type Relation = {
  readonly kind: 'same' | 'newer' | 'older' | 'diverged' | 'unknown';
  /** Commits since then that changed the file; absent: not known. */
  readonly commits?: number;
};

export type Git = {
  /** Undefined: it is in no work tree with a commit, or there is no git. */
  tree(base: string, before: GitTree | undefined): Promise<GitTree | 'no answer' | undefined>;
  /**
   * The last commits that changed these files, by path below the base; of one that has none there is none. `isComplete`:
   * git has answered to the end, so that what is not there has none.
   */
  lastCommits(
    tree: GitTree,
    paths: readonly string[],
    /** Only of those after this one. */
    since?: GitCommit,
  ): Promise<{ readonly commits: ReadonlyMap<string, GitCommit>; readonly isComplete: boolean }>;
  /** Whether one commit is the other, or came before it; false where that is not known. */
  isAncestor(tree: GitTree, earlier: GitCommit): Promise<boolean>;
  relation(tree: GitTree, applied: GitCommit, newest: GitCommit, path: string): Promise<Relation>;
};

const timeoutMs = 20_000;
const maxOutputBytes = 64 * 1024 * 1024;
/** More paths than these are not worth naming: each would be compared with each file of each commit. */
const maxNamedPaths = 50;
const commitFormat = '%x01%H%x1f%an <%ae>%x1f%ct%x1f%s';

export function createGit(program = 'git'): Git {
  const relations = new Map<string, Relation>();
  const ask = (base: string, args: readonly string[], more: RunOptions = {}) =>
    run(program, base, args, more);

  return {
    async tree(base, before) {
      const found = await ask(base, [
        'rev-parse',
        '--path-format=absolute',
        '--git-dir',
        '--git-common-dir',
        '--is-shallow-repository',
        'HEAD',
        '--show-prefix',
      ]);
      if (found.isSilent) return 'no answer';
      const [gitDir, commonDir, shallow, id, prefix] = found.text?.split('\n') ?? [];
      if (gitDir === undefined || id === undefined || !isId(id)) return undefined;
      if (before?.head.id === id && before.gitDir === gitDir) return before;
      const shown = await ask(base, ['log', '-1', '-z', `--format=${commitFormat}`, id, '--']);
      const listed = await ask(base, ['ls-tree', '-r', '-z', id]);
      const head = parseCommit(shown.text?.split('\0')[0] ?? '');
      // It has just named the commit.
      if (head === undefined || listed.text === undefined) return 'no answer';
      return {
        base,
        gitDir,
        place: `${commonDir}:${prefix}`,
        head,
        isShallow: shallow === 'true',
        blobs: parseBlobs(listed.text),
      };
    },

    async lastCommits({ base, head }, paths, since) {
      if (paths.length === 0) return { commits: new Map(), isComplete: true };
      const wanted = new Set(paths);
      const found = new Map<string, GitCommit>();
      const asked = paths.length > maxNamedPaths ? ['.'] : paths;
      let rest = '';
      let commit: GitCommit | undefined;
      const take = (token: string): void => {
        if (token.startsWith('\u0001')) commit = parseCommit(token);
        const path = token.replace(/^\n/, '');
        if (commit !== undefined && wanted.delete(path)) found.set(path, commit);
      };
      const answer = await ask(
        base,
        [
          'log',
          '-z',
          '--no-renames',
          '--no-ext-diff',
          '--no-textconv',
          '--relative',
          '--name-only',
          `--format=${commitFormat}`,
          '--stdin',
        ],
        {
          input: `${head.id}\n${since === undefined ? '' : `^${since.id}\n`}--\n${asked.map((path) => `${path}\n`).join('')}`,
          onText(text) {
            const tokens = (rest + text).split('\0');
            rest = tokens.pop() ?? '';
            for (const token of tokens) take(token);
            return wanted.size === 0 ? 'enough' : 'more';
          },
        },
      );
      // Of what was found before it broke off each is right: the newest come first.
      return { commits: found, isComplete: answer.text !== undefined || wanted.size === 0 };
    },

    async isAncestor({ base, head }, earlier) {
      const { text } = await ask(base, ['merge-base', '--is-ancestor', earlier.id, head.id]);
      return text !== undefined;
    },

    async relation({ base, head, isShallow }, applied, newest, path) {
      if (applied.id === newest.id) return { kind: 'same' };
      const key = [base, head.id, applied.id, newest.id, path].join(' ');
      const known = relations.get(key);
      if (known !== undefined) return known;
      const relation = await compare();
      if (relations.size > 10_000) relations.clear();
      // Git may not have answered in time.
      if (relation.kind !== 'unknown') relations.set(key, relation);
      return relation;

      async function compare(): Promise<Relation> {
        const sides = await ask(base, [
          'rev-list',
          '--count',
          '--left-right',
          `${applied.id}...${newest.id}`,
          '--',
        ]);
        const [left, right] = sides.text?.trim().split('\t').map(Number) ?? [];
        if (left === undefined || right === undefined) return { kind: 'unknown' };
        if (right === 0) return { kind: 'older' };
        // Cut off from one another, both sides look as if they had nothing in common.
        if (left > 0) return { kind: isShallow ? 'unknown' : 'diverged' };
        const counted = await ask(base, ['rev-list', '--count', `${applied.id}..${head.id}`, '--', path]);
        const commits = Number(counted.text?.trim() ?? Number.NaN);
        return { kind: 'newer', ...(commits > 0 ? { commits } : {}) };
      }
    },
  };
}

function parseCommit(text: string): GitCommit | undefined {
  const [id = '', author = '', seconds = '', ...subject] = text
    .slice(text.startsWith('\u0001') ? 1 : 0)
    .split('\u001f');
  if (!isId(id)) return undefined;
  return {
    id,
    author: author.slice(0, 200),
    atMs: Number(seconds) * 1_000,
    subject: subject.join(' ').replace(/\n$/, '').slice(0, 200),
  };
}

const isId = (text: string): boolean => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text);

/** `100644 blob <id>\t<path>`, each with a NUL behind it. */
function parseBlobs(listed: string): ReadonlyMap<string, string> {
  const blobs = new Map<string, string>();
  for (const line of listed.split('\0')) {
    const tab = line.indexOf('\t');
    const [, type, id] = line.slice(0, tab).split(' ');
    if (type === 'blob' && id !== undefined) blobs.set(line.slice(tab + 1), id);
  }
  return blobs;
}

type RunOptions = {
  readonly input?: string;
  /** Gets what comes instead of the answer; `enough` ends the program. */
  readonly onText?: (text: string) => 'more' | 'enough';
};

/** Whoever may write the repository's configuration must not make us run something. */
const overruled = [
  // The directory may well belong to the user of git-sync; the operator named it to us.
  'safe.directory=*',
  // What looks like a repository may have been committed with the specs, its configuration too.
  'safe.bareRepository=explicit',
  'core.hooksPath=/dev/null',
  'core.pager=cat',
  'core.quotePath=false',
  'log.showSignature=false',
  'log.mailmap=false',
  'protocol.allow=never',
].flatMap((setting) => ['-c', setting]);

type Answer = {
  /** Absent: it failed. */
  readonly text?: string;
  /** It came to no end of its own, so that another time it may answer. */
  readonly isSilent: boolean;
};

function run(
  program: string,
  cwd: string,
  args: readonly string[],
  { input, onText }: RunOptions,
): Promise<Answer> {
  return new Promise((resolve) => {
    const child = spawn(program, ['--no-pager', '--literal-pathspecs', ...overruled, ...args], {
      cwd,
      env: {
        PATH: process.env.PATH,
        LC_ALL: 'C',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_TERMINAL_PROMPT: '0',
        GIT_OPTIONAL_LOCKS: '0',
        GIT_NO_LAZY_FETCH: '1',
        // Stronger than any `protocol.*.allow` of the repository; programs before 2.44 fetch lazily all the same.
        GIT_ALLOW_PROTOCOL: 'none',
      },
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let text = '';
    let received = 0;
    let hasFailed = false;
    const decoder = new TextDecoder();
    child.once('error', (error: NodeJS.ErrnoException) => resolve({ isSilent: error.code !== 'ENOENT' }));
    // It need not read what it does not want.
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
    child.stdout.on('data', (bytes: Buffer) => {
      received += bytes.length;
      const part = decoder.decode(bytes, { stream: true });
      if (onText === undefined) text += part;
      if (received > maxOutputBytes) hasFailed = true;
      if (hasFailed || onText?.(part) === 'enough') child.kill('SIGKILL');
    });
    child.once('close', (code) =>
      resolve(code === 0 && !hasFailed ? { text, isSilent: false } : { isSilent: code === null }),
    );
  });
}
