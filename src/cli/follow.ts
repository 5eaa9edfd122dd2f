import type { ApiClient } from '../api/client.ts';
import { UnavailableError } from '../model/errors.ts';
import type { ClusterStatus } from '../model/status.ts';
import { systemClock } from '../sys/clock.ts';
import type { Context } from './context.ts';
import { footerWords } from './format/scheduler.ts';
import { clockTime } from './format/time.ts';
import { progressLines } from './progress-lines.ts';
import { type Look, type WatchOptions, watchStatuses } from './watch-statuses.ts';

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
/** What is waited for may come by time alone: a cluster counts as held when it is so for a while. */
const tickMs = 250;
const firstLookMs = 10_000;

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
    looks: (signal) => withLeader(watchStatuses(client, { ...oneOf(options), signal })),
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

async function* withLeader(looks: AsyncIterable<Look>) {
  for await (const look of looks) {
    yield look.kind === 'statuses' ? { ...look, footer: footerWords(look.scheduler) } : look;
  }
}

async function followPlainly(
  context: Context,
  client: ApiClient,
  options: FollowOptions,
): Promise<FollowEnd> {
  const ended = Promise.withResolvers<FollowEnd['reason']>();
  const leaving = new AbortController();
  const onSignal = () => ended.resolve('interrupted');
  const startedAtMs = context.nowMs();
  let awaySince: { readonly atMs: number; readonly error: UnavailableError } | undefined;
  let last: readonly ClusterStatus[] | undefined;

  const judge = () => {
    try {
      if (last !== undefined && options.until(last)) ended.resolve('until');
    } catch (error) {
      ended.reject(error);
    }
  };
  const take = (look: Look) => {
    const nowMs = context.nowMs();
    if (look.kind === 'away') {
      const { error } = look;
      if (awaySince === undefined)
        context.io.err(`The scheduler does not answer (${error.message}); waiting for it.\n`);
      awaySince = { atMs: awaySince?.atMs ?? nowMs, error };
      return;
    }
    if (awaySince !== undefined) context.io.err('The scheduler answers again.\n');
    awaySince = undefined;
    if (look.kind === 'still') return;
    const wanted = look.statuses.filter(({ name }) => options.clusterNames?.includes(name) ?? true);
    const before = last ?? [];
    for (const status of wanted) {
      const lines = progressLines(
        before.find(({ name }) => name === status.name),
        status,
        nowMs,
      );
      for (const line of lines) options.say(wanted.length > 1 ? `${status.name}: ${line}\n` : `${line}\n`);
    }
    for (const { name } of before) {
      if (!wanted.some((status) => status.name === name)) {
        options.say(`${clockTime(nowMs)} cluster ${name}: gone\n`);
      }
    }
    last = wanted;
    judge();
  };
  const tick = () => {
    const nowMs = context.nowMs();
    // What was seen last may not be so any more while nobody says anything.
    if (awaySince === undefined) judge();
    // However short, it is looked once.
    const isUnseen = last === undefined && awaySince === undefined;
    const patienceMs = (options.timeoutMs ?? Infinity) + (isUnseen ? firstLookMs : 0);
    if (nowMs - startedAtMs >= patienceMs) ended.resolve('timeout');
    const isLost = awaySince !== undefined && nowMs - awaySince.atMs >= lostAfterMs;
    if (isLost && options.isPatient !== true) ended.reject(lost(awaySince?.error));
  };
  const looking = async () => {
    for await (const look of watchStatuses(client, { ...oneOf(options), signal: leaving.signal })) take(look);
  };

  process.once('SIGINT', onSignal);
  const ticks = setInterval(tick, tickMs);
  try {
    looking().catch(ended.reject);
    return { reason: await ended.promise, last: last ?? [] };
  } finally {
    clearInterval(ticks);
    leaving.abort();
    process.off('SIGINT', onSignal);
  }
}

/** The stream of one cluster alone, where only that is followed. */
function oneOf({ clusterNames = [] }: FollowOptions): Pick<WatchOptions, 'clusterName'> {
  return clusterNames.length === 1 ? { clusterName: clusterNames[0] } : {};
}

function lost(cause?: unknown): UnavailableError {
  return new UnavailableError('KM_UNAVAILABLE_SCHEDULER', 'the scheduler has not answered for a minute', {
    cause,
    remedy: 'what was applied is stored; start the scheduler again and look with `kafka-mesos status`',
  });
}
