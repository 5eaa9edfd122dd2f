import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { UnavailableError } from '../model/errors.ts';
import { type Clock, delay } from '../sys/clock.ts';
import { readCheckpoint } from './checkpoint.ts';
import type { ShutdownReport } from './control.ts';
import {
  isAlive,
  type LocalHome,
  type LocalInfo,
  localHome,
  readInfo,
  readOwner,
  readToken,
} from './home.ts';
import { killMembers, trySignal } from './runner/kill.ts';
import { type ContainerMark, findMembers, findSandboxes, type ProcessRef } from './runner/process-table.ts';

export type StartOptions = {
  /** The command line that runs `runLocalMesos` of the same home, program first. */
  readonly command: readonly string[];
  readonly clock: Clock;
  /** How long it may take until it answers. Default 60 s. */
  readonly timeoutMs?: number;
};

/**
 * Starts the embedded Mesos of `home` in the background, unless one runs there, and returns when it answers.
 * It outlives this process and its terminal. Throws UnavailableError `KM_UNAVAILABLE_LOCAL` with the last
 * lines of its output.
 */
export async function startInBackground(home: string, options: StartOptions): Promise<LocalInfo> {
  const local = localHome(home);
  const running = await findRunning(home);
  if (running) return running;
  const { clock, command } = options;
  await mkdir(local.directory, { recursive: true, mode: 0o700 });
  const outputFile = path.join(local.directory, 'mesos.out');
  const output = openSync(outputFile, 'w', 0o600);
  const [program = '', ...args] = command;
  const child = spawn(program, args, { detached: true, stdio: ['ignore', output, output] });
  let end: string | undefined;
  child.once('error', (error) => {
    end = error.message;
  });
  child.once('exit', (code, signal) => {
    end = `it ended with ${signal ?? `status ${code}`}`;
  });
  child.unref();
  const deadlineMs = clock.nowMs() + (options.timeoutMs ?? 60_000);
  while (clock.nowMs() < deadlineMs) {
    const info = await readInfo(local);
    if (info && (await isHealthy(info))) return info;
    // Two started at once: the other one won, and is as good.
    if (end !== undefined && !(await readOwner(local))) break;
    await delay(clock, 50);
  }
  const said = (await readFile(outputFile, 'utf8').catch(() => '')).trim().split('\n').slice(-5).join('\n');
  throw new UnavailableError(
    'KM_UNAVAILABLE_LOCAL',
    `The embedded Mesos did not come up: ${end ?? 'it does not answer'}.${said === '' ? '' : `\n${said}`}`,
    { remedy: `See ${local.logFile}.` },
  );
}

/** The embedded Mesos that runs in `home`; undefined when none does. */
export function findRunning(home: string): Promise<LocalInfo | undefined> {
  return readInfo(localHome(home));
}

/**
 * Calls the control API (control.ts) of the one that runs in `home`. Throws UnavailableError
 * `KM_UNAVAILABLE_LOCAL` when none does, or it refuses.
 */
export async function callControl(
  home: string,
  method: 'GET' | 'POST',
  target: `/local/${string}`,
  body?: object,
): Promise<unknown> {
  const local = localHome(home);
  const info = await readInfo(local);
  const token = await readToken(local);
  if (!info || token === undefined) {
    throw new UnavailableError('KM_UNAVAILABLE_LOCAL', `No embedded Mesos runs in ${local.directory}.`, {
      remedy: 'Start it with "kafka-mesos local up".',
    });
  }
  try {
    const response = await fetch(info.masterUrl + target, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new UnavailableError('KM_UNAVAILABLE_LOCAL', text);
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof UnavailableError) throw error;
    throw new UnavailableError('KM_UNAVAILABLE_LOCAL', 'The embedded Mesos does not answer.', {
      cause: error,
      outcome: 'unknown',
      remedy: `See ${local.logFile}.`,
    });
  }
}

export type DownReport = {
  /** The embedded Mesos itself: asked and ended, or had to be killed, or did not run. */
  readonly mesos: 'stopped' | 'killed' | 'not-running';
  /** Containers and their processes that were ended, executors and JVMs among them. */
  readonly containers: number;
  readonly processes: number;
  /** Paths that were deleted, volumes one by one; empty without `purge`. */
  readonly deleted: readonly string[];
};

