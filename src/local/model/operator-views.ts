/** What POST /api/v1 answers to GET_*: the shapes are those of scenarios 10, 11, 13 to 18, 24 and 27. */
import type { FrameworkInfo, OperationStatus, Resource } from '../../mesos/types.ts';
import { frameworkResources } from './allocator.ts';
import { rolesOf } from './context.ts';
import { offeredResources, usedResources } from './offers.ts';
import { endpointForm, reservedRole, thousandths } from './resources.ts';
import type { AgentRecord, CompletedFramework, Framework, MasterTask, State } from './state.ts';
import { timeInfo } from './tasks.ts';

/** What the agents of this master claim to be able to do, as a real agent of 1.12 does. */
const agentCapabilities = [
  'MULTI_ROLE',
  'HIERARCHICAL_ROLE',
  'RESERVATION_REFINEMENT',
  'RESOURCE_PROVIDER',
  'RESIZE_VOLUME',
  'AGENT_OPERATION_FEEDBACK',
  'AGENT_DRAINING',
  'TASK_RESOURCE_LIMITS',
].map((type) => ({ type }));

export function getAgents(state: State): Record<string, unknown> {
  return {
    agents: Object.values(state.agents).map((agent) => agentView(state, agent)),
    recovered_agents: Object.values(state.recoveredAgents),
  };
}

function agentView(state: State, agent: AgentRecord): Record<string, unknown> {
  const deactivated = state.deactivatedAgents[agent.id] !== undefined;
  const drain = state.drainingAgents[agent.id];
  return {
    agent_info: agent.info,
    active: agent.connected && !deactivated,
    deactivated,
    version: state.settings.version,
    pid: `slave(1)@${agent.ip}:${agent.info.port ?? 5051}`,
    registered_time: timeInfo(agent.registeredMs),
    ...(agent.reregisteredMs === undefined ? {} : { reregistered_time: timeInfo(agent.reregisteredMs) }),
    ...listed('total_resources', agent.total),
    ...listed('allocated_resources', usedResources(state, agent)),
    ...listed('offered_resources', offeredResources(state, agent.id)),
    capabilities: agentCapabilities,
    ...(drain === undefined ? {} : { drain_info: { state: drain.state, config: drain.config } }),
    // In whole seconds, as a real master has it.
    ...(drain?.startedMs === undefined
      ? {}
      : { estimated_drain_start_time: timeInfo(Math.floor(drain.startedMs / 1000) * 1000) }),
  };
}

/** Absent when empty, as repeated fields are in Mesos' JSON. */
function listed(name: string, resources: readonly Resource[]): Record<string, unknown> {
  return resources.length === 0 ? {} : { [name]: resources.map(endpointForm) };
}

export function getFrameworks(state: State): Record<string, unknown> {
  return {
    frameworks: Object.values(state.frameworks).map((framework) => frameworkView(state, framework)),
    completed_frameworks: state.completedFrameworks.map((one) => ({
      ...commonView(one, false),
      unregistered_time: timeInfo(one.unregisteredMs),
      offer_constraints: {},
    })),
  };
}

function frameworkView(state: State, framework: Framework): Record<string, unknown> {
  const offers = Object.values(state.offers).filter((offer) => offer.frameworkId === framework.id);
  const { used, offered } = frameworkResources(state, framework.id);
  return {
    ...commonView(framework, framework.streamId !== undefined, framework.recovered),
    ...(offers.length === 0 ? {} : { offers: offers.map((offer) => offer.offer) }),
    ...listed('allocated_resources', used),
    ...listed('offered_resources', offered),
    offer_constraints: framework.offerConstraints ?? {},
  };
}

type Registered = Pick<CompletedFramework, 'registeredMs' | 'reregisteredMs'> & {
  readonly info: FrameworkInfo;
};

function commonView(framework: Registered, connected: boolean, recovered = false): Record<string, unknown> {
  return {
    framework_info: framework.info,
    active: connected,
    connected,
    recovered,
    registered_time: timeInfo(framework.registeredMs),
    reregistered_time: timeInfo(framework.reregisteredMs),
  };
}

