/**
 * What a plan was made from, in parts: a plan that was looked at is applied only while each of them is as it was.
 *
 * Only what a decision may depend on is in them, and nothing that differs between two looks at the same world or two
 * schedulers that look at it: no time of an observation, offer, end of a log, figure of a report or refusal that a
 * scheduler remembers. Where a cluster has room to be placed, and when it may be restarted, is decided anew by every
 * pass and is no part of what a person consents to.
 */

import type { ClusterPlan } from '../model/api.ts';
import { count } from '../model/count.ts';
import type { KafkaObserved, KafkaTopic } from '../model/kafka.ts';
import type { PlanInput } from '../model/observed.ts';
import type { HeldReason } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory, SpecRecord, TaskRecord } from '../model/records.ts';
import type { ClusterStatus, HeldSummary } from '../model/status.ts';
import { activeIntent } from './intents.ts';

/** By its name, each a value that JSON can hold. */
export type PlanParts = Readonly<Record<string, unknown>>;

/**
 * `planned` is the cluster as the plan has it, with the spec that was proposed; `stored` is the spec that it is to
 * replace, if there is one.
 */
export function planParts(
  input: PlanInput,
  planned: ClusterMemory,
  stored: SpecRecord | undefined,
  preview: Pick<ClusterPlan, 'steps' | 'held'>,
): PlanParts {
  const { desired } = planned.spec;
  const { artifacts } = input;
  const kafka = input.kafka.get(desired.name);
  const brokers = [...planned.brokers.values()].sort((a, b) => a.id - b.id);
  return {
    spec: desired,
    revision: stored === undefined ? null : [stored.revision, stored.digest],
    cluster: planned.cluster ?? null,
    ...Object.fromEntries(
      brokers.map((record) => [`${brokerPart}${record.id}`, brokerFacts(record, input.nowMs)]),
    ),
    artifacts: [
      artifacts.executor.sha512,
      desired.kafka.distribution?.sha512 ?? artifacts.kafka[desired.kafka.version]?.sha512 ?? null,
    ],
    ...(kafka?.known === true ? kafkaParts(kafka.value, planned) : { kafka: 'unknown' }),
    steps: [
      ...new Set([
        ...preview.steps.map((s) => undivided(s.what)),
        // Tried again in a minute, or by another scheduler at once: as planned as it was.
        ...preview.held.filter((h) => h.reason === 'refused-by-kafka').map((h) => undivided(h.need)),
      ]),
    ].sort(),
    held: preview.held
      .filter((h) => h.reason !== 'refused-by-kafka' && (h.stalled || !passing.has(h.reason)))
      .map((h) => `${h.reason}: ${h.need}`)
      .sort(),
  };
}

const brokerPart = 'broker ';

/** What Kafka refused together is tried key by key (`refusals.ts`), by whoever remembers that it was: one change all the same. */
function undivided(what: string): string {
  return what.split(': ')[0] ?? what;
}

/** Held for reasons that come and go between two looks. */
const passing: ReadonlySet<HeldSummary['reason']> = new Set<HeldReason['kind']>([
  'no-matching-offer',
  'kafka-unknown',
  'kafka-slow',
  'mesos-unknown',
  'store-unavailable',
  'task-in-progress',
  'waiting-for-roll',
  'waiting-for-voters',
]);

function brokerFacts(record: BrokerRecord, nowMs: number): unknown {
  const { placement, task, last, growth, maintenance } = record;
  const intent = activeIntent(record, nowMs);
  return {
    placement,
    formatted: record.formatted,
    mayBeFormatted: record.mayBeFormatted,
    volumesMade: record.volumesMade,
    oldHome: record.oldHome && [record.oldHome.placement.incarnation, record.oldHome.hasData],
    task: task === undefined ? { launches: record.launches } : taskFacts(task),
    // How it came down decides when and where it is started again; of one that runs it decides nothing.
    ...(task !== undefined && task.unreachableSinceMs === undefined
      ? {}
      : {
          failures: record.failures,
          retryAtMs: record.retryAtMs,
          stickyUntilMs: record.stickyUntilMs,
          last: last && [last.taskId, last.state, last.code, last.ordered],
        }),
    intent,
    dynamicConfig: record.dynamicConfig,
    superseded: record.superseded.map((s) => s.taskId).sort(),
    leftBehind: record.leftBehind?.map((l) => [l.incarnation, l.agentId, l.cause, l.formatted]).sort(),
    growth: growth && [growth.revision, growth.isReserved, growth.isOver, growth.refused],
    maintenance: maintenance && [
      maintenance.agentId,
      maintenance.startMs,
      maintenance.durationMs,
      maintenance.accepted,
    ],
  };
}

function taskFacts(task: TaskRecord): unknown {
  return {
    id: task.taskId,
    agent: task.agentId,
    state: task.state,
    isUnreachable: task.unreachableSinceMs !== undefined,
    kill: task.kill?.cause,
    startedWith: task.startedWith,
    revision: task.revision,
    failedDisks: (task.report?.disks ?? []).flatMap((d) => (d.error === undefined ? [] : [d.path])).sort(),
  };
}

