import { randomUUID } from 'node:crypto';
import { chownSync, lstatSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { chown, mkdir, readdir, readlink, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { InvariantError } from '../../model/errors.ts';
import type { StartContainer, VolumeFacts } from '../model/io.ts';

/*
 * The directories of an agent, laid out as Mesos does (docs/sandbox.md, src/slave/paths.hpp):
 *
 *   WORK/slaves/AGENT/frameworks/FRAMEWORK/executors/EXECUTOR/runs/CONTAINER     a sandbox
 *   WORK/slaves/AGENT/frameworks/FRAMEWORK/executors/EXECUTOR/runs/latest        link to the newest
 *   WORK/volumes/roles/ROLE/PERSISTENCE_ID                                       a persistent volume
 *   WORK/trash/*                                                                 volumes being deleted
 */

/** Sandboxes kept of containers that have ended, newest first, per agent; a week of them in Mesos. */
const keptSandboxes = 5;

/** `relative` made absolute; refuses what leaves the work directory. */
export function pathInside(directory: string, relative: string): string {
  const absolute = path.resolve(directory, relative);
  if (!absolute.startsWith(directory + path.sep)) {
    throw new InvariantError('KM_BUG_LOCAL_PATH', `The path ${relative} leaves the directory ${directory}.`);
  }
  return absolute;
}

/** Makes the sandbox, its `latest` link, and the links to its volumes. Gives its absolute path. */
export async function makeSandbox(
  workDirectory: string,
  start: StartContainer,
  owner: { readonly uid: number; readonly gid: number } | undefined,
): Promise<string> {
  const sandbox = pathInside(workDirectory, start.sandboxPath);
  await mkdir(sandbox, { recursive: true });
  if (owner) await chown(sandbox, owner.uid, owner.gid);
  await replaceLink(sandbox, path.join(path.dirname(sandbox), 'latest'));
  linkVolumes(workDirectory, sandbox, start.volumes);
  return sandbox;
}

/** Without the Linux isolator a volume is a link in the sandbox, and cannot be read-only. */
export function linkVolumes(workDirectory: string, sandbox: string, volumes: readonly VolumeFacts[]): void {
  mkdirSync(sandbox, { recursive: true });
  const owner = statSync(sandbox);
  for (const volume of volumes) {
    // As an agent does (posix.cpp and linux.cpp of the filesystem isolators), which only logs that it left it out.
    if (volume.containerPath.includes('/')) continue;
    const source = volumeDirectory(workDirectory, volume);
    const link = pathInside(sandbox, volume.containerPath);
    mkdirSync(source, { recursive: true });
    // Only root may give a directory away, and only root runs containers of others.
    if (process.getuid?.() === 0) chownSync(source, owner.uid, owner.gid);
    if (lstatSync(link, { throwIfNoEntry: false }) === undefined) symlinkSync(source, link);
  }
}

export function createVolume(workDirectory: string, volume: VolumeFacts): void {
  mkdirSync(volumeDirectory(workDirectory, volume), { recursive: true });
}

/**
 * The volume is empty or gone when this returns; its bytes are deleted afterwards, since a broker's volume
 * takes its time and a new one of the same name may be wanted at once.
 */
export function destroyVolume(workDirectory: string, volume: VolumeFacts): Promise<void> {
  const directory = volumeDirectory(workDirectory, volume);
  // A rename does not cross file systems: the trash of a PATH or MOUNT disk is on that disk.
  const home = volume.source ? volume.source.root : workDirectory;
  const trash = path.join(home, 'trash', randomUUID());
  mkdirSync(path.dirname(trash), { recursive: true });
  try {
    renameSync(directory, trash);
  } catch (error) {
    if (isMissing(error)) return Promise.resolve();
    // A MOUNT disk's root cannot be renamed into itself.
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    return Promise.resolve();
  }
  return rm(trash, { recursive: true, force: true });
}

export async function emptyTrash(workDirectory: string): Promise<void> {
  await rm(path.join(workDirectory, 'trash'), { recursive: true, force: true });
}

/** Deletes the sandboxes of ended containers beyond the newest few. */
export async function collectSandboxes(workDirectory: string, living: ReadonlySet<string>): Promise<void> {
  const ended: { directory: string; endedMs: number }[] = [];
  for (const runs of await listRuns(workDirectory)) {
    for (const containerId of await readdir(runs).catch(() => [])) {
      if (containerId === 'latest' || living.has(containerId)) continue;
      const directory = path.join(runs, containerId);
      ended.push({
        directory,
        endedMs: await stat(directory).then(
          (one) => one.mtimeMs,
          () => 0,
        ),
      });
    }
  }
  ended.sort((one, other) => other.endedMs - one.endedMs);
  for (const { directory } of ended.slice(keptSandboxes)) {
    await rm(directory, { recursive: true, force: true });
    const latest = path.join(path.dirname(directory), 'latest');
    if ((await readlink(latest).catch(() => '')) !== directory) continue;
    // Nothing of this executor is left: its own directory goes too.
    await rm(path.dirname(path.dirname(directory)), { recursive: true, force: true });
  }
}

/** WORK/slaves/AGENT/frameworks/FRAMEWORK/executors/EXECUTOR/runs, of all of them. */
async function listRuns(workDirectory: string): Promise<string[]> {
  let directories = [path.join(workDirectory, 'slaves')];
  for (const fixed of ['frameworks', 'executors', 'runs']) {
    const deeper: string[] = [];
    for (const directory of directories) {
      for (const name of await readdir(directory).catch(() => [])) {
        deeper.push(path.join(directory, name, fixed));
      }
    }
    directories = deeper;
  }
  return directories;
}

function volumeDirectory(workDirectory: string, volume: VolumeFacts): string {
  const { source } = volume;
  if (source?.type === 'MOUNT') return source.root;
  return pathInside(source ? source.root : workDirectory, volume.volumePath);
}

async function replaceLink(target: string, link: string): Promise<void> {
  const fresh = `${link}.${randomUUID()}`;
  symlinkSync(target, fresh);
  await rename(fresh, link);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
