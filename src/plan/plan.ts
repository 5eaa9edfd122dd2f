import type { KafkaObserved } from '../model/kafka.ts';
import type { PlanInput, Source } from '../model/observed.ts';
import type { DeclinedOffer, Held, Plan, Step } from '../model/plan.ts';
import type { ClusterMemory } from '../model/records.ts';
import { planDynamicConfig } from './dynamic-config.ts';
import { groupByAgent } from './fit.ts';
import { planCalls } from './housekeeping.ts';
import { endedIntents, intentWakes, withIntents } from './intents.ts';
import { planMaintenance } from './maintenance.ts';
import type { Need } from './need.ts';
import { needOf } from './needs.ts';
import { type Board, placeBrokers } from './placement.ts';
import { holdRefused, refusalsOf } from './refusals.ts';
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
  const board: Board = { agents: [...groupByAgent(input.mesos.offers)], kept: new Set() };
  const context = {
    nowMs: input.nowMs,
    frameworkName: input.framework.name,
    role: input.framework.role,
    ...(input.framework.principal === undefined ? {} : { principal: input.framework.principal }),
    newUuid: input.newUuid,
    artifacts: input.artifacts,
  };
  const waiting: Waiting[] = [];

  for (const stored of input.clusters) {
    const memory = withIntents(stored, input.nowMs);
    const { desired } = memory.spec;
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
    const refusals = refusalsOf(input, desired.name);
    const changes = holdRefused(
      [planDynamicConfig(memory, kafka, busy, refusals), planTopics(memory, kafka, refusals)],
      desired.name,
      refusals,
    );
    const written = new Set([...busy, ...changes.steps.flatMap((s) => s.brokerId ?? [])]);
    steps.push(...brokerSteps, ...changes.steps, ...endedIntents(memory, written, input.nowMs));
    wakes.push(...intentWakes(memory));
    held.push(
      ...needs.flatMap((n) => (n.kind === 'held' ? [n.held] : [])),
      ...placed.held,
      ...rollout.held,
      ...changes.held,
      ...leftovers(memory),
      ...bound(memory),
    );
    waiting.push(...waitingOf(memory, needs, placed.steps));
    wakes.push(
      ...[...placed.held, ...changes.held].flatMap((h) => ('untilMs' in h.reason ? [h.reason.untilMs] : [])),
      ...needs.flatMap(wakeOf),
    );
  }

  const maintenance = planMaintenance(input, steps);
  steps.push(...maintenance.steps);
  wakes.push(...maintenance.wakes);
  const declined = declineRest(input, board, waiting);
  const calls = planCalls(input, { waiting: waiting.map((w) => w.key), declined });
  wakes.push(...calls.wakes);
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

/** Brokers that run, or have a disk, and are no longer in the spec: never stopped by omission. */
function leftovers(memory: PlanInput['clusters'][number]): readonly Held[] {
  const wanted = new Set(memory.spec.desired.brokers.map((b) => b.id));
  return [...memory.brokers.values()]
    .filter(
      (record) => !wanted.has(record.id) && (record.task !== undefined || record.placement !== undefined),
    )
    .map((record) => ({
      clusterName: memory.spec.desired.name,
      brokerId: record.id,
      need: `remove broker ${record.id}`,
      reason: {
        kind: 'not-yet-supported' as const,
        detail: 'a broker can leave only when it hosts no replica, and moving replicas is not acted on yet',
      },
      stalled: true,
    }));
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
  readonly why: string;
};

/** The needs that only an offer can meet and this pass did not. */
function waitingOf(
  { spec }: ClusterMemory,
  needs: readonly Need[],
  steps: readonly Step[],
): readonly Waiting[] {
  const placed = new Set(steps.flatMap((s) => s.brokerId ?? []));
  return needs.flatMap((need): readonly Waiting[] => {
    const prefix = `${spec.desired.name}@${spec.revision}/${need.broker.id}`;
    const home = { key: `${prefix} home`, refuseSeconds: refuseSeconds.home };
    if (need.kind === 'held') {
      return need.wantsHome === true ? [{ ...home, why: 'no disk that is waited for is on it' }] : [];
    }
    if (need.kind !== 'launch' || placed.has(need.broker.id)) {
      return [];
    }
    const why = 'no broker that waits fits it';
    return need.want.placement === undefined
      ? [
          {
            key: `${prefix} ${need.relocate ? 'elsewhere' : 'anywhere'}`,
            refuseSeconds: refuseSeconds.waiting,
            why,
          },
        ]
      : [{ ...home, why }];
  });
}

/** What no waiting broker can use is given back at once, for as long as the most impatient of them can wait. */
function declineRest(input: PlanInput, board: Board, waiting: readonly Waiting[]): readonly DeclinedOffer[] {
  const jitter = 1 + fractionOf(input.newUuid()) / 5;
  const impatient = waiting.reduce<Waiting>(
    (most, one) => (one.refuseSeconds < most.refuseSeconds ? one : most),
    { key: '', refuseSeconds: refuseSeconds.idle, why: 'nothing waits for resources' },
  );
  const seconds = Math.round(impatient.refuseSeconds * jitter);
  const left = new Set(board.agents.flatMap((agent) => agent.offerIds));
  return input.mesos.offers
    .filter((offer) => left.has(offer.id))
    .filter((offer) => !(board.kept.has(offer.id) && input.nowMs - offer.receivedAtMs < keepOfferMs))
    .map((offer) => ({
      offerId: offer.id,
      agentId: offer.agentId,
      hostname: offer.hostname,
      ...(board.kept.has(offer.id)
        ? { refuseSeconds: refuseSeconds.givenBack, why: 'it fits a broker that waits for others' }
        : { refuseSeconds: seconds, why: impatient.why }),
    }));
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
