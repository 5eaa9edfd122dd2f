/** Reads a directory of specs as it was at one moment, or says that there was none. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { yamlLimits } from '../spec/read-yaml.ts';
import { codeOf, type FoundFile, walkDirectory } from './walk-directory.ts';

export type ReadFile = FoundFile & {
  /** Absent where it could not be read: `failure` says why. */
  readonly text?: string;
  /** Git's ids of the bytes, in hex. */
  readonly blob?: { readonly sha1: string; readonly sha256: string };
  readonly readAtMs: number;
};

export type ReadDirectory =
  | { readonly kind: 'read'; readonly files: readonly ReadFile[] }
  | { readonly kind: 'unsettled' };

/** File systems that keep times in whole seconds: what changed within two of them may have the same stamp as before. */
const racyMs = 2_500;
/** All files together, so that a directory of something else cannot eat the memory. */
const maxTotalBytes = 128 * 1024 * 1024;
const readsAtOnce = 16;

/**
 * `unsettled`: a file changed while it was read, or just before it. Files that are as they were in `previous` are those of
 * `previous`, not read again.
 *
 * Errors: as `walkDirectory`.
 */
export async function readDirectory(
  directory: string,
  options: { readonly previous: readonly ReadFile[]; readonly settleMs: number },
): Promise<ReadDirectory> {
  const found = await walkDirectory(directory);
  const nowMs = Date.now();
  const isFresh = ({ changedAtMs }: FoundFile) =>
    changedAtMs <= nowMs && nowMs - changedAtMs < options.settleMs;
  if (found.some(isFresh)) return { kind: 'unsettled' };
  const before = new Map(options.previous.map((file) => [file.path, file]));
  const files: ReadFile[] = [];
  let bytesLeft = maxTotalBytes;
  for (let at = 0; at < found.length; at += readsAtOnce) {
    const batch = found.slice(at, at + readsAtOnce);
    for (const file of await Promise.all(batch.map((one) => readOne(one, before.get(one.path), nowMs)))) {
      bytesLeft -= file.text === undefined ? 0 : file.size;
      const { text: _text, blob: _blob, ...bare } = file;
      files.push(
        bytesLeft >= 0 ? file : { ...bare, failure: 'all spec files together are larger than 128 MiB' },
      );
    }
  }
  return isSame(found, await walkDirectory(directory)) ? { kind: 'read', files } : { kind: 'unsettled' };
}

async function readOne(file: FoundFile, before: ReadFile | undefined, nowMs: number): Promise<ReadFile> {
  if (
    before?.stamp === file.stamp &&
    before.base === file.base &&
    before.readAtMs - before.changedAtMs > racyMs
  ) {
    return before;
  }
  const read = { ...file, readAtMs: nowMs };
  if (file.failure !== undefined) return read;
  if (file.size > yamlLimits.bytes) {
    return { ...read, failure: `the file is larger than ${yamlLimits.bytes / 1024} KiB` };
  }
  try {
    const bytes = await readBytes(join(file.base, file.below), file.size);
    return {
      ...read,
      text: bytes.toString('utf8'),
      blob: { sha1: blobId('sha1', bytes), sha256: blobId('sha256', bytes) },
    };
  } catch (error) {
    return { ...read, failure: `it cannot be read: ${codeOf(error)}` };
  }
}

/** Little more than it had when it was looked at: one that has grown since is seen by its stamp. */
async function readBytes(path: string, size: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(size + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await file.close();
  }
}

function blobId(algorithm: 'sha1' | 'sha256', bytes: Buffer): string {
  return createHash(algorithm).update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

function isSame(before: readonly FoundFile[], after: readonly FoundFile[]): boolean {
  return (
    before.length === after.length &&
    before.every((file, at) => {
      const other = after[at];
      return other?.path === file.path && other.base === file.base && other.stamp === file.stamp;
    })
  );
}
