import { execFile, spawn } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { InvariantError, UnavailableError } from '../../model/errors.ts';
import type { StartContainer } from '../model/io.ts';

/**
 * The first process of the container, in a session and group of its own, with its output in the sandbox. It
 * outlives this process. `exited` gives the raw wait status.
 */
export async function spawnFirst(
  start: StartContainer,
  sandbox: string,
  owner: Owner | undefined,
): Promise<{ readonly pid: number; readonly exited: Promise<number> }> {
  const { command } = start;
  // `exec` by a shell also where Mesos would execute the program itself: a missing one then fails as a process.
  const args =
    command.shell === false
      ? ['-c', 'exec "$0" "$@"', command.value ?? '', ...(command.arguments ?? []).slice(1)]
      : ['-c', command.value ?? ''];
  const files: FileHandle[] = [];
  try {
    for (const name of ['stdout', 'stderr']) {
      const file = await open(path.join(sandbox, name), 'a', 0o644);
      files.push(file);
      if (owner) await file.chown(owner.uid, owner.gid);
    }
    const child = spawn('/bin/sh', args, {
      cwd: sandbox,
      env: environmentOf(start, sandbox),
      stdio: ['ignore', files[0]?.fd, files[1]?.fd],
      detached: true,
      ...owner,
    });
    // Listened for at once: a short command has ended before the files are closed here.
    const exited = new Promise<number>((resolve) => {
      child.once('exit', (code, signal) => resolve(waitStatusOf(code, signal)));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    return { pid: child.pid ?? 0, exited };
  } finally {
    for (const file of files) await file.close();
  }
}

/** Of the agent's own environment only what a program needs to be found at all; then Mesos' variables. */
function environmentOf(start: StartContainer, sandbox: string): Record<string, string> {
  const own: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'JAVA_HOME']) {
    const value = process.env[name];
    if (value !== undefined) own[name] = value;
  }
  return { ...own, ...start.environment, MESOS_DIRECTORY: sandbox, MESOS_SANDBOX: sandbox };
}

export type Owner = { readonly uid: number; readonly gid: number };

/** Whom the container runs as; undefined for ourselves. */
export async function ownerOf(user: string): Promise<Owner | undefined> {
  const current = os.userInfo();
  if (user === '' || user === current.username) return undefined;
  if (current.uid !== 0) {
    throw new UnavailableError(
      'KM_UNAVAILABLE_USER',
      `The container is to run as user '${user}', but this agent runs as '${current.username}' and cannot switch users: ask for '${current.username}', or start the agent as root.`,
    );
  }
  const [uid, gid] = await Promise.all([userNumber('-u', user), userNumber('-g', user)]);
  return { uid, gid };
}

function userNumber(flag: '-u' | '-g', user: string): Promise<number> {
  return new Promise((resolve, reject) => {
    execFile('id', [flag, '--', user], (error, stdout) => {
      const number = Number(stdout.trim());
      if (error || !Number.isInteger(number)) {
        reject(new UnavailableError('KM_UNAVAILABLE_USER', `No such user '${user}'`));
      } else resolve(number);
    });
  });
}

/** The raw status of wait(2). */
function waitStatusOf(code: number | null, signal: NodeJS.Signals | null): number {
  if (signal !== null) return os.constants.signals[signal];
  if (code === null) throw new InvariantError('KM_BUG_EXIT', 'A process ended with neither code nor signal.');
  return code * 256;
}
