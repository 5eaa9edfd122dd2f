/** Kafka as far as the loop can see it: a quorum, registrations, in-sync sets. Virtual time only. */
import { ConflictError, UnavailableError } from '../../src/model/errors.ts';
import type { KafkaAdmin, KafkaObserved, NewTopic } from '../../src/model/kafka.ts';
import type { BrokerLaunch } from '../../src/model/launch.ts';
import type { Clock } from '../../src/sys/clock.ts';
import type { Random } from '../../src/sys/random.ts';

type Partition = {
  readonly topic: string;
  readonly partition: number;
  readonly replicas: number[];
  isr: number[];
  leader: number;
};
type Broker = {
  readonly id: number;
  up: boolean;
  fenced: boolean;
  incarnation: number;
  rack: string | undefined;
  host: string;
  port: number;
  downSinceMs: number;
};

export type KafkaModel = {
  readonly clusterId: string;
  start(launch: BrokerLaunch): void;
  /** `clean`: a controlled shutdown moved leadership away before it ended. */
  stop(brokerId: number, clean: boolean): void;
  /** Registered, unfenced and part of a quorum that has a leader. */
  serves(brokerId: number): boolean;
  partitions(): readonly Partition[];
  minIsr(topic: string): number;
  isUp(brokerId: number): boolean;
  /** Up now, or down for less than `ms`: what an observer could not know better. */
  wasUpWithin(brokerId: number, ms: number): boolean;
  admin(bootstrap: () => readonly string[]): KafkaAdmin;
};

const sessionTimeoutMs = 9_000;

