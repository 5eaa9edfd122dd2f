/**
 * A cluster that its spec removes. Every broker is stopped, the voters last, as the others need a quorum to
 * stop in order. `keepData` ends there. `destroy` stores that it has begun, then gives up the places
 * (release.ts destroys what is on them, agent by agent), and removes the records, the spec last: whoever
 * dies on the way finds what is left to do. A missing file never gets here.
 */
import type { DeletionPolicy } from '../model/desired.ts';
import type { PlanInput } from '../model/observed.ts';
import type { Held, HeldReason, Step } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory } from '../model/records.ts';
import { killStep, standingOrder } from './kill.ts';
import { isVoter, missedUntilMs } from './need.ts';
import { leavePlace } from './owned.ts';

/** Of a broker that no spec tells the grace of any more. */
const longestStopMs = 120_000;
const stopMarginMs = 15_000;

export type Deletion = {
  readonly steps: readonly Step[];
  readonly held: readonly Held[];
  readonly wakes: readonly number[];
};

/** What has begun to be destroyed is destroyed, whatever the spec says by now. */
export function deletionOf(
  { spec, cluster }: ClusterMemory,
  { isTornDown }: Pick<PlanInput, 'isTornDown'>,
): DeletionPolicy | undefined {
  return isTornDown || cluster?.destroyedSinceMs !== undefined ? 'destroy' : spec.desired.deletion;
}

export function planDeletion(memory: ClusterMemory, policy: DeletionPolicy, input: PlanInput): Deletion {
  const { desired } = memory.spec;
  const steps: Step[] = [];
  const held: Held[] = [];
  const wakes: number[] = [];
  const records = [...memory.brokers.values()].sort((a, b) => a.id - b.id);
  const hold = (reason: HeldReason, need: string, brokerId?: number, stalled = false): void => {
    held.push({
      clusterName: desired.name,
      ...(brokerId === undefined ? {} : { brokerId }),
      need,
      reason,
      stalled,
    });
  };
  const why = reasonOf(policy, input);
  const mayRun = records.filter((r) => r.task !== undefined && r.task.unreachableSinceMs === undefined);
  // An agent that died just now is not unreachable yet, and answers no KILL: nobody waits for it for ever.
  const first = mayRun.filter((r) => !isVoter(memory, r.id) && !isOverdue(r, memory, input.nowMs));
  for (const record of records) {
    const { task } = record;
    const need = `stop broker ${record.id}`;
    if (task === undefined) {
      continue;
    }
    const order = standingOrder(desired, record, record, input.mesos, input.nowMs);
    if (task.unreachableSinceMs !== undefined) {
      // Kafka is no witness any more: only Mesos, or a person, can say that what is there has ended.
      const period = desired.brokers.find((b) => b.id === record.id)?.stickinessPeriodMs;
      const untilMs = missedUntilMs(task.unreachableSinceMs, period, input.mesos);
      hold(
        {
          kind: 'agent-unreachable',
          agentId: task.agentId,
          hostname: record.placement?.hostname ?? task.agentId,
          sinceMs: task.unreachableSinceMs,
          isToStop: true,
          isDeleted: policy,
        },
        need,
        record.id,
        input.nowMs >= untilMs,
      );
      wakes.push(untilMs);
    } else if (order?.kind === 'waiting') {
      hold(order.reason, need, record.id);
      wakes.push(order.untilMs);
    } else if (order !== undefined) {
      steps.push(order.step);
    } else if (first.length > 0 && isVoter(memory, record.id)) {
      const ids = first.map((r) => r.id).join(', ');
      hold(
        { kind: 'task-in-progress', doing: `brokers ${ids} stop first`, sinceMs: input.nowMs },
        need,
        record.id,
      );
    } else {
      const cause = policy === 'destroy' ? 'removed' : 'stop';
      steps.push(killStep(desired, record, record, cause, why, [why], input.nowMs));
    }
  }
  // Those that are told to stop have not all stopped yet; what the others leave is given back meanwhile.
  if (policy === 'destroy' && mayRun.every((r) => r.task?.kill !== undefined)) {
    steps.push(...destroySteps(memory, records, why, input));
    if (desired.deletion === undefined && !input.isTornDown) {
      hold(
        {
          kind: 'task-in-progress',
          doing: 'the data of the cluster that had this name is being destroyed first',
          sinceMs: memory.cluster?.destroyedSinceMs ?? input.nowMs,
        },
        `form cluster ${desired.name}`,
      );
    }
  }
  return { steps, held, wakes };
}

/** Told to stop, and longer ago than it may take. */
function isOverdue({ id, task }: BrokerRecord, { spec }: ClusterMemory, nowMs: number): boolean {
  const graceMs = spec.desired.brokers.find((b) => b.id === id)?.stopGraceMs ?? longestStopMs;
  return task?.kill !== undefined && nowMs - task.kill.atMs > graceMs + stopMarginMs;
}

function destroySteps(
  memory: ClusterMemory,
  records: readonly BrokerRecord[],
  why: string,
  input: PlanInput,
): readonly Step[] {
  const { desired } = memory.spec;
  const clusterName = desired.name;
  const { cluster } = memory;
  if (cluster !== undefined && cluster.destroyedSinceMs === undefined) {
    return [
      {
        mark: '-',
        what: `begin to destroy cluster ${clusterName}`,
        why: [why, 'from here on there is no way back'],
        clusterName,
        action: { kind: 'record-cluster', record: { ...cluster, destroyedSinceMs: input.nowMs } },
      },
    ];
  }
  if (records.length === 0) {
    return [
      {
        mark: '-',
        what: `remove cluster ${clusterName}`,
        // The last that is heard of it, in the log of the framework; who asks for a teardown is told there already.
        why: [
          desired.deletion === undefined || input.isTornDown
            ? why
            : `${why}, as ${memory.spec.author} asked for`,
          'nothing of it is left',
        ],
        clusterName,
        action: {
          kind: 'remove-cluster',
          clusterName,
          keepSpec: desired.deletion === undefined && !input.isTornDown,
        },
      },
    ];
  }
  return records.flatMap((record): readonly Step[] => {
    const common = { clusterName, brokerId: record.id } as const;
    if (record.task !== undefined) {
      return [];
    }
    if (record.placement !== undefined || record.leftBehind?.some((l) => l.cause === 'relocated') === true) {
      return [
        {
          mark: '-',
          what: `give up the place of broker ${record.id} on ${record.placement?.hostname ?? 'no agent'}`,
          why: [why],
          ...common,
          action: { kind: 'broker', record: leavePlace(record, 'removed', input.nowMs) },
        },
      ];
    }
    return record.leftBehind === undefined
      ? [
          {
            mark: '-',
            what: `remove the record of broker ${record.id}`,
            why: ['nothing of it is left'],
            ...common,
            action: { kind: 'remove-broker', record },
          },
        ]
      : [];
  });
}

function reasonOf(policy: DeletionPolicy, { isTornDown }: PlanInput): string {
  return isTornDown
    ? 'the framework is torn down'
    : policy === 'destroy'
      ? 'the spec says that the cluster is destroyed'
      : 'the spec says that the cluster is removed and its data kept';
}
