/**
 * Steps to effects, in the order of the plan: the intent is durable before the call about it is
 * sent. Chooses nothing.
 */
import { unreachable } from '../model/errors.ts';
import type { KafkaAdmin } from '../model/kafka.ts';
import type { MesosCall } from '../model/mesos.ts';
import type { Step } from '../model/plan.ts';
import type { BrokerRecord, ClusterRecord } from '../model/records.ts';

/** What a step may do to the world. Each rejects with the model's errors. */
export type Effects = {
  persistCluster(record: ClusterRecord): Promise<void>;
  persistBroker(record: BrokerRecord): Promise<void>;
  send(call: MesosCall): Promise<void>;
  /** Kafka changes run beside the loop: a cluster that does not answer must not hold up the others. */
  changeKafka(clusterName: string, what: string, change: (admin: KafkaAdmin) => Promise<void>): void;
};

export async function executeStep(step: Step, effects: Effects): Promise<void> {
  const { action } = step;
  const change = (run: (admin: KafkaAdmin) => Promise<void>): void =>
    effects.changeKafka(step.clusterName ?? '', step.what, run);
  switch (action.kind) {
    case 'bind-cluster':
    case 'record-cluster':
      return await effects.persistCluster(action.record);
    case 'broker':
      await effects.persistBroker(action.record);
      if (action.call !== undefined) {
        await effects.send(action.call);
      }
      return;
    case 'mesos':
      return await effects.send(action.call);
    case 'create-topic':
      return change((admin) => admin.createTopic(action.topic));
    case 'create-partitions':
      return change((admin) => admin.createPartitions(action.topic, action.totalCount));
    case 'alter-topic-config':
      return change((admin) => admin.alterConfigs({ kind: 'topic', name: action.topic }, action.changes));
    default:
      return unreachable(action);
  }
}
