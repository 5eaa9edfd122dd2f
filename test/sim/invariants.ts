/** What must hold at every step. Imports nothing of plan/, or both would share the same mistake. */
import type { BrokerLaunch } from '../../src/model/launch.ts';
import type { MesosCall } from '../../src/model/mesos.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import type { KafkaModel } from './kafka-model.ts';

export class Violation extends Error {}

export type Invariants = {
  serving(launch: BrokerLaunch, taskId: string, up: boolean): void;
  formatted(launch: BrokerLaunch, wasFormatted: boolean): void;
  /** A call reached the master; `stored` is what the store held at that moment. */
  sent(
    call: MesosCall,
    stored: ReadonlyMap<string, BrokerRecord>,
    kafka: (clusterName: string) => KafkaModel | undefined,
    nowMs: number,
  ): void;
  /** An update was handed to the scheduler. */
  delivered(taskId: string, uuid: string, state: string): void;
};

/** The newest thing that a decision may not know yet: the age limit of a reading, and the way to Mesos. */
const observationMs = 4_000;

const terminal = new Set([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
]);

export function createInvariants(): Invariants {
  const serving = new Map<string, string>();
  const formedWith = new Map<string, string>();
  const homes = new Map<string, string>();
  const delivered = new Map<string, { readonly taskId: string; readonly state: string }>();
  return {
    serving(launch, taskId, up) {
      const key = `${launch.clusterName}/${launch.nodeId}`;
      const other = serving.get(key);
      if (up && other !== undefined && other !== taskId) {
        throw new Violation(`two live tasks for broker ${key}: ${other} and ${taskId}`);
      }
      if (up) serving.set(key, taskId);
      else if (other === taskId) serving.delete(key);
    },
    formatted(launch, wasFormatted) {
      const known = formedWith.get(launch.clusterName);
      if (known !== undefined && known !== launch.clusterId) {
        throw new Violation(
          `cluster ${launch.clusterName} was formed twice: ${known} and ${launch.clusterId}`,
        );
      }
      formedWith.set(launch.clusterName, launch.clusterId);
      if (wasFormatted)
        throw new Violation(`a formatted disk of broker ${launch.nodeId} was formatted again`);
    },
    sent(call, stored, kafkaOf) {
      if (call.kind === 'accept') {
        for (const operation of call.operations) {
          if (operation.kind !== 'launch') continue;
          const launch = JSON.parse(operation.task.data) as BrokerLaunch;
          const key = `${launch.clusterName}/${launch.nodeId}`;
          if (stored.get(key)?.task?.taskId !== operation.task.taskId) {
            throw new Violation(`task ${operation.task.taskId} was launched without a stored intent`);
          }
          const home = homes.get(key);
          if (home !== undefined && home !== operation.task.agentId) {
            throw new Violation(
              `broker ${key} was relocated from ${home} to ${operation.task.agentId} inside its stickiness period`,
            );
          }
          homes.set(key, operation.task.agentId);
        }
      }
      if (call.kind === 'acknowledge') {
        const update = delivered.get(call.uuid);
        if (update === undefined)
          throw new Violation(`an update that never came was acknowledged: ${call.uuid}`);
        const record = [...stored.values()].find((r) => r.task?.taskId === update.taskId);
        if (terminal.has(update.state) && record !== undefined) {
          throw new Violation(`${update.state} of ${update.taskId} was acknowledged before it was stored`);
        }
      }
      if (call.kind === 'kill') {
        const record = [...stored.values()].find((r) => r.task?.taskId === call.taskId);
        if (record?.task?.kill?.cause !== 'roll') return;
        const kafka = kafkaOf(record.clusterName);
        if (kafka === undefined || !kafka.isUp(record.id)) return;
        for (const partition of kafka.partitions()) {
          const left = partition.isr.filter(
            (id) => id !== record.id && kafka.wasUpWithin(id, observationMs),
          ).length;
          if (
            partition.isr.includes(record.id) &&
            partition.replicas.length > kafka.minIsr(partition.topic) &&
            left < kafka.minIsr(partition.topic)
          ) {
            throw new Violation(
              `restart of broker ${record.id} takes ${partition.topic}-${partition.partition} below min ISR (${left} left)`,
            );
          }
        }
      }
    },
    delivered(taskId, uuid, state) {
      delivered.set(uuid, { taskId, state });
    },
  };
}
