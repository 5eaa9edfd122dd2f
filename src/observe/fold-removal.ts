/** What the end of the framework changes in the record of a broker. Pure: the caller persists it. */
import type { BrokerRecord } from '../model/records.ts';
import { type FoldPolicy, volumesMadeBy } from './fold-update.ts';

/**
 * Mesos ends the task, and may not have reached its agent yet; under another framework's id it says no more of it than
 * that it is not known. So it counts as a former instance. Its disk stays reserved and is waited for from now on: for
 * how long nobody had looked does not count.
 */
export function foldRemoval(
  record: BrokerRecord,
  frameworkId: string,
  policy: Pick<FoldPolicy, 'stickinessPeriodMs'>,
  nowMs: number,
): BrokerRecord {
  const { task, retryAtMs: _retry, ...kept } = record;
  if (task === undefined) {
    return record;
  }
  const { taskId, agentId, revision, startedWith } = task;
  return {
    ...kept,
    // Nobody heard of it what it did last.
    ...(record.formatted ? {} : { mayBeFormatted: true, ...volumesMadeBy(record, task) }),
    // Its agent may come back with the task on its way down: then an offer without its volumes proves nothing.
    ...(record.formatted || record.oldHome === undefined ? {} : { volumesMade: true }),
    last: {
      taskId,
      agentId,
      state: 'TASK_LOST',
      message: `Mesos removed its framework ${frameworkId}`,
      endedAtMs: nowMs,
      ordered: false,
      ...(revision === undefined ? {} : { revision }),
      startedWith,
    },
    superseded: [...record.superseded, { taskId, agentId }],
    stickyUntilMs: nowMs + policy.stickinessPeriodMs,
  };
}
