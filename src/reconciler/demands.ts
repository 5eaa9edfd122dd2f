/** What people and the directory of specs ask of the loop, each in its turn. */
import { frameworkLog } from '../model/api.ts';
import { ConflictError } from '../model/errors.ts';
import type { ClusterEvent } from '../model/status.ts';
import type { Store } from '../model/store.ts';
import type { Clock, Timer } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { storeIntent } from './broker-intents.ts';
import type { EventLog } from './event-log.ts';
import { storeFollowOrder } from './follow-orders.ts';
import { requireLeadership } from './guard.ts';
import type { KafkaWatch } from './kafka-watch.ts';
import { keepRevision, readRevisions } from './kept-revisions.ts';
import type { Memory } from './memory.ts';
import { requirePlans } from './plan-check.ts';
import type { Reconciler } from './ports.ts';
import {
  type AppliedCluster,
  applySpec,
  describeOrigin,
  hasOtherOwner,
  requireRevisions,
  requireRight,
} from './spec-revisions.ts';
import { carryOutTeardown, storeTeardown, tornDown } from './teardown.ts';
import type { Turns } from './turns.ts';

export type Demands = Pick<
  Reconciler,
  'apply' | 'follow' | 'revisions' | 'reconcileNow' | 'setIntent' | 'beginTeardown' | 'finishTeardown'
>;

/** An answer goes out in time, also when Kafka gives none: a client waits for ten seconds. */
const kafkaPatienceMs = 4_000;

export function createDemands({
  turns,
  memory,
  store,
  events,
  kafka,
  clock,
  logger,
  preview,
  statuses,
  passed,
  mayAct,
  write,
  tellMesosToEnd,
  end,
}: {
  readonly turns: Turns;
  readonly memory: () => Memory;
  readonly store: Store;
  readonly events: EventLog;
  readonly kafka: KafkaWatch;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly preview: Reconciler['preview'];
  readonly statuses: Reconciler['statuses'];
  /** How many passes there were. */
  readonly passed: () => number;
  readonly mayAct: () => boolean;
  readonly write: (what: string, effect: () => Promise<void>) => Promise<boolean>;
  readonly tellMesosToEnd: () => Promise<unknown>;
  /** Nothing is left to be done. */
  readonly end: (why: unknown) => void;
}): Demands {
  /** Who slept while another one took over does not even try: the store would refuse each write by itself. */
  const demand = <T>(job: () => Promise<T>): Promise<T> =>
    turns.demand(async () => {
      requireLeadership(mayAct);
      return await job();
    });

  function requireNoTeardown(): void {
    if (memory().framework()?.teardown !== undefined) {
      throw new ConflictError('KM_CONFLICT_TEARDOWN', 'the framework is being torn down', {
        remedy: 'start a scheduler anew when it is done',
      });
    }
  }

  /** The spec is stored, and counts: what this fails to write is written by the pass that follows. */
  async function keepNow(name: string, revision: number): Promise<void> {
    await write(`keep revision ${revision}`, () => keepRevision(memory(), name, clock.nowMs()));
  }

  function note(name: string, message: string, said: Pick<ClusterEvent, 'author' | 'why'>): void {
    events.add(name, { atMs: clock.nowMs(), severity: 'info', message, ...said });
  }

  return {
    apply: (clusters, author, expectedRevisions = {}, origin = { kind: 'command' }, expectedIndexes = {}) =>
      demand(async () => {
        requireNoTeardown();
        requireRevisions(memory(), clusters, expectedRevisions);
        requireRight(memory(), clusters, origin);
        if (Object.keys(expectedIndexes).length > 0) {
          requirePlans(expectedIndexes, {
            stored: memory().clusters(),
            plans: preview(clusters.map((c) => c.desired)),
            statuses,
            kafka: kafka.sources(clock.nowMs()),
          });
        }
        const said = { author, ...describeOrigin(origin) };
        const applied: AppliedCluster[] = [];
        for (const proposed of clusters) {
          const before = memory().cluster(proposed.desired.name)?.spec;
          const one = await applySpec(memory(), proposed, { author, nowMs: clock.nowMs(), origin });
          applied.push(one);
          if (one.changed) {
            kafka.specChanged(one.name);
            note(one.name, `revision ${one.revision} applied`, said);
            await keepNow(one.name, one.revision);
          } else if (hasOtherOwner(before ?? {}, memory().cluster(one.name)?.spec ?? {})) {
            note(one.name, `revision ${one.revision} goes to another owner`, said);
          }
        }
        return applied;
      }),
    follow: (clusterName, order) =>
      demand(async () => {
        if (order.kind === 'rollback') requireNoTeardown();
        const done = await storeFollowOrder(memory(), clusterName, order, clock.nowMs());
        const { author } = order;
        if (done.kind === 'removed') return note(frameworkLog, done.news, { author });
        if (done.news !== undefined) {
          kafka.specChanged(clusterName);
          note(clusterName, done.news, { author });
        }
        if (done.isNewRevision) await keepNow(clusterName, done.spec.revision);
      }),
    revisions: (clusterName) => readRevisions(store, clusterName),
    async reconcileNow(clusterName) {
      const { readings, pass } = await demand(async () => {
        const names = memory()
          .clusters()
          .map((c) => c.spec.desired.name)
          .filter((name) => clusterName === undefined || clusterName === name);
        return { readings: names.map((name) => kafka.hurry(name)), pass: turns.nextPass() };
      });
      // Readings begin with a pass, and are looked at by the next one.
      await pass;
      let timer: Timer | undefined;
      const late = new Promise<void>((resolve) => {
        timer = clock.setTimer(kafkaPatienceMs, resolve);
      });
      await Promise.race([Promise.all(readings), late]);
      timer?.cancel();
      if (readings.length > 0) {
        turns.add(async () => {});
        await turns.nextPass();
      }
      return passed();
    },
    setIntent: (clusterName, brokerId, request, takenBackBy) =>
      demand(async () => {
        const asked = { clusterName, brokerId, request, takenBackBy };
        const { record, news } = await storeIntent(memory(), asked, clock.nowMs());
        if (news !== undefined) {
          events.add(clusterName, { atMs: clock.nowMs(), brokerId, severity: 'info', ...news });
        }
        return record;
      }),
    beginTeardown: (author) =>
      demand(async () => {
        if (!(await storeTeardown(memory(), author, clock.nowMs()))) return;
        logger.warn('the framework is torn down', { author });
        events.add(frameworkLog, {
          atMs: clock.nowMs(),
          severity: 'warning',
          message: 'to be torn down',
          author,
        });
      }),
    finishTeardown: ({ abandon, isGone }) =>
      demand(async () => {
        await carryOutTeardown(memory(), {
          abandon,
          isGone,
          tellMesos: tellMesosToEnd,
          nowMs: clock.nowMs(),
        });
        end(tornDown());
      }),
  };
}
