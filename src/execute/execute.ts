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
  removeBroker(record: BrokerRecord): Promise<void>;
  /** The spec goes last, or stays. */
  removeCluster(clusterName: string, keepSpec: boolean): Promise<void>;
  send(call: MesosCall): Promise<void>;
  /** Kafka changes run beside the loop: a cluster that does not answer must not hold up the others. */
  changeKafka(
    clusterName: string,
    what: string,
    change: (admin: KafkaAdmin) => Promise<void>,
    /** Kafka took it. */
    applied?: () => void,
  ): void;
  /** To be folded into the record as it is by then. */
  noteApplied(applied: Applied): void;
};

export type Applied =
  | {
      readonly kind: 'broker-config';
      readonly clusterName: string;
      readonly brokerId: number;
      readonly changes: Readonly<Record<string, string | null>>;
    }
  | { readonly kind: 'min-isr'; readonly clusterName: string; readonly value: string | null };

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
    case 'remove-broker':
      return await effects.removeBroker(action.record);
    case 'remove-cluster':
      return await effects.removeCluster(action.clusterName, action.keepSpec);
    case 'unregister-broker':
      return change((admin) => admin.unregisterBroker(action.brokerId));
    case 'alter-broker-config': {
      const { record, changes } = action;
      await effects.persistBroker(record);
      return effects.changeKafka(
        record.clusterName,
        step.what,
        (admin) => admin.alterConfigs({ kind: 'broker', id: record.id }, removals(changes)),
        () =>
          effects.noteApplied({
            kind: 'broker-config',
            clusterName: record.clusterName,
            brokerId: record.id,
            changes,
          }),
      );
    }
    case 'alter-min-isr': {
      const { record, value } = action;
      await effects.persistCluster(record);
      return effects.changeKafka(
        record.name,
        step.what,
        (admin) => alterMinIsr(admin, value),
        () => effects.noteApplied({ kind: 'min-isr', clusterName: record.name, value }),
      );
    }
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

/** Every write of it clears the ELR state, even of the same value: it is read before. */
async function alterMinIsr(admin: KafkaAdmin, value: string | null): Promise<void> {
  const key = 'min.insync.replicas';
  const current = (await admin.describeConfigs({ kind: 'cluster' })).find(
    (entry) => entry.name === key && entry.source === 'dynamic',
  );
  if (current?.value !== (value ?? undefined)) {
    await admin.alterConfigs({ kind: 'cluster' }, { [key]: value ?? undefined });
  }
}

function removals(
  changes: Readonly<Record<string, string | null>>,
): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(changes).map(([key, value]) => [key, value ?? undefined]));
}
