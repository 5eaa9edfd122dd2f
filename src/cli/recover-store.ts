/** `scheduler --recover`: takes stock of Mesos and Kafka, shows what the store would hold, and writes it when told to. */
import { createKafkaAdmin } from '../kafka/admin.ts';
import { detectLeader } from '../mesos/leader.ts';
import { createOperatorClient } from '../mesos/operator.ts';
import type { PlanAnswer } from '../model/api.ts';
import { ConflictError, KafkaMesosError } from '../model/errors.ts';
import type { KafkaObserved } from '../model/kafka.ts';
import type { MesosInventory } from '../model/mesos-inventory.ts';
import type { PlanInput, Source } from '../model/observed.ts';
import type { ClusterMemory, FrameworkRecord } from '../model/records.ts';
import { recordPaths, type Store } from '../model/store.ts';
import { emptyMesosTable } from '../observe/mesos-table.ts';
import { plan } from '../plan/plan.ts';
import { previewCluster } from '../plan/preview.ts';
import { type KafkaTruth, type Recovered, type RecoverInput, recover } from '../plan/recover.ts';
import type { ParsedCluster } from '../spec/parse.ts';
import { systemClock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { systemRandom, uuid } from '../sys/random.ts';

export type RecoverOptions = {
  readonly master: string;
  readonly frameworkName: string;
  readonly role: string;
  readonly frameworkId?: string;
  readonly credentials?: { readonly principal: string; readonly secret: string };
  readonly clusters: readonly ParsedCluster[];
  readonly author: string;
  readonly logger: Logger;
};

export type Recovery = { readonly recovered: Recovered; readonly plan: PlanAnswer };

/** Reads only. Rejects with the errors of the operator client. */
export async function prepareRecovery(options: RecoverOptions): Promise<Recovery> {
  const detector = detectLeader(options.master, { logger: options.logger });
  let inventory: MesosInventory;
  try {
    inventory = await createOperatorClient({
      detector,
      ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    }).inventory();
  } finally {
    detector.close();
  }
  const nowMs = systemClock.nowMs();
  const input = (kafka: ReadonlyMap<string, KafkaTruth>): RecoverInput => ({
    nowMs,
    author: options.author,
    frameworkName: options.frameworkName,
    role: options.role,
    ...(options.frameworkId === undefined ? {} : { frameworkId: options.frameworkId }),
    inventory,
    specs: options.clusters.map(({ desired, digest }) => ({ desired, digest })),
    kafka,
  });
  const sources = new Map<string, Source<KafkaObserved>>();
  const truths = new Map<string, KafkaTruth>();
  for (const memory of memoriesOf(recover(input(new Map())))) {
    const asked = await askKafka(memory, options.logger);
    sources.set(memory.spec.desired.name, asked.source);
    if (asked.truth !== undefined) truths.set(memory.spec.desired.name, asked.truth);
  }
  const recovered = recover(input(truths));
  return { recovered, plan: planOf(recovered, sources, options, nowMs) };
}

/**
 * Writes what was recovered. The store has to have no clusters, but for an attempt that did not come to its end:
 * until the last record is in, a marker keeps every scheduler from starting on half a store, whose other
 * half it would take for strangers.
 */
export async function writeRecovery(store: Store, { recovered }: Recovery): Promise<void> {
  if (recovered.problems.length > 0 || recovered.framework === undefined) {
    throw new ConflictError('KM_CONFLICT_RECOVERY', 'what was found does not add up: nothing was written', {
      remedy: 'solve the problems listed above, then recover again',
    });
  }
  const marked = await store.read(recordPaths.recovery);
  // A scheduler that began on the empty store may have registered a second framework, and nothing more.
  const framework = await store.read(recordPaths.framework);
  const isUsed =
    (framework?.value as FrameworkRecord | undefined)?.teardown !== undefined ||
    (await store.list(recordPaths.clusters)).length > 0;
  if (marked === undefined && isUsed) {
    throw new ConflictError('KM_CONFLICT_RECOVERY', 'the store is not empty: nothing was written', {
      remedy: 'a store that can be read needs no recovery; to begin anew give the path of an empty one',
    });
  }
  await store.claim();
  const put = async (path: string, value: unknown): Promise<void> => {
    await store.write(path, value, (await store.read(path))?.version ?? 0);
  };
  await put(recordPaths.recovery, { schema: 1 });
  await put(recordPaths.framework, recovered.framework);
  for (const { spec, cluster, brokers } of recovered.clusters) {
    const { name } = spec.desired;
    await put(recordPaths.spec(name), spec);
    if (cluster !== undefined) await put(recordPaths.cluster(name), cluster);
    for (const broker of brokers) await put(recordPaths.broker(name, broker.id), broker);
  }
  await store.remove(recordPaths.recovery, (await store.read(recordPaths.recovery))?.version ?? 0);
}

function memoriesOf(recovered: Recovered): readonly ClusterMemory[] {
  return recovered.clusters.map(({ spec, cluster, brokers }) => ({
    spec,
    ...(cluster === undefined ? {} : { cluster }),
    brokers: new Map(brokers.map((b) => [b.id, b])),
  }));
}

async function askKafka(
  memory: ClusterMemory,
  logger: Logger,
): Promise<{ readonly source: Source<KafkaObserved>; readonly truth?: KafkaTruth }> {
  const bootstrap = [...memory.brokers.values()].flatMap(({ task }) =>
    task?.report?.endpoint !== undefined && task.startedWith.roles.includes('broker')
      ? [task.report.endpoint]
      : [],
  );
  if (bootstrap.length === 0) return { source: { known: false, why: 'no broker of it runs' } };
  const admin = createKafkaAdmin({
    bootstrap: () => bootstrap,
    clientId: 'kafka-mesos-recover',
    clock: systemClock,
    logger,
  });
  try {
    const observed = await admin.observe(memory.spec.desired.topics.map((topic) => topic.name));
    const dynamic = async (
      resource: Parameters<typeof admin.describeConfigs>[0],
    ): Promise<Readonly<Record<string, string>>> =>
      Object.fromEntries(
        (await admin.describeConfigs(resource)).flatMap((e) =>
          e.source === 'dynamic' && e.value !== undefined ? [[e.name, e.value]] : [],
        ),
      );
    const brokerConfig = new Map<number, Readonly<Record<string, string>>>();
    for (const { id, fenced } of observed.brokers) {
      if (!fenced) brokerConfig.set(id, await dynamic({ kind: 'broker', id }));
    }
    const minInsyncReplicas = (await dynamic({ kind: 'cluster' }))['min.insync.replicas'];
    return {
      source: { known: true, value: observed },
      truth: {
        clusterId: observed.clusterId,
        brokerConfig,
        brokers: new Set([
          ...observed.brokers.map((b) => b.id),
          ...observed.topics.flatMap((t) => t.partitions.flatMap((p) => p.replicas)),
        ]),
        ...(minInsyncReplicas === undefined ? {} : { minInsyncReplicas }),
      },
    };
  } catch (error) {
    if (!(error instanceof KafkaMesosError)) throw error;
    return { source: { known: false, why: error.message } };
  } finally {
    await admin.close();
  }
}

/** What the loop would do next, as `kafka-mesos plan` shows it. */
function planOf(
  recovered: Recovered,
  kafka: ReadonlyMap<string, Source<KafkaObserved>>,
  options: RecoverOptions,
  nowMs: number,
): PlanAnswer {
  const clusters = memoriesOf(recovered).filter((c) => c.cluster !== undefined);
  const none = { uri: '', sha512: '' };
  const input: PlanInput = {
    nowMs,
    wallMs: nowMs,
    framework: {
      name: options.frameworkName,
      role: options.role,
      user: '',
      failoverTimeoutMs: 0,
    },
    clusters,
    mesos: { ...emptyMesosTable, connected: true, subscribedAtMs: nowMs },
    kafka,
    kafkaRefusals: new Map(),
    isTornDown: false,
    artifacts: {
      executor: none,
      node: { byPlatform: {}, defaultPlatform: '' },
      kafka: Object.fromEntries(clusters.map((c) => [c.spec.desired.kafka.version, none])),
      kafkaMissing: {},
    },
    newUuid: () => uuid(systemRandom),
  };
  const made = plan(input);
  return { clusters: clusters.map((c) => previewCluster(input, c, made)), warnings: [] };
}
