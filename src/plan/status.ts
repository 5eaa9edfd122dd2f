/** What people see of a cluster, from memory, observation and the last plan. Pure. */
import type { DeletionPolicy, DesiredBroker } from '../model/desired.ts';
import type { KafkaObserved } from '../model/kafka.ts';
import type { PlanInput, Source } from '../model/observed.ts';
import type { Plan, Step } from '../model/plan.ts';
import type { BrokerIntent, BrokerRecord, ClusterMemory } from '../model/records.ts';
import {
  type BrokerState,
  type BrokerStatus,
  type ClusterEvent,
  type ClusterPhase,
  type ClusterStatus,
  type Condition,
  type HeldSummary,
  type IntentStatus,
  phaseWords,
  type StepSummary,
} from '../model/status.ts';
import { startWaitOf, troubleOf } from './broker-trouble.ts';
import { deletionOf } from './deletion.ts';
import { describeHeld, waitingOf } from './describe-held.ts';
import { diskCondition, diskStatus, diskTrouble, diskWarnings } from './disks.ts';
import { growthsOf } from './growth.ts';
import { activeIntent, consentsToSilence, withIntents } from './intents.ts';
import { isOver } from './maintenance.ts';
import { needOf } from './needs.ts';
import { countInSync, isHealthy } from './safety.ts';
import { diffSettings } from './settings.ts';
import { isDown, named, type TopicSeen, topicStatus } from './topic-status.ts';

/** More needs than this say much the same of the same agents: fewer of those are told of each. */
const manyHeld = 20;

export type StatusInput = {
  readonly input: PlanInput;
  readonly memory: ClusterMemory;
  readonly plan: Plan;
  readonly events: readonly ClusterEvent[];
  /** Bytes per second of whatever a task is fetching, by task id. */
  readonly rates: ReadonlyMap<string, number>;
};

export function clusterStatus({ input, memory: stored, plan, events, rates }: StatusInput): ClusterStatus {
  const memory = withIntents(stored, input.nowMs);
  const { spec } = memory;
  const { desired } = spec;
  const kafka: Source<KafkaObserved> = input.kafka.get(desired.name) ?? {
    known: false,
    why: 'not asked yet',
  };
  const made = plan.steps.filter((s) => s.clusterName === desired.name && s.mark !== '·');
  const steps = made.map(summarise);
  // What is only given back to Mesos holds up no convergence, be it done or waited for.
  const isAtWork = made.some((s) => s.action.kind !== 'mesos');
  const ownHeld = plan.held.filter((h) => h.clusterName === desired.name);
  const held = ownHeld.map((h) => describeHeld(h, ownHeld.length > manyHeld ? 5 : 50));
  const policy = deletionOf(memory, input);
  const wanted =
    policy === undefined
      ? desired.brokers
      : desired.brokers.map((b): DesiredBroker => ({ ...b, state: 'stopped' }));
  const brokers = wanted.map((broker) => brokerStatus(broker, input, memory, kafka, held, rates));
  const kept = new Set(wanted.filter((b) => b.state === 'stopped').map((b) => b.id));
  const down = new Set(wanted.filter((b) => isDown(memory.brokers.get(b.id))).map((b) => b.id));
  const topics = desired.topics.map((topic) => topicStatus(topic, kafka, held, { down, kept }));
  const phase =
    policy === undefined
      ? phaseOf(memory, brokers, topics, { steps, held, isAtWork, isKafkaKnown: kafka.known })
      : policy === 'keepData' && !isAtWork && held.every((h) => !isInTheWay(h))
        ? 'converged'
        : 'converging';
  const serving = brokers.filter((b) => b.state === 'running' && b.roles.includes('broker'));
  return {
    name: desired.name,
    labels: desired.labels,
    revision: spec.revision,
    digest: spec.digest,
    phase,
    ...(policy === undefined ? {} : { deletion: policy }),
    conditions: [
      ...conditionsOf(phase, policy, brokers, topics, held, kafka),
      diskCondition(brokers, memory.brokers),
    ],
    kafkaVersion: desired.kafka.version,
    ...(memory.cluster === undefined ? {} : { clusterId: memory.cluster.clusterId }),
    bootstrap: serving.flatMap((b) => b.endpoint ?? []),
    brokers,
    topics: topics.map(({ status }) => status),
    steps,
    held,
    events,
    observedAtMs: input.nowMs,
  };
}

export function summarise(step: Step): StepSummary {
  return {
    mark: step.mark,
    what: step.what,
    why: step.why,
    ...(step.brokerId === undefined ? {} : { brokerId: step.brokerId }),
  };
}

