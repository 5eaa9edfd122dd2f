import { randomBytes } from 'node:crypto';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UnavailableError } from '../../model/errors.ts';
import type { Logger } from '../../sys/logger.ts';
import { readKafkaVersion } from './archive.ts';
import { digestFile } from './digest.ts';
import { type Distribution, type DistributionOrigin, kafkaJavaMinimum } from './types.ts';

/*
 * The cache needs no lock. Files under their final name are complete and named by content, and get there
 * by rename; unfinished work carries the pid of its process in its name:
 *
 *   kafka-4.3.1-0123456789abcdef.tgz      an archive, by the first digits of its sha512
 *   version-4.3.1.json                    an entry: which archive answers this request, and its stamp
 *   version-4.3.1.4711.9c0f3a1b.part      a download of process 4711 (0: given up, free to take)
 */

type Entry = {
  readonly schema: 1;
  readonly version: string;
  readonly file: string;
  readonly sha512: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  readonly origin: DistributionOrigin;
};

/**
 * The distribution kept under this key, or undefined when there is none that can be trusted. While size
 * and time of the file are those of the entry its digest is not computed again.
 */
export async function readEntry(
  cacheDir: string,
  key: string,
  logger: Logger,
): Promise<Distribution | undefined> {
  let entry: Entry;
  try {
    entry = JSON.parse(await readFile(join(cacheDir, `${key}.json`), 'utf8'));
  } catch {
    // Absent, or cut short by a crash of the machine: made anew either way.
    return undefined;
  }
  if (entry?.schema !== 1 || typeof entry.file !== 'string') return undefined;
  const path = join(cacheDir, entry.file);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  if (found.size !== entry.sizeBytes || found.mtimeMs !== entry.mtimeMs) {
    if ((await digestFile(path)) !== entry.sha512) {
      logger.warn('cached distribution was changed on disk, getting it again', { path });
      await rm(path, { force: true });
      return undefined;
    }
    await writeEntry(cacheDir, key, { ...entry, sizeBytes: found.size, mtimeMs: found.mtimeMs });
  }
  return {
    version: entry.version,
    path,
    sha512: entry.sha512,
    sizeBytes: found.size,
    javaMinimum: kafkaJavaMinimum,
    origin: entry.origin,
  };
}

/** Moves a finished, verified part to its final name and writes the entry that finds it. */
export async function keepArchive(
  cacheDir: string,
  key: string,
  part: string,
  known: { readonly sha512: string; readonly origin: DistributionOrigin; readonly version?: string },
): Promise<Distribution> {
  let version: string;
  try {
    version = await readKafkaVersion(part);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  const file = `kafka-${version}-${known.sha512.slice(0, 16)}.tgz`;
  const path = join(cacheDir, file);
  await rename(part, path);
  const { size, mtimeMs } = await stat(path);
  const { sha512, origin } = known;
  await writeEntry(cacheDir, key, { schema: 1, version, file, sha512, sizeBytes: size, mtimeMs, origin });
  return { version, path, sha512, sizeBytes: size, javaMinimum: kafkaJavaMinimum, origin };
}

/** Where the distribution of a released version is found. */
export const versionKey = (version: string): string => `version-${version}`;

/**
 * Lets an archive that an operator brought answer for its version, so that nobody looks for that elsewhere.
 * One that is there already stays: another digest would restart every broker. Returns the one that answers.
 */
export async function answerForVersion(
  cacheDir: string,
  brought: Distribution,
  logger: Logger,
): Promise<Distribution> {
  const { version, path, sha512, sizeBytes, origin } = brought;
  const key = versionKey(version);
  const known = await readEntry(cacheDir, key, logger);
  if (known !== undefined) return known;
  const { mtimeMs } = await stat(path);
  await writeEntry(cacheDir, key, {
    schema: 1,
    version,
    file: basename(path),
    sha512,
    sizeBytes,
    mtimeMs,
    origin,
  });
  return brought;
}

async function writeEntry(cacheDir: string, key: string, entry: Entry): Promise<void> {
  const temporary = join(cacheDir, `${key}.json.${process.pid}.${randomBytes(4).toString('hex')}`);
  await writeFile(temporary, `${JSON.stringify(entry, undefined, 2)}\n`);
  await rename(temporary, join(cacheDir, `${key}.json`));
}

/** A file name for unfinished work that no other process and no other call uses. */
export function freshPart(cacheDir: string, key: string): string {
  return join(cacheDir, `${key}.${process.pid}.${randomBytes(4).toString('hex')}.part`);
}

/**
 * Takes over the largest partial file that a dead process left under this key, by renaming it (which only
 * one of two takers can do), or names a new one. A pid of another pid namespace may look dead while it
 * lives; two writers then spoil the file, and the digest tells.
 */
export async function takePart(cacheDir: string, key: string): Promise<string> {
  const own = freshPart(cacheDir, key);
  const orphans: { path: string; size: number }[] = [];
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith(`${key}.`)) continue;
    const match = /^\.(\d+)\.[0-9a-f]{8}\.part$/.exec(name.slice(key.length));
    if (match === null || isAlive(Number(match[1]))) continue;
    const path = join(cacheDir, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) orphans.push({ path, size: found.size });
  }
  orphans.sort((left, right) => right.size - left.size);
  let taken = false;
  for (const orphan of orphans) {
    if (taken) await rm(orphan.path, { force: true });
    else taken = await rename(orphan.path, own).then(always, never);
  }
  return own;
}

/** Leaves a partial file for the next call, of this process or another. */
export async function releasePart(cacheDir: string, key: string, part: string): Promise<void> {
  const free = join(cacheDir, `${key}.0.${randomBytes(4).toString('hex')}.part`);
  await rename(part, free).catch(() => {});
}

const leftBehind = [
  /^maven-(\d+)-[^.]+$/,
  /^(?:maven|archive)-.+\.(\d+)\.[0-9a-f]{8}\.part$/,
  /\.json\.(\d+)\.[0-9a-f]{8}$/,
];

/** Removes what dead processes left behind and nobody can go on with; downloads are not among it. */
export async function removeOrphans(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const pid = leftBehind.map((pattern) => pattern.exec(name)?.[1]).find((found) => found !== undefined);
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}

const always = () => true;
const never = () => false;

/** Whether a process of this id runs; 0 stands for nobody. */
function isAlive(pid: number): boolean {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Disk errors by the file they are about. */
export function diskError(path: string, error: unknown): UnavailableError {
  const code = (error as NodeJS.ErrnoException).code;
  return new UnavailableError('KM_UNAVAILABLE_DISK', `${path}: ${(error as Error).message}`, {
    cause: error,
    remedy:
      code === 'ENOSPC'
        ? 'Free some disk space; about 300 MB are needed.'
        : 'Check that the file or folder exists and that this user may use it.',
  });
}
