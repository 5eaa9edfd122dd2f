/** Topics are made and grown; nothing is ever deleted or re-created to reach a spec. */
import type { DesiredTopic } from '../model/desired.ts';
import type { KafkaObserved, KafkaTopic } from '../model/kafka.ts';
import type { Source } from '../model/observed.ts';
import type { Held, HeldReason, Step } from '../model/plan.ts';
import type { ClusterMemory } from '../model/records.ts';

export function planTopics(
  memory: ClusterMemory,
  kafka: Source<KafkaObserved>,
): { readonly steps: readonly Step[]; readonly held: readonly Held[] } {
  const { desired } = memory.spec;
  const steps: Step[] = [];
  const held: Held[] = [];
  for (const topic of desired.topics) {
    const outcome = kafka.known
      ? planTopic(desired.name, topic, kafka.value)
      : ({
          need: `create topic ${topic.name}`,
          reason: { kind: 'kafka-unknown', detail: kafka.why },
          stalled: false,
        } as const);
    if (outcome === undefined) {
      continue;
    }
    if ('action' in outcome) {
      steps.push(outcome);
    } else {
      held.push({ clusterName: desired.name, ...outcome });
    }
  }
  return { steps, held };
}

type TopicHeld = { readonly need: string; readonly reason: HeldReason; readonly stalled: boolean };

function planTopic(
  clusterName: string,
  wanted: DesiredTopic,
  kafka: KafkaObserved,
): Step | TopicHeld | undefined {
  const actual = kafka.topics.find((t) => t.name === wanted.name);
  if (actual === undefined) {
    return createTopic(clusterName, wanted, kafka);
  }
  if (actual.partitions.length > wanted.partitions) {
    return impossible(
      wanted,
      `it has ${actual.partitions.length} partitions and Kafka cannot take any away; say partitions: ${actual.partitions.length}`,
    );
  }
  if (actual.partitions.length < wanted.partitions) {
    return {
      mark: '~',
      what: `grow topic ${wanted.name}`,
      why: [`partitions: ${actual.partitions.length} → ${wanted.partitions}`],
      clusterName,
      action: { kind: 'create-partitions', topic: wanted.name, totalCount: wanted.partitions },
    };
  }
  const factor = replicationFactorOf(actual);
  return factor === wanted.replicationFactor
    ? undefined
    : {
        need: `change topic ${wanted.name}`,
        reason: {
          kind: 'not-yet-supported',
          detail: `its replication factor is ${factor}, and moving replicas is not acted on yet`,
        },
        stalled: true,
      };
}

function createTopic(clusterName: string, wanted: DesiredTopic, kafka: KafkaObserved): Step | TopicHeld {
  const available = kafka.brokers.filter((b) => !b.fenced).length;
  if (available < wanted.replicationFactor) {
    return {
      need: `create topic ${wanted.name}`,
      reason: { kind: 'too-few-brokers', wanted: wanted.replicationFactor, available },
      stalled: false,
    };
  }
  return {
    mark: '+',
    what: `create topic ${wanted.name}`,
    why: [`${wanted.partitions} partitions, replication factor ${wanted.replicationFactor}`],
    clusterName,
    action: { kind: 'create-topic', topic: wanted },
  };
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
