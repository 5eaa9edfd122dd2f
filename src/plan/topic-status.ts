/** What people see of a topic. Pure. */
import type { DesiredTopic } from '../model/desired.ts';
import type { KafkaObserved } from '../model/kafka.ts';
import type { Source } from '../model/observed.ts';
import type { BrokerRecord } from '../model/records.ts';
import type { HeldSummary, TopicStatus } from '../model/status.ts';
import { waitingOf } from './describe-held.ts';
import { replicationFactorOf } from './topics.ts';

export type TopicSeen = {
  readonly status: TopicStatus;
  /** Nothing is to be done: what is not in sync is on brokers that are kept stopped. */
  readonly isAsWanted: boolean;
};

export function topicStatus(
  topic: DesiredTopic,
  kafka: Source<KafkaObserved>,
  held: readonly HeldSummary[],
  { down, kept }: { readonly down: ReadonlySet<number>; readonly kept: ReadonlySet<number> },
): TopicSeen {
  const hold = held.find((h) => `${h.need}: `.includes(` topic ${topic.name}: `));
  const common = {
    name: topic.name,
    partitions: topic.partitions,
    replicationFactor: topic.replicationFactor,
    ...(hold === undefined ? {} : { waiting: waitingOf(hold) }),
  };
  const differs = (state: TopicStatus['state']): TopicSeen => ({
    status: { ...common, state },
    isAsWanted: false,
  });
  if (!kafka.known) {
    return differs('unknown');
  }
  const actual = kafka.value.topics.find((t) => t.name === topic.name);
  if (actual === undefined) {
    return differs('missing');
  }
  if (actual.partitions.some((p) => p.leader < 0)) {
    return differs('offline');
  }
  if (
    actual.partitions.length !== topic.partitions ||
    replicationFactorOf(actual) !== topic.replicationFactor
  ) {
    return differs('differs');
  }
  const missing = new Set(
    actual.partitions.flatMap((p) => p.replicas.filter((id) => !p.isr.includes(id) || down.has(id))),
  );
  if (missing.size === 0) {
    return { status: { ...common, state: 'ready' }, isAsWanted: true };
  }
  if (![...missing].every((id) => kept.has(id))) {
    return differs('under-replicated');
  }
  const why = `${named('broker', [...missing])} kept stopped`;
  return {
    status: { ...common, state: 'under-replicated', waiting: common.waiting ?? { why, stalled: false } },
    isAsWanted: true,
  };
}

/** No process of it can serve: Kafka takes seconds to leave such a one out of its in-sync sets. */
export function isDown(record: BrokerRecord | undefined): boolean {
  const task = record?.task;
  return task === undefined || task.state === 'TASK_STAGING' || task.state === 'TASK_STARTING';
}

/** `broker 2 is`, `brokers 2, 3 are` */
export function named(noun: string, of: readonly (number | string)[]): string {
  return of.length === 1 ? `${noun} ${of[0]} is` : `${noun}s ${of.join(', ')} are`;
}
