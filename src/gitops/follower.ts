/** Follows a directory of specs: looks at it whenever something hints at a change, and has taken what follows from it. */
import { realpath } from 'node:fs/promises';
import { setImmediate as breathe } from 'node:timers/promises';
import { KafkaMesosError, SpecError } from '../model/errors.ts';
import type { RemovedRecord, SpecRecord } from '../model/records.ts';
import type { DirectoryStatus, GitCommit, SourceLine, SourceStatus } from '../model/source.ts';
import { sourceFromRecord } from '../model/source-line.ts';
import { type ParsedFile, parseSpecFile } from '../spec/parse.ts';
import { namesItsKind } from '../spec/spec-files.ts';
import type { Clock, Timer } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { createCommits } from './commits.ts';
import { type Decision, decide, type FileFacts, shown, type Taking } from './decide/decide.ts';
import type { Git, Relation } from './git.ts';
import { type ReadFile, readDirectory } from './read-directory.ts';
import { codeOf } from './walk-directory.ts';
import { type Watch, watchDirectory } from './watch.ts';

export type Follower = {
  /** Looks now, and resolves when what is new was taken. `consent`: of this cluster also an older commit. */
  look(consent?: string): Promise<void>;
  status(): DirectoryStatus;
  /** What was seen, to be asked of many clusters at once. Undefined: no file owns the cluster. */
  sources(): (record: SpecRecord) => SourceStatus | undefined;
  /** Its file is gone, so that it is nobody's but the commands'. */
  isAbandoned(clusterName: string): boolean;
  close(): Promise<void>;
};

export type FollowerOptions = {
  /** As it was configured, for people. */
  readonly directory: string;
  /** The same, absolute. */
  readonly path: string;
  readonly git: Git;
  /** What the store has of each cluster. */
  readonly known: () => readonly SpecRecord[];
  readonly removed: () => ReadonlyMap<string, RemovedRecord>;
  /** What is shown of the directory, or of the clusters in it, has changed. */
  readonly onChange: (lines: readonly SourceLine[]) => void;
  /** Stores a spec; rejects with the model's errors. */
  readonly take: (taking: Taking) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timing?: Timing;
};

export type Timing = {
  /** So long nothing must have changed before a look. */
  readonly settleMs: number;
  /** After so long it is looked at all the same. */
  readonly burstMs: number;
  /** Watchers are deaf on network file systems; between looks that nothing hinted at. */
  readonly rereadMs: number;
  /** After a look that failed; then twice as long, and so on. */
  readonly retryMs: number;
};

const usualTiming: Timing = { settleMs: 250, burstMs: 3_000, rereadMs: 60_000, retryMs: 1_000 };
const mostRetryMs = 30_000;
/** So often a look is put off because git did not answer; then specs are taken without their commits. */
const maxUnanswered = 3;
/** A pass over thousands of clusters after each single one would take minutes. */
const takenTogether = 100;
/** So long the loop and the heartbeats of others can do without us. */
const sliceMs = 10;

