/** What words of a task tell of the place that its broker was relocated from. */
import type { BrokerReport } from '../model/launch.ts';
import type { TaskUpdate } from '../model/mesos.ts';
import type { BrokerRecord } from '../model/records.ts';

/** What serves has all that counts: nobody goes back any more. */
export function withNews(record: BrokerRecord, state: TaskUpdate['state']): BrokerRecord {
  const { oldHome, ...others } = record;
  return oldHome !== undefined && state === 'TASK_RUNNING' ? others : record;
}

/**
 * An executor told to take only what is there has found that no replica was ever kept there. Where a format is known of,
 * it must have found that: an empty disk is a lost one.
 */
export const isNeverUsed = (
  { oldHome, formatted }: BrokerRecord,
  report: BrokerReport | undefined,
): boolean =>
  oldHome !== undefined && report?.code === 'never-used' && (!formatted || report.formatted === true);
