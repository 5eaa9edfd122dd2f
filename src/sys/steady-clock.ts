/** A clock for timers that are written down: it follows the wall clock, but never jumps with it. */
import type { Clock, SteadyClock } from './clock.ts';

/** How much faster or slower than real time it may go to come back to the wall clock. */
const catchUp = 0.1;

/**
 * Between two readings as much time passes as the monotonic clock says, give or take a tenth until wall clock
 * and this one agree. A wall clock that is set forward by hours ends no waiting, one that is set back prolongs
 * none; while a machine sleeps no time passes, because nobody could have waited for anything.
 *
 * Not for leases that others measure: those must run out while the machine sleeps.
 */
export function createSteadyClock(wall: Clock, monotonicMs: () => number): SteadyClock {
  let shownMs = wall.nowMs();
  let readAtMs = monotonicMs();
  return {
    nowMs() {
      const atMs = monotonicMs();
      const elapsedMs = Math.max(0, atMs - readAtMs);
      readAtMs = atMs;
      const offMs = wall.nowMs() - (shownMs + elapsedMs);
      const mostMs = elapsedMs * catchUp;
      shownMs += elapsedMs + Math.max(-mostMs, Math.min(mostMs, offMs));
      return Math.floor(shownMs);
    },
    wallMs: wall.nowMs,
    setTimer: (delayMs, fire) => wall.setTimer(delayMs, fire),
  };
}
