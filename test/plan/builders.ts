/** Small worlds for the planner: desired clusters, records, offers and Kafka readings with sensible defaults. */

import type { ClusterPlan } from '../../src/model/api.ts';
import type { Desired, DesiredBroker } from '../../src/model/desired.ts';
import type { KafkaObserved } from '../../src/model/kafka.ts';
import type { Offer, PortRange, Reservation, Resource } from '../../src/model/mesos.ts';
import type { ArtifactCatalog, ObservedMesos, PlanInput, Source } from '../../src/model/observed.ts';
import type {
  BrokerRecord,
  ClusterMemory,
  ClusterRecord,
  Placement,
  SpecRecord,
  TaskRecord,
} from '../../src/model/records.ts';
import { identityLabels } from '../../src/model/task-labels.ts';
import { emptyMesosTable } from '../../src/observe/mesos-table.ts';
import { listenersOf } from '../../src/plan/fit.ts';
import { plan } from '../../src/plan/plan.ts';
import { previewCluster } from '../../src/plan/preview.ts';
import { settingsOf } from '../../src/plan/settings.ts';

export const nowMs = 1_700_000_000_000;
export const framework = {
  name: 'kafka-mesos',
  user: 'kafka',
  role: 'kafka',
  failoverTimeoutMs: 604_800_000,
};
export const kafkaSha512 = 'k'.repeat(128);

export const artifacts: ArtifactCatalog = {
  executor: { uri: 'http://scheduler/executor.mjs', sha512: 'e'.repeat(128) },
  node: {
    byPlatform: { 'linux-x64': { uri: 'http://scheduler/node', sha512: 'n'.repeat(128) } },
    defaultPlatform: 'linux-x64',
  },
  kafka: { '4.3.1': { uri: 'http://scheduler/kafka.tgz', sha512: kafkaSha512 } },
  kafkaMissing: {},
};

/** UUIDs in the order in which they are asked for. */
export function countUuids(): () => string {
  let made = 0;
  return () => {
    made += 1;
    return `00000000-0000-4000-8000-${String(made).padStart(12, '0')}`;
  };
}

export function makeBroker(id: number, changes: Partial<DesiredBroker> = {}): DesiredBroker {
  const roles = changes.roles ?? ['broker', 'controller'];
  return {
    id,
    pool: 'main',
    roles,
    state: 'running',
    cpus: 1,
    memoryMiB: 1024,
    heapMiB: 512,
    storage: { kind: 'persistent', volumes: [{ name: 'data', sizeMiB: 1000, disk: 'root' }] },
    listeners: roles.includes('broker')
      ? [{ name: 'CLIENT', protocol: 'PLAINTEXT', port: { kind: 'any' } }]
      : [],
    ...(roles.includes('controller')
      ? {
          controllerListener: {
            name: 'CONTROLLER',
            protocol: 'PLAINTEXT' as const,
            port: { kind: 'any' as const },
          },
        }
      : {}),
    constraints: [{ kind: 'unique', attribute: 'hostname' }],
    stickinessPeriodMs: 600_000,
    failover: { delayMs: 10_000, maxDelayMs: 600_000 },
    jvmOptions: [],
    environment: {},
    derivedConfig: {},
    config: {},
    log4j: {},
    stopGraceMs: 120_000,
    ...changes,
  };
}

export function makeDesired(changes: Partial<Desired> = {}): Desired {
  return {
    name: 'demo',
    labels: {},
    kafka: { version: '4.3.1' },
    brokers: [0, 1, 2].map((id) => makeBroker(id)),
    topics: [],
    rollout: { allowSingleReplicaOutage: false, paused: false },
    reassignment: { throttleBytesPerSecond: 50_000_000 },
    ...changes,
  };
}

export function makeSpec(desired: Desired): SpecRecord {
  return { schema: 1, revision: 1, digest: 'd', desired, appliedAtMs: nowMs - 3_600_000, author: 'test' };
}

export type PlacementChanges = {
  readonly incarnation?: string;
  readonly agentId?: string;
  readonly hostname?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly rack?: string;
  readonly firstPort?: number;
  readonly boundAtMs?: number;
};

