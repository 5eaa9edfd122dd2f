/** Topics are made, grown and configured; nothing is ever deleted or re-created to reach a spec. */
import { count } from '../model/count.ts';
import type { DesiredTopic } from '../model/desired.ts';
import type { KafkaObserved, KafkaTopic } from '../model/kafka.ts';
import type { Source } from '../model/observed.ts';
import type { Held, HeldReason, Step } from '../model/plan.ts';
import type { ClusterMemory } from '../model/records.ts';
import { noRefusals, type Refusals, splitRefused } from './refusals.ts';
import { describeConfigChange } from './settings.ts';

export function planTopics(
  memory: ClusterMemory,
  kafka: Source<KafkaObserved>,
  refusals: Refusals = noRefusals,
): { readonly steps: readonly Step[]; readonly held: readonly Held[] } {
  const { desired } = memory.spec;
  const steps: Step[] = [];
  const held: Held[] = [];
  for (const topic of desired.topics) {
    const outcomes = kafka.known
      ? planTopic(desired.name, topic, kafka.value, refusals)
      : [
          {
            need: `create topic ${topic.name}`,
            reason: { kind: 'kafka-unknown', detail: kafka.why },
            stalled: false,
          } as const,
        ];
    for (const outcome of outcomes) {
      if ('action' in outcome) {
        steps.push(outcome);
      } else {
        held.push({ clusterName: desired.name, ...outcome });
      }
    }
  }
  return { steps, held };
}

type TopicHeld = { readonly need: string; readonly reason: HeldReason; readonly stalled: boolean };

function planTopic(
  clusterName: string,
  wanted: DesiredTopic,
  kafka: KafkaObserved,
  refusals: Refusals,
): readonly (Step | TopicHeld)[] {
  const actual = kafka.topics.find((t) => t.name === wanted.name);
  if (actual === undefined) {
    return [createTopic(clusterName, wanted, kafka)];
  }
  return [
    ...growTopic(clusterName, wanted, actual, kafka),
    ...configureTopic(clusterName, wanted, actual, refusals),
  ];
}

function growTopic(
  clusterName: string,
  wanted: DesiredTopic,
  actual: KafkaTopic,
  kafka: KafkaObserved,
): readonly (Step | TopicHeld)[] {
  if (actual.partitions.length > wanted.partitions) {
    return [
      impossible(
        wanted,
        `it has ${count(actual.partitions.length, 'partition')} and Kafka cannot take any away; say partitions: ${actual.partitions.length}`,
      ),
    ];
  }
  if (actual.partitions.length < wanted.partitions) {
    const few = tooFewBrokers(`grow topic ${wanted.name}`, replicationFactorOf(actual), kafka);
    return [
      few ?? {
        mark: '~',
        what: `grow topic ${wanted.name}`,
        why: [`partitions: ${actual.partitions.length} → ${wanted.partitions}`],
        clusterName,
        action: { kind: 'create-partitions', topic: wanted.name, totalCount: wanted.partitions },
      },
    ];
  }
  const factor = replicationFactorOf(actual);
  return factor === wanted.replicationFactor
    ? []
    : [
        {
          need: `change topic ${wanted.name}`,
          reason: {
            kind: 'not-yet-supported',
            detail: `its replication factor is ${factor}, and moving replicas is not acted on yet`,
          },
          stalled: true,
        },
      ];
}

/**
 * Keys that the spec names and that have another value, wherever Kafka has that from. All other keys, and a
 * key that has left the spec, are somebody else's: they are neither compared nor touched.
 */
function configureTopic(
  clusterName: string,
  wanted: DesiredTopic,
  actual: KafkaTopic,
  refusals: Refusals,
): readonly (Step | TopicHeld)[] {
  const what = `configure topic ${wanted.name}`;
  if (Object.keys(wanted.config).length === 0) {
    return [];
  }
  const { config } = actual;
  if (config === undefined) {
    return [
      {
        need: what,
        reason: { kind: 'kafka-unknown', detail: 'the settings of this topic are not read yet' },
        stalled: false,
      },
    ];
  }
  const changes = Object.fromEntries(
    Object.entries(wanted.config).filter(([key, value]) => !isSameValue(config[key], value)),
  );
  return splitRefused(what, changes, refusals).map((part) => ({
    mark: '~',
    what: part.what,
    why: Object.entries(part.changes).map(([key, value]) => describeConfigChange(key, config[key], value)),
    clusterName,
    action: { kind: 'alter-topic-config', topic: wanted.name, changes: part.changes },
  }));
}

/** Kafka tells what it has read: `compact, delete` is `compact,delete` then, `TRUE` is `true` and `0.50` is `0.5`. */
function isSameValue(actual: string | undefined, wanted: string): boolean {
  return actual === wanted || (actual !== undefined && plainValue(actual) === plainValue(wanted));
}

function plainValue(text: string): string {
  const value = text
    .split(',')
    .map((part) => part.trim())
    .join(',');
  if (/^(true|false)$/i.test(value)) return value.toLowerCase();
  // Not by Number: Kafka's largest is more than it can hold.
  if (/^[+-]?\d+$/.test(value)) return String(BigInt(value.replace('+', '')));
  return /^[+-]?\d*\.\d+$/.test(value) ? String(Number(value)) : value;
}

function createTopic(clusterName: string, wanted: DesiredTopic, kafka: KafkaObserved): Step | TopicHeld {
  return (
    tooFewBrokers(`create topic ${wanted.name}`, wanted.replicationFactor, kafka) ?? {
      mark: '+',
      what: `create topic ${wanted.name}`,
      why: [`${count(wanted.partitions, 'partition')}, replication factor ${wanted.replicationFactor}`],
      clusterName,
      action: { kind: 'create-topic', topic: wanted },
    }
  );
}

/** A partition is not born with replicas on brokers that do not serve. */
function tooFewBrokers(need: string, factor: number, kafka: KafkaObserved): TopicHeld | undefined {
  const available = kafka.brokers.filter((b) => !b.fenced).length;
  return available >= factor
    ? undefined
    : { need, reason: { kind: 'too-few-brokers', wanted: factor, available }, stalled: false };
}

function impossible(wanted: DesiredTopic, detail: string): TopicHeld {
  return {
    need: `change topic ${wanted.name}`,
    reason: { kind: 'impossible-change', detail },
    stalled: true,
  };
}

/** The smallest of its partitions: while one is being moved they may differ. */
export function replicationFactorOf(topic: KafkaTopic): number {
  return topic.partitions.reduce(
    (least, p) => Math.min(least, p.replicas.length),
    topic.partitions[0]?.replicas.length ?? 0,
  );
}
