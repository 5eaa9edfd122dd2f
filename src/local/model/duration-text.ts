/** A duration in Mesos' words: `3secs`, `15mins`, `1.5hrs`, `250ms`. */
export function durationText(durationMs: number): string {
  for (const [unit, lengthMs] of units) {
    if (Math.abs(durationMs) >= lengthMs) return `${durationMs / lengthMs}${unit}`;
  }
  return `${durationMs}ms`;
}

const units: readonly (readonly [string, number])[] = [
  ['weeks', 604_800_000],
  ['days', 86_400_000],
  ['hrs', 3_600_000],
  ['mins', 60_000],
  ['secs', 1_000],
];
