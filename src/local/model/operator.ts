/** POST /api/v1: what an operator asks and does. */
import { markGone } from './agent-removal.ts';
import { type Context, refuse, reply } from './context.ts';
import { deactivateAgent, drainAgent, reactivateAgent } from './draining.ts';
import { masterInfo, removeFramework } from './frameworks.ts';
import type { OperatorCall } from './io.ts';
import { maintenanceStatus, startMaintenance, stopMaintenance, updateSchedule } from './maintenance.ts';
import { operateResources } from './operator-resources.ts';
import {
  getAgents,
  getExecutors,
  getFrameworks,
  getOperations,
  getRoles,
  getState,
  getTasks,
} from './operator-views.ts';

/** Calls that ask for nothing more than their type. */
const bare = /^GET_/;

export function operatorCall(context: Context, call: OperatorCall) {
  const { state } = context;
  const { type } = call;
  if (type === undefined) {
    return refuse(context, 400, "Failed to validate master::Call: Expecting 'type' to be present");
  }
  const field = String(type).toLowerCase() as keyof typeof call;
  if (!bare.test(String(type)) && call[field] === undefined) {
    return refuse(context, 400, `Failed to validate master::Call: Expecting '${field}' to be present`);
  }
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
      return say({
        get_master: {
          master_info: masterInfo(state.settings),
          start_time: state.electedMs / 1000,
          elected_time: state.electedMs / 1000,
        },
      });
    case 'GET_STATE':
      return say({ get_state: getState(state) });
    case 'GET_EXECUTORS':
      return say({ get_executors: getExecutors(state) });
    case 'GET_OPERATIONS':
      return say({ get_operations: getOperations(state) });
    case 'GET_ROLES':
      return say({ get_roles: getRoles(state) });
    case 'GET_LOGGING_LEVEL':
      return say({ get_logging_level: { level: 0 } });
    // There are neither weights nor quotas; a real master without them answers so.
    case 'GET_WEIGHTS':
      return say({});
    case 'GET_QUOTA':
      return say({ get_quota: { status: {} } });
    case 'RESERVE_RESOURCES':
      return operateResources(context, call.reserve_resources.agent_id.value, {
        type: 'RESERVE',
        reserve: call.reserve_resources,
      });
    case 'UNRESERVE_RESOURCES':
      return operateResources(context, call.unreserve_resources.agent_id.value, {
        type: 'UNRESERVE',
        unreserve: call.unreserve_resources,
      });
    case 'CREATE_VOLUMES':
      return operateResources(context, call.create_volumes.agent_id.value, {
        type: 'CREATE',
        create: call.create_volumes,
      });
    case 'DESTROY_VOLUMES':
      return operateResources(context, call.destroy_volumes.agent_id.value, {
        type: 'DESTROY',
        destroy: call.destroy_volumes,
      });
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
