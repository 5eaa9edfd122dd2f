import { InvariantError, ProtocolError, UnavailableError } from '../model/errors.ts';
import type { Store, StoredRecord } from '../model/store.ts';
import type { MultiAnswer, NodeStat, Operation, ZooKeeperSession } from '../zookeeper/session.ts';
import { closedStore, fencedConflict, versionConflict } from './conflicts.ts';
import { checkRecordPath, decodeRecord, encodeRecord, recordJson } from './record.ts';

/**
 * Opens the store kept below the node `root`, making it where needed:
 *
 *     root/epoch                           its data's version is the epoch; its data say who claimed it
 *     root/records/clusters/orders/spec    a record as in record.ts; without data it only has children
 *
 * Every write is one transaction: a check of the epoch, and the change of the record's node under the
 * version its data had. A record's version is the transaction that wrote it (mzxid), which no other
 * write ever has, not even after a removal.
 *
 * The store lives as long as the session, which it does not close: when that is over, everything fails by
 * `KM_UNAVAILABLE_ZOOKEEPER_SESSION`. A new session takes a new store, and a new claim.
 *
 * Errors: those of the port and of the session.
 */
export async function openZooKeeperStore(
  session: ZooKeeperSession,
  root: string,
  claimant = '',
): Promise<Store> {
  const epochNode = `${root}/epoch`;
  const recordsNode = `${root}/records`;
  const nodeOf = (path: string) => `${recordsNode}/${path}`;
  let epoch = 0;
  let closing: Promise<void> | undefined;
  // Writes follow one another: each looks at nodes that no other may change meanwhile.
  let tail: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    if (closing !== undefined) return Promise.reject(closedStore());
    const turn = tail.then(work);
    tail = turn.catch(() => {});
    return turn;
  };

  const newestEpoch = async () => (await session.stat(epochNode))?.version ?? 0;

  /** Commits `changes` under our epoch; `refused` says which of them was. */
  async function commit(changes: readonly Operation[]): Promise<MultiAnswer> {
    if (epoch === 0) throw fencedConflict(epoch, await newestEpoch());
    const answer = await session.multi([{ kind: 'check', path: epochNode, version: epoch }, ...changes]);
    if (answer.kind === 'refused' && answer.at === 0) throw fencedConflict(epoch, await newestEpoch());
    return answer;
  }

  /** The node of a record, looked at before it is written: its version is what the transaction checks. */
  async function look(path: string, expected: number): Promise<NodeStat | undefined> {
    if (epoch === 0) throw fencedConflict(epoch, await newestEpoch());
    const stat = await session.stat(nodeOf(path));
    const found = versionOf(stat);
    if (found === expected) return stat;
    // Who was overtaken by another claim has lost more than this record.
    const newest = await newestEpoch();
    throw newest === epoch ? versionConflict(path, expected, found) : fencedConflict(epoch, newest);
  }

  async function write(path: string, bytes: Buffer, expected: number): Promise<number> {
    const stat = await look(path, expected);
    const node = nodeOf(path);
    const answer =
      stat === undefined
        ? await commit([
            ...(await missingAncestors(path)),
            // Made and written: only what is written tells its transaction, and only from 1 on can a
            // version be checked.
            { kind: 'create', path: node, data: Buffer.alloc(0) },
            { kind: 'set', path: node, data: bytes, version: 'any' },
          ])
        : await commit([{ kind: 'set', path: node, data: bytes, version: stat.version || 'any' }]);
    if (answer.kind === 'refused') throw await changedMeanwhile(path, expected);
    const written = answer.stats.findLast((found) => found !== undefined);
    if (written === undefined) throw new InvariantError('KM_BUG_ZOOKEEPER', 'a write without its stat');
    return versionOf(written);
  }

  async function missingAncestors(path: string): Promise<readonly Operation[]> {
    const missing: Operation[] = [];
    for (const ancestor of ancestorsOf(path)) {
      if ((await session.stat(nodeOf(ancestor))) !== undefined) break;
      missing.unshift({ kind: 'create', path: nodeOf(ancestor), data: Buffer.alloc(0) });
    }
    return missing;
  }

  async function remove(path: string, expected: number): Promise<void> {
    const stat = await look(path, expected);
    if (expected === 0 || stat === undefined) {
      await commit([]);
      return;
    }
    const node = nodeOf(path);
    const changes: Operation[] = [];
    if (stat.numChildren > 0) {
      changes.push({ kind: 'set', path: node, data: Buffer.alloc(0), version: stat.version });
    } else {
      changes.push({ kind: 'remove', path: node, version: stat.version });
      // An ancestor that was only there for this record goes with it.
      for (const ancestor of ancestorsOf(path)) {
        const above = await session.stat(nodeOf(ancestor));
        if (above === undefined || above.dataLength > 0 || above.numChildren > 1) break;
        changes.push({ kind: 'remove', path: nodeOf(ancestor), version: 'any' });
      }
    }
    const answer = await commit(changes);
    if (answer.kind === 'refused') throw await changedMeanwhile(path, expected);
  }

  /** Nobody else writes under our epoch: what we looked at was an older state than we wrote ourselves. */
  async function changedMeanwhile(path: string, expected: number): Promise<Error> {
    return versionConflict(path, expected, versionOf(await session.stat(nodeOf(path))));
  }

  async function claim(): Promise<number> {
    // Until it is known which epoch ours is, this writer has none.
    epoch = 0;
    if ((await session.stat(epochNode)) === undefined) {
      if (((await session.getChildren(recordsNode)) ?? []).length > 0) throw missingEpoch(epochNode);
      await session.makePath(root);
      await session.makePath(recordsNode);
      await session.create(epochNode, Buffer.alloc(0), 'persistent');
    }
    const answer = await session.setData(epochNode, Buffer.from(claimant));
    if (answer.kind === 'refused') {
      throw new UnavailableError('KM_UNAVAILABLE_STORE', `${epochNode} cannot be claimed: ${answer.refusal}`);
    }
    epoch = answer.value.version;
    return epoch;
  }

  return {
    async read(path): Promise<StoredRecord | undefined> {
      if (closing !== undefined) throw closedStore();
      checkRecordPath(path);
      const found = await session.getData(nodeOf(path));
      if (found === undefined || found.data.length === 0) return undefined;
      const { value } = decodeRecord(path, found.data, {
        name: `ZooKeeper's node ${nodeOf(path)}`,
        remedy:
          'Restore it from a backup, or delete it if its loss is known to be harmless; then start again.',
      });
      return { value, version: versionOf(found.stat) };
    },
    async list(path) {
      if (closing !== undefined) throw closedStore();
      checkRecordPath(path);
      return [...((await session.getChildren(nodeOf(path))) ?? [])].sort();
    },
    async write(path, value, expectedVersion) {
      checkRecordPath(path);
      const bytes = encodeRecord(path, recordJson(path, value));
      return inTurn(() => write(path, bytes, expectedVersion));
    },
    async remove(path, expectedVersion) {
      checkRecordPath(path);
      return inTurn(() => remove(path, expectedVersion));
    },
    claim: () => inTurn(claim),
    close() {
      closing ??= tail.then(() => {});
      return closing;
    },
  };
}

/** 0 for a node that holds no record. */
function versionOf(stat: NodeStat | undefined): number {
  if (stat === undefined || stat.dataLength === 0) return 0;
  // The upper half counts the leaders that ZooKeeper had: two million of them are safe.
  if (!Number.isSafeInteger(stat.mzxid))
    throw new ProtocolError('KM_PROTOCOL_STORE_VERSION', `transaction ${stat.mzxid} is no safe number`);
  return stat.mzxid;
}

/** From the parent upwards. */
function ancestorsOf(path: string): readonly string[] {
  const segments = path.split('/');
  return segments.slice(1).map((_, index) => segments.slice(0, segments.length - 1 - index).join('/'));
}

/** Starting again at epoch 1 would let an old claimant in. */
function missingEpoch(node: string): ProtocolError {
  return new ProtocolError(
    'KM_PROTOCOL_STORE_EPOCH',
    `ZooKeeper's node ${node} is missing beside its records`,
    {
      remedy: `Stop every scheduler, make it again with any content (create ${node} ""), and start one.`,
    },
  );
}
