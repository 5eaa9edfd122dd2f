/**
 * A world in which everything asked for happens at once: agents that give what they have, brokers that
 * come up, a Kafka in which replicas are in sync as soon as their broker runs. It is strict about one
 * thing: nothing can be used that is not there, or twice.
 */
import type { Desired } from '../../src/model/desired.ts';
import type { KafkaObserved, KafkaTopic } from '../../src/model/kafka.ts';
import type { BrokerLaunch } from '../../src/model/launch.ts';
import type { MesosCall, Offer, Resource, TaskSpec, TaskUpdate } from '../../src/model/mesos.ts';
import type { PlanInput, Source } from '../../src/model/observed.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { BrokerRecord, ClusterRecord } from '../../src/model/records.ts';
import { foldUpdate } from '../../src/observe/fold-update.ts';
import { emptyMesosTable, foldMesosEvent, foldSent, type MesosTable } from '../../src/observe/mesos-table.ts';
import { plan } from '../../src/plan/plan.ts';
import { merged } from '../../src/plan/resources.ts';
import { artifacts, countUuids, framework, makeSpec, nowMs } from './builders.ts';

type Agent = {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  free: readonly Resource[];
  offered: Offer | undefined;
};

type Running = { readonly task: TaskSpec; readonly launch: BrokerLaunch; readonly agent: Agent };

export type IdealWorld = {
  /** One pass: plans, checks nothing, does everything. */
  pass(): { readonly input: PlanInput; readonly plan: Plan };
  setDesired(desired: Desired): void;
  /** The task of the broker ends by itself; false when there is none. */
  fail(brokerId: number): boolean;
  desired(): Desired;
  isSuppressed(): boolean;
  /** Its spec was removed too. */
  isGone(): boolean;
  record(brokerId: number): BrokerRecord | undefined;
  /** What agents have reserved for the broker and no task uses. */
  reserved(brokerId: number): readonly Resource[];
};

