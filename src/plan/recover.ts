/**
 * A lost store, made again from what Mesos and Kafka know: task labels, reservation labels, dynamic
 * configuration. Pure, and decides nothing but what the records say; nothing is started, stopped or released.
 *
 * What cannot be known is taken on the safe side: every volume counts as formatted, so that an empty one is
 * refused; every cluster counts as formed, so that none is formed a second time.
 */

import { formatAddress } from '../model/address.ts';
import type { Desired, DesiredBroker } from '../model/desired.ts';
import { type BrokerReport, executorProtocolVersion } from '../model/launch.ts';
import { isTerminal, type Resource } from '../model/mesos.ts';
import type { MesosInventory, TaskEntry } from '../model/mesos-inventory.ts';
import type {
  BrokerRecord,
  ClusterRecord,
  DynamicValue,
  FrameworkRecord,
  SpecRecord,
  TaskRecord,
} from '../model/records.ts';
import { parseTaskId } from '../model/task-id.ts';
import { parseIdentity, parseTaskLabels, type TaskMemory } from '../model/task-labels.ts';
import { type Reserved, withoutTask, withPlacement } from './recover-place.ts';
import { settingsOf } from './settings.ts';

export type RecoverInput = {
  readonly nowMs: number;
  readonly author: string;
  readonly frameworkName: string;
  readonly role: string;
  /** Which of several frameworks of that name; absent: there is one that is not completed. */
  readonly frameworkId?: string;
  readonly inventory: MesosInventory;
  readonly specs: readonly { readonly desired: Desired; readonly digest: string }[];
  /** By cluster name: what Kafka says; absent while it cannot be asked. */
  readonly kafka: ReadonlyMap<string, KafkaTruth>;
};

export type KafkaTruth = {
  readonly clusterId: string;
  /** Dynamic values, by broker id. */
  readonly brokerConfig: ReadonlyMap<number, Readonly<Record<string, string>>>;
  /** Brokers that it knows, fenced ones included, or that it counts on for a replica. */
  readonly brokers: ReadonlySet<number>;
  /** Dynamic value of `min.insync.replicas` at cluster level. */
  readonly minInsyncReplicas?: string;
};

export type Recovered = {
  readonly framework?: FrameworkRecord;
  readonly clusters: readonly RecoveredCluster[];
  /** Any of them forbids to write: half a store would make half a plan. */
  readonly problems: readonly string[];
  /** What was assumed, one sentence each. */
  readonly notes: readonly string[];
};

export type RecoveredCluster = {
  readonly spec: SpecRecord;
  readonly cluster?: ClusterRecord;
  readonly brokers: readonly BrokerRecord[];
};

type Found = { readonly task: TaskEntry; readonly memory: TaskMemory };

export function recover(input: RecoverInput): Recovered {
  const problems: string[] = [];
  const notes: string[] = [];
  const frameworkId = chooseFramework(input, problems);
  const tasks = input.inventory.tasks.filter((t) => t.frameworkId === frameworkId && !isTerminal(t.state));
  const found: Found[] = [];
  for (const task of tasks) {
    const memory = parseTaskLabels(task.labels);
    if (memory === undefined) {
      problems.push(`task ${task.taskId} carries no labels that this version reads`);
    } else if (memory.framework !== input.frameworkName) {
      problems.push(`task ${task.taskId} says that it is of framework ${memory.framework}`);
    } else {
      found.push({ task, memory });
    }
  }
  const reserved = reservationsOf(input);
  const wanted = new Set(input.specs.map((s) => s.desired.name));
  for (const name of new Set([...found.map((f) => f.memory.cluster), ...reserved.map((r) => r.cluster)])) {
    if (!wanted.has(name)) {
      problems.push(`cluster ${name} has tasks or volumes, but none of the spec files declares it`);
    }
  }
  for (const { agentId, hostname } of input.inventory.recoveredAgents) {
    problems.push(
      `agent ${hostname} (${agentId}) has not come back to the master yet, and what is on it is not known: wait until it is back or gone`,
    );
  }
  notes.push(...unseenAgents(input.inventory, found));
  const clusters = input.specs.map(({ desired, digest }) =>
    recoverCluster(input, { desired, digest }, found, reserved, problems, notes),
  );
  return {
    ...(frameworkId === undefined ? {} : { framework: { schema: 1, frameworkId } }),
    clusters,
    problems,
    notes,
  };
}