export function getTasks(state: State): Record<string, unknown> {
  const frameworks = Object.values(state.frameworks);
  const completed = [...state.completedFrameworks, ...frameworks].flatMap((one) => one.completedTasks);
  return {
    tasks: frameworks.flatMap((one) => Object.values(one.tasks)).map(taskView),
    unreachable_tasks: frameworks.flatMap((one) => Object.values(one.unreachableTasks)).map(taskView),
    completed_tasks: completed.map(taskView),
  };
}

function taskView(task: MasterTask): Record<string, unknown> {
  const { info } = task;
  return {
    name: info.name,
    task_id: info.task_id,
    framework_id: { value: task.frameworkId },
    ...(task.executorId === undefined ? {} : { executor_id: { value: task.executorId } }),
    agent_id: { value: task.agentId },
    state: task.state,
    resources: info.resources ?? [],
    ...(task.statuses.length === 0 ? {} : { statuses: task.statuses }),
    ...(task.updateState === undefined ? {} : { status_update_state: task.updateState }),
    ...(task.updateUuid === undefined ? {} : { status_update_uuid: task.updateUuid }),
    ...(info.labels === undefined ? {} : { labels: info.labels }),
    ...(info.discovery === undefined ? {} : { discovery: info.discovery }),
  };
}

/** Executors made for commands are not among them, as in Mesos. */
export function getExecutors(state: State): Record<string, unknown> {
  return {
    executors: Object.values(state.agents).flatMap((agent) =>
      Object.values(agent.executors).flatMap((executors) =>
        Object.values(executors).map((info) => ({ executor_info: info, agent_id: { value: agent.id } })),
      ),
    ),
  };
}

/** Operations with an id whose last status is not acknowledged. */
export function getOperations(state: State): Record<string, unknown> {
  const operations = Object.values(state.frameworks).flatMap((framework) =>
    Object.entries(framework.operations).flatMap(([operationId, { agentId, state: ended, info, uuid }]) => {
      if (info === undefined || uuid === undefined) return [];
      const status = reportedStatus(state, framework.id, operationId);
      return {
        framework_id: { value: framework.id },
        agent_id: { value: agentId },
        info,
        latest_status: status ?? { operation_id: { value: operationId }, state: ended },
        ...(status === undefined ? {} : { statuses: [status] }),
        uuid: { value: uuid },
      };
    }),
  );
  return operations.length === 0 ? {} : { operations };
}

function reportedStatus(state: State, frameworkId: string, operationId: string): OperationStatus | undefined {
  return Object.values(state.processes)
    .flatMap((process) => process.operations)
    .find((one) => one.frameworkId === frameworkId && one.status.operation_id?.value === operationId)?.status;
}

const countedInRoles = ['cpus', 'disk', 'mem'] as const;

/** Roles of frameworks and of reservations, with their ancestors; what of them is allocated or offered. */
export function getRoles(state: State): Record<string, unknown> {
  const frameworks = Object.values(state.frameworks);
  const agents = Object.values(state.agents);
  const reserved = agents.flatMap((agent) => agent.total.flatMap((one) => reservedRole(one) ?? []));
  const names = new Set([...frameworks.flatMap(rolesOf), ...reserved].flatMap(withAncestors));
  const taken = agents.flatMap((agent) => [
    ...usedResources(state, agent),
    ...offeredResources(state, agent.id),
  ]);
  const roles = [...names].toSorted().map((name) => {
    const own = taken.filter((one) => (one.allocation_info?.role ?? '*') === name);
    const members = frameworks.filter((framework) => rolesOf(framework).includes(name));
    const resources = countedInRoles.flatMap((kind) => {
      const amount = thousandths(own, kind);
      return amount === 0 ? [] : [{ name: kind, type: 'SCALAR', scalar: { value: amount / 1000 } }];
    });
    return {
      name,
      weight: 1,
      ...(members.length === 0 ? {} : { frameworks: members.map(({ id }) => ({ value: id })) }),
      ...(resources.length === 0 ? {} : { resources }),
    };
  });
  return roles.length === 0 ? {} : { roles };
}

function withAncestors(role: string): string[] {
  const parts = role.split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** The whole, in the parts of its own calls. */
export function getState(state: State): Record<string, unknown> {
  return {
    get_tasks: getTasks(state),
    get_executors: getExecutors(state),
    get_frameworks: getFrameworks(state),
    get_agents: getAgents(state),
  };
}
