/** A clock for leases that others measure. */
import { uptime } from 'node:os';
import { monotonicMs } from './clock.ts';

/** What the two clocks may differ by without a sleep: some systems count their uptime in whole seconds. */
const toleranceMs = 1_000;

/**
 * Milliseconds that only ever pass, and that pass while the machine sleeps too. The monotonic clock stands still then
 * (Linux' CLOCK_MONOTONIC), the uptime goes on (CLOCK_BOOTTIME); by as much as it is ahead of where it was, the machine
 * slept. A guest that its hypervisor pauses may be told of by neither; there the store's epoch is what fences.
 */
export function createLeaseClock(
  awakeMs: () => number = monotonicMs,
  uptimeMs: () => number = () => uptime() * 1_000,
): () => number {
  const aheadMs = uptimeMs() - awakeMs();
  let sleptMs = 0;
  return () => {
    const nowMs = awakeMs();
    const gapMs = uptimeMs() - nowMs - aheadMs;
    if (gapMs - sleptMs > toleranceMs) {
      sleptMs = gapMs;
    }
    return nowMs + sleptMs;
  };
}
