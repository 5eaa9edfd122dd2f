/**
 * What brokers have left on agents, and whether it is gone: forgotten only on an offer that shows nothing of it and
 * that is late enough to show it.
 */
import type { KafkaObserved } from '../model/kafka.ts';
import type { PlanInput, Source } from '../model/observed.ts';
import type { Held, Step } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory, LeftBehind } from '../model/records.ts';
import type { AgentOffers } from './fit.ts';
import { defaultStickinessMs } from './need.ts';
import type { Owned } from './owned.ts';
import { isHealthy } from './safety.ts';

/**
 * After this, an offer shows what became of a release of which no feedback came. The master offers what it has made
 * in advance for an agent, which may have fallen silent before it heard of it; that is missed after 75 s (its flags
 * `agent_ping_timeout` and `max_agent_ping_timeouts`), and comes back with what it had.
 */
const settleMs = 90_000;
/**
 * What an earlier scheduler sent and no agent has confirmed, the master names within this after a subscription. An
 * offer from before the place was given up shows nothing either: the task had it then.
 */
export const newsMs = 3_000;
/**
 * The executor's share comes free when its container ends, a moment after the task. Its end is told by a FAILURE event;
 * when that was not heard, this is taken for long enough.
 */
const executorEndsMs = 30_000;
/** An offer that was made while the container ended may be on its way (the master's `allocation_interval`). */
const allocationMs = 1_000;
/** As long may an answer to an offer be on its way: an offer that comes meanwhile has only what came free since. */
const answerArrivesMs = newsMs;
/** Where something is to go, the agent's offers come back this soon. */
export const lookAgainSeconds = 10;

/** An offer of the agent that has nothing of it proves that it is gone. */
export function forgetGone(
  input: PlanInput,
  offered: ReadonlyMap<AgentOffers, readonly Owned[]>,
  busy: ReadonlySet<string>,
  outdated: ReadonlySet<string>,
): { readonly steps: readonly Step[]; readonly incarnations: ReadonlySet<string> } {
  const incarnations = new Set<string>();
  const steps = input.clusters.flatMap(({ spec: { desired }, brokers }) =>
    [...brokers.values()].flatMap((record): readonly Step[] => {
      if (
        record.leftBehind === undefined ||
        busy.has(`${desired.name}/${record.id}`) ||
        outdated.has(desired.name)
      ) {
        return [];
      }
      const gone = record.leftBehind.filter((left) => isGone(record, left, input, offered));
      if (gone.length === 0) {
        return [];
      }
      for (const left of gone) {
        incarnations.add(left.incarnation);
      }
      const { leftBehind, ...kept } = record;
      const rest = leftBehind.filter((left) => !gone.includes(left));
      return [
        {
          mark: '·',
          what: `forget what broker ${record.id} left on ${gone.map((l) => l.hostname).join(', ')}`,
          why: ['the agent offers nothing of it any more'],
          clusterName: desired.name,
          brokerId: record.id,
          action: {
            kind: 'broker',
            record: rest.length === 0 ? kept : { ...kept, leftBehind: rest },
          },
        },
      ];
    }),
  );
  return { steps, incarnations };
}

function isGone(
  record: BrokerRecord,
  left: LeftBehind,
  { mesos }: PlanInput,
  offered: ReadonlyMap<AgentOffers, readonly Owned[]>,
): boolean {
  const agents = [...offered].filter(
    ([agent]) =>
      agent.agentId === left.agentId ||
      (agent.hostname === left.hostname && (left.agentUrl === undefined || agent.agentUrl === left.agentUrl)),
  );
  const isThere = [...offered.values()].some((groups) =>
    groups.some(({ owner }) => owner.incarnation === left.incarnation),
  );
  const sent = mesos.releases.get(left.incarnation);
  // A task that was superseded there may hold it still, and then no offer has it. Of one that lives, its executor's share
  // may be released before its own; of one that nobody saw since, a release is the proof that it held nothing.
  const isAlive = new Set(mesos.strangers.flatMap((s) => (s.isAway === true ? [] : [s.taskId])));
  const mayBeInUse =
    record.superseded.some(
      (s) => s.agentId === left.agentId && (sent === undefined || isAlive.has(s.taskId)),
    ) && agents.some(([agent]) => agent.agentId === left.agentId);
  if (agents.length === 0 || isThere || mayBeInUse) {
    return false;
  }
  const isFinished = sent?.outcome?.kind === 'finished';
  const settledMs =
    sent === undefined
      ? Math.max(mesos.subscribedAtMs ?? 0, left.sinceMs) + newsMs
      : sent.lastAtMs + settleMs;
  const sinceMs = Math.max(
    isFinished ? Number.NEGATIVE_INFINITY : settledMs,
    shareFreeAtMs(record, left, mesos),
  );
  return mesos.offers.some(({ id, agentId, receivedAtMs }) => {
    const answeredAtMs = mesos.answeredOffers.get(agentId) ?? Number.NEGATIVE_INFINITY;
    // What Mesos has done was the last answer, and has arrived.
    const hasArrived = isFinished && sent.lastAtMs === answeredAtMs;
    return (
      agents.some(([agent]) => agent.offerIds.includes(id)) &&
      receivedAtMs >= Math.max(sinceMs, hasArrived ? answeredAtMs : answeredAtMs + answerArrivesMs)
    );
  });
}

