/** What every stop of a node that may serve has to pass, be it of a roll, asked for, or of a start under way. */
import type { DesiredBroker } from '../model/desired.ts';
import type { KafkaObserved } from '../model/kafka.ts';
import type { Moment, Source } from '../model/observed.ts';
import type { BrokerRecord, ClusterMemory } from '../model/records.ts';
import { acceptedLoss } from './intents.ts';
import { promisedSoon } from './maintenance.ts';
import { heldNeed, isVoter, type Need, type NeedContext } from './need.ts';
import { absentBrokers, askedAgain, blockQuorum, blockRestart, tooOld } from './safety.ts';
import {
  type Blocked,
  blockConsented,
  blockHungStart,
  heldWithoutKafka,
  isConsentedWithoutKafka,
  type SilentKafka,
} from './without-kafka.ts';

/** A broker that was stopped may take this long to be back in sync. */
const comeBackMs = 5 * 60_000;

/** A reading of Kafka to stop a broker on: of the last moment, and of after the last change of any broker. */
export function readingToStopOn(
  memory: ClusterMemory,
  kafka: Source<KafkaObserved>,
  nowMs: number,
): KafkaObserved | Blocked {
  if (!kafka.known) {
    return heldWithoutKafka(kafka, nowMs);
  }
  const old = tooOld(kafka.value, nowMs, 'stop a broker');
  if (old !== undefined) {
    return old;
  }
  return kafka.value.observedAtMs <= newestChange(memory)
    ? askedAgain('its last answer is from before the last change of a broker')
    : kafka.value;
}

/** When a broker last came or went, as far as is known: one that is stopped for good too. */
function newestChange({ brokers }: ClusterMemory): number {
  return Math.max(
    0,
    ...[...brokers.values()].flatMap(({ task, last }) => [task?.stateSinceMs ?? 0, last?.endedAtMs ?? 0]),
  );
}

/** What was promised to Mesos, then partitions, then quorum. */
export function blockStop(
  memory: ClusterMemory,
  broker: DesiredBroker,
  record: BrokerRecord,
  kafka: KafkaObserved,
  { nowMs, wallMs }: Moment,
): Blocked | undefined {
  const { desired } = memory.spec;
  const promised = blockPromised(memory, broker, wallMs);
  if (promised !== undefined) {
    return promised;
  }
  // Consent to an outage is none to the loss of what a sandbox takes with it.
  const isLoss = broker.storage.kind === 'sandbox';
  const accepted = acceptedLoss(record, nowMs);
  const absent = absentBrokers(memory);
  const policy = isLoss ? { allowSingleReplicaOutage: false } : desired.rollout;
  // A broker that the spec keeps down never comes back by itself.
  const kept = new Set(desired.brokers.filter((b) => b.state === 'stopped').map((b) => b.id));
  const partitions = blockRestart(kafka, broker.id, policy, absent).filter((p) => !accepted.has(p.partition));
  if (partitions.length > 0) {
    const needsConsent = partitions.some((p) => p.why.startsWith('it has this replica only'));
    const waitsInVain = partitions.some((p) => p.missing?.some((id) => kept.has(id)));
    return {
      reason: {
        kind: 'waiting-for-isr',
        partitions: partitions.slice(0, 5).map((p) => `${p.partition}: ${p.why}`),
        more: Math.max(0, partitions.length - 5),
      },
      stalled: needsConsent || waitsInVain,
    };
  }
  const quorum = blockQuorum(kafka, broker.id, absent);
  const waitsInVain = kafka.quorum.voters.some(
    ({ nodeId }) => nodeId !== broker.id && absent.has(nodeId) && kept.has(nodeId),
  );
  return quorum === undefined
    ? undefined
    : { reason: { kind: 'quorum-at-risk', detail: quorum }, stalled: waitsInVain };
}

