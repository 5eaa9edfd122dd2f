import { randomBytes, randomUUID } from 'node:crypto';
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ConflictError, UnavailableError } from '../model/errors.ts';
import { writeDurably } from './checkpoint.ts';
import { findProcess, type ProcessRef } from './runner/process-table.ts';

/*
 * What the embedded Mesos keeps in HOME/local:
 *
 *   mesos.json        who runs and where it listens; gone when nobody does
 *   mesos.lock        pid and start of the owner
 *   mesos.log         JSON lines, with mesos.log.1 before it
 *   mesos.out         what it printed when it was started in the background
 *   token             of the control API, for its owner only
 *   ports.json        which ports brokers get (port-block.ts)
 *   checkpoint.json   the state (checkpoint.ts)
 *   agents/NAME/      work directories: sandboxes and persistent volumes
 *   fetch-cache/      of URIs with `cache`
 */
export type LocalHome = {
  readonly directory: string;
  readonly infoFile: string;
  readonly lockFile: string;
  readonly logFile: string;
  readonly tokenFile: string;
  readonly portsFile: string;
  readonly checkpointFile: string;
  readonly agentsDirectory: string;
};

/** The content of mesos.json. */
export type LocalInfo = ProcessRef & {
  readonly masterUrl: string;
  readonly agents: readonly { readonly name: string; readonly hostname: string; readonly url: string }[];
};

const maxLogBytes = 20 * 1024 * 1024;

export function localHome(home: string): LocalHome {
  const directory = path.join(path.resolve(home), 'local');
  const inside = (name: string): string => path.join(directory, name);
  return {
    directory,
    infoFile: inside('mesos.json'),
    lockFile: inside('mesos.lock'),
    logFile: inside('mesos.log'),
    tokenFile: inside('token'),
    portsFile: inside('ports.json'),
    checkpointFile: inside('checkpoint.json'),
    agentsDirectory: inside('agents'),
  };
}

/** Whoever runs in this home now; undefined when nobody does, whatever a dead one left behind. */
export async function readInfo(home: LocalHome): Promise<LocalInfo | undefined> {
  const info = await readJson<LocalInfo>(home.infoFile);
  return info && (await isAlive(info)) ? info : undefined;
}

export async function writeInfo(home: LocalHome, info: LocalInfo): Promise<void> {
  await writeDurably(home.infoFile, `${JSON.stringify(info, undefined, 2)}\n`);
}

export async function isAlive(ref: ProcessRef): Promise<boolean> {
  return (await findProcess(ref.pid))?.startTime === ref.startTime;
}

/** The holder of the lock, if it lives. */
export async function readOwner(home: LocalHome): Promise<ProcessRef | undefined> {
  const owner = await readJson<ProcessRef>(home.lockFile);
  return owner && (await isAlive(owner)) ? owner : undefined;
}

/**
 * Makes this process the only one in the home until `release`. A dead owner's lock is taken over. Throws
 * ConflictError `KM_CONFLICT_LOCAL` when another one lives.
 */
export async function lockHome(
  home: LocalHome,
): Promise<{ readonly self: ProcessRef; release(): Promise<void> }> {
  const self = await findProcess(process.pid);
  if (!self) throw new UnavailableError('KM_UNAVAILABLE_PROCESSES', 'This process does not find itself.');
  await mkdir(home.directory, { recursive: true, mode: 0o700 });
  const mine = `${home.lockFile}.${randomUUID()}`;
  await writeFile(mine, JSON.stringify({ pid: self.pid, startTime: self.startTime }));
  try {
    for (;;) {
      try {
        // A link is made for one only, and never with half the content.
        await link(mine, home.lockFile);
        break;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
      const stale = await readFile(home.lockFile, 'utf8').catch(() => undefined);
      const owner = await readOwner(home);
      if (owner) {
        throw new ConflictError('KM_CONFLICT_LOCAL', `An embedded Mesos runs in ${home.directory} already.`, {
          remedy: `It is process ${owner.pid}; stop it with "kafka-mesos local down".`,
        });
      }
      // Put aside and looked at again: in between somebody else may have taken the dead one's lock.
      const aside = `${mine}.stale`;
      await rename(home.lockFile, aside).catch(() => undefined);
      const taken = await readFile(aside, 'utf8').catch(() => undefined);
      if (taken !== undefined && taken !== stale) await link(aside, home.lockFile).catch(() => undefined);
      await rm(aside, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
  const release = async (): Promise<void> => {
    await rm(home.infoFile, { force: true });
    await rm(home.lockFile, { force: true });
  };
  return { self, release };
}

/** The token of the control API, made on first use. */
export async function ensureToken(home: LocalHome): Promise<string> {
  const before = await readToken(home);
  if (before !== undefined) return before;
  const token = randomBytes(32).toString('hex');
  await writeDurably(home.tokenFile, `${token}\n`, 0o600);
  return token;
}

export async function readToken(home: LocalHome): Promise<string | undefined> {
  const text = await readFile(home.tokenFile, 'utf8').catch(() => '');
  return text.trim() === '' ? undefined : text.trim();
}

/** A log of at most twice 20 MB: begun anew when it is full, with the one before beside it. */
export function openLog(file: string): { write(line: string): void } {
  let descriptor = openSync(file, 'a', 0o600);
  let size = fstatSync(descriptor).size;
  return {
    write(line) {
      if (size > maxLogBytes) {
        closeSync(descriptor);
        renameSync(file, `${file}.1`);
        descriptor = openSync(file, 'a', 0o600);
        size = 0;
      }
      size += Buffer.byteLength(line);
      writeSync(descriptor, line);
    },
  };
}

async function readJson<Value>(file: string): Promise<Value | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Value;
  } catch {
    return undefined;
  }
}
