/** What each broker needs just now, before any offer is looked at. */
import type { DesiredBroker } from '../model/desired.ts';
import { isDiskCode } from '../model/launch.ts';
import type { HeldReason, Step } from '../model/plan.ts';
import type { BrokerIntent, BrokerRecord, KillCause, TaskRecord } from '../model/records.ts';
import { driftOf, mayAbandonStart, wantedSha512 } from './drift.ts';
import { homeOffered, volumesOffered } from './homes.ts';
import { activeIntent, isBeingReplaced, pausedBy, whyStopped } from './intents.ts';
import { killStep, standingOrder, summariseWhy } from './kill.ts';
import {
  emptyRecord,
  heldForDistribution,
  heldNeed,
  isVoter,
  kafkaArtifact,
  missedUntilMs,
  type Need,
  type NeedContext,
  offersAfterSubscribedMs,
  wantHome,
  wasHalfDone,
  wouldDropVolume,
} from './need.ts';
import { backHome, cannotHaveServed, untilItServes } from './old-home.ts';
import { isOrMayBeFormatted, leavePlace } from './owned.ts';
import { relocation } from './relocation.ts';
import { diffSettings, settingsOf } from './settings.ts';
import { gateStarts } from './stop-gate.ts';

/**
 * Who is in touch with the controller so long after the last task has ended is another instance: it fences one that fell
 * silent after `broker.session.timeout.ms`, 9 s. Until then the broker is started at once, and Kafka refuses it so long.
 */
const fencedAfterMs = 20_000;
/** A former instance that an agent or Mesos ends would have been fenced by then. */
const toldAfterMs = 120_000;

/** A container, an executor and a JVM take longer to come up. */
const startsAfterMs = 2_000;

/** Of all brokers of the spec: only together can it be told whose start may be ended. */
export function needsOf(context: NeedContext): readonly Need[] {
  return gateStarts(
    context.desired.brokers.map((broker) => needOf(broker, context)),
    context,
  );
}

export function needOf(broker: DesiredBroker, context: NeedContext): Need {
  const { desired, memory } = context;
  const known = memory.brokers.get(broker.id) ?? emptyRecord(desired.name, broker.id);
  // A first voter is bound in the cluster's record before its own is written.
  const voter = memory.cluster?.voters.find((v) => v.nodeId === broker.id);
  const record: BrokerRecord =
    known.placement === undefined && voter !== undefined ? { ...known, placement: voter.placement } : known;
  const intent = activeIntent(record, context.nowMs);
  if (intent?.kind === 'pause' && record.task?.kill === undefined) {
    return pausedNeed(broker, record, intent, context);
  }
  const need =
    record.task === undefined
      ? withoutTask(broker, record, context)
      : withTask(broker, record, record.task, context);
  if (need.kind !== 'launch') {
    return need;
  }
  // A KILL from before the pause is carried out; nothing is started behind it.
  return intent?.kind === 'pause'
    ? pausedNeed(broker, record, intent, context)
    : (formerInstance(broker, record, context) ?? need);
}

/**
 * One that was superseded behind a partition is back and serves: it is killed, and no other starts beside it. Nor where
 * Kafka's controller is in touch with an instance that is out of our sight.
 */
function formerInstance(
  broker: DesiredBroker,
  { superseded, last, oldHome }: BrokerRecord,
  context: NeedContext,
): Need | undefined {
  const { strangers, subscribedAtMs = 0 } = context.mesos;
  const hold = (reason: HeldReason, stalled: boolean): Need =>
    heldNeed(context, broker, `start broker ${broker.id}`, reason, stalled);
  const alive = strangers.find(
    ({ taskId, isAway }) => isAway !== true && superseded.some((s) => s.taskId === taskId),
  );
  if (alive !== undefined) {
    const doing = `stopping its former instance ${alive.taskId} on ${alive.agentId}`;
    return hold({ kind: 'task-in-progress', doing, sinceMs: subscribedAtMs }, false);
  }
  const { kafka, memory } = context;
  if (!kafka.known || !kafka.value.brokers.some(({ id, fenced }) => id === broker.id && !fenced)) {
    return undefined;
  }
  // Its agent may be out of the master's reach and not out of Kafka's, one that was marked gone as well. A launch that
  // was dropped may have come twice, and one of them was taken. And the store may be older than the cluster.
  const former = superseded[0] ?? last;
  const isSure = superseded.length > 0 || oldHome !== undefined || last?.state === 'TASK_DROPPED';
  // A voter has one disk, on which no two processes run, and without a quorum nobody is fenced.
  const sinceEndMs = kafka.value.observedAtMs - (last?.endedAtMs ?? 0);
  const isOther = sinceEndMs >= fencedAfterMs && !isVoter(memory, broker.id);
  if (!isSure && !isOther) {
    return undefined;
  }
  return hold(
    {
      kind: 'serves-already',
      ...(former === undefined ? {} : { taskId: former.taskId, agentId: former.agentId }),
    },
    isOther && sinceEndMs >= toldAfterMs,
  );
}

