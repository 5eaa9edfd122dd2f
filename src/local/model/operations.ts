/**
 * ACCEPT: the operations on the resources of some offers, in order, judged one by one.
 * Facts: src/master/master.cpp (Master::accept, _accept) and the recordings 07 and 08.
 */
import type { Accept, CommandInfo, ExecutorInfo, Operation, Resource, TaskInfo } from '../../mesos/types.ts';
import { type Context, rolesOf, sendUpdate } from './context.ts';
import { applyConversion, type Conversion, conversionOf, grownVolume, withResources } from './conversions.ts';
import { reachableProcess } from './executor-state.ts';
import { launchTask } from './executors.ts';
import { refuseResources, removeOffer } from './offers.ts';
import { reportOperation, sendStatus } from './operation-feedback.ts';
import {
  validateDestruction,
  validateGrowth,
  validateReservation,
  validateUnreservation,
  validateVolumes,
} from './operation-validation.ts';
import { resourcesText } from './resource-text.ts';
import { validateAmounts } from './resource-validation.ts';
import {
  add,
  allocated,
  allocatedByDefault,
  bundle,
  subtract,
  subtractAvailable,
  upgrade,
} from './resources.ts';
import type { AgentRecord, Framework, OfferRecord } from './state.ts';
import { table } from './tables.ts';
import { resourcesNeeded, validateTask } from './task-validation.ts';
import { lostState, masterStatus } from './tasks.ts';

export function accept(context: Context, framework: Framework, call: Accept) {
  const ids = (call.offer_ids ?? []).map((id) => id.value);
  const chosen = chooseOffers(context, framework, ids);
  const operations = call.operations ?? [];
  // Used or spoilt, the offers are gone either way, even those of another framework (scenario 27).
  for (const id of ids) {
    const offer = context.state.offers[id];
    if (offer !== undefined) removeOffer(context.state, offer);
  }
  if (typeof chosen === 'string') return dropOperations(context, framework, operations, chosen);
  const { agent, role, offers } = chosen;
  const offered = offers.reduce<Resource[]>((sum, offer) => add(sum, offer.resources), []);
  let pool = offered;
  for (const operation of operations) {
    pool = apply(context, { framework, agent, role }, operation, pool);
  }
  // What operations made out of the offer is offered again at once; only what was left as it was is refused.
  const converted = subtractAvailable(pool, offered);
  const declined = subtractAvailable(pool, converted);
  refuseResources(context, framework, agent.id, role, declined, call.filters?.refuse_seconds);
}

type Target = { readonly framework: Framework; readonly agent: AgentRecord; readonly role: string };
type Chosen = {
  readonly agent: AgentRecord;
  readonly role: string;
  readonly offers: readonly OfferRecord[];
};

/** The offers, if they are all good together, or what is wrong with them. */
function chooseOffers(context: Context, framework: Framework, ids: readonly string[]): Chosen | string {
  const { state } = context;
  if (ids.length === 0) return 'No offers specified';
  const repeated = ids.find((id, index) => ids.indexOf(id) !== index);
  if (repeated !== undefined) return `Duplicate offer ${repeated} in offer list`;
  const offers: OfferRecord[] = [];
  for (const id of ids) {
    const offer = state.offers[id];
    if (offer === undefined) return `Offer ${id} is no longer valid`;
    if (offer.frameworkId !== framework.id) {
      return `Offer ${id} has invalid framework ${offer.frameworkId} while framework ${framework.id} is expected`;
    }
    offers.push(offer);
  }
  const [first] = offers;
  const agent = first === undefined ? undefined : state.agents[first.agentId];
  if (first === undefined || agent === undefined) return `Offer ${ids[0]} is no longer valid`;
  for (const offer of offers) {
    if (offer.role !== first.role) {
      return `Aggregated offers must be allocated to the same role. Offer ${offer.id} uses role '${offer.role} but another is using role '${first.role}`;
    }
    if (offer.agentId !== first.agentId) {
      return `Aggregated offers must belong to one single agent. Offer ${offer.id} uses agent ${offer.agentId} and agent ${first.agentId}`;
    }
  }
  return { agent, role: first.role, offers };
}

