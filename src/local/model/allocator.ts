/**
 * Who is offered what: the hierarchical allocator without quota. Roles, and the frameworks in them,
 * take turns by their dominant share; each offer is everything an agent has left for its role.
 * Facts: src/master/allocator/mesos/hierarchical.cpp of Apache Mesos.
 */
import type { Offer } from '../../mesos/types.ts';
import { type Context, hasCapability, rolesOf, sendEvent } from './context.ts';
import { makeInverseOffers } from './inverse-offers.ts';
import { meetsConstraints } from './offer-constraints.ts';
import { freeResources, makeOffer, offeredResources, usedResources } from './offers.ts';
import { add, type Bundle, contains, reservedRole, thousandths } from './resources.ts';
import type { AgentRecord, Framework, State } from './state.ts';

/** Less than this of both cpus and mem is not worth an offer (the flag min_allocatable_resources). */
const smallestOffer = { cpus: 10, mem: 32_000 };

/** One allocation over the agents named, or all. */
export function allocate(context: Context, agentIds?: readonly string[]): void {
  const { state } = context;
  const listeners = Object.values(state.frameworks).filter((one) => one.streamId !== undefined);
  // Nobody to offer to: every role is suppressed, or nobody listens.
  if (!listeners.some((one) => rolesOf(one).some((role) => !one.suppressedRoles.includes(role)))) return;
  for (const framework of listeners) {
    if (framework.filters.some((filter) => filter.expiresMs <= context.nowMs)) {
      framework.filters = framework.filters.filter((filter) => filter.expiresMs > context.nowMs);
    }
  }
  const offers = new Map<Framework, Offer[]>();
  const agents = (agentIds ?? Object.keys(state.agents)).flatMap((id) => state.agents[id] ?? []);
  const shares = listeners.length + listeners.flatMap(rolesOf).length > 2 ? measureShares(state) : undefined;
  const active = agents.filter((agent) => agent.connected && state.deactivatedAgents[agent.id] === undefined);
  for (const agent of active) allocateAgent(context, agent, listeners, shares, offers);
  for (const [framework, made] of offers) {
    sendEvent(context, framework, { type: 'OFFERS', offers: { offers: made } });
  }
  makeInverseOffers(context, active);
}

function allocateAgent(
  context: Context,
  agent: AgentRecord,
  listeners: readonly Framework[],
  shares: Shares | undefined,
  offers: Map<Framework, Offer[]>,
): void {
  let free: Bundle = freeResources(context.state, agent);
  if (!worthOffering(free)) return;
  for (const { framework, role } of candidates(listeners, shares)) {
    if (!mayUse(context.state, framework, role, agent)) continue;
    const part = free.filter((one) => {
      const reserved = reservedRole(one) ?? role;
      return reserved === role || role.startsWith(`${reserved}/`);
    });
    if (!worthOffering(part) || isRefused(framework, role, agent.id, part)) continue;
    const offer = makeOffer(context, framework, agent, role, part);
    const made = offers.get(framework);
    if (made === undefined) offers.set(framework, [offer]);
    else made.push(offer);
    if (shares !== undefined) charge(shares, framework, role, part);
    free = free.filter((one) => !part.includes(one));
  }
}

type Candidate = { readonly framework: Framework; readonly role: string };

/** Every subscribed, unsuppressed (role, framework), the one with the smallest share first. */
function candidates(listeners: readonly Framework[], shares: Shares | undefined): Candidate[] {
  const all = listeners.flatMap((framework) =>
    rolesOf(framework)
      .filter((role) => !framework.suppressedRoles.includes(role))
      .map((role) => ({ framework, role })),
  );
  if (shares === undefined || all.length < 2) return all;
  return all.toSorted(
    (one, other) =>
      dominant(shares, shares.roles[one.role]) - dominant(shares, shares.roles[other.role]) ||
      dominant(shares, shares.clients[clientKey(one)]) - dominant(shares, shares.clients[clientKey(other)]),
  );
}

