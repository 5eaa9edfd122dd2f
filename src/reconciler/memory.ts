/** The store's records in memory, with the versions that make each write conditional. */
import { InvariantError, ProtocolError } from '../model/errors.ts';
import type {
  BrokerRecord,
  ClusterMemory,
  ClusterRecord,
  FrameworkRecord,
  RemovedRecord,
  RevisionRecord,
  SpecRecord,
} from '../model/records.ts';
import { recordPaths, type Store } from '../model/store.ts';
import { placeTaskId } from '../model/task-id.ts';

export type Memory = {
  framework(): FrameworkRecord | undefined;
  /** By name, sorted. */
  clusters(): readonly ClusterMemory[];
  cluster(name: string): ClusterMemory | undefined;
  /** The broker whose task this is, or was last, or may still be. */
  ownerOf(taskId: string): { readonly record: BrokerRecord; readonly current: boolean } | undefined;
  writeFramework(record: FrameworkRecord): Promise<void>;
  removeFramework(): Promise<void>;
  writeSpec(record: SpecRecord): Promise<void>;
  writeCluster(record: ClusterRecord): Promise<void>;
  writeBroker(record: BrokerRecord): Promise<void>;
  removeBroker(record: BrokerRecord): Promise<void>;
  /** Which revisions of a cluster are kept, ascending, and whether what became of the newest is still to be written. */
  history(name: string): { readonly kept: readonly number[]; readonly isOpen: boolean };
  readRevision(name: string, revision: number): Promise<RevisionRecord | undefined>;
  writeRevision(record: RevisionRecord): Promise<void>;
  removeRevision(name: string, revision: number): Promise<void>;
  /** It cannot be kept, and is not tried again. */
  skipRevision(name: string, revision: number): void;
  /**
   * Its brokers' records are gone by then. The spec goes last: it is what the others are found by. Of a cluster whose file
   * is not followed that stays known (`removed`).
   */
  removeCluster(name: string, how: { readonly keepSpec: boolean; readonly nowMs: number }): Promise<void>;
  /** By name; another object whenever it changes. */
  removed(): ReadonlyMap<string, RemovedRecord>;
  forgetRemoved(name: string): Promise<void>;
};

type Entry = { spec: SpecRecord; cluster?: ClusterRecord; brokers: Map<number, BrokerRecord> };
type History = { readonly kept: Set<number>; isOpen: boolean };

