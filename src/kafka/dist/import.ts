import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, open, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { KafkaMesosError } from '../../model/errors.ts';
import type { Logger } from '../../sys/logger.ts';
import { diskError, freshPart, keepArchive, readEntry } from './cache.ts';
import { digestFile, digestMismatch } from './digest.ts';
import type { Meter } from './progress.ts';
import type { Distribution } from './types.ts';

/**
 * Copies an archive of this machine into the cache, so that nobody changes it while brokers fetch it.
 * The copy is used again while the size and time of the source stay as they were.
 */
export async function importArchive(
  source: { readonly path: string; readonly sha512?: string },
  cacheDir: string,
  meter: Meter,
  logger: Logger,
): Promise<Distribution> {
  const path = resolve(source.path);
  const expected = source.sha512?.toLowerCase();
  try {
    const { size, mtimeMs } = await stat(path);
    // The key names the source *and* its stamp: a changed source is another key, and is copied again.
    const identity = JSON.stringify([path, size, mtimeMs]);
    const key = `archive-${createHash('sha256').update(identity).digest('hex').slice(0, 32)}`;
    const cached = await readEntry(cacheDir, key, logger);
    if (cached !== undefined) {
      if (expected !== undefined && cached.sha512 !== expected) {
        throw digestMismatch(path, expected, cached.sha512);
      }
      return cached;
    }
    const part = freshPart(cacheDir, key);
    try {
      meter.report('copying', 0, size);
      await copyFile(path, part, constants.COPYFILE_FICLONE);
      await flush(part);
      const sha512 = await digestFile(part, meter);
      if (expected !== undefined && sha512 !== expected) throw digestMismatch(path, expected, sha512);
      return await keepArchive(cacheDir, key, part, {
        sha512,
        origin: { kind: 'archive', detail: `copied from ${path}` },
      });
    } finally {
      await rm(part, { force: true });
    }
  } catch (error) {
    if (error instanceof KafkaMesosError) throw error;
    throw diskError(path, error);
  }
}

/** The entry is believed by size and time, so the bytes have to be on the disk before it. */
async function flush(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}