function brokerStatus(
  broker: DesiredBroker,
  input: PlanInput,
  memory: ClusterMemory,
  kafka: Source<KafkaObserved>,
  held: readonly HeldSummary[],
  rates: ReadonlyMap<string, number>,
): BrokerStatus {
  const { desired } = memory.spec;
  const record = memory.brokers.get(broker.id);
  const need = needOf(broker, {
    nowMs: input.nowMs,
    wallMs: input.wallMs,
    memory,
    desired,
    mesos: input.mesos,
    kafka,
    artifacts: input.artifacts,
  });
  const intent = activeIntent(record, input.nowMs);
  const task = record?.task;
  const report = task?.report;
  const hold = held.find((h) => h.brokerId === broker.id && h.reason !== 'task-in-progress' && isInTheWay(h));
  const behind = need.kind === 'running' && kafka.known && !isHealthy(kafka.value, broker);
  const waiting =
    troubleOf(task) ??
    diskTrouble(record) ??
    (hold === undefined ? undefined : waitingOf(hold)) ??
    startWaitOf(task) ??
    (behind ? { why: 'catching up with its partition leaders', stalled: false } : undefined);
  const progress = report?.progress;
  const rate = task === undefined ? undefined : rates.get(task.taskId);
  const placement =
    record?.placement ?? memory.cluster?.voters.find((v) => v.nodeId === broker.id)?.placement;
  return {
    id: broker.id,
    pool: broker.pool,
    roles: broker.roles,
    state: stateOf(broker, record),
    ...(report === undefined || report.phase === 'serving' ? {} : { phase: report.phase }),
    ...(placement === undefined ? {} : { agentId: placement.agentId, agent: placement.hostname }),
    ...(placement?.rack === undefined ? {} : { rack: placement.rack }),
    ...(report?.endpoint === undefined ? {} : { endpoint: report.endpoint }),
    ...(task === undefined ? {} : { taskId: task.taskId, startedAtMs: task.launchedAtMs }),
    ...(report?.jvmPid === undefined ? {} : { jvmPid: report.jvmPid }),
    ...(kafka.known && broker.roles.includes('broker') && task !== undefined
      ? { inSync: inSyncOf(kafka.value, record, broker.id) }
      : {}),
    restarts: Math.max(0, (record?.launches ?? 0) - (record?.unstarted ?? 0) - 1),
    failures: record?.failures ?? 0,
    drift: need.kind === 'running' ? need.drift : [],
    ...(waiting === undefined ? {} : { waiting }),
    ...(intent === undefined ? {} : { intent: intentStatus(intent) }),
    warnings: [...(report?.warnings ?? []), ...diskWarnings(record)],
    ...(report?.disks === undefined ? {} : { disks: report.disks.map(diskStatus) }),
    ...maintenanceOf(record, input.wallMs),
    ...(record?.last === undefined
      ? {}
      : {
          lastEnd: {
            atMs: record.last.endedAtMs,
            state: record.last.state,
            ordered: record.last.ordered,
            why: record.last.message ?? record.last.reason ?? 'no reason given',
          },
        }),
    ...(progress === undefined
      ? {}
      : {
          progress: {
            label: report?.phase ?? 'working',
            ...progress,
            ...(rate === undefined || rate <= 0
              ? {}
              : { bytesPerSecond: rate, etaMs: ((progress.totalBytes - progress.doneBytes) / rate) * 1000 }),
          },
        }),
  };
}

function intentStatus(intent: BrokerIntent): IntentStatus {
  const { kind, author, reason, atMs, expiresAtMs } = intent;
  return {
    kind,
    author,
    ...(reason === undefined ? {} : { reason }),
    atMs,
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...(consentsToSilence(intent) ? { withoutKafka: true } : {}),
  };
}

function maintenanceOf(record: BrokerRecord | undefined, wallMs: number): Pick<BrokerStatus, 'maintenance'> {
  const answer = record?.maintenance;
  if (answer === undefined || answer.agentId !== record?.placement?.agentId || isOver(answer, wallMs)) {
    return {};
  }
  const { startMs, durationMs, accepted, why } = answer;
  return {
    maintenance: {
      startMs,
      ...(durationMs === undefined ? {} : { endMs: startMs + durationMs }),
      accepted,
      why,
    },
  };
}

function stateOf(broker: DesiredBroker, record: BrokerRecord | undefined): BrokerState {
  const task = record?.task;
  if (task === undefined) {
    if (broker.state === 'stopped') {
      return 'stopped';
    }
    return record?.last !== undefined && !record.last.ordered ? 'failed' : 'waiting';
  }
  if (task.unreachableSinceMs !== undefined) {
    return 'unreachable';
  }
  if (task.kill !== undefined || task.state === 'TASK_KILLING') {
    return 'stopping';
  }
  switch (task.state) {
    case 'TASK_STAGING':
      return 'launching';
    case 'TASK_STARTING':
      return 'starting';
    case 'TASK_RUNNING':
      return 'running';
    default:
      return 'unknown';
  }
}

function inSyncOf(kafka: KafkaObserved, record: BrokerRecord | undefined, id: number) {
  const counted = countInSync(kafka, id);
  return isDown(record) ? { ...counted, inSync: 0 } : counted;
}

