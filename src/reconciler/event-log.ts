/**
 * The last events of each cluster and of the framework itself, for people. Bounded: what repeats itself is counted, and
 * of what is many (a roll of a thousand brokers) the oldest goes first, not what was applied by whom.
 */
import { type EventPage, type EventQuery, frameworkLog } from '../model/api.ts';
import type { EventsRecord } from '../model/records.ts';
import type { ClusterEvent } from '../model/status.ts';

/** Who looks on asks for statuses several times a second; older events are asked for by themselves. */
export const eventsInStatus = 60;

const kept = 200;
const maxTextLength = 500;
/** The same within this is a repetition: backoffs go up to ten minutes. */
const repeatsWithinMs = 60 * 60_000;
/** Told one by one before they are counted: the first stays where it was. */
const toldSingly = 2;

export type NewEvent = Omit<ClusterEvent, 'seq' | 'count' | 'firstAtMs'>;

export type EventLog = {
  add(clusterName: string, event: NewEvent): void;
  of(clusterName: string): readonly ClusterEvent[];
  page(query: EventQuery): EventPage;
  toldHeld(clusterName: string): NonNullable<EventsRecord['toldHeld']>;
  setToldHeld(clusterName: string, told: EventsRecord['toldHeld']): void;
  toldSources(): NonNullable<EventsRecord['toldSources']>;
  setToldSources(told: EventsRecord['toldSources']): void;
  /** What is to be stored of it; another object whenever it is another log. */
  record(clusterName: string): EventsRecord;
  /** In the place of what there was. */
  load(clusterName: string, record: EventsRecord): void;
  forget(clusterName: string): void;
  names(): readonly string[];
};

const empty: EventsRecord = { schema: 1, events: [] };

/** `onChange` is called after each change of a log. */
export function createEventLog(onChange: (clusterName: string) => void = () => {}): EventLog {
  const logs = new Map<string, EventsRecord>();
  let lastSeq = 0;

  const recordOf = (name: string): EventsRecord => logs.get(name) ?? empty;
  const change = (name: string, changes: Partial<EventsRecord>): void => {
    logs.set(name, { ...recordOf(name), ...changes });
    onChange(name);
  };

  return {
    add(name, event) {
      // Of all clusters one order, which grows over restarts though the last seconds before a crash are stored nowhere.
      lastSeq = Math.max(lastSeq + 1, Math.floor(event.atMs));
      change(name, { events: bound(append(recordOf(name).events, { ...shorten(event), seq: lastSeq })) });
    },
    of: (name) => recordOf(name).events,
    page: (query) => pageOf(logs, query),
    toldHeld: (name) => recordOf(name).toldHeld ?? {},
    setToldHeld: (name, toldHeld = {}) => change(name, { toldHeld }),
    toldSources: () => recordOf(frameworkLog).toldSources ?? {},
    setToldSources: (toldSources = {}) => change(frameworkLog, { toldSources }),
    record: recordOf,
    load(name, record) {
      logs.set(name, record);
      lastSeq = Math.max(lastSeq, record.events.at(-1)?.seq ?? 0);
    },
    forget(name) {
      logs.delete(name);
    },
    names: () => [...logs.keys()],
  };
}

export function pageOf(
  logs: ReadonlyMap<string, EventsRecord>,
  { clusterName, afterSeq, limit }: EventQuery,
): EventPage {
  const names = clusterName === undefined ? [...logs.keys()] : [clusterName];
  const all = names
    .flatMap((name) => (logs.get(name)?.events ?? []).map((event) => ({ ...event, clusterName: name })))
    .sort((a, b) => a.seq - b.seq);
  const events =
    afterSeq === undefined ? all.slice(-limit) : all.filter((e) => e.seq > afterSeq).slice(0, limit);
  const lastSeq = events.at(-1)?.seq ?? afterSeq;
  return { events, ...(lastSeq === undefined ? {} : { lastSeq }) };
}

/** The newest again when it happened before, so that a crash loop pushes nothing out. */
function append(events: readonly ClusterEvent[], event: ClusterEvent): readonly ClusterEvent[] {
  const alike = events.filter((one) => isSame(one, event) && event.atMs - one.atMs < repeatsWithinMs);
  const last = alike.at(-1);
  if (last === undefined || (last.count === undefined && alike.length < toldSingly)) {
    return [...events, event];
  }
  return [
    ...events.filter((one) => one !== last),
    { ...event, count: (last.count ?? 1) + 1, firstAtMs: last.firstAtMs ?? last.atMs },
  ];
}

const isSame = (a: ClusterEvent, b: ClusterEvent): boolean =>
  a.message === b.message &&
  a.brokerId === b.brokerId &&
  (a.why === b.why || (a.severity !== 'info' && gist(a.why) === gist(b.why))) &&
  a.author === b.author &&
  a.severity === b.severity;

/** Times, counts and ids in it differ from one crash to the next. */
const gist = (why: string | undefined): string | undefined => why?.replaceAll(/\d+/g, '#');

function bound(events: readonly ClusterEvent[]): readonly ClusterEvent[] {
  if (events.length <= kept) {
    return events;
  }
  const older = events.slice(0, kept / 2);
  const ordinary = older.findIndex((e) => e.severity === 'info' && e.brokerId !== undefined);
  return events.toSpliced(Math.max(0, ordinary), 1);
}

function shorten(event: NewEvent): NewEvent {
  const cut = (text: string): string =>
    text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength - 1)}…`;
  return {
    ...event,
    message: cut(event.message),
    ...(event.why === undefined ? {} : { why: cut(event.why) }),
    ...(event.author === undefined ? {} : { author: cut(event.author) }),
  };
}