/** The master lists what is reserved on agents that are registered with it, and no others. */
function unseenAgents({ agents }: MesosInventory, found: readonly Found[]): readonly string[] {
  const registered = new Set(agents.map((a) => a.agentId));
  const away = new Map(
    found
      .filter(({ task }) => !registered.has(task.agentId))
      .map(({ task, memory }) => [task.agentId, memory.placement.hostname]),
  );
  return [
    ...[...away].map(
      ([agentId, hostname]) =>
        `agent ${hostname} (${agentId}) is unreachable: of what is on it only the tasks are known, and its reservations and volumes could not be looked at`,
    ),
    'agents that are unreachable and have no task of ours are not listed by the master: what is reserved on them could not be looked at, and is held as orphaned when they come back',
  ];
}

function chooseFramework(
  { inventory, frameworkName, role, frameworkId }: RecoverInput,
  problems: string[],
): string | undefined {
  const live = inventory.frameworks.filter((f) => f.name === frameworkName && f.roles.includes(role));
  const candidates = live.filter((f) => frameworkId === undefined || f.id === frameworkId);
  const open = candidates.filter((f) => !f.completed);
  const [only] = open;
  if (open.length > 1) {
    problems.push(
      `there are ${open.length} frameworks named ${frameworkName} with role ${role} (${open.map((f) => f.id).join(', ')}): say which by --framework-id`,
    );
    return undefined;
  }
  if (only === undefined) {
    problems.push(
      candidates.length > 0
        ? `framework ${candidates[0]?.id} was torn down or away for longer than its failover timeout: Mesos has ended its tasks, and only a store that still knows it goes on with its volumes, by \`scheduler --register-anew ${candidates[0]?.id}\``
        : `the master knows no framework named ${frameworkName} with role ${role}`,
    );
    return undefined;
  }
  if (only.connected) {
    problems.push(`framework ${only.id} has a scheduler that is connected: stop that one first`);
  }
  return only.id;
}

function reservationsOf({ inventory, frameworkName }: RecoverInput): readonly Reserved[] {
  const byKey = new Map<string, Reserved & { resources: Resource[] }>();
  for (const agent of inventory.agents) {
    for (const resource of agent.resources) {
      const identity = parseIdentity(resource.reservations.at(-1)?.labels ?? {});
      if (identity?.framework !== frameworkName) {
        continue;
      }
      const { cluster, broker, incarnation } = identity;
      const key = JSON.stringify([agent.agentId, cluster, broker, incarnation]);
      const known = byKey.get(key) ?? { cluster, broker, incarnation, agent, resources: [] };
      known.resources.push(resource);
      byKey.set(key, known);
    }
  }
  return [...byKey.values()];
}

