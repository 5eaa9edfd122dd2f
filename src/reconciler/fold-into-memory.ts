/** What Mesos and Kafka told, into the records: stored first, acknowledged after. */
import type { Applied } from '../execute/execute.ts';
import type { MesosCall, TaskUpdate } from '../model/mesos.ts';
import type { BrokerRecord, EndedTask } from '../model/records.ts';
import { boundSpec, boundTimes } from '../observe/bound-times.ts';
import { describeChange } from '../observe/describe-change.ts';
import { foldBrokerConfig, foldMinIsr } from '../observe/fold-dynamic.ts';
import { type FoldPolicy, foldUpdate } from '../observe/fold-update.ts';
import { defaultStickinessMs } from '../plan/need.ts';
import type { Logger } from '../sys/logger.ts';
import type { EventLog } from './event-log.ts';
import type { Attempt } from './guard.ts';
import type { Memory } from './memory.ts';
import type { Rates } from './rates.ts';

export type FoldDeps = {
  readonly memory: Memory;
  readonly attempt: Attempt;
  /** As `attempt`, and after a failure the memory is read again. */
  readonly write: Attempt;
  readonly send: (call: MesosCall) => Promise<void>;
  readonly events: EventLog;
  readonly rates: Rates;
  readonly nowMs: number;
};

/** For brokers that no spec has any more. */
const defaultPolicy: FoldPolicy = {
  stickinessPeriodMs: defaultStickinessMs,
  failover: { delayMs: 10_000, maxDelayMs: 600_000 },
};

export type FoldedUpdate =
  /** Not acknowledged: Mesos sends it again. One without uuid has to be asked for again. */
  | { readonly kind: 'not-stored' }
  | { readonly kind: 'folded'; readonly changedCluster?: string; readonly ended?: EndedTask };

export async function foldTaskUpdate(update: TaskUpdate, deps: FoldDeps): Promise<FoldedUpdate> {
  const { memory, nowMs } = deps;
  const before = memory.ownerOf(update.taskId)?.record;
  const after =
    before === undefined ? undefined : foldUpdate(before, update, policyOf(memory, before), nowMs);
  if (before !== undefined && after !== undefined && after !== before) {
    if (!(await deps.write('store a task update', () => memory.writeBroker(after)))) {
      return { kind: 'not-stored' };
    }
    deps.rates.fold(after, nowMs);
    const news = describeChange(before, after);
    if (news !== undefined) {
      deps.events.add(after.clusterName, { atMs: nowMs, brokerId: after.id, ...news });
    }
  }
  if (update.uuid !== undefined && update.agentId !== undefined) {
    const { uuid, agentId, taskId } = update;
    await deps.attempt('acknowledge', () => deps.send({ kind: 'acknowledge', taskId, agentId, uuid }));
  }
  return {
    kind: 'folded',
    ...(after === undefined || after === before ? {} : { changedCluster: after.clusterName }),
    ...(before?.task === undefined || after?.task !== undefined || after?.last === undefined
      ? {}
      : { ended: after.last }),
  };
}

/** Losing this write only means that the same values are sent once more. */
export async function foldApplied(
  applied: Applied,
  { memory, write }: Pick<FoldDeps, 'memory' | 'write'>,
): Promise<void> {
  const cluster = memory.cluster(applied.clusterName);
  if (applied.kind === 'min-isr') {
    const record = cluster?.cluster;
    if (record !== undefined) {
      await write('remember min ISR', () => memory.writeCluster(foldMinIsr(record, applied.value)));
    }
    return;
  }
  const record = cluster?.brokers.get(applied.brokerId);
  if (record !== undefined) {
    await write('remember dynamic config', () =>
      memory.writeBroker(foldBrokerConfig(record, applied.changes)),
    );
  }
}

/** What an earlier life wrote down by a clock that was ahead of ours; durable, so that it is bounded once. */
export async function boundMemory(memory: Memory, nowMs: number, logger: Logger): Promise<void> {
  for (const { spec, brokers } of memory.clusters()) {
    const boundedSpec = boundSpec(spec, nowMs);
    if (boundedSpec !== spec) {
      await memory.writeSpec(boundedSpec);
    }
    for (const record of brokers.values()) {
      const bounded = boundTimes(record, policyOf(memory, record), nowMs);
      if (bounded !== record) {
        const { clusterName, id } = record;
        logger.warn('the store has times from the future; they are bounded', { clusterName, brokerId: id });
        await memory.writeBroker(bounded);
      }
    }
  }
}

export function policyOf(memory: Memory, record: BrokerRecord): FoldPolicy {
  const desired = memory.cluster(record.clusterName)?.spec.desired;
  return desired?.brokers.find((b) => b.id === record.id) ?? defaultPolicy;
}
