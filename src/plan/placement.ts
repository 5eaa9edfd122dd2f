/** Which broker starts on which agent: every waiting need against every offer in hand, with reasons. */
import { count } from '../model/count.ts';
import { type DesiredBroker, executorResources } from '../model/desired.ts';
import type { Held, OfferRejection, Step } from '../model/plan.ts';
import type { ClusterMemory, ClusterRecord, Placement } from '../model/records.ts';
import { judgeAgents } from './constraints.ts';
import { minIsrKey } from './dynamic-config.ts';
import { type AgentOffers, controllerListenerName, type Fit, fitBroker } from './fit.ts';
import { isBoundToHost } from './homes.ts';
import { isVoter, type Need } from './need.ts';
import { type Bound, type LaunchNeed, launchSteps, type PlacementContext } from './start-steps.ts';

/** What placing uses up over all clusters of one pass. */
export type Board = {
  /** Agents whose offers are not spoken for. */
  readonly agents: AgentOffers[];
  /** Offers kept for a need that waits for more of them. */
  readonly kept: Set<string>;
};

export type Placed = { readonly steps: readonly Step[]; readonly held: readonly Held[] };

export function placeBrokers(
  memory: ClusterMemory,
  needs: readonly Need[],
  board: Board,
  context: PlacementContext,
): Placed {
  const waiting = needs.filter((n): n is LaunchNeed => n.kind === 'launch');
  const { cluster } = memory;
  if (cluster === undefined) {
    return waiting.length === 0
      ? { steps: [], held: [] }
      : formCluster(memory, needs, waiting, board, context);
  }
  const taken = placedAttributes(memory, waiting);
  const agents = [...board.agents];
  const bound: Bound[] = [];
  const held: Held[] = [];
  const misses: Misses = new Map();
  // Those that have a home go first: no other offer will do for them.
  for (const need of [...waiting].sort((a, b) => homeless(a) - homeless(b) || a.broker.id - b.broker.id)) {
    const match = matchOffer(need, agents, taken, misses, context);
    if ('rejections' in match) {
      held.push(heldForOffer(memory, need, match.rejections, context.nowMs));
      continue;
    }
    bind(bound, { need, ...match }, agents, taken);
  }
  return { steps: launchSteps(memory.spec, bound, cluster, board, context), held };
}

/** Where the rules allow it, one agent does for several brokers: the next one gets what is left over. */
function bind(bound: Bound[], one: Bound, agents: AgentOffers[], taken: Taken[]): void {
  bound.push(one);
  agents.splice(agents.indexOf(one.agent), 1, { ...one.agent, resources: one.fit.rest });
  taken.push({ id: one.need.broker.id, attributes: one.fit.placement.attributes });
}

/**
 * The first voters are bound together, before anything is launched: each one's address and
 * directory id must be in every voter's storage from the first format (KIP-853).
 */
