/** The step that stops a task, and when one that brought no answer is due again. */
import type { Desired } from '../model/desired.ts';
import type { Step } from '../model/plan.ts';
import type { BrokerRecord, KillCause } from '../model/records.ts';

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

export function summariseWhy(why: readonly string[]): string {
  return why.length === 1 ? (why[0] ?? '') : `${why[0]} and ${why.length - 1} more`;
}
