import { loadavg } from 'node:os';

/** One line of the output: a ratio measured within one run on one machine, with what it was made of. */
export type Result = {
  readonly bench: string;
  /** `ours` by `reference`, the median over the runs. */
  readonly ratio: number;
  /** At most; absent where nothing was promised. */
  readonly aim?: number;
  readonly unit: 'ms';
  /** One figure a run, in order. */
  readonly ours: readonly number[];
  readonly reference: readonly number[];
  /** Of the whole process, after a garbage collection. */
  readonly heapMiB?: number;
  /** Throughput of `ours`, where that is what is asked. */
  readonly perSecond?: number;
  readonly meaning: string;
  /** Work that others gave the machine shows here: above the number of cores the figures say little. */
  readonly loadAverage: number;
};

export function result(
  measured: Omit<Result, 'ratio' | 'unit' | 'loadAverage'>,
  ratios: readonly number[] = measured.ours.map(
    (ours, run) => ours / (measured.reference[run] ?? Number.NaN),
  ),
): Result {
  const { bench, aim, ours, reference, heapMiB, perSecond, meaning } = measured;
  return {
    bench,
    ratio: Number(median(ratios).toFixed(3)),
    ...(aim === undefined ? {} : { aim }),
    unit: 'ms',
    ours: ours.map(round),
    reference: reference.map(round),
    ...(heapMiB === undefined ? {} : { heapMiB }),
    ...(perSecond === undefined ? {} : { perSecond }),
    meaning,
    loadAverage: Number((loadavg()[0] ?? 0).toFixed(1)),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

function round(ms: number): number {
  return Number(ms.toFixed(ms < 100 ? 2 : 0));
}
