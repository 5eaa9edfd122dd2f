/**
 * Every metric of ours: name, type, labels and what to do with it. `docs/metrics.md` is made from it, and nothing is
 * exported that is not in here. Names and units are Prometheus' manner; times are seconds since the epoch, so that an
 * age is `time() - …` wherever it is looked at.
 */
import { brokerStates, conditionTypes } from '../model/status.ts';
import {
  codes,
  declineReasons,
  directoryStates,
  diskStates,
  heldReasons,
  killCauses,
  passResults,
  phases,
  results,
  severities,
  sourceStates,
  startKinds,
  storeOperations,
  topicStates,
  truths,
} from './words.ts';

export type MetricSpec = {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Each with the words that it can have; without any: names of clusters, or what is explained in `help`. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  readonly help: string;
  /** Of a histogram: upper bounds. */
  readonly buckets?: readonly number[];
  /**
   * `leader`: only of who leads. What a standby reads from the store is less than what the leader knows, and counted
   * beside it would be counted twice.
   */
  readonly of: 'every scheduler' | 'leader';
};

/** From half a millisecond, as a calm pass takes, to the time after which something is wrong. */
const fastBuckets = [0.0005, 0.002, 0.01, 0.05, 0.25, 1, 5, 30] as const;
const requestBuckets = [0.005, 0.025, 0.1, 0.5, 2.5, 10] as const;

