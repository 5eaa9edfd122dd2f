import { spawn } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProcess, type ProcessRef } from '../local/runner/process-table.ts';
import { UnavailableError } from '../model/errors.ts';
import type { Context } from './context.ts';

export type BackgroundProcess = {
  /** For messages: `scheduler`. */
  readonly what: string;
  /** Arguments of this program. */
  readonly args: readonly string[];
  readonly logPath: string;
  /** Asked until it gives something; undefined: not yet. Errors count as not yet. */
  readonly ready: (pid: number) => Promise<boolean>;
  /** In the log of a process that ended because another one was first; that one is then waited for. */
  readonly rivalMark: string;
  /** Asked while waiting for the other one. */
  readonly rivalReady: () => Promise<boolean>;
  readonly timeoutMs: number;
};

/**
 * Starts this program once more, detached from terminal and session, and waits until it is ready. It
 * goes on when we die at any point; what we wait for is then found running by the next command.
 */
export async function startInBackground(context: Context, start: BackgroundProcess): Promise<void> {
  await mkdir(dirname(start.logPath), { recursive: true, mode: 0o700 });
  rotateLog(start.logPath);
  const log = openSync(start.logPath, 'a', 0o600);
  const beganAt = statSync(start.logPath).size;
  let ended: string | undefined;
  const child = spawn(context.self.command, [...context.self.args, ...start.args], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    ended = signal === null ? `exit code ${code}` : `signal ${signal}`;
  });
  child.unref();

  const deadlineMs = context.nowMs() + start.timeoutMs;
  const said = () => lastLines(start.logPath, beganAt);
  while (context.nowMs() < deadlineMs) {
    if (ended === undefined) {
      if (child.pid !== undefined && (await start.ready(child.pid).catch(() => false))) return;
    } else {
      // Of two commands that start it at once one loses; what counts is that it runs.
      if (!(await said()).includes(start.rivalMark)) {
        throw startFailure(start, `the ${start.what} ended while it started (${ended})`, await said());
      }
      if (await start.rivalReady().catch(() => false)) return;
    }
    await sleep(50);
  }
  if (ended === undefined) child.kill('SIGTERM');
  throw startFailure(
    start,
    `the ${start.what} was not ready after ${start.timeoutMs / 1000} s`,
    await said(),
  );
}

/** Ends a process of ours and waits until it is gone; the second, harder signal comes after `graceMs`. */
export async function stopProcess(context: Context, target: ProcessRef, graceMs: number): Promise<void> {
  const gone = async () => (await findProcess(target.pid))?.startTime !== target.startTime;
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (await gone()) return;
    try {
      process.kill(target.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    const deadlineMs = context.nowMs() + graceMs;
    while (context.nowMs() < deadlineMs) {
      if (await gone()) return;
      await sleep(50);
    }
  }
  throw new UnavailableError('KM_UNAVAILABLE_PROCESSES', `process ${target.pid} does not end`, {
    outcome: 'unknown',
    remedy: `look at it: ps -p ${target.pid} -o pid,stat,command`,
  });
}

function startFailure(start: BackgroundProcess, message: string, said: string): UnavailableError {
  return new UnavailableError(
    'KM_UNAVAILABLE_START',
    said === '' ? message : `${message}; it said:\n${said}`,
    {
      remedy: `its whole log is ${start.logPath}`,
    },
  );
}

async function lastLines(path: string, offset: number): Promise<string> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const start = Math.max(offset, size - 4096);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, Math.max(0, size - start), start);
    const lines = buffer.subarray(0, bytesRead).toString('utf8').trimEnd().split('\n');
    return lines
      .slice(-12)
      .map((line) => `    ${line}`)
      .join('\n')
      .trimEnd();
  } finally {
    await file.close();
  }
}

/** Keeps one older log, and so bounds what the logs take. */
function rotateLog(path: string): void {
  try {
    if (statSync(path).size > 10 * 1024 * 1024) renameSync(path, `${path}.1`);
  } catch {
    // There is none yet.
  }
}
