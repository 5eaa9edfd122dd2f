/** What each broker needs just now, before any offer is looked at. */
import type { Desired, DesiredBroker } from '../model/desired.ts';
import type { KafkaObserved } from '../model/kafka.ts';
import type { ArtifactCatalog, ObservedMesos, Source } from '../model/observed.ts';
import type { Held, HeldReason, Step } from '../model/plan.ts';
import type { BrokerRecord, BrokerSettings, ClusterMemory, KillCause, TaskRecord } from '../model/records.ts';
import { diffNeedingRestart } from './dynamic-config.ts';
import type { Want } from './fit.ts';
import { homeOffered, volumesOffered } from './homes.ts';
import { blockQuorum, blockRelocation } from './safety.ts';
import { diffSettings, settingsOf } from './settings.ts';

export type Need =
  /** Wants an offer. `relocate` gives up the old disk, which a gate has allowed. */
  | {
      readonly kind: 'launch';
      readonly broker: DesiredBroker;
      readonly record: BrokerRecord;
      readonly want: Want;
      readonly relocate: boolean;
      /** Until then only the agent with its disk will do. */
      readonly homeUntilMs?: number;
    }
  | {
      readonly kind: 'held';
      readonly broker: DesiredBroker;
      readonly held: Held;
      readonly untilMs?: number;
      /** Only an offer tells that its disk is back: offers must keep coming. */
      readonly wantsHome?: true;
    }
  | {
      readonly kind: 'kill';
      readonly broker: DesiredBroker;
      readonly record: BrokerRecord;
      readonly step: Step;
    }
  /** Runs; `drift` is what a restart would change, `barred` why none may be begun, safe or not. */
  | {
      readonly kind: 'running';
      readonly broker: DesiredBroker;
      readonly record: BrokerRecord;
      readonly drift: readonly string[];
      readonly barred?: { readonly reason: HeldReason; readonly stalled: boolean };
    }
  | { readonly kind: 'stopped'; readonly broker: DesiredBroker };

type HeldNeed = Extract<Need, { kind: 'held' }>;

export type NeedContext = {
  readonly nowMs: number;
  readonly memory: ClusterMemory;
  readonly desired: Desired;
  readonly mesos: ObservedMesos;
  readonly kafka: Source<KafkaObserved>;
  readonly artifacts: ArtifactCatalog;
};

/** How long the offers of all agents may take to come after a (new) subscription. */
const offersAfterSubscribedMs = 60_000;

/** A KILL that brought no terminal update is sent again, 5 s, 10 s, … up to a minute apart. */
export function killDueAtMs(
  sent: { readonly lastAtMs: number; readonly attempts: number } | undefined,
): number {
  return sent === undefined
    ? 0
    : sent.lastAtMs + Math.min(60_000, 5_000 * 2 ** Math.min(sent.attempts - 1, 5));
}

export function emptyRecord(clusterName: string, id: number): BrokerRecord {
  return { schema: 1, clusterName, id, formatted: false, launches: 0, superseded: [], failures: 0 };
}

export function needOf(broker: DesiredBroker, context: NeedContext): Need {
  const { desired, memory } = context;
  const known = memory.brokers.get(broker.id) ?? emptyRecord(desired.name, broker.id);
  // A first voter is bound in the cluster's record before its own is written.
  const voter = memory.cluster?.voters.find((v) => v.nodeId === broker.id);
  const record: BrokerRecord =
    known.placement === undefined && voter !== undefined ? { ...known, placement: voter.placement } : known;
  return record.task === undefined
    ? withoutTask(broker, record, context)
    : withTask(broker, record, record.task, context);
}

