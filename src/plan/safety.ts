/**
 * May this broker stop, may it be given up? Asked of every disruptive step, answered from Kafka's
 * metadata partition by partition (never by rack membership alone).
 */
import { count } from '../model/count.ts';
import type { KafkaObserved, KafkaPartition, QuorumReplica } from '../model/kafka.ts';
import type { HeldReason } from '../model/plan.ts';
import type { ClusterMemory } from '../model/records.ts';

/** A voter that has not caught up for this long does not keep up. */
const fetchTimeoutMs = 10_000;

export type PartitionVerdict = {
  readonly partition: string;
  readonly why: string;
  /** Brokers that would have to be back in sync first. */
  readonly missing?: readonly number[];
};

/**
 * Brokers that are not certain to live: ended, on their way up or down, or out of reach, whether the spec still
 * has them or not. Kafka takes seconds to leave one out of its in-sync sets, so that none of these counts there.
 */
export function absentBrokers({ brokers }: ClusterMemory): ReadonlySet<number> {
  return new Set(
    [...brokers.values()].flatMap(({ id, task }) =>
      task?.state === 'TASK_RUNNING' && task.unreachableSinceMs === undefined && task.kill === undefined
        ? []
        : [id],
    ),
  );
}

/** The in-sync set with and without the broker, for every partition that it hosts. */
function hosted(
  kafka: KafkaObserved,
  brokerId: number,
): readonly {
  readonly name: string;
  readonly minIsr: number | undefined;
  readonly partition: KafkaPartition;
}[] {
  return kafka.topics.flatMap((topic) =>
    topic.partitions
      .filter((p) => p.replicas.includes(brokerId))
      .map((partition) => ({
        name: `${topic.name}-${partition.partition}`,
        minIsr: topic.minIsr,
        partition,
      })),
  );
}

/** Names of the partitions that have a replica on the broker, one that is on its way there or away included. */
export function hostedBy(kafka: KafkaObserved, brokerId: number): readonly string[] {
  return hosted(kafka, brokerId).map(({ name }) => name);
}

/**
 * Partitions that forbid stopping the broker for a restart. After the stop each must keep min ISR
 * and, so that two restarts never overlap in one partition, all its other replicas in sync.
 * RF ≤ min ISR cannot be kept and never blocks for ever: it is a warning when the spec is read.
 * The last live replica is stopped only with consent (`allowSingleReplicaOutage`, for RF 1).
 */
export function blockRestart(
  kafka: KafkaObserved,
  brokerId: number,
  policy: { readonly allowSingleReplicaOutage: boolean },
  absent: ReadonlySet<number>,
): readonly PartitionVerdict[] {
  return hosted(kafka, brokerId).flatMap(({ name, minIsr, partition }) => {
    const others = partition.replicas.filter((id) => id !== brokerId);
    const live = partition.isr.filter((id) => id !== brokerId && !absent.has(id));
    if (live.length === 0) {
      const alone = partition.replicas.length === 1;
      if (alone && policy.allowSingleReplicaOutage) {
        return [];
      }
      return [{ partition: name, why: alone ? 'it has this replica only' : 'this is its last live replica' }];
    }
    const missing = others.filter((id) => !live.includes(id));
    if (missing.length > 0) {
      return [{ partition: name, why: `broker ${missing.join(', ')} is not in sync`, missing }];
    }
    if (minIsr === undefined) {
      return [{ partition: name, why: 'its min.insync.replicas is not known' }];
    }
    if (partition.replicas.length > minIsr && live.length < minIsr) {
      return [{ partition: name, why: `${live.length} in sync would be left of min ISR ${minIsr}` }];
    }
    return [];
  });
}

