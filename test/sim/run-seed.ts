/**
 * One seed: the real loop, plan, execution, translation and codec against the models of Mesos, Kafka,
 * the store and ZooKeeper, under virtual time and drawn faults; then healed, it converges and falls silent.
 */
import type { FrameworkSettings } from '../../src/model/mesos.ts';
import type { BrokerRecord, ClusterRecord } from '../../src/model/records.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { createIntentChecks } from './check-intents.ts';
import { checkNeeds } from './check-needs.ts';
import { createVolumeChecks } from './check-volumes.ts';
import { createVirtualClock } from './clock.ts';
import { createCoverage } from './coverage.ts';
import { type Direction, directions, type Run } from './directions.ts';
import { loseFrameworkId, registerAnew, removeFramework } from './endings.ts';
import { drawFaults, type FaultKind } from './faults.ts';
import { createInvariants } from './invariants.ts';
import { createKafkaModel, type KafkaModel } from './kafka-model.ts';
import { createMesosCluster } from './mesos-cluster.ts';
import { createCoverageWatch } from './observe-coverage.ts';
import { createOperator } from './operator.ts';
import { createDice } from './randomness.ts';
import { createRequests } from './requests.ts';
import type { SchedulerProcess } from './scheduler-process.ts';
import { createSchedulers, type Planted, type Scheduler } from './schedulers.ts';
import { createStoreModel } from './store-model.ts';
import { createTrace } from './trace.ts';
import { createTrouble } from './trouble.ts';
import {
  brokerRecords,
  isCrowdedOut,
  isStuckForGood,
  ownerOf,
  reachableLiveTasks,
  specRecord,
  type Truth,
  Violation,
} from './truth.ts';
import { drawWorkload, type EditName } from './workload.ts';

export type SeedResult = Run & {
  readonly violation?: string;
  readonly faults: ReadonlyMap<FaultKind, number>;
  /** `crash before send: kill`. */
  readonly crashes: ReadonlyMap<string, number>;
  readonly edits: ReadonlyMap<EditName, number>;
  readonly coverage: ReadonlyMap<string, number>;
  /** Everything that crossed a port, and every timer. */
  readonly events: number;
  readonly virtualMs: number;
  /** sha256 over everything that crossed a port: the same seed gives the same one. */
  readonly traceHash: string;
  readonly trace: readonly string[];
};

const startMs = 1_800_000_000_000;
const faultyMs = 8 * 60_000;
const convergeWithinMs = 40 * 60_000;
const silentForMs = 4 * 60_000;
/** As long as it takes to reconcile all tasks once more. */
const longSilenceMs = 17 * 60_000;
const framework: FrameworkSettings = {
  name: 'kafka',
  user: 'root',
  role: 'kafka',
  principal: 'kafka',
  failoverTimeoutMs: 7 * 86_400_000,
};

