/**
 * The compact form of an observation in `golden/<case>/observed.yaml`.
 *
 *     now: the fixed time of builders.ts; every other time is an offset from it: `-30s`, `+10m`
 *     mesos:    { connected, suppressed, subscribed, kills: {task: {last, attempts}}, strangers: {task: agent}, silent: [task] }
 *     teardown: true                              the framework is torn down
 *     missing:  { <kafka version>: why }          distributions that are not there; `failed: why` stalls
 *     offers:   - { agent, hostname, cpus, mem, disk, ports: 31000-31999, attributes, received, maintenance,
 *                   reserved: [{ broker, cluster, parts }] }
 *     clusters:
 *       <name>: { formed: never | bound | formed, kafka: …, brokers: { <id>: … } }
 *
 * A broker that the spec does not have is like the spec's first one, and a broker only. What it left elsewhere:
 * `left: [{ agent, incarnation, cause, formatted, since }]`; an offer brings it by
 * `reserved: [{ broker, cluster, incarnation, parts }]`.
 * A broker is `running` (the default), `none`, `staging`, `starting`, `stopping`, `unreachable` or `ended`.
 * Kafka is `healthy` unless changed: { fenced, serves, gone, leader, lagging, isr: {topic-partition: [ids]}, elr,
 * replicas, topics, configs, unread, read, took }, or `unknown: why`, `since` a time. `refused: { <step>: why }` was refused half a minute ago.
 */
import { parse } from 'yaml';
import type { Desired, DesiredBroker } from '../../src/model/desired.ts';
import type { KafkaObserved, KafkaPartition } from '../../src/model/kafka.ts';
import type { BrokerPhase, DiskReport, ReportCode } from '../../src/model/launch.ts';
import type { PortRange, TaskState } from '../../src/model/mesos.ts';
import type { PlanInput, Source } from '../../src/model/observed.ts';
import type {
  BrokerRecord,
  ClusterMemory,
  GrowthRecord,
  KillCause,
  LeftBehind,
} from '../../src/model/records.ts';
import { settingsOf } from '../../src/plan/settings.ts';
import {
  artifacts,
  kafkaSha512,
  makeCluster,
  makeEnded,
  makeInput,
  makeKafka,
  makeMesos,
  makeOffer,
  makePlacement,
  makeRecord,
  makeSpec,
  makeTask,
  nowMs,
  reservedFor,
  withAwayFenced,
} from './builders.ts';

type Time = string;

type BrokerForm = {
  readonly state?: 'running' | 'none' | 'staging' | 'starting' | 'stopping' | 'unreachable' | 'ended';
  readonly since?: Time;
  readonly agent?: string;
  readonly attributes?: Record<string, string>;
  readonly ports?: number;
  readonly formatted?: boolean;
  readonly mayBeFormatted?: true;
  readonly volumesMade?: true;
  /** The agent that it was relocated from, its incarnation `old`, until it serves at the new place. */
  readonly oldHome?: string;
  readonly launches?: number;
  readonly failures?: number;
  readonly retry?: Time;
  readonly sticky?: Time;
  readonly bound?: Time;
  readonly phase?: BrokerPhase;
  readonly last?: {
    readonly reason?: string;
    readonly state?: TaskState;
    readonly message?: string;
    readonly ordered?: boolean;
    readonly code?: ReportCode;
    readonly revision?: number;
  };
  /** What a running broker's executor told of its disks. */
  readonly disks?: readonly DiskReport[];
  /** Cause of a KILL that was sent. */
  readonly kill?: KillCause;
  readonly startedWith?: Record<string, unknown>;
  readonly left?: readonly {
    readonly agent: string;
    readonly incarnation: string;
    readonly cause?: LeftBehind['cause'];
    readonly formatted?: boolean;
    readonly since?: Time;
  }[];
  /** Tasks that were superseded, by id. */
  readonly superseded?: Record<string, string>;
  readonly dynamic?: Record<string, string>;
  /** False: the record has no place any more. */
  readonly placed?: boolean;
  /** Another disk than the spec's: sizes by volume name. */
  readonly volumes?: Record<string, number>;
  readonly growth?: GrowthRecord;
  /** Of these volumes; `root` when absent. */
  readonly disk?: 'path' | 'mount';
};

