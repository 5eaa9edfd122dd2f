/**
 * One Kafka cluster as far as the loop can see it: a quorum, registrations, in-sync sets, and which
 * acknowledged records are on which disk. Virtual time only.
 */
import type { NewTopic } from '../../src/model/kafka.ts';
import type { BrokerLaunch } from '../../src/model/launch.ts';
import type { Clock } from '../../src/sys/clock.ts';
import type { Dice } from './randomness.ts';

/** What is on one persistent volume; it outlives tasks. `logs` counts acknowledged writes by partition. */
export type Disk = {
  clusterId?: string;
  nodeId?: number;
  directoryId?: string;
  marker?: import('../../src/executor/storage.ts').FormatMarker;
  logs: Map<string, number>;
};

export type Partition = {
  readonly name: string;
  readonly topic: string;
  readonly partition: number;
  readonly replicas: number[];
  isr: number[];
  /** When brokers that ended or fell silent were taken out of the in-sync set. */
  readonly droppedAtMs: Map<number, number>;
  leader: number;
  /** Writes that were acknowledged to producers with acks=all. */
  acked: number;
};

/** One process of a broker. Behind a partition an older one may live beside a newer. */
export type Instance = {
  readonly taskId: string;
  readonly brokerId: number;
  readonly agentName: string;
  readonly launch: BrokerLaunch;
  readonly disk: Disk;
  up: boolean;
  /** Cut off from the rest of the cluster, and from clients. */
  cutOff: boolean;
  /** A process registers once in its life. */
  hasRegistered: boolean;
};

type Registration = {
  readonly id: number;
  instance: Instance;
  fenced: boolean;
  servesSinceMs: number;
  /** Grows with each change of the above: what was scheduled before is void. */
  epoch: number;
  goneSinceMs: number;
};

export type Topic = {
  readonly spec: NewTopic;
  readonly config: Map<string, string>;
  readonly partitions: Partition[];
};

export type KafkaModel = {
  readonly clusterId: string;
  start(launch: BrokerLaunch, taskId: string, agentName: string, disk: Disk): Instance;
  /** `clean`: a controlled shutdown moved leadership away before it ended. */
  stop(instance: Instance, clean: boolean): void;
  /** The network around all processes on an agent. */
  cut(agentName: string, isCut: boolean): void;
  /** This process is registered, unfenced, and part of a quorum that has a leader. */
  serves(instance: Instance): boolean;
  /** For how long this very process has been served by the controller; 0 when it is not. */
  servesForMs(instance: Instance): number;
  /** In touch now, or out of it for less than `ms`: what an observer could not know better. */
  wasAliveWithin(brokerId: number, ms: number): boolean;
  isVoter(brokerId: number): boolean;
  partitions(): readonly Partition[];
  minIsr(topic: string): number;
  /** Names of the partitions with a replica on this broker. */
  hostedBy(brokerId: number): readonly string[];
  /** Its replicas move to others that serve, as far as there are any; `stays`: who may take them. */
  evacuate(brokerId: number, stays: (id: number) => boolean): void;
  /** A partition of it has no leader, and nobody who stays has what it has. */
  strandedOn(brokerId: number, stays: (id: number) => boolean): boolean;
  /** For the admin port. */
  readonly view: {
    readonly topics: Map<string, Topic>;
    readonly clusterConfig: Map<string, string>;
    readonly brokerConfigs: Map<number, Map<string, string>>;
    registrations(): readonly Registration[];
    unregister(id: number): void;
    voters(): readonly number[];
    voterIsUp(id: number): boolean;
    quorumLeader(): number;
    answersAt(address: string): boolean;
    addPartitions(topic: Topic, upTo: number): void;
    /** A quorum that came back elects leaders where there are none. */
    electAll(): void;
  };
};

const sessionTimeoutMs = 9_000;

