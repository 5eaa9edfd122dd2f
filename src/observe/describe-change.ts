/** The news in a changed broker record, in words; undefined when people need not hear of it. */
import type { BrokerIntent, BrokerRecord } from '../model/records.ts';
import type { ClusterEvent } from '../model/status.ts';

type News = Pick<ClusterEvent, 'severity' | 'message' | 'why' | 'author'>;

export function describeChange(before: BrokerRecord, after: BrokerRecord): News | undefined {
  const was = before.task;
  const is = after.task;
  if (was !== undefined && is === undefined) {
    const last = after.last;
    if (last?.ordered === true) {
      // Any other end than the one that was asked for is worth a word.
      return {
        severity: 'info',
        message: last.state === 'TASK_KILLED' ? 'stopped' : `stopped (${last.state})`,
      };
    }
    return {
      severity: 'error',
      message: `ended${last === undefined ? '' : ` (${last.state})`}`,
      why: last?.message ?? last?.reason ?? 'no reason given',
    };
  }
  if (is === undefined || was === undefined) {
    return undefined;
  }
  if (is.unreachableSinceMs !== undefined && was.unreachableSinceMs === undefined) {
    return { severity: 'warning', message: `${after.placement?.hostname ?? 'its agent'} is unreachable` };
  }
  if (is.unreachableSinceMs === undefined && was.unreachableSinceMs !== undefined) {
    return {
      severity: 'info',
      message: `${after.placement?.hostname ?? 'its agent'} is back, the broker with it`,
    };
  }
  if (is.state === 'TASK_RUNNING' && was.state !== 'TASK_RUNNING') {
    return { severity: 'info', message: `serves at ${is.report?.endpoint ?? 'an address it did not tell'}` };
  }
  // What takes seconds is shown while it lasts; a recovery may take hours.
  if (is.report?.phase === 'recovering' && was.report?.phase !== 'recovering') {
    return { severity: 'warning', message: 'recovers its logs after a hard stop' };
  }
  const warning = is.report?.warnings?.find((w) => was.report?.warnings?.includes(w) !== true);
  return warning === undefined ? undefined : { severity: 'warning', message: warning };
}

/** The news in what the scheduler decided of a broker, beside the step that says so itself. */
export function describeDecision(
  before: BrokerRecord | undefined,
  after: BrokerRecord,
  nowMs: number,
): News | undefined {
  const intent = before?.intent;
  if (intent !== undefined && after.intent === undefined) {
    const isOver = intent.expiresAtMs !== undefined && intent.expiresAtMs <= nowMs;
    return {
      severity: 'info',
      message: `no more to be ${askedFor[intent.kind]}, as it was asked for`,
      author: intent.author,
      why: isOver ? 'its time is over' : 'it is done',
    };
  }
  const from = before?.placement;
  const to = after.placement;
  return from === undefined || to === undefined || from.incarnation === to.incarnation
    ? undefined
    : {
        severity: 'warning',
        message: `is relocated from ${from.hostname} to ${to.hostname}`,
        why: 'it starts on an empty disk and takes its replicas from the others',
      };
}

/** An intent's kind in `to be …`. */
export const askedFor: Readonly<Record<BrokerIntent['kind'], string>> = {
  stop: 'stopped',
  pause: 'left alone',
  restart: 'restarted',
  replace: 'replaced',
};