function recoverCluster(
  input: RecoverInput,
  { desired, digest }: RecoverInput['specs'][number],
  allFound: readonly Found[],
  allReserved: readonly Reserved[],
  problems: string[],
  notes: string[],
): RecoveredCluster {
  const { name } = desired;
  const found = allFound.filter((f) => f.memory.cluster === name);
  const reserved = allReserved.filter((r) => r.cluster === name);
  const spec: SpecRecord = {
    schema: 1,
    revision: 1,
    digest,
    desired,
    appliedAtMs: input.nowMs,
    author: input.author,
  };
  const cluster = clusterRecordOf(input, name, found, problems);
  if (cluster === undefined) {
    if (reserved.some((r) => r.resources.some((p) => p.disk?.volume !== undefined))) {
      problems.push(
        `cluster ${name} has volumes but no running task that names its cluster id and voters: restore the store from a backup`,
      );
    }
    return { spec, brokers: [] };
  }
  const truth = input.kafka.get(name);
  if (truth === undefined) {
    notes.push(
      `Kafka of ${name} cannot be asked: dynamic settings made since the brokers started are not known`,
    );
  } else if (truth.clusterId !== cluster.clusterId) {
    problems.push(
      `Kafka of ${name} says that its cluster id is ${truth.clusterId}, its tasks say ${cluster.clusterId}`,
    );
  }
  const ids = new Set([
    ...desired.brokers.map((b) => b.id),
    ...cluster.voters.map((v) => v.nodeId),
    ...found.map((f) => f.memory.broker),
    ...reserved.map((r) => r.broker),
  ]);
  const brokers = [...ids]
    .sort((a, b) => a - b)
    .flatMap((id): readonly BrokerRecord[] => {
      const broker = desired.brokers.find((b) => b.id === id);
      const tasks = found
        .filter((f) => f.memory.broker === id)
        .toSorted((a, b) => b.memory.launches - a.memory.launches);
      const [newest, ...older] = tasks;
      if (newest !== undefined) {
        if (older.length > 0) {
          notes.push(
            `broker ${id} of ${name} has ${tasks.length} tasks: ${newest.task.taskId} is its newest, the older ones are superseded`,
          );
        }
        return [withTask(newest, older, desired, broker, truth, input.nowMs, notes)];
      }
      const own = reserved.filter((r) => r.broker === id);
      const [held] = own;
      if (held === undefined) {
        return withoutTrace(id, cluster, truth, problems, notes);
      }
      if (own.length > 1) {
        problems.push(
          `broker ${id} of ${name} does not run and has reservations on ${own.map((r) => r.agent.hostname).join(' and ')}: release all but the one with its data`,
        );
        return [];
      }
      const record = withoutTask(held, cluster, broker);
      if (broker !== undefined && record.placement?.volumes.length === 0) {
        problems.push(
          `broker ${id} of ${name} does not run and has reservations without a volume on ${held.agent.hostname}: where its data is is not known`,
        );
        return [];
      }
      notes.push(
        `broker ${id} of ${name} does not run; its volumes on ${held.agent.hostname} count as formatted`,
      );
      return [record];
    });
  return { spec, cluster: withMinIsr(cluster, truth), brokers };
}

/** Every task names the voters as they were bound; they never change, so all have to agree. */
function clusterRecordOf(
  input: RecoverInput,
  name: string,
  found: readonly Found[],
  problems: string[],
): ClusterRecord | undefined {
  const [first] = found;
  if (first === undefined) {
    return undefined;
  }
  const { clusterId, voters } = first.memory;
  const other = found.find(
    ({ memory }) =>
      memory.clusterId !== clusterId || JSON.stringify(memory.voters) !== JSON.stringify(voters),
  );
  if (other !== undefined) {
    problems.push(
      `tasks ${first.task.taskId} and ${other.task.taskId} of ${name} name different cluster ids or voters`,
    );
    return undefined;
  }
  return { schema: 1, name, clusterId, voters, formedAtMs: input.nowMs };
}

function withMinIsr(cluster: ClusterRecord, truth: KafkaTruth | undefined): ClusterRecord {
  return truth === undefined
    ? cluster
    : { ...cluster, minInsyncReplicas: { value: truth.minInsyncReplicas ?? null, applied: true } };
}

