/** What an executor says of a broker that lives, in words: why it is not well, and what would help. */
import type { BrokerReport, ReportCode } from '../model/launch.ts';
import type { TaskRecord } from '../model/records.ts';
import type { Waiting } from '../model/status.ts';

/** Codes that a live task reports; how an ended one ended is told with its remedy by its message. */
const liveRemedies: Partial<Record<ReportCode, string>> = {
  'registration-lost':
    'see its log by `kafka-mesos logs`; it goes on by itself when the broker answers again, and is not ended for it',
};

/** Undefined for a broker that is well, or only on its way up. */
export function troubleOf(task: TaskRecord | undefined): Waiting | undefined {
  const report = task?.report;
  if (task === undefined || report === undefined) {
    return undefined;
  }
  if (report.phase === 'recovering') {
    return recovering(report);
  }
  if (report.code === undefined) {
    return undefined;
  }
  const remedy = Object.hasOwn(liveRemedies, report.code)
    ? liveRemedies[report.code as ReportCode]
    : undefined;
  return {
    // A code of a later release is all there is to show when no words came with it.
    why: report.message ?? `its executor reports "${report.code}"`,
    ...(remedy === undefined ? {} : { remedy }),
    stalled: false,
  };
}

/** What a starting broker waits for, in Kafka's words. */
export function startWaitOf(task: TaskRecord | undefined): Waiting | undefined {
  return task?.state === 'TASK_STARTING' && task.report?.message !== undefined
    ? { why: task.report.message, stalled: false }
    : undefined;
}

function recovering({ recovery, code, message }: BrokerReport): Waiting {
  const { doneLogs, totalLogs, doneSegments = 0 } = recovery ?? {};
  const segments = doneSegments > 0 ? `, ${doneSegments} segments read` : '';
  const done = recovery === undefined ? '' : `: ${doneLogs} of ${totalLogs} partitions are loaded${segments}`;
  const why = `recovers its logs after a hard stop${done}`;
  return code === undefined
    ? { why, stalled: false }
    : {
        why: `${why}; ${message ?? code}`,
        remedy:
          'look at the disk and at the log by `kafka-mesos logs`; it is never restarted for this, a recovery that is cut short begins anew',
        stalled: true,
      };
}
