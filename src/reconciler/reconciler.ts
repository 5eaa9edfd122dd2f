/**
 * The loop over injected ports: events take turns (`turns.ts`) and fold into tables and records; after
 * them a pass plans again from everything and executes the plan. Level-triggered: a lost event
 * delays, it never misleads.
 */
import type { Effects } from '../execute/execute.ts';
import type { ClusterPlan } from '../model/api.ts';
import type { Desired } from '../model/desired.ts';
import { ConflictError, InvariantError, KafkaMesosError, UnavailableError } from '../model/errors.ts';
import type { PlanInput } from '../model/observed.ts';
import type { ObservedPass } from '../model/observer.ts';
import type { Action, Plan, Step } from '../model/plan.ts';
import type { ClusterMemory } from '../model/records.ts';
import type { ClusterStatus } from '../model/status.ts';
import {
  foldHeldSince,
  foldRejections,
  type HeldSince,
  type RejectionMemory,
  withRejections,
} from '../observe/rejections.ts';
import { plan as planFrom } from '../plan/plan.ts';
import { clusterStatus } from '../plan/status.ts';
import { createSeededRandom, uuid } from '../sys/random.ts';
import { createSettingsComparison } from './compare-settings.ts';
import { createDemands } from './demands.ts';
import { createEventLog, eventsInStatus } from './event-log.ts';
import { executePlan } from './execute-plan.ts';
import { boundMemory, foldApplied } from './fold-into-memory.ts';
import { createAttempt, isLeadershipLost, isRefusal, requireLeadership } from './guard.ts';
import { createKafkaWatch } from './kafka-watch.ts';
import { keepRevisions } from './kept-revisions.ts';
import { loadMemory, type Memory } from './memory.ts';
import { createMesosSide } from './mesos-side.ts';
import { createNews } from './news.ts';
import { createOrphans } from './orphans.ts';
import { previewClusters } from './plan-check.ts';
import type { Reconciler, ReconcilerPorts } from './ports.ts';
import { createRates } from './rates.ts';
import { leaveRemoved } from './removed-framework.ts';
import { createStoreTrouble } from './store-trouble.ts';
import { createStoredEvents } from './stored-events.ts';
import { createTurns } from './turns.ts';

/** After these the next pass comes at once: it sees another memory. */
const changingMemory: ReadonlySet<Action['kind']> = new Set([
  'broker',
  'bind-cluster',
  'record-cluster',
  'remove-broker',
  'remove-cluster',
]);
/** Passes in a row without any event: more means that a plan does not settle. */
const maxRestlessPasses = 50;
const storeRetryMs = 1_000;

/** Hostnames where brokers of ours are, or are kept. */
const agentsOf = (clusters: readonly ClusterMemory[]): readonly string[] => [
  ...new Set(clusters.flatMap((c) => [...c.brokers.values()].flatMap((b) => b.placement?.hostname ?? []))),
];

