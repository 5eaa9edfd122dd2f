/**
 * RESERVE_RESOURCES, UNRESERVE_RESOURCES, CREATE_VOLUMES, DESTROY_VOLUMES: an operator converts what no task
 * uses, without an offer. Facts: Master::Http::_reserve and _operation of src/master/http.cpp of Apache Mesos.
 */
import type { Resource } from '../../mesos/types.ts';
import { type Context, refuse, reply } from './context.ts';
import { applyConversion, type Conversion, conversionOf } from './conversions.ts';
import { freeResources, refuseResources, rescindOffer, usedResources } from './offers.ts';
import { validateDestruction, validateUnreservation, validateVolumes } from './operation-validation.ts';
import { resourcesText, resourceText } from './resource-text.ts';
import { validateAmounts } from './resource-validation.ts';
import { add, allocated, bundle, contains, subtract, subtractAvailable, upgrade } from './resources.ts';
import type { AgentRecord, State } from './state.ts';

export function operateResources(context: Context, agentId: string, operation: Conversion) {
  const { state } = context;
  const agent = state.agents[agentId];
  if (agent === undefined) return refuse(context, 400, 'No agent found with specified ID');
  const [raw = [], produced, consumed] = conversionOf(operation);
  const named = bundle(raw.map(upgrade));
  const invalid = validateAmounts(raw) ?? validate(state, agent, operation, named);
  if (invalid !== undefined) {
    return refuse(context, 400, `Invalid ${operation.type} operation on agent ${agentId}: ${invalid}`);
  }
  const from = bundle(named.map(consumed));
  rescindFor(context, agent, from);
  const total = subtract(agent.total, from);
  if (total === undefined || !contains(freeResources(state, agent), from)) {
    return refuse(
      context,
      409,
      `${resourcesText(freeResources(state, agent))} does not contain ${resourcesText(from)}`,
    );
  }
  applyConversion(context, agent, operation.type, named, add(total, bundle(named.map(produced))));
  reply(context, { status: 202 });
}

function validate(
  state: State,
  agent: AgentRecord,
  operation: Conversion,
  named: readonly Resource[],
): string | undefined {
  if (named.some((one) => one.allocation_info !== undefined)) return 'Allocated resources are not allowed';
  switch (operation.type) {
    case 'RESERVE': {
      if ((operation.reserve.source ?? []).length > 0) return 'Reservation updates are not supported';
      const wrong = named.find((one) => (one.reservations?.at(-1)?.type ?? 'STATIC') !== 'DYNAMIC');
      return wrong === undefined ? undefined : `Resource ${resourceText(wrong)} is not dynamically reserved`;
    }
    case 'UNRESERVE':
      return validateUnreservation(named);
    case 'CREATE':
      return validateVolumes(named, agent.total, undefined);
    case 'DESTROY': {
      const inUse = contains(allocated(usedResources(state, agent), undefined), named);
      return validateDestruction(named, agent.total) ?? (inUse ? 'Persistent volumes in use' : undefined);
    }
  }
}

/** Offers are taken back, one after the other, until what is needed is free. */
function rescindFor(context: Context, agent: AgentRecord, needed: readonly Resource[]): void {
  const { state } = context;
  let missing = [...needed];
  for (const offer of Object.values(state.offers)) {
    if (contains(freeResources(state, agent), needed)) return;
    if (offer.agentId !== agent.id) continue;
    const offered = allocated(offer.resources, undefined);
    const rest = subtractAvailable(missing, offered);
    if (JSON.stringify(rest) === JSON.stringify(missing)) continue;
    missing = rest;
    rescindOffer(context, offer);
    const framework = state.frameworks[offer.frameworkId];
    if (framework === undefined) continue;
    refuseResources(context, framework, agent.id, offer.role, offer.resources, undefined);
  }
}
