import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type Clock, delay } from '../sys/clock.ts';
import { BrokerFailure, errorText, systemCode } from './failure.ts';

export type Exit = { readonly code?: number; readonly signal?: string; readonly error?: string };

/** A running child of ours. */
export type RunningProcess = {
  readonly pid: number;
  /** Resolves when the process is gone and its output read; never rejects. */
  readonly exited: Promise<Exit>;
  /** The last lines it wrote, oldest first. */
  lastLines(): readonly string[];
  /** Asks it to stop (SIGTERM). */
  terminate(): void;
  /** Makes it stop (SIGKILL). */
  kill(): void;
};

export type ProcessOptions = {
  readonly argv: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  /** stdout and stderr go here, rotated. */
  readonly outputPath: string;
  readonly onLine?: (line: string) => void;
};

/**
 * Starts a program directly, without a shell. It stays in the executor's process group and session:
 * Mesos' launcher finds and kills by these what an executor left behind, which a session of its own
 * would escape.
 */
export function startProcess(options: ProcessOptions): RunningProcess {
  const [command, ...args] = options.argv;
  const output = createRotatingFile(options.outputPath);
  const recent: string[] = [];
  const child = spawn(command, args, {
    cwd: options.folder,
    env: options.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const take = (line: string) => {
    output.write(`${line}\n`);
    recent.push(line);
    if (recent.length > 40) recent.shift();
    options.onLine?.(line);
  };
  readLines(child, take);
  let error: Error | undefined;
  child.on('error', (cause) => {
    error = cause;
  });
  const exited = new Promise<Exit>((resolve) => {
    const finish = (code: number | null, signal: string | null) => {
      output.close();
      resolve({
        ...(code === null || code < 0 ? {} : { code }),
        ...(signal === null ? {} : { signal }),
        ...(error === undefined ? {} : { error: errorText(error) }),
      });
    };
    child.on('close', finish);
    child.on('error', () => child.pid === undefined && finish(null, null));
  });
  return {
    pid: child.pid ?? -1,
    exited,
    lastLines: () => recent,
    terminate: () => void child.kill('SIGTERM'),
    kill: () => void child.kill('SIGKILL'),
  };
}

export function describeExit(exit: Exit): string {
  if (exit.error !== undefined) return `could not be started: ${exit.error}`;
  return exit.signal === undefined ? `exited with code ${exit.code}` : `was killed by ${exit.signal}`;
}

/** Log lines are bounded: a broker that prints without end of line must not fill our memory. */
const maxLineLength = 4_096;

function readLines(child: ChildProcess, take: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream?.setEncoding('utf8');
    stream?.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) take(line.slice(0, maxLineLength));
      if (rest.length > maxLineLength) {
        take(rest.slice(0, maxLineLength));
        rest = '';
      }
    });
    stream?.on('end', () => rest !== '' && take(rest));
    stream?.on('error', () => {});
  }
}

/** A file that never takes more than `maxBytes * (kept + 1)` on disk: `x`, `x.1` (newer), `x.2`, … */
export function createRotatingFile(
  path: string,
  { maxBytes = 10 * 2 ** 20, kept = 4 }: { maxBytes?: number; kept?: number } = {},
): { write(text: string): void; close(): void } {
  let file: number | undefined;
  let bytes = 0;
  const reopen = () => {
    file = openSync(path, 'a', 0o644);
    bytes = statSync(path).size;
  };
  const rotate = () => {
    if (file !== undefined) closeSync(file);
    for (let age = kept - 1; age >= 0; age--) {
      const from = age === 0 ? path : `${path}.${age}`;
      try {
        renameSync(from, `${path}.${age + 1}`);
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') rmSync(from, { force: true });
      }
    }
    reopen();
  };
  reopen();
  return {
    write(text) {
      try {
        if (bytes + text.length > maxBytes) rotate();
        if (file !== undefined) bytes += writeSync(file, text);
      } catch {
        // A full sandbox must not stop the broker; its last lines are still kept in memory.
      }
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

/** In the argv of every process that works on a volume, so that it can be found again. */
export function volumeToken(volumePath: string): string {
  return `-Dkafka.mesos.volume=${volumePath}`;
}

/**
 * Ends a process that a dead executor left on this volume: its task is over, and two processes on
 * one log directory must never be. Found by its argv rather than by a pid file, since a file can be
 * missing (we died between start and write) or name a pid that is somebody else's by now.
 *
 * @returns the pids that were ended.
 * @throws BrokerFailure `storage-unusable` when it cannot be ended.
 */
export async function endLeftovers(volumePath: string, clock: Clock, graceMs: number): Promise<number[]> {
  const token = volumeToken(volumePath);
  const found = await findProcesses(token);
  // Each look reads the argv of every process of the machine.
  if (found.length === 0) return [];
  for (const pid of found) signal(pid, 'SIGTERM');
  await waitUntilGone(token, clock, graceMs);
  for (const pid of await findProcesses(token)) signal(pid, 'SIGKILL');
  if (!(await waitUntilGone(token, clock, 10_000))) {
    const pids = (await findProcesses(token)).join(', ');
    throw new BrokerFailure(
      'storage-unusable',
      `process ${pids} of an earlier task is still using ${volumePath}`,
      {
        remedy: 'End it by hand on this agent; it belongs to another user or hangs in the disk.',
      },
    );
  }
  return found;
}

async function waitUntilGone(token: string, clock: Clock, timeoutMs: number): Promise<boolean> {
  const endMs = clock.nowMs() + timeoutMs;
  while ((await findProcesses(token)).length > 0) {
    if (clock.nowMs() >= endMs) return false;
    await delay(clock, 200);
  }
  return true;
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone meanwhile, or not ours to signal: the next look tells which.
  }
}

async function findProcesses(token: string): Promise<number[]> {
  const pids = process.platform === 'linux' ? await findInProc(token) : await findByPs(token);
  return pids.filter((pid) => pid !== process.pid);
}

async function findInProc(token: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // Empty for a zombie, which holds no files any more; unreadable when it ended just now.
    const argv = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (argv.split('\0').includes(token)) found.push(Number(name));
  }
  return found;
}

async function findByPs(token: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axww', '-o', 'pid=,command='], {
    maxBuffer: 2 ** 26,
  });
  return stdout
    .split('\n')
    .filter((line) => ` ${line} `.includes(` ${token} `))
    .map((line) => Number.parseInt(line, 10));
}
