/** A page of metrics, read back, and a meter that no test has to share. */
import { createSchedulerMetrics, type SchedulerMetrics } from '../../src/metrics/scheduler-metrics.ts';
import type { SchedulerStatus } from '../../src/model/api.ts';
import type { DirectoryStatus } from '../../src/model/source.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { clusterStatus } from '../api/fixtures.ts';

export type Page = {
  /** Value by series, as `name{label="value"}`; undefined where there is none. */
  of(series: string): number | undefined;
  /** Series with this beginning. */
  readonly series: readonly string[];
};

export function readPage(text: string): Page {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const values = new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))] as const;
    }),
  );
  return { of: (series) => values.get(series), series: [...values.keys()] };
}

export const leading: SchedulerStatus = {
  version: '1.2.3',
  frameworkName: 'kafka',
  role: 'kafka',
  master: 'm:5050',
  connected: true,
  startedAtMs: 0,
  pass: 1,
  leadership: { state: 'leading', sinceMs: 5_000, standbys: 1 },
  orphans: [],
};

/** With every part that a status can have, so that all words of all states are on its page. */
export const wholeStatus: { readonly cluster: ClusterStatus; readonly specs: DirectoryStatus } = {
  cluster: clusterStatus({
    conditions: (['Ready', 'Reconciling', 'Stalled', 'DiskTrouble'] as const).map((type) => ({
      type,
      status: false,
      reason: 'x',
      message: 'x',
    })),
    brokers: [
      {
        id: 0,
        pool: 'main',
        roles: ['broker'],
        state: 'running',
        restarts: 0,
        failures: 0,
        drift: [],
        warnings: [],
        disks: [{ path: '/a', state: 'fine', freeBytes: 1, totalBytes: 2 }],
      },
    ],
    source: { state: 'following', path: 'demo.yaml', message: 'followed' },
  }),
  specs: { directory: '/specs', state: 'read', message: 'read', files: 1, clusters: 1, problems: [] },
};

/** Of a scheduler whose stopwatch goes on by a quarter second with each look, and whose wall clock stands. */
export function metricsOf(
  scheduler: () => SchedulerStatus | Promise<SchedulerStatus> = () => leading,
  logged: string[] = [],
  wall = { nowMs: 77_000 },
): SchedulerMetrics {
  let ticks = 0;
  return createSchedulerMetrics({
    version: '1.2.3',
    logger: { ...silentLogger, warn: (message) => void logged.push(message) },
    monotonicMs: () => {
      ticks += 1;
      return ticks * 250;
    },
    wallMs: () => wall.nowMs,
    scheduler,
  });
}
