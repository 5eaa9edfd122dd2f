import type { Clock } from '../sys/clock.ts';

/** Resolves when the time is up or any of the events has come; leaves no timer behind. */
export async function waitUpTo(
  clock: Clock,
  timeoutMs: number,
  ...events: readonly Promise<unknown>[]
): Promise<void> {
  let fire = () => {};
  const timeUp = new Promise<void>((resolve) => {
    fire = resolve;
  });
  const timer = clock.setTimer(timeoutMs, fire);
  await Promise.race([timeUp, ...events]).finally(() => timer.cancel());
}

/** Resolves when the signal fires, at once when it has. */
export function untilStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
