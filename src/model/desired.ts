import type { Artifact, NodeRole, SecurityProtocol } from './launch.ts';

/**
 * The desired state of one cluster, resolved: defaults, pools and overrides are merged, units are
 * numbers, every broker stands by itself. Made by `spec/`, read by `plan/`.
 */
export type Desired = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly kafka: {
    readonly version: string;
    /** Absent: the scheduler's own distribution of that version (`kafka-mesos dist`). */
    readonly distribution?: Artifact;
  };
  /** By ascending id; ids are unique over all pools. */
  readonly brokers: readonly DesiredBroker[];
  /** By name. */
  readonly topics: readonly DesiredTopic[];
  /** The cluster is to go; its name was given as the consent to it. */
  readonly deletion?: DeletionPolicy;
  readonly rollout: RolloutPolicy;
  readonly reassignment: ReassignmentPolicy;
};

/** `keepData`: stopped, and nothing given back. `destroy`: nothing of it stays. */
export type DeletionPolicy = 'keepData' | 'destroy';

export type DesiredBroker = {
  readonly id: number;
  readonly pool: string;
  readonly roles: readonly NodeRole[];
  /** `stopped` keeps disk, agent and port, and runs nothing. */
  readonly state: 'running' | 'stopped';
  readonly cpus: number;
  /** Everything the broker may use; the heap and what the JVM needs beside it. */
  readonly memoryMiB: number;
  readonly heapMiB: number;
  readonly storage: Storage;
  /** Unix user of the task; absent: the framework's. */
  readonly user?: string;
  /** Client listeners, first one first; empty only on controller-only nodes. */
  readonly listeners: readonly DesiredListener[];
  /** Present exactly on nodes with the controller role. */
  readonly controllerListener?: DesiredListener;
  /** All must hold. */
  readonly constraints: readonly Constraint[];
  readonly rack?: RackSource;
  readonly stickinessPeriodMs: number;
  readonly failover: Failover;
  readonly jvmOptions: readonly string[];
  readonly jre?: Artifact;
  readonly environment: Readonly<Record<string, string>>;
  /** Cluster-wide settings under pool settings under per-broker settings; `$id` is substituted. */
  readonly config: Readonly<Record<string, string>>;
  /**
   * What follows from the size of the cluster, such as the replication factors of internal topics; `config`
   * goes before it. Taken up at the next start and never a reason for one.
   */
  readonly derivedConfig: Readonly<Record<string, string>>;
  /** Logger name to level. */
  readonly log4j: Readonly<Record<string, string>>;
  readonly stopGraceMs: number;
};

export type Storage = {
  /** Dynamic reservation and persistent volume, a path on the host, or the sandbox (lost with the task). */
  readonly kind: 'persistent' | 'hostPath' | 'sandbox';
  /** At least one; the first holds the metadata log. */
  readonly volumes: readonly DesiredVolume[];
};

export type DesiredVolume = {
  readonly name: string;
  readonly sizeMiB: number;
  /** Kind of Mesos disk; `root` unless said. */
  readonly disk: 'root' | 'path' | 'mount';
  /** Only for `hostPath`: absolute. */
  readonly hostPath?: string;
};

export type PortChoice =
  | { readonly kind: 'fixed'; readonly port: number }
  | { readonly kind: 'range'; readonly begin: number; readonly end: number }
  | { readonly kind: 'any' };

export type DesiredListener = {
  readonly name: string;
  readonly protocol: SecurityProtocol;
  readonly port: PortChoice;
  /** Absent: the hostname of the offer. */
  readonly advertisedHost?: string;
  /** Absent: the port bound. */
  readonly advertisedPort?: number;
  /** Absent: the address the agent is known by. */
  readonly bindHost?: string;
};

/**
 * A rule over `hostname` or an agent attribute. `like`/`unlike` are whole-string regular
 * expressions; `cluster` wants the value given or else the one already in use; `groupBy` spreads
 * evenly over at least `minimum` distinct values.
 */
export type Constraint =
  | { readonly kind: 'like'; readonly attribute: string; readonly pattern: string }
  | { readonly kind: 'unlike'; readonly attribute: string; readonly pattern: string }
  | { readonly kind: 'unique'; readonly attribute: string }
  | { readonly kind: 'cluster'; readonly attribute: string; readonly value?: string }
  | { readonly kind: 'groupBy'; readonly attribute: string; readonly minimum?: number };

export type RackSource =
  | { readonly kind: 'attribute'; readonly name: string }
  | { readonly kind: 'faultDomain'; readonly level: 'region' | 'zone' };

export type Failover = {
  /** Wait before the first retry; doubled with each further failure. */
  readonly delayMs: number;
  readonly maxDelayMs: number;
  /** Absent: for ever. */
  readonly maxTries?: number;
};

export type DesiredTopic = {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
};

export type RolloutPolicy = {
  /** Consent, given once, to stop the last live replica of a partition with replication factor 1. */
  readonly allowSingleReplicaOutage: boolean;
  /** Pause the roll: nothing is restarted for a changed setting until this is false again. */
  readonly paused: boolean;
};

export type ReassignmentPolicy = {
  /** Per broker and direction; absent: 50 MB/s. */
  readonly throttleBytesPerSecond: number;
};

/** Cpus and memory that each executor takes beside its broker; named in the plan. */
export const executorResources = { cpus: 0.1, memoryMiB: 128 } as const;

/** What a JVM wants beside its heap: metaspace, threads, direct buffers (a lower bound, checked in the spec). */
export const jvmOverheadMiB = 128;
