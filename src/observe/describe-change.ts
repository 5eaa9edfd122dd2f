/** The news in a changed broker record, in words; undefined when people need not hear of it. */
import type { BrokerRecord } from '../model/records.ts';
import type { ClusterEvent } from '../model/status.ts';

export function describeChange(
  before: BrokerRecord,
  after: BrokerRecord,
): Pick<ClusterEvent, 'severity' | 'message'> | undefined {
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
      message: `ended: ${last?.message ?? last?.reason ?? last?.state ?? 'no reason given'}`,
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
  if (is.report?.phase !== was.report?.phase && is.report !== undefined && is.state === 'TASK_STARTING') {
    return { severity: 'info', message: is.report.phase };
  }
  const warning = is.report?.warnings?.find((w) => was.report?.warnings?.includes(w) !== true);
  return warning === undefined ? undefined : { severity: 'warning', message: warning };
}
