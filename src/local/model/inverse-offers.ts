/**
 * Inverse offers: each framework that holds anything of an agent whose machine is in the maintenance
 * schedule is asked to leave it, again and again, whatever it answers.
 * Facts: generateInverseOffers and updateInverseOffer of src/master/allocator/mesos/hierarchical.cpp, and
 * scenario 17.
 */
import type { AnswerInverseOffers, InverseOffer } from '../../mesos/types.ts';
import { type Context, sendEvent } from './context.ts';
import { unavailabilityOf } from './machines.ts';
import { agentUrl, refusalMs } from './offers.ts';
import type { AgentRecord, Framework, InverseOfferRecord, State } from './state.ts';
import { table } from './tables.ts';
import { isTerminal } from './tasks.ts';

/** After an allocation: to every listening framework that has something to lose and no question open. */
export function makeInverseOffers(context: Context, agents: readonly AgentRecord[]): void {
  const { state } = context;
  for (const framework of Object.values(state.frameworks)) {
    if (framework.streamId === undefined) continue;
    const made = agents.flatMap((agent) => makeInverseOffer(context, framework, agent) ?? []);
    if (made.length === 0) continue;
    sendEvent(context, framework, { type: 'INVERSE_OFFERS', inverse_offers: { inverse_offers: made } });
  }
}

function makeInverseOffer(
  context: Context,
  framework: Framework,
  agent: AgentRecord,
): InverseOffer | undefined {
  const { state } = context;
  const unavailability = unavailabilityOf(state, agent.id);
  if (unavailability === undefined || !holdsAnything(state, framework, agent)) return undefined;
  const isOpen = Object.values(state.inverseOffers).some(
    (one) => one.frameworkId === framework.id && one.agentId === agent.id,
  );
  if (isOpen || (framework.inverseFilters?.[agent.id] ?? 0) > context.nowMs) return undefined;
  const id = `${state.settings.masterId}-O${state.nextOfferNumber}`;
  state.nextOfferNumber += 1;
  const { offerTimeoutMs } = state.settings;
  state.inverseOffers[id] = {
    id,
    frameworkId: framework.id,
    agentId: agent.id,
    ...(offerTimeoutMs === undefined ? {} : { rescindMs: context.nowMs + offerTimeoutMs }),
  };
  return {
    id: { value: id },
    url: agentUrl(agent),
    framework_id: { value: framework.id },
    agent_id: { value: agent.id },
    unavailability,
  };
}

/** An offer, a task or an executor; a mere reservation does not count. */
function holdsAnything(state: State, framework: Framework, agent: AgentRecord): boolean {
  return (
    Object.values(state.offers).some(
      (offer) => offer.frameworkId === framework.id && offer.agentId === agent.id,
    ) ||
    Object.values(framework.tasks).some((task) => task.agentId === agent.id && !isTerminal(task.state)) ||
    Object.keys(agent.executors[framework.id] ?? {}).length > 0
  );
}

/** Unknown and used ids are passed over in silence. The answer is kept for the operator to read. */
export function answerInverseOffers(
  context: Context,
  framework: Framework,
  call: AnswerInverseOffers,
  status: 'ACCEPT' | 'DECLINE',
): void {
  const { state, nowMs } = context;
  for (const { value } of call.inverse_offer_ids ?? []) {
    const offer = state.inverseOffers[value];
    if (offer === undefined || offer.frameworkId !== framework.id) continue;
    delete state.inverseOffers[value];
    const agent = state.agents[offer.agentId];
    if (agent === undefined) continue;
    agent.inverseAnswers ??= table();
    agent.inverseAnswers[framework.id] = { status, answeredMs: nowMs };
    framework.inverseFilters ??= table();
    const expiresMs = nowMs + refusalMs(call.filters?.refuse_seconds);
    framework.inverseFilters[offer.agentId] = Math.max(
      expiresMs,
      framework.inverseFilters[offer.agentId] ?? 0,
    );
  }
}

export function rescindInverseOffer(context: Context, offer: InverseOfferRecord): void {
  delete context.state.inverseOffers[offer.id];
  const framework = context.state.frameworks[offer.frameworkId];
  if (framework === undefined) return;
  sendEvent(context, framework, {
    type: 'RESCIND_INVERSE_OFFER',
    rescind_inverse_offer: { inverse_offer_id: { value: offer.id } },
  });
}

export function rescindAgentInverseOffers(context: Context, agentId: string): void {
  for (const offer of Object.values(context.state.inverseOffers)) {
    if (offer.agentId === agentId) rescindInverseOffer(context, offer);
  }
}

/** The framework's stream is gone, and its questions with it. */
export function dropInverseOffers(state: State, frameworkId: string): void {
  for (const offer of Object.values(state.inverseOffers)) {
    if (offer.frameworkId === frameworkId) delete state.inverseOffers[offer.id];
  }
}
