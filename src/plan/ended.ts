/**
 * Brokers that are to stop, on agents that cannot be reached: nobody answers the KILL, and none is needed once
 * their agent is seen to be another one by now. Of a broker that is to run, `needs.ts` decides the same.
 */
import type { PlanInput } from '../model/observed.ts';
import { takenForOver } from '../model/old-home.ts';
import type { Step } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory } from '../model/records.ts';
import { volumesOffered } from './homes.ts';

/** Brokers that are to stop, or gone from the spec, and whose task is out of reach. */
function outOfReach({ spec, brokers }: ClusterMemory, isDeleted: boolean): readonly BrokerRecord[] {
  const toRun = new Set(spec.desired.brokers.filter((b) => b.state === 'running').map((b) => b.id));
  return [...brokers.values()].filter(
    ({ id, task }) => task?.unreachableSinceMs !== undefined && (isDeleted || !toRun.has(id)),
  );
}

/** The steps that take them for ended, and what offers the others still wait for. */
export function planEnded(
  memory: ClusterMemory,
  isDeleted: boolean,
  { mesos, nowMs }: Pick<PlanInput, 'mesos' | 'nowMs'>,
): { readonly steps: readonly Step[]; readonly waiting: readonly string[] } {
  const steps: Step[] = [];
  const waiting: string[] = [];
  for (const record of outOfReach(memory, isDeleted)) {
    const { task, ...rest } = record;
    const over = whyOver(record, mesos);
    if (task === undefined) {
      continue;
    }
    if (over === undefined) {
      waiting.push(`${record.clusterName}/${record.id} out of reach ${task.taskId}`);
      continue;
    }
    steps.push({
      mark: '·',
      what: `take broker ${record.id} for stopped`,
      why: [over.why],
      clusterName: record.clusterName,
      brokerId: record.id,
      action: {
        kind: 'broker',
        // Should it live after all, it is killed as soon as it shows itself.
        record: {
          ...(over.isDiskLost ? { ...rest, formatted: true } : takenForOver(rest)),
          // As ordered: its agent is missed only from when the spec wants it again.
          last: {
            taskId: task.taskId,
            agentId: task.agentId,
            state: 'TASK_LOST',
            message: over.why,
            endedAtMs: nowMs,
            ordered: true,
            startedWith: task.startedWith,
          },
          superseded: [...record.superseded, { taskId: task.taskId, agentId: task.agentId }],
        },
      },
    });
  }
  return { steps: [...steps, ...keptDown(memory, isDeleted)], waiting };
}

/** One that had ended by itself is kept down by the spec from now on: as ordered, and missed only when it is wanted again. */
function keptDown({ spec, brokers }: ClusterMemory, isDeleted: boolean): readonly Step[] {
  return spec.desired.brokers.flatMap(({ id, state }): readonly Step[] => {
    const record = brokers.get(id);
    const last = record?.last;
    return isDeleted ||
      state !== 'stopped' ||
      record === undefined ||
      record.task !== undefined ||
      last === undefined ||
      last.ordered
      ? []
      : [
          {
            mark: '·',
            what: `take broker ${id} for stopped`,
            why: ['it had ended by itself, and is to be stopped'],
            clusterName: record.clusterName,
            brokerId: id,
            action: { kind: 'broker', record: { ...record, last: { ...last, ordered: true } } },
          },
        ];
  });
}

/**
 * An unshared volume that is offered is in nobody's use; and an agent that is registered anew at the address of the
 * old one has taken its place: the master lets no two be at one, and the old id never comes back.
 */
function whyOver(
  record: BrokerRecord,
  mesos: PlanInput['mesos'],
): { readonly why: string; readonly isDiskLost: boolean } | undefined {
  const { placement, task } = record;
  if (volumesOffered(record, mesos)) {
    return { why: 'its volume is offered, so that nobody uses it', isDiskLost: false };
  }
  const isReplaced = mesos.offers.some(
    (offer) =>
      offer.agentId !== task?.agentId &&
      offer.hostname === placement?.hostname &&
      offer.agentUrl !== undefined &&
      offer.agentUrl === placement.agentUrl,
  );
  // Whether it was formatted the executor may not have had the time to tell. A host's own path stays where it is.
  const isDiskLost = placement?.volumes.some((v) => v.kind !== 'hostPath') === true;
  return isReplaced
    ? { why: `its agent on ${placement?.hostname} has begun anew under another id`, isDiskLost }
    : undefined;
}