function kafkaParts(kafka: KafkaObserved, { spec }: ClusterMemory): PlanParts {
  const declared = new Set(spec.desired.topics.map((t) => t.name));
  const topics = [...kafka.topics].sort((a, b) => compareText(a.name, b.name));
  return {
    kafka: [
      kafka.clusterId,
      kafka.brokers.map((b) => [b.id, b.fenced, b.rack ?? null]).sort(byFirst),
      kafka.quorum.leaderId >= 0,
      kafka.quorum.voters.map((v) => [v.nodeId, v.directoryId ?? null]).sort(byFirst),
    ],
    topics: topics
      .filter((t) => declared.has(t.name))
      .map((t) => [t.name, t.minIsr ?? null, t.config ?? null, t.partitions.map((p) => p.replicas)]),
    // A topic that somebody makes meanwhile is of no account while each broker of it can be spared.
    replicas: topics.flatMap(fragile),
  };
}

/** Partitions that one restart more could take below what they need, each with who has it. */
function fragile({ name, minIsr, partitions }: KafkaTopic): readonly unknown[] {
  return partitions
    .filter(
      (p) => p.isr.length < p.replicas.length || p.isr.length < 2 || p.isr.length <= (minIsr ?? Infinity),
    )
    .map((p) => [name, p.partition, [...p.replicas], [...p.isr].sort(), [...p.elr].sort()]);
}

function byFirst([a]: readonly unknown[], [b]: readonly unknown[]): number {
  return Number(a) - Number(b);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The index of a plan, as `ClusterPlan.index` has it: `digest` gives hex of any length. */
export function formatIndex(parts: PlanParts, digest: (value: unknown) => string): string {
  return Object.entries(parts)
    .map(([name, value]) => `${name}=${digest(value).slice(0, 16)}`)
    .join(',');
}

/** Names of the parts that are not as they were, in the order of `now`; what only one of them has counts too. */
export function movedParts(expected: string, now: string): readonly string[] {
  const before = partsOf(expected);
  const after = partsOf(now);
  const gone = [...before.keys()].filter((name) => !after.has(name));
  return [
    ...[...after].filter(([name, digest]) => before.get(name) !== digest).map(([name]) => name),
    ...gone,
  ];
}

function partsOf(index: string): ReadonlyMap<string, string> {
  return new Map(
    index.split(',').flatMap((one) => {
      const at = one.lastIndexOf('=');
      return at < 0 ? [] : [[one.slice(0, at), one.slice(at + 1)]];
    }),
  );
}

/** What is otherwise now, a phrase each: `broker 2 is failed now`. The most telling are first. */
export function describeMoved(
  moved: readonly string[],
  now: {
    readonly stored: SpecRecord | undefined;
    readonly status: ClusterStatus | undefined;
    readonly kafka: KafkaObserved | undefined;
  },
): readonly string[] {
  const words = moved.flatMap((part): readonly string[] => {
    if (part.startsWith(brokerPart)) return [brokerWords(part, now.status)];
    switch (part) {
      case 'spec':
        return ['the spec files say something else'];
      case 'revision':
        return now.stored === undefined
          ? ['the cluster was removed']
          : [`revision ${now.stored.revision} was applied by ${now.stored.author}`];
      case 'cluster':
        return ["the cluster's formation or its settings went on"];
      case 'artifacts':
        return ['brokers would be given another executor or another archive of Kafka'];
      case 'kafka':
        return now.kafka === undefined
          ? ['the scheduler does not know just now what Kafka says']
          : [fencedWords(now.kafka)];
      case 'topics':
        return now.kafka === undefined ? [] : ['a topic of the spec is otherwise in Kafka'];
      case 'replicas':
        return now.kafka === undefined ? [] : replicaWords(now.kafka);
      default:
        return [];
    }
  });
  // What is to be done differs because of what was named, or because of something that has no name of its own.
  return words.length > 0 ? words : ['what is to be done, or what is held, is not the same'];
}

function brokerWords(part: string, status: ClusterStatus | undefined): string {
  const broker = status?.brokers.find((b) => `${brokerPart}${b.id}` === part);
  if (broker === undefined) return `${part} is not there any more`;
  const asked =
    broker.intent === undefined ? '' : `, and ${broker.intent.author} asked to ${broker.intent.kind} it`;
  return broker.state === 'running' && asked === ''
    ? `${part} was restarted, moved or set otherwise`
    : `${part} is ${broker.state} now${asked}`;
}

function fencedWords({ brokers }: KafkaObserved): string {
  const fenced = brokers.filter((b) => b.fenced).map((b) => b.id);
  return fenced.length === 0
    ? 'Kafka lists other brokers or voters, or fences none any more'
    : `Kafka fences broker ${fenced.join(', ')} now, or lists others`;
}

const namedPartitions = 3;

function replicaWords(kafka: KafkaObserved): readonly string[] {
  const behind = kafka.topics.flatMap(({ name, partitions }) =>
    partitions
      .filter((p) => p.isr.length < p.replicas.length)
      .map((p) => `${name}-${p.partition} has ${p.isr.length} of ${p.replicas.length} replicas in sync`),
  );
  if (behind.length === 0) return ['replicas came back in sync, or other partitions can spare none'];
  const more = behind.length - namedPartitions;
  return [
    ...behind.slice(0, namedPartitions),
    ...(more > 0 ? [`so ${more === 1 ? 'has' : 'have'} ${count(more, 'more partition')}`] : []),
  ];
}
