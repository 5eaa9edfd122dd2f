/**
 * What a pass looks at, beside desired state and memory: each source is known or unknown, and
 * nothing destructive is decided on an unknown one.
 */
import type { KafkaObserved } from './kafka.ts';
import type { Artifact, NodeRuntime } from './launch.ts';
import type { FrameworkSettings, InverseOffer, Offer } from './mesos.ts';
import type { ClusterMemory } from './records.ts';
import type { TokenBucket } from './token-bucket.ts';

export type Source<T> =
  | { readonly known: true; readonly value: T }
  /** `sinceMs`: nothing has been heard of it since then. */
  | { readonly known: false; readonly why: string; readonly sinceMs?: number };

export type ObservedMesos = {
  readonly connected: boolean;
  readonly subscribedAtMs?: number;
  /** Offers in hand, by arrival. */
  readonly offers: readonly Offer[];
  /** Whether the last of SUBSCRIBE (which suppresses), SUPPRESS and REVIVE was not REVIVE. */
  readonly suppressed: boolean;
  readonly suppressedAtMs?: number;
  /**
   * What all offers refused since the last REVIVE were held against: Mesos keeps refused resources back for
   * a while, so only these needs have seen everything. Absent: nothing is refused.
   */
  readonly refusedFor?: ReadonlySet<string>;
  /** How many REVIVEs may be sent at once, as of a time. */
  readonly revives: TokenBucket;
  /** The last that Mesos asked of each agent that is to be maintained, by agent id. */
  readonly inverseOffers: ReadonlyMap<
    string,
    InverseOffer & { readonly state: 'open' | 'answered' | 'rescinded' }
  >;
  /** Tasks of which this subscription brought an update. */
  readonly answeredTasks: ReadonlySet<string>;
  readonly explicitReconcile: { readonly lastAtMs?: number; readonly attempts: number };
  readonly lastImplicitReconcileAtMs?: number;
  /** KILLs sent by this process, by task id. */
  readonly kills: ReadonlyMap<string, { readonly lastAtMs: number; readonly attempts: number }>;
  /** Releases sent by this process, by incarnation. */
  readonly releases: ReadonlyMap<string, SentRelease>;
  /** The last RESERVE, CREATE or GROW_VOLUME with an id sent by this process, by incarnation; `refused` by feedback. */
  readonly conversions: ReadonlyMap<
    string,
    { readonly agentId: string; readonly sentAtMs: number; readonly refused?: string }
  >;
  /** Agents that give no feedback: an operation with an id is refused there. */
  readonly noFeedback: ReadonlySet<string>;
  /** RECONCILE_OPERATIONS was sent in this subscription. */
  readonly operationsAsked: boolean;
  /** How executors ended lately, as wait(2) has it, and when that was heard; an update of their task follows, perhaps more than once. */
  readonly executorExits: ReadonlyMap<string, { readonly status: number; readonly atMs: number }>;
  /**
   * By agent: when an offer of it was last accepted, declined or rescinded. What was in it is in no other offer that was
   * made until that has arrived.
   */
  readonly answeredOffers: ReadonlyMap<string, number>;
  /**
   * Live tasks of our framework that no record wants: superseded or unheard of. `isAway`: its agent has been out of
   * reach since, so that nothing can be told it, and it may be there.
   */
  readonly strangers: readonly {
    readonly taskId: string;
    readonly agentId: string;
    readonly isAway?: true;
  }[];
};

export type SentRelease = {
  readonly agentId: string;
  readonly lastAtMs: number;
  readonly attempts: number;
  /** When those were sent, by the operation ids, of which the end is not known; the scheduler before may have sent them. */
  readonly pending: readonly number[];
  /** By the last word of operation feedback, once nothing is pending. */
  readonly outcome?: { readonly kind: 'finished' } | { readonly kind: 'refused'; readonly message: string };
};

/** Where agents get what they run. */
export type ArtifactCatalog = {
  readonly executor: Artifact;
  /** Node runtimes by the platform of agents, as `linux-x64`. */
  readonly node: {
    readonly byPlatform: Readonly<Record<string, NodeRuntime>>;
    /** Of agents that say nothing of theirs. */
    readonly defaultPlatform: string;
  };
  /** By Kafka version. */
  readonly kafka: Readonly<Record<string, Artifact>>;
  /** Why a version is not in `kafka`: it is being fetched, or could not be. */
  readonly kafkaMissing: Readonly<Record<string, { readonly why: string; readonly failed: boolean }>>;
};

/** When a pass is. The two are apart, by hours perhaps, after the clock of the machine was set. */
export type Moment = {
  /** By the clock that never jumps: what is waited for, and all that we write down of when something was. */
  readonly nowMs: number;
  /** By the clock on the wall: what Mesos means by the time of a maintenance. */
  readonly wallMs: number;
};

export type PlanInput = Moment & {
  readonly framework: FrameworkSettings;
  readonly clusters: readonly ClusterMemory[];
  readonly mesos: ObservedMesos;
  /** By cluster name; a cluster that is not here was never asked. */
  readonly kafka: ReadonlyMap<string, Source<KafkaObserved>>;
  /** Changes that Kafka refused lately: by cluster name, then by what the step was to do. */
  readonly kafkaRefusals: ReadonlyMap<
    string,
    ReadonlyMap<string, { readonly why: string; readonly untilMs: number }>
  >;
  /** The whole framework goes: every cluster is destroyed. */
  readonly isTornDown: boolean;
  readonly artifacts: ArtifactCatalog;
  /** A fresh UUID at each call; seeded per pass, so that the same pass gives the same plan. */
  readonly newUuid: () => string;
};