/** Nobody is stopped while another may go down with an agent that Mesos was told it can have. */
function blockPromised(memory: ClusterMemory, broker: DesiredBroker, wallMs: number): Blocked | undefined {
  const other = promisedSoon(memory, broker.id, wallMs, broker.stopGraceMs + comeBackMs);
  if (other?.maintenance === undefined) {
    return undefined;
  }
  const { agentId, startMs, durationMs } = other.maintenance;
  const detail = `may go down with its agent ${agentId}, whose maintenance was accepted`;
  const held: Blocked['reason'] = { kind: 'waiting-for-roll', brokerId: other.id, detail };
  // Nobody knows when it is over, and only a person can say so.
  return durationMs === undefined
    ? { reason: { ...held, endless: { agentId } }, stalled: startMs <= wallMs }
    : { reason: { ...held, untilMs: startMs + durationMs }, stalled: false };
}

/** The same where Kafka cannot be asked, of a broker that runs and whose stop was consented to all the same. */
export function blockWithoutKafka(
  memory: ClusterMemory,
  broker: DesiredBroker,
  record: BrokerRecord,
  kafka: SilentKafka,
  { nowMs, wallMs }: Moment,
): Blocked | undefined {
  return blockPromised(memory, broker, wallMs) ?? blockConsented(memory, record, kafka, nowMs);
}

/**
 * A node on its way up may vote and serve before Mesos hears of it. Once the quorum is formed, at most one such
 * is stopped in a pass, and none beside another that is being stopped.
 */
export function gateStarts(needs: readonly Need[], context: NeedContext): readonly Need[] {
  const { memory } = context;
  const ordered = [...memory.brokers.values()].sort((a, b) => a.id - b.id);
  let stopping = ordered.find(
    // What is out of reach is taken for absent already.
    ({ task }) =>
      task !== undefined &&
      task.unreachableSinceMs === undefined &&
      (task.kill !== undefined || task.state === 'TASK_KILLING'),
  )?.id;
  return needs.map((need) => {
    if (need.kind !== 'step' || need.onItsWayUp !== true) {
      return need;
    }
    const { broker } = need;
    const verdict = blockStart(need, stopping, context);
    if (verdict === 'not in use') {
      return need;
    }
    if (verdict === 'may stop') {
      stopping = broker.id;
      return need;
    }
    const held = heldNeed(context, broker, need.step.what, verdict.reason, verdict.stalled);
    return verdict.untilMs === undefined ? held : { ...held, untilMs: verdict.untilMs };
  });
}

function blockStart(
  { broker, record }: Extract<Need, { kind: 'step' }>,
  stopping: number | undefined,
  context: NeedContext,
): Blocked | 'may stop' | 'not in use' {
  const { memory, kafka, mesos, nowMs } = context;
  const isFormed =
    memory.cluster?.formedAtMs !== undefined || (kafka.known && kafka.value.quorum.leaderId >= 0);
  if (!isFormed) {
    return 'not in use';
  }
  if (!kafka.known && record.task !== undefined) {
    const blocked = isConsentedWithoutKafka(record, nowMs)
      ? blockWithoutKafka(memory, broker, record, kafka, context)
      : (blockPromised(memory, broker, context.wallMs) ??
        blockHungStart(memory, record, record.task, kafka, mesos, nowMs));
    return (
      blocked ?? (stopping === undefined || stopping === broker.id ? 'may stop' : beingStopped(stopping))
    );
  }
  const reading = readingToStopOn(memory, kafka, nowMs);
  if ('reason' in reading) {
    return reading;
  }
  const serves = reading.brokers.some((b) => b.id === broker.id && !b.fenced);
  const votes = isVoter(memory, broker.id) || reading.quorum.voters.some((v) => v.nodeId === broker.id);
  if (!serves && !votes) {
    return 'not in use';
  }
  if (stopping !== undefined && stopping !== broker.id) {
    return beingStopped(stopping);
  }
  // Fenced, it leads nothing and is in no in-sync set: only its vote is missed.
  const seen = serves ? reading : { ...reading, topics: [] };
  return blockStop(memory, broker, record, seen, context) ?? 'may stop';
}

const beingStopped = (brokerId: number): Blocked => ({
  reason: { kind: 'waiting-for-roll', brokerId, detail: 'is being stopped' },
  stalled: false,
});
