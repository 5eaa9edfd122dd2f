/**
 * What nobody needs any more goes back to Mesos: places that brokers have left, what retries reserved twice,
 * and reservations that no record knows. Data goes only where a record says that its place was left; a
 * volume that no record knows may be all that is left of a lost store, and is held for a person to look at.
 */
import type { OfferOperation, Resource } from '../model/mesos.ts';
import type { PlanInput } from '../model/observed.ts';
import { operationId } from '../model/operation-id.ts';
import type { DeclinedOffer, Held, HeldReason, Step } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory } from '../model/records.ts';
import type { AgentOffers } from './fit.ts';
import { isUnderWay } from './growth.ts';
import type { OffersWanted } from './housekeeping.ts';
import { killDueAtMs } from './kill.ts';
import { blockRelease, forgetGone, heldLeft, lookAgainSeconds, waitingAgents } from './left-places.ts';
import { groupByOwner, hasVolume, type Owned, withoutVolume } from './owned.ts';
import { merged } from './resources.ts';

/** While only an agent that is away has something to give back, others are refused no longer than this. */
const declineSeconds = 120;
/** All that has our label goes, whoever knows of it: the framework's name was given as the consent. */
const tornDown = 'the framework is torn down';
/**
 * Offers keep coming this long after a subscription and after a start: they show what is left over. REVIVE may have to
 * wait ten seconds of it for its token.
 */
const lookAroundMs = 20_000;

export type Releases = {
  readonly steps: readonly Step[];
  readonly held: readonly Held[];
  /** By agent: how long its offers may be refused, as something on it is waited for. */
  readonly refusals: ReadonlyMap<string, Pick<DeclinedOffer, 'refuseSeconds' | 'reason' | 'why'>>;
  /** Of the offers that the steps use up. */
  readonly offerIds: readonly string[];
  readonly wanted: OffersWanted | undefined;
  readonly wakes: readonly number[];
};

type Verdict =
  | { readonly kind: 'keep' }
  | { readonly kind: 'release'; readonly resources: readonly Resource[]; readonly why: string }
  | { readonly kind: 'wait'; readonly detail: string }
  | { readonly kind: 'orphan'; readonly detail: string };

/**
 * `all`: every agent that offers; `free`: those whose offers are not spoken for in this pass. `busy`: brokers
 * whose record a step of this pass writes already, as `cluster/id`. `outdated`: clusters newer than the store, of
 * which nothing is touched.
 */
