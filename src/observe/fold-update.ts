/** What a task update changes in the record of its broker. Pure: the caller persists, then acknowledges. */
import type { DesiredBroker } from '../model/desired.ts';
import { isDiskCode } from '../model/launch.ts';
import { isTerminal, type TaskState, type TaskUpdate } from '../model/mesos.ts';
import { takenForOver } from '../model/old-home.ts';
import type { BrokerRecord, EndedTask, TaskRecord } from '../model/records.ts';
import { placeTaskId } from '../model/task-id.ts';
import { explainExit } from './executor-exit.ts';
import { isNeverUsed, withNews } from './fold-old-home.ts';
import { parseReport } from './parse-report.ts';

export type FoldPolicy = Pick<DesiredBroker, 'stickinessPeriodMs' | 'failover'>;

/** A broker that stayed up this long has left its failures behind. */
export const healthyAfterMs = 5 * 60_000;

/** The task may be alive as far as this update tells. */
export function isLive(state: TaskState): boolean {
  return (
    state === 'TASK_STAGING' ||
    state === 'TASK_STARTING' ||
    state === 'TASK_RUNNING' ||
    state === 'TASK_KILLING'
  );
}

export function foldUpdate(
  record: BrokerRecord,
  update: TaskUpdate,
  policy: FoldPolicy,
  nowMs: number,
): BrokerRecord {
  const { task } = record;
  if (record.leftBehind?.some((left) => placeTaskId(left.incarnation) === update.taskId) === true) {
    return update.state === 'TASK_GONE_BY_OPERATOR' ? withoutPlace(record, update.taskId) : record;
  }
  if (task?.taskId !== update.taskId) {
    const told = record.last?.taskId === update.taskId ? foldLate(record, update) : record;
    // A superseded task changes nothing but its own entry. It may be the last one too, taken for ended.
    const ended = record.superseded.find((s) => s.taskId === update.taskId);
    if (ended === undefined) {
      return livesDropped(told, update);
    }
    return isTerminal(update.state) ? withoutSuperseded(told, ended, nowMs) : told;
  }
  if (isTerminal(update.state)) {
    return endTask(record, task, update, policy, nowMs);
  }
  if (isOfMaster(update.state)) {
    // LOST is what even partition-aware frameworks get when an agent unregisters: unreachable, not failed.
    // UNKNOWN is the answer for an agent that the master has forgotten: no proof of death either, but
    // without a timer the broker would wait for that agent for ever.
    return task.unreachableSinceMs === undefined
      ? { ...record, task: { ...task, unreachableSinceMs: missedSince(update, nowMs) } }
      : record;
  }
  return foldLive(record, task, update, nowMs);
}

/** Nobody knows how it is, and what it is said to have reported is no news. */
const isOfMaster = (state: TaskState): boolean =>
  state === 'TASK_UNREACHABLE' || state === 'TASK_LOST' || state === 'TASK_UNKNOWN';

/** The agent's own words of a task whose end the master told already, or somebody before us: they come in their order. */
function foldLate(record: BrokerRecord, update: TaskUpdate): BrokerRecord {
  const report = parseReport(update.data);
  const { last, placement } = record;
  // A place that was bound after it ended is another one.
  const wasThere =
    last !== undefined && placement?.agentId === last.agentId && placement.boundAtMs <= last.endedAtMs;
  if (isOfMaster(update.state) || !wasThere) {
    return record;
  }
  const known = withNews(record, update.state);
  const { mayBeFormatted: _known, volumesMade: _made, ...others } = known;
  const wasFormatted =
    update.state === 'TASK_RUNNING' || (report?.formatted === true && !isNeverUsed(record, report));
  return wasFormatted && !record.formatted ? { ...others, formatted: true } : known;
}

/**
 * Its launch came twice: one was dropped, and the other was taken. Until its end is known nobody starts beside it, and
 * what it holds is not taken for gone.
 */
function livesDropped(record: BrokerRecord, { taskId, agentId, state }: TaskUpdate): BrokerRecord {
  const isDropped = record.last?.taskId === taskId && record.last.state === 'TASK_DROPPED';
  return isDropped && isLive(state) && agentId !== undefined
    ? { ...takenForOver(record), superseded: [...record.superseded, { taskId, agentId }] }
    : record;
}