export function createIdealWorld(first: Desired, agentIds: readonly string[]): IdealWorld {
  let desired = first;
  let atMs = nowMs;
  let offers = 0;
  let cluster: ClusterRecord | undefined;
  const newUuid = countUuids();
  const records = new Map<number, BrokerRecord>();
  const tasks = new Map<string, Running>();
  const topics = new Map<string, Omit<KafkaTopic, 'partitions'> & { partitions: (readonly number[])[] }>();
  let isGone = false;
  const unregistered = new Set<number>();
  const filters = new Map<string, number>();
  const agents = agentIds.map(
    (id, index): Agent => ({
      id,
      attributes: { rack: `r${index % 3}` },
      free: [
        { name: 'cpus', scalar: 8, reservations: [] },
        { name: 'mem', scalar: 16_384, reservations: [] },
        { name: 'disk', scalar: 20_000, reservations: [] },
        { name: 'ports', ranges: [{ begin: 31_000, end: 31_099 }], reservations: [] },
      ],
      offered: undefined,
    }),
  );
  let table: MesosTable = foldMesosEvent(
    emptyMesosTable,
    { kind: 'subscribed', frameworkId: 'f' },
    () => false,
    atMs,
  );

  const isWanted = (taskId: string): boolean => [...records.values()].some((r) => r.task?.taskId === taskId);

  function offerAll(): void {
    if (table.suppressed) return;
    for (const agent of agents) {
      if (agent.offered !== undefined || agent.free.length === 0 || (filters.get(agent.id) ?? 0) > atMs)
        continue;
      offers += 1;
      agent.offered = {
        id: `o${offers}`,
        agentId: agent.id,
        hostname: agent.id,
        role: framework.role,
        attributes: agent.attributes,
        resources: agent.free,
        receivedAtMs: atMs,
      };
      table = foldMesosEvent(table, { kind: 'offers', offers: [agent.offered] }, isWanted, atMs);
    }
  }

  function update(taskId: string, change: Omit<TaskUpdate, 'taskId'>): void {
    table = foldMesosEvent(table, { kind: 'update', update: { taskId, ...change } }, isWanted, atMs);
    for (const record of records.values()) {
      const broker = desired.brokers.find((b) => b.id === record.id) ?? desired.brokers[0];
      if (broker !== undefined)
        records.set(record.id, foldUpdate(record, { taskId, ...change }, broker, atMs));
    }
  }

  function end(taskId: string, state: 'TASK_KILLED' | 'TASK_FAILED'): boolean {
    const running = tasks.get(taskId);
    if (running === undefined) return false;
    tasks.delete(taskId);
    const { agent, task } = running;
    agent.free = merged([...agent.free, ...task.resources, ...task.executor.resources]);
    update(taskId, { state, agentId: agent.id });
    return true;
  }

  function send(call: MesosCall): void {
    table = foldSent(table, call, atMs);
    switch (call.kind) {
      case 'accept':
      case 'decline': {
        const used = call.offerIds.map((id) => {
          const agent = agents.find((a) => a.offered?.id === id);
          if (agent === undefined) throw new Error(`offer ${id} is not there, or was used before`);
          agent.offered = undefined;
          filters.set(agent.id, atMs + call.refuseSeconds * 1_000);
          return agent;
        });
        if (call.kind === 'accept')
          for (const operation of call.operations) {
            const agent = used[0];
            if (agent === undefined || used.some((a) => a !== agent)) throw new Error('offers of two agents');
            switch (operation.kind) {
              case 'reserve':
                for (const r of operation.resources) {
                  agent.free = subtract(agent.free, { ...r, reservations: r.reservations.slice(0, -1) });
                  agent.free = merged([...agent.free, r]);
                }
                break;
              case 'create':
                for (const volume of operation.volumes) {
                  const { disk: _disk, ...plain } = volume;
                  agent.free = [...subtract(agent.free, plain), volume];
                }
                break;
              case 'destroy':
                for (const volume of operation.volumes) {
                  const { disk: _disk, ...plain } = volume;
                  agent.free = merged([...subtract(agent.free, volume), plain]);
                }
                break;
              case 'unreserve':
                for (const r of operation.resources) {
                  agent.free = subtract(agent.free, r);
                  agent.free = merged([...agent.free, { ...r, reservations: r.reservations.slice(0, -1) }]);
                }
                break;
              case 'launch': {
                const { task } = operation;
                for (const r of [...task.resources, ...task.executor.resources])
                  agent.free = subtract(agent.free, r);
                tasks.set(task.taskId, { task, launch: JSON.parse(task.data) as BrokerLaunch, agent });
                break;
              }
            }
          }
        return;
      }
      case 'kill':
        if (!end(call.taskId, 'TASK_KILLED')) update(call.taskId, { state: 'TASK_GONE' });
        return;
      case 'revive':
        filters.clear();
        return;
      case 'reconcile-tasks':
        for (const { taskId } of call.tasks) {
          const running = tasks.get(taskId);
          update(
            taskId,
            running === undefined
              ? { state: 'TASK_GONE' }
              : { state: 'TASK_RUNNING', agentId: running.agent.id },
          );
        }
        return;
      default:
        return;
    }
  }

  function kafka(): Source<KafkaObserved> {
    const up = [...tasks.values()].map((t) => t.launch);
    const voters = cluster?.voters.map((v) => v.nodeId) ?? [];
    const alive = voters.filter((id) => up.some((l) => l.nodeId === id));
    const leaderId = alive.length * 2 > voters.length ? (alive[0] ?? -1) : -1;
    const brokers = up.filter((l) => l.roles.includes('broker')).map((l) => l.nodeId);
    if (leaderId < 0 || brokers.length === 0) return { known: false, why: 'no broker answers' };
    return {
      known: true,
      value: {
        observedAtMs: atMs,
        tookMs: 1,
        clusterId: cluster?.clusterId ?? '',
        brokers: [...records.values()]
          .filter(
            (r) =>
              (r.task ?? r.last)?.startedWith.roles.includes('broker') === true && !unregistered.has(r.id),
          )
          .map(({ id }) => ({ id, fenced: !brokers.includes(id), host: 'h', port: 1 })),
        topics: [...topics.values()].map((t) => ({
          ...t,
          partitions: t.partitions.map((replicas, partition) => {
            const isr = replicas.filter((id) => brokers.includes(id));
            // Kafka never lets the last one out.
            const kept = isr.length === 0 ? replicas.slice(0, 1) : isr;
            return { partition, leader: isr[0] ?? -1, replicas, isr: kept, elr: [] };
          }),
        })),
        quorum: {
          leaderId,
          voters: voters.map((nodeId) => ({
            nodeId,
            logEndOffset: alive.includes(nodeId) ? 10 : 0,
            lastCaughtUpMs: alive.includes(nodeId) ? atMs : -1,
          })),
          observers: [],
        },
      },
    };
  }

  function carryOut(made: Plan): void {
    for (const { action } of made.steps) {
      switch (action.kind) {
        case 'bind-cluster':
        case 'record-cluster':
          cluster = action.record;
          break;
        case 'broker':
          records.set(action.record.id, action.record);
          if (action.call !== undefined) send(action.call);
          break;
        case 'mesos':
          send(action.call);
          break;
        case 'remove-broker':
          records.delete(action.record.id);
          break;
        case 'remove-cluster':
          if (records.size > 0) throw new Error('a cluster goes after its brokers');
          cluster = undefined;
          isGone = !action.keepSpec;
          break;
        case 'unregister-broker':
          unregistered.add(action.brokerId);
          break;
        case 'create-topic': {
          const { name, partitions, replicationFactor, config } = action.topic;
          const ids = desired.brokers
            .filter((b) => b.roles.includes('broker') && records.get(b.id)?.task !== undefined)
            .map((b) => b.id);
          // As Kafka would: one was stopped just now, so the change is refused and planned again.
          if (ids.length < replicationFactor) break;
          topics.set(name, {
            name,
            internal: false,
            minIsr: Number(config['min.insync.replicas'] ?? 1),
            config,
            partitions: Array.from({ length: partitions }, (_, p) =>
              Array.from({ length: replicationFactor }, (_unused, i) => ids[(p + i) % ids.length] ?? -1),
            ),
          });
          break;
        }
        case 'alter-topic-config': {
          const topic = topics.get(action.topic);
          if (topic !== undefined) {
            topics.set(topic.name, { ...topic, config: { ...topic.config, ...action.changes } });
          }
          break;
        }
        case 'create-partitions': {
          const topic = topics.get(action.topic);
          const like = topic?.partitions[0];
          while (topic !== undefined && like !== undefined && topic.partitions.length < action.totalCount)
            topic.partitions.push(like);
          break;
        }
        default:
          break;
      }
    }
  }

  return {
    pass() {
      atMs += 7_000;
      offerAll();
      for (const [taskId, { launch, agent }] of tasks) {
        const data = JSON.stringify({
          protocol: 1,
          phase: 'serving',
          formatted: true,
          endpoint: `${agent.id}:${launch.listeners[0]?.port ?? 0}`,
        });
        update(taskId, { state: 'TASK_RUNNING', agentId: agent.id, data });
      }
      atMs += 1;
      const input: PlanInput = {
        nowMs: atMs,
        wallMs: atMs,
        framework,
        clusters: isGone
          ? []
          : [
              {
                spec: makeSpec(desired),
                ...(cluster === undefined ? {} : { cluster }),
                brokers: new Map(records),
              },
            ],
        mesos: table,
        kafka: new Map([[desired.name, kafka()]]),
        kafkaRefusals: new Map(),
        isTornDown: false,
        artifacts,
        newUuid,
      };
      const made = plan(input);
      carryOut(made);
      return { input, plan: made };
    },
    setDesired(next) {
      isGone = false;
      desired = next;
    },
    fail(brokerId) {
      const taskId = records.get(brokerId)?.task?.taskId;
      return taskId !== undefined && end(taskId, 'TASK_FAILED');
    },
    desired: () => desired,
    isSuppressed: () => table.suppressed,
    isGone: () => isGone,
    record: (id) => records.get(id),
    reserved: (id) =>
      agents.flatMap((a) =>
        a.free.filter((r) => r.reservations.some((one) => one.labels.broker === String(id))),
      ),
  };
}