/** Reads everything. A record that cannot be read stops the load: half a memory would make half a plan. */
export async function loadMemory(store: Store): Promise<Memory> {
  const versions = new Map<string, number>();
  const read = async <T extends { readonly schema: number }>(path: string): Promise<T | undefined> => {
    const stored = await store.read(path);
    if (stored === undefined) {
      return undefined;
    }
    const { value } = stored;
    if (typeof value !== 'object' || value === null || !('schema' in value) || value.schema !== 1) {
      throw new ProtocolError(
        'KM_PROTOCOL_RECORD',
        `the record ${path} has a form that this version does not know`,
        {
          remedy: 'run the version that wrote it, or a newer one',
        },
      );
    }
    versions.set(path, stored.version);
    return value as unknown as T;
  };

  if ((await store.read(recordPaths.recovery)) !== undefined) {
    throw new ProtocolError('KM_PROTOCOL_RECORD', 'the recovery of this store did not come to its end', {
      remedy: 'run `kafka-mesos scheduler --recover … --confirm` again',
    });
  }
  let framework = await read<FrameworkRecord>(recordPaths.framework);
  const entries = new Map<string, Entry>();
  const histories = new Map<string, History>();
  for (const name of await store.list(recordPaths.clusters)) {
    const spec = await read<SpecRecord>(recordPaths.spec(name));
    const cluster = await read<ClusterRecord>(recordPaths.cluster(name));
    const brokers = new Map<number, BrokerRecord>();
    for (const id of await store.list(recordPaths.brokers(name))) {
      const record = await read<BrokerRecord>(recordPaths.broker(name, Number(id)));
      if (record !== undefined) {
        brokers.set(record.id, record);
      }
    }
    if (spec === undefined && cluster === undefined && brokers.size === 0) {
      continue;
    }
    // Tasks of a cluster without spec would be killed as strangers; one without its own record be formed again.
    if (spec === undefined || (cluster === undefined && [...brokers.values()].some((b) => b.formatted))) {
      throw new ProtocolError(
        'KM_PROTOCOL_RECORD',
        `cluster ${name} has brokers in the store, but its record ${spec === undefined ? recordPaths.spec(name) : recordPaths.cluster(name)} is missing`,
        { remedy: 'restore that record; without it running brokers would be stopped or data be lost' },
      );
    }
    entries.set(name, { spec, ...(cluster === undefined ? {} : { cluster }), brokers });
    const kept = new Set((await store.list(recordPaths.revisions(name))).map(Number));
    const newest = kept.has(spec.revision)
      ? await read<RevisionRecord>(recordPaths.revision(name, spec.revision))
      : undefined;
    histories.set(name, { kept, isOpen: newest !== undefined && newest.outcome === undefined });
  }

  const gone = new Map<string, RemovedRecord>();
  for (const name of await store.list(recordPaths.removed)) {
    const record = await read<RemovedRecord>(recordPaths.removedCluster(name));
    if (record !== undefined) gone.set(name, record);
  }
  let removed: ReadonlyMap<string, RemovedRecord> = gone;

  const write = async (path: string, value: unknown): Promise<void> => {
    versions.set(path, await store.write(path, value, versions.get(path) ?? 0));
  };
  const remove = async (path: string): Promise<void> => {
    const version = versions.get(path);
    if (version !== undefined) {
      await store.remove(path, version);
      versions.delete(path);
    }
  };
  const historyOf = (name: string): History => {
    const history = histories.get(name) ?? { kept: new Set<number>(), isOpen: false };
    histories.set(name, history);
    return history;
  };
  /** Of a record that was not needed so far; how it was written is nobody's concern any more. */
  const removeUnread = async (path: string): Promise<void> => {
    const version = versions.get(path) ?? (await store.read(path))?.version;
    if (version !== undefined) await store.remove(path, version);
    versions.delete(path);
  };
  const forgetRemoved = async (name: string): Promise<void> => {
    if (!removed.has(name)) return;
    await remove(recordPaths.removedCluster(name));
    removed = new Map([...removed].filter(([one]) => one !== name));
  };
  /** Of `entries`, as long as none of them is another one: who looks at each cluster asks for all of them each time. */
  let sorted: readonly Entry[] | undefined;
  const entryOf = (name: string): Entry => {
    const entry = entries.get(name);
    if (entry === undefined) {
      throw new ProtocolError('KM_PROTOCOL_RECORD', `there is no spec of cluster ${name}`);
    }
    return entry;
  };

  return {
    framework: () => framework,
    clusters: () => {
      sorted ??= [...entries.values()].sort((a, b) => (a.spec.desired.name < b.spec.desired.name ? -1 : 1));
      return sorted;
    },
    cluster: (name) => entries.get(name),
    ownerOf(taskId) {
      for (const { brokers } of entries.values()) {
        for (const record of brokers.values()) {
          const current = record.task?.taskId === taskId;
          const isKnown =
            record.last?.taskId === taskId ||
            record.superseded.some((s) => s.taskId === taskId) ||
            record.leftBehind?.some((left) => placeTaskId(left.incarnation) === taskId) === true;
          if (current || isKnown) {
            return { record, current };
          }
        }
      }
      return undefined;
    },
    async writeFramework(record) {
      await write(recordPaths.framework, record);
      framework = record;
    },
    async removeFramework() {
      await remove(recordPaths.framework);
      framework = undefined;
    },
    async writeSpec(record) {
      const { name } = record.desired;
      await write(recordPaths.spec(name), record);
      const entry = entries.get(name);
      sorted = undefined;
      entries.set(
        name,
        entry === undefined ? { spec: record, brokers: new Map() } : { ...entry, spec: record },
      );
    },
    async writeCluster(record) {
      await write(recordPaths.cluster(record.name), record);
      entryOf(record.name).cluster = record;
    },
    async writeBroker(record) {
      const { brokers } = entryOf(record.clusterName);
      // A step that only sends something again carries the record as it is stored.
      if (brokers.get(record.id) !== record) {
        await write(recordPaths.broker(record.clusterName, record.id), record);
        brokers.set(record.id, record);
      }
    },
    async removeBroker({ clusterName, id }) {
      await remove(recordPaths.broker(clusterName, id));
      entryOf(clusterName).brokers.delete(id);
    },
    history(name) {
      const { kept, isOpen } = historyOf(name);
      return { kept: [...kept].sort((a, b) => a - b), isOpen };
    },
    readRevision: (name, revision) => read<RevisionRecord>(recordPaths.revision(name, revision)),
    async writeRevision(record) {
      const { name } = record.desired;
      const path = recordPaths.revision(name, record.revision);
      if (!versions.has(path)) versions.set(path, (await store.read(path))?.version ?? 0);
      await write(path, record);
      const history = historyOf(name);
      history.kept.add(record.revision);
      if (record.revision === entries.get(name)?.spec.revision) history.isOpen = record.outcome === undefined;
    },
    async removeRevision(name, revision) {
      await removeUnread(recordPaths.revision(name, revision));
      historyOf(name).kept.delete(revision);
    },
    skipRevision(name, revision) {
      const history = historyOf(name);
      history.kept.add(revision);
      history.isOpen = false;
    },
    async removeCluster(name, { keepSpec, nowMs }) {
      const { spec, brokers } = entryOf(name);
      if (brokers.size > 0) {
        throw new InvariantError('KM_BUG_BROKERS_LEFT', `cluster ${name} still has records of brokers`);
      }
      await remove(recordPaths.cluster(name));
      sorted = undefined;
      entries.set(name, { spec, brokers });
      if (!keepSpec) {
        const { source, suspension } = spec;
        const author = framework?.teardown?.author ?? spec.author;
        if (source !== undefined && suspension !== undefined) {
          const record: RemovedRecord = { schema: 1, name, author, removedAtMs: nowMs, source, suspension };
          await write(recordPaths.removedCluster(name), record);
          removed = new Map(removed).set(name, record);
        } else {
          // Of an earlier cluster of that name, when a scheduler died between the spec of this one and that.
          await forgetRemoved(name);
        }
        for (const revision of historyOf(name).kept) await removeUnread(recordPaths.revision(name, revision));
        await removeUnread(recordPaths.events(name));
        await remove(recordPaths.spec(name));
        sorted = undefined;
        entries.delete(name);
        histories.delete(name);
      }
    },
    removed: () => removed,
    forgetRemoved,
  };
}
