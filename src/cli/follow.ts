import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../api/client.ts';
import { UnavailableError } from '../model/errors.ts';
import type { ClusterStatus } from '../model/status.ts';
import { systemClock } from '../sys/clock.ts';
import type { Context } from './context.ts';
import { isMoving } from './convergence.ts';
import { footerWords } from './format/scheduler.ts';
import { clockTime } from './format/time.ts';
import { progressLines } from './progress-lines.ts';

export type FollowOptions = {
  /** Only these clusters; all otherwise. */
  readonly clusterNames?: readonly string[];
  /** Asked at every look; ends the following by returning true. */
  readonly until: (statuses: readonly ClusterStatus[]) => boolean;
  readonly timeoutMs?: number;
  /** Where lines go when there is no live view: results of a command that watches, else messages. */
  readonly say: (line: string) => void;
  /** Lines also on a terminal: stdout is for data. */
  readonly plain?: boolean;
  /** A scheduler that is away is waited for until the time is over. */
  readonly isPatient?: boolean;
};

export type FollowEnd = {
  readonly reason: 'until' | 'timeout' | 'interrupted';
  readonly last: readonly ClusterStatus[];
};

/** How long the scheduler may be away (it restarts, say) before following it fails. */
const lostAfterMs = 60_000;
const liveIntervalMs = 200;
/** Plain lines: while a broker is on its way nothing hurries, and every look takes time from those that start here. */
const calmIntervalMs = 400;
/** When the last of them is there, what people wait for is a moment away. */
const newsIntervalMs = 100;
const newsForMs = 2_000;

/**
 * Watches clusters in the live view, or as plain lines where stdout is no terminal. Only looks
 * on: Ctrl-C ends the watching and nothing else. Rejects with `UnavailableError` when the scheduler is
 * away for a minute, at once with any other error.
 */
export async function follow(
  context: Context,
  client: ApiClient,
  options: FollowOptions,
): Promise<FollowEnd> {
  return context.io.interactive && options.plain !== true
    ? followLive(context, client, options)
    : followPlainly(context, client, options);
}

async function followLive(context: Context, client: ApiClient, options: FollowOptions): Promise<FollowEnd> {
  const { renderLive } = await import('../view/render-live.tsx');
  const { reason, last } = await renderLive({
    poll: () => client.clusters(),
    leads: async () => footerWords(await client.scheduler()),
    intervalMs: liveIntervalMs,
    stdout: context.io.stdout,
    stdin: context.io.stdin,
    ...(options.clusterNames === undefined ? {} : { clusterNames: options.clusterNames }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    until: options.until,
    lostAfterMs: options.isPatient === true ? Infinity : lostAfterMs,
    clock: systemClock,
    environment: context.env,
  });
  if (reason === 'lost') throw lost();
  return { reason, last };
}

async function followPlainly(
  context: Context,
  client: ApiClient,
  options: FollowOptions,
): Promise<FollowEnd> {
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.once('SIGINT', onSignal);
  const startedAtMs = context.nowMs();
  let answeredAtMs = startedAtMs;
  let newsAtMs = startedAtMs;
  let silent = false;
  let last: readonly ClusterStatus[] = [];
  const say = (line: string) => {
    newsAtMs = context.nowMs();
    options.say(line);
  };
  try {
    for (;;) {
      try {
        const statuses = await client.clusters();
        const wanted = statuses.filter(({ name }) => options.clusterNames?.includes(name) ?? true);
        const nowMs = context.nowMs();
        for (const status of wanted) {
          const before = last.find(({ name }) => name === status.name);
          for (const line of progressLines(before, status, nowMs)) {
            say(statuses.length > 1 ? `${status.name}: ${line}\n` : `${line}\n`);
          }
        }
        for (const { name } of last) {
          if (!wanted.some((status) => status.name === name)) {
            say(`${clockTime(nowMs)} cluster ${name}: gone\n`);
          }
        }
        last = wanted;
        answeredAtMs = nowMs;
        silent = false;
        if (options.until(last)) return { reason: 'until', last };
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        const isLost = options.isPatient !== true && context.nowMs() - answeredAtMs > lostAfterMs;
        if (isLost) throw lost(error);
        if (!silent) context.io.err(`The scheduler does not answer (${error.message}); waiting for it.\n`);
        silent = true;
      }
      if (interrupt.signal.aborted) return { reason: 'interrupted', last };
      if (options.timeoutMs !== undefined && context.nowMs() - startedAtMs >= options.timeoutMs) {
        return { reason: 'timeout', last };
      }
      const hurries = !last.some(isMoving) && context.nowMs() - newsAtMs < newsForMs;
      const pauseMs = hurries ? newsIntervalMs : calmIntervalMs;
      await sleep(pauseMs, undefined, { signal: interrupt.signal }).catch(() => {});
    }
  } finally {
    process.off('SIGINT', onSignal);
  }
}

function lost(cause?: unknown): UnavailableError {
  return new UnavailableError('KM_UNAVAILABLE_SCHEDULER', 'the scheduler has not answered for a minute', {
    cause,
    remedy: 'what was applied is stored; start the scheduler again and look with `kafka-mesos status`',
  });
}
