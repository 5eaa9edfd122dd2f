import { lstat, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { extract } from 'tar';
import type { Artifact } from '../model/launch.ts';
import { BrokerFailure, errorText, systemCode, throwIfStopped } from './failure.ts';
import { type ArtifactSink, type FetchOptions, fetchArtifact, withoutSecrets } from './fetch.ts';
import { linkShared, share, sharedOf } from './shared-layout.ts';
import { ownFolder, syncDirectory, syncTree, writeDurably } from './storage-disk.ts';

export type LayoutOptions = FetchOptions & {
  /** The broker's first volume. */
  readonly volumePath: string;
};

/** A distribution of Kafka has some 300 entries, a JDK some 5000. */
const maxEntries = 100_000;
const maxUnpackedBytes = 8 * 2 ** 30;

/**
 * Brings an archive (tar, by itself or compressed by gzip or zstd) into `<volume>/.kafka-mesos/dist/<digest prefix>` with its
 * top folder stripped. It is unpacked while it arrives, beside that name: a folder gets the name only
 * when its digest was right and it is complete and on disk, so nothing of a wrong archive is ever used,
 * and a restart on the same volume fetches and extracts nothing. Nor is anything unpacked where an earlier
 * executor has shared the same archive's files (shared-layout.ts).
 *
 * @returns the folder.
 * @throws BrokerFailure `fetch-failed` or `digest-mismatch`; Stopped.
 */
export async function layOut(artifact: Artifact, options: LayoutOptions): Promise<string> {
  const dist = distFolder(options.volumePath);
  const home = join(dist, folderName(artifact));
  if (await isFolder(home)) return home;
  const temporary = `${home}.unpacking`;
  const shared = sharedOf(artifact);
  if (shared !== undefined) {
    await rm(temporary, { recursive: true, force: true });
    await mkdir(dist, { recursive: true });
    if (await linkShared(shared, temporary)) {
      await rename(temporary, home);
      await syncDirectory(dist);
      return home;
    }
  }
  const unpacker = createUnpacker(temporary);
  try {
    await fetchArtifact(artifact, unpacker, options);
    await unpacker.end().catch((error: unknown) => {
      // The disk's fault, not the archive's.
      if (['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'].includes(systemCode(error) ?? '')) throw error;
      throw new BrokerFailure(
        'fetch-failed',
        `${withoutSecrets(artifact.uri)} cannot be unpacked: ${errorText(error)}`,
        {
          cause: error,
          remedy:
            'It must be a .tar, .tar.gz or .tar.zst with one top folder, without links that lead out of it.',
        },
      );
    });
    throwIfStopped(options.signal);
    await syncTree(temporary);
    await rename(temporary, home);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
  await syncDirectory(dist);
  if (shared !== undefined) await share(home, shared, `${home}.sharing`);
  return home;
}

/**
 * Removes distributions that neither this launch nor the one before it uses; the previous ones stay
 * for the way back of an upgrade. Leftovers of interrupted fetches and extractions of others go too.
 */
export async function pruneLayouts(volumePath: string, used: readonly Artifact[]): Promise<void> {
  const dist = distFolder(volumePath);
  const current = used.map(folderName).sort();
  const usedPath = join(dist, 'used.json');
  const before = await readUsed(usedPath);
  const changed = current.join() !== before.current.join();
  const previous = changed ? before.current : before.previous;
  if (changed) await writeDurably(usedPath, `${JSON.stringify({ current, previous })}\n`);
  const kept = new Set(['used.json', ...current, ...previous]);
  for (const name of await readdir(dist)) {
    if (!kept.has(name)) await rm(join(dist, name), { recursive: true, force: true });
  }
}

function distFolder(volumePath: string): string {
  return join(volumePath, ownFolder, 'dist');
}

function folderName(artifact: Artifact): string {
  return artifact.sha512.slice(0, 32);
}

/**
 * Extracts into `folder` with the top folder stripped. `tar` refuses `..`, links that point out of the
 * folder, writing through links, and devices; `strict` makes each an error instead of a warning (the
 * tests pin this). Its first error is kept for the end: only the digest tells whether it is the archive's.
 */
function createUnpacker(folder: string): ArtifactSink & { end(): Promise<void> } {
  let failure: unknown;
  let archive = begin();

  function begin() {
    let entries = 0;
    let bytes = 0;
    // What is written is there when `write` returns: a slow disk cannot make the archive pile up in memory.
    const extraction = extract({
      sync: true,
      cwd: folder,
      strip: 1,
      strict: true,
      noMtime: true,
      // Whoever packed the archive has no say over the owner of files here.
      preserveOwner: false,
      filter: (_path, entry) => {
        entries += 1;
        bytes += entry.size ?? 0;
        if (entries <= maxEntries && bytes <= maxUnpackedBytes) return true;
        failure ??= new Error('it unpacks to too much');
        return false;
      },
    });
    extraction.on('error', (error) => {
      failure ??= error;
    });
    return extraction;
  }

  const attempt = (work: () => void) => {
    if (failure !== undefined) return;
    try {
      work();
    } catch (error) {
      failure = error;
    }
  };

  return {
    write: (chunk) => attempt(() => archive.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))),
    async restart() {
      failure = undefined;
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      archive = begin();
    },
    async end() {
      attempt(() => archive.end());
      if (failure !== undefined) throw failure;
      if ((await readdir(folder)).length === 0) throw new Error('it has nothing below its top folder');
    },
  };
}

async function readUsed(path: string): Promise<{ current: string[]; previous: string[] }> {
  try {
    const { current, previous } = JSON.parse(await readFile(path, 'utf8'));
    return { current: [...current], previous: [...previous] };
  } catch {
    // Absent, or not ours any more: then nothing is known to be worth keeping.
    return { current: [], previous: [] };
  }
}

async function isFolder(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