export function planReleases(
  input: PlanInput,
  all: readonly AgentOffers[],
  free: readonly AgentOffers[],
  busy: ReadonlySet<string>,
  outdated: ReadonlySet<string>,
): Releases {
  const clusters = new Map(input.clusters.map((c) => [c.spec.desired.name, c]));
  const offered = new Map(all.map((agent) => [agent, groupByOwner(agent.resources, input.framework)]));
  const { steps: forgotten, incarnations: gone } = forgetGone(input, offered, busy, outdated);
  const steps: Step[] = [...forgotten];
  const offerIds: string[] = [];
  const held: Held[] = [];
  const refusals = new Map(
    waitingAgents(input, gone, all).map(([id, refuseSeconds]) => [
      id,
      { refuseSeconds, reason: 'releases-nothing' as const, why: 'something that was left on it is to go' },
    ]),
  );
  const wakes: number[] = [];
  for (const agent of free) {
    const operations: Owned[] = [];
    const why: string[] = [];
    for (const group of offered.get(agent) ?? []) {
      const { owner } = group;
      if (outdated.has(owner.cluster)) {
        continue;
      }
      const verdict = judge(group, clusters.get(owner.cluster), input);
      if (verdict.kind === 'keep') {
        continue;
      }
      const hold = (reason: HeldReason, stalled: boolean): void => {
        held.push({
          clusterName: owner.cluster,
          brokerId: owner.broker,
          need: `release ${whatOf(group.resources)} of broker ${owner.broker}`,
          reason,
          stalled,
        });
      };
      const common = { hostname: agent.hostname, what: whatOf(group.resources) };
      if (verdict.kind === 'orphan') {
        hold({ kind: 'orphaned', agentId: agent.agentId, ...common, detail: verdict.detail }, true);
        continue;
      }
      if (verdict.kind === 'wait') {
        hold({ kind: 'left-behind', ...common, detail: verdict.detail }, false);
        continue;
      }
      const sent = input.mesos.releases.get(owner.incarnation);
      const dueAtMs = killDueAtMs(sent);
      if (dueAtMs > input.nowMs) {
        const said = sent?.outcome?.kind === 'refused' ? `; Mesos refuses it: ${sent.outcome.message}` : '';
        const detail = `it was released ${times(sent?.attempts ?? 0)} and is still there${said}`;
        hold({ kind: 'left-behind', ...common, detail, untilMs: dueAtMs }, false);
        wakes.push(dueAtMs);
        const seconds = Math.max(1, Math.ceil((dueAtMs - input.nowMs) / 1_000));
        const known = refusals.get(agent.agentId)?.refuseSeconds ?? seconds;
        refusals.set(agent.agentId, {
          refuseSeconds: Math.min(known, seconds),
          reason: 'releases-nothing',
          why: 'it is asked for again',
        });
        continue;
      }
      operations.push({ owner, resources: verdict.resources });
      why.push(`${whatOf(verdict.resources)} of broker ${owner.broker} of ${owner.cluster}: ${verdict.why}`);
    }
    const first = operations[0];
    if (first !== undefined) {
      offerIds.push(...agent.offerIds);
      steps.push({
        mark: '-',
        what: `release ${whatOf(operations.flatMap((o) => o.resources))} on ${agent.hostname}`,
        why,
        clusterName: first.owner.cluster,
        brokerId: first.owner.broker,
        action: {
          kind: 'mesos',
          call: {
            kind: 'accept',
            offerIds: agent.offerIds,
            operations: operations.flatMap(({ owner, resources }) =>
              releaseOperations(
                resources,
                input.mesos.noFeedback.has(agent.agentId) ? undefined : owner.incarnation,
                input.nowMs,
              ),
            ),
            refuseSeconds: 1,
          },
        },
      });
    }
  }
  const around = lookAround(input);
  const isLooking = around.untilMs > input.nowMs;
  return {
    steps,
    held: [...held, ...heldLeft(input, gone, offered, busy)],
    refusals,
    offerIds,
    wanted: input.isTornDown
      ? {
          keys: [`release: ${tornDown}`],
          reason: 'releases-nothing',
          why: tornDown,
          withinSeconds: lookAgainSeconds,
        }
      : input.clusters.some((c) => [...c.brokers.values()].some((r) => r.leftBehind !== undefined))
        ? {
            keys: ['release: left', ...(isLooking ? [around.key] : [])],
            reason: 'releases-nothing',
            why: 'what brokers have left is to be released',
            withinSeconds: declineSeconds,
          }
        : isLooking
          ? {
              keys: [around.key],
              reason: 'nothing-left-over',
              why: 'they show whether anything is left over',
              withinSeconds: Number.POSITIVE_INFINITY,
            }
          : undefined,
    wakes: [...wakes, ...(isLooking ? [around.untilMs] : [])],
  };
}