/** Its agent was marked gone: whatever is left there, nobody will ever see it. */
function withoutPlace({ leftBehind = [], ...record }: BrokerRecord, taskId: string): BrokerRecord {
  const rest = leftBehind.filter((left) => placeTaskId(left.incarnation) !== taskId);
  return rest.length === 0 ? record : { ...record, leftBehind: rest };
}

/** What it held there is free from now on only: an offer from before could not show it. */
function withoutSuperseded(
  record: BrokerRecord,
  ended: BrokerRecord['superseded'][number],
  nowMs: number,
): BrokerRecord {
  const superseded = record.superseded.filter((s) => s !== ended);
  return record.leftBehind === undefined
    ? { ...record, superseded }
    : {
        ...record,
        superseded,
        leftBehind: record.leftBehind.map((left) =>
          left.agentId === ended.agentId ? { ...left, sinceMs: nowMs, endedTaskId: ended.taskId } : left,
        ),
      };
}

function foldLive(record: BrokerRecord, task: TaskRecord, update: TaskUpdate, nowMs: number): BrokerRecord {
  const { unreachableSinceMs: _over, ...reachable } = task;
  // A repeated or reconciled update may be older than what is known: neither state nor report go back.
  const isOlder = rankOf(update.state) < rankOf(task.state);
  const news = parseReport(update.data);
  const report = isOlder ? task.report : (news ?? task.report);
  const state = isOlder ? task.state : update.state;
  const hasRecovered = task.report?.phase === 'recovering' && report?.phase !== 'recovering';
  const next: TaskRecord = {
    ...reachable,
    state,
    // What a recovery took is no sign that the start hangs.
    stateSinceMs: state === task.state && !hasRecovered ? task.stateSinceMs : nowMs,
    seen: task.seen || update.state !== 'TASK_STAGING',
    ...(report === undefined ? {} : { report }),
  };
  const directoryId = report?.directoryId;
  const learnt =
    record.placement !== undefined &&
    directoryId !== undefined &&
    record.placement.directoryId !== directoryId;
  const { mayBeFormatted, volumesMade, ...known } = withNews(record, update.state);
  // What runs was formatted, whether its report can be read or not.
  const formatted = record.formatted || news?.formatted === true || update.state === 'TASK_RUNNING';
  const folded: BrokerRecord = {
    ...known,
    ...(mayBeFormatted === true && !formatted ? { mayBeFormatted } : {}),
    ...(volumesMade === true && !formatted ? { volumesMade } : {}),
    // On its way down it is no longer running: what it had left behind by then stays behind.
    failures: state !== task.state && wasHealthy(task, nowMs) ? 0 : record.failures,
    formatted,
    ...(record.placement === undefined
      ? {}
      : { placement: learnt ? { ...record.placement, directoryId } : record.placement }),
    task: next,
  };
  return same(folded, record) ? record : folded;
}

