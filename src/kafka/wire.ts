import { type Connection, createAPI, type Reader, ResponseError, Writer } from '@platformatic/kafka';
import { ConflictError, KafkaMesosError, ProtocolError, UnavailableError } from '../model/errors.ts';

/**
 * DescribeCluster version 2 (KIP-1073, Kafka 4.0), which alone says who is fenced; the library stops at 1.
 *
 * ```
 * request  => include_cluster_authorized_operations BOOLEAN | endpoint_type INT8 (1: brokers)
 *             | include_fenced_brokers BOOLEAN | tags
 * response => throttle_time_ms INT32 | error_code INT16 | error_message COMPACT_NULLABLE_STRING
 *             | endpoint_type INT8 | cluster_id COMPACT_STRING | controller_id INT32 | [brokers]
 *             | cluster_authorized_operations INT32 | tags
 * broker   => broker_id INT32 | host COMPACT_STRING | port INT32 | rack COMPACT_NULLABLE_STRING
 *             | is_fenced BOOLEAN | tags
 * ```
 *
 * From `common/message/DescribeCluster{Request,Response}.json` in kafka-clients-4.3.1.jar. The controller
 * id is no such thing when a broker answers (it names any live broker); ask DescribeQuorum.
 */
export function describeClusterV2(connection: Connection): Promise<DescribeCluster> {
  return describeClusterApi.async(connection);
}

export type DescribeCluster = {
  readonly clusterId: string;
  readonly brokers: readonly {
    readonly id: number;
    readonly host: string;
    readonly port: number;
    readonly rack: string | null;
    readonly fenced: boolean;
  }[];
};

const describeClusterApi = createAPI<[], DescribeCluster>(
  60,
  2,
  () => Writer.create().appendBoolean(false).appendInt8(1).appendBoolean(true).appendTaggedFields(),
  (_correlationId, apiKey, apiVersion, reader: Reader) => {
    reader.readInt32();
    const errorCode = reader.readInt16();
    const errorMessage = reader.readNullableString();
    reader.readInt8();
    const clusterId = reader.readString();
    reader.readInt32();
    const brokers = reader.readArray((entry) => ({
      id: entry.readInt32(),
      host: entry.readString(),
      port: entry.readInt32(),
      rack: entry.readNullableString(),
      fenced: entry.readBoolean(),
    }));
    reader.readInt32();
    reader.readTaggedFields();
    if (errorCode !== 0) {
      throw new ResponseError(apiKey, apiVersion, { '/': [errorCode, errorMessage] }, undefined);
    }
    return { clusterId, brokers };
  },
);

/** What Kafka said of one resource in an answer: its name for the error, and its own words. */
export type Refusal = { readonly id: string; readonly message: string };

/** The refusals in an answer that the library turned into an error; undefined for any other error. */
export function refusalsOf(error: unknown): readonly Refusal[] | undefined {
  if (!(error instanceof ResponseError)) return undefined;
  return error.errors.map((entry) => ({
    id: String(entry.apiId),
    message: entry.serverErrorMessage || entry.message,
  }));
}

/**
 * An answer in which single resources may be refused: the library's error carries it whole. `usable` says
 * whether it is one that can be read nevertheless.
 */
export async function answerOf<Answer>(
  pending: Promise<Answer>,
  usable: (answer: Answer) => boolean,
): Promise<Answer> {
  try {
    return await pending;
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    const answer = error.response as Answer | undefined;
    if (answer === undefined || !usable(answer)) throw error;
    return answer;
  }
}

/**
 * Kafka is not able to just now: no decision about the request. Nobody knows what became of it, because a
 * broker that forwards to the controller says REQUEST_TIMED_OUT for an answer it has lost.
 */
const unableNow: ReadonlySet<string> = new Set([
  'REQUEST_TIMED_OUT',
  'NOT_CONTROLLER',
  'BROKER_NOT_AVAILABLE',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'NETWORK_EXCEPTION',
  'UNKNOWN_SERVER_ERROR',
  'KAFKA_STORAGE_ERROR',
  'THROTTLING_QUOTA_EXCEEDED',
  'STALE_BROKER_EPOCH',
]);

/** Translates what the library threw after a request went out. Never lets a library error through. */
export function translate(error: unknown, doing: string, address: string): KafkaMesosError {
  if (error instanceof KafkaMesosError) return error;
  const refusals = refusalsOf(error);
  if (refusals !== undefined) {
    const [first] = refusals;
    const said = refusals.map((refusal) => `${refusal.message} (${refusal.id})`).join('; ');
    if (first === undefined || refusals.some((refusal) => unableNow.has(refusal.id))) {
      return new UnavailableError('KM_UNAVAILABLE_KAFKA', `Kafka cannot ${doing} now: ${said}`, {
        cause: error,
        outcome: 'unknown',
      });
    }
    return new ConflictError(`KM_CONFLICT_KAFKA_${first.id}`, `Kafka refused to ${doing}: ${said}`, {
      cause: error,
    });
  }
  const code = (error as { readonly code?: unknown }).code;
  if (code === 'PLT_KFK_NETWORK' || code === 'PLT_KFK_TIMEOUT') {
    return new UnavailableError(
      'KM_UNAVAILABLE_KAFKA',
      `Kafka at ${address} gave no answer to: ${doing} (${(error as Error).message})`,
      { cause: error, outcome: 'unknown' },
    );
  }
  return new ProtocolError('KM_PROTOCOL_KAFKA', `the answer of ${address} to: ${doing} cannot be read`, {
    cause: error,
  });
}
