import type { KafkaObserved } from '../model/kafka.ts';
import type { PlanInput, Source } from '../model/observed.ts';
import type { DeclinedOffer, Held, Plan, Step } from '../model/plan.ts';
import { deletionOf, planDeletion } from './deletion.ts';
import { planDynamicConfig } from './dynamic-config.ts';
import { groupByAgent } from './fit.ts';
import { type OffersWanted, planCalls } from './housekeeping.ts';
import { endedIntents, intentWakes, withIntents } from './intents.ts';
import type { Need } from './need.ts';
import { needOf } from './needs.ts';
import { type Board, placeBrokers } from './placement.ts';
import { holdRefused, refusalsOf } from './refusals.ts';
import { planReleases, type Releases } from './release.ts';
import { planRemovals } from './removal.ts';
import { planRollout } from './rollout.ts';
import { diffPlacement } from './settings.ts';
import { planTopics } from './topics.ts';

/** An offer kept for voters that are still missing is given back after this long. */
const keepOfferMs = 30_000;
const declineWaitingSeconds = 5;
/** Mesos keeps a filter for an agent that is gone, and applies it when the agent is back. */
const declineHomeSeconds = 60;
const declineIdleSeconds = 3_600;

/**
 * Decides everything that a pass does, and names the reason of everything that it does not do.
 *
 * Pure: the same input gives the same plan. Nothing destructive follows from an unknown source.
 */
export function plan(input: PlanInput): Plan {
  if (!input.mesos.connected) {
    return {
      steps: [],
      held: input.clusters.flatMap((memory) => disconnected(memory.spec.desired.name)),
      declined: [],
    };
  }
  const steps: Step[] = [];
  const held: Held[] = [];
  const wakes: number[] = [];
  const agents = groupByAgent(input.mesos.offers);
  const board: Board = { agents: [...agents], kept: new Set() };
  const context = {
    nowMs: input.nowMs,
    frameworkName: input.framework.name,
    role: input.framework.role,
    ...(input.framework.principal === undefined ? {} : { principal: input.framework.principal }),
    newUuid: input.newUuid,
    artifacts: input.artifacts,
  };
  let wantsOffers = false;
  /** When the first broker that waits for its home may go elsewhere; absent while none waits so. */
  let homesUntilMs: number | undefined;

  for (const stored of input.clusters) {
    const memory = withIntents(stored, input.nowMs);
    const { desired } = memory.spec;
    const policy = deletionOf(memory, input);
    if (policy !== undefined) {
      const deletion = planDeletion(memory, policy, input);
      steps.push(...deletion.steps);
      held.push(...deletion.held);
      wakes.push(...deletion.wakes);
      continue;
    }
    const kafka: Source<KafkaObserved> = input.kafka.get(desired.name) ?? {
      known: false,
      why: 'no broker of the cluster has been asked yet',
    };
    const needs = desired.brokers.map((broker) =>
      needOf(broker, {
        nowMs: input.nowMs,
        memory,
        desired,
        mesos: input.mesos,
        kafka,
        artifacts: input.artifacts,
      }),
    );
    steps.push(...formedStep(memory.cluster, kafka, input.nowMs));
    const placed = placeBrokers(memory, needs, board, context);
    const rollout = planRollout(memory, needs, kafka, input.nowMs);
    const brokerSteps = [
      ...placed.steps,
      ...needs.flatMap((n) => (n.kind === 'kill' ? [n.step] : [])),
      ...rollout.steps,
    ];
    const busy = new Set(brokerSteps.flatMap((s) => s.brokerId ?? []));
    const removals = planRemovals(memory, needs, kafka, rollout.steps[0]?.brokerId, input);
    const refusals = refusalsOf(input, desired.name);
    const changes = holdRefused(
      [
        planDynamicConfig(memory, kafka, busy, refusals),
        planTopics(memory, kafka, refusals),
        { steps: removals.changes, held: removals.held },
      ],
      desired.name,
      refusals,
    );
    const written = new Set(
      [...brokerSteps, ...removals.steps, ...changes.steps].flatMap((s) => s.brokerId ?? []),
    );
    steps.push(
      ...brokerSteps,
      ...removals.steps,
      ...changes.steps,
      ...endedIntents(memory, written, input.nowMs),
    );
    wakes.push(...intentWakes(memory));
    held.push(
      ...needs.flatMap((n) => (n.kind === 'held' ? [n.held] : [])),
      ...placed.held,
      ...rollout.held,
      ...changes.held,
      ...bound(memory),
    );
    wantsOffers ||= placed.held.length > 0;
    for (const need of needs) {
      if (need.kind === 'held' && need.wantsHome === true) {
        homesUntilMs = Math.min(
          homesUntilMs ?? Number.POSITIVE_INFINITY,
          need.untilMs ?? Number.POSITIVE_INFINITY,
        );
      }
    }
    wakes.push(
      ...[...placed.held, ...changes.held].flatMap((h) => ('untilMs' in h.reason ? [h.reason.untilMs] : [])),
      ...needs.flatMap(wakeOf),
      ...removals.wakes,
    );
  }

  const busy = new Set(steps.map((s) => `${s.clusterName}/${s.brokerId}`));
  const free = board.agents.filter((agent) => !agent.offerIds.some((id) => board.kept.has(id)));
  const releases = planReleases(input, agents, free, busy);
  steps.push(...releases.steps);
  held.push(...releases.held);
  const why = 'a broker waits for resources';
  const wanted: OffersWanted | undefined = wantsOffers
    ? { why, withinSeconds: declineWaitingSeconds }
    : homesUntilMs !== undefined
      ? { why, withinSeconds: declineHomeSeconds }
      : releases.wanted;
  const declined = declineRest(input, board, releases, wantsOffers, homesUntilMs);
  const calls = planCalls(input, { wanted, declined });
  wakes.push(...calls.wakes, ...releases.wakes);
  wakes.push(
    ...input.mesos.offers.filter((o) => board.kept.has(o.id)).map((o) => o.receivedAtMs + keepOfferMs),
  );
  const future = wakes.filter((at) => at > input.nowMs);
  return {
    steps: [...steps, ...calls.steps],
    held,
    declined,
    ...(future.length === 0 ? {} : { wakeAtMs: Math.min(...future) }),
  };
}

