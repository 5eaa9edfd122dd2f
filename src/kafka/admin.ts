import {
  alterClientQuotasV1,
  type ClientQuotaKey,
  type Connection,
  createPartitionsV3,
  createTopicsV7,
  describeClientQuotasV1,
  describeConfigsV4,
  describeLogDirsV4,
  IncrementalAlterConfigOperationTypes,
  incrementalAlterConfigsV1,
  unregisterBrokerV0,
} from '@platformatic/kafka';
import { formatAddress } from '../model/address.ts';
import { ProtocolError, UnavailableError } from '../model/errors.ts';
import type { KafkaAdmin, KafkaObserved, LogDir } from '../model/kafka.ts';
import type { Clock } from '../sys/clock.ts';
import { type Logger, silentLogger } from '../sys/logger.ts';
import { createConnections } from './connections.ts';
import { configEntry, configResource, observeCluster } from './observation.ts';
import { clientQuota, nameOfEntity, quotaEntities } from './quotas.ts';
import { answerOf, describeClusterV2, refusalsOf, translate } from './wire.ts';

export type KafkaAdminOptions = {
  /** `host:port` of brokers; asked again for every call, because brokers move. */
  readonly bootstrap: () => readonly string[];
  readonly clientId: string;
  /**
   * The cluster this is about, once it is known. A broker of another cluster, which may have got a port
   * that was ours, is then not talked to.
   */
  readonly clusterId?: () => string | undefined;
  readonly clock: Clock;
  readonly logger?: Logger;
  readonly limits?: Partial<KafkaAdminLimits>;
};

export type KafkaAdminLimits = {
  readonly connectTimeoutMs: number;
  /** One answer. Kafka itself gives a forwarded request up earlier (`changeTimeoutMs`). */
  readonly requestTimeoutMs: number;
  /** One call of the port, all addresses and answers together. */
  readonly callTimeoutMs: number;
};

const defaultLimits: KafkaAdminLimits = {
  connectTimeoutMs: 2_000,
  requestTimeoutMs: 8_000,
  callTimeoutMs: 20_000,
};

/** What Kafka is told for topic changes; below our own time-out, so that its answer still reaches us. */
const changeTimeoutMs = 5_000;

/**
 * The Kafka admin port over a live cluster. Connections are opened when needed and kept until `close`.
 *
 * Two client libraries are in this folder. Everything administrative goes through the request codecs and
 * connections of `@platformatic/kafka`; KafkaJS carries records (`prove.ts`). Seen with Kafka 4.3.1:
 *
 * - KafkaJS 2.2.4 connects, reads metadata, creates topics and partitions, describes configs, produces with
 *   acks=all (idempotent too) and consumes in a (classic) group. It cannot speak IncrementalAlterConfigs,
 *   DescribeTopicPartitions, DescribeLogDirs, DescribeQuorum, DescribeCluster or UnregisterBroker. It drops
 *   the broker's own words: a replication factor of 5 on one broker is only "Replication-factor is invalid".
 *   One unknown topic fails a whole describeConfigs. That, and not to open a second set of sockets, is why
 *   topics are created by the other library. On Node 24 it makes Node print one TimeoutNegativeWarning
 *   (its request queue computes a negative delay; harmless, `--disable-warning` hides it).
 * - `@platformatic/kafka` 2.12.1 speaks all of the above. DescribeCluster ends at version 1; version 2,
 *   which tells the fenced brokers (KIP-1073), is in `wire.ts`. Its parsers throw for an error of any one
 *   resource, with the whole answer on `error.response`; offline partitions and unknown topics are read
 *   from there. Directory ids come as hex uuids, where Kafka prints base64url.
 * - IncrementalAlterConfigs and DescribeConfigs of a broker must be sent to that very broker ("Unexpected
 *   broker id"); those of topics and of the cluster default (resource `''`) to any.
 * - DescribeQuorum is forwarded to the active controller, so `observe` fails while there is none: a broker
 *   that is cut off from the controller cannot pass its old metadata for news.
 */
