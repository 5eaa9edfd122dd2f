/** Asks each cluster's Kafka beside the loop; what it last said, or why it is unknown, is what a pass sees. */
import { ConflictError, KafkaMesosError } from '../model/errors.ts';
import type { KafkaAdmin, KafkaObserved } from '../model/kafka.ts';
import type { PlanInput, Source } from '../model/observed.ts';
import type { ClusterMemory } from '../model/records.ts';
import type { Clock, Timer } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { isLeadershipLost, requireLeadership } from './guard.ts';

/** A reading older than this is no longer one. */
const staleMs = 30_000;
const busyIntervalMs = 1_000;
const calmIntervalMs = 10_000;
/** After a change of Kafka or of a broker: what is expected usually follows within a moment. */
const newsIntervalMs = 200;
const newsForMs = 3_000;
/** What Kafka refused is asked of it again after this, or when the spec changes. */
const refusalMs = 60_000;

export type ConnectKafka = (clusterName: string, bootstrap: () => readonly string[]) => KafkaAdmin;

type Watched = {
  admin?: KafkaAdmin;
  bootstrap: readonly string[];
  /** Topics of the spec. */
  topics: readonly string[];
  source: Source<KafkaObserved>;
  /** When it last answered, of use or not; before that, when it began to be watched. */
  heardAtMs: number;
  asking: boolean;
  /** Changes under way and waiting, the first one running. */
  readonly pending: {
    readonly what: string;
    readonly run: (admin: KafkaAdmin) => Promise<void>;
    readonly applied: () => void;
  }[];
  /** By what was to be done. */
  readonly refusals: Map<string, { readonly why: string; readonly untilMs: number }>;
  /** Counts changes: an answer to a question from before the latest one is no news. */
  changes: number;
  lastAskMs: number;
  /** Of the next question: only its answer is worth a pass. */
  timer?: Timer;
  /** Until then Kafka is asked often. */
  newsUntilMs: number;
  /** Told at the end of the next question. */
  readonly waiting: (() => void)[];
};

export type KafkaWatch = {
  sources(nowMs: number): ReadonlyMap<string, Source<KafkaObserved>>;
  /** Starts what is due, and what will be when it is; calm clusters are asked less often. */
  poll(clusters: readonly ClusterMemory[], isCalm: (memory: ClusterMemory) => boolean): void;
  /** Ask at the next poll, whatever the interval; resolves once that was answered or failed, or has nobody to ask. */
  hurry(clusterName: string): Promise<void>;
  change(
    clusterName: string,
    what: string,
    run: (admin: KafkaAdmin) => Promise<void>,
    applied?: () => void,
  ): void;
  /** A question beside the changes; rejects as `KafkaAdmin` does. */
  read<T>(clusterName: string, question: (admin: KafkaAdmin) => Promise<T>): Promise<T>;
  refusals(): PlanInput['kafkaRefusals'];
  /** What was refused is worth another try, and Kafka is asked of the topics that are new in the spec. */
  specChanged(clusterName: string): void;
  close(): Promise<void>;
};