function withTask(broker: DesiredBroker, record: BrokerRecord, task: TaskRecord, context: NeedContext): Need {
  const { nowMs, mesos, desired } = context;
  const hold = (need: string, reason: HeldReason, stalled = false): Need =>
    heldNeed(context, broker, need, reason, stalled);
  if (task.unreachableSinceMs !== undefined) {
    return unreachableTask(broker, record, task, task.unreachableSinceMs, context);
  }
  if (task.kill !== undefined) {
    const dueAtMs = killDueAtMs(mesos.kills.get(task.taskId));
    if (dueAtMs <= nowMs) {
      return {
        kind: 'kill',
        broker,
        record,
        step: killStep(desired, broker, record, task.kill.cause, task.kill.detail, [task.kill.detail], nowMs),
      };
    }
    const reason: HeldReason = {
      kind: 'task-in-progress',
      doing: `stopping it (${task.kill.detail})`,
      sinceMs: task.kill.atMs,
    };
    // No update may ever come of a lost KILL: the pass that sends it again must come by itself.
    return { ...heldNeed(context, broker, `stop broker ${broker.id}`, reason, false), untilMs: dueAtMs };
  }
  const kill = (cause: KillCause, why: readonly string[]): Need => ({
    kind: 'kill',
    broker,
    record,
    step: killStep(desired, broker, record, cause, summariseWhy(why), why, nowMs),
  });
  switch (task.state) {
    case 'TASK_STAGING':
    case 'TASK_STARTING': {
      if (broker.state === 'stopped') {
        return kill('stop', ['the spec says stopped']);
      }
      const { drift, barred } = driftOf(broker, record, task, context);
      const inProgress = hold(`start broker ${broker.id}`, {
        kind: 'task-in-progress',
        doing: task.report?.phase ?? 'being launched by the agent',
        sinceMs: task.launchedAtMs,
      });
      return drift.length > 0 && barred === undefined && mayAbandonStart(broker, task, context)
        ? kill('roll', drift)
        : inProgress;
    }
    case 'TASK_KILLING':
      // Nobody of us ordered it: the agent drains. It is on its way down and holds the lock of the roll.
      return hold(`start broker ${broker.id}`, {
        kind: 'task-in-progress',
        doing: 'being stopped by Mesos',
        sinceMs: task.stateSinceMs,
      });
    default:
      return { kind: 'running', broker, record, ...driftOf(broker, record, task, context) };
  }
}

function unreachableTask(
  broker: DesiredBroker,
  record: BrokerRecord,
  task: TaskRecord,
  sinceMs: number,
  context: NeedContext,
): Need {
  const untilMs = Math.max(
    sinceMs + broker.stickinessPeriodMs,
    (context.mesos.subscribedAtMs ?? 0) + offersAfterSubscribedMs,
  );
  if (broker.state === 'running' && volumesOffered(record, context.mesos)) {
    // A volume that is offered is not in use: the old instance is gone, whatever became of its last update.
    return kafkaArtifact(context.desired, context.artifacts) === undefined
      ? heldForDistribution(broker, `start broker ${broker.id}`, context)
      : { kind: 'launch', broker, record, relocate: false, want: wantOf(context, broker, record) };
  }
  if (broker.state === 'stopped' || context.nowMs < untilMs) {
    const reason: HeldReason = {
      kind: 'agent-unreachable',
      agentId: task.agentId,
      hostname: record.placement?.hostname ?? task.agentId,
      sinceMs,
      untilMs,
    };
    return broker.state === 'stopped'
      ? heldNeed(context, broker, `stop broker ${broker.id}`, reason, false)
      : { ...heldNeed(context, broker, `start broker ${broker.id}`, reason, false), wantsHome: true };
  }
  return relocation(broker, record, context);
}

/** What a restart would change, and what forbids even to think of one. */
function driftOf(
  broker: DesiredBroker,
  record: BrokerRecord,
  task: TaskRecord,
  context: NeedContext,
): Pick<Extract<Need, { kind: 'running' }>, 'drift' | 'barred'> {
  const { desired, memory } = context;
  const { startedWith } = task;
  const artifact = kafkaArtifact(desired, context.artifacts);
  const sha512 = wantedSha512(desired, startedWith, artifact?.sha512);
  const drift = diffNeedingRestart(startedWith, settingsOf(desired, broker, sha512), record.dynamicConfig);
  if (drift.length === 0) {
    return { drift };
  }
  // A node that stopped here could not be started again, or would leave the quorum short of a voter for good.
  if (startedWith.roles.includes('broker') && !broker.roles.includes('broker')) {
    return {
      drift,
      barred: {
        reason: {
          kind: 'not-yet-supported',
          detail: 'it may host replicas, and moving them off a broker is not acted on yet',
        },
        stalled: true,
      },
    };
  }
  const isVoter = memory.cluster?.voters.some((v) => v.nodeId === broker.id) === true;
  if (isVoter && broker.storage.kind === 'sandbox') {
    return {
      drift,
      barred: {
        reason: {
          kind: 'not-yet-supported',
          detail: 'its vote is in its sandbox, which goes with its task; a voter wants persistent storage',
        },
        stalled: true,
      },
    };
  }
  if (isVoter !== broker.roles.includes('controller')) {
    return {
      drift,
      barred: {
        reason: {
          kind: 'not-yet-supported',
          detail: isVoter
            ? 'a voter cannot leave the controller quorum; give it back its controller role'
            : 'a controller cannot join a quorum that is formed already',
        },
        stalled: true,
      },
    };
  }
  if (artifact === undefined) {
    const { reason, stalled } = heldForDistribution(broker, `restart broker ${broker.id}`, context).held;
    return { drift, barred: { reason, stalled } };
  }
  return { drift };
}

