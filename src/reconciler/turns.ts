/** Whoever touches the loop's state takes turns: jobs in their order, and a pass when none is left. */
import { UnavailableError } from '../model/errors.ts';
import type { Clock, Timer } from '../sys/clock.ts';

export type Turns = {
  /** An event, in its turn; a pass follows. What it throws ends the loop. */
  add(job: () => Promise<void>): void;
  /** Something that somebody outside waits for, in its turn. Rejects with what `job` throws, or once the turns have ended. */
  demand<T>(job: () => Promise<T>): Promise<T>;
  /** The end of the next pass that begins. Rejects as `demand` does. */
  nextPass(): Promise<void>;
  wakeAt(atMs: number): void;
  /** One more pass, though nothing came. */
  passAgain(): void;
  /** Passes in a row without a job between them. */
  restlessPasses(): number;
  /** No turn begins any more. */
  end(): void;
};

export function createTurns({
  clock,
  runPass,
  onFailure,
  onDemandFailed,
}: {
  readonly clock: Clock;
  readonly runPass: () => Promise<void>;
  /** The turns have ended. */
  readonly onFailure: (error: unknown) => void;
  /** Before whoever waits for it is told; says whether it ends the loop as well. */
  readonly onDemandFailed: (error: unknown) => 'goes on' | 'ends';
}): Turns {
  const inbox: (() => Promise<void>)[] = [];
  let isRunning = false;
  let isPassDue = false;
  let hasEnded = false;
  let restless = 0;
  let timer: Timer | undefined;
  const waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  const stopping = () => new UnavailableError('KM_UNAVAILABLE_STOPPED', 'the scheduler is stopping');

  async function drain(): Promise<void> {
    if (isRunning) {
      return;
    }
    isRunning = true;
    try {
      while (!hasEnded && (inbox.length > 0 || isPassDue)) {
        const job = inbox.shift();
        if (job !== undefined) {
          await job();
          isPassDue = true;
          restless = 0;
          continue;
        }
        isPassDue = false;
        restless += 1;
        const before = waiting.length;
        await runPass();
        for (const { resolve } of waiting.splice(0, before)) resolve();
      }
    } catch (error) {
      end();
      onFailure(error);
    } finally {
      isRunning = false;
    }
  }

  function add(job: () => Promise<void>): void {
    if (!hasEnded) {
      inbox.push(job);
      void drain();
    }
  }

  function end(): void {
    hasEnded = true;
    timer?.cancel();
    for (const { reject } of waiting.splice(0)) reject(stopping());
  }

  return {
    add,
    demand: (job) =>
      new Promise((resolve, reject) => {
        if (hasEnded) {
          reject(stopping());
          return;
        }
        add(async () => {
          try {
            resolve(await job());
          } catch (error) {
            const then = onDemandFailed(error);
            reject(error);
            if (then === 'ends') {
              throw error;
            }
          }
        });
      }),
    nextPass: () =>
      new Promise((resolve, reject) => {
        if (hasEnded) reject(stopping());
        else waiting.push({ resolve, reject });
      }),
    wakeAt(atMs) {
      timer?.cancel();
      timer = clock.setTimer(Math.max(1, atMs - clock.nowMs()), () => add(async () => {}));
    },
    passAgain() {
      isPassDue = true;
    },
    restlessPasses: () => restless,
    end,
  };
}
