/**
 * Signs that the store is older than the cluster: restored from a backup, or begun anew. A record is always
 * stored before its launch is sent, so a live task that was launched after what its record knows proves it. Such a
 * task may be the only one that serves its broker's data: it is left alone, and so is its whole cluster.
 */
import type { ObservedMesos, PlanInput } from '../model/observed.ts';
import type { Held } from '../model/plan.ts';
import type { ClusterMemory } from '../model/records.ts';
import { parseTaskId } from '../model/task-id.ts';
import type { AgentOffers } from './fit.ts';
import { groupByOwner, hasVolume } from './owned.ts';

type Stranger = ObservedMesos['strangers'][number];

export type Strangers = {
  /** Proven to be superseded by the records, or no broker at all, and in reach: to be killed. */
  readonly superseded: readonly Stranger[];
  /** Clusters, known or not, that are newer than the store, each of such tasks held by itself. */
  readonly outdated: ReadonlySet<string>;
  readonly held: readonly Held[];
};

export function judgeStrangers({ clusters, mesos, isTornDown }: PlanInput): Strangers {
  const superseded: Stranger[] = [];
  const outdated = new Set<string>();
  const held: Held[] = [];
  for (const stranger of mesos.strangers) {
    const verdict = judge(stranger, clusters);
    // The name of the framework was given as the consent to end all that is of it.
    if (verdict.kind === 'superseded' || (verdict.kind === 'newer' && isTornDown)) {
      if (stranger.isAway !== true) superseded.push(stranger);
    } else if (verdict.kind === 'newer') {
      const { clusterName, brokerId, detail } = verdict;
      outdated.add(clusterName);
      held.push({
        clusterName,
        ...(brokerId === undefined ? {} : { brokerId }),
        need: `own task ${stranger.taskId}`,
        reason: {
          kind: 'store-outdated',
          detail: `task ${stranger.taskId} on ${stranger.agentId}: ${detail}`,
        },
        stalled: true,
      });
    }
  }
  return { superseded, outdated, held };
}

/**
 * What is reserved for a cluster that was never formed, as the store says. Without a volume it may be left of
 * an earlier cluster of that name; it is released then, and no person is wanted.
 */
export function reservedBeforeFormed(
  { spec, cluster }: ClusterMemory,
  { framework }: PlanInput,
  agents: readonly AgentOffers[],
): readonly Held[] {
  const { name } = spec.desired;
  if (cluster !== undefined) {
    return [];
  }
  return agents.flatMap((agent) =>
    groupByOwner(agent.resources, framework)
      .filter(({ owner }) => owner.cluster === name)
      .map(({ owner, resources }): Held => {
        const what = hasVolume(resources) ? 'a volume' : 'reservations';
        return {
          clusterName: name,
          need: `form cluster ${name}`,
          reason: {
            kind: 'store-outdated',
            detail: `${agent.hostname} (${agent.agentId}) has ${what} of its broker ${owner.broker}, and the store says that it was never formed`,
          },
          stalled: hasVolume(resources),
        };
      }),
  );
}

type Verdict =
  | { readonly kind: 'superseded' | 'current' }
  | {
      readonly kind: 'newer';
      readonly clusterName: string;
      readonly brokerId?: number;
      readonly detail: string;
    };

function judge({ taskId }: Stranger, clusters: readonly ClusterMemory[]): Verdict {
  const records = clusters.flatMap((c) => [...c.brokers.values()]);
  // One that was said to have ended lives: its launch was repeated, and one of them was dropped.
  if (records.some((r) => r.last?.taskId === taskId || r.superseded.some((s) => s.taskId === taskId))) {
    return { kind: 'superseded' };
  }
  if (records.some((r) => r.task?.taskId === taskId)) {
    return { kind: 'current' };
  }
  const id = parseTaskId(taskId);
  if (id === undefined) {
    // No broker ever had such an id: it is in our framework, nobody's data hangs on it, and nobody wants it.
    return { kind: 'superseded' };
  }
  const { cluster: clusterName, broker: brokerId, launches, launchedAtMs } = id;
  const newer = (detail: string): Verdict => ({ kind: 'newer', clusterName, brokerId, detail });
  const memory = clusters.find((c) => c.spec.desired.name === clusterName);
  if (memory === undefined) {
    return newer(`the store has never heard of cluster ${clusterName}`);
  }
  const record = memory.brokers.get(brokerId);
  if (record === undefined) {
    return newer(`the store has no record of broker ${brokerId} of ${clusterName}`);
  }
  if (launches > record.launches) {
    return newer(`it is launch ${launches} of broker ${brokerId}, and the store knows of ${record.launches}`);
  }
  // A cluster that was destroyed and formed anew since the store was saved counts from 1 again.
  const knownUntilMs = record.task?.launchedAtMs ?? record.last?.endedAtMs;
  return knownUntilMs !== undefined && launchedAtMs > knownUntilMs
    ? newer(`it was launched after all that the store knows of broker ${brokerId}`)
    : { kind: 'superseded' };
}