/** Until the new disk has everything, the old one is what an operator could still fall back on. */
export function blockRelease(
  record: BrokerRecord,
  left: LeftBehind,
  { spec: { desired } }: ClusterMemory,
  kafka: Source<KafkaObserved> | undefined,
): string | undefined {
  if (left.cause === 'removed' || !left.formatted) {
    return undefined;
  }
  const broker = desired.brokers.find((b) => b.id === record.id);
  const isBack =
    broker !== undefined &&
    record.task?.state === 'TASK_RUNNING' &&
    record.task.unreachableSinceMs === undefined &&
    kafka?.known === true &&
    kafka.value.observedAtMs > record.task.stateSinceMs &&
    isHealthy(kafka.value, broker);
  return isBack ? undefined : `its old disk is kept until broker ${record.id} is in sync on its new one`;
}

/** What is to go and is in no offer: it must not go yet, its agent is away, or something still uses it. */
export function heldLeft(
  { clusters, kafka, nowMs }: PlanInput,
  gone: ReadonlySet<string>,
  offered: ReadonlyMap<AgentOffers, readonly Owned[]>,
  /** Their places may go for good with this pass. */
  busy: ReadonlySet<string>,
): readonly Held[] {
  const there = new Set(
    [...offered.values()].flatMap((groups) => groups.map(({ owner }) => owner.incarnation)),
  );
  return clusters.flatMap((cluster) =>
    [...cluster.brokers.values()].flatMap((record) =>
      (record.leftBehind ?? [])
        .filter((left) => !there.has(left.incarnation) && !gone.has(left.incarnation))
        .map(
          (left): Held => ({
            clusterName: record.clusterName,
            brokerId: record.id,
            need: `release what broker ${record.id} left on ${left.hostname}`,
            reason: {
              kind: 'left-behind',
              hostname: left.hostname,
              what: `incarnation ${left.incarnation}`,
              detail:
                (busy.has(`${record.clusterName}/${record.id}`)
                  ? undefined
                  : blockRelease(record, left, cluster, kafka.get(record.clusterName))) ??
                'it is in no offer just now: the agent is away, or a task or its executor still uses it',
              ...(isDestroyed(cluster) ? { isDeleted: true } : {}),
            },
            stalled: isDestroyed(cluster) && nowMs - left.sinceMs >= defaultStickinessMs,
          }),
        ),
    ),
  );
}

const isDestroyed = ({ cluster }: ClusterMemory): boolean => cluster?.destroyedSinceMs !== undefined;

/** Agents of which a later offer is wanted, to release or to see that it worked, and in how many seconds. */
export function waitingAgents(
  { clusters, mesos, nowMs }: PlanInput,
  gone: ReadonlySet<string>,
  all: readonly AgentOffers[],
): readonly (readonly [agentId: string, seconds: number])[] {
  const left = clusters.flatMap(({ brokers }) =>
    [...brokers.values()].flatMap((record) =>
      (record.leftBehind ?? [])
        .filter((l) => !gone.has(l.incarnation))
        .map((l) => ({ ...l, shownInMs: shownAtMs(record, l, mesos) - nowMs })),
    ),
  );
  return all.flatMap(({ agentId, hostname }) => {
    const there = left.filter((l) => l.agentId === agentId || l.hostname === hostname);
    const soon = there.flatMap(({ shownInMs }) =>
      shownInMs > 0 ? Math.ceil(Math.max(shownInMs, answerArrivesMs) / 1_000) : [],
    );
    return there.length === 0 ? [] : [[agentId, Math.min(lookAgainSeconds, ...soon)] as const];
  });
}

/** From then on an offer may show that nothing is left, as far as that is known by now. */
function shownAtMs(record: BrokerRecord, left: LeftBehind, mesos: PlanInput['mesos']): number {
  const freeAtMs = shareFreeAtMs(record, left, mesos);
  return mesos.releases.has(left.incarnation)
    ? freeAtMs
    : Math.max(freeAtMs, Math.max(mesos.subscribedAtMs ?? 0, left.sinceMs) + newsMs);
}

/** From then on an offer of the agent shows what its last executor had. */
function shareFreeAtMs(
  { launches, last }: BrokerRecord,
  left: LeftBehind,
  { executorExits }: PlanInput['mesos'],
): number {
  if (launches === 0) {
    return Number.NEGATIVE_INFINITY;
  }
  const isItsLast = left.endedTaskId === undefined && last?.agentId === left.agentId;
  const exit = executorExits.get(left.endedTaskId ?? (isItsLast ? last.taskId : ''));
  return exit === undefined
    ? (isItsLast ? last.endedAtMs : left.sinceMs) + executorEndsMs
    : exit.atMs + allocationMs;
}
