/** Live progress as server-sent events (WHATWG HTML, 9.2): what everybody sees is looked at once for all readers. */
import type { ServerResponse } from 'node:http';
import type { ErrorAnswer, SchedulerService } from '../model/api.ts';
import { KafkaMesosError } from '../model/errors.ts';
import { type Clock, systemClock, type Timer } from '../sys/clock.ts';

/** Two looks are at least that far apart, and ten times as far as one takes. */
const pauseMs = 250;
const heartbeatMs = 15_000;
const blockedMs = 30_000;
export const maxReaders = 64;
/** Each page is looked for among all events. */
const eventsAtOnce = 1_000;

export type WatchHub = {
  /** False: there are too many readers already. */
  open(response: ServerResponse, of: ReaderOptions): boolean;
  readers(): number;
  /** Ends all streams. */
  close(): void;
};

export type ReaderOptions = { readonly clusterName?: string; readonly afterSeq?: number };

type Reader = ReaderOptions & {
  readonly response: ServerResponse;
  /** What it was sent last. */
  readonly clusters: Map<string, string>;
  scheduler?: string;
  trouble?: string;
  seq?: number;
  seen: number;
  isSynced: boolean;
  isBusy: boolean;
};

/** What is there to be sent; texts are JSON, and equal when nothing has changed. */
type Look = {
  readonly scheduler?: Said;
  readonly clusters: ReadonlyMap<string, Said>;
  /** 0: nothing has happened yet; absent: not known, as of a standby. */
  readonly lastSeq?: number;
  readonly trouble?: string;
};
/** `key` leaves out what is different at every look and tells nobody anything. */
type Said = { readonly key: string; readonly text: string };

/**
 * A reader is sent what differs from what it was sent before, and the next thing only when its connection took the one
 * before. So one that reads slowly gets the latest state and misses what was in between, and nothing piles up for it.
 */