/** KRaft: voters that keep up, this one not counted, must stay a majority. Undefined when it may stop. */
export function blockQuorum(
  kafka: KafkaObserved,
  nodeId: number,
  absent: ReadonlySet<number>,
): string | undefined {
  const { voters, leaderId } = kafka.quorum;
  // A quorum of one or two cannot spare a voter: the operator was warned of it when the spec was read.
  return leaderId >= 0 && voters.length <= 2 ? undefined : blockQuorumOf(kafka, new Set([nodeId]), absent);
}

/** The same for several voters at once, however small the quorum. */
function blockQuorumOf(
  kafka: KafkaObserved,
  leaving: ReadonlySet<number>,
  absent: ReadonlySet<number>,
): string | undefined {
  const { voters, leaderId } = kafka.quorum;
  if (!voters.some((v) => leaving.has(v.nodeId))) {
    return undefined;
  }
  if (leaderId < 0) {
    return 'the quorum has no leader';
  }
  const caughtUp = voters.filter((v) => !leaving.has(v.nodeId) && !absent.has(v.nodeId) && keepsUp(kafka, v));
  const needed = Math.floor(voters.length / 2) + 1;
  return caughtUp.length >= needed
    ? undefined
    : `${caughtUp.length} caught-up voters would be left of ${needed} needed`;
}

/** Whether a voter has the leader's log, or had it a moment ago. */
function keepsUp({ quorum }: KafkaObserved, voter: QuorumReplica): boolean {
  const leader = quorum.voters.find((v) => v.nodeId === quorum.leaderId);
  // The leader tells its own time for itself, so that no two clocks are compared.
  const leaderNowMs = leader?.lastCaughtUpMs ?? -1;
  return (
    voter.nodeId === quorum.leaderId ||
    voter.logEndOffset >= (leader?.logEndOffset ?? 0) ||
    (leaderNowMs >= 0 && voter.lastCaughtUpMs >= 0 && leaderNowMs - voter.lastCaughtUpMs <= fetchTimeoutMs)
  );
}

/**
 * Why these brokers cannot all be spared at once, for as long as it may take: min ISR must hold in every
 * partition without them, and the quorum must keep its majority. Undefined when they can.
 */
export function blockLeave(
  kafka: KafkaObserved,
  leaving: ReadonlySet<number>,
  policy: { readonly allowSingleReplicaOutage: boolean },
  absent: ReadonlySet<number>,
): string | undefined {
  const hurt = kafka.topics.flatMap((topic) =>
    topic.partitions.flatMap((p) => {
      const left = p.isr.filter((id) => !leaving.has(id) && !absent.has(id)).length;
      const consented = p.replicas.length === 1 && policy.allowSingleReplicaOutage;
      if (!p.replicas.some((id) => leaving.has(id)) || consented) {
        return [];
      }
      const name = `${topic.name}-${p.partition}`;
      if (topic.minIsr === undefined) {
        return [`the min.insync.replicas of ${name} is not known`];
      }
      const wanted = Math.max(1, topic.minIsr);
      return left >= wanted ? [] : [`${name} would have ${left} in sync of min ISR ${wanted}`];
    }),
  );
  const [first] = hurt;
  return first === undefined
    ? blockQuorumOf(kafka, leaving, absent)
    : `${first}${hurt.length > 1 ? `, and ${count(hurt.length - 1, 'more partition')} likewise` : ''}`;
}

/**
 * Why the broker's disk must not be given up. Kafka keeps the last in-sync replica electable, so
 * this id on an empty disk would make followers truncate to nothing.
 */