function worthOffering(resources: Bundle): boolean {
  return (
    thousandths(resources, 'cpus') >= smallestOffer.cpus || thousandths(resources, 'mem') >= smallestOffer.mem
  );
}

function isRefused(framework: Framework, role: string, agentId: string, part: Bundle): boolean {
  return framework.filters.some(
    (filter) => filter.role === role && filter.agentId === agentId && contains(filter.resources, part),
  );
}

/** By its own constraints; and remote regions are only for frameworks that say they can handle them. */
function mayUse(state: State, framework: Framework, role: string, agent: AgentRecord): boolean {
  if (!meetsConstraints(framework.offerConstraints, role, agent.info)) return false;
  const region = agent.info.domain?.fault_domain?.region.name;
  const home = state.settings.domain?.fault_domain?.region.name;
  return region === undefined || region === home || hasCapability(framework, 'REGION_AWARE');
}

// Dominant shares

type Amounts = { cpus: number; mem: number; disk: number };
type Shares = {
  readonly total: Amounts;
  readonly roles: Record<string, Amounts>;
  readonly clients: Record<string, Amounts>;
};

const counted = ['cpus', 'mem', 'disk'] as const;

function measureShares(state: State): Shares {
  const shares: Shares = { total: { cpus: 0, mem: 0, disk: 0 }, roles: {}, clients: {} };
  for (const agent of Object.values(state.agents)) {
    for (const name of counted) shares.total[name] += thousandths(agent.total, name);
  }
  for (const framework of Object.values(state.frameworks)) {
    for (const task of Object.values(framework.tasks)) {
      chargeAllocated(shares, framework, task.info.resources ?? []);
    }
  }
  for (const agent of Object.values(state.agents)) {
    for (const [frameworkId, executors] of Object.entries(agent.executors)) {
      const framework = state.frameworks[frameworkId];
      if (framework === undefined) continue;
      for (const one of Object.values(executors)) chargeAllocated(shares, framework, one.resources ?? []);
    }
  }
  for (const offer of Object.values(state.offers)) {
    const framework = state.frameworks[offer.frameworkId];
    if (framework !== undefined) charge(shares, framework, offer.role, offer.resources);
  }
  return shares;
}

function chargeAllocated(shares: Shares, framework: Framework, resources: Bundle): void {
  for (const one of resources) charge(shares, framework, one.allocation_info?.role ?? '*', [one]);
}

function charge(shares: Shares, framework: Framework, role: string, resources: Bundle): void {
  const ofRole = amountsOf(shares.roles, role);
  const ofClient = amountsOf(shares.clients, clientKey({ framework, role }));
  for (const name of counted) {
    const amount = thousandths(resources, name);
    ofRole[name] += amount;
    ofClient[name] += amount;
  }
}

function amountsOf(table: Record<string, Amounts>, key: string): Amounts {
  table[key] ??= { cpus: 0, mem: 0, disk: 0 };
  return table[key];
}

function clientKey({ framework, role }: Candidate): string {
  return `${role} ${framework.id}`;
}

function dominant(shares: Shares, amounts: Amounts | undefined): number {
  if (amounts === undefined) return 0;
  return Math.max(
    ...counted.map((name) => (shares.total[name] === 0 ? 0 : amounts[name] / shares.total[name])),
  );
}

/** Allocated and offered resources of a framework over all agents, for the operator API. */
export function frameworkResources(state: State, frameworkId: string): { used: Bundle; offered: Bundle } {
  let used: Bundle = [];
  let offered: Bundle = [];
  const framework = state.frameworks[frameworkId];
  for (const agent of Object.values(state.agents)) {
    if (framework === undefined) continue;
    used = add(used, usedResources({ ...state, frameworks: { [frameworkId]: framework } }, agent));
    offered = add(offered, offeredResources({ ...state, offers: ownOffers(state, frameworkId) }, agent.id));
  }
  return { used, offered };
}

function ownOffers(state: State, frameworkId: string): State['offers'] {
  return Object.fromEntries(
    Object.entries(state.offers).filter(([, offer]) => offer.frameworkId === frameworkId),
  );
}