type KafkaForm = {
  readonly unknown?: string;
  readonly since?: Time;
  /** Registered beside the spec's. */
  readonly also?: readonly number[];
  readonly read?: Time;
  /** Milliseconds from the beginning of the reading to its end. */
  readonly took?: number;
  readonly fenced?: readonly number[];
  /** Unfenced, although no task of them is known: all others are fenced a while after their end. */
  readonly serves?: readonly number[];
  readonly gone?: readonly number[];
  readonly leader?: number;
  readonly lagging?: readonly number[];
  readonly minIsr?: Record<string, number>;
  readonly isr?: Record<string, readonly number[]>;
  readonly elr?: Record<string, readonly number[]>;
  readonly replicas?: Record<string, readonly number[]>;
  /** Topics that are there instead of the spec's: partitions x replication factor. */
  readonly topics?: Record<string, string>;
  /** Settings of topics that are not the spec's. */
  readonly configs?: Record<string, Record<string, string>>;
  /** Topics whose settings were not read. */
  readonly unread?: readonly string[];
};

type ObservedForm = {
  readonly mesos?: {
    readonly connected?: boolean;
    readonly suppressed?: boolean;
    readonly subscribed?: Time;
    readonly kills?: Record<string, { last: Time; attempts: number }>;
    readonly strangers?: Record<string, string>;
    readonly silent?: readonly string[];
    readonly asked?: { readonly last: Time; readonly attempts: number };
    readonly implicit?: Time;
    /** GROW_VOLUMEs that were refused, by incarnation: what the feedback said. */
    readonly growths?: Record<string, string>;
  };
  readonly teardown?: boolean;
  readonly missing?: Record<string, string | { readonly failed: string }>;
  readonly offers?: readonly {
    readonly agent: string;
    readonly id?: string;
    readonly hostname?: string;
    readonly cpus?: number;
    readonly mem?: number;
    readonly disk?: number;
    readonly ports?: string;
    readonly attributes?: Record<string, string>;
    readonly received?: Time;
    readonly maintenance?: Time;
    readonly reserved?: readonly {
      readonly broker: number;
      readonly cluster?: string;
      readonly incarnation?: string;
      /** How many times as much of each amount. */
      readonly times?: number;
      readonly parts?: readonly ('cpus' | 'mem' | 'disk' | 'volumes' | 'ports')[];
    }[];
  }[];
  readonly clusters?: Record<
    string,
    {
      readonly formed?: 'never' | 'bound' | 'formed';
      readonly kafka?: KafkaForm;
      readonly brokers?: Record<string, BrokerForm>;
      readonly refused?: Record<string, string>;
      /** When its data began to be destroyed. */
      readonly destroyed?: Time;
      /** The first voters; absent: all controllers of the spec. */
      readonly voters?: readonly number[];
    }
  >;
};

