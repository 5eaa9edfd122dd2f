/** What is really so, whatever a scheduler believes: for checkers only. */
import type { Resource } from '../../src/mesos/types.ts';
import type { BrokerRecord, ClusterRecord, SpecRecord } from '../../src/model/records.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import type { KafkaModel } from './kafka-model.ts';
import type { MesosCluster } from './mesos-cluster.ts';

export class Violation extends Error {}

export type Truth = {
  readonly nowMs: () => number;
  readonly cluster: MesosCluster;
  readonly durable: ReadonlyMap<string, unknown>;
  readonly kafkaOf: (clusterName: string) => KafkaModel | undefined;
  readonly kafkaById: (clusterId: string) => KafkaModel | undefined;
  readonly newestEpoch: () => number;
  readonly hasElection: boolean;
};

export function brokerRecords({ durable }: Pick<Truth, 'durable'>): readonly BrokerRecord[] {
  const records: BrokerRecord[] = [];
  for (const [path, value] of durable) if (path.includes('/brokers/')) records.push(value as BrokerRecord);
  return records;
}

export function brokerRecord({ durable }: Truth, clusterName: string, id: number): BrokerRecord | undefined {
  return durable.get(`clusters/${clusterName}/brokers/${id}`) as BrokerRecord | undefined;
}

export function specRecord({ durable }: Truth, clusterName: string): SpecRecord | undefined {
  return durable.get(`clusters/${clusterName}/spec`) as SpecRecord | undefined;
}

export function clusterRecord({ durable }: Truth, clusterName: string): ClusterRecord | undefined {
  return durable.get(`clusters/${clusterName}/cluster`) as ClusterRecord | undefined;
}

/** The cluster is removed or destroyed: all of it stops. */
export function isToGo(truth: Truth, clusterName: string): boolean {
  return (
    specRecord(truth, clusterName)?.desired.deletion !== undefined ||
    clusterRecord(truth, clusterName)?.destroyedSinceMs !== undefined
  );
}

/** One on another agent is what it has left there: nobody goes back to that by himself. */
function hasDisk(truth: Truth, { name, clusterId }: ClusterStatus, id: number): boolean {
  const voter = clusterRecord(truth, name)?.voters.find((v) => v.nodeId === id);
  const place = brokerRecord(truth, name, id)?.placement ?? voter?.placement;
  const volumes = place?.volumes.flatMap((v) => v.persistenceId ?? []) ?? [];
  const disks =
    volumes.length === 0 ? truth.cluster.disks() : volumes.map((volume) => truth.cluster.diskOf(volume));
  return disks.some((disk) => disk?.nodeId === id && disk.clusterId === clusterId);
}

function isBoundVoter(truth: Truth, clusterName: string, id: number): boolean {
  return clusterRecord(truth, clusterName)?.voters.some((v) => v.nodeId === id) === true;
}

/** The record that has this task, as its current or a superseded one. */
export function ownerOf(truth: Truth, taskId: string): BrokerRecord | undefined {
  return brokerRecords(truth).find(
    (r) => r.task?.taskId === taskId || r.superseded.some((s) => s.taskId === taskId),
  );
}

/** Terminal for good; UNREACHABLE, LOST and UNKNOWN prove nothing. */
export const terminalStates: ReadonlySet<string> = new Set([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
]);

export const liveStates: readonly string[] = [
  'TASK_STAGING',
  'TASK_STARTING',
  'TASK_RUNNING',
  'TASK_KILLING',
];

/** Tasks whose executor runs on an agent that the master reaches now. */
export function reachableLiveTasks({ cluster }: Truth): readonly { taskId: string; agentName: string }[] {
  return cluster.executors().flatMap((executor) => {
    const { agentName } = executor.container;
    const agentId = cluster.agentIdOf(agentName);
    const taskId = executor.taskId();
    const isReached = agentId !== undefined && cluster.state.agents[agentId]?.connected === true;
    return taskId !== undefined && isReached && cluster.state.processes[agentName]?.linked === true
      ? [{ taskId, agentName }]
      : [];
  });
}

/**
 * A disk that is really gone holds its broker for good when it was a voter's, or the last in sync: only a
 * person can say that it is lost. What waits for that broker waits with it; nothing else may.
 */