export function createReconciler(ports: ReconcilerPorts): Reconciler {
  const { clock, logger, store, plan = planFrom } = ports;
  const events = createEventLog(() => storedEvents.changed());
  const storedEvents = createStoredEvents({
    log: events,
    store,
    clock,
    logger,
    exists: (name) => memory?.cluster(name) !== undefined,
    takeTurn: () => turns.add(storedEvents.flush),
  });
  const news = createNews(events, clock);
  const rates = createRates();
  const orphans = createOrphans();
  const attempt = createAttempt(logger);
  const trouble = createStoreTrouble(({ sinceMs, error }) => news.storeBack(sinceMs, error.message));
  let memory: Memory | undefined;
  /** A write may or may not have happened: memory is read again before anything is decided. */
  let stale = false;
  let rejections: RejectionMemory = new Map();
  let heldSince: HeldSince = new Map();
  let lastPlan: Plan = { steps: [], held: [], declined: [] };
  let pass = 0;
  let lastPassAtMs: number | undefined;
  let loggedPlan = '';
  let observed: ObservedPass | undefined;
  const listeners = new Set<() => void>();

  const turns = createTurns({
    clock,
    async runPass() {
      ports.observer?.passBegins();
      observed = undefined;
      await runPass();
      ports.observer?.passEnds(observed);
      for (const tell of listeners) tell();
    },
    onFailure: fail,
    onDemandFailed(error) {
      stale ||= !isRefusal(error);
      // Whoever noticed: nothing more may be sent.
      return isLeadershipLost(error) ? 'ends' : 'goes on';
    },
  });

  const kafka = createKafkaWatch({
    clock,
    logger,
    connect: ports.connectKafka,
    mayAct: ports.mayAct,
    onNews: (clusterName, failure) =>
      turns.add(async () => {
        if (failure !== undefined) {
          events.add(clusterName, { atMs: clock.nowMs(), severity: 'warning', message: failure });
        }
      }),
  });

  const comparison = createSettingsComparison({
    read: kafka.read,
    onDifference: (fold) => turns.add(() => fold({ memory: requireMemory(), write })),
    onFailure: (clusterName, error) => logger.debug('settings cannot be compared', { clusterName, error }),
  });

  const mesos = createMesosSide({
    memory: requireMemory,
    port: ports.mesos,
    mayAct: ports.mayAct,
    clock,
    logger,
    events,
    rates,
    attempt,
    write,
    taskChanged(clusterName, ended) {
      void kafka.hurry(clusterName);
      if (ended !== undefined) ports.observer?.taskEnded(clusterName, ended);
    },
    end: fail,
  });

  function fail(error: unknown): void {
    turns.end();
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

  async function write(what: string, effect: () => Promise<void>): Promise<boolean> {
    const done = await attempt(what, effect, (error) => trouble.failed(what, error, clock.nowMs()));
    stale ||= !done;
    if (done) {
      trouble.wasWritten();
    }
    return done;
  }

  /** Ends the step whose intent could not be stored: what was not stored is not sent. */
  async function persist(step: Step, effect: () => Promise<void>): Promise<void> {
    if (!(await write(step.what, effect))) {
      throw new UnavailableError('KM_UNAVAILABLE_STORE', 'the record could not be stored');
    }
  }

  function input(clusters: readonly ClusterMemory[], nowMs: number, seed: number): PlanInput {
    const random = createSeededRandom(seed);
    return {
      nowMs,
      wallMs: clock.wallMs(),
      framework: ports.framework,
      clusters,
      mesos: mesos.table(),
      kafka: kafka.sources(nowMs),
      kafkaRefusals: kafka.refusals(),
      isTornDown: requireMemory().framework()?.teardown !== undefined,
      artifacts: ports.artifacts(),
      newUuid: () => uuid(random),
    };
  }

  const effects = (step: Step): Effects => ({
    persistCluster: (record) => persist(step, () => requireMemory().writeCluster(record)),
    persistBroker: async (record) => {
      const before = requireMemory().cluster(record.clusterName)?.brokers.get(record.id);
      await persist(step, () => requireMemory().writeBroker(record));
      news.decided(before, record);
    },
    removeBroker: (record) => persist(step, () => requireMemory().removeBroker(record)),
    removeCluster: async (name, keepSpec) => {
      await persist(step, () => requireMemory().removeCluster(name, { keepSpec, nowMs: clock.nowMs() }));
      if (!keepSpec) events.forget(name);
    },
    send: mesos.send,
    changeKafka: kafka.change,
    noteApplied: (applied) => turns.add(() => foldApplied(applied, { memory: requireMemory(), write })),
  });

  async function runPass(): Promise<void> {
    const nowMs = clock.nowMs();
    requireLeadership(ports.mayAct);
    if (stale && !(await reload())) {
      return turns.wakeAt(nowMs + storeRetryMs);
    }
    if (!(await mesos.storeSubscription())) {
      return turns.wakeAt(nowMs + storeRetryMs);
    }
    const clusters = requireMemory().clusters();
    const { offers, connected } = mesos.table();
    pass += 1;
    lastPassAtMs = nowMs;
    const seed = ports.random.bytes(4).reduce((sum, byte) => sum * 256 + byte, 0);
    const made = plan(input(clusters, nowMs, seed));
    rejections = foldRejections(rejections, made, nowMs);
    // What people see of it: the offers that did not fit are in hand for one pass only.
    const timed = foldHeldSince(heldSince, withRejections(made, rejections, agentsOf(clusters)), nowMs);
    heldSince = timed.since;
    lastPlan = timed.plan;
    orphans.fold(made, offers, new Set(clusters.map((c) => c.spec.desired.name)));
    logPlan(lastPlan);
    if (connected) news.planned(lastPlan, clusters, orphans.current());
    const executed = await executePlan(lastPlan, { effects, attempt, events, logger, nowMs });
    observed = {
      plan: made,
      executed: executed.steps,
      interrupted: executed.interrupted,
      isRestless: turns.restlessPasses() > 1,
      offersInHand: mesos.table().offers.length,
    };
    if (executed.interrupted) {
      return turns.wakeAt(nowMs + storeRetryMs);
    }
    const changedMemory = executed.steps.some((s) => changingMemory.has(s.action.kind));
    if (changedMemory) {
      if (turns.restlessPasses() > maxRestlessPasses) {
        logger.error('plans do not settle', { pass, steps: lastPlan.steps.map((s) => s.what) });
        return turns.wakeAt(nowMs + storeRetryMs);
      }
      turns.passAgain();
      return;
    }
    comparison.begin(requireMemory().clusters(), kafka.sources(nowMs));
    // A cluster with a held need is not converged: most passes need not look further.
    const busy = new Set(lastPlan.held.map((h) => h.clusterName));
    let executedInput: PlanInput | undefined;
    const isCalm = (memory: ClusterMemory): boolean => {
      // One for all clusters: it has all of them in it.
      executedInput ??= input(requireMemory().clusters(), nowMs, 0);
      const isConverged =
        !busy.has(memory.spec.desired.name) && statusOf(memory, executedInput).phase === 'converged';
      if (isConverged) news.converged(memory);
      return isConverged;
    };
    if (!(await keepRevisions(requireMemory(), { write, isCalm, nowMs }))) {
      return turns.wakeAt(nowMs + storeRetryMs);
    }
    kafka.poll(requireMemory().clusters(), isCalm);
    if (lastPlan.wakeAtMs !== undefined) {
      turns.wakeAt(lastPlan.wakeAtMs);
    }
  }

  async function reload(): Promise<boolean> {
    const what = 'read the store';
    const load = async (): Promise<void> => {
      memory = await loadMemory(store);
    };
    const done = await attempt(what, load, (error) => trouble.failed(what, error, clock.nowMs()));
    stale = !done;
    if (done) {
      trouble.wasRead();
    }
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

  function onChange(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  function preview(desireds: readonly Desired[]): readonly ClusterPlan[] {
    return previewClusters(requireMemory().clusters(), desireds, (c) => input(c, clock.nowMs(), 0));
  }

  function statuses(): readonly ClusterStatus[] {
    const clusters = requireMemory().clusters();
    const planInput = input(clusters, clock.nowMs(), 0);
    return clusters.map((cluster) => statusOf(cluster, planInput));
  }

  function statusOf(memory: ClusterMemory, planInput: PlanInput): ClusterStatus {
    const held = trouble.heldFor(memory.spec.desired.name, planInput.nowMs);
    return clusterStatus({
      input: planInput,
      memory,
      plan: held === undefined ? lastPlan : { ...lastPlan, held: [held, ...lastPlan.held] },
      events: events.of(memory.spec.desired.name).slice(-eventsInStatus),
      rates: rates.current(),
    });
  }

  const demands = createDemands({
    turns,
    memory: requireMemory,
    store,
    events,
    kafka,
    clock,
    logger,
    preview,
    statuses,
    passed: () => pass,
    mayAct: ports.mayAct,
    write,
    tellMesosToEnd: () => attempt('tear down', () => mesos.send({ kind: 'teardown' })),
    end: fail,
  });

  return {
    async start(consent = {}) {
      await store.claim();
      memory = await loadMemory(store);
      if (
        memory.framework() === undefined &&
        memory
          .clusters()
          .some((c) => [...c.brokers.values()].some((b) => b.task !== undefined || b.superseded.length > 0))
      ) {
        throw new ConflictError(
          'KM_CONFLICT_FRAMEWORK_LOST',
          'the store has running tasks but no framework id',
          {
            remedy:
              'restore the record `framework` of the store, of a framework that Mesos has removed too; without it these tasks could neither be seen nor stopped',
          },
        );
      }
      await leaveRemoved(memory, { consent: consent.registerAnew, nowMs: clock.nowMs() });
      await boundMemory(memory, clock.nowMs(), logger);
      await storedEvents.load(memory.clusters().map((c) => c.spec.desired.name));
      if (ports.self !== undefined) news.leads(ports.self);
      turns.add(async () => {});
    },
    frameworkId() {
      const framework = memory?.framework();
      return framework?.removed === undefined ? framework?.frameworkId : undefined;
    },
    removedFrameworkId() {
      const framework = memory?.framework();
      return framework?.removed === undefined ? undefined : framework.frameworkId;
    },
    onMesosEvent: (event) => turns.add(() => mesos.handle(event)),
    ...demands,
    preview,
    statuses,
    spec: (clusterName) => requireMemory().cluster(clusterName)?.spec,
    removed: () => requireMemory().removed(),
    memory: () => requireMemory().clusters(),
    readings: () => kafka.sources(clock.nowMs()),
    events: events.page,
    onChange,
    counters: () => ({
      orphans: orphans.current(),
      connected: mesos.table().connected,
      pass,
      ...(lastPassAtMs === undefined ? {} : { lastPassAtMs }),
    }),
    sourcesChanged: (lines) => turns.add(async () => news.sources(lines)),
    wake: () => turns.add(async () => {}),
    async stop() {
      turns.end();
      await kafka.close();
      await storedEvents.close();
      await store.close();
    },
  };
}
