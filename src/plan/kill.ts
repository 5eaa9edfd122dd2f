/** The step that stops a task, and what becomes of an order to stop that is stored. */
import type { Desired } from '../model/desired.ts';
import type { ObservedMesos } from '../model/observed.ts';
import type { HeldReason, Step } from '../model/plan.ts';
import type { BrokerRecord, KillCause, TaskRecord } from '../model/records.ts';

/** One that is no longer in the spec is given the grace that its task was started with. */
type Stopped = { readonly id: number; readonly stopGraceMs?: number };

/** Marks the kill in the record, then sends it. Sent again it is no news, and the record stays as it is. */
export function killStep(
  desired: Desired,
  broker: Stopped,
  record: BrokerRecord,
  cause: KillCause,
  detail: string,
  why: readonly string[],
  nowMs: number,
): Step {
  const { task } = record;
  const isNew = task !== undefined && task.kill === undefined;
  return {
    mark: !isNew ? '·' : cause === 'roll' ? '~' : '-',
    what: cause === 'roll' ? `restart broker ${broker.id}` : `stop broker ${broker.id}`,
    why,
    clusterName: desired.name,
    brokerId: broker.id,
    action: {
      kind: 'broker',
      record: isNew ? { ...record, task: { ...task, kill: { cause, detail, atMs: nowMs } } } : record,
      call: {
        kind: 'kill',
        taskId: task?.taskId ?? '',
        agentId: task?.agentId ?? '',
        ...(broker.stopGraceMs === undefined ? {} : { graceMs: broker.stopGraceMs }),
      },
    },
  };
}

/** What becomes of the order to stop that a record has. */
export type StandingOrder =
  /** No update may ever come of a lost KILL: the pass that sends it again must come by itself. */
  | { readonly kind: 'waiting'; readonly reason: HeldReason; readonly untilMs: number }
  /** Sent by a scheduler that died, or unanswered. Who runs on may be wanted by now: the gate of any stop is asked again. */
  | { readonly kind: 'due'; readonly step: Step; readonly runsOn: boolean }
  | { readonly kind: 'in vain'; readonly step: Step };

export function standingOrder(
  desired: Desired,
  broker: Stopped,
  record: BrokerRecord,
  mesos: Pick<ObservedMesos, 'kills' | 'answeredTasks'>,
  nowMs: number,
): StandingOrder | undefined {
  const { task } = record;
  if (task?.kill === undefined) {
    return undefined;
  }
  const { cause, detail, atMs: sinceMs } = task.kill;
  if (cameToNothing(task, mesos, nowMs)) {
    return { kind: 'in vain', step: takeBackKill(record, task) };
  }
  const untilMs = killDueAtMs(mesos.kills.get(task.taskId));
  return untilMs <= nowMs
    ? {
        kind: 'due',
        step: killStep(desired, broker, record, cause, detail, [detail], nowMs),
        runsOn: task.state === 'TASK_RUNNING',
      }
    : {
        kind: 'waiting',
        reason: { kind: 'task-in-progress', doing: `stopping it (${detail})`, sinceMs },
        untilMs,
      };
}

/** A KILL that brought no terminal update is sent again, 5 s, 10 s, … up to a minute apart. */
export function killDueAtMs(
  sent: { readonly lastAtMs: number; readonly attempts: number } | undefined,
): number {
  return sent === undefined
    ? 0
    : sent.lastAtMs + Math.min(60_000, 5_000 * 2 ** Math.min(sent.attempts - 1, 5));
}

/**
 * An executor says at once that it is being killed, and the master keeps a KILL for an agent that is away for 75 s, then
 * not at all: after twice that, with the task still up, it was lost, or whoever stored it died before it was sent.
 */
const killLostMs = 150_000;

function cameToNothing(
  { taskId, state, kill }: TaskRecord,
  { kills, answeredTasks }: Pick<ObservedMesos, 'kills' | 'answeredTasks'>,
  nowMs: number,
): boolean {
  const sent = kills.get(taskId);
  return (
    kill !== undefined &&
    // That it is up is known of this subscription only.
    answeredTasks.has(taskId) &&
    (state === 'TASK_RUNNING' || state === 'TASK_STARTING') &&
    nowMs - Math.max(kill.atMs, sent?.lastAtMs ?? 0) > killLostMs
  );
}

/**
 * Whoever is told to stop counts as absent: several such orders without effect would hold one another for ever, and
 * their reasons may have gone. What is still to be stopped is ordered again, one at a time, as if for the first time.
 */
function takeBackKill(record: BrokerRecord, task: TaskRecord): Step {
  const { kill, ...kept } = task;
  return {
    mark: '·',
    what: `take back the order to stop broker ${record.id}`,
    why: [`it never took effect (${kill?.detail ?? ''})`],
    clusterName: record.clusterName,
    brokerId: record.id,
    action: { kind: 'broker', record: { ...record, task: kept } },
  };
}

export function summariseWhy(why: readonly string[]): string {
  return why.length === 1 ? (why[0] ?? '') : `${why[0]} and ${why.length - 1} more`;
}