function dropOperations(
  context: Context,
  framework: Framework,
  operations: readonly Operation[],
  error: string,
): void {
  for (const operation of operations) {
    const tasks =
      operation.type === 'LAUNCH'
        ? (operation.launch.task_infos ?? [])
        : operation.type === 'LAUNCH_GROUP'
          ? (operation.launch_group.task_group.tasks ?? [])
          : undefined;
    if (tasks === undefined) {
      failOperation(context, framework, operation, `Operation attempted with invalid offers: ${error}`);
      continue;
    }
    for (const task of tasks) {
      const status = masterStatus(context, {
        taskId: task.task_id.value,
        agentId: task.agent_id.value,
        state: lostState(framework, 'TASK_DROPPED'),
        message: `Task launched with invalid offers: ${error}`,
        reason: 'REASON_INVALID_OFFERS',
      });
      sendUpdate(context, framework, status);
    }
  }
}

/** Only an operation with an id is heard of again; the status asks for no acknowledgement. */
function failOperation(context: Context, framework: Framework, operation: Operation, message: string): void {
  if (operation.id === undefined) return;
  sendStatus(context, framework, { operation_id: operation.id, state: 'OPERATION_ERROR', message });
}

/** Returns what is left of the pool. */
function apply(context: Context, target: Target, operation: Operation, pool: Resource[]): Resource[] {
  switch (operation.type) {
    case 'LAUNCH':
      return launch(context, target, operation, pool);
    case 'RESERVE':
    case 'UNRESERVE':
    case 'CREATE':
    case 'DESTROY':
      return convert(context, target, operation, pool);
    case 'GROW_VOLUME':
      return grow(context, target, operation, pool);
    case 'LAUNCH_GROUP':
      for (const task of operation.launch_group.task_group.tasks ?? []) {
        taskError(context, target.framework, task, 'LAUNCH_GROUP is not supported by this master');
      }
      return pool;
    default:
      failOperation(context, target.framework, operation, 'This operation is not supported by this master');
      return pool;
  }
}

function launch(
  context: Context,
  target: Target,
  operation: Extract<Operation, { type: 'LAUNCH' }>,
  pool: Resource[],
): Resource[] {
  const { framework, agent } = target;
  let left = pool;
  for (const raw of operation.launch.task_infos ?? []) {
    const task = normaliseTask(target, raw);
    const invalid =
      operation.id === undefined
        ? validateTask(framework, agent, task, left)
        : 'The `id` field cannot be set on LAUNCH operations';
    if (invalid !== undefined) {
      taskError(context, framework, task, invalid);
      continue;
    }
    left = subtract(left, resourcesNeeded(framework, agent, task)) ?? left;
    const taskId = task.task_id.value;
    const { executor } = task;
    framework.tasks[taskId] = {
      info: task,
      frameworkId: framework.id,
      agentId: agent.id,
      ...(executor === undefined ? {} : { executorId: executor.executor_id.value }),
      state: 'TASK_STAGING',
      statuses: [],
    };
    if (executor !== undefined) {
      const known = agent.executors[framework.id] ?? table();
      known[executor.executor_id.value] ??= executor;
      agent.executors[framework.id] = known;
    }
    const process = reachableProcess(context.state, agent.id);
    // A partition loses the message; the agent's return settles the task.
    if (process !== undefined) launchTask(context, process, framework.info, task);
  }
  return left;
}

function taskError(context: Context, framework: Framework, task: TaskInfo, message: string): void {
  const status = masterStatus(context, {
    taskId: task.task_id.value,
    agentId: task.agent_id.value,
    state: 'TASK_ERROR',
    message,
    reason: 'REASON_TASK_INVALID',
  });
  sendUpdate(context, framework, status);
}

/** As the agent and the executor will see it: what the client may leave out is filled in. */
function normaliseTask({ framework, role }: Target, task: TaskInfo): TaskInfo {
  const resources = allocatedByDefault(task.resources, role).map(upgrade);
  return {
    ...task,
    ...(task.resources === undefined ? {} : { resources }),
    ...(task.command === undefined ? {} : { command: normaliseCommand(task.command) }),
    ...(task.executor === undefined ? {} : { executor: normaliseExecutor(framework, role, task.executor) }),
  };
}