export function readObserved(text: string, desireds: readonly Desired[]): PlanInput {
  const form = (parse(text) ?? {}) as ObservedForm;
  const clusters = desireds.map((desired) => memoryOf(desired, form.clusters?.[desired.name] ?? {}));
  const kafka = new Map<string, Source<KafkaObserved>>();
  for (const memory of clusters) {
    const { desired } = memory.spec;
    const cluster = form.clusters?.[desired.name];
    const isUp = cluster?.formed === undefined || cluster.formed === 'formed';
    if (!isUp && cluster.kafka === undefined) {
      kafka.set(desired.name, { known: false, why: 'no broker of it runs' });
    } else {
      const source = kafkaOf(desired, cluster?.kafka ?? {});
      const { serves } = cluster?.kafka ?? {};
      kafka.set(
        desired.name,
        source.known ? { known: true, value: withAwayFenced(source.value, memory, serves) } : source,
      );
    }
  }
  const mesos = form.mesos ?? {};
  const known = makeMesos(clusters);
  const silent = new Set(mesos.silent ?? []);
  return {
    ...makeInput(clusters),
    isTornDown: form.teardown === true,
    kafka,
    kafkaRefusals: new Map(
      desireds.map(({ name }) => [
        name,
        new Map(
          Object.entries(form.clusters?.[name]?.refused ?? {}).map(([step, why]) => [
            step,
            { why, untilMs: nowMs + 30_000 },
          ]),
        ),
      ]),
    ),
    artifacts: {
      ...artifacts,
      kafka: Object.fromEntries(
        Object.entries(artifacts.kafka).filter(([v]) => form.missing?.[v] === undefined),
      ),
      kafkaMissing: Object.fromEntries(
        Object.entries(form.missing ?? {}).map(([version, why]) => [
          version,
          typeof why === 'string' ? { why, failed: false } : { why: why.failed, failed: true },
        ]),
      ),
    },
    mesos: {
      ...known,
      connected: mesos.connected ?? true,
      suppressed: mesos.suppressed ?? known.suppressed,
      ...(mesos.subscribed === undefined ? {} : { subscribedAtMs: timeOf(mesos.subscribed) }),
      answeredTasks: new Set([...known.answeredTasks].filter((id) => !silent.has(id))),
      explicitReconcile:
        mesos.asked === undefined
          ? { attempts: 0 }
          : { lastAtMs: timeOf(mesos.asked.last), attempts: mesos.asked.attempts },
      ...(mesos.implicit === undefined ? {} : { lastImplicitReconcileAtMs: timeOf(mesos.implicit) }),
      kills: new Map(
        Object.entries(mesos.kills ?? {}).map(([id, k]) => [
          id,
          { lastAtMs: timeOf(k.last), attempts: k.attempts },
        ]),
      ),
      conversions: new Map(
        Object.entries(mesos.growths ?? {}).map(([id, refused]) => [
          id,
          { agentId: '', sentAtMs: nowMs - 1_000, refused },
        ]),
      ),
      strangers: Object.entries(mesos.strangers ?? {}).map(([taskId, agentId]) => ({ taskId, agentId })),
      offers: (form.offers ?? []).map((offer) =>
        makeOffer(offer.agent, {
          ...(offer.id === undefined ? {} : { id: offer.id }),
          ...(offer.hostname === undefined ? {} : { hostname: offer.hostname }),
          ...(offer.cpus === undefined ? {} : { cpus: offer.cpus }),
          ...(offer.mem === undefined ? {} : { mem: offer.mem }),
          ...(offer.disk === undefined ? {} : { disk: offer.disk }),
          ...(offer.ports === undefined ? {} : { ports: rangesOf(offer.ports) }),
          ...(offer.attributes === undefined ? {} : { attributes: offer.attributes }),
          ...(offer.maintenance === undefined
            ? {}
            : { unavailability: { startMs: timeOf(offer.maintenance) } }),
          ...(offer.received === undefined ? {} : { receivedAtMs: timeOf(offer.received) }),
          extra: (offer.reserved ?? []).flatMap(({ broker: id, cluster, incarnation, times = 1, parts }) => {
            const memory = clusters.find((c) => c.spec.desired.name === cluster) ?? clusters[0];
            const broker = memory === undefined ? undefined : brokerOf(memory.spec.desired, id);
            if (memory === undefined || broker === undefined) throw new Error('there is no cluster');
            const name = cluster ?? memory.spec.desired.name;
            const own = memory.brokers.get(id)?.placement;
            if (own === undefined && incarnation === undefined)
              throw new Error(`an offer has something reserved for broker ${id}, which has no place`);
            const placement =
              own !== undefined && incarnation === undefined
                ? own
                : makePlacement(name, broker, incarnation === undefined ? {} : { incarnation });
            return reservedFor(name, broker, placement, parts).map((r) =>
              r.scalar === undefined ? r : { ...r, scalar: Math.round(r.scalar * times * 1000) / 1000 },
            );
          }),
        }),
      ),
    },
  };
}

type ClusterForm = NonNullable<ObservedForm['clusters']>[string];

/** One that the spec does not have is like its first, and a broker only. */
function brokerOf(desired: Desired, id: number): DesiredBroker | undefined {
  const first = desired.brokers[0];
  if (first === undefined) return undefined;
  const { controllerListener: _none, ...plain } = first;
  return (
    desired.brokers.find((b) => b.id === id) ?? {
      ...plain,
      id,
      roles: ['broker'],
      listeners: [{ name: 'CLIENT', protocol: 'PLAINTEXT', port: { kind: 'any' } }],
    }
  );
}

