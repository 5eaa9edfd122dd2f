/**
 * Requests and answers of the scheduler's API, shared by server and client.
 *
 * | Route | Body | Answer |
 * |---|---|---|
 * | `GET /v1/health` (no token) | | `HealthAnswer` |
 * | `GET /v1/ready` (no token) | | `ReadyAnswer` |
 * | `GET /v1/schema` | | the JSON Schema of a spec file |
 * | `POST /v1/validate` | `SpecRequest` | `ValidateAnswer` |
 * | `GET /v1/scheduler` | | `SchedulerStatus` |
 * | `GET /v1/clusters` | | `ClusterStatus[]` |
 * | `GET /v1/clusters/:name` | | `ClusterStatus` |
 * | `POST /v1/plan` | `SpecRequest` | `PlanAnswer` |
 * | `POST /v1/apply` | `ApplyRequest` | `ApplyAnswer` |
 * | `POST /v1/teardown` | `TeardownRequest` | `TeardownAnswer`; ask again until it is done |
 * | `GET /v1/clusters/:name/spec` | | `SpecRecord` |
 * | `GET /v1/clusters/:name/revisions` | | `RevisionSummary[]`, newest first |
 * | `POST /v1/clusters/:name/suspend`, `…/resume` | `FollowBody` | `FollowAnswer` |
 * | `POST /v1/clusters/:name/rollback` | `RollbackBody` | `FollowAnswer` |
 * | `POST /v1/reconcile` | `ReconcileBody` | `ReconcileAnswer` |
 * | `GET /v1/events?cluster=…&after=…&limit=…` | | `EventPage` |
 * | `POST /v1/clusters/:name/brokers/:id/intent` | `IntentBody` | `IntentAnswer` |
 * | `DELETE /v1/clusters/:name/brokers/:id/intent?author=` | | `IntentAnswer` |
 * | `GET /v1/clusters/:name/brokers/:id/logs?file=kafka-server.log&bytes=65536` | | `LogAnswer` |
 *
 * All routes, with what they want and answer, are in `src/api/routes.ts` (docs/rest.md for people). Errors are
 * `ErrorAnswer` with a stable code (`src/api/error-codes.ts`).
 */
import type { Leader } from './leadership.ts';
import type { SpecRecord } from './records.ts';
import type { DirectoryStatus, RevisionSummary, SourceStatus } from './source.ts';
import type { ClusterEvent, ClusterStatus, HeldSummary, IntentStatus, StepSummary } from './status.ts';
import type { TeardownAnswer, TeardownRequest } from './teardown.ts';

export type HealthAnswer = { readonly ok: true; readonly version: string };

/** It can do its work: it leads and is subscribed, or stands by for one that leads. */
export type ReadyAnswer = { readonly ready: true; readonly leadership: 'leading' | 'standby' };

/** Where the leader stands with Mesos; of a disconnection the latest reason. */
export type MesosConnection =
  | { readonly state: 'subscribed'; readonly sinceMs: number; readonly master: string }
  | { readonly state: 'not-subscribed'; readonly sinceMs: number; readonly why?: string };

export type SchedulerStatus = {
  readonly version: string;
  readonly frameworkId?: string;
  readonly frameworkName: string;
  readonly role: string;
  /** As it was configured. */
  readonly master: string;
  readonly connected: boolean;
  /** Absent of a standby, which does not connect. */
  readonly mesos?: MesosConnection;
  readonly startedAtMs: number;
  readonly pass: number;
  readonly lastPassAtMs?: number;
  /** A standby answers from the store and takes no writes; it names the leader where there is one. */
  readonly leadership: {
    readonly state: 'leading' | 'standby';
    readonly leader?: Leader;
    /** Of who leads, when it is asked itself. */
    readonly sinceMs?: number;
    /** Schedulers that would take over; absent: not known just now. */
    readonly standbys?: number;
  };
  /** Reservations and volumes of ours that no record knows: held for a person to look at. */
  readonly orphans: readonly HeldSummary[];
  /** Absent: no directory of specs is watched. */
  readonly specs?: DirectoryStatus;
};

/** Spec files as the client read them; places in problems refer to `path`. */
export type SpecRequest = { readonly files: readonly { readonly path: string; readonly text: string }[] };

export type ApplyRequest = SpecRequest & {
  readonly author: string;
  /** By cluster name: refuse with 409 when the stored revision is another one (0: must not exist yet). */
  readonly expectedRevisions?: Readonly<Record<string, number>>;
  /** Of the plan that was looked at, by cluster: refuse with 409 `KM_CONFLICT_PLAN` when it would be another one now. */
  readonly expectedIndexes?: Readonly<Record<string, string>>;
  /** Also of clusters that a file of the directory owns: it is not followed any more until `resume`. */
  readonly takeOver?: boolean;
};

export type SpecProblem = {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
  /** What stands there. */
  readonly found?: string;
  /** What may stand there. */
  readonly allowed?: string;
  readonly remedy?: string;
};

/** What applying would say of the files, without asking anybody. */
export type ValidateAnswer = {
  readonly valid: boolean;
  /** Names of those that could be read. */
  readonly clusters: readonly string[];
  readonly problems: readonly SpecProblem[];
};

export type ApplyAnswer = {
  readonly clusters: readonly {
    readonly name: string;
    readonly revision: number;
    readonly changed: boolean;
    /** Its spec removes it. Revision 0: there was no such cluster, and nothing was stored. */
    readonly isRemoved?: true;
  }[];
  readonly warnings: readonly SpecProblem[];
};

