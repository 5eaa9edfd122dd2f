import { setTimeout as sleep } from 'node:timers/promises';
import { createApiClient } from '../api/client.ts';
import type { SchedulerStatus } from '../model/api.ts';
import { ConflictError, UnavailableError } from '../model/errors.ts';
import { startInBackground, stopProcess } from './background.ts';
import type { Context } from './context.ts';
import { findRunningApi, readToken } from './home.ts';

/**
 * Makes sure that the scheduler of this home runs, works for `master` and follows `specs`, where that is named. Whether it
 * was started.
 *
 * Errors: `ConflictError` when one runs for another master or directory; `UnavailableError` when it does not start.
 */
export async function ensureScheduler(
  context: Context,
  { master, specs }: { readonly master: string; readonly specs: string | undefined },
  args: readonly string[],
): Promise<boolean> {
  const running = await askRunning(context);
  if (running !== undefined) {
    if (running.master === master) {
      if (specs === undefined || running.specs?.directory === specs) return false;
      throw new ConflictError(
        'KM_CONFLICT_SCHEDULER',
        `the scheduler runs already, and ${running.specs === undefined ? 'follows no directory' : `follows ${running.specs.directory}`}`,
        { remedy: 'stop it first: `kafka-mesos local down`; data stays' },
      );
    }
    throw new ConflictError(
      'KM_CONFLICT_SCHEDULER',
      `the scheduler of this home works for ${running.master}, not for ${master}`,
      { remedy: 'leave out --local, or set KAFKA_MESOS_HOME to another directory for the local cluster' },
    );
  }
  await startInBackground(context, {
    what: 'scheduler',
    args: ['scheduler', '--master', master, ...args],
    logPath: context.home.schedulerLog,
    ready: async (pid) =>
      (await findRunningApi(context.home))?.pid === pid && (await askRunning(context)) !== undefined,
    rivalMark: 'KM_UNAVAILABLE_STORE_LOCKED',
    rivalReady: async () => (await askRunning(context))?.master === master,
    timeoutMs: 60_000,
  });
  return true;
}

/** Stops the scheduler of this home; tasks go on. Whether there was one. */
export async function stopScheduler(context: Context): Promise<boolean> {
  const running = await findRunningApi(context.home);
  if (running === undefined) return false;
  await stopProcess(context, running, 20_000);
  return true;
}

/**
 * Of the scheduler that runs; undefined when none does. One that dies while it is asked resets the connection some moments
 * before it is gone from the table of processes: it is as good as gone.
 */
async function askRunning(context: Context): Promise<Pick<SchedulerStatus, 'master' | 'specs'> | undefined> {
  const [api, token] = await Promise.all([findRunningApi(context.home), readToken(context.home.tokenFile)]);
  if (api === undefined || token === undefined) return undefined;
  try {
    return await createApiClient({ url: api.url, token, timeoutMs: 5_000 }).scheduler();
  } catch (error) {
    const deadlineMs = context.nowMs() + 2_000;
    while ((await findRunningApi(context.home))?.pid === api.pid) {
      if (!(error instanceof UnavailableError) || context.nowMs() >= deadlineMs) throw error;
      await sleep(50);
    }
    return undefined;
  }
}
