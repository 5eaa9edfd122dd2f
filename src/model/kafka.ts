/** What Kafka's own metadata says, and the one admin port through which we ask and change it. */

export type KafkaBroker = {
  readonly id: number;
  /** Fenced: registered, but the controller lets it neither lead nor serve (KIP-631). */
  readonly fenced: boolean;
  readonly rack?: string;
  readonly host: string;
  readonly port: number;
};

export type KafkaPartition = {
  readonly partition: number;
  /** -1 when there is none. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  /** Eligible leader replicas (KIP-966); empty where the feature is off. */
  readonly elr: readonly number[];
};

export type KafkaTopic = {
  readonly name: string;
  readonly internal: boolean;
  /** Effective `min.insync.replicas`; undefined when it could not be read. */
  readonly minIsr?: number;
  /** Effective values of all its settings; only of topics asked for, and undefined when they could not be read. */
  readonly config?: Readonly<Record<string, string>>;
  readonly partitions: readonly KafkaPartition[];
};

export type QuorumReplica = {
  readonly nodeId: number;
  readonly directoryId?: string;
  readonly logEndOffset: number;
  /** Milliseconds since the epoch; -1 when unknown. */
  readonly lastCaughtUpMs: number;
};

export type KafkaQuorum = {
  /** The active controller. */
  readonly leaderId: number;
  readonly voters: readonly QuorumReplica[];
  readonly observers: readonly QuorumReplica[];
};

/** One consistent-enough reading. */
export type KafkaObserved = {
  /** When it began: nothing in it is older. */
  readonly observedAtMs: number;
  /** How long it took: the more partitions, the longer. */
  readonly tookMs: number;
  readonly clusterId: string;
  readonly brokers: readonly KafkaBroker[];
  readonly topics: readonly KafkaTopic[];
  readonly quorum: KafkaQuorum;
};

export type NewTopic = {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
};

export type ConfigResource =
  | { readonly kind: 'broker'; readonly id: number }
  | { readonly kind: 'cluster' }
  | { readonly kind: 'topic'; readonly name: string };

export type ConfigEntry = {
  readonly name: string;
  readonly value: string | undefined;
  readonly source: 'dynamic' | 'static' | 'default' | 'other';
};

/**
 * Errors of every method: `UnavailableError` when no broker answers in time (with `outcome:
 * 'unknown'` for a change whose answer was lost), `ConflictError` when Kafka refuses a change.
 */
export type KafkaAdmin = {
  /** `configuredTopics`: whose settings are wanted too. */
  observe(configuredTopics?: readonly string[]): Promise<KafkaObserved>;
  /** A topic that exists already is not an error: a repeated call must be harmless. */
  createTopic(topic: NewTopic): Promise<void>;
  /** Raises the partition count; never lowers it. */
  createPartitions(topic: string, totalCount: number): Promise<void>;
  describeConfigs(resource: ConfigResource): Promise<readonly ConfigEntry[]>;
  /** IncrementalAlterConfigs (KIP-339): `undefined` deletes the dynamic value. */
  alterConfigs(
    resource: ConfigResource,
    changes: Readonly<Record<string, string | undefined>>,
  ): Promise<void>;
  /** Every quota that is set, by whom; in no order that means anything. */
  describeClientQuotas(): Promise<readonly ClientQuota[]>;
  /** `undefined` removes a limit; one that is not set is removed without harm. */
  alterClientQuotas(
    entity: QuotaEntity,
    changes: Partial<Record<QuotaKey, number | undefined>>,
  ): Promise<void>;
  unregisterBroker(id: number): Promise<void>;
  /** Bytes on disk by broker, topic and partition (KIP-113). */
  describeLogDirs(brokerIds: readonly number[]): Promise<readonly LogDir[]>;
  close(): Promise<void>;
};

/**
 * Whom a quota limits (KIP-13, KIP-55, KIP-612): a user, a client id or a user's client id; or an address, alone.
 * `null` is the default: everybody of that sort without a limit of their own.
 */
export type QuotaEntity = {
  readonly user?: string | null;
  readonly clientId?: string | null;
  readonly ip?: string | null;
};

/**
 * Bytes per second of each broker; percent of one request or network thread; partition changes per second;
 * connections per second (of an address only).
 */
export type QuotaKey =
  | 'producer_byte_rate'
  | 'consumer_byte_rate'
  | 'request_percentage'
  | 'controller_mutation_rate'
  | 'connection_creation_rate';

export type ClientQuota = {
  readonly entity: QuotaEntity;
  /** By key; Kafka may know more of them than we do. */
  readonly limits: Readonly<Record<string, number>>;
};

export type LogDir = {
  readonly brokerId: number;
  readonly path: string;
  readonly error?: string;
  readonly totalBytes?: number;
  readonly usableBytes?: number;
  readonly replicas: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly sizeBytes: number;
    readonly future: boolean;
  }[];
};
