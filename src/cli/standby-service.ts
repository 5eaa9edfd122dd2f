/** The API's service while another scheduler leads: what the store holds, and who decides. */
import type { SchedulerService, SchedulerStatus } from '../model/api.ts';
import { NotLeaderError } from '../model/errors.ts';
import type { Leader, Leadership } from '../model/leadership.ts';
import type { FrameworkSettings } from '../model/mesos.ts';
import type { SpecRecord } from '../model/records.ts';
import type { ClusterStatus } from '../model/status.ts';
import { recordPaths, type Store } from '../model/store.ts';
import { readRevisions } from '../reconciler/kept-revisions.ts';
import { createEventReader } from '../reconciler/read-events.ts';
import { readStatuses } from '../reconciler/read-statuses.ts';
import type { Clock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';

/** A store that is read for every request would be read a thousand times a second by a few views. */
const keptForMs = 1_000;

export function createStandbyService(deps: {
  readonly store: Store;
  readonly leadership: () => Leadership | undefined;
  /** This scheduler, once it listens. */
  readonly self: () => Leader | undefined;
  readonly framework: FrameworkSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly identity: Pick<SchedulerStatus, 'version' | 'frameworkName' | 'role' | 'master' | 'startedAtMs'>;
}): SchedulerService {
  const { store, clock } = deps;
  const eventReader = createEventReader(deps);
  let read: { readonly atMs: number; readonly statuses: Promise<readonly ClusterStatus[]> } | undefined;

  const leader = async (): Promise<Leader | undefined> => {
    const found = await deps.leadership()?.leader();
    const self = deps.self();
    // At our own address listened the one before us: it died, and its session has not ended yet.
    const isGone = found?.host === self?.host && found?.apiUrl === self?.apiUrl;
    return isGone ? undefined : found;
  };
  const statuses = (): Promise<readonly ClusterStatus[]> => {
    const nowMs = clock.nowMs();
    if (read === undefined || nowMs - read.atMs >= keptForMs) {
      const found = leader().then((who) =>
        readStatuses(store, eventReader, deps.framework, nowMs, sayWho(who)),
      );
      read = { atMs: nowMs, statuses: found };
      // A failure is not kept.
      found.catch(() => {
        read = undefined;
      });
    }
    return read.statuses;
  };
  const refuse = async (what: string): Promise<never> => {
    const who = await leader();
    throw new NotLeaderError(
      `this scheduler stands by and takes no ${what}: ${sayWho(who)}`,
      who,
      who === undefined ? 'try again in a moment' : `ask the leader, on ${who.host} at ${who.apiUrl}`,
    );
  };

  return {
    async scheduler() {
      const who = await leader();
      const standbys = await deps
        .leadership()
        ?.standbys()
        .catch(() => undefined);
      const framework = (await store.read(recordPaths.framework))?.value as
        | { frameworkId?: string }
        | undefined;
      return {
        ...deps.identity,
        ...(framework?.frameworkId === undefined ? {} : { frameworkId: framework.frameworkId }),
        connected: false,
        pass: 0,
        // Only offers show them, and a standby has none.
        orphans: [],
        leadership: {
          state: 'standby',
          ...(who === undefined ? {} : { leader: who }),
          ...(standbys === undefined ? {} : { standbys }),
        },
      };
    },
    clusters: statuses,
    cluster: async (name) => (await statuses()).find((cluster) => cluster.name === name),
    spec: async (name) => (await store.read(recordPaths.spec(name)))?.value as SpecRecord | undefined,
    plan: () => refuse('plans'),
    apply: () => refuse('specs'),
    setIntent: () => refuse('intents'),
    teardown: () => refuse('teardowns'),
    readLog: () => refuse('questions to agents'),
    revisions: (name) => readRevisions(store, name),
    suspend: () => refuse('orders'),
    resume: () => refuse('orders'),
    rollback: () => refuse('orders'),
    reconcile: () => refuse('orders'),
    events: (query) => eventReader.page(query),
    // The store tells of no change: it is looked at as often as it is read.
    onChange(listener) {
      let timer = clock.setTimer(keptForMs, tick);
      function tick() {
        timer = clock.setTimer(keptForMs, tick);
        listener();
      }
      return () => timer.cancel();
    },
  };
}

function sayWho(leader: Leader | undefined): string {
  return leader === undefined ? 'nobody leads just now' : `${leader.id} on ${leader.host} leads`;
}
