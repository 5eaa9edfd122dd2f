/** What may go back to Mesos and leave Kafka, and that in the end nothing is left that nobody has. */
import { executorResources } from '../../src/model/desired.ts';
import type { MesosCall } from '../../src/model/mesos.ts';
import type { BrokerRecord, ClusterRecord } from '../../src/model/records.ts';
import type { Disk, KafkaModel } from './kafka-model.ts';
import {
  brokerRecord,
  brokerRecords,
  clusterRecord,
  isToGo,
  reservations,
  specRecord,
  type Truth,
  Violation,
} from './truth.ts';

export type VolumeChecks = {
  /** A call is about to reach the master. */
  arriving(call: MesosCall): void;
  written(path: string, value: unknown, before: unknown): void;
  removed(path: string, before: unknown): void;
  /** An agent carried out a DESTROY. */
  destroyed(persistenceId: string, disk: Disk | undefined): void;
  unregistered(kafka: KafkaModel, brokerId: number): void;
  atTheEnd(isStuck: (clusterName: string) => boolean): void;
};

export function createVolumeChecks(truth: Truth): VolumeChecks {
  /** Nothing goes that holds the only whole copy of anything. */
  function checkCopies(persistenceId: string, disk: Disk): void {
    const kafka = truth.kafkaById(disk.clusterId ?? '');
    for (const { name, replicas, acked } of kafka?.partitions() ?? []) {
      if (disk.nodeId === undefined || !replicas.includes(disk.nodeId) || acked === 0) continue;
      const copies = truth.cluster
        .disks()
        .filter((d) => d !== disk && d.clusterId === disk.clusterId && replicas.includes(d.nodeId ?? -1));
      if (!copies.some((d) => (d.logs.get(name) ?? 0) >= acked)) {
        throw new Violation(`volume ${persistenceId} was destroyed with the last whole copy of ${name}`);
      }
    }
  }

  /**
   * Its agent was marked gone, and nobody can see it any more; or it is only counted, as an executor's share is that comes
   * free late: that goes when an offer shows it, without a record too, and in the end nothing may be left of it.
   */
  function mayStay({ agentName, resource }: ReturnType<typeof reservations>[number]): boolean {
    const { state } = truth.cluster;
    const { agentId = '' } = state.processes[agentName] ?? {};
    return state.goneAgents[agentId] !== undefined || resource.name === 'cpus' || resource.name === 'mem';
  }

  /** A retry may reserve twice; what a running task does not use goes back. */
  function checkReservedOnce({ clusterName, id, placement, task, growth }: BrokerRecord): void {
    if (task?.state !== 'TASK_RUNNING' || task.unreachableSinceMs !== undefined) return;
    const { cpus, memoryMiB } = task.startedWith;
    // What a volume is to grow by is reserved before its broker may stop, which may have to wait for ever.
    const broker = specRecord(truth, clusterName)?.desired.brokers.find((b) => b.id === id);
    const isGrowing = growth !== undefined && growth.isOver !== true;
    const volumes = isGrowing && broker !== undefined ? broker.storage.volumes : (placement?.volumes ?? []);
    const diskMiB = volumes.reduce((all, v) => all + v.sizeMiB, 0);
    const mine = reservations(truth).filter((r) => r.incarnation === placement?.incarnation);
    const sum = (name: string): number =>
      mine.reduce(
        (all, { resource }) => all + (resource.name === name ? (resource.scalar?.value ?? 0) : 0),
        0,
      );
    const used = {
      cpus: cpus + executorResources.cpus,
      mem: memoryMiB + executorResources.memoryMiB,
      disk: diskMiB,
    };
    for (const [name, amount] of Object.entries(used)) {
      if (sum(name) > amount + 0.001) {
        throw new Violation(
          `broker ${id} of ${clusterName} uses ${amount} ${name}, and ${sum(name)} are reserved for it`,
        );
      }
    }
  }

  /** As its agent has it. */
  const sizeOf = (persistenceId: string | undefined): number | undefined =>
    reservations(truth).find(({ resource }) => resource.disk?.persistence?.id === persistenceId)?.resource
      .scalar?.value;
  /** By placement and revision: tasks that were stopped for a volume. A cluster that was destroyed counts anew. */
  const stopped = new Map<string, Set<string>>();

  function checkGrowth(is: BrokerRecord, was: BrokerRecord | undefined): void {
    const who = `broker ${is.id} of ${is.clusterName}`;
    for (const { persistenceId, sizeMiB } of is.placement?.volumes ?? []) {
      const before = was?.placement?.volumes.find((v) => v.persistenceId === persistenceId);
      // The master offers in advance what an agent may never hear of: then it comes back as it was. What no agent has is
      // of an ACCEPT that was refused, and the next one may find another disk.
      const ofAgentMiB = sizeOf(persistenceId);
      const isOther = ofAgentMiB !== undefined && ofAgentMiB !== sizeMiB;
      if (persistenceId !== undefined && before !== undefined && before.sizeMiB > sizeMiB && isOther) {
        throw new Violation(`volume ${persistenceId} of ${who} is ${sizeMiB} MiB, and was ${before.sizeMiB}`);
      }
    }
    const { kill, taskId } = is.task ?? {};
    if (kill === undefined || was?.task?.kill !== undefined || !kill.detail.startsWith('volume ')) return;
    const revision = specRecord(truth, is.clusterName)?.revision;
    const key = `${is.placement?.incarnation}@${revision}`;
    const tasks = stopped.get(key) ?? new Set();
    stopped.set(key, tasks.add(taskId ?? ''));
    if (tasks.size > 1)
      throw new Violation(`${who} was stopped twice for its volume at revision ${revision}`);
  }

  /** In the end a volume has what the record says, and what is wanted unless Mesos did not do it. */
  function checkSize({ clusterName, id, placement, task, growth }: BrokerRecord, isStuck: boolean): void {
    const spec = specRecord(truth, clusterName);
    const wanted = spec?.desired.brokers.find((b) => b.id === id);
    if (task?.state !== 'TASK_RUNNING' || wanted === undefined) return;
    for (const { name, persistenceId, sizeMiB } of placement?.volumes ?? []) {
      const realMiB = sizeOf(persistenceId) ?? sizeMiB;
      const wantedMiB = wanted.storage.volumes.find((v) => v.name === name)?.sizeMiB ?? 0;
      if (realMiB !== sizeMiB) {
        throw new Violation(
          `volume ${persistenceId} has ${realMiB} MiB, and the record of broker ${id} says ${sizeMiB}`,
        );
      }
      if (sizeMiB < wantedMiB && growth?.isOver !== true && !isStuck) {
        throw new Violation(
          `volume ${persistenceId} of broker ${id} has ${sizeMiB} MiB, and is not to grow to ${wantedMiB}`,
        );
      }
    }
  }

  return {
    arriving(call) {
      if (call.kind !== 'accept') return;
      for (const operation of call.operations) {
        if (operation.kind !== 'grow') continue;
        const id = operation.volume.disk?.volume?.persistenceId ?? '';
        const record = brokerRecords(truth).find((r) =>
          r.placement?.volumes.some((v) => v.persistenceId === id),
        );
        if ((record?.growth?.attempts ?? 0) === 0) {
          throw new Violation(`volume ${id} grows without a stored intent`);
        }
        // A task of an agent out of reach is gone when its volume is offered, whatever the record says.
        const { taskId, unreachableSinceMs } = record?.task ?? {};
        const lives = truth.cluster.executors().some((executor) => executor.taskId() === taskId);
        if (taskId !== undefined && (unreachableSinceMs === undefined || lives)) {
          throw new Violation(`volume ${id} grows under ${taskId}`);
        }
      }
    },
    written(path, value, before) {
      if (path.includes('/brokers/')) checkGrowth(value as BrokerRecord, before as BrokerRecord | undefined);
      if (!path.endsWith('/cluster')) return;
      const is = value as ClusterRecord;
      const was = before as ClusterRecord | undefined;
      if (is.destroyedSinceMs === undefined || was?.destroyedSinceMs !== undefined) return;
      if (specRecord(truth, is.name)?.desired.deletion !== 'destroy') {
        throw new Violation(`cluster ${is.name} is destroyed, and its spec does not say so`);
      }
    },
    removed(path, before) {
      if (path.includes('/brokers/')) {
        const { clusterName, id, last } = before as BrokerRecord;
        const left = reservations(truth).find(
          (r) => r.cluster === clusterName && r.broker === id && !mayStay(r),
        );
        // An operator said that the machine is gone, and it may still come back as another agent.
        if (left !== undefined && last?.state !== 'TASK_GONE_BY_OPERATOR') {
          throw new Violation(
            `broker ${id} of ${clusterName} was forgotten, and ${left.agentName} has of it`,
          );
        }
      } else if (path.endsWith('/cluster')) {
        const { name, clusterId, destroyedSinceMs } = before as ClusterRecord;
        if (destroyedSinceMs === undefined)
          throw new Violation(`cluster ${name} was forgotten, not destroyed`);
        // Of an agent that was marked gone nobody hears, should it be cut off and go on.
        const living = truth.cluster.executors().find((e) => {
          const agentId = truth.cluster.agentIdOf(e.container.agentName) ?? '';
          const isGone = truth.cluster.state.goneAgents[agentId] !== undefined;
          return e.instance()?.launch.clusterId === clusterId && !isGone;
        });
        if (living !== undefined) {
          throw new Violation(`cluster ${name} was forgotten, and ${living.taskId()} of it lives`);
        }
      }
    },
    destroyed(persistenceId, disk) {
      const record = brokerRecords(truth).find((r) =>
        r.leftBehind?.some((l) => persistenceId.endsWith(l.incarnation)),
      );
      if (record === undefined) {
        throw new Violation(`volume ${persistenceId} was destroyed, and no record says that it was left`);
      }
      if (clusterRecord(truth, record.clusterName)?.destroyedSinceMs === undefined && disk !== undefined) {
        checkCopies(persistenceId, disk);
      }
    },
    unregistered(kafka, brokerId) {
      const [hosted] = kafka.hostedBy(brokerId);
      if (hosted !== undefined) {
        throw new Violation(`broker ${brokerId} was unregistered, and it has a replica of ${hosted}`);
      }
    },
    atTheEnd(isStuck) {
      for (const { agentName, cluster, broker, incarnation } of reservations(truth)) {
        const record = brokerRecord(truth, cluster, broker);
        const voter = clusterRecord(truth, cluster)?.voters.find((v) => v.nodeId === broker);
        const known = [
          (record?.placement ?? voter?.placement)?.incarnation,
          ...(record?.leftBehind ?? []).map((l) => l.incarnation),
        ];
        if (!known.includes(incarnation)) {
          throw new Violation(
            `${agentName} has reserved for broker ${broker} of ${cluster}, and no record has it`,
          );
        }
      }
      for (const record of brokerRecords(truth)) {
        checkReservedOnce(record);
        checkSize(record, isStuck(record.clusterName));
      }
      for (const { clusterName, id } of brokerRecords(truth)) {
        const isWanted = specRecord(truth, clusterName)?.desired.brokers.some((b) => b.id === id) === true;
        if (!isWanted && !isStuck(clusterName) && !isToGo(truth, clusterName)) {
          throw new Violation(`broker ${id} of ${clusterName} left the spec, and its record is still there`);
        }
      }
    },
  };
}