export function createWatchHub(
  service: Pick<SchedulerService, 'scheduler' | 'clusters' | 'events' | 'onChange'>,
  clock: Clock = systemClock,
): WatchHub {
  const readers = new Set<Reader>();
  let now: Look = { clusters: new Map() };
  let version = 0;
  let isLooking = false;
  let wantsLook = false;
  let nextLook: Timer | undefined;
  let heartbeat: Timer | undefined;
  let unsubscribe: (() => void) | undefined;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let tookMs = 0;

  function wake(): void {
    if (nextLook !== undefined || readers.size === 0) return;
    if (isLooking) {
      wantsLook = true;
      return;
    }
    const waitMs = Math.max(0, lookedAtMs + Math.max(pauseMs, 10 * tookMs) - clock.nowMs());
    nextLook = clock.setTimer(waitMs, () => {
      nextLook = undefined;
      void look();
    });
  }

  async function look(): Promise<void> {
    isLooking = true;
    const startedAtMs = clock.nowMs();
    now = await lookAt(service, now);
    isLooking = false;
    lookedAtMs = clock.nowMs();
    tookMs = Math.max(0, lookedAtMs - startedAtMs);
    version += 1;
    for (const reader of readers) void pump(reader);
    if (wantsLook) {
      wantsLook = false;
      wake();
    }
  }

  function beat(): void {
    for (const { isBusy, response } of readers) if (!isBusy) response.write(': still here\n\n');
    // What could not be said may be known again, though nothing else has changed.
    wake();
    heartbeat = clock.setTimer(heartbeatMs, beat);
  }

  /** One at a time for each reader; always towards the latest look. */
  async function pump(reader: Reader): Promise<void> {
    if (reader.isBusy) return;
    reader.isBusy = true;
    try {
      while (readers.has(reader) && reader.seen !== version) {
        reader.seen = version;
        for await (const message of messagesFor(reader)) {
          if (!reader.response.write(message) && !(await drained(reader.response))) {
            leave(reader);
            return;
          }
        }
      }
    } catch {
      // The events cannot be had: whoever comes back with the last id misses none.
      leave(reader);
    } finally {
      reader.isBusy = false;
    }
  }

  async function* messagesFor(reader: Reader): AsyncGenerator<string> {
    if (now.trouble !== reader.trouble) {
      if (now.trouble === undefined) {
        delete reader.trouble;
        // That it is known again is told by what is known, though it is what it was.
        delete reader.scheduler;
      } else {
        reader.trouble = now.trouble;
        yield message('unavailable', now.trouble);
      }
    }
    if (now.scheduler !== undefined && now.scheduler.key !== reader.scheduler) {
      reader.scheduler = now.scheduler.key;
      yield message('scheduler', now.scheduler.text);
    }
    for (const name of [...now.clusters.keys()]) {
      const said = now.clusters.get(name);
      if (said === undefined || said.key === reader.clusters.get(name)) continue;
      if (reader.clusterName !== undefined && name !== reader.clusterName) continue;
      reader.clusters.set(name, said.key);
      yield message('cluster', said.text);
    }
    for (const name of [...reader.clusters.keys()]) {
      if (now.clusters.has(name)) continue;
      reader.clusters.delete(name);
      yield message('removed', JSON.stringify({ name }));
    }
    yield* eventsFor(reader);
    if (!reader.isSynced && (now.scheduler !== undefined || now.trouble !== undefined)) {
      reader.isSynced = true;
      yield message('synced', '{}');
    }
  }

  async function* eventsFor(reader: Reader): AsyncGenerator<string> {
    const { lastSeq } = now;
    if (lastSeq === undefined) return;
    // A number from before the events were counted anew is no place to go on from.
    if (reader.seq === undefined || reader.seq > lastSeq) reader.seq = lastSeq;
    while (reader.seq < lastSeq) {
      const page = await service.events({
        afterSeq: reader.seq,
        limit: eventsAtOnce,
        ...(reader.clusterName === undefined ? {} : { clusterName: reader.clusterName }),
      });
      for (const event of page.events) {
        reader.seq = event.seq;
        yield message('event', JSON.stringify(event), event.seq);
      }
      if (page.events.length < eventsAtOnce) reader.seq = Math.max(reader.seq, lastSeq);
    }
  }

  /** False: it took nothing for too long, or is gone. */
  function drained(response: ServerResponse): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (good: boolean) => {
        timer.cancel();
        response.off('drain', onDrain);
        response.off('close', onClose);
        resolve(good);
      };
      const onDrain = () => end(true);
      const onClose = () => end(false);
      const timer = clock.setTimer(blockedMs, onClose);
      response.once('drain', onDrain);
      response.once('close', onClose);
      if (response.destroyed) end(false);
    });
  }

  function leave(reader: Reader): void {
    reader.response.destroy();
    if (!readers.delete(reader) || readers.size > 0) return;
    nextLook?.cancel();
    heartbeat?.cancel();
    unsubscribe?.();
    nextLook = undefined;
    heartbeat = undefined;
    unsubscribe = undefined;
    now = { clusters: new Map() };
  }

  return {
    open(response, options) {
      if (readers.size >= maxReaders) return false;
      const reader: Reader = {
        ...options,
        response,
        clusters: new Map(),
        // What is being looked at may be from before the reader asked for anything: it gets the next look.
        seen: isLooking ? version + 1 : version,
        isSynced: false,
        isBusy: false,
        ...(options.afterSeq === undefined ? {} : { seq: options.afterSeq }),
      };
      response.once('close', () => leave(reader));
      response.on('error', () => leave(reader));
      readers.add(reader);
      unsubscribe ??= service.onChange(wake);
      heartbeat ??= clock.setTimer(heartbeatMs, beat);
      wake();
      return true;
    },
    readers: () => readers.size,
    close() {
      for (const reader of readers) leave(reader);
    },
  };
}

async function lookAt(
  service: Pick<SchedulerService, 'scheduler' | 'clusters' | 'events'>,
  before: Look,
): Promise<Look> {
  // A standby has no events to tell of, and the rest of it is worth seeing.
  const newest = newestSeq(service);
  try {
    const [scheduler, clusters] = await Promise.all([service.scheduler(), service.clusters()]);
    const lastSeq = await newest;
    const { pass, lastPassAtMs, ...rest } = scheduler;
    return {
      scheduler: { key: JSON.stringify(rest), text: JSON.stringify(scheduler) },
      clusters: new Map(
        clusters.map(({ observedAtMs, ...status }) => {
          const key = JSON.stringify(status);
          return [status.name, { key, text: `${key.slice(0, -1)},"observedAtMs":${observedAtMs}}` }] as const;
        }),
      ),
      ...(lastSeq === undefined ? {} : { lastSeq }),
    };
  } catch (error) {
    const known = error instanceof KafkaMesosError;
    const answer: ErrorAnswer = {
      error: {
        code: known ? error.code : 'KM_BUG_API',
        message: known ? error.message : 'the scheduler failed to say how things stand',
      },
    };
    return { ...before, trouble: JSON.stringify(answer) };
  }
}

async function newestSeq(service: Pick<SchedulerService, 'events'>): Promise<number | undefined> {
  try {
    return (await service.events({ limit: 1 })).lastSeq ?? 0;
  } catch {
    return undefined;
  }
}

/** JSON has no line breaks of its own. */
function message(event: string, data: string, id?: number): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`;
}
