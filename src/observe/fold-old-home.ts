/** What words of a task tell of the place that its broker was relocated from. */
import type { BrokerReport } from '../model/launch.ts';
import type { TaskUpdate } from '../model/mesos.ts';
import { doubtOldHome } from '../model/old-home.ts';
import type { BrokerRecord } from '../model/records.ts';

/** As long as it says these, no Kafka has been started. */
const beforeKafka: ReadonlySet<string> = new Set(['fetching', 'formatting']);

/** What serves has all that counts: nobody goes back any more. */
export function withNews(
  record: BrokerRecord,
  state: TaskUpdate['state'],
  report: BrokerReport | undefined,
): BrokerRecord {
  if (record.oldHome !== undefined && state === 'TASK_RUNNING') {
    const { oldHome: _left, ...others } = record;
    return others;
  }
  return report === undefined || beforeKafka.has(report.phase) ? record : doubtOldHome(record);
}

/** An executor told to take only what is there has found that no replica was ever kept there. */
export const isNeverUsed = ({ oldHome }: BrokerRecord, report: BrokerReport | undefined): boolean =>
  oldHome !== undefined && report?.code === 'never-used';

/** Where the end does not come from who ran it, what it did before may never be heard. */
export function withEnd(
  record: BrokerRecord,
  isLastWord: boolean,
  report: BrokerReport | undefined,
): BrokerRecord {
  if (record.oldHome !== undefined && isNeverUsed(record, report)) {
    const { mayBeOutdated: _sure, ...oldHome } = record.oldHome;
    return { ...record, oldHome };
  }
  return isLastWord ? record : doubtOldHome(record);
}