function normaliseExecutor(framework: Framework, role: string, executor: ExecutorInfo): ExecutorInfo {
  return {
    ...executor,
    framework_id: executor.framework_id ?? { value: framework.id },
    ...(executor.resources === undefined
      ? {}
      : { resources: allocatedByDefault(executor.resources, role).map(upgrade) }),
    ...(executor.command === undefined ? {} : { command: normaliseCommand(executor.command) }),
  };
}

function normaliseCommand(command: CommandInfo): CommandInfo {
  const variables = command.environment?.variables;
  if (variables === undefined) return command;
  return {
    ...command,
    environment: { variables: variables.map((one) => ({ ...one, type: one.type ?? 'VALUE' })) },
  };
}

function convert(context: Context, target: Target, operation: Conversion, pool: Resource[]): Resource[] {
  const { framework, agent, role } = target;
  const fail = (message: string): Resource[] => {
    failOperation(context, framework, operation, message);
    return pool;
  };
  const [raw, produced, consumed] = conversionOf(operation);
  const wrong = validateAmounts(raw);
  if (wrong !== undefined) return fail(`Invalid resources: ${wrong}`);
  const named = bundle(allocatedByDefault(raw, role));
  const from = bundle(named.map(consumed));
  const to = bundle(named.map(produced));
  const invalid = validateConversion(target, operation, named);
  if (invalid !== undefined) return fail(invalid);
  const rest = subtract(pool, from);
  const total = subtract(agent.total, allocated(from, undefined));
  if (rest === undefined || total === undefined) {
    return fail(`${resourcesText(pool)} does not contain ${resourcesText(from)}`);
  }
  applyConversion(context, agent, operation.type, named, add(total, allocated(to, undefined)));
  if (operation.id !== undefined) {
    reportOperation(context, framework, agent.id, withResources(operation, named));
  }
  return add(rest, to);
}

/** What it makes is in no later operation's reach: it is offered again instead (`resizedResources` in master.cpp). */
function grow(
  context: Context,
  { framework, agent, role }: Target,
  operation: Extract<Operation, { type: 'GROW_VOLUME' }>,
  pool: Resource[],
): Resource[] {
  const fail = (message: string): Resource[] => {
    failOperation(context, framework, operation, message);
    return pool;
  };
  const { volume, addition } = operation.grow_volume;
  const wrong = validateAmounts([volume, addition]);
  if (wrong !== undefined) return fail(`Invalid resources: ${wrong}`);
  const [from, into] = [volume, addition].map((one) => bundle(allocatedByDefault([one], role)));
  const invalid = validateGrowth(from?.[0], into?.[0]);
  if (invalid !== undefined) return fail(invalid);
  const consumed = [...(from ?? []), ...(into ?? [])];
  const rest = subtract(pool, consumed);
  const total = subtract(agent.total, allocated(consumed, undefined));
  if (rest === undefined || total === undefined) {
    return fail(
      `Invalid GROW_VOLUME operation: ${resourcesText(pool)} does not contain ${resourcesText(consumed)}`,
    );
  }
  const grown = grownVolume(volume, addition);
  applyConversion(
    context,
    agent,
    'GROW_VOLUME',
    [],
    add(total, allocated(bundle(allocatedByDefault([grown], role)), undefined)),
  );
  if (operation.id !== undefined) reportOperation(context, framework, agent.id, operation);
  return rest;
}

function validateConversion(
  { framework, agent }: Target,
  operation: Conversion,
  named: readonly Resource[],
): string | undefined {
  switch (operation.type) {
    case 'RESERVE':
      if ((operation.reserve.source ?? []).length > 0) return 'Reservation updates are not supported';
      return validateReservation(named, framework.info.principal, rolesOf(framework));
    case 'UNRESERVE':
      return validateUnreservation(named);
    case 'CREATE':
      return validateVolumes(named, agent.total, framework.info.principal);
    case 'DESTROY':
      return validateDestruction(allocated(named, undefined), agent.total);
  }
}
