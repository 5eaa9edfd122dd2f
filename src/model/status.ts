import type { DeletionPolicy } from './desired.ts';

/** What people see of a cluster: computed from desired, observed and plan; served by the API. */
import type { DiskState } from './launch.ts';
import type { SourceStatus } from './source.ts';

export const conditionTypes = ['Ready', 'Reconciling', 'Stalled', 'DiskTrouble'] as const;
export type ConditionType = (typeof conditionTypes)[number];

export type Condition = {
  readonly type: ConditionType;
  readonly status: boolean;
  /** CamelCase word for programs. */
  readonly reason: string;
  readonly message: string;
};

/** `held`: a person has to act or consent. */
export type ClusterPhase = 'forming' | 'converging' | 'rolling' | 'held' | 'converged';

/** The phase as people read it. */
export function phaseWords({ phase, deletion }: Pick<ClusterStatus, 'phase' | 'deletion'>): string {
  if (deletion === undefined) {
    return phase;
  }
  return deletion === 'destroy'
    ? 'being destroyed'
    : phase === 'converged'
      ? 'removed, data kept'
      : 'being stopped, data kept';
}

export const brokerStates = [
  'waiting',
  'launching',
  'starting',
  'running',
  'unreachable',
  'stopping',
  'stopped',
  'failed',
  'unknown',
] as const;
export type BrokerState = (typeof brokerStates)[number];

export type BrokerStatus = {
  readonly id: number;
  readonly pool: string;
  readonly roles: readonly string[];
  readonly state: BrokerState;
  /** What the executor does just now: `fetching`, `formatting`, … */
  readonly phase?: string;
  readonly agentId?: string;
  readonly agent?: string;
  readonly rack?: string;
  readonly endpoint?: string;
  readonly taskId?: string;
  readonly jvmPid?: number;
  readonly startedAtMs?: number;
  /** Replicas in sync of replicas hosted; absent while Kafka cannot be asked. */
  readonly inSync?: { readonly inSync: number; readonly total: number };
  readonly restarts: number;
  readonly failures: number;
  /** Differences to the spec that need a restart, one per key. */
  readonly drift: readonly string[];
  readonly waiting?: Waiting;
  /** What an operator asked of it. */
  readonly intent?: IntentStatus;
  readonly warnings: readonly string[];
  /** Its log directories, as its executor last told of them. */
  readonly disks?: readonly DiskStatus[];
  readonly lastEnd?: {
    readonly atMs: number;
    readonly state: string;
    readonly why: string;
    /** We had it stopped, for a roll, say. */
    readonly ordered?: boolean;
  };
  readonly progress?: Progress;
  /** Planned by the operator for its agent, and what Mesos was told of it. */
  readonly maintenance?: {
    readonly startMs: number;
    readonly endMs?: number;
    readonly accepted: boolean;
    readonly why: string;
  };
};

/** Warnings that several brokers give alike, as agents of one make do: said once, with the brokers' ids. */
export function sharedWarnings(brokers: readonly BrokerStatus[]): ReadonlyMap<string, readonly number[]> {
  const ids = new Map<string, number[]>();
  for (const { id, warnings } of brokers) {
    if (warnings.length === 0) continue;
    for (const warning of new Set(warnings)) ids.set(warning, [...(ids.get(warning) ?? []), id]);
  }
  return new Map([...ids].filter(([, of]) => of.length > 1));
}

/** Brokers that are to leave and were asked to stay: all that can be asked of them is to take that back. */
export function leftAlone({ brokers, held }: ClusterStatus): readonly number[] {
  const known = new Set<number | undefined>(brokers.map((b) => b.id));
  return held.flatMap(({ reason, brokerId }) =>
    reason === 'paused-by-operator' && brokerId !== undefined && !known.has(brokerId) ? [brokerId] : [],
  );
}

export type IntentStatus = {
  readonly kind: 'stop' | 'pause' | 'restart' | 'replace';
  readonly author: string;
  readonly reason?: string;
  readonly atMs: number;
  readonly expiresAtMs?: number;
  /** Consented to also where Kafka has not answered for minutes. */
  readonly withoutKafka?: true;
};

export type DiskStatus = {
  readonly path: string;
  readonly state: DiskState;
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly error?: string;
};

export type Waiting = {
  /** One sentence: what it waits for. */
  readonly why: string;
  readonly untilMs?: number;
  /** One sentence: what would let it go on, when a person can do something. */
  readonly remedy?: string;
  readonly stalled: boolean;
};

export type Progress = {
  readonly label: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond?: number;
  readonly etaMs?: number;
};

export type TopicStatus = {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly state: 'missing' | 'ready' | 'under-replicated' | 'offline' | 'differs' | 'unknown';
  readonly waiting?: Waiting;
};

export type ClusterStatus = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly revision: number;
  readonly digest: string;
  readonly phase: ClusterPhase;
  /** The cluster is being removed, or was and keeps its data. */
  readonly deletion?: DeletionPolicy;
  readonly conditions: readonly Condition[];
  readonly kafkaVersion: string;
  readonly clusterId?: string;
  /** `host:port` of the brokers that serve. */
  readonly bootstrap: readonly string[];
  readonly brokers: readonly BrokerStatus[];
  readonly topics: readonly TopicStatus[];
  /** Steps of the pass that is being executed or was last. */
  readonly steps: readonly StepSummary[];
  readonly held: readonly HeldSummary[];
  readonly events: readonly ClusterEvent[];
  /** How it stands to the file of the directory of specs that owns it; absent: none does. */
  readonly source?: SourceStatus;
  readonly observedAtMs: number;
};

export type StepSummary = {
  readonly mark: string;
  readonly what: string;
  readonly why: readonly string[];
  readonly brokerId?: number;
};

export type HeldSummary = {
  readonly brokerId?: number;
  readonly need: string;
  /** Kind of the reason, for programs. */
  readonly reason: string;
  readonly message: string;
  readonly untilMs?: number;
  readonly remedy?: string;
  readonly stalled: boolean;
  /** Since when, as far as whoever leads has seen it. */
  readonly sinceMs?: number;
  /** For `no-matching-offer`: each offer lately seen and why it did not fit. */
  readonly details: readonly string[];
  /** The same, in parts, newest first. */
  readonly offers?: readonly SeenOffer[];
  /** Hostnames of agents that we know and that offered nothing lately; the first ones. */
  readonly silentAgents?: readonly string[];
};

/** What an agent offered, and why it did not do. */
export type SeenOffer = {
  readonly agent: string;
  readonly atMs?: number;
  /** Each with what was wanted and what there was. */
  readonly reasons: readonly string[];
};

/** Newest last; bounded. */
export type ClusterEvent = {
  readonly seq: number;
  readonly atMs: number;
  readonly brokerId?: number;
  readonly severity: 'info' | 'warning' | 'error';
  /** What happened. */
  readonly message: string;
  /** Why, where the message does not say it. */
  readonly why?: string;
  /** Who wanted it, where a person did. */
  readonly author?: string;
  /** How often the same happened since `firstAtMs`; absent: once. `atMs` and `seq` are of the last time. */
  readonly count?: number;
  readonly firstAtMs?: number;
};

/** An event in one sentence: `broker 2: stop by ann: new disk`. Without how often it was seen. */
export function eventSentence({ brokerId, message, why, author }: ClusterEvent): string {
  const subject = `broker ${brokerId}`;
  const about = brokerId === undefined || message.includes(subject) ? '' : `${subject}: `;
  return `${about}${message}${author === undefined ? '' : ` by ${author}`}${why === undefined ? '' : `: ${why}`}`;
}
