import type { Stats } from 'node:fs';
import { chmod, link, lstat, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Artifact } from '../model/launch.ts';
import { syncDirectory, writeDurably } from './storage-disk.ts';

/*
 * Where agents see the scheduler's disk (`file:`, as with `local up`), brokers share one unpacked Kafka: it lies
 * beside its archive in the cache, and a volume gets hard links to its files instead of unpacking 50 MB once
 * more. A volume never depends on it: links stay when it is deleted, and whatever is odd about it, the archive
 * is unpacked as anywhere else.
 *
 *   kafka-4.3.1-0123456789abcdef.tgz                        as the cache names it, by its sha512
 *   kafka-4.3.1-0123456789abcdef.tgz.unpacked/              made by the first executor that unpacked it,
 *                                                           complete when it has this name
 *   kafka-4.3.1-0123456789abcdef.tgz.unpacked/.files.json   what it is of, and its files
 *
 * An archive's digest says nothing of unpacked files, so these are believed only while nobody but us could
 * have changed them, which is also why a layout in a volume is believed after a restart.
 */

const suffix = '.unpacked';
const listName = '.files.json';

type FileList = {
  /** Of the archive; the whole of it, where names have the first digits. */
  readonly sha512: string;
  /** In bytes, by paths. */
  readonly sizes: Readonly<Record<string, number>>;
};

export type Shared = { readonly path: string; readonly sha512: string };

/** Where the archive's unpacked form is shared; undefined for one that is not in a cache of ours on this disk. */
export function sharedOf({ uri, sha512 }: Artifact): Shared | undefined {
  // In any other folder nobody expects that we put something beside his file.
  if (!/^file:\/\/\/.*\/kafka-[^/]+\.tgz$/.test(uri) || !uri.endsWith(`-${sha512.slice(0, 16)}.tgz`))
    return undefined;
  return { path: `${fileURLToPath(uri)}${suffix}`, sha512 };
}

/**
 * Makes `folder`, which is not there, of links to the shared files, durably.
 *
 * @returns false when there is nothing to link to, it is not to be trusted, or it is on another disk; what was
 * made of `folder` is then to be deleted. Never rejects.
 */
export async function linkShared(shared: Shared, folder: string): Promise<boolean> {
  try {
    const tree = await trustedTree(shared);
    if (tree === undefined) return false;
    await linkTree(shared.path, folder, tree);
    return true;
  } catch {
    // Not there, deleted meanwhile, on another disk, or on a file system without links.
    return false;
  }
}

/**
 * Shares what was unpacked into `folder`, unless that is done. Shared layouts of other archives that no volume
 * has links to go. `temporary` is on the disk of `folder`, and what is found there is ours to delete. Never rejects.
 */
export async function share(folder: string, shared: Shared, temporary: string): Promise<void> {
  try {
    const cache = dirname(shared.path);
    if (!isOnlyOurs(await stat(cache)) || (await trustedTree(shared).catch(() => undefined)) !== undefined)
      return;
    await rm(temporary, { recursive: true, force: true });
    const tree = await listTree(folder);
    for (const [path, { mode }] of tree.files) {
      // One file in several volumes: nobody is to change it in passing.
      await chmod(join(folder, path), mode & 0o555);
    }
    await linkTree(folder, temporary, tree);
    const sizes = Object.fromEntries([...tree.files].map(([path, { size }]) => [path, size]));
    const list: FileList = { sha512: shared.sha512, sizes };
    await writeDurably(join(temporary, listName), `${JSON.stringify(list)}\n`);
    await rm(shared.path, { recursive: true, force: true });
    await rename(temporary, shared.path);
    await syncDirectory(cache);
    for (const name of await readdir(cache)) {
      const other = join(cache, name);
      if (!name.endsWith(suffix) || other === shared.path || (await isUsed(other))) continue;
      await rm(other, { recursive: true, force: true });
    }
  } catch {
    // It only saves time: the next executor that unpacks tries again.
  } finally {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
  }
}

type Tree = {
  /** By their paths below the tree's folder, both. */
  readonly folders: ReadonlyMap<string, Stats>;
  readonly files: ReadonlyMap<string, Stats>;
};

/** A shared layout without its list when it is whole and only we can have written it, else undefined. */
async function trustedTree({ path, sha512 }: Shared): Promise<Tree | undefined> {
  const { folders, files } = await listTree(path);
  // Whoever may write the cache's folder could have put another one there in its place.
  const places = [await stat(dirname(path)), await lstat(path), ...folders.values(), ...files.values()];
  if (!places.every(isOnlyOurs)) return undefined;
  const list = JSON.parse(await readFile(join(path, listName), 'utf8')) as FileList;
  const listed = new Map([...files].filter(([name]) => name !== listName));
  const isWhole =
    list.sha512 === sha512 &&
    listed.size === Object.keys(list.sizes).length &&
    [...listed].every(([name, { size }]) => list.sizes[name] === size);
  return isWhole ? { folders, files: listed } : undefined;
}

function isOnlyOurs({ uid, mode }: Stats): boolean {
  return uid === process.getuid?.() && (mode & 0o022) === 0;
}

/** Throws for anything but files and folders. */
async function listTree(folder: string): Promise<Tree> {
  const folders = new Map<string, Stats>();
  const files = new Map<string, Stats>();
  for (const path of await readdir(folder, { recursive: true })) {
    const found = await lstat(join(folder, path));
    if (found.isFile()) files.set(path, found);
    else if (found.isDirectory()) folders.set(path, found);
    else throw new Error(`${path} is neither file nor folder`);
  }
  return { folders, files };
}

async function linkTree(from: string, to: string, { folders, files }: Tree): Promise<void> {
  const made = [to, ...[...folders.keys()].sort().map((path) => join(to, path))];
  for (const folder of made) await mkdir(folder, { mode: 0o755 });
  for (const path of files.keys()) await link(join(from, path), join(to, path));
  // The files themselves are on disk since they were unpacked.
  for (const folder of made) await syncDirectory(folder);
}

/** Whether a volume has links to it. */
async function isUsed(folder: string): Promise<boolean> {
  const { files } = await listTree(folder);
  return [...files.values()].some(({ nlink }) => nlink > 1);
}