/** Takes exactly `wanted` away; throws when it is not all there. */
function subtract(from: readonly Resource[], wanted: Resource): readonly Resource[] {
  const shape = (r: Resource): string => JSON.stringify([r.reservations, r.disk ?? null]);
  const wantedShape = shape(wanted);
  const index = from.findIndex((r) => r.name === wanted.name && shape(r) === wantedShape);
  const found = from[index];
  const missing = () => new Error(`${JSON.stringify(wanted)} is not in ${JSON.stringify(from)}`);
  if (found === undefined) throw missing();
  const others = from.filter((_, i) => i !== index);
  if (wanted.scalar !== undefined) {
    const left = Math.round(((found.scalar ?? 0) - wanted.scalar) * 1_000) / 1_000;
    if (left < 0) throw missing();
    return left === 0 ? others : [...others, { ...found, scalar: left }];
  }
  const ports = new Set((found.ranges ?? []).flatMap(portsOf));
  for (const port of (wanted.ranges ?? []).flatMap(portsOf)) {
    if (!ports.delete(port)) throw missing();
  }
  const ranges = [...ports].sort((a, b) => a - b).map((port) => ({ begin: port, end: port }));
  return ranges.length === 0 ? others : [...others, { ...found, ranges }];
}

function portsOf({ begin, end }: { readonly begin: number; readonly end: number }): readonly number[] {
  return Array.from({ length: end - begin + 1 }, (_, i) => begin + i);
}