export function createKafkaAdmin(options: KafkaAdminOptions): KafkaAdmin {
  const { clock } = options;
  const logger = options.logger ?? silentLogger;
  const limits = { ...defaultLimits, ...options.limits };
  const connections = createConnections({ clientId: options.clientId, ...limits });
  const verified = new WeakSet<Connection>();
  let lastSeen: readonly string[] = [];

  /** Where to ask, in order: what is connected, what we are told, what the cluster said last. */
  const candidates = (): readonly string[] => {
    const wanted = new Set([...options.bootstrap(), ...lastSeen]);
    return [...new Set([...connections.open().filter((address) => wanted.has(address)), ...wanted])];
  };

  const verify = async (connection: Connection, address: string) => {
    const expected = options.clusterId?.();
    if (expected === undefined || verified.has(connection)) return;
    const { clusterId } = await describeClusterV2(connection);
    if (clusterId !== expected) {
      throw new UnavailableError('KM_UNAVAILABLE_KAFKA', `${address} belongs to cluster ${clusterId} now`);
    }
    verified.add(connection);
  };

  /**
   * Sends one request to the first address that can be connected to. A read that fails there is asked
   * elsewhere; a change is not, because the first broker may have carried it out.
   */
  const ask = async <Answer>(
    what: { readonly doing: string; readonly change: boolean; readonly addresses?: readonly string[] },
    request: (connection: Connection) => Promise<Answer>,
  ): Promise<Answer> => {
    const failures: string[] = [];
    for (const address of what.addresses ?? candidates()) {
      let sent = false;
      try {
        const connection = await connections.get(address);
        await verify(connection, address);
        sent = true;
        return await request(connection);
      } catch (error) {
        const translated = translate(error, what.doing, address);
        logger.debug('kafka request failed', { address, doing: what.doing, error: translated.message });
        if (translated instanceof ProtocolError) connections.drop(address);
        if (!(translated instanceof UnavailableError) || (sent && what.change)) throw translated;
        connections.drop(address);
        failures.push(translated.message);
      }
    }
    throw new UnavailableError(
      'KM_UNAVAILABLE_KAFKA',
      `no broker could ${what.doing}: ${failures.join('; ') || 'no address is known'}`,
    );
  };

  const within = async <Answer>(what: Change, work: Promise<Answer>): Promise<Answer> => {
    let cancel = () => {};
    const late = new Promise<never>((_resolve, reject) => {
      const timer = clock.setTimer(limits.callTimeoutMs, () => {
        reject(
          new UnavailableError(
            'KM_UNAVAILABLE_KAFKA',
            `Kafka could not ${what.doing} within ${limits.callTimeoutMs} ms`,
            { outcome: what.change ? 'unknown' : 'not-sent' },
          ),
        );
      });
      cancel = () => timer.cancel();
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      cancel();
    }
  };

  const read = <Answer>(
    doing: string,
    request: (connection: Connection) => Promise<Answer>,
    addresses?: readonly string[],
  ) => {
    const what = { doing, change: false, ...(addresses === undefined ? {} : { addresses }) };
    return within(what, ask(what, request));
  };
  const change = <Answer>(
    doing: string,
    request: (connection: Connection) => Promise<Answer>,
    addresses?: readonly string[],
  ) => {
    const what = { doing, change: true, ...(addresses === undefined ? {} : { addresses }) };
    return within(what, ask(what, request));
  };

  /** The addresses of brokers that serve; asked of Kafka, because a broker may have moved. */
  const addressesOf = async (ids: readonly number[]): Promise<ReadonlyMap<number, string>> => {
    const cluster = await read('name its brokers', describeClusterV2);
    const serving = new Map(
      cluster.brokers
        .filter((broker) => !broker.fenced)
        .map((broker) => [broker.id, formatAddress(broker.host, broker.port)]),
    );
    const missing = ids.filter((id) => !serving.has(id));
    if (missing.length > 0) {
      throw new UnavailableError('KM_UNAVAILABLE_KAFKA', `broker ${missing.join(', ')} is not serving`);
    }
    return serving;
  };

  /** Configs of a broker are only answered, and only changed, by that broker. */
  const addressesFor = async (resource: Parameters<KafkaAdmin['describeConfigs']>[0]) =>
    resource.kind === 'broker'
      ? [...(await addressesOf([resource.id]))].filter(([id]) => id === resource.id).map(([, at]) => at)
      : undefined;

  return {
    async observe(configuredTopics = []): Promise<KafkaObserved> {
      const observed = await read('describe the cluster', (connection) =>
        observeCluster(connection, clock.nowMs, new Set(configuredTopics)),
      );
      lastSeen = observed.brokers
        .filter((broker) => !broker.fenced)
        .map((broker) => formatAddress(broker.host, broker.port));
      connections.retain(new Set([...options.bootstrap(), ...lastSeen]));
      return observed;
    },

    async createTopic(topic) {
      const wanted = {
        name: topic.name,
        numPartitions: topic.partitions,
        replicationFactor: topic.replicationFactor,
        assignments: [],
        configs: Object.entries(topic.config).map(([name, value]) => ({ name, value })),
      };
      await change(`create topic ${topic.name}`, async (connection) => {
        try {
          await createTopicsV7.api.async(connection, [wanted], changeTimeoutMs, false);
        } catch (error) {
          if (refusalsOf(error)?.every(({ id }) => id === 'TOPIC_ALREADY_EXISTS')) return;
          throw error;
        }
      });
    },

    async createPartitions(topic, totalCount) {
      const wanted = { name: topic, count: totalCount };
      await change(`raise topic ${topic} to ${totalCount} partitions`, async (connection) => {
        try {
          await createPartitionsV3.api.async(connection, [wanted], changeTimeoutMs, false);
        } catch (error) {
          // One error for "fewer" and for "that many already"; the controller's words tell which, while
          // the metadata of the broker asked may not show a change that was made a moment ago.
          const already = `already has ${totalCount} partition`;
          if (refusalsOf(error)?.every(({ message }) => message.includes(already))) return;
          throw error;
        }
      });
    },

    async describeConfigs(resource) {
      const addresses = await addressesFor(resource);
      const target = configResource(resource);
      return read(
        `describe configs of ${nameOf(resource)}`,
        async (connection) => {
          const answer = await describeConfigsV4.api.async(connection, [target], false, false);
          const configs = answer.results[0]?.configs ?? [];
          return configs.map((config) => configEntry(resource, config));
        },
        addresses,
      );
    },

    async alterConfigs(resource, changes) {
      const configs = Object.entries(changes).map(([name, value]) =>
        value === undefined
          ? { name, configOperation: IncrementalAlterConfigOperationTypes.DELETE, value: null }
          : { name, configOperation: IncrementalAlterConfigOperationTypes.SET, value },
      );
      if (configs.length === 0) return;
      const addresses = await addressesFor(resource);
      await change(
        `change configs of ${nameOf(resource)}`,
        (connection) =>
          incrementalAlterConfigsV1.api.async(connection, [{ ...configResource(resource), configs }], false),
        addresses,
      );
    },

    async describeClientQuotas() {
      return read('describe client quotas', async (connection) => {
        // No component and not strict: all there are.
        const answer = await describeClientQuotasV1.api.async(connection, [], false);
        return (answer.entries ?? []).map(clientQuota);
      });
    },

    async alterClientQuotas(entity, changes) {
      const ops = (Object.entries(changes) as [ClientQuotaKey, number | undefined][]).map(([key, value]) =>
        value === undefined ? { key, remove: true as const } : { key, value, remove: false as const },
      );
      if (ops.length === 0) return;
      await change(`change quotas of ${nameOfEntity(entity)}`, (connection) =>
        alterClientQuotasV1.api.async(connection, [{ entities: quotaEntities(entity), ops }], false),
      );
    },

    async unregisterBroker(id) {
      await change(`unregister broker ${id}`, async (connection) => {
        try {
          await unregisterBrokerV0.api.async(connection, id);
        } catch (error) {
          // A repeated call is harmless.
          if (refusalsOf(error)?.every((refusal) => refusal.id === 'BROKER_ID_NOT_REGISTERED')) return;
          throw error;
        }
      });
    },

    async describeLogDirs(brokerIds) {
      const addresses = await addressesOf(brokerIds);
      const perBroker = await Promise.all(
        brokerIds.map((brokerId) =>
          read(
            `describe log directories of broker ${brokerId}`,
            (connection) => readLogDirs(connection, brokerId),
            [addresses.get(brokerId) ?? ''],
          ),
        ),
      );
      return perBroker.flat();
    },

    close: () => connections.close(),
  };
}

type Change = { readonly doing: string; readonly change: boolean };

function nameOf(resource: Parameters<KafkaAdmin['describeConfigs']>[0]): string {
  if (resource.kind === 'cluster') return 'the cluster';
  return resource.kind === 'broker' ? `broker ${resource.id}` : `topic ${resource.name}`;
}

async function readLogDirs(connection: Connection, brokerId: number): Promise<readonly LogDir[]> {
  // An offline directory is an error to the parser and a fact to us; a refusal of the whole is neither.
  const answer = await answerOf<describeLogDirsV4.DescribeLogDirsResponse>(
    describeLogDirsV4.api.async(connection, null),
    (found) => found.errorCode === 0,
  );
  return answer.results.map((result) => ({
    brokerId,
    path: result.logDir,
    ...(result.errorCode === 0 ? {} : { error: `Kafka error ${result.errorCode}` }),
    // -1: an older broker, or a directory that cannot be read.
    ...(result.totalBytes < 0n ? {} : { totalBytes: Number(result.totalBytes) }),
    ...(result.usableBytes < 0n ? {} : { usableBytes: Number(result.usableBytes) }),
    replicas: result.topics.flatMap((topic) =>
      topic.partitions.map((partition) => ({
        topic: topic.name,
        partition: partition.partitionIndex,
        sizeBytes: Number(partition.partitionSize),
        future: partition.isFutureKey,
      })),
    ),
  }));
}