/** As the planner would have bound the broker: its ports in order from `firstPort`. */
export function makePlacement(
  clusterName: string,
  broker: DesiredBroker,
  changes: PlacementChanges = {},
): Placement {
  const agentId = changes.agentId ?? `agent-${broker.id + 1}`;
  const hostname = changes.hostname ?? agentId;
  const incarnation = changes.incarnation ?? `i${broker.id}`;
  const firstPort = changes.firstPort ?? 31_000 + broker.id * 100;
  return {
    incarnation,
    agentId,
    hostname,
    host: hostname,
    ...(changes.rack === undefined ? {} : { rack: changes.rack }),
    attributes: { ...changes.attributes, hostname },
    ports: Object.fromEntries(listenersOf(broker).map((l, index) => [l.name, firstPort + index])),
    volumes: broker.storage.volumes.map((v) => ({
      name: v.name,
      kind: broker.storage.kind,
      sizeMiB: v.sizeMiB,
      ...(broker.storage.kind === 'persistent'
        ? { persistenceId: `${clusterName}-${broker.id}-${v.name}-${incarnation}` }
        : {}),
      path: v.hostPath ?? `${broker.storage.kind === 'persistent' ? 'volume-' : 'volumes/'}${v.name}`,
      source: v.disk === 'root' ? { kind: 'root' } : { kind: v.disk, root: '/mnt/disk' },
    })),
    boundAtMs: changes.boundAtMs ?? nowMs - 7_200_000,
  };
}

export function makeTask(
  desired: Desired,
  broker: DesiredBroker,
  placement: Placement,
  changes: Partial<TaskRecord> = {},
): TaskRecord {
  const sinceMs = changes.stateSinceMs ?? nowMs - 3_600_000;
  return {
    taskId: `${desired.name}.${broker.id}.1.t`,
    agentId: placement.agentId,
    launchedAtMs: Math.min(nowMs - 3_600_000, sinceMs),
    state: 'TASK_RUNNING',
    stateSinceMs: sinceMs,
    seen: true,
    report: {
      protocol: 1,
      phase: 'serving',
      formatted: true,
      endpoint: `${placement.hostname}:${Object.values(placement.ports)[0]}`,
    },
    startedWith: settingsOf(desired, broker, kafkaSha512),
    ...changes,
  };
}

/** A broker that runs, has run for long, and differs in nothing. */
export function makeRecord(
  desired: Desired,
  broker: DesiredBroker,
  changes: Partial<BrokerRecord> = {},
): BrokerRecord {
  const placement = changes.placement ?? makePlacement(desired.name, broker);
  return {
    schema: 1,
    clusterName: desired.name,
    id: broker.id,
    placement,
    formatted: true,
    launches: 1,
    superseded: [],
    failures: 0,
    task: makeTask(desired, broker, placement),
    ...changes,
  };
}

/** The same without its task: it ended `agoMs` ago. */
export function makeEnded(
  desired: Desired,
  broker: DesiredBroker,
  changes: Partial<BrokerRecord> = {},
): BrokerRecord {
  const { task, ...record } = makeRecord(desired, broker, { failures: 1, ...changes });
  return {
    ...record,
    last: {
      taskId: `${desired.name}.${broker.id}.1.t`,
      agentId: record.placement?.agentId ?? '',
      state: 'TASK_FAILED',
      endedAtMs: nowMs - 30_000,
      message: 'Kafka exited with code 1',
      ordered: false,
      startedWith: task?.startedWith ?? settingsOf(desired, broker, kafkaSha512),
    },
    stickyUntilMs: nowMs - 30_000 + broker.stickinessPeriodMs,
    ...changes,
  };
}

export function makeCluster(desired: Desired, changes: Partial<ClusterRecord> = {}): ClusterRecord {
  return {
    schema: 1,
    name: desired.name,
    clusterId: 'AAAAAAAAAAAAAAAAAAAAAA',
    voters: desired.brokers
      .filter((b) => b.roles.includes('controller'))
      .map((b) => {
        const placement = makePlacement(desired.name, b);
        return {
          nodeId: b.id,
          host: placement.hostname,
          port: placement.ports.CONTROLLER ?? 0,
          directoryId: `d${b.id}`,
          placement,
        };
      }),
    formedAtMs: nowMs - 7_000_000,
    ...changes,
  };
}

