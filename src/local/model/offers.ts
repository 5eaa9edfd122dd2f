/** Outstanding offers: issued, used, rescinded, refused. */
import type { ExecutorId, Offer, Resource, Url } from '../../mesos/types.ts';
import { type Context, hasCapability, sendEvent } from './context.ts';
import { unavailabilityOf } from './machines.ts';
import { add, allocated, type Bundle, downgrade, subtractAvailable } from './resources.ts';
import type { AgentRecord, Framework, OfferRecord, State } from './state.ts';
import { isTerminal } from './tasks.ts';

const defaultRefuseMs = 5_000;
const longestRefuseMs = 365 * 86_400_000;

export function makeOffer(
  context: Context,
  framework: Framework,
  agent: AgentRecord,
  role: string,
  free: Bundle,
): Offer {
  const { state } = context;
  const id = `${state.settings.masterId}-O${state.nextOfferNumber}`;
  state.nextOfferNumber += 1;
  const resources = allocated(free, role);
  const executorIds: ExecutorId[] = Object.keys(agent.executors[framework.id] ?? {}).map((value) => ({
    value,
  }));
  const { hostname, attributes, domain } = agent.info;
  const unavailability = unavailabilityOf(state, agent.id);
  const offer: Offer = {
    id: { value: id },
    framework_id: { value: framework.id },
    agent_id: { value: agent.id },
    hostname,
    url: agentUrl(agent),
    ...(domain === undefined ? {} : { domain }),
    resources: forFramework(framework, resources),
    ...(attributes === undefined || attributes.length === 0 ? {} : { attributes }),
    ...(executorIds.length === 0 ? {} : { executor_ids: executorIds }),
    ...(unavailability === undefined ? {} : { unavailability }),
    ...(hasCapability(framework, 'MULTI_ROLE') ? { allocation_info: { role } } : {}),
  };
  const { offerTimeoutMs } = state.settings;
  state.offers[id] = {
    id,
    frameworkId: framework.id,
    agentId: agent.id,
    role,
    resources,
    offer,
    ...(offerTimeoutMs === undefined ? {} : { rescindMs: context.nowMs + offerTimeoutMs }),
  };
  return offer;
}

export function agentUrl({ info, ip }: AgentRecord): Url {
  const { hostname, port = 5051 } = info;
  return { scheme: 'http', address: { hostname, ip, port }, path: '/slave(1)' };
}

/** The format a framework understands, by its capabilities. */
function forFramework(framework: Framework, resources: Bundle): Resource[] {
  const refined = hasCapability(framework, 'RESERVATION_REFINEMENT')
    ? [...resources]
    : resources.map(downgrade);
  return hasCapability(framework, 'MULTI_ROLE') ? refined : allocated(refined, undefined);
}

/** Taken back without a word: used, or its holder is gone. */
export function removeOffer(state: State, offer: OfferRecord): void {
  delete state.offers[offer.id];
}

export function rescindOffer(context: Context, offer: OfferRecord): void {
  removeOffer(context.state, offer);
  const framework = context.state.frameworks[offer.frameworkId];
  if (framework === undefined) return;
  sendEvent(context, framework, { type: 'RESCIND', rescind: { offer_id: { value: offer.id } } });
}

export function rescindAgentOffers(context: Context, agentId: string): void {
  for (const offer of Object.values(context.state.offers)) {
    if (offer.agentId === agentId) rescindOffer(context, offer);
  }
}

/** How long a refusal counts: 0 not at all; below 0 and absent mean 5 s; the cap is 365 days. */
export function refusalMs(refuseSeconds: number | undefined): number {
  const isMeant = refuseSeconds !== undefined && refuseSeconds >= 0;
  return isMeant ? Math.min(refuseSeconds * 1000, longestRefuseMs) : defaultRefuseMs;
}

/** Remembers a refusal. */
export function refuseResources(
  context: Context,
  framework: Framework,
  agentId: string,
  role: string,
  resources: Bundle,
  refuseSeconds: number | undefined,
): void {
  const asked = refusalMs(refuseSeconds);
  if (asked === 0 || resources.length === 0) return;
  // A refusal must outlive the next allocation, or it would mean nothing.
  const forMs = Math.max(context.state.settings.allocationIntervalMs, asked);
  framework.filters.push({
    role,
    agentId,
    resources: allocated(resources, undefined),
    expiresMs: context.nowMs + forMs,
  });
}

/** What the agent's tasks, executors and outstanding offers hold, with allocation. */
export function usedResources(state: State, agent: AgentRecord): Resource[] {
  let used: Resource[] = [];
  for (const framework of Object.values(state.frameworks)) {
    for (const task of Object.values(framework.tasks)) {
      if (task.agentId === agent.id && !isTerminal(task.state)) used = add(used, task.info.resources ?? []);
    }
    for (const executor of Object.values(agent.executors[framework.id] ?? {})) {
      used = add(used, executor.resources ?? []);
    }
  }
  return used;
}

export function offeredResources(state: State, agentId: string): Resource[] {
  let offered: Resource[] = [];
  for (const offer of Object.values(state.offers)) {
    if (offer.agentId === agentId) offered = add(offered, offer.resources);
  }
  return offered;
}

/** What the agent has left to offer, without allocation. Asked at every allocation; computed anew when anything changed. */
export function freeResources(state: State, agent: AgentRecord): readonly Resource[] {
  const parts = [agent.total, ...takenParts(state, agent)];
  const known = freeOf.get(agent);
  if (known?.parts.length === parts.length && known.parts.every((part, at) => part === parts[at])) {
    return known.free;
  }
  const taken = add(usedResources(state, agent), offeredResources(state, agent.id));
  const free = subtractAvailable(agent.total, allocated(taken, undefined));
  freeOf.set(agent, { parts, free });
  return free;
}

const freeOf = new WeakMap<AgentRecord, { readonly parts: readonly Bundle[]; readonly free: Resource[] }>();

/** The lists whose resources are taken; they are replaced, never changed in place. */
function takenParts(state: State, agent: AgentRecord): Bundle[] {
  const parts: Bundle[] = [];
  for (const framework of Object.values(state.frameworks)) {
    for (const task of Object.values(framework.tasks)) {
      if (task.agentId === agent.id && !isTerminal(task.state)) parts.push(task.info.resources ?? none);
    }
    for (const executor of Object.values(agent.executors[framework.id] ?? {})) {
      parts.push(executor.resources ?? none);
    }
  }
  for (const offer of Object.values(state.offers)) {
    if (offer.agentId === agent.id) parts.push(offer.resources);
  }
  return parts;
}

const none: Bundle = [];
