/**
 * Keeps the event log in the store, so that it survives restarts and failover: written in the loop's turns, a moment
 * after something was added. A store that takes nothing delays it and nothing else; a crash loses the last moment.
 */

import { frameworkLog } from '../model/api.ts';
import { KafkaMesosError, ProtocolError, UnavailableError } from '../model/errors.ts';
import type { EventsRecord } from '../model/records.ts';
import { recordPaths, type Store } from '../model/store.ts';
import type { Clock, Timer } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import type { EventLog } from './event-log.ts';
import { isLeadershipLost } from './guard.ts';

const storedAfterMs = 2_000;
const maxRetryMs = 60_000;

export type StoredEvents = {
  /** Before anything is added; rejects as the store does, but for what cannot be read. */
  load(clusterNames: readonly string[]): Promise<void>;
  /** Of the log. */
  changed(): void;
  /** Writes what is not stored. Rejects only when the leadership is lost. */
  flush(): Promise<void>;
  /** Once more, when no turn comes any more; then nothing. */
  close(): Promise<void>;
};

export function createStoredEvents(deps: {
  readonly log: EventLog;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whose events are kept; those of others are forgotten. */
  readonly exists: (clusterName: string) => boolean;
  /** Takes a turn for a `flush`. */
  readonly takeTurn: () => void;
}): StoredEvents {
  const { log, store, clock, logger } = deps;
  const versions = new Map<string, number>();
  const stored = new Map<string, EventsRecord>();
  let timer: Timer | undefined;
  let retryMs = storedAfterMs;
  let writing: Promise<void> | undefined;
  let isClosed = false;

  function wakeIn(delayMs: number): void {
    if (isClosed || timer !== undefined) return;
    timer = clock.setTimer(delayMs, () => {
      timer = undefined;
      deps.takeTurn();
    });
  }

  async function writeAll(): Promise<void> {
    let refusal: unknown;
    for (const name of log.names()) {
      if (name !== frameworkLog && !deps.exists(name)) {
        // Its record went with its cluster.
        log.forget(name);
        versions.delete(name);
        stored.delete(name);
        continue;
      }
      const record = log.record(name);
      if (stored.get(name) === record) continue;
      try {
        const path = eventsPathOf(name);
        const version = versions.get(name) ?? (await store.read(path))?.version ?? 0;
        // Whether it was written is not known until it is.
        versions.delete(name);
        versions.set(name, await store.write(path, record, version));
        stored.set(name, record);
      } catch (error) {
        // A store that is away takes no other record either; one that takes this record not may take the next.
        if (isLeadershipLost(error) || error instanceof UnavailableError) throw error;
        refusal ??= error;
      }
    }
    if (refusal !== undefined) throw refusal;
  }

  async function flush(): Promise<void> {
    try {
      // An order to stop may come in the middle of a turn.
      await writing?.catch(() => {});
      writing = writeAll();
      await writing;
      retryMs = storedAfterMs;
    } catch (error) {
      if (isLeadershipLost(error)) throw error;
      const code = error instanceof KafkaMesosError ? error.code : undefined;
      logger.warn('events cannot be stored', { code, error: String(error) });
      wakeIn(retryMs);
      retryMs = Math.min(maxRetryMs, retryMs * 2);
    }
  }

  return {
    async load(clusterNames) {
      for (const name of [frameworkLog, ...clusterNames]) {
        try {
          const found = await store.read(eventsPathOf(name));
          if (found === undefined) continue;
          versions.set(name, found.version);
          const record = readEventsRecord(found.value);
          if (record === undefined) continue;
          log.load(name, record);
          stored.set(name, record);
        } catch (error) {
          // Nothing is decided by them: what cannot be read is written anew.
          if (!(error instanceof ProtocolError)) throw error;
          logger.warn('events cannot be read', { clusterName: name, code: error.code, error: error.message });
        }
      }
    },
    changed: () => wakeIn(storedAfterMs),
    flush,
    async close() {
      isClosed = true;
      timer?.cancel();
      await flush().catch(() => {});
    },
  };
}

export const eventsPathOf = (name: string): string =>
  name === frameworkLog ? recordPaths.frameworkEvents : recordPaths.events(name);

/** Undefined for what another version wrote. */
export function readEventsRecord(value: unknown): EventsRecord | undefined {
  const record = value as Partial<EventsRecord> | null | undefined;
  const isKnown = record?.schema === 1 && Array.isArray(record.events) && record.events.every(isEvent);
  return isKnown ? (record as EventsRecord) : undefined;
}

function isEvent(value: unknown): boolean {
  const { seq, atMs, message } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return Number.isFinite(seq) && Number.isFinite(atMs) && typeof message === 'string';
}