/** A cluster of which everything runs, but for the records given. */
export function makeMemory(
  desired: Desired,
  records: readonly BrokerRecord[] = [],
  cluster: ClusterRecord | undefined = makeCluster(desired),
): ClusterMemory {
  const all = new Map(desired.brokers.map((b) => [b.id, makeRecord(desired, b)]));
  for (const record of records) {
    all.set(record.id, record);
  }
  return {
    spec: makeSpec(desired),
    ...(cluster === undefined ? {} : { cluster }),
    brokers: all,
  };
}

/** All unfenced, in sync, caught up; the topics of the spec are there, replicas spread round robin. */
export function makeKafka(desired: Desired, changes: Partial<KafkaObserved> = {}): KafkaObserved {
  const brokers = desired.brokers.filter((b) => b.roles.includes('broker') && b.state === 'running');
  const voters = desired.brokers.filter((b) => b.roles.includes('controller'));
  return {
    observedAtMs: nowMs - 500,
    tookMs: 20,
    clusterId: 'AAAAAAAAAAAAAAAAAAAAAA',
    brokers: brokers.map((b) => ({ id: b.id, fenced: false, host: `agent-${b.id + 1}`, port: 31_000 })),
    topics: desired.topics.map((topic) => ({
      name: topic.name,
      internal: false,
      minIsr: Number(topic.config['min.insync.replicas'] ?? 1),
      config: topic.config,
      partitions: Array.from({ length: topic.partitions }, (_, partition) => {
        const replicas = Array.from(
          { length: Math.min(topic.replicationFactor, brokers.length) },
          (_unused, i) => brokers[(partition + i) % brokers.length]?.id ?? 0,
        );
        return { partition, leader: replicas[0] ?? -1, replicas, isr: replicas, elr: [] };
      }),
    })),
    quorum: {
      leaderId: voters[0]?.id ?? -1,
      voters: voters.map((v) => ({ nodeId: v.id, logEndOffset: 100, lastCaughtUpMs: nowMs - 500 })),
      observers: [],
    },
    ...changes,
  };
}

/** Without the brokers that ended a while ago: the controller has fenced them, all but `serving`. */
export function withAwayFenced(
  kafka: KafkaObserved,
  { brokers }: ClusterMemory,
  serving: readonly number[] = [],
): KafkaObserved {
  const isAway = (id: number): boolean => {
    const { task, last } = brokers.get(id) ?? {};
    return task === undefined && kafka.observedAtMs - (last?.endedAtMs ?? 0) > 20_000;
  };
  return {
    ...kafka,
    brokers: kafka.brokers.map((b) => (isAway(b.id) && !serving.includes(b.id) ? { ...b, fenced: true } : b)),
  };
}

/** One replica of that partition of each topic is out of sync. */
export function makeLagging(kafka: KafkaObserved, partition: number): KafkaObserved {
  const topics = kafka.topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((p) =>
      p.partition === partition ? { ...p, isr: p.isr.slice(0, -1) } : p,
    ),
  }));
  return { ...kafka, topics };
}

export type OfferShape = {
  readonly id?: string;
  readonly hostname?: string;
  readonly cpus?: number;
  readonly mem?: number;
  readonly disk?: number;
  readonly ports?: readonly PortRange[];
  readonly attributes?: Readonly<Record<string, string>>;
  readonly extra?: readonly Resource[];
  readonly unavailability?: Offer['unavailability'];
  readonly receivedAtMs?: number;
};