/**
 * Ends the embedded Mesos of `home` and every process of its tasks, also when it was killed itself and left
 * them behind; returns when all are gone. `purge` deletes its data too, volumes included. Throws
 * UnavailableError `KM_UNAVAILABLE_KILL` naming processes that would not go; then nothing is deleted.
 */
export async function down(
  home: string,
  options: { readonly purge: boolean; readonly clock: Clock; readonly graceMs?: number },
): Promise<DownReport> {
  const { clock, purge, graceMs = 15_000 } = options;
  const local = localHome(home);
  const owner = await readOwner(local);
  let mesos: DownReport['mesos'] = 'not-running';
  let asked: ShutdownReport = { containers: 0, processes: 0 };
  if (owner) {
    try {
      asked = (await callControl(home, 'POST', '/local/shutdown', { graceMs })) as ShutdownReport;
      mesos = 'stopped';
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      trySignal(owner.pid, 'SIGTERM');
    }
    if (!(await hasEnded(owner, clock, 10_000))) {
      trySignal(owner.pid, 'SIGKILL');
      mesos = 'killed';
      await hasEnded(owner, clock, 10_000);
    } else if (mesos === 'not-running') mesos = 'stopped';
  }
  const left = await endLeftovers(local, clock, graceMs);
  const deleted = purge ? await deleteData(local) : [];
  return {
    mesos,
    containers: asked.containers + left.containers,
    processes: asked.processes + left.processes,
    deleted,
  };
}

/** What a dead embedded Mesos left running, found by its last state and by the processes' environments. */
async function endLeftovers(local: LocalHome, clock: Clock, graceMs: number): Promise<ShutdownReport> {
  // A damaged state must not keep processes alive: their environments name them too.
  const checkpoint = await readCheckpoint(local.checkpointFile).catch(() => undefined);
  const known = checkpoint?.containers ?? [];
  const prefix = local.agentsDirectory + path.sep;
  const stray = (await findSandboxes()).filter(
    (sandbox) => sandbox.startsWith(prefix) && !known.some((one) => one.sandbox === sandbox),
  );
  const marks: ContainerMark[] = [...known, ...stray.map((sandbox) => ({ sandbox }))];
  const members = (await findMembers(marks)).filter((one) => one.length > 0);
  if (members.length === 0) return { containers: 0, processes: 0 };
  for (const { leader } of marks) {
    if (leader && (await isAlive(leader))) trySignal(-leader.pid, 'SIGTERM');
  }
  const deadlineMs = clock.nowMs() + graceMs;
  while (clock.nowMs() < deadlineMs && (await findMembers(marks)).flat().length > 0) await delay(clock, 100);
  const undying = await killMembers(marks, clock);
  if (undying.length > 0) {
    const pids = undying.map(({ pid }) => pid).join(', ');
    throw new UnavailableError('KM_UNAVAILABLE_KILL', `The processes ${pids} do not end.`, {
      remedy: 'They may belong to another user, or wait in the kernel; end them by hand.',
    });
  }
  return { containers: members.length, processes: members.flat().length };
}

/** Everything in HOME/local and nothing outside it; links are deleted, not followed. */
async function deleteData(local: LocalHome): Promise<string[]> {
  const entries = await readdir(local.directory).catch(() => []);
  const volumes = await listVolumes(local);
  const paths = entries.map((name) => path.join(local.directory, name));
  for (const one of paths) await rm(one, { recursive: true, force: true });
  await rm(local.directory, { recursive: true, force: true });
  return [...volumes, ...paths];
}

async function listVolumes(local: LocalHome): Promise<string[]> {
  const found: string[] = [];
  for (const agentName of await readdir(local.agentsDirectory).catch(() => [])) {
    const roles = path.join(local.agentsDirectory, agentName, 'volumes', 'roles');
    for (const role of await readdir(roles).catch(() => [])) {
      for (const id of await readdir(path.join(roles, role)).catch(() => []))
        found.push(path.join(roles, role, id));
    }
  }
  return found;
}

async function hasEnded(owner: ProcessRef, clock: Clock, timeoutMs: number): Promise<boolean> {
  const deadlineMs = clock.nowMs() + timeoutMs;
  while (await isAlive(owner)) {
    if (clock.nowMs() >= deadlineMs) return false;
    await delay(clock, 50);
  }
  return true;
}

async function isHealthy(info: LocalInfo): Promise<boolean> {
  const signal = AbortSignal.timeout(2_000);
  return fetch(`${info.masterUrl}/health`, { signal }).then(
    (response) => response.ok,
    () => false,
  );
}
