import type { Clock } from '../../src/sys/clock.ts';

/** Time that passes when the test says so. `pending` gives the delays of the timers that are set. */
export type VirtualClock = Clock & { advance(ms: number): void; pending(): number[] };

export function createVirtualClock(): VirtualClock {
  let now = 1_000_000;
  const timers = new Set<{ at: number; fire: () => void }>();
  return {
    nowMs: () => now,
    setTimer(delayMs, fire) {
      const timer = { at: now + delayMs, fire };
      timers.add(timer);
      return { cancel: () => timers.delete(timer) };
    },
    advance(ms) {
      now += ms;
      for (const timer of [...timers].toSorted((a, b) => a.at - b.at)) {
        if (timer.at <= now && timers.delete(timer)) timer.fire();
      }
    },
    pending: () => [...timers].map(({ at }) => at - now),
  };
}
