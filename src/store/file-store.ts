import { chmod, mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ConflictError, ProtocolError } from '../model/errors.ts';
import type { Store, StoredRecord } from '../model/store.ts';
import { closedStore, fencedConflict, versionConflict } from './conflicts.ts';
import { lockDirectory } from './directory-lock.ts';
import {
  fileError,
  readBounded,
  removeDurably,
  replaceDurably,
  syncDirectory,
  temporarySuffix,
} from './durable-file.ts';
import { createFileListing, fileOf, recordPathsIn } from './file-listing.ts';
import {
  checkRecordPath,
  damagedRecord,
  decodeRecord,
  encodeRecord,
  maxEncodedBytes,
  recordJson,
} from './record.ts';

/**
 * Opens the store kept in `directory`, making it where needed (mode 0700), for one process at a time.
 * Everything lies flat in it:
 *
 *     clusters~orders~spec.json    {"format":1,"path":"clusters/orders/spec","version":3000000007,"value":…}, see record.ts
 *     epoch                        3
 *     lock.<pid>.<start>           of the process that has it open
 *     *.tmp                        what an interrupted write left; removed here
 *
 * A version is the epoch it was written in times 10⁹ plus the number of the write: no version is ever
 * used twice, not even by a record that was removed and made again, without a counter to keep.
 *
 * Errors: those of the port; `KM_UNAVAILABLE_STORE_LOCKED` when another process has it open.
 */
export async function openFileStore(directory: string): Promise<Store> {
  const root = resolve(directory);
  await makePrivateDirectory(root);
  const lock = await lockDirectory(root);
  try {
    await removeTemporaryFiles(root);
  } catch (error) {
    await lock.release();
    throw error;
  }

  const listing = createFileListing(root);
  const epochFile = join(root, 'epoch');
  let epoch = 0;
  let writes = 0;
  let closing: Promise<void> | undefined;
  // Writes follow one another: each checks a version and an epoch that no other may change meanwhile.
  let tail: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    if (closing !== undefined) return Promise.reject(closedStore());
    const turn = tail.then(work);
    tail = turn.catch(() => {});
    return turn;
  };

  const checkEpoch = async () => {
    const newest = await readEpoch(epochFile);
    if (epoch === 0 || newest !== epoch) throw fencedConflict(epoch, newest ?? 0);
  };
  const checkVersion = async (path: string, expected: number) => {
    const found = (await readRecord(root, path))?.version ?? 0;
    if (found !== expected) throw versionConflict(path, expected, found);
  };

  return {
    async read(path) {
      if (closing !== undefined) throw closedStore();
      checkRecordPath(path);
      return readRecord(root, path);
    },
    async list(path) {
      if (closing !== undefined) throw closedStore();
      checkRecordPath(path);
      return listing.childrenOf(path);
    },
    async write(path, value, expectedVersion) {
      checkRecordPath(path);
      const json = recordJson(path, value);
      return inTurn(async () => {
        await checkEpoch();
        await checkVersion(path, expectedVersion);
        const version = versionOf(epoch, ++writes);
        const record = encodeRecord(path, json, version);
        // Again after the slow part: with the lock gone (another machine, a deleted lock file) this narrows
        // the window in which a newer writer's record could be overwritten to one system call.
        await replaceDurably(fileOf(root, path), record, checkEpoch).finally(listing.changed);
        return version;
      });
    },
    async remove(path, expectedVersion) {
      checkRecordPath(path);
      return inTurn(async () => {
        await checkEpoch();
        await checkVersion(path, expectedVersion);
        if (expectedVersion !== 0) await removeDurably(fileOf(root, path)).finally(listing.changed);
      });
    },
    async claim() {
      return inTurn(async () => {
        const newest = await readEpoch(epochFile);
        if (newest === undefined) await checkNeverWritten(root, epochFile);
        const claimed = (newest ?? 0) + 1;
        // Until it is known to be on disk this writer has no epoch: a version of it must not be lost.
        epoch = 0;
        await replaceDurably(epochFile, `${claimed}\n`);
        epoch = claimed;
        writes = 0;
        return claimed;
      });
    },
    close() {
      closing ??= tail.then(() => lock.release());
      return closing;
    },
  };
}

const writesPerEpoch = 1_000_000_000;

function versionOf(epoch: number, write: number): number {
  const version = epoch * writesPerEpoch + write;
  if (write >= writesPerEpoch || !Number.isSafeInteger(version)) {
    throw new ConflictError('KM_CONFLICT_FENCED', `epoch ${epoch} has no versions left`, {
      remedy: 'Restart the scheduler: it claims a new epoch.',
    });
  }
  return version;
}

async function readRecord(root: string, path: string): Promise<StoredRecord | undefined> {
  const file = fileOf(root, path);
  const content = await readBounded(file, maxEncodedBytes);
  if (content.kind === 'missing') return undefined;
  const where = {
    name: file,
    remedy: `Stop the scheduler, restore ${dirname(file)} from a backup (or move the file away if its loss is known to be harmless), then start again.`,
  };
  if (content.kind === 'too-large') throw damagedRecord(where, `it has ${content.bytes} bytes`);
  const { value, version } = decodeRecord(path, content.bytes, where);
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) {
    throw damagedRecord(where, `its version is ${JSON.stringify(version)}`);
  }
  return { value, version };
}

async function readEpoch(file: string): Promise<number | undefined> {
  const content = await readBounded(file, 64);
  if (content.kind === 'missing') return undefined;
  const text = content.kind === 'content' ? content.bytes.toString('latin1').trim() : '';
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw damagedEpoch(
      file,
      content.kind === 'content' ? `it says ${JSON.stringify(text)}` : 'it is too long',
    );
  }
  return Number(text);
}

/** Starting again at epoch 1 beside old records would use versions a second time. */
async function checkNeverWritten(root: string, epochFile: string): Promise<void> {
  if ((await recordPathsIn(root)).length > 0)
    throw damagedEpoch(epochFile, 'it is missing beside its records');
}

function damagedEpoch(file: string, cause: string): ProtocolError {
  return new ProtocolError('KM_PROTOCOL_STORE_EPOCH', `${file} cannot be used: ${cause}`, {
    remedy: `Stop the scheduler, restore ${dirname(file)} from a backup (or write into the file a whole number above the version of every record divided by ${writesPerEpoch}), then start again.`,
  });
}

/** Records may hold credentials, so that nobody else may look in. */
async function makePrivateDirectory(root: string): Promise<void> {
  try {
    const made = await mkdir(root, { recursive: true, mode: 0o700 });
    if (made !== undefined) {
      // Each directory that was made is an entry in its parent, and lasts once the parent is on disk.
      for (let path = root; path.length >= made.length; path = dirname(path))
        await syncDirectory(dirname(path));
    }
    const { mode } = await stat(root);
    if ((mode & 0o077) !== 0) await chmod(root, 0o700);
  } catch (error) {
    throw fileError('cannot use', root, error);
  }
}

async function removeTemporaryFiles(root: string): Promise<void> {
  try {
    for (const name of await readdir(root)) {
      if (name.endsWith(temporarySuffix)) await unlink(join(root, name));
    }
  } catch (error) {
    throw fileError('cannot clean', root, error);
  }
}
