import type { Store, StoredRecord } from '../model/store.ts';
import { closedStore, fencedConflict, versionConflict } from './conflicts.ts';
import { checkRecordPath, childNames, decodeRecord, encodeRecord, recordJson } from './record.ts';

/**
 * A store for tests and the simulation: never waits, never fails by itself. It outlives its connections, so
 * that two schedulers, or one before and after a crash, share it.
 */
export type MemoryStoreBackend = { connect(): Store };

export function createMemoryStoreBackend(): MemoryStoreBackend {
  // Kept as a real store writes them down: what is read back is a copy, and is what that would give.
  const records = new Map<string, { readonly bytes: Buffer; readonly version: number }>();
  let newestEpoch = 0;
  // One sequence for all paths: a record that is removed and made again never repeats a version.
  let newestVersion = 0;

  const connect = (): Store => {
    let epoch = 0;
    let closed = false;

    const checkOpen = () => {
      if (closed) throw closedStore();
    };
    const checkWrite = (path: string, expectedVersion: number) => {
      if (epoch === 0 || epoch !== newestEpoch) throw fencedConflict(epoch, newestEpoch);
      const found = records.get(path)?.version ?? 0;
      if (found !== expectedVersion) throw versionConflict(path, expectedVersion, found);
    };

    return {
      async read(path): Promise<StoredRecord | undefined> {
        checkOpen();
        checkRecordPath(path);
        const record = records.get(path);
        if (record === undefined) return undefined;
        const where = { name: `record ${path}`, remedy: '' };
        return { value: decodeRecord(path, record.bytes, where).value, version: record.version };
      },
      async list(path) {
        checkOpen();
        checkRecordPath(path);
        return childNames(path, records.keys());
      },
      async write(path, value, expectedVersion) {
        checkOpen();
        checkRecordPath(path);
        const bytes = encodeRecord(path, recordJson(path, value));
        checkWrite(path, expectedVersion);
        newestVersion += 1;
        records.set(path, { bytes, version: newestVersion });
        return newestVersion;
      },
      async remove(path, expectedVersion) {
        checkOpen();
        checkRecordPath(path);
        checkWrite(path, expectedVersion);
        records.delete(path);
      },
      async claim() {
        checkOpen();
        newestEpoch += 1;
        epoch = newestEpoch;
        return epoch;
      },
      async close() {
        closed = true;
      },
    };
  };

  return { connect };
}
