import type { KafkaObserved } from '../model/kafka.ts';
import type { PlanInput, Source } from '../model/observed.ts';
import type { DeclinedOffer, DeclineReason, Held, Plan, Step } from '../model/plan.ts';
import type { ClusterMemory } from '../model/records.ts';
import { boundPorts } from './bound-ports.ts';
import { deletionOf, planDeletion } from './deletion.ts';
import { planDynamicConfig } from './dynamic-config.ts';
import { planEnded } from './ended.ts';
import { groupByAgent } from './fit.ts';
import { type GrowthPlan, planGrowth } from './growth.ts';
import { planCalls } from './housekeeping.ts';
import { endedIntents, intentWakes, withIntents } from './intents.ts';
import { planMaintenance } from './maintenance.ts';
import type { Need } from './need.ts';
import { needsOf } from './needs.ts';
import { judgeStrangers, reservedBeforeFormed } from './outdated.ts';
import { type Board, placeBrokers } from './placement.ts';
import { holdRefused, refusalsOf } from './refusals.ts';
import { planReleases, type Releases } from './release.ts';
import { planRemovals } from './removal.ts';
import { planRollout } from './rollout.ts';
import { diffPlacement } from './settings.ts';
import { planTopics } from './topics.ts';

/** An offer kept for voters that are still missing is given back after this long. */
const keepOfferMs = 30_000;
/**
 * How long Mesos keeps back what was refused. Resources that come free break through, and a need that did
 * not wait yet revives; the limit is for what changes without either (the brokers around, maintenance).
 */
const refuseSeconds = { givenBack: 5, waiting: 60, home: 600, idle: 3_600 } as const;

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
    wallMs: input.wallMs,
    frameworkName: input.framework.name,
    role: input.framework.role,
    ...(input.framework.principal === undefined ? {} : { principal: input.framework.principal }),
    newUuid: input.newUuid,
    artifacts: input.artifacts,
    giveNoFeedback: input.mesos.noFeedback,
    conversions: input.mesos.conversions,
    // Without an offer nothing is placed, and most passes have none.
    boundPorts: boundPorts(agents.length === 0 ? [] : input.clusters),
  };
  const waiting: Waiting[] = [];
  const strangers = judgeStrangers(input);
  held.push(...strangers.held);

  for (const stored of input.clusters) {
    const memory = withIntents(stored, input.nowMs);
    const { desired } = memory.spec;
    if (strangers.outdated.has(desired.name)) {
      continue;
    }
    const policy = deletionOf(memory, input);
    const ended = planEnded(memory, policy !== undefined, input);
    steps.push(...ended.steps);
    waiting.push(
      ...ended.waiting.map((key) => ({
        key,
        refuseSeconds: refuseSeconds.home,
        reason: 'not-home' as const,
        why: 'no agent is waited for there',
      })),
    );
    if (policy !== undefined) {
      const deletion = planDeletion(memory, policy, input);
      const written = new Set([...ended.steps, ...deletion.steps].flatMap((s) => s.brokerId ?? []));
      steps.push(...deletion.steps, ...endedIntents(stored, written, input.nowMs));
      wakes.push(...intentWakes(memory));
      held.push(...deletion.held);
      wakes.push(...deletion.wakes);
      continue;
    }
    const kafka: Source<KafkaObserved> = input.kafka.get(desired.name) ?? {
      known: false,
      why: 'no broker of the cluster has been asked yet',
    };
    const needs = needsOf({
      nowMs: input.nowMs,
      wallMs: input.wallMs,
      memory,
      desired,
      mesos: input.mesos,
      kafka,
      artifacts: input.artifacts,
    });
    steps.push(...formedStep(memory.cluster, kafka, input.nowMs));
    const reserved = reservedBeforeFormed(memory, input, agents);
    const placed =
      reserved.length > 0 ? { steps: [], held: reserved } : placeBrokers(memory, needs, board, context);
    const rollout = planRollout(memory, needs, kafka, input);
    const brokerSteps = [
      ...placed.steps,
      ...needs.flatMap((n) => (n.kind === 'step' ? [n.step] : [])),
      ...rollout.steps,
    ];
    const growth = planGrowth(
      memory,
      needs,
      board.agents,
      new Set(brokerSteps.flatMap((s) => s.brokerId ?? [])),
      context,
    );
    board.agents.splice(
      0,
      board.agents.length,
      ...board.agents.filter((a) => !growth.agentIds.has(a.agentId)),
    );
    brokerSteps.push(...growth.steps);
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
      [...ended.steps, ...brokerSteps, ...removals.steps, ...changes.steps].flatMap((s) => s.brokerId ?? []),
    );
    steps.push(
      ...brokerSteps,
      ...removals.steps,
      ...changes.steps,
      ...endedIntents(stored, written, input.nowMs),
    );
    wakes.push(...intentWakes(memory));
    held.push(
      ...needs.flatMap((n) => (n.kind === 'held' ? [n.held] : [])),
      ...placed.held,
      ...rollout.held,
      ...growth.held,
      ...changes.held,
      ...bound(memory),
    );
    waiting.push(...waitingOf(memory, needs, placed.steps, growth.waiting));
    wakes.push(
      ...[...placed.held, ...changes.held].flatMap((h) => ('untilMs' in h.reason ? [h.reason.untilMs] : [])),
      ...needs.flatMap(wakeOf),
      ...removals.wakes,
    );
  }

  const busy = new Set(steps.map((s) => `${s.clusterName}/${s.brokerId}`));
  const free = board.agents.filter((agent) => !agent.offerIds.some((id) => board.kept.has(id)));
  const releases = planReleases(input, agents, free, busy, strangers.outdated);
  steps.push(...releases.steps);
  held.push(...releases.held);
  const maintenance = planMaintenance(input, steps, strangers.outdated);
  steps.push(...maintenance.steps);
  wakes.push(...maintenance.wakes);
  const whyOffers = waiting.length > 0 ? 'a broker waits for resources' : (releases.wanted?.why ?? '');
  if (releases.wanted !== undefined) {
    const { keys: looks, reason, why, withinSeconds } = releases.wanted;
    // Each by itself: what was refused before a place was given up, its release has not seen.
    const left = input.clusters.flatMap((c) =>
      [...c.brokers.values()].flatMap((r) => (r.leftBehind ?? []).map((l) => l.incarnation)),
    );
    const keys = [...looks, ...left.map((incarnation) => `release ${incarnation}`)];
    waiting.push(...keys.map((one) => ({ key: one, refuseSeconds: withinSeconds, reason, why })));
  }
  const declined = declineRest(input, board, releases, waiting);
  const calls = planCalls(input, {
    waiting: waiting.map((w) => w.key),
    why: whyOffers,
    declined,
    superseded: strangers.superseded,
  });
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

