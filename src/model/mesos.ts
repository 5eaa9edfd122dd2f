/**
 * Mesos as the planner sees it: offers, tasks and calls in the project's own words. The wire forms
 * and their translation live in `mesos/`.
 */
import type { Artifact } from './launch.ts';

export type Reservation = {
  readonly kind: 'static' | 'dynamic';
  readonly role: string;
  readonly principal?: string;
  readonly labels: Readonly<Record<string, string>>;
};

export type DiskSource =
  | { readonly kind: 'root' }
  | { readonly kind: 'path' | 'mount'; readonly root: string };

/** Inclusive on both ends, as in Mesos. */
export type PortRange = { readonly begin: number; readonly end: number };

/** One resource of an offer or a task; revocable, shared and provider resources never get this far. */
export type Resource = {
  readonly name: string;
  /** For cpus, mem (MiB), disk (MiB). */
  readonly scalar?: number;
  /** For ports. */
  readonly ranges?: readonly PortRange[];
  /** Outermost first; empty when unreserved. */
  readonly reservations: readonly Reservation[];
  readonly disk?: {
    readonly source: DiskSource;
    /** Present on a persistent volume. */
    readonly volume?: {
      readonly persistenceId: string;
      readonly principal?: string;
      readonly containerPath: string;
    };
  };
};

export type Offer = {
  readonly id: string;
  readonly agentId: string;
  readonly hostname: string;
  /** Address of the agent's own HTTP API, for sandbox logs. */
  readonly agentUrl?: string;
  readonly role: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly domain?: { readonly region: string; readonly zone: string };
  readonly resources: readonly Resource[];
  /** Planned maintenance of the agent. */
  readonly unavailability?: Unavailability;
  readonly receivedAtMs: number;
};

/** Without a duration it has no end. */
export type Unavailability = { readonly startMs: number; readonly durationMs?: number };

/** Mesos asks for an agent back, for its planned maintenance. */
export type InverseOffer = {
  readonly id: string;
  readonly agentId: string;
  readonly unavailability: Unavailability;
  readonly receivedAtMs: number;
};

export type TaskState =
  | 'TASK_STAGING'
  | 'TASK_STARTING'
  | 'TASK_RUNNING'
  | 'TASK_KILLING'
  | 'TASK_FINISHED'
  | 'TASK_FAILED'
  | 'TASK_KILLED'
  | 'TASK_ERROR'
  | 'TASK_LOST'
  | 'TASK_DROPPED'
  | 'TASK_UNREACHABLE'
  | 'TASK_GONE'
  | 'TASK_GONE_BY_OPERATOR'
  | 'TASK_UNKNOWN';

/** States in which the task is over for good (Mesos: "terminal"); UNKNOWN and UNREACHABLE prove nothing. */
const terminal: ReadonlySet<TaskState> = new Set([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
]);

export function isTerminal(state: TaskState): boolean {
  return terminal.has(state);
}

export type TaskUpdate = {
  readonly taskId: string;
  readonly state: TaskState;
  readonly agentId?: string;
  readonly source?: 'master' | 'agent' | 'executor';
  /** Without the `REASON_` prefix: `AGENT_REMOVED`, `RECONCILIATION`, … */
  readonly reason?: string;
  readonly message?: string;
  /** `TaskStatus.data` as text. */
  readonly data?: string;
  /** Base64. Present exactly when the update must be acknowledged. */
  readonly uuid?: string;
  readonly timestampMs?: number;
  readonly healthy?: boolean;
  readonly unreachableSinceMs?: number;
  /** How the task's executor ended, as wait(2) has it: told by a FAILURE event just before, which may be lost. */
  readonly executorWaitStatus?: number;
};

/** What became of an operation that was sent with an id. */
export type OperationUpdate = {
  readonly operationId: string;
  /**
   * Neither `refused` nor `dropped` was applied, nor will be: one as it may not be done, the other as it was lost on
   * its way. `pending` and `unknown` prove nothing.
   */
  readonly state: 'finished' | 'refused' | 'dropped' | 'pending' | 'unknown';
  readonly message?: string;
  readonly agentId?: string;
  /** Base64. Present exactly when the update must be acknowledged. */
  readonly uuid?: string;
};

