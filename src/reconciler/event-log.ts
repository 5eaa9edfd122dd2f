/** The last events of each cluster, for people. Bounded. */
import type { ClusterEvent } from '../model/status.ts';

const kept = 200;

export type EventLog = {
  add(clusterName: string, event: Omit<ClusterEvent, 'seq'>): void;
  of(clusterName: string): readonly ClusterEvent[];
};

export function createEventLog(): EventLog {
  const logs = new Map<string, ClusterEvent[]>();
  let seq = 0;
  return {
    add(clusterName, event) {
      const log = logs.get(clusterName) ?? [];
      seq += 1;
      log.push({ ...event, seq });
      logs.set(clusterName, log.slice(-kept));
    },
    of: (clusterName) => logs.get(clusterName) ?? [],
  };
}
