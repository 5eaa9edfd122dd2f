import {
  ConfigResourceTypes,
  type Connection,
  describeConfigsV4,
  describeQuorumV2,
  describeTopicPartitionsV0,
} from '@platformatic/kafka';
import { UnavailableError, unreachable } from '../model/errors.ts';
import type {
  ConfigEntry,
  ConfigResource,
  KafkaObserved,
  KafkaPartition,
  KafkaQuorum,
  KafkaTopic,
  QuorumReplica,
} from '../model/kafka.ts';
import { answerOf, describeClusterV2 } from './wire.ts';

/**
 * Reads all that Kafka's metadata says, over one connection in two round trips: brokers, partitions and
 * quorum at once, then the effective `min.insync.replicas` of the topics found, and all settings of `configured` ones.
 */
export async function observeCluster(
  connection: Connection,
  nowMs: () => number,
  configured: ReadonlySet<string>,
): Promise<KafkaObserved> {
  const observedAtMs = nowMs();
  const [cluster, topics, quorum] = await Promise.all([
    describeClusterV2(connection),
    readTopics(connection, []),
    readQuorum(connection),
  ]);
  const configs = await readTopicConfigs(
    connection,
    topics.map((topic) => topic.name),
    configured,
  );
  return {
    observedAtMs,
    tookMs: nowMs() - observedAtMs,
    clusterId: cluster.clusterId,
    brokers: cluster.brokers
      .map(({ id, fenced, host, port, rack }) => ({
        id,
        fenced,
        host,
        port,
        ...(rack === null ? {} : { rack }),
      }))
      .sort((left, right) => left.id - right.id),
    topics: topics.map((topic) => {
      const config = configs.get(topic.name);
      const minIsr = config?.[minIsrKey];
      return {
        ...topic,
        ...(minIsr !== undefined && /^\d+$/.test(minIsr) && { minIsr: Number(minIsr) }),
        ...(config !== undefined && configured.has(topic.name) && { config }),
      };
    }),
    quorum,
  };
}

/** Kafka's own bound for one answer (`max.request.partition.size.limit`). */
const pagePartitions = 2_000;
/** Topics in one DescribeConfigs; bounds the size of the answer. */
const pageTopics = 500;

const unknownTopic = 3;

/** Partitions of these topics, or of all when none is named; by name. Unknown topics are left out. */
export async function readTopics(
  connection: Connection,
  names: readonly string[],
): Promise<readonly KafkaTopic[]> {
  const topics = new Map<string, { internal: boolean; partitions: KafkaPartition[] }>();
  let cursor: describeTopicPartitionsV0.DescribeTopicPartitionsRequestCursor | undefined;
  do {
    const page = await answerOf<describeTopicPartitionsV0.DescribeTopicPartitionsResponse>(
      describeTopicPartitionsV0.api.async(
        connection,
        names.map((name) => ({ name })),
        pagePartitions,
        cursor,
      ),
      // A partition without a leader is an error to the parser; a topic that went away meanwhile is gone.
      (answer) => answer.topics.every((topic) => topic.errorCode === 0 || topic.errorCode === unknownTopic),
    );
    for (const topic of page.topics) {
      if (topic.errorCode !== 0 || !topic.name) continue;
      const known = topics.get(topic.name) ?? { internal: topic.isInternal, partitions: [] };
      topics.set(topic.name, known);
      // A topic that is cut by the page goes on in the next one.
      for (const partition of topic.partitions) {
        known.partitions.push({
          partition: partition.partitionIndex,
          leader: partition.leaderId,
          replicas: partition.replicaNodes,
          isr: partition.isrNodes,
          elr: partition.eligibleLeaderReplicas ?? [],
        });
      }
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return [...topics]
    .map(([name, { internal, partitions }]) => ({
      name,
      internal,
      partitions: partitions.sort((left, right) => left.partition - right.partition),
    }))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}

const minIsrKey = 'min.insync.replicas';

/** By topic; refused or unreadable ones are left out, and so known to be unknown. */
async function readTopicConfigs(
  connection: Connection,
  names: readonly string[],
  configured: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
  const found = new Map<string, Readonly<Record<string, string>>>();
  for (let at = 0; at < names.length; at += pageTopics) {
    const resources = names.slice(at, at + pageTopics).map((resourceName) => ({
      resourceType: ConfigResourceTypes.TOPIC,
      resourceName,
      // All, not only the declared ones: what a changed spec would change is then known before it is applied.
      configurationKeys: configured.has(resourceName) ? null : [minIsrKey],
    }));
    const answer = await answerOf<describeConfigsV4.DescribeConfigsResponse>(
      describeConfigsV4.api.async(connection, resources, false, false),
      () => true,
    );
    for (const result of answer.results) {
      if (result.errorCode !== 0) continue;
      const values = result.configs.flatMap(({ name, value }) => (value == null ? [] : [[name, value]]));
      found.set(result.resourceName, Object.fromEntries(values));
    }
  }
  return found;
}

async function readQuorum(connection: Connection): Promise<KafkaQuorum> {
  const topic = { topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] };
  const answer = await describeQuorumV2.api.async(connection, [topic]);
  const partition = answer.topics[0]?.partitions[0];
  if (partition === undefined) {
    throw new UnavailableError('KM_UNAVAILABLE_KAFKA', 'Kafka says nothing about its quorum');
  }
  return {
    leaderId: partition.leaderId,
    voters: partition.currentVoters.map(quorumReplica),
    observers: partition.observers.map(quorumReplica),
  };
}

function quorumReplica(found: describeQuorumV2.DescribeQuorumResponseVoter): QuorumReplica {
  const directoryId = kafkaUuid(found.replicaDirectoryId);
  return {
    nodeId: found.replicaId,
    ...(directoryId === undefined ? {} : { directoryId }),
    logEndOffset: Number(found.logEndOffset),
    lastCaughtUpMs: Number(found.lastCaughtUpTimestamp),
  };
}

/** A hex uuid as Kafka writes it (22 characters of base64url); undefined for Kafka's zero, "none". */
export function kafkaUuid(hex: string): string | undefined {
  const bytes = Buffer.from(hex.replaceAll('-', ''), 'hex');
  return bytes.every((byte) => byte === 0) ? undefined : bytes.toString('base64url');
}

export function configResource(resource: ConfigResource) {
  switch (resource.kind) {
    case 'topic':
      return { resourceType: ConfigResourceTypes.TOPIC, resourceName: resource.name };
    case 'broker':
      return { resourceType: ConfigResourceTypes.BROKER, resourceName: String(resource.id) };
    case 'cluster':
      return { resourceType: ConfigResourceTypes.BROKER, resourceName: '' };
    default:
      return unreachable(resource);
  }
}

/** ConfigSource of DescribeConfigs: topic 1, broker 2, cluster default 3, static 4, built in 5. */
const ownSource = { topic: 1, broker: 2, cluster: 3 } as const;

/** `dynamic` is what was set on this very resource; what it inherits dynamically is `other`. */
export function configEntry(
  resource: ConfigResource,
  config: describeConfigsV4.DescribeConfigsResponseConfig,
): ConfigEntry {
  const source: number = config.configSource;
  return {
    name: config.name,
    value: config.value ?? undefined,
    source:
      source === ownSource[resource.kind]
        ? 'dynamic'
        : source === 4
          ? 'static'
          : source === 5
            ? 'default'
            : 'other',
  };
}
