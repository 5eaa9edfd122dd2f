/** What brokers' disks come to: a state each, and what would help. */
import { type DiskReport, diskStateOf, isDiskCode } from '../model/launch.ts';
import type { BrokerRecord } from '../model/records.ts';
import type { BrokerStatus, Condition, DiskStatus, Waiting } from '../model/status.ts';

export const diskRemedies = {
  'disk-full':
    'make room on it: enlarge it or remove what is not Kafka’s; deleted topics and shorter retention free space only while the broker runs',
  'disk-failed':
    'mend or replace the disk and bring its data back; if they are lost, the broker wants replacing, so that its replicas are copied anew',
} as const;

export function diskStatus(report: DiskReport): DiskStatus {
  return { ...report, state: diskStateOf(report) };
}

/** Undefined unless a directory of a running broker is offline or about to be. */
export function diskTrouble(record: BrokerRecord | undefined): Waiting | undefined {
  const disks = record?.task?.report?.disks?.map(diskStatus) ?? [];
  const worst = disks.find(isFailed) ?? disks.find(({ state }) => state === 'full');
  if (worst === undefined) {
    return undefined;
  }
  return isFailed(worst)
    ? { why: inWords(worst), remedy: diskRemedies['disk-failed'], stalled: true }
    : { why: inWords(worst), remedy: diskRemedies['disk-full'], stalled: false };
}

/** Disks that are filling up, for the warnings of a broker. */
export function diskWarnings(record: BrokerRecord | undefined): readonly string[] {
  const disks = record?.task?.report?.disks?.map(diskStatus) ?? [];
  return disks
    .filter(({ state }) => state === 'low')
    .map((disk) => `${inWords(disk)}: ${diskRemedies['disk-full']}`);
}

/** One condition for the cluster, naming broker, path and remedy of the worst. */
export function diskCondition(
  brokers: readonly BrokerStatus[],
  records: ReadonlyMap<number, BrokerRecord>,
): Condition {
  const found = brokers.flatMap(({ id, disks = [] }) => {
    const last = records.get(id)?.task === undefined ? records.get(id)?.last : undefined;
    return [
      ...(last !== undefined && isDiskCode(last.code)
        ? [
            {
              id,
              state: last.code === 'disk-full' ? 'full' : 'failed',
              words: last.message ?? last.code,
            } as const,
          ]
        : []),
      ...disks.map((disk) => ({ id, state: disk.state, words: inWords(disk) })),
    ];
  });
  for (const [state, reason, kind] of severity) {
    const some = found.filter((one) => one.state === state);
    const [first] = some;
    if (first !== undefined) {
      const more = some.length > 1 ? `; and ${some.length - 1} more` : '';
      const message = `broker ${first.id}: ${first.words}${more}. To do: ${diskRemedies[kind]}`;
      return { type: 'DiskTrouble', status: true, reason, message };
    }
  }
  return {
    type: 'DiskTrouble',
    status: false,
    reason: 'DisksFine',
    message: 'no disk is said to be full or failed',
  };
}

const severity = [
  ['failed', 'DiskFailed', 'disk-failed'],
  ['full', 'DiskFull', 'disk-full'],
  ['low', 'DiskLow', 'disk-full'],
] as const;

const isFailed = ({ state }: DiskStatus): boolean => state === 'failed';

function inWords({ path, state, totalBytes, freeBytes, error }: DiskStatus): string {
  return state === 'failed'
    ? `log directory ${path} is offline: ${error}`
    : `the disk of ${path} has ${gibibytes(freeBytes)} of ${gibibytes(totalBytes)} GiB free`;
}

const gibibytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
