import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type CallOutcome, KafkaMesosError, UnavailableError } from '../model/errors.ts';

/**
 * Replaces `file` by `content` so that after any crash it holds the old or the new one, and the new
 * one for certain once this resolves: temporary file, fsync, rename, fsync of the directory.
 * `beforeRename` may still refuse. Mode 0600.
 *
 * Not the `write-file-atomic` package: it ignores a short write (a disk filling up then publishes a
 * truncated file), does not sync the directory, and cannot say at which step it failed.
 */
export async function replaceDurably(
  file: string,
  content: string | Buffer,
  beforeRename: () => Promise<void> = async () => {},
): Promise<void> {
  const temporary = `${file}.${process.pid}${temporarySuffix}`;
  let outcome: CallOutcome = 'not-sent';
  try {
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await beforeRename();
    outcome = 'unknown';
    await rename(temporary, file);
    await syncDirectory(dirname(file));
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw fileError('cannot write', file, error, outcome);
  }
}

/** Removes `file`, for certain once this resolves. */
export async function removeDurably(file: string): Promise<void> {
  try {
    await unlink(file);
    await syncDirectory(dirname(file));
  } catch (error) {
    throw fileError('cannot remove', file, error, 'unknown');
  }
}

/** Ends the name of a file that no crash may leave anybody to read. */
export const temporarySuffix = '.tmp';

/** Makes what was created, renamed or removed in a directory survive a power failure. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The content of a file of at most `maxBytes`; `too-large` without reading one that is longer. */
export async function readBounded(
  file: string,
  maxBytes: number,
): Promise<{ kind: 'missing' } | { kind: 'too-large'; bytes: number } | { kind: 'content'; bytes: Buffer }> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    const { size } = await handle.stat();
    if (size > maxBytes) return { kind: 'too-large', bytes: size };
    return { kind: 'content', bytes: await handle.readFile() };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { kind: 'missing' };
    throw fileError('cannot read', file, error);
  } finally {
    await handle?.close();
  }
}

export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some space on that disk.',
  EDQUOT: 'Raise the quota of the user that runs the scheduler, or free some of it.',
  EACCES: 'Let the user that runs the scheduler own that directory.',
  EPERM: 'Let the user that runs the scheduler own that directory.',
  EROFS: 'Mount that disk writable, or name another directory.',
  ENOTDIR: 'Name a directory, not a file.',
  EMFILE: 'Raise the limit of open files (ulimit -n).',
  ENFILE: 'Raise the limit of open files of this machine.',
};

/** An error of the file system as one of ours; one of ours as it is. */
export function fileError(
  what: string,
  file: string,
  error: unknown,
  outcome: CallOutcome = 'not-sent',
): KafkaMesosError {
  if (error instanceof KafkaMesosError) return error;
  const errno = errnoOf(error);
  const remedy = errno === undefined ? undefined : remedies[errno];
  return new UnavailableError(
    'KM_UNAVAILABLE_STORE',
    `${what} ${file}: ${error instanceof Error ? error.message : String(error)}`,
    { cause: error, outcome, ...(remedy === undefined ? {} : { remedy }) },
  );
}
