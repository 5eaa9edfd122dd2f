/** Time as the rest of the program sees it; the simulation passes a virtual one. */
export type Clock = {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  setTimer(delayMs: number, fire: () => void): Timer;
};

/** One that waits are measured by, and beside it what the clock on the wall says, by which others name a time of day. */
export type SteadyClock = Clock & {
  /** Milliseconds since the epoch, as this machine believes; it may jump. */
  wallMs(): number;
};

export type Timer = { cancel(): void };

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  setTimer(delayMs, fire) {
    // Node clamps a delay beyond 2^31-1 ms to 1 ms, which would turn a long wait into a busy loop.
    const handle = setTimeout(fire, Math.max(0, Math.min(delayMs, 2_147_483_647)));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Milliseconds that only ever pass, whatever is done to the clock on the wall. They go on while the process is stopped. */
export const monotonicMs = (): number => performance.now();

/** Resolves after `delayMs` of the given clock. */
export function delay(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(delayMs, resolve);
  });
}
