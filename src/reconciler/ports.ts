/** What the loop is given, and what it is asked for. */
import type { ClusterPlan, EventPage, EventQuery, SchedulerStatus } from '../model/api.ts';
import type { Desired } from '../model/desired.ts';
import type { KafkaMesosError } from '../model/errors.ts';
import type { KafkaObserved } from '../model/kafka.ts';
import type { FrameworkSettings, MesosEvent, MesosPort } from '../model/mesos.ts';
import type { ArtifactCatalog, PlanInput, Source } from '../model/observed.ts';
import type { LoopObserver } from '../model/observer.ts';
import type { Plan } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory, RemovedRecord, SpecRecord } from '../model/records.ts';
import type { RevisionSummary, SourceLine } from '../model/source.ts';
import type { ClusterStatus } from '../model/status.ts';
import type { Store } from '../model/store.ts';
import type { SteadyClock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import type { Random } from '../sys/random.ts';
import type { IntentDemand } from './broker-intents.ts';
import type { FollowOrder } from './follow-orders.ts';
import type { ConnectKafka } from './kafka-watch.ts';
import type { AppliedCluster, ProposedSpec, SpecOrigin } from './spec-revisions.ts';

export type ReconcilerPorts = {
  readonly clock: SteadyClock;
  readonly random: Random;
  readonly logger: Logger;
  readonly store: Store;
  readonly mesos: MesosPort;
  readonly connectKafka: ConnectKafka;
  readonly framework: FrameworkSettings;
  /** This process among those that may lead, for the events; absent: taking over is none. */
  readonly self?: string;
  readonly artifacts: () => ArtifactCatalog;
  /**
   * Whether this process may act, asked before every call that leaves it: false as soon as another could have
   * been elected, so that a process that slept does not send what it had decided before.
   */
  readonly mayAct: () => boolean;
  /** What decides; absent: `plan/`. Others look on, or plant a bug, to see that it is noticed. */
  readonly plan?: (input: PlanInput) => Plan;
  /** The loop cannot go on: another scheduler took over, the framework was removed or torn down, or a bug. */
  readonly onFatal: (error: KafkaMesosError) => void;
  /** Counts. */
  readonly observer?: LoopObserver;
};

export type Reconciler = {
  /**
   * Claims and reads the store; rejects when that cannot be done, or when Mesos has removed the store's framework
   * and nobody consents to another one in its place. Subscribe to Mesos after it.
   */
  start(consent?: {
    /** Id of the framework that was removed. */
    readonly registerAnew?: string | undefined;
  }): Promise<void>;
  /** To subscribe as; undefined: as a new one. */
  frameworkId(): string | undefined;
  /** The framework whose place the new one takes. */
  removedFrameworkId(): string | undefined;
  onMesosEvent(event: MesosEvent): void;
  /** Stores new revisions. Rejects with `ConflictError` when a revision or a plan's index is not the one expected. */
  apply(
    clusters: readonly ProposedSpec[],
    author: string,
    expectedRevisions?: Readonly<Record<string, number>>,
    origin?: SpecOrigin,
    expectedIndexes?: Readonly<Record<string, string>>,
  ): Promise<readonly AppliedCluster[]>;
  /** Stores whether a cluster follows its file, or goes back to an earlier revision. */
  follow(clusterName: string, order: FollowOrder): Promise<void>;
  revisions(clusterName: string): Promise<readonly RevisionSummary[] | undefined>;
  /** Passes, asks Kafka anew, and passes with what it says, where it answers in a few seconds. The number of the last pass. */
  reconcileNow(clusterName?: string): Promise<number>;
  /** Stores what an operator asks of a broker; undefined takes it back. Rejects with `ConflictError` when the spec says otherwise. */
  setIntent(
    clusterName: string,
    brokerId: number,
    request: IntentDemand['request'],
    takenBackBy?: string,
  ): Promise<BrokerRecord>;
  /** Stores that the framework goes, with all of its clusters; again without effect. */
  beginTeardown(author: string): Promise<void>;
  /** Lets Mesos forget the framework, then forgets it here. Rejects with `UnsafePlanError` while clusters are left. */
  finishTeardown(options: {
    readonly abandon: boolean;
    /** Whether the master says so; asked after the call, whatever became of that. */
    readonly isGone: () => Promise<boolean>;
  }): Promise<void>;
  preview(clusters: readonly Desired[]): readonly ClusterPlan[];
  statuses(): readonly ClusterStatus[];
  spec(clusterName: string): SpecRecord | undefined;
  /** By name: clusters that were removed while their file was not followed. Another object whenever that changes. */
  removed(): ReadonlyMap<string, RemovedRecord>;
  memory(): readonly ClusterMemory[];
  /** What Kafka said last, by cluster name. */
  readings(): ReadonlyMap<string, Source<KafkaObserved>>;
  events(query: EventQuery): EventPage;
  /** After each pass; returns how to end it. */
  onChange(listener: () => void): () => void;
  counters(): Pick<SchedulerStatus, 'connected' | 'pass' | 'lastPassAtMs' | 'orphans'>;
  /** What is shown of the directory of specs has changed: tells what is news, and wakes whoever looks on. */
  sourcesChanged(lines: readonly SourceLine[]): void;
  /** The artifacts changed, or anything else that no event tells of. */
  wake(): void;
  stop(): Promise<void>;
};
