/** One run of the scheduler's program: it dies, it sleeps, its clock jumps. */
import type { Clock, Timer } from '../../src/sys/clock.ts';

export type SchedulerProcess = {
  /** Grows over all processes of a world. */
  readonly number: number;
  isDead(): boolean;
  die(): void;
  /** Nothing of it runs until it wakes; what happens meanwhile waits for it. */
  pause(): void;
  wake(): void;
  isPaused(): boolean;
  /** Its idea of the time; timers are not moved by a jump. */
  readonly clock: Clock;
  /** Time that only passes. */
  monotonicMs(): number;
  jump(byMs: number): void;
  /** Runs it in the process after a while: not at all when that is dead by then. */
  after(delayMs: number, run: () => void): Timer;
  /** Resolves in the process after a while; never when that is dead by then. */
  hop(delayMs: number): Promise<void>;
};

export function createSchedulerProcess(number: number, clock: Clock, skewMs: number): SchedulerProcess {
  let dead = false;
  let paused = false;
  let skew = skewMs;
  const backlog: (() => void)[] = [];
  const enter = (run: () => void): void => {
    if (dead) return;
    if (paused) backlog.push(run);
    else run();
  };
  const after = (delayMs: number, run: () => void): Timer => {
    let cancelled = false;
    const timer = clock.setTimer(delayMs, () =>
      enter(() => {
        if (!cancelled) run();
      }),
    );
    return {
      cancel() {
        cancelled = true;
        timer.cancel();
      },
    };
  };
  return {
    number,
    isDead: () => dead,
    die() {
      dead = true;
      backlog.length = 0;
    },
    pause() {
      paused = true;
    },
    isPaused: () => paused,
    wake() {
      paused = false;
      // One after the other, as an event loop would find them.
      for (const run of backlog.splice(0)) clock.setTimer(0, () => enter(run));
    },
    clock: { nowMs: () => clock.nowMs() + skew, setTimer: after },
    monotonicMs: clock.nowMs,
    jump(byMs) {
      skew += byMs;
    },
    after,
    hop: (delayMs) => new Promise((resolve) => after(delayMs, resolve)),
  };
}