function memoryOf(desired: Desired, form: ClusterForm): ClusterMemory {
  const others = Object.keys(form.brokers ?? {})
    .map(Number)
    .filter((id) => !desired.brokers.some((b) => b.id === id))
    .flatMap((id) => brokerOf(desired, id) ?? []);
  const records = [...desired.brokers, ...others].flatMap((broker): BrokerRecord[] => {
    const b = form.brokers?.[String(broker.id)] ?? (form.formed === 'never' ? { state: 'none' } : {});
    const state = b.state ?? 'running';
    if (state === 'none') return [];
    const made = makePlacement(desired.name, broker, {
      ...(b.agent === undefined ? {} : { agentId: b.agent }),
      ...(b.attributes === undefined ? {} : { attributes: b.attributes }),
      ...(b.attributes?.rack === undefined ? {} : { rack: b.attributes.rack }),
      ...(b.ports === undefined ? {} : { firstPort: b.ports }),
      ...(b.bound === undefined ? {} : { boundAtMs: timeOf(b.bound) }),
    });
    const sizes = b.volumes;
    const placement =
      sizes === undefined
        ? made
        : {
            ...made,
            volumes: Object.entries(sizes).map(([name, sizeMiB]) => ({
              name,
              kind: 'persistent' as const,
              sizeMiB,
              persistenceId: `${desired.name}-${broker.id}-${name}-i${broker.id}`,
              path: `volume-${name}`,
              source: b.disk === undefined ? { kind: 'root' as const } : { kind: b.disk, root: '/mnt/disk' },
            })),
          };
    const startedWith = { ...settingsOf(desired, broker, kafkaSha512), ...b.startedWith };
    const sinceMs = timeOf(b.since ?? '-1h');
    const common = {
      placement,
      ...(b.left === undefined
        ? {}
        : {
            leftBehind: b.left.map((l) => ({
              incarnation: l.incarnation,
              agentId: l.agent,
              hostname: l.agent,
              cause: l.cause ?? 'relocated',
              formatted: l.formatted ?? true,
              sinceMs: timeOf(l.since ?? '-1h'),
            })),
          }),
      ...(b.superseded === undefined
        ? {}
        : {
            superseded: Object.entries(b.superseded).map(([taskId, agentId]) => ({ taskId, agentId })),
          }),
      ...(b.dynamic === undefined
        ? {}
        : {
            dynamicConfig: Object.fromEntries(
              Object.entries(b.dynamic).map(([key, value]) => [key, { value, applied: true }]),
            ),
          }),
      ...(b.growth === undefined ? {} : { growth: b.growth }),
      ...(b.formatted === undefined ? {} : { formatted: b.formatted }),
      ...(b.mayBeFormatted === undefined ? {} : { mayBeFormatted: b.mayBeFormatted }),
      ...(b.volumesMade === undefined ? {} : { volumesMade: b.volumesMade }),
      ...(b.oldHome === undefined
        ? {}
        : {
            oldHome: {
              placement: makePlacement(desired.name, broker, { agentId: b.oldHome, incarnation: 'old' }),
              hasData: true,
            },
          }),
      ...(b.launches === undefined ? {} : { launches: b.launches }),
      ...(b.failures === undefined ? {} : { failures: b.failures }),
      ...(b.retry === undefined ? {} : { retryAtMs: timeOf(b.retry) }),
      ...(b.sticky === undefined ? {} : { stickyUntilMs: timeOf(b.sticky) }),
    };
    if (state === 'ended') {
      const record = makeEnded(desired, broker, common);
      const { placement: _none, ...homeless } = record;
      const placed = b.placed === false ? homeless : record;
      if (record.last === undefined) return [placed];
      return [{ ...placed, last: { ...record.last, endedAtMs: sinceMs, ...b.last, startedWith } }];
    }
    const task = makeTask(desired, broker, placement, {
      stateSinceMs: sinceMs,
      startedWith,
      ...(state === 'staging' ? { state: 'TASK_STAGING', seen: false, launchedAtMs: sinceMs } : {}),
      ...(state === 'starting' ? { state: 'TASK_STARTING', launchedAtMs: sinceMs } : {}),
      ...(state === 'unreachable' ? { unreachableSinceMs: sinceMs, stateSinceMs: nowMs - 7_200_000 } : {}),
      ...(state === 'stopping' || b.kill !== undefined
        ? { kill: { cause: b.kill ?? 'roll', detail: 'config num.partitions: 8 → 4', atMs: sinceMs } }
        : {}),
    });
    const { report, ...silentTask } = task;
    return [
      makeRecord(desired, broker, {
        ...common,
        task:
          state === 'staging'
            ? silentTask
            : state === 'starting'
              ? { ...silentTask, report: { protocol: 1, phase: b.phase ?? 'starting', formatted: true } }
              : {
                  ...silentTask,
                  ...(report === undefined
                    ? {}
                    : { report: { ...report, ...(b.disks === undefined ? {} : { disks: b.disks }) } }),
                },
      }),
    ];
  });
  const all = makeCluster(desired);
  const voters = all.voters.filter((v) => form.voters?.includes(v.nodeId) ?? true);
  const destroyed = form.destroyed === undefined ? {} : { destroyedSinceMs: timeOf(form.destroyed) };
  const cluster = { ...all, voters, ...destroyed };
  const { formedAtMs: _formed, ...bound } = cluster;
  return {
    spec: makeSpec(desired),
    ...(form.formed === 'never' ? {} : { cluster: form.formed === 'bound' ? bound : cluster }),
    brokers: new Map(records.map((r) => [r.id, r])),
  };
}