export const catalog = {
  // Who decides
  kafka_mesos_leading: {
    type: 'gauge',
    labels: {},
    of: 'every scheduler',
    help: '1 while this scheduler leads, 0 while it stands by. Summed over all schedulers it has to be 1.',
  },
  kafka_mesos_leading_since_timestamp_seconds: {
    type: 'gauge',
    labels: {},
    of: 'leader',
    help: 'When this scheduler took over. A change that nobody ordered: see the log of the one before.',
  },
  kafka_mesos_standbys: {
    type: 'gauge',
    labels: {},
    of: 'every scheduler',
    help: 'Schedulers that would take over. 0 where there should be one: nobody takes over when the leader dies. Absent when the store did not say.',
  },
  kafka_mesos_build_info: {
    type: 'gauge',
    labels: { version: [], node: [] },
    of: 'every scheduler',
    help: 'Always 1; the labels say what runs. Two versions at once are an update that is not finished.',
  },

  // The loop
  kafka_mesos_pass_duration_seconds: {
    type: 'histogram',
    labels: {},
    buckets: fastBuckets,
    of: 'leader',
    help: 'How long a pass of the loop took, with all that it wrote and sent. Long passes: look at the store and at the calls to Mesos first.',
  },
  kafka_mesos_passes_total: {
    type: 'counter',
    labels: { result: passResults },
    of: 'leader',
    help: 'Passes by how they ended: complete; interrupted, as a step failed; no-store, as nothing could be decided without it.',
  },
  kafka_mesos_restless_passes_total: {
    type: 'counter',
    labels: {},
    of: 'leader',
    help: 'Passes after which the loop passed again although nothing had come. Many in a row are a plan that does not settle: a bug worth a report.',
  },
  kafka_mesos_last_successful_pass_timestamp_seconds: {
    type: 'gauge',
    labels: {},
    of: 'leader',
    help: 'When a pass was last carried out whole; at least one a minute is begun. Old: the loop hangs or cannot write, see kafka-mesos status and the log.',
  },
  kafka_mesos_steps_total: {
    type: 'counter',
    labels: { kind: [] },
    of: 'leader',
    help: 'Steps that were begun, by what they do; calls to Mesos by the call.',
  },
  kafka_mesos_starts_total: {
    type: 'counter',
    labels: { cluster: [], kind: startKinds },
    of: 'leader',
    help: 'Launches of brokers: the first one, a restart on the same disk, or a relocation to a new one, which copies all of its replicas.',
  },
  kafka_mesos_kills_total: {
    type: 'counter',
    labels: { cause: killCauses },
    of: 'leader',
    help: 'Tasks that were told to end, and what for.',
  },
  kafka_mesos_task_failures_total: {
    type: 'counter',
    labels: { cluster: [], state: [], reason: [] },
    of: 'leader',
    help: 'Ends of brokers that nobody ordered, by the state and reason that Mesos gave. See kafka-mesos describe broker, and logs.',
  },
  kafka_mesos_held: {
    type: 'gauge',
    labels: { cluster: [], reason: heldReasons, stalled: truths },
    of: 'leader',
    help: 'Needs that are not met just now, by reason. stalled="true": a person has to act; kafka-mesos describe cluster says how.',
  },
  kafka_mesos_orphans: {
    type: 'gauge',
    labels: {},
    of: 'leader',
    help: 'Reservations and volumes of ours that no record knows. Look at kafka-mesos status before anything is given back.',
  },

  // Mesos
  kafka_mesos_master_connected: {
    type: 'gauge',
    labels: {},
    of: 'leader',
    help: '1 while subscribed at the leading Mesos master. Without it brokers go on, and nothing is started, stopped or noticed.',
  },
  kafka_mesos_master_subscriptions_total: {
    type: 'counter',
    labels: {},
    of: 'leader',
    help: 'Subscriptions that the master took. Many: the master changes, or the connection does not hold.',
  },
  kafka_mesos_master_calls_total: {
    type: 'counter',
    labels: { call: [], result: results },
    of: 'leader',
    help: 'Calls to the master by kind and by what became of them: ok means taken, not done; the others are classes of our errors.',
  },
  kafka_mesos_master_call_duration_seconds: {
    type: 'histogram',
    labels: {},
    buckets: requestBuckets,
    of: 'leader',
    help: 'How long calls waited for their turn and the answer of the master.',
  },
  kafka_mesos_offers_received_total: {
    type: 'counter',
    labels: {},
    of: 'leader',
    help: 'Offers that came. None while something waits for resources: the role or its quota has none to give.',
  },
  kafka_mesos_offers_rescinded_total: {
    type: 'counter',
    labels: {},
    of: 'leader',
    help: 'Offers that the master took back before they were answered.',
  },
  kafka_mesos_offers_accepted_total: {
    type: 'counter',
    labels: {},
    of: 'leader',
    help: 'Offers that were used.',
  },
  kafka_mesos_offers_declined_total: {
    type: 'counter',
    labels: { reason: declineReasons },
    of: 'leader',
    help: 'Offers that were turned down, by why. fits-no-broker while one waits: kafka-mesos describe broker says what each offer lacks.',
  },
  kafka_mesos_offers_in_hand: {
    type: 'gauge',
    labels: {},
    of: 'leader',
    help: 'Offers kept for a cluster that waits for more of them.',
  },

  // Clusters
  kafka_mesos_cluster_phase: {
    type: 'gauge',
    labels: { cluster: [], phase: phases },
    of: 'leader',
    help: '1 for the phase that the cluster is in, 0 for the others.',
  },
  kafka_mesos_cluster_condition: {
    type: 'gauge',
    labels: { cluster: [], condition: conditionTypes },
    of: 'leader',
    help: '1 while it holds. Ready: all that should serve does. Reconciling: under way by itself. Stalled: waits for a person. DiskTrouble: a disk is full, failing or nearly full.',
  },
  kafka_mesos_brokers: {
    type: 'gauge',
    labels: { cluster: [], state: brokerStates },
    of: 'leader',
    help: 'Brokers by what they do. All of them running, or stopped where the spec says so, is how it should be.',
  },
  kafka_mesos_topics: {
    type: 'gauge',
    labels: { cluster: [], state: topicStates },
    of: 'leader',
    help: 'Topics of the spec by how they are; other topics are not counted.',
  },
  kafka_mesos_cluster_revision: {
    type: 'gauge',
    labels: { cluster: [] },
    of: 'leader',
    help: 'Number of the revision that is applied.',
  },
  kafka_mesos_cluster_revision_applied_timestamp_seconds: {
    type: 'gauge',
    labels: { cluster: [] },
    of: 'leader',
    help: 'When that revision was applied: its age is time() minus this. Old and not converged: see kafka-mesos describe cluster.',
  },

  // What Kafka says
  kafka_mesos_kafka_known: {
    type: 'gauge',
    labels: { cluster: [] },
    of: 'leader',
    help: '1 while there is a reading of Kafka that is fresh enough; for a moment 0 after each change. Without one nothing is rolled or relocated.',
  },
  kafka_mesos_kafka_reading_timestamp_seconds: {
    type: 'gauge',
    labels: { cluster: [] },
    of: 'leader',
    help: 'When the last reading of Kafka began. Absent with the four that follow while there is none.',
  },
  kafka_mesos_kafka_reading_duration_seconds: {
    type: 'gauge',
    labels: { cluster: [] },
    of: 'leader',
    help: 'How long that reading took. Above three seconds the cluster is never rolled.',
  },
  kafka_mesos_partitions: {
    type: 'gauge',
    labels: { cluster: [] },
    of: 'leader',
    help: 'Partitions of all topics, internal ones too.',
  },
  kafka_mesos_partitions_under_replicated: {
    type: 'gauge',
    labels: { cluster: [] },
    of: 'leader',
    help: 'Partitions that have fewer replicas in sync than they should. During a roll some; for long: a broker is down or too slow.',
  },
  kafka_mesos_partitions_under_min_isr: {
    type: 'gauge',
    labels: { cluster: [] },
    of: 'leader',
    help: 'Partitions with fewer replicas in sync than min.insync.replicas: producers that want acks=all are refused.',
  },
  kafka_mesos_partitions_offline: {
    type: 'gauge',
    labels: { cluster: [] },
    of: 'leader',
    help: 'Partitions without a leader: nobody can read or write them.',
  },

  // Disks
  kafka_mesos_disks: {
    type: 'gauge',
    labels: { cluster: [], state: diskStates },
    of: 'leader',
    help: 'Log directories of brokers by state, as their executors last told.',
  },
  kafka_mesos_disk_min_free_bytes: {
    type: 'gauge',
    labels: { cluster: [] },
    of: 'leader',
    help: 'Free bytes of the fullest log directory of the cluster. kafka-mesos describe broker names the disk.',
  },
  kafka_mesos_disk_min_free_ratio: {
    type: 'gauge',
    labels: { cluster: [] },
    of: 'leader',
    help: 'Free share, from 0 to 1, of the fullest log directory of the cluster.',
  },

  // Directory of specs
  kafka_mesos_specs_state: {
    type: 'gauge',
    labels: { state: directoryStates },
    of: 'leader',
    help: '1 for the state of the directory of specs. broken, emptied and unreadable: the last good revisions hold until it is mended. Absent: none is watched.',
  },
  kafka_mesos_specs_read_timestamp_seconds: {
    type: 'gauge',
    labels: {},
    of: 'leader',
    help: 'When the directory of specs was last read.',
  },
  kafka_mesos_specs_problems: {
    type: 'gauge',
    labels: { severity: severities },
    of: 'leader',
    help: 'Mistakes in the directory of specs, up to a hundred. kafka-mesos validate names the lines.',
  },
  kafka_mesos_cluster_source: {
    type: 'gauge',
    labels: { cluster: [], state: sourceStates },
    of: 'leader',
    help: '1 for how the cluster stands to the file that owns it. Absent: no file does.',
  },
  kafka_mesos_cluster_source_ahead_commits: {
    type: 'gauge',
    labels: { cluster: [] },
    of: 'leader',
    help: 'Commits of that file that are not applied, where that is known.',
  },

  // What we serve and store
  kafka_mesos_store_operations_total: {
    type: 'counter',
    labels: { operation: storeOperations, result: results },
    of: 'every scheduler',
    help: 'Operations of the store: ok, or a class of our errors. conflict: somebody else wrote, which ends this scheduler when it was fenced off.',
  },
  kafka_mesos_store_operation_duration_seconds: {
    type: 'histogram',
    labels: { operation: storeOperations },
    buckets: fastBuckets,
    of: 'every scheduler',
    help: 'How long operations of the store took; each start of a broker waits for two of them.',
  },
  kafka_mesos_api_requests_total: {
    type: 'counter',
    labels: { route: [], method: [], code: codes },
    of: 'every scheduler',
    help: 'Requests to the API by the pattern of the route and the class of the answer.',
  },
  kafka_mesos_api_request_duration_seconds: {
    type: 'histogram',
    labels: { route: [] },
    buckets: requestBuckets,
    of: 'every scheduler',
    help: 'How long requests to the API took, by the pattern of the route.',
  },
  kafka_mesos_artifact_requests_total: {
    type: 'counter',
    labels: { code: codes },
    of: 'every scheduler',
    help: 'Requests of agents for executor, Node and Kafka, by the class of the answer. With a mirror there are none.',
  },
  kafka_mesos_artifact_bytes_total: {
    type: 'counter',
    labels: {},
    of: 'every scheduler',
    help: 'Bytes that agents were sent of them, with headers.',
  },
  kafka_mesos_scrape_duration_seconds: {
    type: 'gauge',
    labels: {},
    of: 'every scheduler',
    help: 'How long the last scrape before this one took to be answered.',
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;

export type MetricName = keyof typeof catalog;
type NamesOf<Type extends MetricSpec['type']> = {
  [Name in MetricName]: (typeof catalog)[Name]['type'] extends Type ? Name : never;
}[MetricName];
export type CounterName = NamesOf<'counter'>;
export type GaugeName = NamesOf<'gauge'>;
export type HistogramName = NamesOf<'histogram'>;

export type LabelsOf<Name extends MetricName> = {
  readonly [Label in keyof (typeof catalog)[Name]['labels']]: string;
};

/** A value of a gauge, made by `gauge` so that name and labels fit. */
export type Sample = {
  readonly name: GaugeName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

export function gauge<Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, value: number): Sample {
  return { name, labels, value };
}
