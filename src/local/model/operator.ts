/** POST /api/v1: what an operator reads and does. The shapes are those of scenarios 10, 11, 13 to 16, 24. */
import type { FrameworkInfo, Resource } from '../../mesos/types.ts';
import { markGone } from './agent-removal.ts';
import { frameworkResources } from './allocator.ts';
import { type Context, refuse, reply } from './context.ts';
import { deactivateAgent, drainAgent, reactivateAgent } from './draining.ts';
import { masterInfo, removeFramework } from './frameworks.ts';
import type { OperatorCall } from './io.ts';
import { maintenanceStatus, startMaintenance, stopMaintenance, updateSchedule } from './maintenance.ts';
import { offeredResources, usedResources } from './offers.ts';
import { endpointForm } from './resources.ts';
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

export function operatorCall(context: Context, call: OperatorCall) {
  const { state } = context;
  const { type } = call;
  const say = (json: Record<string, unknown>): void =>
    reply(context, { status: 200, json: { type, ...json } });
  switch (call.type) {
    case 'GET_AGENTS':
      return say({ get_agents: getAgents(state) });
    case 'GET_TASKS':
      return say({ get_tasks: getTasks(state) });
    case 'GET_FRAMEWORKS':
      return say({ get_frameworks: getFrameworks(state) });
    case 'GET_HEALTH':
      return say({ get_health: { healthy: true } });
    case 'GET_VERSION':
      return say({ get_version: { version_info: { version: state.settings.version } } });
    case 'GET_MASTER':
      return say({ get_master: { master_info: masterInfo(state.settings) } });
    case 'MARK_AGENT_GONE':
      return markGone(context, call.mark_agent_gone.agent_id.value)
        ? reply(context, { status: 200 })
        : refuse(context, 404, `Agent '${call.mark_agent_gone.agent_id.value}' not found`);
    case 'DRAIN_AGENT':
      return drainAgent(context, call.drain_agent);
    case 'DEACTIVATE_AGENT':
      return deactivateAgent(context, call.deactivate_agent.agent_id.value);
    case 'REACTIVATE_AGENT':
      return reactivateAgent(context, call.reactivate_agent.agent_id.value);
    case 'UPDATE_MAINTENANCE_SCHEDULE':
      return updateSchedule(context, call.update_maintenance_schedule.schedule.windows ?? []);
    case 'START_MAINTENANCE':
      return startMaintenance(context, call.start_maintenance.machines ?? []);
    case 'STOP_MAINTENANCE':
      return stopMaintenance(context, call.stop_maintenance.machines ?? []);
    case 'GET_MAINTENANCE_STATUS':
      return say({ get_maintenance_status: { status: maintenanceStatus(state) } });
    case 'GET_MAINTENANCE_SCHEDULE': {
      const { schedule } = state.maintenance;
      return say({
        get_maintenance_schedule: { schedule: schedule.length === 0 ? {} : { windows: schedule } },
      });
    }
    case 'TEARDOWN': {
      const framework = state.frameworks[call.teardown.framework_id.value];
      if (framework === undefined) return refuse(context, 400, 'No framework found with specified ID');
      removeFramework(context, framework);
      return reply(context, { status: 200 });
    }
    default:
      return refuse(context, 400, `${String(type)} is not supported by this master`);
  }
}

function getAgents(state: State): Record<string, unknown> {
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

function getFrameworks(state: State): Record<string, unknown> {
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
    offer_constraints: {},
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

function getTasks(state: State): Record<string, unknown> {
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
