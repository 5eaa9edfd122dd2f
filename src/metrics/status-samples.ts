/** Gauges of what is so just now, from what the scheduler knows. Pure. */
import type { SchedulerStatus } from '../model/api.ts';
import type { KafkaObserved } from '../model/kafka.ts';
import type { Source } from '../model/observed.ts';
import type { DirectoryStatus, SourceStatus } from '../model/source.ts';
import { brokerStates, type ClusterStatus, type HeldSummary } from '../model/status.ts';
import { gauge, type Sample } from './catalog.ts';
import { directoryStates, diskStates, phases, severities, sourceStates, topicStates } from './words.ts';

/** What only the leader knows. */
export type LeaderView = {
  readonly clusters: readonly ClusterStatus[];
  /** By cluster name. */
  readonly kafka: ReadonlyMap<string, Source<KafkaObserved>>;
  /** When the revision of each cluster was applied, by name. */
  readonly appliedAtMs: ReadonlyMap<string, number>;
};

export function schedulerSamples(status: SchedulerStatus): readonly Sample[] {
  const { leadership } = status;
  const isLeading = leadership.state === 'leading';
  return [
    gauge('kafka_mesos_leading', {}, isLeading ? 1 : 0),
    ...optional(leadership.standbys, (n) => gauge('kafka_mesos_standbys', {}, n)),
    ...(isLeading
      ? [
          ...optional(leadership.sinceMs, (ms) =>
            gauge('kafka_mesos_leading_since_timestamp_seconds', {}, seconds(ms)),
          ),
          gauge('kafka_mesos_master_connected', {}, status.connected ? 1 : 0),
          gauge('kafka_mesos_orphans', {}, status.orphans.length),
          ...(status.specs === undefined ? [] : directorySamples(status.specs)),
        ]
      : []),
  ];
}

export function leaderSamples({ clusters, kafka, appliedAtMs }: LeaderView): readonly Sample[] {
  return clusters.flatMap((cluster) => [
    ...clusterSamples(cluster),
    ...optional(appliedAtMs.get(cluster.name), (ms) =>
      gauge('kafka_mesos_cluster_revision_applied_timestamp_seconds', { cluster: cluster.name }, seconds(ms)),
    ),
    ...kafkaSamples(cluster.name, kafka.get(cluster.name)),
  ]);
}

function clusterSamples(status: ClusterStatus): readonly Sample[] {
  const cluster = status.name;
  const disks = status.brokers.flatMap((b) => b.disks ?? []);
  return [
    ...oneOf(phases, status.phase).map(([phase, value]) =>
      gauge('kafka_mesos_cluster_phase', { cluster, phase }, value),
    ),
    ...status.conditions.map(({ type, status: holds }) =>
      gauge('kafka_mesos_cluster_condition', { cluster, condition: type }, holds ? 1 : 0),
    ),
    ...counts(
      brokerStates,
      status.brokers.map((b) => b.state),
    ).map(([state, n]) => gauge('kafka_mesos_brokers', { cluster, state }, n)),
    ...counts(
      topicStates,
      status.topics.map((t) => t.state),
    ).map(([state, n]) => gauge('kafka_mesos_topics', { cluster, state }, n)),
    ...heldSamples(cluster, status.held),
    gauge('kafka_mesos_cluster_revision', { cluster }, status.revision),
    ...(disks.length === 0
      ? []
      : [
          ...counts(
            diskStates,
            disks.map((d) => d.state),
          ).map(([state, n]) => gauge('kafka_mesos_disks', { cluster, state }, n)),
          gauge('kafka_mesos_disk_min_free_bytes', { cluster }, Math.min(...disks.map((d) => d.freeBytes))),
          gauge(
            'kafka_mesos_disk_min_free_ratio',
            { cluster },
            Math.min(...disks.map((d) => (d.totalBytes > 0 ? d.freeBytes / d.totalBytes : 1))),
          ),
        ]),
    ...(status.source === undefined ? [] : sourceSamples(cluster, status.source)),
  ];
}

/** One of each reason, not of each broker: a thousand brokers that wait for offers are one line. */
function heldSamples(cluster: string, held: readonly HeldSummary[]): readonly Sample[] {
  const groups = Map.groupBy(held, ({ reason, stalled }) => `${reason} ${stalled}`);
  return [...groups.values()].flatMap((group) =>
    group
      .slice(0, 1)
      .map(({ reason, stalled }) =>
        gauge('kafka_mesos_held', { cluster, reason, stalled: String(stalled) }, group.length),
      ),
  );
}

function kafkaSamples(cluster: string, source: Source<KafkaObserved> | undefined): readonly Sample[] {
  if (source?.known !== true) {
    return [gauge('kafka_mesos_kafka_known', { cluster }, 0)];
  }
  const { observedAtMs, tookMs, topics } = source.value;
  let [partitions, underReplicated, underMinIsr, offline] = [0, 0, 0, 0];
  // A hundred thousand partitions are counted without an array of their own.
  for (const topic of topics) {
    for (const { leader, isr, replicas } of topic.partitions) {
      partitions += 1;
      if (isr.length < replicas.length) underReplicated += 1;
      if (topic.minIsr !== undefined && isr.length < topic.minIsr) underMinIsr += 1;
      if (leader < 0) offline += 1;
    }
  }
  return [
    gauge('kafka_mesos_kafka_known', { cluster }, 1),
    gauge('kafka_mesos_kafka_reading_timestamp_seconds', { cluster }, seconds(observedAtMs)),
    gauge('kafka_mesos_kafka_reading_duration_seconds', { cluster }, seconds(tookMs)),
    gauge('kafka_mesos_partitions', { cluster }, partitions),
    gauge('kafka_mesos_partitions_under_replicated', { cluster }, underReplicated),
    gauge('kafka_mesos_partitions_under_min_isr', { cluster }, underMinIsr),
    gauge('kafka_mesos_partitions_offline', { cluster }, offline),
  ];
}

function directorySamples(specs: DirectoryStatus): readonly Sample[] {
  return [
    ...oneOf(directoryStates, specs.state).map(([state, value]) =>
      gauge('kafka_mesos_specs_state', { state }, value),
    ),
    ...optional(specs.readAtMs, (ms) => gauge('kafka_mesos_specs_read_timestamp_seconds', {}, seconds(ms))),
    ...counts(
      severities,
      specs.problems.map((p) => p.severity),
    ).map(([severity, n]) => gauge('kafka_mesos_specs_problems', { severity }, n)),
  ];
}

function sourceSamples(cluster: string, source: SourceStatus): readonly Sample[] {
  return [
    ...oneOf(sourceStates, source.state).map(([state, value]) =>
      gauge('kafka_mesos_cluster_source', { cluster, state }, value),
    ),
    ...optional(source.aheadCommits, (n) =>
      gauge('kafka_mesos_cluster_source_ahead_commits', { cluster }, n),
    ),
  ];
}

/** Of every word, how often it is there; none that is not there is left out, so that its series goes on with 0. */
function counts<Word extends string>(
  words: readonly Word[],
  found: readonly Word[],
): readonly (readonly [Word, number])[] {
  return words.map((word) => [word, found.filter((one) => one === word).length]);
}

const oneOf = <Word extends string>(words: readonly Word[], found: Word) => counts(words, [found]);

function optional<T>(value: T | undefined, make: (value: T) => Sample): readonly Sample[] {
  return value === undefined ? [] : [make(value)];
}

const seconds = (ms: number): number => ms / 1000;
