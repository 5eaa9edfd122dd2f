/** The admin port over the model of Kafka, as one scheduler process reaches it. */
import { ConflictError, UnavailableError } from '../../src/model/errors.ts';
import type { ConfigEntry, ConfigResource, KafkaAdmin, KafkaObserved } from '../../src/model/kafka.ts';
import type { Clock } from '../../src/sys/clock.ts';
import type { KafkaModel } from './kafka-model.ts';

export function createKafkaAdminModel(deps: {
  readonly clock: Clock;
  readonly kafka: () => KafkaModel | undefined;
  readonly bootstrap: () => readonly string[];
  /** The way there, or back; never ends for a process that is dead. */
  readonly hop: () => Promise<void>;
  readonly isReachable: () => boolean;
  /** Resolves unless the process dies just there. */
  readonly survives: (when: 'before' | 'after', what: string) => Promise<void>;
  /** True when the answer to this change is lost. */
  readonly losesAnswer: () => boolean;
  readonly onUnregister: (kafka: KafkaModel, brokerId: number) => void;
  readonly note: (line: string) => void;
}): KafkaAdmin {
  const { clock, hop } = deps;
  const reached = (): KafkaModel => {
    const kafka = deps.kafka();
    const answers =
      kafka !== undefined &&
      deps.isReachable() &&
      kafka.view.quorumLeader() >= 0 &&
      deps.bootstrap().some(kafka.view.answersAt);
    if (!answers) {
      throw new UnavailableError('KM_UNAVAILABLE_KAFKA', 'no broker answers', { outcome: 'not-sent' });
    }
    return kafka;
  };
  const ask = async <T>(read: (kafka: KafkaModel) => T): Promise<T> => {
    await hop();
    const answer = read(reached());
    await hop();
    return answer;
  };
  const change = async (what: string, of: string, act: (kafka: KafkaModel) => void): Promise<void> => {
    await deps.survives('before', what);
    await hop();
    const kafka = reached();
    deps.note(`kafka ${what} ${of}`);
    act(kafka);
    await hop();
    await deps.survives('after', what);
    if (deps.losesAnswer()) {
      throw new UnavailableError('KM_UNAVAILABLE_KAFKA', 'the answer was lost', { outcome: 'unknown' });
    }
  };
  return {
    observe: () => {
      const observedAtMs = clock.nowMs();
      return ask((kafka) => {
        kafka.view.electAll();
        return observe(kafka, observedAtMs, clock.nowMs());
      });
    },
    createTopic: (spec) =>
      change('create topic', spec.name, (kafka) => {
        const { topics, registrations, addPartitions } = kafka.view;
        if (topics.has(spec.name)) return;
        requireBrokers(registrations(), spec.replicationFactor);
        const topic = { spec, config: new Map(Object.entries(spec.config)), partitions: [] };
        topics.set(spec.name, topic);
        addPartitions(topic, spec.partitions);
      }),
    createPartitions: (name, totalCount) =>
      change('grow topic', name, (kafka) => {
        const topic = kafka.view.topics.get(name);
        requireBrokers(kafka.view.registrations(), topic?.spec.replicationFactor ?? 0);
        if (topic !== undefined) kafka.view.addPartitions(topic, totalCount);
      }),
    describeConfigs: (resource) =>
      ask((kafka): readonly ConfigEntry[] =>
        [...configOf(kafka, resource)].map(([key, value]) => ({ name: key, value, source: 'dynamic' })),
      ),
    alterConfigs: (resource, changes) =>
      change('configure', `${resource.kind} ${Object.keys(changes).join(',')}`, (kafka) => {
        const config = configOf(kafka, resource);
        for (const [key, value] of Object.entries(changes)) {
          if (value === undefined) config.delete(key);
          else config.set(key, value);
        }
      }),
    unregisterBroker: (id) =>
      change('unregister', String(id), (kafka) => {
        deps.onUnregister(kafka, id);
        kafka.view.unregister(id);
      }),
    describeClientQuotas: () => ask(() => []),
    alterClientQuotas: () => change('quotas', '', () => {}),
    describeLogDirs: async () => [],
    close: async () => {},
  };
}

function requireBrokers(registrations: readonly { readonly fenced: boolean }[], count: number): void {
  if (registrations.filter((r) => !r.fenced).length < count) {
    throw new ConflictError('KM_CONFLICT_KAFKA', 'too few brokers for the replication factor');
  }
}

function configOf(kafka: KafkaModel, resource: ConfigResource): Map<string, string> {
  const { clusterConfig, brokerConfigs } = kafka.view;
  if (resource.kind === 'cluster') return clusterConfig;
  if (resource.kind === 'topic') return kafka.view.topics.get(resource.name)?.config ?? new Map();
  const config = brokerConfigs.get(resource.id) ?? new Map<string, string>();
  brokerConfigs.set(resource.id, config);
  return config;
}

function observe(kafka: KafkaModel, observedAtMs: number, nowMs: number): KafkaObserved {
  const { topics, registrations, voters, voterIsUp, quorumLeader } = kafka.view;
  return {
    observedAtMs,
    tookMs: nowMs - observedAtMs,
    clusterId: kafka.clusterId,
    brokers: registrations().map(({ id, fenced, instance: { launch } }) => ({
      id,
      fenced,
      host: launch.listeners[0]?.advertisedHost ?? '',
      port: launch.listeners[0]?.advertisedPort ?? 0,
      ...(launch.rack === undefined ? {} : { rack: launch.rack }),
    })),
    topics: [...topics.values()].map(({ spec, config, partitions }) => ({
      name: spec.name,
      internal: false,
      minIsr: kafka.minIsr(spec.name),
      config: Object.fromEntries(config),
      partitions: partitions.map(({ partition, leader, replicas, isr }) => ({
        partition,
        leader,
        replicas: [...replicas],
        isr: [...isr],
        elr: [],
      })),
    })),
    quorum: {
      leaderId: quorumLeader(),
      voters: voters().map((nodeId) => ({
        nodeId,
        logEndOffset: voterIsUp(nodeId) ? 100 : 50,
        lastCaughtUpMs: voterIsUp(nodeId) ? nowMs : 0,
      })),
      observers: [],
    },
  };
}
