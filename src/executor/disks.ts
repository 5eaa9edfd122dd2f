import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type DiskReport, diskStateOf, type ReportCode } from '../model/launch.ts';
import type { Clock } from '../sys/clock.ts';
import { BrokerFailure, errorText, systemCode } from './failure.ts';
import { type DiskVolume, ownFolder } from './storage-disk.ts';
import { waitUpTo } from './wait.ts';

/** A start needs to write at least this much; less room is a full disk, whatever `statfs` counts. */
const probeBytes = 256 * 1024;

/** What the file systems of these directories hold. Never rejects: what cannot be read is the disk's error. */
export async function measureDisks(paths: readonly string[]): Promise<readonly DiskReport[]> {
  return Promise.all(
    paths.map((path) =>
      statfs(path).then(
        // What is kept back for root is not free to a broker.
        ({ bsize, blocks, bavail }) => ({ path, totalBytes: bsize * blocks, freeBytes: bsize * bavail }),
        (error: unknown) => ({ path, totalBytes: 0, freeBytes: 0, error: errorText(error) }),
      ),
    ),
  );
}

/**
 * Writes a little to each volume and syncs it: what a full, failing or read-only disk refuses.
 *
 * @throws BrokerFailure `disk-full` or `disk-failed`, naming the path; other errors of the file system as they are.
 */
export async function probeDisks(volumes: readonly DiskVolume[]): Promise<void> {
  for (const { path } of volumes) {
    try {
      await probe(path);
    } catch (cause) {
      const code = diskCode(cause) ?? (isGone(cause) ? 'disk-failed' : undefined);
      if (code === undefined) throw cause;
      throw new BrokerFailure(code, `nothing can be written to ${path}: ${errorText(cause)}`, { cause });
    }
  }
}

async function probe(volumePath: string): Promise<void> {
  const folder = join(volumePath, ownFolder);
  // Not recursive: a volume that is gone must not be made anew, since it would look like an empty one.
  await mkdir(folder).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw error;
  });
  const place = join(folder, 'probe');
  try {
    const file = await open(place, 'w', 0o644);
    try {
      await file.writeFile(Buffer.alloc(probeBytes));
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(place, { force: true }).catch(() => {});
  }
}

const fullErrors: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);
const failingErrors: ReadonlySet<unknown> = new Set(['EIO', 'EROFS', 'ENXIO', 'ENODEV', 'ESTALE']);

const isGone = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '');

/** Whether an error, or one that caused it, is the disk's own; other errors of a file system are not. */
export function diskCode(error: unknown): Extract<ReportCode, 'disk-full' | 'disk-failed'> | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const { code } = at as { readonly code?: unknown };
    if (fullErrors.has(code)) return 'disk-full';
    if (failingErrors.has(code)) return 'disk-failed';
  }
  return undefined;
}

/** What Kafka's log says of its directories. */
export type DiskWords = {
  /** Directories that it has given up, each with the error that made it. */
  readonly failed: ReadonlyMap<string, string>;
  /** The latest error of a directory, which the next of the lines below belongs to. */
  readonly error?: string;
  /** Why it ended itself, in its words. */
  readonly shutdown?: string;
};

export const noDiskWords: DiskWords = { failed: new Map() };

/**
 * Folds one line of Kafka's log. A directory that fails is one ERROR of LogDirFailureChannel with the
 * exception on the next line, then "Stopping serving logs in dir …" of LogManager; when it was the last
 * one or holds the metadata log, then "Shutdown broker because …" and exit code 1. Texts of Kafka 4.3.
 */
