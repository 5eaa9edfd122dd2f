/** Whoever touches the loop's state takes turns: jobs in their order, and a pass when none is left. */
import { UnavailableError } from '../model/errors.ts';
import type { Clock, Timer } from '../sys/clock.ts';

export type Turns = {
  /** An event, in its turn; a pass follows. What it throws ends the loop. */
  add(job: () => Promise<void>): void;
  /** Something that somebody outside waits for, in its turn. Rejects with what `job` throws, or once the turns have ended. */
  demand<T>(job: () => Promise<T>): Promise<T>;
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
        await runPass();
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
  }

  return {
    add,
    demand: (job) =>
      new Promise((resolve, reject) => {
        if (hasEnded) {
          reject(new UnavailableError('KM_UNAVAILABLE_STOPPED', 'the scheduler is stopping'));
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
