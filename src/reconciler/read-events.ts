/** The event logs in the store, for who only reads them: what cannot be read is told among the others. */
import type { EventPage, EventQuery } from '../model/api.ts';
import { frameworkLog } from '../model/api.ts';
import { ProtocolError } from '../model/errors.ts';
import type { EventsRecord } from '../model/records.ts';
import { recordPaths, type Store } from '../model/store.ts';
import type { Clock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { pageOf } from './event-log.ts';
import { eventsPathOf, readEventsRecord } from './stored-events.ts';

export type EventReader = {
  /** Rejects as the store does, but for records that cannot be read. */
  page(query: EventQuery): Promise<EventPage>;
};

type Told = EventPage['events'][number];
type Logs = { readonly logs: ReadonlyMap<string, EventsRecord>; readonly notes: readonly Told[] };

/** Whoever asks a thousand times reads once: the store has a leader to serve. */
const keptForMs = 1_000;

/** Before everything that happened: whoever goes on after an event is told it no second time. */
const seqOfNote = 0;

export function createEventReader(deps: {
  readonly store: Store;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly logger: Logger;
}): EventReader {
  const { store, clock, logger } = deps;
  /** By path, as it was first found: whoever looks again and again sees no change. */
  const unreadable = new Map<string, Told>();
  let read: { readonly atMs: number; readonly logs: Promise<Logs> } | undefined;

  function note(clusterName: string, path: string, error: ProtocolError): Told {
    const known = unreadable.get(path);
    if (known !== undefined) return known;
    const { code, message, remedy = '' } = error;
    logger.warn('events cannot be read', { path, code, error: message, remedy });
    const event: Told = {
      seq: seqOfNote,
      atMs: clock.nowMs(),
      severity: 'warning',
      message: `the events ${clusterName === frameworkLog ? 'of the framework itself' : 'of this cluster'} cannot be read from the store`,
      why: `${message}. ${remedy}`,
      clusterName,
    };
    unreadable.set(path, event);
    return event;
  }

  async function readAll(): Promise<Logs> {
    const names = [frameworkLog, ...(await store.list(recordPaths.clusters))];
    const logs = new Map<string, EventsRecord>();
    const notes: Told[] = [];
    for (const name of names) {
      const path = eventsPathOf(name);
      try {
        const record = await readLog(store, path);
        unreadable.delete(path);
        if (record !== undefined) logs.set(name, record);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        notes.push(note(name, path, error));
      }
    }
    return { logs, notes };
  }

  function readLately(): Promise<Logs> {
    const atMs = clock.nowMs();
    if (read === undefined || atMs - read.atMs >= keptForMs) {
      const found = readAll();
      read = { atMs, logs: found };
      // A failure is not kept.
      found.catch(() => {
        read = undefined;
      });
    }
    return read.logs;
  }

  return {
    async page(query) {
      const { clusterName, afterSeq, limit } = query;
      const { logs, notes } = await readLately();
      const page = pageOf(logs, query);
      const told = notes
        .filter((one) => clusterName === undefined || one.clusterName === clusterName)
        .slice(0, limit);
      if (afterSeq !== undefined || told.length === 0) return page;
      const left = limit - told.length;
      return { ...page, events: [...told, ...(left === 0 ? [] : page.events.slice(-left))] };
    },
  };
}

async function readLog(store: Store, path: string): Promise<EventsRecord | undefined> {
  let value: unknown;
  try {
    const found = await store.read(path);
    if (found === undefined) return undefined;
    value = found.value;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    // What the store says in general is to restore it, which these are not worth.
    throw new ProtocolError(error.code, error.message, {
      cause: error,
      remedy: 'Delete that record: nothing is decided by events, and whoever leads writes it anew.',
    });
  }
  const record = readEventsRecord(value);
  if (record !== undefined) return record;
  throw new ProtocolError(
    'KM_PROTOCOL_RECORD',
    `the record ${path} has a form that this version does not know`,
    { remedy: 'Run the version that wrote it, or a newer one.' },
  );
}
