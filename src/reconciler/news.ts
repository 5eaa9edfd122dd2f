/** What the loop itself has to tell, told once: it looks at everything again in each pass. */
import { frameworkLog } from '../model/api.ts';
import type { Held, Plan } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory } from '../model/records.ts';
import type { SourceLine } from '../model/source.ts';
import type { HeldSummary } from '../model/status.ts';
import { describeDecision } from '../observe/describe-change.ts';
import { foldHeld, type HeldNeed } from '../observe/held-news.ts';
import { foldSources } from '../observe/source-news.ts';
import { describeHeld } from '../plan/describe-held.ts';
import type { Clock } from '../sys/clock.ts';
import type { EventLog } from './event-log.ts';

/** A shorter absence of the store is nobody's to know. */
const storePatienceMs = 5_000;

export type News = {
  leads(self: string): void;
  storeBack(sinceMs: number, why: string): void;
  /** Of a plan that was made while Mesos was there; `orphans` as they are known after it. */
  planned(plan: Plan, clusters: readonly ClusterMemory[], orphans: readonly HeldSummary[]): void;
  /** What a look at the directory of specs has found, of each cluster that a file owns and of the whole. */
  sources(lines: readonly SourceLine[]): void;
  decided(before: BrokerRecord | undefined, after: BrokerRecord): void;
  /** The cluster is as declared, as it may have been for long. */
  converged(memory: ClusterMemory): void;
};

/** What waits for longer than this is told, though time and events may still do. */
const longMs = 2 * 60_000;
/** Waits that somebody asked for, that have their turn, or that hold up nothing. */
const patient: ReadonlySet<Held['reason']['kind']> = new Set([
  'paused-by-operator',
  'rollout-paused',
  'waiting-for-roll',
  'task-in-progress',
  'left-behind',
  'orphaned',
]);

function needOf(held: Held, nowMs: number): HeldNeed {
  const { need, reason, brokerId, stalled, sinceMs = nowMs } = held;
  const isLong = nowMs - sinceMs >= longMs && !patient.has(reason.kind);
  return {
    need,
    reason: reason.kind,
    brokerId,
    trouble: stalled ? 'stalled' : isLong ? 'long' : undefined,
    message: () => describeHeld(held).message,
  };
}

export function createNews(events: EventLog, clock: Clock): News {
  const tell = (name: string, held: readonly HeldNeed[]): void => {
    const { told, news } = foldHeld(events.toldHeld(name), held);
    if (news.length === 0) return;
    events.setToldHeld(name, told);
    for (const one of news) events.add(name, { atMs: clock.nowMs(), ...one });
  };
  return {
    leads: (self) =>
      events.add(frameworkLog, {
        atMs: clock.nowMs(),
        severity: 'info',
        message: `${self} leads from here on`,
      }),
    storeBack(sinceMs, why) {
      const awayMs = clock.nowMs() - sinceMs;
      if (awayMs < storePatienceMs) return;
      events.add(frameworkLog, {
        atMs: clock.nowMs(),
        severity: 'warning',
        message: `the store failed for ${Math.round(awayMs / 1_000)} s`,
        why,
      });
    },
    planned(plan, clusters, orphans) {
      const held = Map.groupBy(plan.held, (h) => h.clusterName);
      for (const { spec } of clusters) {
        const { name } = spec.desired;
        tell(
          name,
          (held.get(name) ?? []).map((one) => needOf(one, clock.nowMs())),
        );
      }
      // Where they went only later offers tell, which are no news of their own.
      const known = events.toldHeld(frameworkLog);
      const gone = Object.entries(known).map(([need, told]) => ({
        need,
        ...told,
        message: () => '',
      }));
      tell(frameworkLog, [
        ...gone,
        ...orphans.map(({ need, reason, message }) => ({
          need,
          reason,
          trouble: 'stalled' as const,
          message: () => message,
        })),
      ]);
    },
    sources(lines) {
      const before = events.toldSources();
      const { told, news } = foldSources(before, lines);
      if (told !== before) events.setToldSources(told);
      for (const { clusterName, ...one } of news) events.add(clusterName, { atMs: clock.nowMs(), ...one });
    },
    decided(before, after) {
      const news = describeDecision(before, after, clock.nowMs());
      if (news !== undefined) {
        events.add(after.clusterName, { atMs: clock.nowMs(), brokerId: after.id, ...news });
      }
    },
    converged({ spec }) {
      const { name } = spec.desired;
      const message = `revision ${spec.revision} is as declared`;
      // A warning of one that runs changes nothing about that.
      const last = events.of(name).findLast((e) => e.severity !== 'warning');
      if (last?.message !== message) events.add(name, { atMs: clock.nowMs(), severity: 'info', message });
    },
  };
}