/** Another archive of the same version, got from another source, is no reason to restart anything. */
function wantedSha512(desired: Desired, started: BrokerSettings, sha512: string | undefined): string {
  const same = desired.kafka.distribution === undefined && started.kafkaVersion === desired.kafka.version;
  return same ? started.kafkaSha512 : (sha512 ?? '');
}

/**
 * A start that a changed spec has overtaken need not come to its end, which it may never reach by
 * itself. Only while nobody is served by it: before the quorum was ever seen alive, or when the
 * controller says that the broker is fenced. Log recovery is never cut short.
 */
function mayAbandonStart(broker: DesiredBroker, task: TaskRecord, context: NeedContext): boolean {
  const { desired, kafka, memory, nowMs } = context;
  if (desired.rollout.paused || task.report?.phase === 'recovering') {
    return false;
  }
  if (memory.cluster?.formedAtMs === undefined) {
    return true;
  }
  if (!kafka.known || !isFresh(kafka.value, nowMs) || kafka.value.observedAtMs <= task.stateSinceMs) {
    return false;
  }
  const serves = kafka.value.brokers.some((b) => b.id === broker.id && !b.fenced);
  return !serves && blockQuorum(kafka.value, broker.id, nowMs) === undefined;
}

/** In-sync sets shrink by themselves: a broker is stopped on a reading of the last moment only. */
export function isFresh(kafka: KafkaObserved, nowMs: number): boolean {
  return nowMs - kafka.observedAtMs <= 3_000;
}

export function summariseWhy(why: readonly string[]): string {
  return why.length === 1 ? (why[0] ?? '') : `${why[0]} and ${why.length - 1} more`;
}

function heldForDistribution(broker: DesiredBroker, need: string, context: NeedContext): HeldNeed {
  const { desired, artifacts } = context;
  const missing = artifacts.kafkaMissing[desired.kafka.version];
  return heldNeed(
    context,
    broker,
    need,
    {
      kind: 'distribution-missing',
      detail: missing?.why ?? `Kafka ${desired.kafka.version} is not fetched yet`,
    },
    missing?.failed ?? false,
  );
}

function withoutTask(broker: DesiredBroker, record: BrokerRecord, context: NeedContext): Need {
  const { nowMs, desired, memory } = context;
  const hold = (need: string, reason: HeldReason, stalled = false): Need =>
    heldNeed(context, broker, need, reason, stalled);
  const need = `start broker ${broker.id}`;
  if (broker.state === 'stopped') {
    return { kind: 'stopped', broker };
  }
  const artifact = kafkaArtifact(desired, context.artifacts);
  if (artifact === undefined) {
    return heldForDistribution(broker, need, context);
  }
  if (
    memory.cluster !== undefined &&
    broker.roles.includes('controller') &&
    !memory.cluster.voters.some((v) => v.nodeId === broker.id)
  ) {
    return hold(
      need,
      { kind: 'not-yet-supported', detail: 'a controller cannot join a quorum that is formed already' },
      true,
    );
  }
  const corrected =
    record.last !== undefined &&
    diffSettings(
      record.last.startedWith,
      settingsOf(desired, broker, wantedSha512(desired, record.last.startedWith, artifact.sha512)),
    ).length > 0;
  if (!corrected) {
    const last =
      record.last === undefined ? '' : (record.last.message ?? record.last.reason ?? record.last.state);
    if (broker.failover.maxTries !== undefined && record.failures >= broker.failover.maxTries) {
      return hold(need, { kind: 'gave-up', failures: record.failures, last }, true);
    }
    if (record.retryAtMs !== undefined && nowMs < record.retryAtMs) {
      return hold(need, { kind: 'backing-off', untilMs: record.retryAtMs, failures: record.failures, last });
    }
  }
  if (record.formatted && record.placement?.volumes[0]?.kind === 'sandbox') {
    // The disk went with the task: wherever it starts, it starts empty.
    return relocation(broker, record, context);
  }
  const homeUntilMs = stickyUntilMs(broker, record, context);
  if (homeUntilMs === undefined || nowMs < homeUntilMs || homeOffered(record, context.mesos)) {
    return {
      kind: 'launch',
      broker,
      record,
      relocate: false,
      want: wantOf(context, broker, record),
      ...(homeUntilMs === undefined ? {} : { homeUntilMs }),
    };
  }
  return relocation(broker, record, context);
}

/**
 * Only time in which the agent with the disk could have offered counts: after a subscription all agents
 * want a moment, and a broker that was stopped on purpose is missed since the spec wants it again.
 */