function phaseOf(
  memory: ClusterMemory,
  brokers: readonly BrokerStatus[],
  topics: readonly TopicSeen[],
  {
    steps,
    held,
    isAtWork,
    isKafkaKnown,
  }: {
    readonly steps: readonly StepSummary[];
    readonly held: readonly HeldSummary[];
    readonly isAtWork: boolean;
    readonly isKafkaKnown: boolean;
  },
): ClusterPhase {
  const inTheWay = held.filter(isInTheWay);
  if (inTheWay.some((h) => h.stalled)) {
    return 'held';
  }
  const wantedUp = memory.spec.desired.brokers.filter((b) => b.state === 'running').length;
  const up = brokers.filter((b) => b.state === 'running').length;
  const settled =
    up >= wantedUp &&
    brokers.every((b) => b.state === 'running' || b.state === 'stopped') &&
    brokers.every((b) => b.waiting === undefined && b.drift.length === 0) &&
    // Nothing is held or drifts while the next step of a growth is about to be stored.
    memory.spec.desired.brokers.every(
      (b) => b.state !== 'running' || growthsOf(b, memory.brokers.get(b.id)?.placement).length === 0,
    ) &&
    // Whoever does not know cannot say so.
    (isKafkaKnown || wantedUp === 0) &&
    // What is to be done once is done when it is forgotten; a stop and a pause are as wanted.
    brokers.every(({ intent }) => intent?.kind !== 'restart' && intent?.kind !== 'replace');
  if (settled && !isAtWork && inTheWay.length === 0 && topics.every((t) => t.isAsWanted)) {
    return 'converged';
  }
  if (memory.cluster?.formedAtMs === undefined) {
    return 'forming';
  }
  return brokers.some((b) => b.drift.length > 0) ||
    steps.some((s) => s.mark === '~') ||
    [...memory.brokers.values()].some(isRolled)
    ? 'rolling'
    : 'converging';
}

/** On its way down or up again, for changed settings. */
function isRolled({ task, last }: BrokerRecord): boolean {
  if (task?.kill !== undefined) {
    return task.kill.cause === 'roll';
  }
  return (
    task !== undefined &&
    task.state !== 'TASK_RUNNING' &&
    last?.ordered === true &&
    diffSettings(last.startedWith, task.startedWith).length > 0
  );
}

/** A cluster is as declared while Mesos still has something to take back: a dead agent must not hold it up. */
function isInTheWay({ reason }: HeldSummary): boolean {
  return reason !== 'left-behind' && reason !== 'orphaned';
}

function conditionsOf(
  phase: ClusterPhase,
  policy: DeletionPolicy | undefined,
  brokers: readonly BrokerStatus[],
  topics: readonly TopicSeen[],
  held: readonly HeldSummary[],
  kafka: Source<KafkaObserved>,
): readonly Condition[] {
  const stalled = held.find((h) => h.stalled && isInTheWay(h));
  return [
    readyCondition(phase, policy, brokers, topics, kafka),
    {
      type: 'Reconciling',
      status: phase !== 'converged' && stalled === undefined,
      reason: phase === 'converged' ? 'Converged' : 'Working',
      message: phase === 'converged' ? 'nothing to do' : (held[0]?.message ?? 'steps are being taken'),
    },
    {
      type: 'Stalled',
      status: stalled !== undefined,
      reason: stalled === undefined ? 'NotStalled' : stalled.reason,
      message: stalled?.message ?? 'nothing waits for a person',
    },
  ];
}

/** Whether all that is wanted to serve does; what is kept stopped is said and is not missed. */
function readyCondition(
  phase: ClusterPhase,
  deletion: DeletionPolicy | undefined,
  brokers: readonly BrokerStatus[],
  topics: readonly TopicSeen[],
  kafka: Source<KafkaObserved>,
): Condition {
  const ready = (status: boolean, reason: string, message: string): Condition => ({
    type: 'Ready',
    status,
    reason,
    message,
  });
  if (deletion !== undefined) {
    return ready(false, 'Removed', phaseWords({ phase, deletion }));
  }
  const idsOf = (wanted: (state: BrokerState) => boolean): readonly number[] =>
    brokers.filter((b) => wanted(b.state)).map((b) => b.id);
  const namesOf = (wanted: (topic: TopicSeen) => boolean): readonly string[] =>
    topics.filter(wanted).map((t) => t.status.name);
  const down = idsOf((state) => state !== 'running' && state !== 'stopped');
  if (down.length > 0) {
    return ready(false, 'BrokersDown', `${named('broker', down)} not running`);
  }
  if (!kafka.known && idsOf((state) => state === 'running').length > 0) {
    return ready(false, 'KafkaUnknown', `Kafka cannot be asked: ${kafka.why}`);
  }
  const bad = namesOf((t) => !t.isAsWanted);
  if (bad.length > 0) {
    return ready(false, 'TopicsNotReady', `${named('topic', bad)} not ready`);
  }
  const stopped = idsOf((state) => state === 'stopped');
  if (stopped.length === 0) {
    return ready(true, 'AllServing', 'all brokers serve and all topics are in sync');
  }
  const reduced = namesOf((t) => t.status.state !== 'ready');
  const so = reduced.length === 0 ? '' : `, so ${named('topic', reduced)} under-replicated`;
  return ready(true, 'BrokersStopped', `${named('broker', stopped)} kept stopped${so}`);
}
