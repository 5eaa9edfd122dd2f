/** How fast tasks make progress, from the reports as they come; one entry a broker. */
import type { BrokerRecord } from '../model/records.ts';

type Progressing = {
  readonly taskId: string;
  readonly phase: string;
  readonly doneBytes: number;
  readonly atMs: number;
  readonly bytesPerSecond?: number;
};

export type Rates = {
  fold(record: BrokerRecord, nowMs: number): void;
  /** Bytes per second by task id. */
  current(): ReadonlyMap<string, number>;
};

export function createRates(): Rates {
  const byBroker = new Map<string, Progressing>();
  return {
    fold(record, nowMs) {
      const key = `${record.clusterName}/${record.id}`;
      const report = record.task?.report;
      if (record.task === undefined || report?.progress === undefined) {
        byBroker.delete(key);
        return;
      }
      const { taskId } = record.task;
      const { doneBytes } = report.progress;
      const first = byBroker.get(key);
      if (
        first === undefined ||
        first.taskId !== taskId ||
        first.phase !== report.phase ||
        doneBytes < first.doneBytes
      ) {
        byBroker.set(key, { taskId, phase: report.phase, doneBytes, atMs: nowMs });
      } else if (nowMs > first.atMs) {
        byBroker.set(key, {
          ...first,
          bytesPerSecond: ((doneBytes - first.doneBytes) / (nowMs - first.atMs)) * 1000,
        });
      }
    },
    current: () =>
      new Map(
        [...byBroker.values()].flatMap(({ taskId, bytesPerSecond }) =>
          bytesPerSecond === undefined ? [] : [[taskId, bytesPerSecond]],
        ),
      ),
  };
}
