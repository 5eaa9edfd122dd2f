/**
 * The loop: one serialised queue over injected ports. Events fold into tables and records; after
 * them a pass plans again from everything and executes the plan. Level-triggered: a lost event
 * delays, it never misleads.
 */
import { type Applied, executeStep } from '../execute/execute.ts';
import type { ClusterPlan, SchedulerStatus } from '../model/api.ts';
import type { Desired } from '../model/desired.ts';
import {
  ConflictError,
  InvariantError,
  KafkaMesosError,
  ProtocolError,
  SpecError,
  UnavailableError,
} from '../model/errors.ts';
import type { FrameworkSettings, MesosCall, MesosEvent, MesosPort, TaskUpdate } from '../model/mesos.ts';
import type { ArtifactCatalog, PlanInput } from '../model/observed.ts';
import type { Plan, Step } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory, SpecRecord } from '../model/records.ts';
import type { ClusterStatus } from '../model/status.ts';
import type { Store } from '../model/store.ts';
import { describeChange } from '../observe/describe-change.ts';
import { foldBrokerConfig, foldMinIsr } from '../observe/fold-dynamic.ts';
import { foldUpdate } from '../observe/fold-update.ts';
import { emptyMesosTable, foldMesosEvent, foldSent, type MesosTable } from '../observe/mesos-table.ts';
import { plan } from '../plan/plan.ts';
import { previewCluster } from '../plan/preview.ts';
import { clusterStatus } from '../plan/status.ts';
import type { Clock, Timer } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { createSeededRandom, type Random, uuid } from '../sys/random.ts';
import { createEventLog } from './event-log.ts';
import { type ConnectKafka, createKafkaWatch } from './kafka-watch.ts';
import { loadMemory, type Memory } from './memory.ts';
import { createRates } from './rates.ts';

export type ReconcilerPorts = {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly store: Store;
  readonly mesos: MesosPort;
  readonly connectKafka: ConnectKafka;
  readonly framework: FrameworkSettings;
  readonly artifacts: () => ArtifactCatalog;
  /** The loop cannot go on: another scheduler took over, the framework was removed, or a bug. */
  readonly onFatal: (error: KafkaMesosError) => void;
};

export type AppliedCluster = { readonly name: string; readonly revision: number; readonly changed: boolean };

export type Reconciler = {
  /** Claims and reads the store; rejects when that cannot be done. Subscribe to Mesos after it. */
  start(): Promise<void>;
  frameworkId(): string | undefined;
  onMesosEvent(event: MesosEvent): void;
  /** Stores new revisions. Rejects with `ConflictError` when a revision is not the one expected. */
  apply(
    clusters: readonly { readonly desired: Desired; readonly digest: string }[],
    author: string,
    expectedRevisions?: Readonly<Record<string, number>>,
  ): Promise<readonly AppliedCluster[]>;
  preview(clusters: readonly Desired[]): readonly ClusterPlan[];
  statuses(): readonly ClusterStatus[];
  spec(clusterName: string): SpecRecord | undefined;
  memory(): readonly ClusterMemory[];
  counters(): Pick<SchedulerStatus, 'connected' | 'pass' | 'lastPassAtMs'>;
  /** The artifacts changed, or anything else that no event tells of. */
  wake(): void;
  stop(): Promise<void>;
};

/** Passes in a row without any event: more means that a plan does not settle. */
const maxRestlessPasses = 50;
const storeRetryMs = 1_000;
const defaultFold = { stickinessPeriodMs: 600_000, failover: { delayMs: 10_000, maxDelayMs: 600_000 } };