export function observeDiskLine(words: DiskWords, line: string): DiskWords {
  const error = /ERROR (.+?) \([\w.]*LogDirFailureChannel\)$/.exec(line)?.[1];
  if (error !== undefined) return { ...words, error };
  const exception = /^(?:Caused by: )?(?:java|org)\.[\w.$]+(?:Exception|Error): (.{1,300})/.exec(line)?.[1];
  if (exception !== undefined && words.error !== undefined && !words.error.includes(': ')) {
    return { ...words, error: `${words.error}: ${exception}` };
  }
  const directory = /Stopping serving logs in dir (.+?) \([\w.]+\)$/.exec(line)?.[1];
  if (directory !== undefined) {
    const why = words.error ?? 'Kafka has stopped to use it';
    return { ...words, failed: new Map([...words.failed, [directory, why]]) };
  }
  const shutdown = /(Shutdown broker because .+?) \([\w.]+\)$/.exec(line)?.[1];
  return shutdown === undefined ? words : { ...words, shutdown };
}

const ranOut = /No space left on device|Disk quota exceeded/;

/**
 * Why a broker process ended, when its disk is the reason: Kafka's own word, or a disk that refuses a write.
 */
export async function diskEnd(
  words: DiskWords,
  lastLines: readonly string[],
  volumes: readonly DiskVolume[],
): Promise<BrokerFailure | undefined> {
  const noSpace = lastLines.findLast((line) => ranOut.test(line));
  if (words.shutdown === undefined && noSpace === undefined) {
    return probeDisks(volumes).then(
      () => undefined,
      (error: unknown) => (error instanceof BrokerFailure ? error : undefined),
    );
  }
  const [directory] = words.failed.keys();
  const why = [...words.failed.values()].at(-1) ?? words.error ?? noSpace ?? '';
  const code = ranOut.test(`${why} ${noSpace}`) ? 'disk-full' : 'disk-failed';
  const place = directory ?? volumes[0]?.path ?? 'its disk';
  const said = words.shutdown === undefined ? '' : ` (${words.shutdown})`;
  return new BrokerFailure(code, `Kafka gave up ${place}: ${why}${said}`);
}

/** What is told of the disks while the broker serves, and when. */
export type DiskWatch = {
  /** Takes one line of Kafka's log. */
  observe(line: string): void;
  words(): DiskWords;
  /** Looks when it is time to, or when Kafka has just given up a directory; the disks when they are news. */
  look(): Promise<readonly DiskReport[] | undefined>;
};

const lookEveryMs = 60_000;
const measureTimeoutMs = 5_000;

export function createDiskWatch(clock: Clock, directories: readonly string[]): DiskWatch {
  let words = noDiskWords;
  let told: readonly DiskReport[] = [];
  let dueAtMs = 0;
  return {
    observe(line) {
      const { failed } = words;
      words = observeDiskLine(words, line);
      if (words.failed !== failed) dueAtMs = 0;
    },
    words: () => words,
    async look() {
      if (clock.nowMs() < dueAtMs) return undefined;
      dueAtMs = clock.nowMs() + lookEveryMs;
      let measured: readonly DiskReport[] | undefined;
      // A hanging disk must not keep the executor from watching its broker.
      await waitUpTo(
        clock,
        measureTimeoutMs,
        measureDisks(directories).then((disks) => {
          measured = disks;
        }),
      );
      const now = measured?.map((disk) => {
        const error = words.failed.get(disk.path);
        return error === undefined ? disk : { ...disk, error };
      });
      if (now === undefined || !isNews(told, now)) return undefined;
      told = now;
      return now;
    },
  };
}

/** Below this there is nothing to tell. */
const noticeableShare = 0.05;

/**
 * Whether the scheduler should hear of it, since every update of a task is a write to its store: a disk
 * that failed, one that came to another state, or a change by a twentieth of the disk.
 */
export function isNews(told: readonly DiskReport[], now: readonly DiskReport[]): boolean {
  return now.some((disk) => {
    const before = told.find(({ path }) => path === disk.path);
    return (
      before === undefined ||
      before.error !== disk.error ||
      diskStateOf(before) !== diskStateOf(disk) ||
      Math.abs(before.freeBytes - disk.freeBytes) > disk.totalBytes * noticeableShare
    );
  });
}
