/** The last events of each cluster, for people. Bounded. */
import type { EventPage, EventQuery } from '../model/api.ts';
import type { ClusterEvent } from '../model/status.ts';

const kept = 200;

export type EventLog = {
  add(clusterName: string, event: Omit<ClusterEvent, 'seq'>): void;
  of(clusterName: string): readonly ClusterEvent[];
  page(query: EventQuery): EventPage;
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
    page({ clusterName, afterSeq, limit }) {
      const all = [...logs]
        .filter(([name]) => clusterName === undefined || name === clusterName)
        .flatMap(([name, log]) => log.map((event) => ({ ...event, clusterName: name })))
        .sort((a, b) => a.seq - b.seq);
      const found = afterSeq === undefined ? all.slice(-limit) : all.filter((e) => e.seq > afterSeq);
      const events = found.slice(0, limit);
      const lastSeq = events.at(-1)?.seq ?? afterSeq;
      return { events, ...(lastSeq === undefined ? {} : { lastSeq }) };
    },
  };
}