export function createFollower(options: FollowerOptions): Follower {
  const { directory, path: absolute, clock, logger, timing = usualTiming } = options;
  let seen: Seen | undefined;
  let unreadable: string | undefined;
  let hadSpecs = false;
  let readAtMs: number | undefined;
  /** Looks that came to an end: it was read, or cannot be. */
  let verdicts = 0;
  let readFiles: readonly ReadFile[] = [];
  const commits = createCommits(options.git);
  const parsed = new WeakMap<ReadFile, ParsedFile | 'foreign'>();
  /** Why what was new could not be stored, by cluster. */
  const refusals = new Map<string, string>();
  const consented = new Set<string>();
  let decided:
    | {
        readonly known: readonly SpecRecord[];
        readonly removed: ReadonlyMap<string, RemovedRecord>;
        readonly seen: Seen;
        readonly decision: Decision;
      }
    | undefined;
  /** What was shown last: the text of each line. */
  let loggedText: string | undefined;
  let shownLines: ReadonlyMap<string, string> = new Map();

  let isClosed = false;
  let queue: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  let timer: Timer | undefined;
  let dueAtMs: number | undefined;
  let burstSinceMs: number | undefined;
  let failures = 0;
  let unsettledSinceMs: number | undefined;
  let unanswered = 0;
  let againInMs = 0;
  const watching: Watch = watchDirectory(absolute, { onHint: hint, logger });

  /** A look once nothing has changed for a while. */
  function hint(): void {
    const nowMs = clock.nowMs();
    burstSinceMs ??= nowMs;
    wakeAt(Math.min(nowMs + timing.settleMs, burstSinceMs + timing.burstMs), 'instead');
  }

  function wakeAt(atMs: number, how: 'at the latest' | 'instead'): void {
    if (isClosed || (how === 'at the latest' && dueAtMs !== undefined && dueAtMs <= atMs)) return;
    timer?.cancel();
    dueAtMs = atMs;
    timer = clock.setTimer(Math.max(1, atMs - clock.nowMs()), () => void look());
  }

  /** One look at a time. Who asks while one is under way gets the next, which sees all that was there when he asked. */
  function look(): Promise<void> {
    waiting ??= queue = queue.then(async () => {
      waiting = undefined;
      if (isClosed) return;
      timer?.cancel();
      timer = dueAtMs = undefined;
      burstSinceMs = undefined;
      againInMs = await lookOnce().catch((error: unknown) => {
        logger.error('the directory of specs was not looked at', { directory, error: String(error) });
        return failed();
      });
      wakeAt(clock.nowMs() + againInMs, 'at the latest');
    });
    return waiting;
  }

  const failed = (): number => Math.min(timing.retryMs * 2 ** failures++, mostRetryMs);

  /** Until the next one, in milliseconds. */
  async function lookOnce(): Promise<number> {
    const real = await realpath(absolute).catch(() => absolute);
    await watching.aim(real, commits.gitDirs());
    let read: Awaited<ReturnType<typeof readDirectory>>;
    try {
      // What changes without end is taken as it is found, if only it can be read whole.
      const isEndless = unsettledSinceMs !== undefined && clock.nowMs() - unsettledSinceMs > timing.burstMs;
      read = await readDirectory(absolute, {
        previous: readFiles,
        settleMs: isEndless ? 0 : timing.settleMs,
      });
    } catch (error) {
      const why = error instanceof SpecError ? error.message : `it cannot be read: ${codeOf(error)}`;
      unreadable = why;
      verdicts += 1;
      tell();
      return failed();
    }
    if (read.kind === 'unsettled') {
      unsettledSinceMs ??= clock.nowMs();
      return timing.settleMs;
    }
    const asked = await commits.look(read.files);
    // It is being checked out: files and HEAD do not belong together yet.
    if (asked === 'locked') return timing.settleMs;
    unsettledSinceMs = undefined;
    readFiles = read.files;
    await watching.aim(real, commits.gitDirs());
    const { files, isComplete } = await factsOf(read.files);
    const isAnswered = isComplete && asked === 'read';
    unanswered = isAnswered ? 0 : unanswered + 1;
    if (!isAnswered && unanswered <= maxUnanswered) {
      logger.warn('git did not answer, the specs wait for it', { directory, tries: unanswered });
      return failed();
    }
    unreadable = undefined;
    readAtMs = clock.nowMs();
    verdicts += 1;
    seen = { files, relations: new Map(), places: new Map(read.files.map((file) => [file.path, file])) };
    await relate(seen);
    const { taking } = current(seen);
    hadSpecs ||= files.length > 0;
    const isDone = await takeAll(taking);
    // What was taken is what later commits are compared with.
    if (taking.length > 0) await relate(seen);
    tell();
    if (!isDone) return failed();
    failures = 0;
    return timing.rereadMs;
  }

  async function takeAll(taking: readonly Taking[]): Promise<boolean> {
    const before = new Map(refusals);
    refusals.clear();
    let isDone = true;
    const takeOne = async (one: Taking): Promise<void> => {
      const { name } = one.cluster.desired;
      try {
        await options.take(one);
        consented.delete(name);
      } catch (error) {
        if (!(error instanceof KafkaMesosError)) throw error;
        refusals.set(name, error.message);
        const isKnown = before.get(name) === error.message;
        (isKnown ? logger.debug : logger.warn)('a spec was not taken', {
          clusterName: name,
          file: one.source.path,
          code: error.code,
          error: error.message,
        });
        // What can never be stored waits for another edit.
        isDone &&= error instanceof SpecError;
      }
    };
    // The loop takes those that wait together before it looks at everything again.
    for (let from = 0; from < taking.length && !isClosed; from += takenTogether) {
      await Promise.all(taking.slice(from, from + takenTogether).map(takeOne));
    }
    return isDone;
  }

  async function factsOf(
    files: readonly ReadFile[],
  ): Promise<{ readonly files: readonly FileFacts[]; readonly isComplete: boolean }> {
    const specs: { readonly file: ReadFile; readonly parsed: ParsedFile }[] = [];
    let sliceEndsMs = performance.now() + sliceMs;
    for (const file of files) {
      const known = parsed.get(file) ?? parse(file);
      parsed.set(file, known);
      if (known !== 'foreign') specs.push({ file, parsed: known });
      if (performance.now() < sliceEndsMs) continue;
      await breathe();
      sliceEndsMs = performance.now() + sliceMs;
    }
    const { facts, isComplete } = await commits.of(specs.map(({ file }) => file));
    return {
      files: specs.map(({ file, parsed }) => ({ path: file.path, parsed, ...facts.get(file) })),
      isComplete,
    };
  }

  function parse(file: ReadFile): ParsedFile | 'foreign' {
    const path = shown(directory, file.path);
    if (file.text !== undefined) {
      return namesItsKind(file.text) ? parseSpecFile({ path, text: file.text }) : 'foreign';
    }
    const place = { file: path, line: 1, column: 1 };
    const message = file.failure ?? 'it cannot be read';
    return {
      clusters: [],
      declared: [],
      problems: [{ severity: 'error', code: 'KM_SPEC_FILE', place, path: '', message }],
    };
  }

  /** Compares what is applied with what the files have, of those clusters of which it matters. */
  async function relate({ files, relations, places }: Seen): Promise<void> {
    const byPath = new Map(files.map((file) => [file.path, file]));
    const byCluster = new Map(
      files.flatMap((file) => file.parsed.declared.map(({ name }) => [name, file] as const)),
    );
    for (const record of options.known()) {
      const applied = record.source?.commit;
      const file = byCluster.get(record.desired.name) ?? byPath.get(record.source?.path ?? '');
      const isSame =
        file?.path === record.source?.path &&
        file?.parsed.clusters.some(({ digest }) => digest === record.digest) === true;
      if (applied === undefined || file?.commit === undefined || isSame) continue;
      const read = places.get(file.path);
      const relation = read && (await commits.relation(read, applied, file.commit));
      if (relation === undefined) continue;
      relations.set(relationKey(applied, file.commit, file.path), relation);
    }
  }

  /** Of what was seen, and of the records as they are now. */
  function current(of: Seen): Decision {
    const known = options.known();
    const removed = options.removed();
    const isSame =
      decided?.seen === of &&
      decided.removed === removed &&
      decided.known.length === known.length &&
      decided.known.every((record, at) => record === known[at]);
    if (decided !== undefined && isSame) return decided.decision;
    const decision = decide({
      directory,
      files: of.files,
      known,
      removed,
      relationOf: (applied, newest, path) =>
        applied.id === newest.id
          ? { kind: 'same' }
          : (of.relations.get(relationKey(applied, newest, path)) ?? { kind: 'unknown' }),
      consented,
      head: commits.head(),
      hadSpecs,
    });
    decided = { known, removed, seen: of, decision };
    return decision;
  }

  function tell(): void {
    const now = status();
    const lines = linesOf(now);
    // A commit that changed no spec is shown too.
    const texts = new Map(lines.map(({ name, state, message }) => [name, `${state} ${message}`]));
    const text = texts.get('');
    texts.set('', `${text} ${now.commit?.id}`);
    const isSame =
      texts.size === shownLines.size && [...texts].every(([name, one]) => shownLines.get(name) === one);
    shownLines = texts;
    if (!isSame) options.onChange(lines);
    if (text === loggedText) return;
    loggedText = text;
    const { state, message, problems } = now;
    const [first] = problems;
    const fields = { directory, state, message, ...(first === undefined ? {} : { first }) };
    if (state === 'read') logger.info('the directory of specs was read', fields);
    else logger.warn('the directory of specs was read', fields);
  }

  function linesOf({ state, message }: DirectoryStatus): readonly SourceLine[] {
    const isAway = state === 'emptied' || state === 'unreadable';
    const directoryState = state === 'reading' ? 'quiet' : state === 'read' ? 'well' : state;
    const lines: SourceLine[] = [
      {
        name: '',
        state: refusals.size > 0 && state === 'read' ? 'refused' : directoryState,
        message: `the directory ${directory}: ${message}`,
      },
    ];
    for (const [name, source] of seen === undefined ? [] : current(seen).sources) {
      const isTrouble = source.state === 'broken' || source.state === 'missing' || source.state === 'behind';
      lines.push({
        name,
        // Of a directory that is away every cluster would say the same.
        state: isAway
          ? 'away'
          : refusals.has(name)
            ? 'refused'
            : isTrouble
              ? source.state
              : source.state === 'following'
                ? 'well'
                : 'quiet',
        message: withRefusal(name, source).message,
      });
    }
    return lines;
  }

  function withRefusal(name: string, source: SourceStatus): SourceStatus {
    const refusal = refusals.get(name);
    return refusal === undefined
      ? source
      : { ...source, message: `${source.message}; that is not stored: ${refusal}` };
  }

  function status(): DirectoryStatus {
    const found = seen === undefined ? undefined : current(seen).directory;
    const head = commits.head();
    const counts = found ?? { files: 0, clusters: 0, problems: [] };
    const [refused] = refusals;
    return {
      directory,
      files: counts.files,
      clusters: counts.clusters,
      problems: counts.problems,
      ...(unreadable !== undefined
        ? { state: 'unreadable', message: `${unreadable}; every cluster stays as it is` }
        : found === undefined
          ? { state: 'reading', message: 'it is being read' }
          : {
              state: found.state,
              message:
                refused === undefined
                  ? found.message
                  : `${found.message}; cluster ${refused[0]} is not stored: ${refused[1]}`,
            }),
      ...(head === undefined ? {} : { commit: head }),
      ...(readAtMs === undefined ? {} : { readAtMs }),
    };
  }

  return {
    async look(consent) {
      if (consent !== undefined) consented.add(consent);
      const before = verdicts;
      // What is being written just now is worth a moment, and so is a git that is asked again.
      for (let tries = 0; tries < 20; tries += 1) {
        await look();
        if (verdicts !== before || isClosed) break;
        await new Promise<void>((resolve) => clock.setTimer(againInMs, resolve));
      }
      if (consent !== undefined) consented.delete(consent);
    },
    status,
    sources() {
      const found = seen === undefined ? undefined : current(seen).sources;
      return (record) => {
        const { name } = record.desired;
        const source = found?.get(name);
        if (found !== undefined && unreadable === undefined) {
          return source === undefined ? undefined : withRefusal(name, source);
        }
        return source ?? sourceFromRecord(record, unreadable ?? 'the directory is being read');
      };
    },
    isAbandoned: (name) =>
      seen !== undefined && unreadable === undefined && current(seen).abandoned.has(name),
    async close() {
      isClosed = true;
      timer?.cancel();
      await watching.close();
      await queue;
    },
  };
}

type Seen = {
  readonly files: readonly FileFacts[];
  readonly relations: Map<string, Relation>;
  readonly places: ReadonlyMap<string, ReadFile>;
};

const relationKey = (applied: GitCommit, newest: GitCommit, path: string): string =>
  `${applied.id} ${newest.id} ${path}`;
