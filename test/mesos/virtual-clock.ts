import type { SteadyClock } from '../../src/sys/clock.ts';

/** Time that passes when the test says so. `pending` gives the delays of the timers that are set. */
export type VirtualClock = SteadyClock & {
  advance(ms: number): void;
  /** The wall clock is set, by so much. */
  setWall(byMs: number): void;
  pending(): number[];
};

export function createVirtualClock(): VirtualClock {
  let now = 1_000_000;
  let offMs = 0;
  const timers = new Set<{ at: number; fire: () => void }>();
  return {
    nowMs: () => now,
    wallMs: () => now + offMs,
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
    setWall(byMs) {
      offMs += byMs;
    },
    pending: () => [...timers].map(({ at }) => at - now),
  };
}
