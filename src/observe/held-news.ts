/** Which needs began to wait for a person or wait for long, and which go on: worth an event once, whatever each pass says. */
import type { EventsRecord } from '../model/records.ts';
import type { ClusterEvent } from '../model/status.ts';

export type ToldHeld = NonNullable<EventsRecord['toldHeld']>;

/** A need that is held; `message` is asked only of what is told. */
export type HeldNeed = {
  readonly need: string;
  readonly reason: string;
  readonly brokerId?: number | undefined;
  /** What is worth telling of it: a person has to act, or it takes longer than anybody would expect. */
  readonly trouble?: 'stalled' | 'long' | undefined;
  readonly message: () => string;
};

type News = Pick<ClusterEvent, 'brokerId' | 'severity' | 'message' | 'why'>;

/** More of one reason in a pass are told together: a thousand brokers that wait for the same are one piece of news. */
const toldSingly = 3;
/** More are not remembered, and told again by who takes over. */
const maxTold = 2_000;

const person = { severity: 'error', words: 'held' } as const;
const long = { severity: 'warning', words: 'waits for long' } as const;

/** Returns `told` itself when there is nothing to tell. A need that still waits, for whatever, does not go on. */
export function foldHeld(
  told: ToldHeld,
  held: readonly HeldNeed[],
): { readonly told: ToldHeld; readonly news: readonly News[] } {
  const waiting = new Set(held.map((h) => h.need));
  const stalled = held.filter((h) => h.trouble !== undefined);
  const fresh = stalled.filter((h) => told[h.need]?.reason !== h.reason);
  const freed = Object.keys(told).filter((need) => !waiting.has(need));
  if (fresh.length === 0 && freed.length === 0) {
    return { told, news: [] };
  }
  const news: News[] = [];
  for (const group of Map.groupBy(fresh, (h) => h.reason).values()) {
    const [first] = group;
    const { severity, words } = first?.trouble === 'long' ? long : person;
    if (group.length > toldSingly && first !== undefined) {
      news.push({
        severity,
        message: `${words}: ${first.need} and ${group.length - 1} more`,
        why: first.message(),
      });
      continue;
    }
    for (const { need, message, ...about } of group) {
      news.push({ ...subjectOf(about), severity, message: `${words}: ${need}`, why: message() });
    }
  }
  if (freed.length > toldSingly) {
    news.push({ severity: 'info', message: `goes on: ${freed[0]} and ${freed.length - 1} more` });
  } else {
    for (const need of freed) {
      news.push({ ...subjectOf(told[need] ?? {}), severity: 'info', message: `goes on: ${need}` });
    }
  }
  const gone = new Set(freed);
  const next = [
    ...Object.entries(told).filter(([need]) => !gone.has(need)),
    ...fresh.map((h) => [h.need, { reason: h.reason, ...subjectOf(h) }] as const),
  ];
  return { told: Object.fromEntries(next.slice(-maxTold)), news };
}

const subjectOf = ({
  brokerId,
}: {
  readonly brokerId?: number | undefined;
}): { readonly brokerId?: number } => (brokerId === undefined ? {} : { brokerId });