function stickyUntilMs(
  broker: DesiredBroker,
  record: BrokerRecord,
  { memory, mesos }: NeedContext,
): number | undefined {
  if (record.placement === undefined) {
    return undefined;
  }
  return Math.max(
    record.stickyUntilMs ?? record.placement.boundAtMs + broker.stickinessPeriodMs,
    (mesos.subscribedAtMs ?? 0) + offersAfterSubscribedMs,
    record.last?.ordered === true ? memory.spec.appliedAtMs + broker.stickinessPeriodMs : 0,
  );
}

/** The old disk may be given up only behind its gate; a disk that was never formatted holds nothing. */
function relocation(broker: DesiredBroker, record: BrokerRecord, context: NeedContext): Need {
  const need = `relocate broker ${broker.id}`;
  if (kafkaArtifact(context.desired, context.artifacts) === undefined) {
    return heldForDistribution(broker, need, context);
  }
  const blocked = relocationBlock(broker, record, context);
  return blocked === undefined
    ? {
        kind: 'launch',
        broker,
        record,
        relocate: true,
        want: { clusterName: context.desired.name, broker, formatted: false },
      }
    : { ...heldNeed(context, broker, need, blocked.reason, blocked.stalled), wantsHome: true };
}

function relocationBlock(
  broker: DesiredBroker,
  record: BrokerRecord,
  { memory, kafka, nowMs }: NeedContext,
): { readonly reason: HeldReason; readonly stalled: boolean } | undefined {
  const home = record.placement?.hostname ?? 'its agent';
  const unsafe = (detail: string): { readonly reason: HeldReason; readonly stalled: boolean } => ({
    reason: { kind: 'relocation-unsafe', detail, partitions: [], more: 0 },
    stalled: true,
  });
  if (memory.cluster?.voters.some((v) => v.nodeId === broker.id)) {
    return unsafe(`its disk on ${home} holds a vote of the controller quorum`);
  }
  // An agent that was marked gone never told what its last task had come to: it may live on behind a partition.
  if (!record.formatted && record.task === undefined && record.last?.state !== 'TASK_GONE_BY_OPERATOR') {
    return undefined;
  }
  if (record.placement?.volumes.some((v) => v.kind === 'hostPath') === true) {
    return unsafe(`its data is in a host path on ${home}`);
  }
  if (!kafka.known) {
    return { reason: { kind: 'kafka-unknown', detail: kafka.why }, stalled: false };
  }
  if (!isFresh(kafka.value, nowMs)) {
    const detail = 'its last answer is too old to give up a disk on; it is being asked again';
    return { reason: { kind: 'kafka-unknown', detail }, stalled: false };
  }
  const blocked = blockRelocation(kafka.value, broker.id);
  return blocked === undefined
    ? undefined
    : {
        reason: {
          kind: 'relocation-unsafe',
          detail: blocked.detail,
          partitions: blocked.partitions.slice(0, 5).map((p) => p.partition),
          more: Math.max(0, blocked.partitions.length - 5),
        },
        stalled: blocked.partitions.length > 0,
      };
}

function wantOf(context: NeedContext, broker: DesiredBroker, record: BrokerRecord): Want {
  return {
    clusterName: context.desired.name,
    broker,
    ...(record.placement === undefined ? {} : { placement: record.placement }),
    formatted: record.formatted,
  };
}

export function kafkaArtifact(
  desired: Desired,
  artifacts: ArtifactCatalog,
): { readonly uri: string; readonly sha512: string } | undefined {
  return desired.kafka.distribution ?? artifacts.kafka[desired.kafka.version];
}

/** Marks the kill in the record, then sends it; also used to send it again. */
export function killStep(
  desired: Desired,
  broker: DesiredBroker,
  record: BrokerRecord,
  cause: KillCause,
  detail: string,
  why: readonly string[],
  nowMs: number,
): Step {
  const task = record.task;
  return {
    mark: cause === 'roll' ? '~' : '-',
    what: cause === 'roll' ? `restart broker ${broker.id}` : `stop broker ${broker.id}`,
    why,
    clusterName: desired.name,
    brokerId: broker.id,
    action: {
      kind: 'broker',
      record:
        task === undefined || task.kill !== undefined
          ? record
          : { ...record, task: { ...task, kill: { cause, detail, atMs: nowMs } } },
      call: {
        kind: 'kill',
        taskId: task?.taskId ?? '',
        agentId: task?.agentId ?? '',
        graceMs: broker.stopGraceMs,
      },
    },
  };
}

function heldNeed(
  context: NeedContext,
  broker: DesiredBroker,
  need: string,
  reason: HeldReason,
  stalled: boolean,
): HeldNeed {
  const untilMs = 'untilMs' in reason ? reason.untilMs : undefined;
  return {
    kind: 'held',
    broker,
    held: { clusterName: context.desired.name, brokerId: broker.id, need, reason, stalled },
    ...(untilMs === undefined ? {} : { untilMs }),
  };
}