/** Once the quorum was seen alive, that is remembered for good. */
function formedStep(
  cluster: PlanInput['clusters'][number]['cluster'],
  kafka: Source<KafkaObserved>,
  nowMs: number,
): readonly Step[] {
  if (
    cluster === undefined ||
    cluster.formedAtMs !== undefined ||
    !kafka.known ||
    kafka.value.quorum.leaderId < 0
  ) {
    return [];
  }
  return [
    {
      mark: '·',
      what: `remember that cluster ${cluster.name} is formed`,
      why: [`controller ${kafka.value.quorum.leaderId} leads its quorum`],
      clusterName: cluster.name,
      action: { kind: 'record-cluster', record: { ...cluster, formedAtMs: nowMs } },
    },
  ];
}

/** What the spec says of disks and ports, and a broker that is bound to others cannot follow. */
function bound(memory: PlanInput['clusters'][number]): readonly Held[] {
  const { desired } = memory.spec;
  return desired.brokers.flatMap((broker) => {
    const placement = memory.brokers.get(broker.id)?.placement;
    const differences = placement === undefined ? [] : diffPlacement(broker, placement);
    return differences.length === 0
      ? []
      : [
          {
            clusterName: desired.name,
            brokerId: broker.id,
            need: `change broker ${broker.id}`,
            reason: {
              kind: 'not-yet-supported' as const,
              detail: `${differences.join('; ')}: a broker keeps its disks and ports`,
            },
            stalled: true,
          },
        ];
  });
}

function declineRest(
  input: PlanInput,
  board: Board,
  releases: Releases,
  wantsOffers: boolean,
  homesUntilMs: number | undefined,
): readonly DeclinedOffer[] {
  const [refuseSeconds, why] = wantsOffers
    ? [declineWaitingSeconds, 'no broker that waits fits it']
    : homesUntilMs !== undefined
      ? [untilThen(homesUntilMs, input.nowMs), 'no disk that is waited for is on it']
      : [
          Math.min(declineIdleSeconds, releases.wanted?.withinSeconds ?? Number.POSITIVE_INFINITY),
          'nothing waits for resources',
        ];
  const used = new Set(input.mesos.offers.map((o) => o.id));
  for (const agent of board.agents) {
    for (const id of agent.offerIds) {
      used.delete(id);
    }
  }
  for (const id of releases.offerIds) {
    used.add(id);
  }
  return input.mesos.offers
    .filter((offer) => !used.has(offer.id))
    .filter((offer) => !(board.kept.has(offer.id) && input.nowMs - offer.receivedAtMs < keepOfferMs))
    .map((offer) => {
      const sooner = releases.refusals.get(offer.agentId);
      return {
        offerId: offer.id,
        agentId: offer.agentId,
        hostname: offer.hostname,
        ...(sooner !== undefined && sooner.refuseSeconds < refuseSeconds ? sooner : { refuseSeconds, why }),
      };
    });
}

/** Offers that only a relocation could use come back when the first one may begin. */
function untilThen(homesUntilMs: number, nowMs: number): number {
  return Math.max(1, Math.min(declineHomeSeconds, Math.ceil((homesUntilMs - nowMs) / 1_000)));
}

function wakeOf(need: Need): readonly number[] {
  return need.kind === 'held' && need.untilMs !== undefined ? [need.untilMs] : [];
}

function disconnected(clusterName: string): readonly Held[] {
  return [
    {
      clusterName,
      need: 'act at all',
      reason: { kind: 'mesos-unknown', detail: 'not connected to the Mesos master' },
      stalled: false,
    },
  ];
}
