/**
 * What the scheduler remembers: one record per object in the store, written before the call that it
 * is about is sent.
 */
import type { Desired } from './desired.ts';
import type { BrokerReport, NodeRole, SecurityProtocol } from './launch.ts';
import type { DiskSource, Reservation, TaskState, Unavailability } from './mesos.ts';
import type { OldHome } from './old-home.ts';
import type { RevisionOutcome, SpecSource, Suspension } from './source.ts';
import type { ClusterEvent } from './status.ts';

export type FrameworkRecord = {
  readonly schema: 1;
  readonly frameworkId: string;
  /** All clusters are destroyed from here on, and none is made, until Mesos has forgotten the framework. */
  readonly teardown?: { readonly atMs: number; readonly author: string };
  /** Mesos has forgotten it, and nobody had asked for that: whoever goes on registers anew, by an operator's consent. */
  readonly removed?: { readonly atMs: number; readonly message?: string };
};

/** An applied revision of a cluster's spec. */
export type SpecRecord = {
  readonly schema: 1;
  readonly revision: number;
  /** sha256 over the resolved spec, so that comments and order do not count as a change. */
  readonly digest: string;
  readonly desired: Desired;
  readonly appliedAtMs: number;
  readonly author: string;
  /** The file of the directory of specs that owns the cluster; absent: it was applied by a command. */
  readonly source?: SpecSource;
  /** The file is not followed just now. */
  readonly suspension?: Suspension;
  /** It has the spec of this earlier one. */
  readonly rollbackOf?: number;
};

/**
 * What outlives a cluster that was removed while its file was not followed: the file may still declare it, and would form
 * it anew, empty. Taken back by `resume`, or by an `apply` of a cluster of that name.
 */
export type RemovedRecord = {
  readonly schema: 1;
  readonly name: string;
  /** Who asked for it to be removed. */
  readonly author: string;
  readonly removedAtMs: number;
  readonly source: SpecSource;
  readonly suspension: Suspension;
};

/** A revision as it was applied, kept for `history` and `rollback`; the last few. */
export type RevisionRecord = SpecRecord & { readonly outcome?: RevisionOutcome };

/** Where a broker's disk is, and with it its agent and ports. Kept until the broker is relocated. */
export type Placement = {
  /** Fresh for every placement; in the labels of its reservation and the ids of its volumes. */
  readonly incarnation: string;
  readonly agentId: string;
  readonly hostname: string;
  /** Where what listens on the agent is reached: its attribute `advertised_host`, else the hostname. */
  readonly host: string;
  /** The agent's own HTTP API, for sandbox logs. */
  readonly agentUrl?: string;
  readonly rack?: string;
  /** Agent attributes at binding time, `hostname` included: what constraints of others look at. */
  readonly attributes: Readonly<Record<string, string>>;
  /** By listener name; the controller listener's name is `CONTROLLER`. */
  readonly ports: Readonly<Record<string, number>>;
  readonly volumes: readonly PlacedVolume[];
  /** Kafka's directory id of the metadata volume; set for first voters, else learnt from the executor. */
  readonly directoryId?: string;
  readonly boundAtMs: number;
};

export type PlacedVolume = {
  readonly name: string;
  readonly kind: 'persistent' | 'hostPath' | 'sandbox';
  readonly sizeMiB: number;
  /** Only of a persistent volume. */
  readonly persistenceId?: string;
  /** Relative to the sandbox; absolute for a host path. */
  readonly path: string;
  readonly source: DiskSource;
  /** How its disk is reserved below our own reservation; absent: it is not. */
  readonly base?: readonly Reservation[];
};

/**
 * Written once, before any disk of the cluster is formatted; `formedAtMs` when the quorum was first
 * seen alive. From the first write on, no empty disk can form a second cluster of this name.
 */