/** In the order in which the master sent them, with the state of the connection folded in. */
export type MesosEvent =
  | { readonly kind: 'subscribed'; readonly frameworkId: string }
  /** Offers and stream id are void from here on. */
  | { readonly kind: 'disconnected' }
  | { readonly kind: 'offers'; readonly offers: readonly Offer[] }
  | { readonly kind: 'rescind'; readonly offerId: string }
  | { readonly kind: 'inverse-offers'; readonly inverseOffers: readonly InverseOffer[] }
  | { readonly kind: 'rescind-inverse-offer'; readonly inverseOfferId: string }
  | { readonly kind: 'update'; readonly update: TaskUpdate }
  | { readonly kind: 'operation'; readonly update: OperationUpdate }
  | {
      readonly kind: 'failure';
      readonly agentId?: string;
      readonly executorId?: string;
      readonly status?: number;
    }
  /** Another scheduler took over: step down, never resubscribe by itself. */
  | { readonly kind: 'failed-over' }
  /** The id was torn down or timed out: an exit code of its own, no silent registration anew. */
  | { readonly kind: 'framework-removed'; readonly message: string }
  | { readonly kind: 'error'; readonly message: string };

export type TaskUri = Artifact & {
  readonly executable: boolean;
  readonly extract: boolean;
  readonly outputFile?: string;
};

export type TaskSpec = {
  readonly name: string;
  readonly taskId: string;
  readonly agentId: string;
  readonly resources: readonly Resource[];
  readonly executor: {
    readonly executorId: string;
    readonly resources: readonly Resource[];
    /** Run by a shell in the sandbox. */
    readonly command: string;
    readonly uris: readonly TaskUri[];
    readonly user?: string;
    readonly environment: Readonly<Record<string, string>>;
    readonly shutdownGraceMs: number;
  };
  /** JSON of a `BrokerLaunch`. */
  readonly data: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly killGraceMs: number;
  readonly discovery?: {
    readonly name: string;
    readonly ports: readonly { readonly name: string; readonly number: number }[];
  };
};

export type OfferOperation =
  /** With an id its end is reported; without one, in this and the others, only offers tell. */
  | { readonly kind: 'reserve'; readonly resources: readonly Resource[]; readonly id?: string }
  | { readonly kind: 'unreserve'; readonly resources: readonly Resource[]; readonly id?: string }
  | { readonly kind: 'create'; readonly volumes: readonly Resource[]; readonly id?: string }
  | { readonly kind: 'destroy'; readonly volumes: readonly Resource[]; readonly id?: string }
  | {
      readonly kind: 'grow';
      readonly volume: Resource;
      /** Reserved as the volume is, and of the same disk. */
      readonly addition: Resource;
      readonly id?: string;
    }
  | { readonly kind: 'launch'; readonly task: TaskSpec };

export type MesosCall =
  | {
      readonly kind: 'accept';
      readonly offerIds: readonly string[];
      readonly operations: readonly OfferOperation[];
      readonly refuseSeconds: number;
    }
  | {
      readonly kind: 'decline';
      readonly offerIds: readonly string[];
      readonly refuseSeconds: number;
      /** Needs that the offers were held against, as of `ObservedMesos.refusedFor`; Mesos is not told. */
      readonly refusedFor: readonly string[];
    }
  | {
      readonly kind: 'answer-inverse-offer';
      readonly inverseOfferId: string;
      readonly accept: boolean;
      /** An answer ends nothing: Mesos asks again after this time, and may be told otherwise. */
      readonly refuseSeconds: number;
    }
  | { readonly kind: 'revive' }
  | { readonly kind: 'suppress' }
  | { readonly kind: 'kill'; readonly taskId: string; readonly agentId: string; readonly graceMs?: number }
  | { readonly kind: 'acknowledge'; readonly taskId: string; readonly agentId: string; readonly uuid: string }
  | {
      readonly kind: 'acknowledge-operation';
      readonly operationId: string;
      readonly agentId: string;
      readonly uuid: string;
    }
  /** Asks for all operations with ids that the master knows. */
  | { readonly kind: 'reconcile-operations' }
  /** Empty `tasks` asks for all tasks that the master knows (implicit). */
  | {
      readonly kind: 'reconcile-tasks';
      readonly tasks: readonly { readonly taskId: string; readonly agentId?: string }[];
    }
  | { readonly kind: 'teardown' };

/** Who we are to Mesos. */
export type FrameworkSettings = {
  readonly name: string;
  readonly user: string;
  readonly role: string;
  readonly principal?: string;
  readonly failoverTimeoutMs: number;
  readonly webuiUrl?: string;
};

/**
 * The scheduler's side of Mesos. `send` resolves when the master took the call (202), which says
 * nothing about its effect; rejects with `UnavailableError` (`outcome` tells whether the call may
 * have arrived) or `ConflictError` (this scheduler is not the framework's current one).
 */
export type MesosPort = {
  send(call: MesosCall): Promise<void>;
};
