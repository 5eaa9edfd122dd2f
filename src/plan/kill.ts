/** The step that stops a task, and when one that brought no answer is due again. */
import type { Desired } from '../model/desired.ts';
import type { ObservedMesos } from '../model/observed.ts';
import type { Step } from '../model/plan.ts';
import type { BrokerRecord, KillCause, TaskRecord } from '../model/records.ts';

/** Marks the kill in the record, then sends it; also used to send it again. */
export function killStep(
  desired: Desired,
  /** One that is no longer in the spec is given the grace that its task was started with. */
  broker: { readonly id: number; readonly stopGraceMs?: number },
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
        ...(broker.stopGraceMs === undefined ? {} : { graceMs: broker.stopGraceMs }),
      },
    },
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

export function cameToNothing(
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
export function takeBackKill(record: BrokerRecord, task: TaskRecord): Step {
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