function formCluster(
  memory: ClusterMemory,
  needs: readonly Need[],
  waiting: readonly LaunchNeed[],
  board: Board,
  context: PlacementContext,
): Placed {
  const { desired } = memory.spec;
  const voters = waiting.filter((n) => n.broker.roles.includes('controller'));
  const missing = needs
    .filter((n) => n.broker.roles.includes('controller') && n.kind !== 'launch')
    .map((n) => n.broker.id);
  const agents = [...board.agents];
  const taken: Taken[] = [];
  const misses: Misses = new Map();
  const bound: Bound[] = [];
  const held: Held[] = [];
  for (const need of voters) {
    const match = matchOffer(need, agents, taken, misses, context);
    if ('rejections' in match) {
      held.push(heldForOffer(memory, need, match.rejections, context.nowMs));
      missing.push(need.broker.id);
      continue;
    }
    bind(bound, { need, ...match }, agents, taken);
  }
  const wait = (need: LaunchNeed): Held => ({
    clusterName: desired.name,
    brokerId: need.broker.id,
    need: `start broker ${need.broker.id}`,
    reason: { kind: 'waiting-for-voters', missing: [...missing].sort((a, b) => a - b) },
    stalled: false,
  });
  const others = waiting.filter((n) => !n.broker.roles.includes('controller'));
  if (missing.length > 0 || bound.length === 0) {
    for (const { agent } of bound) {
      for (const id of agent.offerIds) {
        board.kept.add(id);
      }
    }
    return { steps: [], held: [...held, ...bound.map((b) => wait(b.need)), ...others.map(wait)] };
  }
  const cluster: ClusterRecord = {
    schema: 1,
    name: desired.name,
    clusterId: kafkaUuid(context.newUuid()),
    // The controller copies what the first voters render into the cluster's dynamic configuration.
    minInsyncReplicas: { value: voters[0]?.broker.config[minIsrKey] ?? null, applied: true },
    voters: bound.map(({ need, fit }) => {
      const directoryId = kafkaUuid(context.newUuid());
      const placement: Placement = { ...fit.placement, directoryId };
      return {
        nodeId: need.broker.id,
        host: need.broker.controllerListener?.advertisedHost ?? fit.placement.host,
        port: fit.placement.ports[controllerListenerName] ?? 0,
        directoryId,
        placement,
      };
    }),
  };
  const launches = launchSteps(memory.spec, bound, cluster, board, context);
  if (others.length > 0) {
    // The next pass, which follows at once, starts the others on what is left.
    for (const id of board.agents.flatMap((agent) => agent.offerIds)) {
      board.kept.add(id);
    }
  }
  return {
    steps: [
      {
        mark: '+',
        what: `form cluster ${desired.name}`,
        why: [
          `controllers ${cluster.voters.map((v) => v.nodeId).join(', ')} are bound to their agents before any disk is formatted`,
        ],
        clusterName: desired.name,
        action: { kind: 'bind-cluster', record: cluster },
      },
      ...launches,
    ],
    held: others.map((need) => ({
      clusterName: desired.name,
      brokerId: need.broker.id,
      need: `start broker ${need.broker.id}`,
      reason: {
        kind: 'task-in-progress',
        doing: 'starts next: the controllers go first',
        sinceMs: context.nowMs,
      },
      stalled: false,
    })),
  };
}

type Taken = { readonly id: number; readonly attributes: Readonly<Record<string, string>> };

type Match =
  | { readonly agent: AgentOffers; readonly fit: Extract<Fit, { fits: true }> }
  | { readonly rejections: readonly OfferRejection[] };

/**
 * What was in vain for a broker is in vain for the next one that asks for the same, as long as
 * nothing was placed in between: a thousand waiting brokers look through the offers once.
 */
type Misses = Map<string, { readonly placed: number; readonly rejections: readonly OfferRejection[] }>;

function matchOffer(
  need: LaunchNeed,
  agents: readonly AgentOffers[],
  taken: readonly Taken[],
  misses: Misses,
  context: PlacementContext,
): Match {
  const { broker } = need;
  const { placement, avoid } = need.want;
  if (placement !== undefined) {
    // Constraints and maintenance are no reason to leave data behind.
    return firstFit(need, agents.filter(homeOf(placement, need.want.formatted)), () => [], context);
  }
  const others = taken.filter((t) => t.id !== broker.id);
  const key = JSON.stringify([
    broker.cpus,
    broker.memoryMiB,
    broker.storage,
    broker.listeners,
    broker.controllerListener,
    broker.constraints,
    broker.rack,
    avoid,
  ]);
  const miss = misses.get(key);
  if (miss?.placed === others.length) {
    return miss;
  }
  const judge = judgeAgents(broker.constraints, others);
  const match = firstFit(
    need,
    agents,
    (agent) => [
      ...judge(agent.attributes),
      ...(avoid !== undefined && (agent.agentId === avoid.agentId || agent.hostname === avoid.hostname)
        ? ['it is to leave this agent']
        : []),
      ...(maintenanceSoon(agent, context.wallMs) ? ['the agent is about to go into maintenance'] : []),
    ],
    context,
  );
  if ('rejections' in match) {
    misses.set(key, { placed: others.length, rejections: match.rejections });
  }
  return match;
}

function firstFit(
  need: LaunchNeed,
  agents: readonly AgentOffers[],
  judge: (agent: AgentOffers) => readonly string[],
  context: PlacementContext,
): Match {
  const rejections: OfferRejection[] = [];
  for (const agent of agents) {
    const reasons = judge(agent);
    const fit =
      reasons.length > 0 ? ({ fits: false, reasons } as const) : fitBroker(need.want, agent, context);
    if (fit.fits) {
      return { agent, fit };
    }
    rejections.push({
      offerId: agent.offerIds[0] ?? '',
      agentId: agent.agentId,
      hostname: agent.hostname,
      reasons: fit.reasons,
    });
  }
  return { rejections };
}

/**
 * The agents that may have the disk: the one it was bound on, and whichever offers a volume of it (a
 * reboot may give the agent a new id); a host path is where the host is, and so is what was bound and never written.
 */