export function createKafkaModel(
  clusterId: string,
  deps: {
    readonly clock: Clock;
    readonly dice: Dice;
    /** A leader was elected that misses acknowledged records. */
    readonly onLoss: (partition: Partition, brokerId: number, missing: number) => void;
  },
): KafkaModel {
  const { clock, dice } = deps;
  const instances: Instance[] = [];
  const registered = new Map<number, Registration>();
  const topics = new Map<string, Topic>();
  const clusterConfig = new Map<string, string>();
  const brokerConfigs = new Map<number, Map<string, string>>();
  let voters: readonly number[] = [];

  const inTouch = (instance: Instance | undefined): boolean => instance?.up === true && !instance.cutOff;
  const voterIsUp = (id: number): boolean => instances.some((i) => i.brokerId === id && inTouch(i));
  const quorumLeader = (): number => {
    const up = voters.filter(voterIsUp);
    return up.length > voters.length / 2 ? (up[0] ?? -1) : -1;
  };
  const isAlive = (id: number): boolean => {
    const registration = registered.get(id);
    return registration !== undefined && !registration.fenced && inTouch(registration.instance);
  };
  const all = (): Partition[] => [...topics.values()].flatMap((t) => t.partitions);
  const minIsr = (topic: string): number =>
    Number(
      topics.get(topic)?.config.get('min.insync.replicas') ?? clusterConfig.get('min.insync.replicas') ?? 1,
    );

  /** Producers wrote something since the last change, if they could. */
  function write(partition: Partition): void {
    const { isr, leader, name } = partition;
    if (leader < 0 || isr.length < minIsr(partition.topic) || !isr.every(isAlive)) return;
    partition.acked += 1;
    for (const id of isr) registered.get(id)?.instance.disk.logs.set(name, partition.acked);
  }
  function elect(partition: Partition): void {
    if (partition.isr.includes(partition.leader) && isAlive(partition.leader)) return;
    partition.leader = quorumLeader() < 0 ? -1 : (partition.isr.find(isAlive) ?? -1);
    if (partition.leader < 0) return;
    const has = registered.get(partition.leader)?.instance.disk.logs.get(partition.name) ?? 0;
    if (has < partition.acked) {
      deps.onLoss(partition, partition.leader, partition.acked - has);
      partition.acked = has;
    }
  }
  function drop(id: number): void {
    for (const partition of all()) {
      write(partition);
      // Kafka without ELR keeps the last member electable: the in-sync set is never empty.
      if (partition.isr.includes(id) && partition.isr.length > 1) {
        partition.isr = partition.isr.filter((other) => other !== id);
        partition.droppedAtMs.set(id, clock.nowMs());
      }
      elect(partition);
    }
  }

  /** A follower joins the in-sync set once it has fetched from a leader, however long that takes to come. */
  function catchUp(registration: Registration, epoch: number, partition: Partition): void {
    clock.setTimer(dice.between(200, 8_000), () => {
      const { id } = registration;
      const isReplica = partition.replicas.includes(id);
      if (registration.epoch !== epoch || !isReplica || !isAlive(id) || partition.isr.includes(id)) return;
      elect(partition);
      if (partition.leader < 0) {
        catchUp(registration, epoch, partition);
        return;
      }
      write(partition);
      registration.instance.disk.logs.set(partition.name, partition.acked);
      partition.isr = [...partition.isr, id];
    });
  }

  /**
   * Registers, or comes back under a registration of its own; refused while another process of this id is alive. One
   * whose registration another process has taken, or nobody has any more, never comes back: its heartbeats are of a
   * stale epoch (`checkBrokerEpoch` of Kafka's controller), and it goes on sending them (`BrokerLifecycleManager`).
   */
  function join(instance: Instance): void {
    clock.setTimer(dice.between(500, 3_000), () => {
      if (!inTouch(instance)) return;
      const { brokerId } = instance;
      const known = registered.get(brokerId);
      if (instance.hasRegistered && known?.instance !== instance) return;
      const isTaken = known !== undefined && known.instance !== instance && isAlive(brokerId);
      if (quorumLeader() < 0 || isTaken) {
        join(instance);
        return;
      }
      const registration = known ?? {
        id: brokerId,
        instance,
        fenced: true,
        epoch: 0,
        servesSinceMs: 0,
        goneSinceMs: 0,
      };
      if (known?.instance !== instance) {
        // A new incarnation fences what is left of the old one.
        registration.fenced = true;
        drop(brokerId);
        registration.instance = instance;
      }
      registered.set(brokerId, registration);
      instance.hasRegistered = true;
      if (registration.fenced) registration.servesSinceMs = clock.nowMs();
      registration.fenced = false;
      registration.epoch += 1;
      const { epoch } = registration;
      for (const partition of all()) elect(partition);
      for (const partition of all().filter((p) => p.replicas.includes(brokerId))) {
        catchUp(registration, epoch, partition);
      }
    });
  }

  function leave(instance: Instance, clean: boolean): void {
    const registration = registered.get(instance.brokerId);
    if (registration?.instance !== instance) return;
    registration.goneSinceMs = clock.nowMs();
    registration.epoch += 1;
    const { epoch } = registration;
    const fence = (): void => {
      if (registration.epoch !== epoch || registration.instance !== instance) return;
      // Without a quorum nobody is fenced; whoever leads it next starts to count anew.
      if (quorumLeader() < 0) {
        clock.setTimer(sessionTimeoutMs, fence);
        return;
      }
      registration.fenced = true;
      drop(instance.brokerId);
    };
    if (clean) fence();
    else clock.setTimer(sessionTimeoutMs, fence);
  }

  return {
    clusterId,
    start(launch, taskId, agentName, disk) {
      voters = launch.storage.initialVoters.map((v) => v.nodeId);
      const instance: Instance = {
        taskId,
        brokerId: launch.nodeId,
        agentName,
        launch,
        disk,
        up: true,
        cutOff: instances.some((i) => i.agentName === agentName && i.up && i.cutOff),
        hasRegistered: false,
      };
      instances.push(instance);
      if (!clusterConfig.has('min.insync.replicas')) {
        const rendered = launch.config['min.insync.replicas'];
        if (rendered !== undefined) clusterConfig.set('min.insync.replicas', rendered);
      }
      if (launch.roles.includes('broker')) join(instance);
      return instance;
    },
    stop(instance, clean) {
      if (!instance.up) return;
      if (clean && inTouch(instance)) for (const partition of all()) write(partition);
      instance.up = false;
      instances.splice(instances.indexOf(instance), 1);
      leave(instance, clean && !instance.cutOff);
    },
    cut(agentName, isCut) {
      for (const instance of instances.filter((i) => i.agentName === agentName && i.cutOff !== isCut)) {
        if (isCut) for (const partition of all()) write(partition);
        instance.cutOff = isCut;
        if (isCut) leave(instance, false);
        else if (instance.launch.roles.includes('broker')) {
          const registration = registered.get(instance.brokerId);
          if (registration?.instance === instance) registration.epoch += 1;
          join(instance);
        }
      }
    },
    serves: (instance) =>
      quorumLeader() >= 0 &&
      inTouch(instance) &&
      (!instance.launch.roles.includes('broker') ||
        (registered.get(instance.brokerId)?.instance === instance && isAlive(instance.brokerId))),
    servesForMs(instance) {
      const registration = registered.get(instance.brokerId);
      return registration?.instance === instance && isAlive(instance.brokerId)
        ? clock.nowMs() - registration.servesSinceMs
        : 0;
    },
    wasAliveWithin: (id, ms) =>
      isAlive(id) || clock.nowMs() - (registered.get(id)?.goneSinceMs ?? Number.NEGATIVE_INFINITY) < ms,
    isVoter: (id) => voters.includes(id),
    partitions: all,
    minIsr,
    hostedBy: (id) => all().flatMap((p) => (p.replicas.includes(id) ? [p.name] : [])),
    evacuate(id, stays) {
      for (const partition of all().filter((p) => p.replicas.includes(id))) {
        elect(partition);
        const { replicas, name } = partition;
        const target = [...registered.values()].find((r) => {
          const mayTake = stays(r.id) && r.id !== id && !replicas.includes(r.id);
          return mayTake && isAlive(r.id);
        });
        if (target === undefined || partition.leader < 0) continue;
        write(partition);
        target.instance.disk.logs.set(name, partition.acked);
        replicas.splice(replicas.indexOf(id), 1, target.id);
        partition.isr = [...partition.isr.filter((other) => other !== id), target.id];
        elect(partition);
      }
    },
    strandedOn: (id, stays) =>
      all().some((p) => p.replicas.includes(id) && p.leader < 0 && !p.isr.some(stays)),
    view: {
      topics,
      clusterConfig,
      brokerConfigs,
      registrations: () => [...registered.values()],
      unregister: (id) => void registered.delete(id),
      voters: () => voters,
      voterIsUp,
      quorumLeader,
      answersAt: (address) =>
        [...registered.values()].some(({ id, instance }) => {
          const listener = instance.launch.listeners[0];
          return isAlive(id) && address === `${listener?.advertisedHost}:${listener?.advertisedPort}`;
        }),
      electAll() {
        for (const partition of all()) elect(partition);
      },
      addPartitions(topic, upTo) {
        const ids = [...registered.values()].flatMap((r) => (r.fenced ? [] : [r.id])).sort((a, b) => a - b);
        for (let partition = topic.partitions.length; partition < upTo; partition += 1) {
          const replicas = Array.from(
            { length: topic.spec.replicationFactor },
            (_, i) => ids[(partition + i) % ids.length] ?? 0,
          );
          topic.partitions.push({
            name: `${topic.spec.name}-${partition}`,
            topic: topic.spec.name,
            partition,
            replicas,
            isr: [...replicas],
            droppedAtMs: new Map(),
            leader: replicas[0] ?? -1,
            acked: 0,
          });
        }
      },
    },
  };
}