type Waiting = {
  /** Changes when offers that would not do before might do now. */
  readonly key: string;
  readonly refuseSeconds: number;
  /** Why what it cannot use is refused. */
  readonly reason: DeclineReason;
  readonly why: string;
};

/** The needs that only an offer can meet and this pass did not. */
function waitingOf(
  { spec, cluster, brokers }: ClusterMemory,
  needs: readonly Need[],
  steps: readonly Step[],
  growing: GrowthPlan['waiting'],
): readonly Waiting[] {
  // One whose volume grows first still waits for the offer to start on.
  const placed = new Set(
    steps.flatMap((s) =>
      s.action.kind === 'broker' && s.action.record.task !== undefined ? [s.action.record.id] : [],
    ),
  );
  return needs.flatMap((need): readonly Waiting[] => {
    // Before the cluster is formed only its voters look at offers: what was refused by then, nobody else has seen.
    const formed = cluster === undefined ? ' unformed' : '';
    const prefix = `${spec.desired.name}@${spec.revision}${formed}/${need.broker.id}`;
    const home = { key: `${prefix} home`, refuseSeconds: refuseSeconds.home };
    if (growing.has(need.broker.id)) {
      const seconds = growing.get(need.broker.id) ?? home.refuseSeconds;
      const why = 'no volume on it can grow by it';
      return [{ key: `${prefix} grow`, refuseSeconds: seconds, reason: 'grows-no-volume', why }];
    }
    if (need.kind === 'held') {
      if (need.wantsHome !== true) {
        return [];
      }
      // What its agent offered while its task was out of reach was none of it; what that held may be in others once
      // the task has ended.
      const isAway = brokers.get(need.broker.id)?.task?.unreachableSinceMs !== undefined;
      const key = isAway ? `${prefix} away` : home.key;
      return [{ ...home, key, reason: 'not-home', why: 'no disk that is waited for is on it' }];
    }
    if (need.kind !== 'launch' || placed.has(need.broker.id)) {
      return [];
    }
    const because = { reason: 'fits-no-broker', why: 'no broker that waits fits it' } as const;
    return need.want.placement === undefined
      ? [
          {
            key: `${prefix} ${need.relocate ? 'elsewhere' : 'anywhere'}`,
            refuseSeconds: refuseSeconds.waiting,
            ...because,
          },
        ]
      : [{ ...home, ...because }];
  });
}

/** What no waiting broker can use is given back at once, for as long as the most impatient of them can wait. */
function declineRest(
  input: PlanInput,
  board: Board,
  releases: Releases,
  waiting: readonly Waiting[],
): readonly DeclinedOffer[] {
  if (input.mesos.offers.length === 0) {
    return [];
  }
  const jitter = 1 + fractionOf(input.newUuid()) / 5;
  const impatient = waiting.reduce<Waiting>(
    (most, one) => (one.refuseSeconds < most.refuseSeconds ? one : most),
    {
      key: '',
      refuseSeconds: refuseSeconds.idle,
      reason: 'nothing-waits',
      why: 'nothing waits for resources',
    },
  );
  const seconds = Math.round(impatient.refuseSeconds * jitter);
  const left = new Set(board.agents.flatMap((agent) => agent.offerIds));
  const spent = new Set(releases.offerIds);
  return input.mesos.offers
    .filter((offer) => left.has(offer.id) && !spent.has(offer.id))
    .filter((offer) => !(board.kept.has(offer.id) && input.nowMs - offer.receivedAtMs < keepOfferMs))
    .map((offer) => {
      const sooner = releases.refusals.get(offer.agentId);
      return {
        offerId: offer.id,
        agentId: offer.agentId,
        hostname: offer.hostname,
        ...(board.kept.has(offer.id)
          ? {
              refuseSeconds: refuseSeconds.givenBack,
              reason: 'waited-for-others' as const,
              why: 'it fits a broker that waits for others',
            }
          : sooner !== undefined && sooner.refuseSeconds < seconds
            ? sooner
            : { refuseSeconds: seconds, reason: impatient.reason, why: impatient.why }),
      };
    });
}

/** Of a random UUID, in [0, 1): so that what many refused at once does not come back at once. */
const fractionOf = (uuid: string): number => Number.parseInt(uuid.slice(0, 8), 16) / 2 ** 32;

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
