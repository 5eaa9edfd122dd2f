/** The cluster as its scheduler shows it, waited for and told in words when it does not come. */
import { createKafkaAdmin } from '../../src/kafka/admin.ts';
import type { BrokerStatus, ClusterStatus } from '../../src/model/status.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { Failure, until } from './report.ts';
import type { Scheduler } from './scheduler.ts';

export const clusterName = 'mesos-test';
export const topic = 'events';
export const partitions = 3;

export const spec = `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: ${clusterName} }
spec:
  config: { group.initial.rebalance.delay.ms: 0, offsets.topic.num.partitions: 3 }
  pools:
    - name: main
      roles: [broker, controller]
      ids: 0..2
      cpus: 0.5
      memory: 768MiB
      heap: 320MiB
      storage: { size: 1GiB }
  topics:
    - { name: ${topic}, partitions: ${partitions}, replicationFactor: 3, config: { min.insync.replicas: 2 } }
`;

export type Watch = {
  until(what: string, holds: (status: ClusterStatus) => boolean): Promise<ClusterStatus>;
  /** All brokers run, all topics are ready, nothing is left to do. */
  settled(what: string, holds?: (status: ClusterStatus) => boolean): Promise<ClusterStatus>;
  /** What the scheduler said last. */
  explain(): string;
};

export function watchCluster(scheduler: Scheduler, waitMs: number): Watch {
  let last: ClusterStatus | undefined;
  const self: Watch = {
    async until(what, holds) {
      return until(
        what,
        waitMs,
        async () => {
          const now = await scheduler.cluster(clusterName);
          last = now ?? last;
          return now !== undefined && holds(now) && now;
        },
        self.explain,
      );
    },
    settled: (what, holds = () => true) =>
      self.until(
        what,
        (status) =>
          status.phase === 'converged' &&
          status.brokers.every(({ state }) => state === 'running') &&
          status.topics.every(({ state }) => state === 'ready') &&
          holds(status),
      ),
    explain: () =>
      `${last === undefined ? 'the scheduler never showed the cluster' : describe(last)}\n${scheduler.complaints()}`,
  };
  return self;
}

function describe(status: ClusterStatus): string {
  return [
    `the cluster is ${status.phase}:`,
    ...status.brokers.map((b) => {
      const waits = b.waiting === undefined ? '' : `; waits: ${b.waiting.why}`;
      const end = b.lastEnd === undefined ? '' : `; last end ${b.lastEnd.state}: ${b.lastEnd.why}`;
      return `  broker ${b.id} ${b.state}${b.phase === undefined ? '' : ` (${b.phase})`} on ${b.agent ?? 'no agent'} at ${b.endpoint ?? '-'}, task ${b.taskId ?? '-'}${waits}${end}`;
    }),
    ...status.held.map(
      (h) =>
        `  held: ${h.need}: ${h.message}${h.remedy === undefined ? '' : ` → ${h.remedy}`}${list(h.details)}`,
    ),
    ...status.topics.map((t) => `  topic ${t.name} is ${t.state}`),
  ].join('\n');
}

function list(details: readonly string[]): string {
  return details.map((one) => `\n    ${one}`).join('');
}

export function brokerOf(status: ClusterStatus, id: number): BrokerStatus {
  const found = status.brokers.find((broker) => broker.id === id);
  if (found === undefined) throw new Failure(`the status has no broker ${id}`);
  return found;
}

/** By broker, of the quorum's voters: what Kafka itself says which disk each of them has. */
export async function directoryIds(status: ClusterStatus): Promise<ReadonlyMap<number, string>> {
  const admin = createKafkaAdmin({
    bootstrap: () => status.bootstrap,
    clientId: 'kafka-mesos-test',
    clock: systemClock,
  });
  try {
    const { quorum } = await admin.observe([topic]);
    return new Map(quorum.voters.map(({ nodeId, directoryId = 'unknown' }) => [nodeId, directoryId]));
  } finally {
    await admin.close();
  }
}
