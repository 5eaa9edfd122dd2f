/** What a run over many seeds went through, as lines for people. */
import { coverageRows, mergeCounts } from './coverage.ts';
import { crashes, faultKinds } from './faults.ts';
import type { SeedResult } from './run-seed.ts';
import { editNames } from './workload.ts';

const counting =
  <K>(of: (result: SeedResult) => ReadonlyMap<K, number>) =>
  (results: readonly SeedResult[]): ReadonlyMap<K, number> => {
    const counts = new Map<K, number>();
    for (const result of results) mergeCounts(counts, of(result));
    return counts;
  };

export const countFaults = counting((result) => result.faults);
export const countItems = counting((result) => result.coverage);
export const countCrashes = counting((result) => result.crashes);
export const countEdits = counting((result) => result.edits);

export function medianEvents(results: readonly SeedResult[]): number {
  const sorted = results.map((r) => r.events).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

export function summarise(results: readonly SeedResult[], tookMs: number): readonly string[] {
  const failed = results.filter((r) => r.violation !== undefined).length;
  const hours = results.reduce((sum, r) => sum + r.virtualMs, 0) / 3_600_000;
  const faults = countFaults(results);
  const died = countCrashes(results);
  const edits = countEdits(results);
  return [
    `${results.length} seeds, ${failed === 0 ? 'clean' : `${failed} failed`}; median ${medianEvents(results)} events a seed; ${((hours / tookMs) * 1000).toFixed(1)} simulated hours per second`,
    'faults',
    ...faultKinds.map((kind) => `  ${kind}: ${faults.get(kind) ?? 0}`),
    'crashes',
    ...crashes.map((what) => `  ${what}: ${died.get(what) ?? 0}`),
    'edits of the spec',
    ...editNames.map((what) => `  ${what}: ${edits.get(what) ?? 0}`),
    'scenarios',
    ...coverageRows(countItems(results)).map(({ key, count, what }) => `  ${key}: ${count} · ${what}`),
  ];
}
