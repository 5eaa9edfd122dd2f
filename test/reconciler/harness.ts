/** The loop over a memory store, a Mesos that takes every call, a Kafka that answers, and a clock that stands still. */
import { type KafkaMesosError, UnavailableError } from '../../src/model/errors.ts';
import type { ConfigEntry, ConfigResource, KafkaAdmin, KafkaObserved } from '../../src/model/kafka.ts';
import type { MesosCall, TaskUpdate } from '../../src/model/mesos.ts';
import type { LoopObserver } from '../../src/model/observer.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import type { Store } from '../../src/model/store.ts';
import type { Reconciler } from '../../src/reconciler/ports.ts';
import { createReconciler } from '../../src/reconciler/reconciler.ts';
import { createMemoryStoreBackend, type MemoryStoreBackend } from '../../src/store/memory-store.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { createSeededRandom } from '../../src/sys/random.ts';
import { createVirtualClock, type VirtualClock } from '../mesos/virtual-clock.ts';
import { artifacts, framework } from '../plan/builders.ts';

export type Harness = {
  readonly reconciler: Reconciler;
  readonly clock: VirtualClock;
  /** What crossed the edge, in order: `write clusters/demo/spec`, `send accept`. */
  readonly crossed: string[];
  readonly sent: MesosCall[];
  readonly fatal: KafkaMesosError[];
  /** Kafka's next answers; undefined: it cannot be asked. */
  kafka: KafkaObserved | undefined;
  observed: number;
  /** What the election says: whether this scheduler may act. */
  leads: boolean;
  /** Consulted before each write: an error is thrown before, `lost` after the write was done. */
  onWrite: (path: string) => Error | 'lost' | undefined;
  onSend: (call: MesosCall) => Error | undefined;
  onObserve: (() => Promise<void>) | undefined;
  onCreateTopic: (name: string) => void;
  /** What Kafka has of dynamic settings. */
  configs: (resource: ConfigResource) => readonly ConfigEntry[];
  readonly described: string[];
  stored(path: string): Promise<unknown>;
  broker(id: number): Promise<BrokerRecord | undefined>;
  update(update: TaskUpdate): Promise<void>;
};

/** Everything that can happen without time passing has happened. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

export function createHarness(
  backend: MemoryStoreBackend = createMemoryStoreBackend(),
  observer?: LoopObserver,
): Harness {
  const clock = createVirtualClock();
  const inner = backend.connect();
  const reader = backend.connect();
  const store: Store = {
    ...inner,
    async write(path, value, expectedVersion) {
      const failure = harness.onWrite(path);
      if (failure instanceof Error) throw failure;
      const version = await inner.write(path, value, expectedVersion);
      harness.crossed.push(`write ${path}`);
      if (failure === 'lost') throw unknownOutcome();
      return version;
    },
  };
  const admin: KafkaAdmin = {
    async observe() {
      harness.observed += 1;
      await harness.onObserve?.();
      if (harness.kafka === undefined)
        throw new UnavailableError('KM_UNAVAILABLE_KAFKA', 'no broker answers');
      return { ...harness.kafka, observedAtMs: clock.nowMs() };
    },
    createTopic: async (topic) => {
      harness.crossed.push(`create ${topic.name}`);
      harness.onCreateTopic(topic.name);
    },
    createPartitions: async () => {},
    describeConfigs: async (resource) => {
      harness.described.push(JSON.stringify(resource));
      return harness.configs(resource);
    },
    alterConfigs: async (resource, changes) => {
      harness.crossed.push(`alter ${JSON.stringify(resource)} ${JSON.stringify(changes)}`);
    },
    unregisterBroker: async () => {},
    describeClientQuotas: async () => [],
    alterClientQuotas: async () => {},
    describeLogDirs: async () => [],
    close: async () => {},
  };
  const harness: Harness = {
    clock,
    crossed: [],
    sent: [],
    fatal: [],
    kafka: undefined,
    observed: 0,
    leads: true,
    onWrite: () => undefined,
    onSend: () => undefined,
    onObserve: undefined,
    onCreateTopic: () => {},
    configs: () => [],
    described: [],
    reconciler: createReconciler({
      clock,
      random: createSeededRandom(1),
      logger: silentLogger,
      store,
      mesos: {
        async send(call) {
          const failure = harness.onSend(call);
          if (failure !== undefined) throw failure;
          harness.crossed.push(`send ${call.kind}`);
          harness.sent.push(call);
        },
      },
      connectKafka: () => admin,
      framework,
      artifacts: () => artifacts,
      mayAct: () => harness.leads,
      onFatal: (error) => harness.fatal.push(error),
      ...(observer === undefined ? {} : { observer }),
    }),
    stored: async (path) => (await reader.read(path))?.value,
    broker: async (id) =>
      (await reader.read(`clusters/demo/brokers/${id}`))?.value as BrokerRecord | undefined,
    async update(update) {
      harness.reconciler.onMesosEvent({ kind: 'update', update });
      await settle();
    },
  };
  return harness;
}

export function unknownOutcome(): UnavailableError {
  return new UnavailableError('KM_UNAVAILABLE_STORE', 'the answer was lost', { outcome: 'unknown' });
}