export async function runSeed(
  run: Run,
  options: { readonly keepTrace?: boolean; readonly planted?: Planted } = {},
): Promise<SeedResult> {
  const { seed } = run;
  const directed: Direction = run.direction === undefined ? {} : directions[run.direction];
  const clock = createVirtualClock(startMs);
  const trace = createTrace(clock.nowMs, options.keepTrace === true);
  const { note } = trace;
  let violation: string | undefined;
  const guarded = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      if (violation === undefined) note(`VIOLATION ${error.message}`);
      violation ??= error.message;
    }
  };
  const tell = (error: unknown): void =>
    guarded(() => {
      throw error;
    });
  const violate = (message: string): void => tell(new Violation(message));

  const faults = drawFaults(createDice(seed, 'faults'), {
    ...(directed.faults === undefined ? {} : { also: directed.faults }),
    ...(directed.isAlone === undefined ? {} : { isAlone: directed.isAlone }),
    ...(directed.crashesEverywhere === undefined ? {} : { crashesEverywhere: directed.crashesEverywhere }),
  });
  const workload = drawWorkload(createDice(seed, 'workload'), directed);
  const kafkas = new Map<string, KafkaModel>();
  const clusterIds = new Map<string, string>();
  const kafkaDice = createDice(seed, 'kafka');
  const kafkaOf = (clusterId: string): KafkaModel => {
    const known =
      kafkas.get(clusterId) ??
      createKafkaModel(clusterId, {
        clock,
        dice: kafkaDice,
        onLoss: (partition, id, missing) => guarded(() => invariants.lost(partition, id, missing)),
      });
    kafkas.set(clusterId, known);
    return known;
  };
  const store = createStoreModel({
    dice: createDice(seed, 'store'),
    faults,
    isFenced: options.planted?.fence !== 'dropped',
    note,
  });
  const cluster = createMesosCluster({
    clock,
    dice: createDice(seed, 'cluster'),
    faults,
    agents: workload.agents,
    kafkaOf,
    onFormat: (launch, disk) => {
      clusterIds.set(launch.clusterName, launch.clusterId);
      guarded(() => invariants.formatted(launch, disk));
    },
    onOvertaken: () => coverage.saw('order', 'update'),
    onStarted: (instance) => note(`broker ${instance.brokerId} of ${instance.taskId} starts`),
    onDestroyed: (persistenceId, disk) => {
      note(`destroyed ${persistenceId}`);
      guarded(() => volumes.destroyed(persistenceId, disk));
      seen.destroyed();
    },
  });
  const setup = createDice(seed, 'setup');
  const drawnCount = setup.pick([1, 2, 3]) ?? 1;
  const count = directed.schedulers ?? drawnCount;
  const truth: Truth = {
    nowMs: clock.nowMs,
    cluster,
    durable: store.durable,
    kafkaOf: (name) => kafkas.get(clusterIds.get(name) ?? ''),
    kafkaById: (id) => kafkas.get(id),
    newestEpoch: store.newestEpoch,
    hasElection: count > 1,
  };
  const invariants = createInvariants(truth);
  const volumes = createVolumeChecks(truth);
  const intents = createIntentChecks(truth, {
    isOpen: (clusterName, id) => requests.isOpen(clusterName, id),
    ended: (intent, how) => seen.intentEnded(intent, how),
  });
  const coverage = createCoverage();
  const seen = createCoverageWatch(coverage, truth);
  let streams = 0;
  let isSilent = false;
  const noise: string[] = [];
  const endings = new Set<string>();

  const schedulers = createSchedulers({
    clock,
    dice: createDice(seed, 'schedulers'),
    faults,
    cluster,
    store,
    framework,
    switchboard: {
      nextStreamId: () => {
        streams += 1;
        return `s-${streams}`;
      },
      isMasterUp: () => trouble.isMasterUp(),
    },
    kafkaOf: truth.kafkaOf,
    isKafkaReachable: () => trouble.isKafkaReachable(),
    count,
    planted: options.planted ?? {},
    watch: {
      network: ({ process, epoch }: Scheduler) => {
        const { number } = process;
        return {
          arriving: (call) => {
            guarded(() => invariants.arriving(call, { number, epoch: epoch() }));
            guarded(() => volumes.arriving(call));
            seen.arriving(call, number);
          },
          subscribing: () => requireSession(process, 'SUBSCRIBE'),
          called: (call, { status }) => {
            requireSession(process, call.kind);
            guarded(() => invariants.called(call, status, { number, epoch: epoch() }));
          },
          swallowed: seen.swallowed,
          overtaken: () => coverage.saw('order', 'call'),
          delivered: (event) => {
            invariants.delivered(event);
            seen.delivered(event, number);
          },
        };
      },
      written: (path, value, before, { process, epoch }) => {
        guarded(() => invariants.written(path, value, before, { number: process.number, epoch: epoch() }));
        guarded(() => volumes.written(path, value, before));
        guarded(() => intents.written(path, value, before));
        seen.written(path, value, before);
        // Of a task that was replaced Mesos may say late that it is gone: when it gives the agent up, or is asked.
        if (isSilent && !onlyForgets(before, value)) noise.push(`${clock.nowMs() - startMs} write ${path}`);
      },
      removed: (path, before) => {
        guarded(() => volumes.removed(path, before));
        invariants.removed(path, before);
        if (path.endsWith('/cluster')) clusterIds.delete((before as ClusterRecord).name);
        seen.removed(path, before);
      },
      unregistered: (kafka, id) => {
        guarded(() => volumes.unregistered(kafka, id));
        seen.unregistered();
      },
      planned: (input, plan) => {
        guarded(() => checkNeeds(input, plan));
        invariants.planned(input, plan);
        seen.planned(input, plan);
      },
      crashed: ({ process }) => seen.crashed(process.number),
      ended: (error) => {
        seen.ended(error.code);
        const isExpected =
          /^KM_CONFLICT_(FENCED|LEADERSHIP_LOST|FAILED_OVER)$/.test(error.code) ||
          error.code.startsWith('KM_UNAVAILABLE') ||
          endings.has(error.code);
        if (!isExpected) violate(`the loop ended: ${error.code} ${error.message}`);
      },
    },
    note,
  });
  const requireSession = (process: SchedulerProcess, what: string): void => {
    if (schedulers.election?.hasExpired(process) === true) {
      violate(`${what} of scheduler ${process.number} arrived after its session had expired`);
    }
  };
  const trouble = createTrouble({
    clock,
    dice: createDice(seed, 'trouble'),
    faults,
    cluster,
    schedulers,
    kafkas: () => [...kafkas.values()],
    coverage: seen,
    note,
  });
  const edits = new Map<EditName, number>();
  const operator = createOperator({
    clock,
    dice: createDice(seed, 'operator'),
    schedulers,
    workload,
    kafkaOf: truth.kafkaOf,
    edited: (what) => void edits.set(what, (edits.get(what) ?? 0) + 1),
    note,
  });

  const requests = createRequests({
    clock,
    dice: createDice(seed, 'requests'),
    schedulers,
    operator,
    truth,
    refused: () => seen.intentRefused(),
    ...(directed.asks === undefined ? {} : { directed: directed.asks }),
    note,
  });

  const pass = (forMs: number): Promise<void> =>
    clock.run(clock.nowMs() + forMs, () => violation !== undefined);
  const watchdog = (): void => {
    guarded(() => invariants.tick());
    clock.setTimer(10_000, watchdog);
  };

  schedulers.start();
  watchdog();
  trouble.begin(faultyMs);
  operator.begin(faultyMs);
  requests.begin(faultyMs);
  await pass(faultyMs);

  // Healed: it converges within a bound.
  note('healed');
  faults.heal();
  trouble.heal();
  operator.end();
  requests.end();
  const statuses = (): readonly ClusterStatus[] => schedulers.leader()?.reconciler()?.statuses() ?? [];
  const statusOf = (name: string): ClusterStatus | undefined => statuses().find((s) => s.name === name);
  const isStuck = (name: string): boolean => {
    const now = statusOf(name);
    return now !== undefined && (isStuckForGood(truth, now) || isCrowdedOut(truth, now));
  };
  const isSettled = (): boolean =>
    operator.isDone() &&
    requests.isDone() &&
    cluster.isWhole() &&
    schedulers.leader() !== undefined &&
    operator.wanted().every(({ name, deletion }) =>
      // What was being destroyed goes all the way, even when its data was to be kept by now.
      statusOf(name) === undefined
        ? deletion !== undefined
        : deletion !== 'destroy' && (statusOf(name)?.phase === 'converged' || isStuck(name)),
    );
  const deadlineMs = clock.nowMs() + convergeWithinMs;
  while (violation === undefined && clock.nowMs() < deadlineMs && !isSettled()) await pass(5_000);
  if (!isSettled()) {
    const told = statuses().map(({ name, phase, deletion, held, steps, brokers }) => ({
      name,
      phase,
      deletion,
      held,
      steps: steps.map((s) => s.what),
      brokers: brokers.map((b) => [b.id, b.state, b.waiting?.why, b.drift]),
    }));
    violate(
      `not converged after ${convergeWithinMs / 60_000} min: ${JSON.stringify({ clusters: told, agents: cluster.describe() })}`,
    );
  }
  // Of a task that was missed while all was broken a periodic reconciliation may bring the end: that is news, and what
  // follows it is no noise.
  const missed = brokerRecords(truth).flatMap(({ superseded, task }) => [
    ...superseded.map((one) => one.taskId),
    ...(task?.unreachableSinceMs === undefined ? [] : [task.taskId]),
  ]);
  const strange = cluster.executors().flatMap((executor) => executor.taskId() ?? []);
  missed.push(...strange.filter((id) => ownerOf(truth, id) === undefined));
  const isNews = (line: string): boolean =>
    missed.some((id) => line.includes(` update ${id} TASK_`)) && !line.includes('TASK_UN');
  // What was under way when it converged may end, a promise about maintenance that was lifted too: three minutes of a clock
  // that goes a tenth slower while it comes back from a jump.
  let isResting = false;
  trace.listen((line) => {
    if (isNews(line)) isResting = false;
  });
  for (let waits = 0; !isResting && waits < 5; waits += 1) {
    isResting = true;
    await pass(205_000);
  }
  trace.listen((line) => {
    if (isNews(line)) isSilent = false;
    if (isSilent && /^\d+ (?:remove|warn|error|kafka|call (?:accept|kill|revive)) ?/.test(line))
      noise.push(line);
  });
  isSilent = true;
  await pass(setup.chance(0.1) ? longSilenceMs : silentForMs);
  isSilent = false;
  trace.listen(() => {});
  if (noise.length > 0) violate(`not silent after it converged: ${noise.slice(0, 3).join('; ')}`);
  // A former task may hold up its broker's leaving until it is asked about again, and has no agent any more; one of which
  // no word came is heard of by then.
  if (leavesWithFormerTasks(truth) || hasStrangers(truth)) await pass(longSilenceMs);
  guarded(() => invariants.atTheEnd());
  guarded(() => volumes.atTheEnd(isStuck));
  guarded(() => intents.atTheEnd(isStuck));
  const world = { cluster, schedulers, store, run: pass };
  const isForgotten = setup.chance(0.15) || directed.losesFramework === true;
  if (violation === undefined && isForgotten && cluster.executors().length > 0) {
    endings.add('KM_CONFLICT_FRAMEWORK_LOST');
    await loseFrameworkId(world).catch(tell);
  }
  const isRemoved = setup.chance(0.15) || directed.losesFramework === true;
  if (violation === undefined && isRemoved) {
    endings.add('KM_CONFLICT_FRAMEWORK_REMOVED');
    const away = setup.chance(0.5) ? setup.pick(cluster.agentNames) : undefined;
    const removedId = await removeFramework(world, away).catch(tell);
    if (removedId !== undefined) {
      await registerAnew(world, removedId, { dice: setup, isSettled, away }).catch(tell);
      guarded(() => invariants.atTheEnd());
      guarded(() => volumes.atTheEnd(isStuck));
    }
  }
  // Whoever stops may have something to store, which takes its time.
  for (const scheduler of schedulers.all()) void scheduler.reconciler()?.stop();
  await pass(5_000);
  return {
    ...run,
    ...(violation === undefined ? {} : { violation }),
    faults: faults.counts,
    crashes: faults.crashCounts,
    edits,
    coverage: coverage.seen,
    events: trace.count() + clock.fired(),
    virtualMs: clock.nowMs() - startMs,
    traceHash: trace.digest(),
    trace: trace.lines,
  };
}

const hasStrangers = (truth: Truth): boolean =>
  reachableLiveTasks(truth).some(({ taskId }) => ownerOf(truth, taskId)?.task?.taskId !== taskId);

function leavesWithFormerTasks(truth: Truth): boolean {
  return brokerRecords(truth).some(
    ({ clusterName, id, superseded }) =>
      superseded.length > 0 &&
      specRecord(truth, clusterName)?.desired.brokers.some((b) => b.id === id) === false,
  );
}

/** The record is what it was, but for tasks that were replaced and have ended. */
function onlyForgets(before: unknown, value: unknown): boolean {
  const was = before as Partial<BrokerRecord> | undefined;
  const is = value as Partial<BrokerRecord>;
  return (
    (was?.superseded?.length ?? 0) > (is.superseded?.length ?? 0) &&
    JSON.stringify({ ...was, superseded: [] }) === JSON.stringify({ ...is, superseded: [] })
  );
}