export type ClusterRecord = {
  readonly schema: 1;
  readonly name: string;
  readonly clusterId: string;
  readonly voters: readonly {
    readonly nodeId: number;
    readonly host: string;
    readonly port: number;
    readonly directoryId: string;
    readonly placement: Placement;
  }[];
  readonly formedAtMs?: number;
  /** Its data is being destroyed, which the spec consented to by name: from here on there is no way back. */
  readonly destroyedSinceMs?: number;
  /** `min.insync.replicas` as the cluster has it: at formation what the first voters rendered. */
  readonly minInsyncReplicas?: DynamicValue;
};

/**
 * A value of Kafka's dynamic configuration that we set. It masks server.properties until it is removed,
 * and outlives restarts. Stored before it is sent; sending it again is harmless, so `applied: false` means
 * "send it (again)". A null value is one to be removed.
 */
export type DynamicValue = { readonly value: string | null; readonly applied: boolean };

export type BrokerRecord = {
  readonly schema: 1;
  readonly clusterName: string;
  readonly id: number;
  readonly placement?: Placement;
  /** The volume may carry a format: from here on an empty one is refused. */
  readonly formatted: boolean;
  /** A task ended there without the last word of its executor, which may have formatted it all the same. */
  readonly mayBeFormatted?: true;
  /** A task has run on its volumes: where they are not, they are lost. */
  readonly volumesMade?: true;
  /** Where it was relocated from, until it is known to serve where it is now. */
  readonly oldHome?: OldHome;
  /** Launches so far; part of the next task's id. */
  readonly launches: number;
  /** Those of them that came to nothing: no sign of the task ever came but its end. */
  readonly unstarted?: number;
  /** The task that is, or may be, alive. */
  readonly task?: TaskRecord;
  /** Per-broker dynamic configuration of ours, by key. */
  readonly dynamicConfig?: Readonly<Record<string, DynamicValue>>;
  /** What an operator asked of it, beside the spec. */
  readonly intent?: BrokerIntent;
  /** Older tasks that may still be alive; killed whenever they show themselves. */
  readonly superseded: readonly { readonly taskId: string; readonly agentId: string }[];
  /** What may still be reserved for it on agents that it has left. */
  readonly leftBehind?: readonly LeftBehind[];
  readonly last?: EndedTask;
  /** Ends that nobody ordered, in a row; zero again after a healthy while. */
  readonly failures: number;
  /** No launch before this time. */
  readonly retryAtMs?: number;
  /** When an operator wanted it up again: only from then on can its agent be missed. */
  readonly wantedSinceMs?: number;
  /** Set when the broker went down: until then only the same agent will do. */
  readonly stickyUntilMs?: number;
  readonly maintenance?: MaintenanceAnswer;
  readonly growth?: GrowthRecord;
};

/** A volume that is to grow: from the disk that is asked for to the start that has it, or does not. */
export type GrowthRecord = {
  /** Of the spec that wants it: a broker is stopped for it once a revision. */
  readonly revision: number;
  /** An offer has shown the disk as reserved; until then nothing is stopped for it. */
  readonly isReserved?: true;
  /** GROW_VOLUMEs that were sent while it was down. */
  readonly attempts: number;
  /** When the last RESERVE or GROW_VOLUME was sent. */
  readonly sentAtMs?: number;
  /** It started without. */
  readonly isOver?: true;
  /** What Mesos said of it, if it did. */
  readonly refused?: string;
};

/** What Mesos was told of the planned maintenance of the broker's agent. */
export type MaintenanceAnswer = Unavailability & {
  readonly agentId: string;
  readonly accepted: boolean;
  readonly why: string;
};

/** Stored until it is done, taken back or over; what each kind means is in `plan/intents.ts`. */
export type BrokerIntent = {
  readonly author: string;
  readonly reason?: string;
  readonly atMs: number;
  readonly expiresAtMs?: number;
} & (
  | { readonly kind: 'pause' }
  | ({ readonly kind: 'stop' } & Consent)
  /** The task there was; absent: none. */
  | ({ readonly kind: 'restart'; readonly taskId?: string } & Consent)
  /** The disk to give up, and the partitions (`events-3`) whose loss is accepted by it. */
  | { readonly kind: 'replace'; readonly incarnation: string; readonly acceptLoss: readonly string[] }
);