function judge(group: Owned, cluster: ClusterMemory | undefined, input: PlanInput): Verdict {
  const { owner, resources } = group;
  if (cluster === undefined) {
    // What is only counted can be reserved again at any time, and nothing is known by it: an executor may end late.
    const isCounted = resources.every((r) => r.name === 'cpus' || r.name === 'mem');
    return input.isTornDown || isCounted
      ? { kind: 'release', resources, why: input.isTornDown ? tornDown : 'no record wants it' }
      : { kind: 'orphan', detail: `the store has never heard of cluster ${owner.cluster}` };
  }
  const record = cluster.brokers.get(owner.broker);
  const placement =
    record?.placement ?? cluster.cluster?.voters.find((v) => v.nodeId === owner.broker)?.placement;
  const left = record?.leftBehind?.find((l) => l.incarnation === owner.incarnation);
  if (record !== undefined && left !== undefined) {
    const blocked = blockRelease(record, left, cluster, input.kafka.get(owner.cluster));
    return blocked === undefined
      ? {
          kind: 'release',
          resources,
          why:
            left.cause === 'removed'
              ? 'it has left for good'
              : left.formatted
                ? 'it has moved, and is in sync there'
                : 'it has moved, and left no data',
        }
      : { kind: 'wait', detail: blocked };
  }
  if (placement?.incarnation === owner.incarnation) {
    return surplus(record, resources, record !== undefined && isUnderWay(record, cluster.spec.revision));
  }
  return hasVolume(resources) && !input.isTornDown
    ? {
        kind: 'orphan',
        detail: `no record of cluster ${owner.cluster} knows incarnation ${owner.incarnation} of broker ${owner.broker}`,
      }
    : {
        kind: 'release',
        resources,
        why: input.isTornDown ? tornDown : 'no record wants it, and there is no volume in it',
      };
}

/**
 * A task holds all that it needs; what comes in offers beside it was reserved twice, or for more than it
 * takes by now. When its volume is offered too it has ended, and the news of it is still to come.
 */
function surplus(
  record: BrokerRecord | undefined,
  offered: readonly Resource[],
  /** Disk is for its volume then, which may have to wait for ever. */
  isGrowing: boolean,
): Verdict {
  const resources = isGrowing ? offered.filter((r) => r.name !== 'disk') : offered;
  const task = record?.task;
  const isHeld =
    task?.state === 'TASK_RUNNING' &&
    task.kill === undefined &&
    task.unreachableSinceMs === undefined &&
    record?.placement?.volumes.some((v) => v.kind === 'persistent') === true &&
    resources.length > 0 &&
    !hasVolume(offered);
  return isHeld
    ? { kind: 'release', resources, why: 'its task does not use it: it was reserved twice' }
    : { kind: 'keep' };
}

/** DESTROY, then UNRESERVE of exact copies of what is there by then; with ids where the agent takes them. */
function releaseOperations(
  resources: readonly Resource[],
  incarnation: string | undefined,
  nowMs: number,
): readonly OfferOperation[] {
  const volumes = resources.filter((r) => r.disk?.volume !== undefined);
  const idOf = (what: 'destroy' | 'unreserve'): { readonly id?: string } =>
    incarnation === undefined ? {} : { id: operationId(what, incarnation, nowMs) };
  return [
    ...(volumes.length === 0 ? [] : [{ kind: 'destroy' as const, volumes, ...idOf('destroy') }]),
    { kind: 'unreserve', resources: merged(resources.map(withoutVolume)), ...idOf('unreserve') },
  ];
}

/**
 * Retries, and schedulers that died, leave things which only an offer shows; what was released may be left over again.
 * The key is a new need with each start: what is left over of it was offered, and refused, before it was known to be.
 */
function lookAround({ clusters, mesos }: PlanInput): { readonly key: string; readonly untilMs: number } {
  const starts = clusters.flatMap((c) =>
    [...c.brokers.values()].flatMap(({ task }) =>
      task?.state === 'TASK_RUNNING' && task.kill === undefined ? [task.stateSinceMs] : [],
    ),
  );
  const sinceMs = Math.max(mesos.subscribedAtMs ?? Number.NEGATIVE_INFINITY, ...starts);
  const untilMs = Math.max(sinceMs, ...[...mesos.releases.values()].map(killDueAtMs)) + lookAroundMs;
  return { key: `release: around ${sinceMs}`, untilMs };
}

function whatOf(resources: readonly Resource[]): string {
  const volumes = resources.flatMap((r) => r.disk?.volume?.persistenceId ?? []);
  return volumes.length === 0
    ? 'reservations'
    : `volume${volumes.length === 1 ? '' : 's'} ${volumes.join(', ')}`;
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);