export function createReconciler(ports: ReconcilerPorts): Reconciler {
  const { clock, logger, store, mesos } = ports;
  const inbox: (() => Promise<void>)[] = [];
  const events = createEventLog();
  const rates = createRates();
  let memory: Memory | undefined;
  /** A write may or may not have happened: memory is read again before anything is decided. */
  let stale = false;
  let table: MesosTable = emptyMesosTable;
  let subscribedAs: string | undefined;
  let lastPlan: Plan = { steps: [], held: [], declined: [] };
  let running = false;
  let dirty = false;
  let stopped = false;
  let timer: Timer | undefined;
  let pass = 0;
  let restless = 0;
  let lastPassAtMs: number | undefined;
  let loggedPlan = '';

  const kafka = createKafkaWatch({
    clock,
    logger,
    connect: ports.connectKafka,
    onNews: (clusterName, failure) =>
      enqueue(async () => {
        if (failure !== undefined) {
          events.add(clusterName, { atMs: clock.nowMs(), severity: 'warning', message: failure });
        }
      }),
  });

  function enqueue(job: () => Promise<void>): void {
    if (!stopped) {
      inbox.push(job);
      void drain();
    }
  }

  async function drain(): Promise<void> {
    if (running) {
      return;
    }
    running = true;
    try {
      while (!stopped && (inbox.length > 0 || dirty)) {
        const job = inbox.shift();
        if (job !== undefined) {
          await job();
          dirty = true;
          restless = 0;
          continue;
        }
        dirty = false;
        await runPass();
      }
    } catch (error) {
      fail(error);
    } finally {
      running = false;
    }
  }

  function fail(error: unknown): void {
    stopped = true;
    timer?.cancel();
    ports.onFatal(
      error instanceof KafkaMesosError
        ? error
        : new InvariantError(
            'KM_BUG_LOOP',
            `the loop failed: ${error instanceof Error ? error.message : String(error)}`,
            { cause: error },
          ),
    );
  }

  function requireMemory(): Memory {
    if (memory === undefined) {
      throw new InvariantError('KM_BUG_NOT_STARTED', 'the reconciler was used before it was started');
    }
    return memory;
  }

  /** Runs a store or Mesos effect; false when the pass must end here and everything be looked at again. */
  async function attempt(what: string, effect: () => Promise<void>): Promise<boolean> {
    try {
      await effect();
      return true;
    } catch (error) {
      if (error instanceof ConflictError && error.code === 'KM_CONFLICT_FENCED') {
        throw error;
      }
      if (
        error instanceof UnavailableError ||
        error instanceof ConflictError ||
        error instanceof ProtocolError
      ) {
        logger.warn('an effect failed', { what, code: error.code, error: error.message });
        return false;
      }
      throw error;
    }
  }

  async function write(what: string, effect: () => Promise<void>): Promise<boolean> {
    const done = await attempt(what, effect);
    stale ||= !done;
    return done;
  }

  async function send(call: MesosCall): Promise<void> {
    table = foldSent(table, call, clock.nowMs());
    await mesos.send(call);
  }

  function input(clusters: readonly ClusterMemory[], nowMs: number, seed: number): PlanInput {
    const random = createSeededRandom(seed);
    return {
      nowMs,
      framework: ports.framework,
      clusters,
      mesos: table,
      kafka: kafka.sources(nowMs),
      kafkaRefusals: kafka.refusals(),
      artifacts: ports.artifacts(),
      newUuid: () => uuid(random),
    };
  }

  async function runPass(): Promise<void> {
    const nowMs = clock.nowMs();
    if (stale && !(await reload())) {
      return wakeAt(nowMs + storeRetryMs);
    }
    if (subscribedAs !== undefined && requireMemory().framework()?.frameworkId !== subscribedAs) {
      // Durable before any task is: tasks of a forgotten framework could neither be seen nor stopped.
      const frameworkId = subscribedAs;
      if (
        !(await write('remember the framework id', () =>
          requireMemory().writeFramework({ schema: 1, frameworkId }),
        ))
      ) {
        return wakeAt(nowMs + storeRetryMs);
      }
    }
    const clusters = requireMemory().clusters();
    pass += 1;
    lastPassAtMs = nowMs;
    const seed = ports.random.bytes(4).reduce((sum, byte) => sum * 256 + byte, 0);
    lastPlan = plan(input(clusters, nowMs, seed));
    logPlan(lastPlan);
    /** Clusters with a record that no store can take: theirs alone stand still. */
    const unstorable = new Set<string>();
    const executed: Step[] = [];
    for (const step of lastPlan.steps) {
      if (step.clusterName !== undefined && unstorable.has(step.clusterName)) {
        continue;
      }
      const done = await attempt(step.what, () =>
        executeStep(step, {
          persistCluster: async (record) => {
            await write(step.what, () => requireMemory().writeCluster(record)).then(orThrow);
          },
          persistBroker: async (record) => {
            await write(step.what, () => requireMemory().writeBroker(record)).then(orThrow);
          },
          send,
          changeKafka: kafka.change,
          noteApplied: (applied) => enqueue(() => foldApplied(applied)),
        }),
      ).catch((error: unknown) => {
        if (!(error instanceof SpecError) || step.clusterName === undefined) {
          throw error;
        }
        unstorable.add(step.clusterName);
        logger.error('a record cannot be stored', { clusterName: step.clusterName, error: error.message });
        events.add(step.clusterName, { atMs: nowMs, severity: 'error', message: error.message });
        return true;
      });
      if (step.clusterName !== undefined && unstorable.has(step.clusterName)) {
        continue;
      }
      executed.push(step);
      if (!done) {
        // Calls that failed are not repeated from here: the next pass decides from what is then known.
        return wakeAt(nowMs + storeRetryMs);
      }
      if (step.clusterName !== undefined && step.mark !== '·') {
        events.add(step.clusterName, {
          atMs: nowMs,
          severity: 'info',
          message: step.what,
          ...(step.brokerId === undefined ? {} : { brokerId: step.brokerId }),
        });
      }
    }
    const changedMemory = executed.some(
      (s) =>
        s.action.kind === 'broker' || s.action.kind === 'bind-cluster' || s.action.kind === 'record-cluster',
    );
    if (changedMemory) {
      restless += 1;
      if (restless > maxRestlessPasses) {
        logger.error('plans do not settle', { pass, steps: lastPlan.steps.map((s) => s.what) });
        return wakeAt(nowMs + storeRetryMs);
      }
      dirty = true;
      return;
    }
    const calm = new Set(statuses().flatMap((s) => (s.phase === 'converged' ? [s.name] : [])));
    const pollAtMs = kafka.poll(requireMemory().clusters(), (name) => calm.has(name));
    const wakes = [lastPlan.wakeAtMs, pollAtMs].filter((at) => at !== undefined);
    if (wakes.length > 0) {
      wakeAt(Math.min(...wakes));
    }
  }

  function wakeAt(atMs: number): void {
    timer?.cancel();
    timer = clock.setTimer(Math.max(1, atMs - clock.nowMs()), () => enqueue(async () => {}));
  }

  async function reload(): Promise<boolean> {
    const done = await attempt('read the store', async () => {
      memory = await loadMemory(store);
    });
    stale = !done;
    return done;
  }

  function logPlan(made: Plan): void {
    const text = JSON.stringify([
      made.steps.map((s) => s.what),
      made.held.map((h) => [h.clusterName, h.need, h.reason.kind]),
    ]);
    if (text !== loggedPlan) {
      loggedPlan = text;
      logger.info('plan', {
        pass,
        steps: made.steps.map((s) => s.what),
        held: made.held.map((h) => `${h.need}: ${h.reason.kind}`),
      });
    }
  }

  async function handleMesos(event: MesosEvent): Promise<void> {
    switch (event.kind) {
      case 'failed-over':
        throw new ConflictError('KM_CONFLICT_FAILED_OVER', 'another scheduler subscribed as this framework', {
          remedy: 'run one scheduler per store',
        });
      case 'framework-removed':
        throw new ConflictError(
          'KM_CONFLICT_FRAMEWORK_REMOVED',
          `Mesos has removed the framework: ${event.message}`,
          {
            remedy:
              'its tasks are gone; remove the store’s framework record only if you want to register anew',
          },
        );
      case 'subscribed':
        subscribedAs = event.frameworkId;
        logger.info('subscribed', { frameworkId: event.frameworkId });
        break;
      case 'error':
        logger.error('mesos reports an error', { error: event.message });
        break;
      default:
        break;
    }
    table = foldMesosEvent(
      table,
      event,
      (taskId) => requireMemory().ownerOf(taskId)?.current === true,
      clock.nowMs(),
    );
    if (event.kind === 'update') {
      await handleUpdate(event.update);
    }
  }

  async function handleUpdate(update: TaskUpdate): Promise<void> {
    const owner = requireMemory().ownerOf(update.taskId);
    if (owner !== undefined) {
      const before = owner.record;
      const after = foldUpdate(before, update, policyOf(before), clock.nowMs());
      if (after !== before) {
        if (!(await write('store a task update', () => requireMemory().writeBroker(after)))) {
          // Not acknowledged: Mesos sends it again. One without uuid is asked for again.
          const answered = new Set(table.answeredTasks);
          answered.delete(update.taskId);
          table = { ...table, answeredTasks: answered };
          return;
        }
        rates.fold(after, clock.nowMs());
        const news = describeChange(before, after);
        if (news !== undefined) {
          events.add(after.clusterName, { atMs: clock.nowMs(), brokerId: after.id, ...news });
        }
        kafka.hurry(after.clusterName);
      }
    }
    if (update.uuid !== undefined && update.agentId !== undefined) {
      const { uuid: updateUuid, agentId, taskId } = update;
      await attempt('acknowledge', () => send({ kind: 'acknowledge', taskId, agentId, uuid: updateUuid }));
    }
  }

  /** Losing this write only means that the same values are sent once more. */
  async function foldApplied(applied: Applied): Promise<void> {
    const cluster = requireMemory()
      .clusters()
      .find((c) => c.spec.desired.name === applied.clusterName);
    if (applied.kind === 'min-isr') {
      const record = cluster?.cluster;
      if (record !== undefined) {
        await write('remember min ISR', () =>
          requireMemory().writeCluster(foldMinIsr(record, applied.value)),
        );
      }
      return;
    }
    const record = cluster?.brokers.get(applied.brokerId);
    if (record !== undefined) {
      await write('remember dynamic config', () =>
        requireMemory().writeBroker(foldBrokerConfig(record, applied.changes)),
      );
    }
  }

  function policyOf(record: BrokerRecord): Parameters<typeof foldUpdate>[2] {
    const spec = requireMemory()
      .clusters()
      .find((c) => c.spec.desired.name === record.clusterName);
    return spec?.spec.desired.brokers.find((b) => b.id === record.id) ?? defaultFold;
  }

  function statuses(): readonly ClusterStatus[] {
    const clusters = requireMemory().clusters();
    const planInput = input(clusters, clock.nowMs(), 0);
    return clusters.map((cluster) =>
      clusterStatus({
        input: planInput,
        memory: cluster,
        plan: lastPlan,
        events: events.of(cluster.spec.desired.name),
        rates: rates.current(),
      }),
    );
  }

  return {
    async start() {
      await store.claim();
      memory = await loadMemory(store);
      if (
        memory.framework() === undefined &&
        memory.clusters().some((c) => [...c.brokers.values()].some((b) => b.task !== undefined))
      ) {
        throw new ConflictError(
          'KM_CONFLICT_FRAMEWORK_LOST',
          'the store has running tasks but no framework id',
          {
            remedy:
              'restore the record `framework` of the store; without it these tasks could neither be seen nor stopped',
          },
        );
      }
      enqueue(async () => {});
    },
    frameworkId: () => memory?.framework()?.frameworkId,
    onMesosEvent: (event) => enqueue(() => handleMesos(event)),
    apply: (clusters, author, expectedRevisions = {}) =>
      new Promise((resolve, reject) => {
        if (stopped) {
          reject(new UnavailableError('KM_UNAVAILABLE_STOPPED', 'the scheduler is stopping'));
          return;
        }
        enqueue(async () => {
          try {
            const applied: AppliedCluster[] = [];
            for (const { desired, digest } of clusters) {
              applied.push(await applyOne(desired, digest, author, expectedRevisions[desired.name]));
            }
            resolve(applied);
          } catch (error) {
            stale ||= !(error instanceof ConflictError && error.code === 'KM_CONFLICT_REVISION');
            reject(error);
            if (error instanceof ConflictError && error.code === 'KM_CONFLICT_FENCED') {
              // Leadership is lost, whoever noticed: nothing more may be sent.
              throw error;
            }
          }
        });
      }),
    preview(desireds) {
      const stored = requireMemory().clusters();
      const proposed = desireds.map((desired): ClusterMemory => {
        const known = stored.find((c) => c.spec.desired.name === desired.name);
        const spec: SpecRecord = {
          schema: 1,
          revision: known?.spec.revision ?? 0,
          digest: '',
          desired,
          appliedAtMs: 0,
          author: '',
        };
        return known === undefined ? { spec, brokers: new Map() } : { ...known, spec };
      });
      const others = stored.filter((c) => !desireds.some((d) => d.name === c.spec.desired.name));
      const planInput = input([...others, ...proposed], clock.nowMs(), 0);
      const made = plan(planInput);
      return proposed.map((cluster) => previewCluster(planInput, cluster, made));
    },
    statuses,
    spec: (clusterName) =>
      requireMemory()
        .clusters()
        .find((c) => c.spec.desired.name === clusterName)?.spec,
    memory: () => requireMemory().clusters(),
    counters: () => ({
      connected: table.connected,
      pass,
      ...(lastPassAtMs === undefined ? {} : { lastPassAtMs }),
    }),
    wake: () => enqueue(async () => {}),
    async stop() {
      stopped = true;
      timer?.cancel();
      await kafka.close();
      await store.close();
    },
  };

  async function applyOne(
    desired: Desired,
    digest: string,
    author: string,
    expected: number | undefined,
  ): Promise<AppliedCluster> {
    const known = requireMemory()
      .clusters()
      .find((c) => c.spec.desired.name === desired.name)?.spec;
    const revision = known?.revision ?? 0;
    if (expected !== undefined && expected !== revision) {
      throw new ConflictError(
        'KM_CONFLICT_REVISION',
        `cluster ${desired.name} is at revision ${revision}, not ${expected}`,
        { remedy: 'look at the change that came between, then apply again' },
      );
    }
    if (known?.digest === digest) {
      return { name: desired.name, revision, changed: false };
    }
    await requireMemory().writeSpec({
      schema: 1,
      revision: revision + 1,
      digest,
      desired,
      appliedAtMs: clock.nowMs(),
      author,
    });
    kafka.forgetRefusals(desired.name);
    events.add(desired.name, {
      atMs: clock.nowMs(),
      severity: 'info',
      message: `revision ${revision + 1} applied by ${author}`,
    });
    return { name: desired.name, revision: revision + 1, changed: true };
  }
}

/** Ends the step whose intent could not be stored: what was not stored is not sent. */
function orThrow(done: boolean): void {
  if (!done) {
    throw new UnavailableError('KM_UNAVAILABLE_STORE', 'the record could not be stored');
  }
}