/** That it is stopped also where Kafka cannot be asked whether it can be spared. */
type Consent = { readonly withoutKafka?: true };

/**
 * Stored before the broker gives the place up; forgotten when an offer of that agent has nothing of it any
 * more. Volumes are destroyed only as far as a record says so in this way, never because nobody knows them.
 */
export type LeftBehind = {
  readonly incarnation: string;
  readonly agentId: string;
  readonly hostname: string;
  /** Tells the agent's next id from another agent of the host. */
  readonly agentUrl?: string;
  /** From then on an offer shows what is left: when it was given up, or its last task ended. */
  readonly sinceMs: number;
  /** That task, where one ended there after the place was given up. */
  readonly endedTaskId?: string;
  /** A relocated broker's old disk is kept until the new one is in sync; what left for good goes at once. */
  readonly cause: 'relocated' | 'removed';
  /** A volume of it may carry a format. */
  readonly formatted: boolean;
};

export type TaskRecord = {
  readonly taskId: string;
  readonly agentId: string;
  readonly launchedAtMs: number;
  readonly state: TaskState;
  /** Of a start that recovered its logs: since that was done. */
  readonly stateSinceMs: number;
  /** First update seen: from then on the task has existed for sure. */
  readonly seen: boolean;
  readonly report?: BrokerReport;
  readonly unreachableSinceMs?: number;
  /** Of the spec that it was launched by. */
  readonly revision?: number;
  readonly startedWith: BrokerSettings;
  /** Set before the KILL is sent. */
  readonly kill?: { readonly cause: KillCause; readonly detail: string; readonly atMs: number };
};

export type KillCause = 'roll' | 'stop' | 'superseded' | 'removed';

export type EndedTask = {
  readonly taskId: string;
  readonly agentId: string;
  readonly state: TaskState;
  readonly endedAtMs: number;
  readonly reason?: string;
  readonly message?: string;
  readonly code?: BrokerReport['code'];
  /** We asked for it, or the operator did by draining the agent: not a failure. */
  readonly ordered: boolean;
  readonly revision?: number;
  readonly startedWith: BrokerSettings;
};

/**
 * What a running process was started with, as far as a difference is a reason to restart it. What
 * follows placement (bootstrap list, paths, ports) is not in here.
 */
export type BrokerSettings = {
  readonly kafkaVersion: string;
  readonly kafkaSha512: string;
  readonly jreSha512?: string;
  readonly roles: readonly NodeRole[];
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly heapMiB: number;
  readonly user?: string;
  readonly listeners: readonly {
    readonly name: string;
    readonly protocol: SecurityProtocol;
    readonly advertisedHost?: string;
    readonly advertisedPort?: number;
    readonly bindHost?: string;
  }[];
  readonly jvmOptions: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, string>>;
  readonly log4j: Readonly<Record<string, string>>;
};

/** The last events of a cluster, or of the framework itself. For people: nothing is decided by it. */
export type EventsRecord = {
  readonly schema: 1;
  /** Newest last. */
  readonly events: readonly ClusterEvent[];
  /** By need, what it was last told to be held for: whoever takes over tells it no second time. */
  readonly toldHeld?: Readonly<Record<string, { readonly reason: string; readonly brokerId?: number }>>;
  /** The same of files that are not followed, by cluster, the directory under the empty name; in the framework's record only. */
  readonly toldSources?: Readonly<Record<string, string>>;
};

/** All that is remembered of one cluster. */
export type ClusterMemory = {
  readonly spec: SpecRecord;
  readonly cluster?: ClusterRecord;
  readonly brokers: ReadonlyMap<number, BrokerRecord>;
};
