/**
 * What our records say was set dynamically, against what Kafka has: once for each leadership. A change that an earlier
 * scheduler had on its way may have come after ours, and a person may have undone it; each alone stays unnoticed, as
 * only records decide what is sent.
 */
import type { ConfigEntry, ConfigResource, KafkaAdmin, KafkaObserved } from '../model/kafka.ts';
import type { Source } from '../model/observed.ts';
import type { ClusterMemory } from '../model/records.ts';
import { differingBrokerConfig, differingMinIsr } from '../observe/fold-dynamic.ts';
import type { FoldDeps } from './fold-into-memory.ts';

export type SettingsComparison = {
  /** Asks what was not asked yet and can be now. */
  begin(clusters: readonly ClusterMemory[], sources: ReadonlyMap<string, Source<KafkaObserved>>): void;
};

export function createSettingsComparison(deps: {
  readonly read: (
    clusterName: string,
    question: (admin: KafkaAdmin) => Promise<readonly ConfigEntry[]>,
  ) => Promise<readonly ConfigEntry[]>;
  /** Something differs from what was recorded when Kafka was asked. */
  readonly onDifference: (fold: (into: Pick<FoldDeps, 'memory' | 'write'>) => Promise<void>) => void;
  readonly onFailure: (clusterName: string, error: unknown) => void;
}): SettingsComparison {
  /** Asked, or being asked: a cluster, or `cluster/broker`. */
  const asked = new Set<string>();

  function ask(
    key: string,
    clusterName: string,
    resource: ConfigResource,
    onAnswer: (entries: readonly ConfigEntry[]) => void,
  ): void {
    asked.add(key);
    deps
      .read(clusterName, (admin) => admin.describeConfigs(resource))
      .then(onAnswer)
      .catch((error: unknown) => {
        asked.delete(key);
        deps.onFailure(clusterName, error);
      });
  }

  function beginCluster(memory: ClusterMemory): void {
    const { name } = memory.spec.desired;
    const { cluster } = memory;
    if (asked.has(name) || cluster === undefined) {
      return;
    }
    ask(name, name, { kind: 'cluster' }, (entries) => {
      if (differingMinIsr(cluster, entries) !== cluster) {
        deps.onDifference(async ({ memory: known, write }) => {
          const now = known.cluster(name)?.cluster;
          const folded = now && differingMinIsr(now, entries);
          if (folded !== undefined && folded !== now) {
            await write('send min ISR again', () => known.writeCluster(folded));
          }
        });
      }
    });
  }

  function beginBroker(memory: ClusterMemory, id: number): void {
    const { name } = memory.spec.desired;
    const key = `${name}/${id}`;
    const record = memory.brokers.get(id);
    if (asked.has(key) || record?.task?.state !== 'TASK_RUNNING') {
      return;
    }
    if (record.dynamicConfig === undefined) {
      // What is set from here on is set by this very scheduler.
      asked.add(key);
      return;
    }
    ask(key, name, { kind: 'broker', id }, (entries) => {
      if (differingBrokerConfig(record, record, entries) !== record) {
        deps.onDifference(async ({ memory: known, write }) => {
          const now = known.cluster(name)?.brokers.get(id);
          const folded = now && differingBrokerConfig(now, record, entries);
          if (folded !== undefined && folded !== now) {
            await write('send settings again', () => known.writeBroker(folded));
          }
        });
      }
    });
  }

  return {
    begin(clusters, sources) {
      for (const memory of clusters) {
        const source = sources.get(memory.spec.desired.name);
        if (source?.known === true) {
          beginCluster(memory);
          for (const { id } of source.value.brokers.filter((b) => !b.fenced)) {
            beginBroker(memory, id);
          }
        }
      }
    },
  };
}