function withTask(
  { task, memory }: Found,
  older: readonly Found[],
  desired: Desired,
  broker: DesiredBroker | undefined,
  truth: KafkaTruth | undefined,
  nowMs: number,
  notes: string[],
): BrokerRecord {
  const report = reportOf(task, memory);
  const { withheldConfig, ...shared } = memory.settings;
  const wanted = broker === undefined ? undefined : settingsOf(desired, broker, shared.kafkaSha512);
  const withheld = Object.fromEntries(
    withheldConfig.flatMap((key) => (wanted?.config[key] === undefined ? [] : [[key, wanted.config[key]]])),
  );
  if (
    withheldConfig.length > 0 ||
    Object.keys(wanted?.environment ?? {}).length > 0 ||
    (wanted?.jvmOptions.length ?? 0) > 0
  ) {
    notes.push(
      `broker ${memory.broker} of ${desired.name}: environment, JVM options${withheldConfig.length === 0 ? '' : ` and ${withheldConfig.join(', ')}`} are not in its labels and taken as the spec file says them`,
    );
  }
  const dynamicConfig = dynamicOf(memory, wanted?.config ?? {}, truth);
  const startedAtMs = parseTaskId(task.taskId)?.launchedAtMs ?? nowMs;
  const record: TaskRecord = {
    taskId: task.taskId,
    agentId: task.agentId,
    launchedAtMs: startedAtMs,
    state: task.state === 'TASK_UNREACHABLE' || task.state === 'TASK_LOST' ? 'TASK_RUNNING' : task.state,
    stateSinceMs: nowMs,
    seen: true,
    ...(report === undefined ? {} : { report }),
    ...(task.state === 'TASK_UNREACHABLE' || task.state === 'TASK_LOST' ? { unreachableSinceMs: nowMs } : {}),
    startedWith: {
      ...shared,
      config: { ...shared.config, ...withheld },
      environment: wanted?.environment ?? {},
      jvmOptions: wanted?.jvmOptions ?? [],
    },
  };
  return {
    schema: 1,
    clusterName: desired.name,
    id: memory.broker,
    placement: memory.placement,
    formatted: true,
    launches: memory.launches,
    task: record,
    ...(Object.keys(dynamicConfig).length === 0 ? {} : { dynamicConfig }),
    superseded: older.map((o) => ({ taskId: o.task.taskId, agentId: o.task.agentId })),
    failures: 0,
  };
}

/** RUNNING is reported by a broker that serves; where follows from what it was started with. */
function reportOf(task: TaskEntry, { placement, settings }: TaskMemory): BrokerReport | undefined {
  const [listener] = settings.listeners;
  const port = placement.ports[listener?.name ?? ''];
  if (task.state !== 'TASK_RUNNING' || listener === undefined || port === undefined) {
    return undefined;
  }
  const endpoint = formatAddress(listener.advertisedHost ?? placement.host, listener.advertisedPort ?? port);
  return { protocol: executorProtocolVersion, phase: 'serving', formatted: true, endpoint };
}

/** What was set dynamically before the start, and by Kafka's word since: of keys that we declare. */
function dynamicOf(
  memory: TaskMemory,
  wanted: Readonly<Record<string, string>>,
  truth: KafkaTruth | undefined,
): Readonly<Record<string, DynamicValue>> {
  const set = truth?.brokerConfig.get(memory.broker);
  if (set === undefined) {
    return memory.dynamicConfig ?? {};
  }
  const ours = new Set([
    ...Object.keys(memory.dynamicConfig ?? {}),
    ...Object.keys(memory.settings.config),
    ...Object.keys(wanted),
  ]);
  return Object.fromEntries(
    Object.entries(set)
      .filter(([key]) => ours.has(key))
      .map(([key, value]): [string, DynamicValue] => [key, { value, applied: true }]),
  );
}

/** Nothing that is seen does not mean that there is nothing: only a voter's labels or Kafka itself say what was. */
function withoutTrace(
  id: number,
  cluster: ClusterRecord,
  truth: KafkaTruth | undefined,
  problems: string[],
  notes: string[],
): readonly BrokerRecord[] {
  const { name } = cluster;
  const voter = cluster.voters.find((v) => v.nodeId === id);
  if (voter !== undefined) {
    notes.push(
      `broker ${id} of ${name} has neither task nor reservation; as a voter it counts as formatted, on ${voter.placement.hostname}`,
    );
    return [withPlacement(name, id, { ...voter.placement, directoryId: voter.directoryId })];
  }
  if (truth === undefined) {
    problems.push(
      `broker ${id} of ${name} has neither task nor reservation, and Kafka cannot be asked whether it ever ran: bring its agent back, or leave it out of the spec file until the store is there`,
    );
  } else if (truth.brokers.has(id)) {
    problems.push(
      `broker ${id} of ${name} has neither task nor reservation, and Kafka knows it: bring the agent with its data back`,
    );
  }
  return [];
}
