/**
 * How a broker setting of Kafka 4.x can be changed (KIP-226).
 *
 * - `per-broker`: dynamically, for one broker at a time only.
 * - `cluster-wide`: dynamically, for the cluster (resource `''`) or one broker.
 * - `read-only`: in server.properties, by a restart. Also what Kafka does not know (settings of plugins).
 *
 * `listener.name.NAME.KEY` follows KEY as a per-broker setting, and read-only when KEY is.
 *
 * `min.insync.replicas` is cluster-wide only while `eligible.leader.replicas.version` is 0. With ELR (the
 * default of clusters formed since 4.1) the controller copies its own value into the cluster-level dynamic
 * config when the cluster forms, that value masks server.properties, no broker can have its own, and every
 * write of it, even of the same value, clears all ELR state.
 */
export function classifyConfigChange(key: string): ConfigChange {
  const base = /^listener\.name\.[^.]+\.(.+)$/.exec(key)?.[1];
  if (base !== undefined) {
    // A mechanism may stand before SASL settings: `listener.name.x.scram-sha-512.sasl.jaas.config`.
    const sasl = /^[a-z0-9-]+\.(sasl\..+)$/.exec(base)?.[1];
    return classifyConfigChange(sasl ?? base) === 'read-only' ? 'read-only' : 'per-broker';
  }
  if (perBroker.has(key)) return 'per-broker';
  return clusterWide.has(key) ? 'cluster-wide' : 'read-only';
}

export type ConfigChange = 'per-broker' | 'cluster-wide' | 'read-only';

/*
 * From Kafka 4.3.1 itself: `java -cp 'libs/*' kafka.server.KafkaConfig` prints the documentation of every broker
 * setting with its "Update Mode" (`DynamicBrokerConfig.dynamicConfigUpdateModes`); 241 others are
 * read-only. An older 4.x that lacks one of these refuses the dynamic change, which is then held.
 */
const perBroker: ReadonlySet<string> = new Set([
  'cordoned.log.dirs',
  'listener.security.protocol.map',
  'listeners',
  'principal.builder.class',
  'sasl.enabled.mechanisms',
  'sasl.jaas.config',
  'sasl.kerberos.kinit.cmd',
  'sasl.kerberos.min.time.before.relogin',
  'sasl.kerberos.principal.to.local.rules',
  'sasl.kerberos.service.name',
  'sasl.kerberos.ticket.renew.jitter',
  'sasl.kerberos.ticket.renew.window.factor',
  'sasl.login.refresh.buffer.seconds',
  'sasl.login.refresh.min.period.seconds',
  'sasl.login.refresh.window.factor',
  'sasl.login.refresh.window.jitter',
  'sasl.mechanism.inter.broker.protocol',
  'ssl.cipher.suites',
  'ssl.client.auth',
  'ssl.enabled.protocols',
  'ssl.endpoint.identification.algorithm',
  'ssl.engine.factory.class',
  'ssl.key.password',
  'ssl.keymanager.algorithm',
  'ssl.keystore.certificate.chain',
  'ssl.keystore.key',
  'ssl.keystore.location',
  'ssl.keystore.password',
  'ssl.keystore.type',
  'ssl.protocol',
  'ssl.provider',
  'ssl.secure.random.implementation',
  'ssl.trustmanager.algorithm',
  'ssl.truststore.certificates',
  'ssl.truststore.location',
  'ssl.truststore.password',
  'ssl.truststore.type',
]);

const clusterWide: ReadonlySet<string> = new Set([
  'background.threads',
  'compression.gzip.level',
  'compression.lz4.level',
  'compression.type',
  'compression.zstd.level',
  'config.providers',
  'follower.fetch.last.tiered.offset.enable',
  'follower.replication.throttled.rate',
  'group.consumer.assignment.interval.ms',
  'group.coordinator.cached.buffer.max.bytes',
  'group.share.assignment.interval.ms',
  'group.streams.assignment.interval.ms',
  'leader.replication.throttled.rate',
  'log.cleaner.backoff.ms',
  'log.cleaner.dedupe.buffer.size',
  'log.cleaner.delete.retention.ms',
  'log.cleaner.io.buffer.load.factor',
  'log.cleaner.io.buffer.size',
  'log.cleaner.io.max.bytes.per.second',
  'log.cleaner.max.compaction.lag.ms',
  'log.cleaner.min.cleanable.ratio',
  'log.cleaner.min.compaction.lag.ms',
  'log.cleaner.threads',
  'log.cleanup.policy',
  'log.flush.interval.messages',
  'log.flush.interval.ms',
  'log.index.interval.bytes',
  'log.index.size.max.bytes',
  'log.local.retention.bytes',
  'log.local.retention.ms',
  'log.message.timestamp.after.max.ms',
  'log.message.timestamp.before.max.ms',
  'log.message.timestamp.type',
  'log.preallocate',
  'log.retention.bytes',
  'log.retention.ms',
  'log.roll.jitter.ms',
  'log.roll.ms',
  'log.segment.bytes',
  'log.segment.delete.delay.ms',
  'max.connection.creation.rate',
  'max.connections',
  'max.connections.per.ip',
  'max.connections.per.ip.overrides',
  'message.max.bytes',
  'metric.reporters',
  'min.insync.replicas',
  'num.io.threads',
  'num.network.threads',
  'num.recovery.threads.per.data.dir',
  'num.replica.fetchers',
  'producer.id.expiration.ms',
  'remote.fetch.max.wait.ms',
  'remote.list.offsets.request.timeout.ms',
  'remote.log.index.file.cache.total.size.bytes',
  'remote.log.manager.copier.thread.pool.size',
  'remote.log.manager.copy.max.bytes.per.second',
  'remote.log.manager.expiration.thread.pool.size',
  'remote.log.manager.fetch.max.bytes.per.second',
  'remote.log.manager.follower.thread.pool.size',
  'remote.log.reader.threads',
  'replica.alter.log.dirs.io.max.bytes.per.second',
  'share.coordinator.cached.buffer.max.bytes',
  'transaction.partition.verification.enable',
  'unclean.leader.election.enable',
]);