/** Left alone, whatever state it is in. */
function pausedNeed(
  broker: DesiredBroker,
  record: BrokerRecord,
  intent: BrokerIntent,
  context: NeedContext,
): Need {
  const { task } = record;
  const { reason } = pausedBy(intent);
  if (task?.state === 'TASK_RUNNING' && task.unreachableSinceMs === undefined) {
    const { drift } = driftOf(broker, record, task, context);
    return { kind: 'running', broker, record, drift, barred: { reason, stalled: false } };
  }
  const verb = broker.state === 'stopped' ? 'stop' : 'start';
  return task === undefined && broker.state === 'stopped'
    ? { kind: 'stopped', broker }
    : heldNeed(context, broker, `${verb} broker ${broker.id}`, reason, false);
}

function withTask(broker: DesiredBroker, record: BrokerRecord, task: TaskRecord, context: NeedContext): Need {
  const { nowMs, mesos, desired } = context;
  const hold = (need: string, reason: HeldReason, stalled = false): Need =>
    heldNeed(context, broker, need, reason, stalled);
  if (task.unreachableSinceMs !== undefined) {
    return unreachableTask(broker, record, task, task.unreachableSinceMs, context);
  }
  const order = standingOrder(desired, broker, record, mesos, nowMs);
  switch (order?.kind) {
    case undefined:
      break;
    case 'in vain':
      return { kind: 'step', broker, record, step: order.step };
    case 'due':
      // Others may be down by now: whoever runs on is stopped as if it had not been ordered yet.
      return order.runsOn
        ? { kind: 'running', broker, record, drift: order.step.why }
        : {
            kind: 'step',
            broker,
            record,
            step: order.step,
            ...(task.state === 'TASK_KILLING' || isStaging(task, nowMs) ? {} : { onItsWayUp: true }),
          };
    case 'waiting':
      return {
        ...heldNeed(context, broker, `stop broker ${broker.id}`, order.reason, false),
        untilMs: order.untilMs,
      };
  }
  const kill = (cause: KillCause, why: readonly string[]): Need => ({
    kind: 'step',
    broker,
    record,
    step: killStep(desired, broker, record, cause, summariseWhy(why), why, nowMs),
    ...(isStaging(task, nowMs) ? {} : { onItsWayUp: true }),
  });
  switch (task.state) {
    case 'TASK_STAGING':
    case 'TASK_STARTING': {
      if (broker.state === 'stopped') {
        return kill('stop', [whyStopped(record, nowMs)]);
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

/** Nothing of it can serve yet, whatever of its words is still on its way: an agent says a lost one again only after 10 s. */
function isStaging({ state, launchedAtMs }: TaskRecord, nowMs: number): boolean {
  return state === 'TASK_STAGING' && nowMs - launchedAtMs < startsAfterMs;
}

function unreachableTask(
  broker: DesiredBroker,
  record: BrokerRecord,
  task: TaskRecord,
  sinceMs: number,
  context: NeedContext,
): Need {
  const untilMs = missedUntilMs(sinceMs, broker.stickinessPeriodMs, context.mesos);
  if (
    broker.state === 'running' &&
    !isBeingReplaced(record, context.nowMs) &&
    volumesOffered(record, context.mesos)
  ) {
    // A volume that is offered is not in use: the old instance is gone, whatever became of its last update.
    return kafkaArtifact(context.desired, context.artifacts) === undefined
      ? heldForDistribution(broker, `start broker ${broker.id}`, context)
      : (untilItServes(broker, record, context) ?? {
          kind: 'launch',
          broker,
          record,
          relocate: false,
          want: wantHome(context, broker, record),
        });
  }
  const isGivenUp = isBeingReplaced(record, context.nowMs);
  // News of it that could not be stored is forgotten as an answer too: it may be that the broker is back.
  const isSure = context.mesos.answeredTasks.has(task.taskId);
  const isDue = context.nowMs >= untilMs || isGivenUp;
  if (broker.state === 'stopped' || !isSure || !isDue) {
    const reason: HeldReason = {
      kind: 'agent-unreachable',
      agentId: task.agentId,
      hostname: record.placement?.hostname ?? task.agentId,
      sinceMs,
      ...(broker.state === 'stopped' || context.nowMs >= untilMs ? {} : { untilMs }),
      ...(isVoter(context.memory, broker.id) ? { isVoter: true } : {}),
      ...(broker.state === 'stopped' ? { isToStop: true } : {}),
    };
    if (broker.state === 'stopped') {
      return heldNeed(context, broker, `stop broker ${broker.id}`, reason, false);
    }
    // Asked about once more, a relocation that was held is not over.
    const need = `${isDue ? 'relocate' : 'start'} broker ${broker.id}`;
    return { ...heldNeed(context, broker, need, reason, false), wantsHome: true };
  }
  return relocation(broker, record, context);
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
  if (memory.cluster !== undefined && broker.roles.includes('controller') && !isVoter(memory, broker.id)) {
    return hold(
      need,
      { kind: 'not-yet-supported', detail: 'a controller cannot join a quorum that is formed already' },
      true,
    );
  }
  const back = cannotHaveServed(record, context.mesos) ? backHome(broker, record, context) : undefined;
  if (back !== undefined) {
    return back;
  }
  // The same task would be refused again; of what may mend it only a part is in the settings, so any revision will do.
  const refusedAt = record.last?.state === 'TASK_ERROR' ? record.last.revision : undefined;
  const isHalfDone = wasHalfDone(record.last);
  const corrected =
    record.last !== undefined &&
    ((refusedAt !== undefined && refusedAt !== memory.spec.revision) ||
      diffSettings(
        record.last.startedWith,
        settingsOf(desired, broker, wantedSha512(desired, record.last.startedWith, artifact.sha512)),
      ).length > 0);
  if (!corrected) {
    const said =
      record.last === undefined ? '' : (record.last.message ?? record.last.reason ?? record.last.state);
    const refused = context.mesos.conversions.get(record.placement?.incarnation ?? '')?.refused;
    const last = isHalfDone ? `RESERVE or CREATE before its launch was not done (${refused ?? said})` : said;
    if (refusedAt !== undefined && !isHalfDone) {
      return hold(need, { kind: 'refused-by-mesos', detail: last }, true);
    }
    const code = record.last?.code;
    if (isDiskCode(code) && record.retryAtMs !== undefined && nowMs < record.retryAtMs) {
      return hold(need, { kind: code, untilMs: record.retryAtMs, detail: last }, true);
    }
    if (broker.failover.maxTries !== undefined && record.failures >= broker.failover.maxTries) {
      return hold(need, { kind: 'gave-up', failures: record.failures, last }, true);
    }
    if (record.retryAtMs !== undefined && nowMs < record.retryAtMs) {
      const { failures, retryAtMs: untilMs } = record;
      return hold(need, {
        kind: 'backing-off',
        untilMs,
        failures,
        last,
        ...(isHalfDone ? { isHalfDone } : {}),
      });
    }
  }
  if (isOrMayBeFormatted(record) && record.placement?.volumes[0]?.kind === 'sandbox') {
    // The disk went with the task: wherever it starts, it starts empty.
    return relocation(broker, record, context);
  }
  if (isBeingReplaced(record, nowMs)) {
    return relocation(broker, record, context);
  }
  const unsettled = untilItServes(broker, record, context);
  if (unsettled !== undefined) {
    return unsettled;
  }
  if (wouldDropVolume(broker, record) && !isVoter(memory, broker.id)) {
    // Another disk is wanted, and nothing is on this one: it is left as any place is. A voter is bound to its own.
    return leftForAnother(broker, record, context);
  }
  const homeUntilMs = stickyUntilMs(broker, record, context);
  if (homeUntilMs === undefined || nowMs < homeUntilMs || homeOffered(record, context.mesos)) {
    return {
      kind: 'launch',
      broker,
      record,
      relocate: false,
      want: wantHome(context, broker, record),
      ...(homeUntilMs === undefined ? {} : { homeUntilMs }),
    };
  }
  return relocation(broker, record, context);
}

/** Before it starts anywhere: its agent may have no room beside what is reserved for it there. */
function leftForAnother(broker: DesiredBroker, record: BrokerRecord, context: NeedContext): Need {
  const need = relocation(broker, record, context);
  if (need.kind !== 'launch' || !need.relocate) {
    return need;
  }
  const step: Step = {
    mark: '-',
    what: `give up the place of broker ${broker.id} on ${record.placement?.hostname ?? 'no agent'}`,
    why: ['the spec wants other volumes, and no data is known to be on these'],
    clusterName: context.desired.name,
    brokerId: broker.id,
    action: { kind: 'broker', record: leavePlace(record, 'relocated', context.nowMs) },
  };
  return { kind: 'step', broker, record, step };
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
  const { intent } = record;
  return Math.max(
    record.stickyUntilMs ?? record.placement.boundAtMs + broker.stickinessPeriodMs,
    record.wantedSinceMs === undefined ? 0 : record.wantedSinceMs + broker.stickinessPeriodMs,
    (mesos.subscribedAtMs ?? 0) + offersAfterSubscribedMs,
    record.last?.ordered === true && record.last.state !== 'TASK_GONE_BY_OPERATOR'
      ? memory.spec.appliedAtMs + broker.stickinessPeriodMs
      : 0,
    // One that is over and not yet forgotten.
    intent?.kind === 'stop' || intent?.kind === 'pause'
      ? (intent.expiresAtMs ?? 0) + broker.stickinessPeriodMs
      : 0,
  );
}
