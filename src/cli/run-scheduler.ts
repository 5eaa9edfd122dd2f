/** The scheduler process, from its start to its exit code. */
import { ConflictError, type KafkaMesosError } from '../model/errors.ts';
import { systemClock, type Timer } from '../sys/clock.ts';
import { createLogger, type Logger } from '../sys/logger.ts';
import { exitCodes } from './exit-codes.ts';
import { exitCodeOf, lead } from './lead-scheduler.ts';
import { type Closer, prepare, type SchedulerOverrides } from './prepare-scheduler.ts';
import type { SchedulerOptions } from './scheduler-options.ts';

/**
 * Runs the scheduler until SIGTERM or SIGINT, or until it may not lead any more; resolves to the exit code.
 * Serves the API on `options.listen`, says where by `publishApi`, and takes that back when it ends. While
 * another one leads it stands by and only reads. Brokers outlive it.
 */
export async function runScheduler(
  options: SchedulerOptions,
  overrides: SchedulerOverrides = {},
): Promise<number> {
  const logger = createLogger({ level: options.logLevel });
  const closers: Closer[] = [];
  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  let isClosing = false;
  const fail = (error: KafkaMesosError) => {
    // A session that we close ends a leadership, and nothing has failed.
    if (isClosing) return;
    if (error.code === 'KM_CONFLICT_TORN_DOWN') {
      logger.warn('the scheduler ends', { code: error.code, reason: error.message });
      // The answer to whoever asked for it goes out first.
      systemClock.setTimer(1_000, () => end(exitCodes.ok));
      return;
    }
    logger.error('the scheduler ends', {
      code: error.code,
      error: error.message,
      remedy: error.remedy,
      stack: error.code.startsWith('KM_BUG') ? error.stack : undefined,
    });
    end(exitCodeOf(error));
  };
  const stop = (signal: NodeJS.Signals) => {
    logger.info('stopping, the brokers go on', { signal });
    end(exitCodes.ok);
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  try {
    const base = await prepare(options, overrides, logger, closers);
    const { leadership } = base;
    const lost = leadership.lost.then((why) => {
      fail(new ConflictError('KM_CONFLICT_LEADERSHIP_LOST', `this scheduler is out of the election: ${why}`));
    });
    const elected = await Promise.race([
      leadership.elected().then(
        () => true,
        () => lost.then(() => false),
      ),
      ended.then(() => false),
    ]);
    if (elected) await lead(base, options, overrides, { logger, closers, fail, ended });
    return await ended;
  } finally {
    isClosing = true;
    // Whatever is decided from here on, nothing is sent: closing begins with what sends.
    for (const close of closers.reverse()) await closeInTime(close, logger);
  }
}

const closeTimeoutMs = 5_000;

/** A peer that does not answer cannot keep a scheduler that is over. */
async function closeInTime(close: Closer, logger: Logger): Promise<void> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = systemClock.setTimer(closeTimeoutMs, () => reject(new Error(`not within ${closeTimeoutMs} ms`)));
  });
  await Promise.race([Promise.resolve().then(close), late]).catch((error: unknown) =>
    logger.warn('not closed cleanly', { error: String(error) }),
  );
  timer?.cancel();
}