export type ClusterPlan = {
  readonly name: string;
  /** 0 while the cluster is new. */
  readonly revision: number;
  /** Digest of what the plan was made from: another one means that the cluster has moved on. */
  readonly index?: string;
  /** The file of the directory of specs that owns it; absent: none does. */
  readonly source?: SourceStatus;
  readonly steps: readonly StepSummary[];
  readonly held: readonly HeldSummary[];
  /** What each executor takes beside its broker. */
  readonly executors: { readonly cpus: number; readonly memoryMiB: number; readonly count: number };
};

export type PlanAnswer = {
  readonly clusters: readonly ClusterPlan[];
  readonly warnings: readonly SpecProblem[];
};

/** What an operator asks of one broker; `plan/intents.ts` says what each kind means. */
export type IntentBody = {
  readonly kind: IntentStatus['kind'];
  readonly author: string;
  readonly reason?: string;
  readonly expiresInMs?: number;
  /** For `replace`: partitions (`events-3`) that may be lost by it. */
  readonly acceptLoss?: readonly string[];
  /** For `restart` and `stop`: also where Kafka has not answered for minutes. */
  readonly withoutKafka?: boolean;
};

export type IntentRequest = {
  readonly clusterName: string;
  readonly brokerId: number;
  /** Absent: what was asked is taken back, and a broker that backs off is tried at once. */
  readonly intent?: IntentBody;
  /** Who takes it back. */
  readonly author?: string;
};

/** The broker's intent as it is now; absent: none. */
export type IntentAnswer = { readonly brokerId: number; readonly intent?: IntentStatus };

export type LogAnswer = {
  readonly text: string;
  readonly path: string;
  readonly agent: string;
  readonly totalBytes: number;
};

export type ErrorAnswer = {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly remedy?: string;
    readonly problems?: readonly SpecProblem[];
    /** Of `KM_CONFLICT_NOT_LEADER`. */
    readonly leader?: Leader;
  };
};

export type { ClusterStatus };

export type FollowBody = { readonly author: string; readonly reason?: string };
export type RollbackBody = FollowBody & { readonly revision: number };
/** The cluster as it is after that; `source` is absent when no file owns it. */
export type FollowAnswer = {
  readonly clusterName: string;
  readonly revision: number;
  readonly source?: SourceStatus;
};

/** What is looked at again at once; absent: all clusters. */
export type ReconcileBody = { readonly clusterName?: string };
/** What the directory said when it was read for this; absent: none is watched. */
export type ReconcileAnswer = { readonly pass: number; readonly specs?: DirectoryStatus };

export type EventQuery = {
  /** Absent: of all clusters. */
  readonly clusterName?: string;
  /** Only what came after this one, oldest first; absent: the newest `limit`, oldest of them first. */
  readonly afterSeq?: number;
  readonly limit: number;
};
/** In the place of a cluster's name, of events that belong to none. */
export const frameworkLog = '';

export type EventPage = {
  /** `clusterName` is empty (`frameworkLog`) for what belongs to no cluster, which only a question for all is answered with. */
  readonly events: readonly (ClusterEvent & { readonly clusterName: string })[];
  /** For the next question; absent: there was nothing yet. */
  readonly lastSeq?: number;
};

/** Of a cluster that a directory of specs may own. Rejects with `ConflictError` for what cannot be asked of it just now. */
export type FollowingService = {
  /** The last ones, newest first; undefined: no such cluster. */
  revisions(clusterName: string): Promise<readonly RevisionSummary[] | undefined>;
  suspend(clusterName: string, request: FollowBody): Promise<FollowAnswer>;
  /** Also of one that was removed beside its file, which is formed anew. Undefined: no such cluster. */
  resume(clusterName: string, request: FollowBody): Promise<FollowAnswer | undefined>;
  /** Applies an earlier revision as a new one, and suspends following. */
  rollback(clusterName: string, request: RollbackBody): Promise<FollowAnswer>;
  /** Reads the directory and asks Kafka now, then passes. */
  reconcile(request: ReconcileBody): Promise<ReconcileAnswer>;
};

/** What is followed live. */
export type WatchService = {
  events(query: EventQuery): Promise<EventPage>;
  /** Calls when anything may be different from before; no more than that is said. Returns how to end it. */
  onChange(listener: () => void): () => void;
};

/** What stands behind the API: the reconciler, as the routes see it. Errors are the model's. */
export type SchedulerService = FollowingService &
  WatchService & {
    scheduler(): SchedulerStatus | Promise<SchedulerStatus>;
    clusters(): readonly ClusterStatus[] | Promise<readonly ClusterStatus[]>;
    cluster(name: string): ClusterStatus | undefined | Promise<ClusterStatus | undefined>;
    spec(name: string): Promise<SpecRecord | undefined>;
    /** Rejects with `SpecError` carrying `problems` when the files are not valid. */
    plan(request: SpecRequest): Promise<PlanAnswer>;
    apply(request: ApplyRequest): Promise<ApplyAnswer>;
    /** Rejects with `SpecError` for what can never be, `ConflictError` when the spec says otherwise. */
    setIntent(request: IntentRequest): Promise<IntentAnswer>;
    /** Begins, goes on with or ends the teardown; says what is left. */
    teardown(request: TeardownRequest): Promise<TeardownAnswer>;
    /** The sandbox file of a broker's task (`kafka-server.log`, `stderr`, or a path below the sandbox), its last `bytes`. */
    readLog(request: LogRequest): Promise<LogAnswer>;
  };

export type LogRequest = {
  readonly clusterName: string;
  readonly brokerId: number;
  readonly file: string;
  readonly bytes: number;
};