export function createKafkaModel(clusterId: string, clock: Clock, random: Random): KafkaModel {
  const brokers = new Map<number, Broker>();
  const topics = new Map<string, { readonly spec: NewTopic; readonly partitions: Partition[] }>();
  let voters: readonly number[] = [];
  const between = (low: number, high: number): number => low + Math.floor(random.next() * (high - low));

  const quorumLeader = (): number => {
    const up = voters.filter((id) => brokers.get(id)?.up === true);
    return up.length > voters.length / 2 ? (up[0] ?? -1) : -1;
  };
  const all = (): Partition[] => [...topics.values()].flatMap((t) => t.partitions);
  const alive = (id: number): boolean => brokers.get(id)?.up === true && brokers.get(id)?.fenced === false;

  const elect = (partition: Partition): void => {
    if (!partition.isr.includes(partition.leader) || !alive(partition.leader)) {
      partition.leader = partition.isr.find(alive) ?? -1;
    }
  };
  const drop = (id: number): void => {
    for (const partition of all()) {
      // Kafka keeps the last member electable: the in-sync set is never empty.
      if (partition.isr.includes(id) && partition.isr.length > 1) {
        partition.isr = partition.isr.filter((other) => other !== id);
      }
      elect(partition);
    }
  };

  /** A follower joins the in-sync set once it has fetched from a leader, however long that takes to come. */
  function catchUp(broker: Broker, incarnation: number, partition: Partition): void {
    clock.setTimer(between(200, 8_000), () => {
      if (!broker.up || broker.incarnation !== incarnation || partition.isr.includes(broker.id)) return;
      if (partition.leader < 0) {
        catchUp(broker, incarnation, partition);
        return;
      }
      partition.isr = [...partition.isr, broker.id];
    });
  }

  function register(broker: Broker, incarnation: number): void {
    const live = (): boolean => broker.up && broker.incarnation === incarnation;
    clock.setTimer(between(500, 3_000), () => {
      if (!live()) return;
      if (quorumLeader() < 0) {
        register(broker, incarnation);
        return;
      }
      broker.fenced = false;
      for (const partition of all()) elect(partition);
      for (const partition of all().filter((p) => p.replicas.includes(broker.id))) {
        catchUp(broker, incarnation, partition);
      }
    });
  }

  return {
    clusterId,
    start(launch) {
      voters = launch.storage.initialVoters.map((v) => v.nodeId);
      const listener = launch.listeners[0];
      const broker: Broker = brokers.get(launch.nodeId) ?? {
        id: launch.nodeId,
        up: false,
        fenced: true,
        incarnation: 0,
        rack: launch.rack,
        host: '',
        port: 0,
        downSinceMs: 0,
      };
      broker.up = true;
      broker.fenced = true;
      broker.incarnation += 1;
      broker.host = listener?.advertisedHost ?? '';
      broker.port = listener?.advertisedPort ?? 0;
      brokers.set(broker.id, broker);
      // A new incarnation fences what is left of the old one.
      drop(broker.id);
      register(broker, broker.incarnation);
    },
    stop(brokerId, clean) {
      const broker = brokers.get(brokerId);
      if (broker === undefined) return;
      broker.up = false;
      broker.downSinceMs = clock.nowMs();
      const { incarnation } = broker;
      const fence = (): void => {
        if (broker.incarnation !== incarnation) return;
        broker.fenced = true;
        drop(brokerId);
      };
      if (clean) {
        fence();
      } else {
        clock.setTimer(sessionTimeoutMs, fence);
      }
    },
    serves: (id) => alive(id) && quorumLeader() >= 0,
    isUp: (id) => brokers.get(id)?.up === true,
    wasUpWithin: (id, ms) =>
      brokers.get(id)?.up === true ||
      clock.nowMs() - (brokers.get(id)?.downSinceMs ?? Number.NEGATIVE_INFINITY) < ms,
    partitions: all,
    minIsr: (topic) => Number(topics.get(topic)?.spec.config['min.insync.replicas'] ?? 1),
    admin(bootstrap) {
      const reachable = (): void => {
        const known = [...brokers.values()].some(
          (b) => alive(b.id) && bootstrap().includes(`${b.host}:${b.port}`),
        );
        if (!known || quorumLeader() < 0) {
          throw new UnavailableError('KM_UNAVAILABLE_KAFKA', 'no broker answers', { outcome: 'not-sent' });
        }
      };
      const answerAfter = (): Promise<void> =>
        new Promise((resolve) => clock.setTimer(between(2, 200), resolve));
      return {
        async observe(): Promise<KafkaObserved> {
          const observedAtMs = clock.nowMs();
          await answerAfter();
          reachable();
          const voterRows = voters.map((nodeId) => ({
            nodeId,
            logEndOffset: brokers.get(nodeId)?.up === true ? 100 : 50,
            lastCaughtUpMs: brokers.get(nodeId)?.up === true ? clock.nowMs() : 0,
          }));
          return {
            observedAtMs,
            clusterId,
            brokers: [...brokers.values()].map((b) => ({
              id: b.id,
              fenced: b.fenced,
              host: b.host,
              port: b.port,
              ...(b.rack === undefined ? {} : { rack: b.rack }),
            })),
            topics: [...topics.values()].map((t) => ({
              name: t.spec.name,
              internal: false,
              minIsr: Number(t.spec.config['min.insync.replicas'] ?? 1),
              config: t.spec.config,
              partitions: t.partitions.map((p) => ({
                partition: p.partition,
                leader: p.leader,
                replicas: [...p.replicas],
                isr: [...p.isr],
                elr: [],
              })),
            })),
            quorum: { leaderId: quorumLeader(), voters: voterRows, observers: [] },
          };
        },
        async createTopic(spec) {
          await answerAfter();
          reachable();
          if (topics.has(spec.name)) return;
          const ids = [...brokers.values()].filter((b) => alive(b.id)).map((b) => b.id);
          if (ids.length < spec.replicationFactor)
            throw new ConflictError('KM_CONFLICT_KAFKA', 'too few brokers for the replication factor');
          topics.set(spec.name, {
            spec,
            partitions: Array.from({ length: spec.partitions }, (_, partition) => {
              const replicas = Array.from(
                { length: spec.replicationFactor },
                (__, i) => ids[(partition + i) % ids.length] ?? 0,
              );
              return { topic: spec.name, partition, replicas, isr: [...replicas], leader: replicas[0] ?? -1 };
            }),
          });
        },
        async createPartitions() {},
        async describeConfigs() {
          return [];
        },
        async alterConfigs(resource, changes) {
          await answerAfter();
          reachable();
          const topic = resource.kind === 'topic' ? topics.get(resource.name) : undefined;
          if (topic === undefined) return;
          const config = Object.entries({ ...topic.spec.config, ...changes }).flatMap(([key, value]) =>
            value === undefined ? [] : [[key, value]],
          );
          topics.set(topic.spec.name, {
            ...topic,
            spec: { ...topic.spec, config: Object.fromEntries(config) },
          });
        },
        async describeClientQuotas() {
          return [];
        },
        async alterClientQuotas() {},
        async unregisterBroker() {},
        async describeLogDirs() {
          return [];
        },
        async close() {},
      };
    },
  };
}