export function blockRelocation(
  kafka: KafkaObserved,
  brokerId: number,
  absent: ReadonlySet<number>,
): { readonly detail: string; readonly partitions: readonly PartitionVerdict[] } | undefined {
  if (kafka.quorum.voters.some((v) => v.nodeId === brokerId)) {
    return {
      detail: 'it is a voter of the controller quorum: its disk is the quorum’s memory',
      partitions: [],
    };
  }
  const registered = kafka.brokers.find((b) => b.id === brokerId);
  if (registered !== undefined && !registered.fenced) {
    return { detail: 'the controller has not fenced it: the old instance may still serve', partitions: [] };
  }
  const lost = hosted(kafka, brokerId).flatMap(({ name, partition }) =>
    [...partition.isr, ...partition.elr].some(
      (id) => id !== brokerId && !absent.has(id) && kafka.brokers.some((b) => b.id === id && !b.fenced),
    )
      ? []
      : [{ partition: name, why: 'it has no other live in-sync replica' }],
  );
  return lost.length === 0
    ? undefined
    : { detail: `${count(lost.length, 'partition')} would lose data`, partitions: lost };
}

type InSync = { readonly inSync: number; readonly total: number };
const hostsNone: InSync = { inSync: 0, total: 0 };

/** Asked for every broker at every pass and look: of one reading the partitions are gone through once. */
const counted = new WeakMap<KafkaObserved['topics'], ReadonlyMap<number, InSync>>();

/** Replicas in sync of replicas hosted. */
export function countInSync({ topics }: KafkaObserved, brokerId: number): InSync {
  let counts = counted.get(topics);
  if (counts === undefined) {
    counts = countAll(topics);
    counted.set(topics, counts);
  }
  return counts.get(brokerId) ?? hostsNone;
}

function countAll(topics: KafkaObserved['topics']): ReadonlyMap<number, InSync> {
  const counts = new Map<number, { inSync: number; total: number }>();
  for (const { partitions } of topics) {
    for (const { replicas, isr } of partitions) {
      for (const id of replicas) {
        const count = counts.get(id) ?? { inSync: 0, total: 0 };
        count.total += 1;
        if (isr.includes(id)) count.inSync += 1;
        counts.set(id, count);
      }
    }
  }
  return counts;
}

/** Serving and in every in-sync set that it belongs to; as a controller, a voter that keeps up. */
export function isHealthy(
  kafka: KafkaObserved,
  broker: { readonly id: number; readonly roles: readonly string[] },
): boolean {
  const voter = kafka.quorum.voters.find((v) => v.nodeId === broker.id);
  // Without a leader nobody is known to keep up.
  const votes = voter !== undefined && kafka.quorum.leaderId >= 0 && keepsUp(kafka, voter);
  if (!broker.roles.includes('broker')) {
    return votes;
  }
  // One that the spec makes a controller later on has no vote, and waits for nobody's.
  if (voter !== undefined && !votes) {
    return false;
  }
  const registered = kafka.brokers.find((b) => b.id === broker.id);
  if (registered === undefined || registered.fenced) {
    return false;
  }
  const { inSync, total } = countInSync(kafka, broker.id);
  return inSync === total;
}

/** In-sync sets shrink by themselves: a broker is stopped on a reading of the last moment only. */
const freshMs = 3_000;

/** Why a reading is too old to do something irrevocable on, and whether the next one will be too; undefined when it is not. */
export function tooOld(
  kafka: KafkaObserved,
  nowMs: number,
  purpose: string,
): { readonly reason: HeldReason; readonly stalled: boolean } | undefined {
  if (nowMs - kafka.observedAtMs <= freshMs) {
    return undefined;
  }
  const { tookMs } = kafka;
  if (tookMs <= freshMs) {
    return askedAgain(`its last answer is too old to ${purpose} on`);
  }
  const partitions = kafka.topics.reduce((sum, topic) => sum + topic.partitions.length, 0);
  // Once may be by chance, and nobody is called for that: whoever looks sees by the figures that it stays so.
  return { reason: { kind: 'kafka-slow', purpose, tookMs, limitMs: freshMs, partitions }, stalled: false };
}

/** The next answer of Kafka is on its way. */
export function askedAgain(detail: string): { readonly reason: HeldReason; readonly stalled: boolean } {
  return { reason: { kind: 'kafka-unknown', detail, isBeingAsked: true }, stalled: false };
}