function homeOf(placement: Placement, formatted: boolean): (agent: AgentOffers) => boolean {
  const ids = new Set(placement.volumes.flatMap((v) => v.persistenceId ?? []));
  const isTheHost = isBoundToHost(placement, formatted);
  return (agent) =>
    agent.agentId === placement.agentId ||
    (isTheHost && agent.hostname === placement.hostname) ||
    agent.resources.some((r) => r.disk?.volume !== undefined && ids.has(r.disk.volume.persistenceId));
}

/** New work keeps an hour's distance from planned maintenance. */
function maintenanceSoon(agent: AgentOffers, wallMs: number): boolean {
  const { unavailability } = agent;
  return (
    unavailability !== undefined &&
    unavailability.startMs < wallMs + 3_600_000 &&
    unavailability.startMs + (unavailability.durationMs ?? Number.POSITIVE_INFINITY) > wallMs
  );
}

function heldForOffer(
  memory: ClusterMemory,
  need: LaunchNeed,
  rejections: readonly OfferRejection[],
  nowMs: number,
): Held {
  const { record, broker } = need;
  const untilMs = need.homeUntilMs;
  const home = record.placement;
  const waitsHome = home !== undefined && !need.relocate && rejections.length === 0;
  return {
    clusterName: memory.spec.desired.name,
    brokerId: broker.id,
    need: `start broker ${broker.id}`,
    reason:
      waitsHome && untilMs !== undefined
        ? {
            kind: 'waiting-for-agent',
            agentId: home.agentId,
            hostname: home.hostname,
            untilMs: Math.max(untilMs, nowMs),
            ...(record.last?.reason === 'AGENT_DRAINING' && record.last.state !== 'TASK_GONE_BY_OPERATOR'
              ? { drained: true as const }
              : {}),
            ...(isVoter(memory, broker.id) ? { isVoter: true as const } : {}),
          }
        : { kind: 'no-matching-offer', wanted: wantedOf(broker), rejections },
    stalled: false,
  };
}

/** What an offer would have to hold, in words. */
export function wantedOf(broker: DesiredBroker): string {
  const disk =
    broker.storage.kind === 'hostPath' ? 0 : broker.storage.volumes.reduce((sum, v) => sum + v.sizeMiB, 0);
  const ports = broker.listeners.length + (broker.controllerListener === undefined ? 0 : 1);
  return `cpus ${Math.round((broker.cpus + executorResources.cpus) * 1000) / 1000}, memory ${broker.memoryMiB + executorResources.memoryMiB} MiB, disk ${disk} MiB, ${count(ports, 'port')}`;
}

function placedAttributes(memory: ClusterMemory, waiting: readonly LaunchNeed[]): Taken[] {
  const moving = new Set(waiting.filter((n) => n.relocate).map((n) => n.broker.id));
  const wanted = new Set(memory.spec.desired.brokers.map((b) => b.id));
  const byId = new Map<number, Taken>();
  for (const voter of memory.cluster?.voters ?? []) {
    byId.set(voter.nodeId, { id: voter.nodeId, attributes: voter.placement.attributes });
  }
  for (const record of memory.brokers.values()) {
    if (record.placement !== undefined) {
      byId.set(record.id, { id: record.id, attributes: record.placement.attributes });
    }
  }
  return [...byId.values()].filter(
    (t) => !moving.has(t.id) && (wanted.has(t.id) || memory.brokers.get(t.id)?.task !== undefined),
  );
}

const homeless = (need: LaunchNeed): number => (need.want.placement === undefined ? 1 : 0);

/** Kafka prints a UUID as 22 characters of unpadded base64url, and refuses one that begins with `-`. */
export function kafkaUuid(uuid: string): string {
  const hex = uuid.replaceAll('-', '');
  const bytes = Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
  // The first six bits make the first character; 62 is '-'.
  bytes[0] = (bytes[0] ?? 0) >> 2 === 62 ? (bytes[0] ?? 0) ^ 0x80 : (bytes[0] ?? 0);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  let text = '';
  for (let bit = 0; bit < 128; bit += 6) {
    let value = 0;
    for (let i = bit; i < bit + 6; i += 1) {
      value = value * 2 + (i < 128 ? ((bytes[i >> 3] ?? 0) >> (7 - (i & 7))) & 1 : 0);
    }
    text += alphabet[value] ?? '';
  }
  return text;
}
