/** Stores what an operator asks of a broker, or refuses what the spec contradicts. */
import type { IntentBody } from '../model/api.ts';
import { ConflictError } from '../model/errors.ts';
import type { BrokerRecord } from '../model/records.ts';
import { askedFor } from '../observe/describe-change.ts';
import { activeIntent, askedBy, askFor, askNothing, consentsToSilence } from '../plan/intents.ts';
import { emptyRecord, isVoter } from '../plan/need.ts';
import type { NewEvent } from './event-log.ts';
import type { Memory } from './memory.ts';

export type IntentDemand = {
  readonly clusterName: string;
  readonly brokerId: number;
  /** Undefined takes back what was asked. */
  readonly request: IntentBody | undefined;
  /** Who takes it back. */
  readonly takenBackBy?: string | undefined;
};

export type StoredIntent = {
  readonly record: BrokerRecord;
  /** For the events; absent when nothing changed by it. */
  readonly news?: Pick<NewEvent, 'message' | 'why' | 'author'>;
};

export async function storeIntent(
  memory: Memory,
  { clusterName, brokerId, request, takenBackBy }: IntentDemand,
  nowMs: number,
): Promise<StoredIntent> {
  const cluster = memory.cluster(clusterName);
  const broker = cluster?.spec.desired.brokers.find((b) => b.id === brokerId);
  const leaving = broker === undefined ? cluster?.brokers.get(brokerId) : undefined;
  if (leaving?.intent !== undefined && request === undefined) {
    // One that is left alone would stay for ever: it leaves the spec, and does not go.
    const next = askNothing(leaving, nowMs);
    await memory.writeBroker(next);
    return { record: next, news: newsOf(leaving, next, takenBackBy) };
  }
  if (cluster === undefined || broker === undefined) {
    throw refused(`cluster ${clusterName} has no broker ${brokerId}`, 'look at `kafka-mesos get brokers`');
  }
  const record = cluster.brokers.get(brokerId) ?? emptyRecord(clusterName, brokerId);
  const standing = activeIntent(record, nowMs);
  const takesBack = request === undefined && standing !== undefined;
  // Where Kafka cannot be asked the spec's own stop wants somebody's consent.
  const consents = request?.kind === 'stop' && request.withoutKafka === true;
  if (broker.state === 'stopped' && request?.kind !== 'pause' && !takesBack && !consents) {
    throw refused(
      `the spec says that broker ${brokerId} is stopped`,
      'change its state in the spec; what an operator asks does not go against it',
    );
  }
  if (standing?.kind === 'pause' && request !== undefined && request.kind !== 'pause') {
    throw refused(
      `broker ${brokerId} is to be left alone, ${askedBy(standing)}`,
      'take that back first: `kafka-mesos broker resume`',
    );
  }
  if (request?.kind === 'replace') {
    if (record.placement === undefined) {
      throw refused(`broker ${brokerId} has no disk yet`, 'there is nothing to replace');
    }
    if (isVoter(cluster, brokerId)) {
      throw refused(
        `broker ${brokerId} is a voter of the controller quorum: its disk is the quorum’s memory`,
        'bring its agent back, or restore its disk',
      );
    }
  }
  if (request === undefined && record.intent === undefined && !isBackingOff(record)) {
    return { record };
  }
  const { expiresInMs, ...rest } = request ?? { expiresInMs: undefined };
  const next =
    request === undefined
      ? askNothing(record, nowMs)
      : askFor(
          record,
          {
            ...(rest as Omit<IntentBody, 'expiresInMs'>),
            ...(expiresInMs === undefined ? {} : { expiresAtMs: nowMs + expiresInMs }),
          },
          nowMs,
        );
  await memory.writeBroker(next);
  return { record: next, news: newsOf(record, next, takenBackBy) };
}

function newsOf(
  before: BrokerRecord,
  { intent }: BrokerRecord,
  takenBackBy: string | undefined,
): NonNullable<StoredIntent['news']> {
  if (intent !== undefined) {
    const { kind, author, reason } = intent;
    const how = consentsToSilence(intent) ? ', without Kafka if need be' : '';
    return {
      message: `to be ${askedFor[kind]}${how}, as asked for`,
      author,
      ...(reason === undefined ? {} : { why: reason }),
    };
  }
  return {
    message:
      before.intent === undefined
        ? 'to be tried at once, as asked for'
        : `no more to be ${askedFor[before.intent.kind]}: it was taken back`,
    ...(takenBackBy === undefined ? {} : { author: takenBackBy }),
  };
}

const isBackingOff = ({ task, failures, retryAtMs }: BrokerRecord): boolean =>
  task === undefined && (failures > 0 || retryAtMs !== undefined);

function refused(message: string, remedy: string): ConflictError {
  return new ConflictError('KM_CONFLICT_INTENT', message, { remedy });
}