export function makeOffer(agentId: string, shape: OfferShape = {}): Offer {
  const scalar = (name: string, value: number): readonly Resource[] =>
    value > 0 ? [{ name, scalar: value, reservations: [] }] : [];
  const ranges = shape.ports ?? [{ begin: 31_000, end: 31_999 }];
  return {
    id: shape.id ?? `offer-${agentId}`,
    agentId,
    hostname: shape.hostname ?? agentId,
    role: 'kafka',
    attributes: shape.attributes ?? {},
    resources: [
      ...scalar('cpus', shape.cpus ?? 4),
      ...scalar('mem', shape.mem ?? 8192),
      ...scalar('disk', shape.disk ?? 10_000),
      ...(ranges.length === 0 ? [] : [{ name: 'ports', ranges, reservations: [] }]),
      ...(shape.extra ?? []),
    ],
    ...(shape.unavailability === undefined ? {} : { unavailability: shape.unavailability }),
    receivedAtMs: shape.receivedAtMs ?? nowMs - 1_000,
  };
}

/** What the broker's RESERVE and CREATE left on its agent: an offer brings it while no task uses it. */
export function reservedFor(
  clusterName: string,
  broker: DesiredBroker,
  placement: Placement,
  parts: readonly ('cpus' | 'mem' | 'disk' | 'volumes' | 'ports')[] = ['cpus', 'mem', 'volumes', 'ports'],
): readonly Resource[] {
  const reservation: Reservation = {
    kind: 'dynamic',
    role: framework.role,
    labels: identityLabels({
      framework: framework.name,
      cluster: clusterName,
      broker: broker.id,
      incarnation: placement.incarnation,
    }),
  };
  const made: Resource[] = [];
  for (const part of parts) {
    switch (part) {
      case 'cpus':
        made.push({ name: 'cpus', scalar: broker.cpus + 0.1, reservations: [reservation] });
        break;
      case 'mem':
        made.push({ name: 'mem', scalar: broker.memoryMiB + 128, reservations: [reservation] });
        break;
      case 'disk':
        made.push(
          ...placement.volumes.map((v) => ({ name: 'disk', scalar: v.sizeMiB, reservations: [reservation] })),
        );
        break;
      case 'volumes':
        made.push(
          ...placement.volumes.map((v) => ({
            name: 'disk',
            scalar: v.sizeMiB,
            reservations: [reservation],
            disk: {
              source: v.source,
              volume: { persistenceId: v.persistenceId ?? '', containerPath: v.path },
            },
          })),
        );
        break;
      case 'ports':
        made.push({
          name: 'ports',
          ranges: Object.values(placement.ports).map((port) => ({ begin: port, end: port })),
          reservations: [reservation],
        });
        break;
    }
  }
  return made;
}

/** Connected for an hour; every task has been heard of; nothing else to do. */
export function makeMesos(
  clusters: readonly ClusterMemory[],
  changes: Partial<ObservedMesos> = {},
): ObservedMesos {
  const tasks = clusters.flatMap((c) => [...c.brokers.values()].flatMap((b) => b.task?.taskId ?? []));
  return {
    ...emptyMesosTable,
    connected: true,
    subscribedAtMs: nowMs - 3_600_000,
    suppressed: true,
    operationsAsked: true,
    answeredTasks: new Set(tasks),
    lastImplicitReconcileAtMs: nowMs - 60_000,
    ...changes,
  };
}

export function makeInput(
  clusters: readonly ClusterMemory[],
  changes: Partial<Omit<PlanInput, 'mesos' | 'kafka'>> & {
    readonly mesos?: Partial<ObservedMesos>;
    readonly kafka?: Readonly<Record<string, Source<KafkaObserved>>>;
  } = {},
): PlanInput {
  const { mesos, kafka, ...rest } = changes;
  const healthy = clusters.map(
    (c) =>
      [c.spec.desired.name, { known: true, value: withAwayFenced(makeKafka(c.spec.desired), c) }] as const,
  );
  return {
    nowMs,
    wallMs: rest.nowMs ?? nowMs,
    framework,
    clusters,
    mesos: makeMesos(clusters, mesos),
    kafka: new Map<string, Source<KafkaObserved>>(
      kafka === undefined ? healthy : [...healthy, ...Object.entries(kafka)],
    ),
    kafkaRefusals: new Map(),
    isTornDown: false,
    artifacts,
    newUuid: countUuids(),
    ...rest,
  };
}

/** What `kafka-mesos plan` shows of a cluster of this world. */
export function previewOf(input: PlanInput, memory: ClusterMemory): ClusterPlan {
  return previewCluster(input, memory, plan(input));
}