export function createKafkaWatch(deps: {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connect: ConnectKafka;
  /** Asked before each change: what waits here was decided a while ago. */
  readonly mayAct: () => boolean;
  readonly onNews: (clusterName: string, failure?: string) => void;
}): KafkaWatch {
  const { clock, logger, connect, mayAct, onNews } = deps;
  const watched = new Map<string, Watched>();

  const entryOf = (name: string): Watched => {
    const known = watched.get(name);
    if (known !== undefined) {
      return known;
    }
    const made: Watched = {
      bootstrap: [],
      topics: [],
      source: { known: false, why: 'no broker of it runs yet' },
      heardAtMs: clock.nowMs(),
      asking: false,
      pending: [],
      refusals: new Map(),
      changes: 0,
      lastAskMs: Number.NEGATIVE_INFINITY,
      newsUntilMs: Number.NEGATIVE_INFINITY,
      waiting: [],
    };
    watched.set(name, made);
    return made;
  };
  const adminOf = (name: string, entry: Watched): KafkaAdmin => {
    entry.admin ??= guarded(
      connect(name, () => entry.bootstrap),
      mayAct,
    );
    return entry.admin;
  };

  async function ask(name: string, entry: Watched): Promise<void> {
    entry.asking = true;
    entry.lastAskMs = clock.nowMs();
    const { changes } = entry;
    const waiting = entry.waiting.splice(0);
    let source: Source<KafkaObserved>;
    try {
      source = { known: true, value: await adminOf(name, entry).observe(entry.topics) };
      entry.heardAtMs = clock.nowMs();
    } catch (error) {
      source = { known: false, why: words(error) };
      logger.debug('kafka does not answer', { clusterName: name, error: words(error) });
    }
    entry.asking = false;
    if (changes === entry.changes && entry.pending.length === 0) {
      entry.source = source;
    }
    onNews(name);
    for (const tell of waiting) tell();
  }

  /** One at a time, in the order of the plan. */
  async function makeChanges(name: string, entry: Watched): Promise<void> {
    for (let next = entry.pending[0]; next !== undefined; next = entry.pending[0]) {
      if (!mayAct()) {
        entry.pending.length = 0;
        return;
      }
      let failure: string | undefined;
      try {
        await next.run(adminOf(name, entry));
        entry.refusals.delete(next.what);
        // Of a cluster that was removed meanwhile nothing is to be remembered, least of all by one of the same name.
        if (watched.get(name) === entry) next.applied();
      } catch (error) {
        failure = `${next.what}: ${words(error)}`;
        if (error instanceof ConflictError && !isLeadershipLost(error)) {
          entry.refusals.set(next.what, { why: words(error), untilMs: clock.nowMs() + refusalMs });
        }
        logger.warn('kafka change failed', { clusterName: name, what: next.what, error: words(error) });
      }
      entry.pending.shift();
      // Brokers hear of a change a moment after the controller made it.
      entry.lastAskMs = clock.nowMs();
      entry.timer?.cancel();
      entry.newsUntilMs = failure === undefined ? clock.nowMs() + newsForMs : Number.NEGATIVE_INFINITY;
      onNews(name, failure);
    }
  }

  /** The cluster was removed. What is still asked of it brings no news to anybody. */
  function drop(name: string, entry: Watched): void {
    watched.delete(name);
    entry.pending.length = 0;
    for (const tell of entry.waiting.splice(0)) tell();
    entry.admin?.close().catch((error: unknown) => {
      logger.debug('a client did not close', { clusterName: name, error: words(error) });
    });
  }

  return {
    sources(nowMs) {
      return new Map(
        [...watched].map(([name, { source, heardAtMs: sinceMs }]) => {
          if (!source.known) return [name, { ...source, sinceMs }];
          const agoMs = nowMs - source.value.observedAtMs;
          return [
            name,
            agoMs > staleMs
              ? { known: false, why: `its last answer is ${Math.round(agoMs / 1000)} s old`, sinceMs }
              : source,
          ];
        }),
      );
    },
    poll(clusters, isCalm) {
      const nowMs = clock.nowMs();
      const names = new Set(clusters.map((memory) => memory.spec.desired.name));
      for (const [name, entry] of watched) {
        entry.timer?.cancel();
        if (!names.has(name)) {
          drop(name, entry);
        }
      }
      for (const memory of clusters) {
        const { name } = memory.spec.desired;
        const entry = entryOf(name);
        entry.bootstrap = bootstrapOf(memory);
        entry.topics = memory.spec.desired.topics.map((topic) => topic.name);
        if (entry.bootstrap.length === 0) {
          entry.source = { known: false, why: 'no broker of it runs' };
          for (const tell of entry.waiting.splice(0)) tell();
          continue;
        }
        if (entry.asking) {
          continue;
        }
        const busyMs = nowMs < entry.newsUntilMs ? newsIntervalMs : busyIntervalMs;
        const dueMs = entry.lastAskMs + (isCalm(memory) ? calmIntervalMs : busyMs);
        if (dueMs <= nowMs) {
          void ask(name, entry);
        } else {
          entry.timer = clock.setTimer(dueMs - nowMs, () => {
            if (!entry.asking) {
              void ask(name, entry);
            }
          });
        }
      }
    },
    hurry(clusterName) {
      const entry = entryOf(clusterName);
      entry.lastAskMs = Number.NEGATIVE_INFINITY;
      entry.newsUntilMs = clock.nowMs() + newsForMs;
      return new Promise((resolve) => entry.waiting.push(resolve));
    },
    read: async (clusterName, question) => await question(adminOf(clusterName, entryOf(clusterName))),
    refusals: () => new Map([...watched].map(([name, { refusals }]) => [name, refusals])),
    specChanged(clusterName) {
      const entry = entryOf(clusterName);
      entry.refusals.clear();
      entry.lastAskMs = Number.NEGATIVE_INFINITY;
    },
    change(clusterName, what, run, applied = () => {}) {
      const entry = entryOf(clusterName);
      entry.changes += 1;
      entry.pending.push({ what, run, applied });
      // Until Kafka is asked again, what it said before would plan the same change once more.
      entry.source = { known: false, why: `${what} is under way` };
      if (entry.pending.length === 1) {
        void makeChanges(clusterName, entry);
      }
    },
    async close() {
      for (const { timer } of watched.values()) {
        timer?.cancel();
      }
      await Promise.all([...watched.values()].map((entry) => entry.admin?.close()));
    },
  };
}

/**
 * Where clients reach the brokers whose executors say that they serve; a node that only controls has no such place.
 * One that is to stop is asked when there is no other: whether it may, nobody else can tell.
 */
export function bootstrapOf(memory: ClusterMemory): readonly string[] {
  const serving = [...memory.brokers.values()].flatMap(({ task }) =>
    task?.state === 'TASK_RUNNING' &&
    task.startedWith.roles.includes('broker') &&
    task.unreachableSinceMs === undefined &&
    task.report?.endpoint !== undefined
      ? [{ endpoint: task.report.endpoint, stays: task.kill === undefined }]
      : [],
  );
  const staying = serving.filter(({ stays }) => stays);
  return (staying.length === 0 ? serving : staying).map(({ endpoint }) => endpoint);
}

function words(error: unknown): string {
  return error instanceof KafkaMesosError || error instanceof Error ? error.message : String(error);
}

/**
 * Kafka is the one peer that fences nobody: whether this scheduler may still act is asked right before each
 * request that changes something, not only before the change that it is a part of.
 */
function guarded(admin: KafkaAdmin, mayAct: () => boolean): KafkaAdmin {
  const asked =
    <Args extends readonly unknown[]>(change: (...args: Args) => Promise<void>) =>
    async (...args: Args): Promise<void> => {
      requireLeadership(mayAct);
      await change(...args);
    };
  return {
    ...admin,
    createTopic: asked((topic) => admin.createTopic(topic)),
    createPartitions: asked((topic, count) => admin.createPartitions(topic, count)),
    alterConfigs: asked((resource, changes) => admin.alterConfigs(resource, changes)),
    alterClientQuotas: asked((entity, changes) => admin.alterClientQuotas(entity, changes)),
    unregisterBroker: asked((id) => admin.unregisterBroker(id)),
  };
}
