/** What a run over many seeds went through, as lines for people. */
import { coverageRows, mergeCounts } from './coverage.ts';
import { crashes, type FaultKind, faultKinds } from './faults.ts';
import type { SeedResult } from './run-seed.ts';
import { type EditName, editNames } from './workload.ts';

export function countFaults(results: readonly SeedResult[]): ReadonlyMap<FaultKind, number> {
  const counts = new Map<FaultKind, number>();
  for (const { faults } of results) mergeCounts(counts, faults);
  return counts;
}

export function countItems(results: readonly SeedResult[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { coverage } of results) mergeCounts(counts, coverage);
  return counts;
}

export function countCrashes(results: readonly SeedResult[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { crashes } of results) mergeCounts(counts, crashes);
  return counts;
}

export function countEdits(results: readonly SeedResult[]): ReadonlyMap<EditName, number> {
  const counts = new Map<EditName, number>();
  for (const { edits } of results) mergeCounts(counts, edits);
  return counts;
}

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
