import { execFile } from 'node:child_process';
import { open, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ProtocolError, UnavailableError } from '../model/errors.ts';
import { errnoOf, fileError } from './durable-file.ts';

/**
 * Lets one process at a time use a directory. Each contender first publishes a file whose *name* is
 * its identity (pid and start time, so that a reused pid is another process), then looks at all the
 * others: any that belongs to a living process makes it withdraw, those of dead ones are removed.
 *
 * Of two contenders the one that published later sees the earlier, so there are never two owners,
 * whatever dies in between; nobody else can make a dead process's name again, so removing it cannot
 * hit a new owner. (With a single lock file, taking over a dead owner's has exactly that race.) Two
 * that come at the same moment may both withdraw, hence the second try after an uneven pause.
 *
 * It holds on one machine and in one pid namespace; beyond that the epoch fences.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const own = await ownIdentity();
  const ownFile = join(directory, lockFileName(own));
  for (let attempt = 1; ; attempt += 1) {
    await publish(ownFile, directory);
    let rival: ProcessIdentity | undefined;
    try {
      rival = await findRival(directory, own);
    } catch (error) {
      await withdraw(ownFile);
      throw fileError('cannot lock', directory, error);
    }
    if (rival === undefined) return { release: () => withdraw(ownFile) };
    await withdraw(ownFile);
    if (attempt === maxAttempts) throw heldBy(directory, rival.pid);
    await wait(5 + Math.random() * 40 * attempt);
  }
}

export type DirectoryLock = { release(): Promise<void> };

const maxAttempts = 4;

type ProcessIdentity = {
  readonly pid: number;
  /** Differs between any two processes that ever had this pid on this machine. */
  readonly start: string;
};

const lockNamePattern = /^lock\.(\d+)\.([a-z0-9-]+)$/;

const lockFileName = ({ pid, start }: ProcessIdentity) => `lock.${pid}.${start}`;

async function publish(ownFile: string, directory: string): Promise<void> {
  try {
    const handle = await open(ownFile, 'wx', 0o600);
    await handle.close();
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw heldBy(directory, process.pid);
    throw fileError('cannot lock', directory, error);
  }
}

async function withdraw(ownFile: string): Promise<void> {
  await unlink(ownFile).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw fileError('cannot unlock', ownFile, error);
  });
}

async function findRival(directory: string, own: ProcessIdentity): Promise<ProcessIdentity | undefined> {
  for (const name of await readdir(directory)) {
    const [, pid, start] = lockNamePattern.exec(name) ?? [];
    if (pid === undefined || start === undefined || name === lockFileName(own)) continue;
    const other = { pid: Number(pid), start };
    if (await isAlive(other)) return other;
    await withdraw(join(directory, name));
  }
  return undefined;
}

function heldBy(directory: string, pid: number): UnavailableError {
  return new UnavailableError(
    'KM_UNAVAILABLE_STORE_LOCKED',
    `${directory} is in use by process ${pid}${pid === process.pid ? ' (this one)' : ''}`,
    { remedy: 'Stop that scheduler first, or name another directory.' },
  );
}

async function ownIdentity(): Promise<ProcessIdentity> {
  const start = await startOf(process.pid);
  if (start === undefined) {
    throw new ProtocolError(
      'KM_PROTOCOL_PROCESS_START',
      "cannot find out this process's start time from /proc or ps",
      { remedy: 'Mount /proc, or install ps.' },
    );
  }
  return { pid: process.pid, start };
}

async function isAlive({ pid, start }: ProcessIdentity): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
  }
  const found = await startOf(pid);
  // Somebody has that pid and we may not look (hidepid): not provably dead, so treated as alive.
  return found === undefined || found === start;
}

/** `undefined` when it cannot be told; `dead` for one that has ended and is not yet waited for. */
async function startOf(pid: number): Promise<string | undefined> {
  return process.platform === 'linux' ? linuxStartOf(pid) : psStartOf(pid);
}

async function linuxStartOf(pid: number): Promise<string | undefined> {
  try {
    const [stat, bootId] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // proc(5): the name in parentheses may hold spaces; field 3 is the state, 22 the start in ticks since boot.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, ticks] = [fields[0], fields[22 - 3]];
    if (state === 'Z' || state === 'X') return 'dead';
    return ticks === undefined ? undefined : `${bootId.slice(0, 8)}-${ticks}`;
  } catch {
    return undefined;
  }
}

async function psStartOf(pid: number): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], {
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    });
    const startedAtMs = Date.parse(`${stdout.trim()} UTC`);
    return Number.isNaN(startedAtMs) ? undefined : String(startedAtMs);
  } catch {
    return undefined;
  }
}
