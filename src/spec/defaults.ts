/** What holds where the spec is silent; a test holds it together with the schema's words. */
export const defaults = {
  kafkaVersion: '4.3.1',
  listener: 'CLIENT',
  controllerListener: 'CONTROLLER',
  roles: ['broker', 'controller'],
  cpus: 1,
  memory: '2GiB',
  /** Half of the memory, at most this: the page cache has more use for the rest. */
  heapLimitMiB: 6144,
  volume: 'data',
  stickinessPeriod: '10m',
  failoverDelay: '10s',
  failoverMaxDelay: '10m',
  stopGrace: '2m',
  throttle: '50MB/s',
  partitions: 1,
  /** Of topics and of Kafka's internal topics, as far as there are brokers. */
  replicationFactor: 3,
} as const;

/** Kafka never takes more replicas than brokers; its own defaults of 3 stop a small cluster from working. */
export function defaultReplicationFactor(brokerCount: number): number {
  return Math.max(1, Math.min(defaults.replicationFactor, brokerCount));
}

/** Replication of Kafka's internal topics, with a min ISR that leaves room for one broker to be down. */
export function internalTopicConfig(brokerCount: number): Readonly<Record<string, string>> {
  const factor = defaultReplicationFactor(brokerCount);
  const minIsr = Math.max(1, factor - 1);
  return {
    'offsets.topic.replication.factor': String(factor),
    'share.coordinator.state.topic.min.isr': String(minIsr),
    'share.coordinator.state.topic.replication.factor': String(factor),
    'transaction.state.log.min.isr': String(minIsr),
    'transaction.state.log.replication.factor': String(factor),
  };
}