function kafkaOf(desired: Desired, form: KafkaForm): Source<KafkaObserved> {
  if (form.unknown !== undefined) {
    const since = form.since === undefined ? {} : { sinceMs: timeOf(form.since) };
    return { known: false, why: form.unknown, ...since };
  }
  const healthy = makeKafka(
    form.topics === undefined
      ? desired
      : {
          ...desired,
          topics: Object.entries(form.topics).map(([name, shape]) => {
            const [partitions = 1, replicationFactor = 1] = shape.split('x').map(Number);
            const config = desired.topics.find((topic) => topic.name === name)?.config ?? {};
            return { name, partitions, replicationFactor, config };
          }),
        },
  );
  return {
    known: true,
    value: {
      ...healthy,
      observedAtMs: timeOf(form.read ?? '-500ms'),
      tookMs: form.took ?? healthy.tookMs,
      brokers: [
        ...healthy.brokers,
        ...(form.also ?? []).map((id) => ({ id, fenced: false, host: 'elsewhere', port: 31_000 })),
      ]
        .filter((b) => form.gone?.includes(b.id) !== true)
        .map((b) => ({ ...b, fenced: form.fenced?.includes(b.id) === true })),
      topics: healthy.topics.map((topic) => {
        const { minIsr = topic.minIsr } = { minIsr: form.minIsr?.[topic.name] };
        const { config, ...unread } = topic;
        return {
          ...unread,
          ...(form.unread?.includes(topic.name) === true
            ? {}
            : { config: { ...config, ...form.configs?.[topic.name] } }),
          ...(minIsr === undefined ? {} : { minIsr }),
          partitions: topic.partitions.map((p) => partitionOf(`${topic.name}-${p.partition}`, p, form)),
        };
      }),
      quorum: {
        ...healthy.quorum,
        leaderId: form.leader ?? healthy.quorum.leaderId,
        voters: healthy.quorum.voters.map((v) =>
          form.lagging?.includes(v.nodeId) === true
            ? { ...v, logEndOffset: 10, lastCaughtUpMs: nowMs - 60_000 }
            : v,
        ),
      },
    },
  };
}

function partitionOf(name: string, partition: KafkaPartition, form: KafkaForm): KafkaPartition {
  const replicas = form.replicas?.[name] ?? partition.replicas;
  const down = [...(form.fenced ?? []), ...(form.gone ?? [])];
  const isr = form.isr?.[name] ?? replicas.filter((id) => !down.includes(id));
  return { ...partition, replicas, isr, elr: form.elr?.[name] ?? [], leader: isr[0] ?? -1 };
}

/** `-30s`, `+10m`, `-1h`, `-500ms`: from the fixed now. */
function timeOf(text: Time): number {
  const match = /^([-+])(\d+)(ms|s|m|h)$/.exec(text);
  if (match === null) throw new Error(`${text} is not an offset such as -30s`);
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
  return nowMs + (match[1] === '-' ? -1 : 1) * Number(match[2]) * (units[match[3] ?? 's'] ?? 1_000);
}

function rangesOf(text: string): readonly PortRange[] {
  return String(text)
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [begin = 0, end = begin] = part.split('-').map(Number);
      return { begin, end };
    });
}
