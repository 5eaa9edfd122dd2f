/** How clusters stand, as it changes: what `status --watch`, `wait`, `apply --wait` and the live view follow. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../api/client.ts';
import { errorFrom } from '../api/client-errors.ts';
import type { ClusterStatus, SchedulerStatus } from '../model/api.ts';
import { ProtocolError, UnavailableError } from '../model/errors.ts';

export type Look =
  | {
      readonly kind: 'statuses';
      /** By name. */
      readonly statuses: readonly ClusterStatus[];
      readonly scheduler: SchedulerStatus;
    }
  /** Nothing has changed, and who is asked is there. */
  | { readonly kind: 'still' }
  /** It is asked again. */
  | { readonly kind: 'away'; readonly error: UnavailableError };

export type WatchOptions = {
  /** Only this one; all otherwise. */
  readonly clusterName?: string | undefined;
  readonly signal: AbortSignal;
  /** How long a stream may say nothing at all before it counts as held back by something in between; 10 s unless said. */
  readonly firstWordMs?: number;
};

const firstPauseMs = 250;
const longestPauseMs = 2_000;
const pollMs = 1_000;
const polledForMs = 60_000;

/**
 * Woken by the scheduler's stream of what changes. Where that breaks off, it is opened anew, after pauses that grow to
 * two seconds, of whoever leads then. Where there is none (an earlier scheduler, too many readers, a proxy that lets
 * none through) the scheduler is asked every second instead, and for a stream again after a minute. Ends with
 * `signal`; rejects with what is no `UnavailableError`.
 */
export async function* watchStatuses(client: ApiClient, options: WatchOptions): AsyncGenerator<Look> {
  const { signal } = options;
  let pauseMs = firstPauseMs;
  while (!signal.aborted) {
    let hasStream = true;
    try {
      for await (const look of streamed(client, options)) {
        pauseMs = firstPauseMs;
        yield look;
      }
    } catch (error) {
      if (signal.aborted) return;
      hasStream = !isWithoutStream(error);
      if (hasStream && !(error instanceof UnavailableError)) throw error;
      if (hasStream) yield { kind: 'away', error: error as UnavailableError };
    }
    if (!hasStream) yield* polled(client, options);
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
    pauseMs = Math.min(longestPauseMs, pauseMs * 2);
  }
}

function isWithoutStream(error: unknown): boolean {
  const code = error instanceof ProtocolError || error instanceof UnavailableError ? error.code : '';
  return code === 'KM_PROTOCOL_WATCH' || code === 'KM_UNAVAILABLE_RATE';
}

/** Rejects when it breaks off. */
async function* streamed(
  client: ApiClient,
  { clusterName, signal, firstWordMs = 10_000 }: WatchOptions,
): AsyncGenerator<Look> {
  const silence = new AbortController();
  const stream = await client.watch(
    clusterName === undefined ? {} : { clusterName },
    AbortSignal.any([signal, silence.signal]),
  );
  const clusters = new Map<string, ClusterStatus>();
  let scheduler: SchedulerStatus | undefined;
  let isSynced = false;
  const timer = setTimeout(() => silence.abort(), firstWordMs);
  try {
    for await (const messages of stream) {
      let isNews = false;
      for (const { event, data } of messages) {
        if (event === 'unavailable') throw unavailable(data);
        if (event === 'scheduler') scheduler = data;
        else if (event === 'cluster') clusters.set(data.name, data);
        else if (event === 'removed') clusters.delete(data.name);
        else if (event === 'synced') isSynced = true;
        isNews ||= event !== 'event';
      }
      if (!isSynced || scheduler === undefined) continue;
      clearTimeout(timer);
      const statuses = [...clusters.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
      yield isNews ? { kind: 'statuses', statuses, scheduler } : { kind: 'still' };
    }
  } catch (error) {
    if (!silence.signal.aborted) throw error;
    throw new ProtocolError('KM_PROTOCOL_WATCH', 'nothing comes by the stream of what changes');
  } finally {
    clearTimeout(timer);
  }
}

/** Told as an error: another scheduler may know more, and the stream is opened anew of whoever leads then. */
function unavailable(answer: unknown): Error {
  const error = errorFrom(503, answer, 'the stream');
  return error ?? new UnavailableError('KM_UNAVAILABLE_SCHEDULER', 'the scheduler does not know just now');
}

/** For a minute. */
async function* polled(client: ApiClient, { clusterName, signal }: WatchOptions): AsyncGenerator<Look> {
  const startedAtMs = performance.now();
  while (!signal.aborted && performance.now() - startedAtMs < polledForMs) {
    const askedAtMs = performance.now();
    try {
      const [all, scheduler] = await Promise.all([client.clusters(), client.scheduler()]);
      const statuses = all.filter(({ name }) => clusterName === undefined || name === clusterName);
      yield { kind: 'statuses', statuses, scheduler };
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof UnavailableError)) throw error;
      yield { kind: 'away', error };
      // Another one may have come in its place.
      if (error.code !== 'KM_UNAVAILABLE_RATE') return;
    }
    // What takes the scheduler long to say (a thousand brokers) is asked less often: looking on must cost it little.
    const tookMs = performance.now() - askedAtMs;
    await sleep(Math.max(pollMs, 4 * tookMs), undefined, { signal }).catch(() => {});
  }
}