function endTask(
  record: BrokerRecord,
  task: TaskRecord,
  update: TaskUpdate,
  policy: FoldPolicy,
  nowMs: number,
): BrokerRecord {
  const report = parseReport(update.data);
  // What the operator does to an agent is no failure of the broker. But a launch that a draining agent dropped goes
  // there again, as long as its offers come: not without a pause.
  const ordered =
    task.kill !== undefined ||
    (update.reason === 'AGENT_DRAINING' && update.state !== 'TASK_DROPPED') ||
    update.state === 'TASK_GONE_BY_OPERATOR';
  // Somebody told it to end. Its agent did, which is stopped in order, maybe often. Or an order that we took back
  // arrived after all: but a KILL that nobody here knows of, time and again, must not be followed by a start at once.
  const isByAgent = (code: string | undefined) => code === 'shut-down';
  const wasKilled = record.last?.state === 'TASK_KILLED' && !record.last.ordered;
  const isKilledAgain = wasKilled && !isByAgent(record.last?.code) && !isByAgent(report?.code);
  // It was sent to look, and has.
  const wasNeverUsed = isNeverUsed(record, report);
  const isExcused = ordered || wasNeverUsed || (update.state === 'TASK_KILLED' && !isKilledAgain);
  // A launch that never reached the agent is no failure of the broker, but it is retried with the same patience.
  const isDisk = !ordered && isDiskCode(report?.code);
  // A disk is not mended by tries, and has a patience of its own: its ends are no failures of the broker.
  const failures = (wasHealthy(task, nowMs) ? 0 : record.failures) + (isExcused || isDisk ? 0 : 1);
  const exit = report === undefined ? explainExit(update) : undefined;
  const message = report?.message ?? exit?.message ?? update.message ?? report?.code;
  const code = report?.code ?? exit?.code;
  const last: EndedTask = {
    taskId: task.taskId,
    agentId: task.agentId,
    state: update.state,
    endedAtMs: nowMs,
    ...(update.reason === undefined ? {} : { reason: update.reason }),
    ...(message === undefined ? {} : { message: message.slice(0, 2_000) }),
    ...(code === undefined ? {} : { code }),
    ordered,
    ...(task.revision === undefined ? {} : { revision: task.revision }),
    startedWith: task.startedWith,
  };
  const { task: _ended, retryAtMs: _retry, mayBeFormatted: _before, volumesMade: _made, ...kept } = record;
  // Only the master says that an agent was marked gone: what the executor had reported last may never have come.
  const formatted = wasNeverUsed
    ? false
    : record.formatted || report?.formatted === true || update.state === 'TASK_GONE_BY_OPERATOR';
  // The timer runs from the moment the broker was first missed, not from the last sign of it.
  const missedSinceMs = task.unreachableSinceMs ?? nowMs;
  const delayMs = isDisk ? diskRetryMs : isExcused ? 0 : backoffMs(policy, failures);
  return {
    ...kept,
    formatted,
    ...(!formatted && !wasNeverUsed && mayHaveFormatted(record, update) ? { mayBeFormatted: true } : {}),
    ...(formatted || wasNeverUsed ? {} : volumesMadeBy(record, task)),
    last,
    failures,
    ...(task.seen ? {} : { unstarted: (record.unstarted ?? 0) + 1 }),
    stickyUntilMs:
      update.state === 'TASK_GONE_BY_OPERATOR'
        ? nowMs
        : // While it backs off its agent is not asked: the period begins when it may start again.
          Math.max(missedSinceMs, delayMs === 0 ? 0 : nowMs + delayMs) + policy.stickinessPeriodMs,
    ...retry(delayMs, nowMs),
  };
}

/** An agent makes the volumes of a task before it runs it. */
export const volumesMadeBy = (
  { volumesMade }: BrokerRecord,
  { seen }: TaskRecord,
): Pick<BrokerRecord, 'volumesMade'> => (seen || volumesMade === true ? { volumesMade: true } : {});

/**
 * Before it formats anything an executor says so, and its agent passes all on in order. But the master tells an end
 * without what came before it (it reconciles, an agent is back), and an agent that was rebooted has forgotten it.
 */
function mayHaveFormatted(
  { mayBeFormatted }: BrokerRecord,
  { state, reason, uuid, data }: TaskUpdate,
): boolean {
  const isOfAgent = uuid !== undefined && reason !== 'RECONCILIATION';
  const neverRan = state === 'TASK_ERROR' || (state === 'TASK_DROPPED' && reason !== 'RECONCILIATION');
  return mayBeFormatted === true || !(isOfAgent || neverRan || parseReport(data) !== undefined);
}

/** How long a broker is left alone whose disk is full or failed. */
export const diskRetryMs = 10 * 60_000;

const retry = (delayMs: number, nowMs: number): Pick<BrokerRecord, 'retryAtMs'> =>
  delayMs === 0 ? {} : { retryAtMs: nowMs + delayMs };

/** The first failure is retried at once; then `delay`, twice that, … up to `maxDelay`. */
export function backoffMs(policy: FoldPolicy, failures: number): number {
  return failures <= 1
    ? 0
    : Math.min(policy.failover.maxDelayMs, policy.failover.delayMs * 2 ** Math.min(failures - 2, 30));
}

const wasHealthy = (task: TaskRecord, nowMs: number): boolean =>
  task.state === 'TASK_RUNNING' && nowMs - task.stateSinceMs >= healthyAfterMs;
const rankOf = (state: TaskState): number =>
  ['TASK_STAGING', 'TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING'].indexOf(state);
/**
 * Both times are by the master's clock, the second is of when it said this, to a reconciliation too (`createStatusUpdate`
 * of protobuf_utils.cpp). Only what lies between them counts here: its clock may be hours off ours, and ours may have
 * been set. Where either is not told the agent is missed from now on, which moves no broker too early.
 */
function missedSince({ unreachableSinceMs, timestampMs }: TaskUpdate, nowMs: number): number {
  return unreachableSinceMs === undefined || timestampMs === undefined
    ? nowMs
    : nowMs - Math.max(0, Math.round(timestampMs - unreachableSinceMs));
}
const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