export function isStuckForGood(truth: Truth, status: ClusterStatus): boolean {
  const lost = status.brokers.filter(
    ({ id }) =>
      (brokerRecord(truth, status.name, id)?.placement !== undefined ||
        isBoundVoter(truth, status.name, id)) &&
      !hasDisk(truth, status, id),
  );
  // Nothing is settled as long as Mesos says nothing of a task that is gone with its machine.
  const lives = new Set(truth.cluster.executors().map((executor) => executor.taskId()));
  const isUnsaid = brokerRecords(truth).some(
    ({ clusterName, task }) =>
      clusterName === status.name &&
      task !== undefined &&
      !lives.has(task.taskId) &&
      (task.unreachableSinceMs === undefined || truth.cluster.state.agents[task.agentId]?.connected === true),
  );
  // Whoever is told to stop may still do so, unless it waits for the lost one.
  const isStopping = brokerRecords(truth).some(
    ({ id, clusterName, task }) =>
      clusterName === status.name &&
      task?.kill !== undefined &&
      task.unreachableSinceMs === undefined &&
      !status.held.some((h) => h.brokerId === id && h.reason.startsWith('waiting-for-')),
  );
  // Without a majority of its voters nobody comes up, and Kafka answers no question.
  const isQuorumLost = lost.filter(({ id }) => isBoundVoter(truth, status.name, id)).length > 1;
  const isHeld = (id: number): boolean =>
    status.held.some(
      (h) =>
        h.brokerId === id &&
        (h.reason === 'relocation-unsafe' || (isQuorumLost && h.reason === 'kafka-unknown')),
    );
  return (
    status.phase === 'held' &&
    !isStopping &&
    !isUnsaid &&
    lost.length > 0 &&
    lost.every(({ id }) => isHeld(id)) &&
    (isQuorumLost ||
      status.brokers.every(
        ({ id, state }) =>
          state === 'running' ||
          lost.some((l) => l.id === id) ||
          status.held.some((h) => h.brokerId === id && h.reason.startsWith('waiting-for-')),
      ))
  );
}

/** Whatever agents have reserved for brokers, by the labels. */
export function reservations({ cluster: { state } }: Truth): readonly {
  readonly agentName: string;
  readonly cluster: string;
  readonly broker: number;
  readonly incarnation: string;
  readonly resource: Resource;
}[] {
  return Object.entries(state.processes).flatMap(([agentName, { total }]) =>
    total.flatMap((resource) => {
      const labels = labelsOf(resource);
      const { cluster, broker, incarnation } = labels;
      return cluster === undefined || broker === undefined || incarnation === undefined
        ? []
        : [{ agentName, cluster, broker: Number(broker), incarnation, resource }];
    }),
  );
}

function labelsOf({ reservations: stack = [] }: Resource): Readonly<Record<string, string>> {
  const labels = stack.at(-1)?.labels?.labels ?? [];
  return Object.fromEntries(labels.map(({ key, value = '' }) => [key, value]));
}

/**
 * A broker without a disk wants an agent for itself, and there are none: whoever came meanwhile has the last one. There is
 * nothing to wait for, and nothing that a scheduler may do: the others are not restarted while it is missing.
 */
export function isCrowdedOut(truth: Truth, { name, held }: ClusterStatus): boolean {
  const all = reservations(truth).filter(({ cluster }) => cluster === name);
  const isTaken = (agentName: string): boolean => all.some((r) => r.agentName === agentName);
  const out = held.filter(
    ({ brokerId, reason, details }) =>
      reason === 'no-matching-offer' &&
      !all.some(({ broker }) => broker === brokerId) &&
      truth.cluster.agentNames.every((agentName) =>
        details.some(
          (detail) =>
            detail.startsWith(`${agentName}: `) &&
            (isTaken(agentName)
              ? / (?:has a broker already|is used by broker \d+, and is to be used once)$/.test(detail)
              : / [\d.]+ of [\d.]+/.test(detail)),
        ),
      ),
  );
  const waitsForIt = ({ reason, message }: ClusterStatus['held'][number]): boolean =>
    reason === 'waiting-for-roll' &&
    out.some(({ brokerId }) => message === `one at a time: broker ${brokerId} is not running`);
  return out.length > 0 && held.every((one) => out.includes(one) || waitsForIt(one));
}
