/**
 * The maintenance schedule, and machines that are taken down and brought up again.
 * Facts: src/master/http.cpp and src/master/maintenance.cpp of Apache Mesos, and scenario 17.
 */
import type { Unavailability } from '../../mesos/types.ts';
import { loseAgent, shutDownAgent } from './agent-removal.ts';
import { allocate } from './allocator.ts';
import { type Context, refuse, reply } from './context.ts';
import { reachableProcess } from './executor-state.ts';
import { rescindAgentInverseOffers } from './inverse-offers.ts';
import { type MachineId, machineKey, machineOf } from './machines.ts';
import { rescindAgentOffers } from './offers.ts';
import type { AgentRecord, State } from './state.ts';
import { table } from './tables.ts';
import { timeInfo } from './tasks.ts';

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

export type MaintenanceWindow = {
  readonly machine_ids?: readonly MachineId[];
  readonly unavailability: Unavailability;
};

/** UPDATE_MAINTENANCE_SCHEDULE: the whole schedule, new. Frameworks learn it by fresh offers. */
export function updateSchedule(context: Context, windows: readonly MaintenanceWindow[]) {
  const { state } = context;
  const invalid = validateSchedule(state, windows);
  if (invalid !== undefined) return refuse(context, 400, invalid);
  reply(context, { status: 200 });
  const { machines } = state.maintenance;
  state.maintenance.machines = table();
  for (const { machine_ids: ids, unavailability } of windows) {
    for (const id of ids ?? []) {
      const mode = machines[machineKey(id)]?.mode ?? 'DRAINING';
      state.maintenance.machines[machineKey(id)] = { id, mode, unavailability };
    }
  }
  state.maintenance.schedule = [...windows];
  // Every agent's offers are taken back, even where nothing changed, as recorded.
  const agents = Object.values(state.agents);
  for (const agent of agents) {
    rescindAgentOffers(context, agent.id);
    rescindAgentInverseOffers(context, agent.id);
    delete agent.inverseAnswers;
    for (const framework of Object.values(state.frameworks)) delete framework.inverseFilters?.[agent.id];
  }
  allocate(context);
}

function validateSchedule(state: State, windows: readonly MaintenanceWindow[]): string | undefined {
  const scheduled = new Set<string>();
  for (const { machine_ids: ids = [], unavailability } of windows) {
    if (ids.length === 0) return 'List of machines in the maintenance window is empty';
    if ((unavailability.duration?.nanoseconds ?? 0) < 0) return "Unavailability 'duration' is negative";
    const invalid = validateMachines(ids, scheduled);
    if (invalid !== undefined) return invalid;
  }
  const down = Object.entries(state.maintenance.machines).find(
    ([key, machine]) => machine.mode === 'DOWN' && !scheduled.has(key),
  );
  return down === undefined
    ? undefined
    : `Machine '${json(down[1].id)}' is deactivated and cannot be removed from the schedule`;
}

/** Adds the machines to `seen`. */
function validateMachines(ids: readonly MachineId[], seen: Set<string>): string | undefined {
  for (const id of ids) {
    const { hostname = '', ip = '' } = id;
    if (hostname === '' && ip === '') return "Both 'hostname' and 'ip' for a machine are empty";
    if (ip !== '' && !ipv4.test(ip)) return `Failed to parse the IP ${ip}`;
    const key = machineKey(id);
    if (seen.has(key)) return `Machine '${json(id)}' appears more than once in the schedule`;
    seen.add(key);
  }
  return undefined;
}

/** START_MAINTENANCE: the agents of the machines are told to end, their tasks are lost. */
export function startMaintenance(context: Context, ids: readonly MachineId[]) {
  const { state } = context;
  const invalid = validateTransition(state, ids, 'DRAINING', 'down');
  if (invalid !== undefined) return refuse(context, 400, invalid);
  const cause = "Operator initiated 'Machine DOWN'";
  for (const id of ids) {
    const machine = machineOf(state, id);
    if (machine !== undefined) machine.mode = 'DOWN';
    for (const agent of agentsOn(state, id)) {
      const process = reachableProcess(state, agent.id);
      loseAgent(context, agent, cause);
      if (process !== undefined) shutDownAgent(context, process, cause);
    }
  }
  reply(context, { status: 200 });
}

/** STOP_MAINTENANCE: the machines leave the schedule; their agents may be started again. */
export function stopMaintenance(context: Context, ids: readonly MachineId[]) {
  const { state } = context;
  const invalid = validateTransition(state, ids, 'DOWN', 'up');
  if (invalid !== undefined) return refuse(context, 400, invalid);
  const up = new Set(ids.map(machineKey));
  for (const key of up) delete state.maintenance.machines[key];
  state.maintenance.schedule = state.maintenance.schedule.flatMap((window) => {
    const left = (window.machine_ids ?? []).filter((id) => !up.has(machineKey(id)));
    return left.length === 0 ? [] : [{ ...window, machine_ids: left }];
  });
  reply(context, { status: 200 });
}

function validateTransition(
  state: State,
  ids: readonly MachineId[],
  mode: 'DRAINING' | 'DOWN',
  direction: 'down' | 'up',
): string | undefined {
  if (ids.length === 0) return 'List of machines is empty';
  const invalid = validateMachines(ids, new Set());
  if (invalid !== undefined) return invalid;
  for (const id of ids) {
    const machine = machineOf(state, id);
    // The master knows the machines of its agents too, in the schedule or not.
    if (machine === undefined && agentsOn(state, id).length === 0) {
      return `Machine '${json(id)}' is not part of a maintenance schedule`;
    }
    if (machine?.mode !== mode) {
      return `Machine '${json(id)}' is not in ${mode} mode and cannot be brought ${direction}`;
    }
  }
  return undefined;
}

function agentsOn(state: State, id: MachineId): AgentRecord[] {
  const key = machineKey(id);
  return Object.values(state.agents).filter(
    ({ info, ip }) => machineKey({ hostname: info.hostname, ip }) === key,
  );
}

/** Of a `ClusterStatus`: who drains with which answers, and who is down. Absent when empty. */
export function maintenanceStatus(state: State): Record<string, unknown> {
  const machines = Object.values(state.maintenance.machines);
  const draining = machines
    .filter(({ mode }) => mode === 'DRAINING')
    .map((machine) => {
      const statuses = agentsOn(state, machine.id).flatMap((agent) =>
        Object.entries(agent.inverseAnswers ?? {}).map(([frameworkId, { status, answeredMs }]) => ({
          status,
          framework_id: { value: frameworkId },
          timestamp: timeInfo(answeredMs),
        })),
      );
      return { id: machine.id, ...(statuses.length === 0 ? {} : { statuses }) };
    });
  const down = machines.filter(({ mode }) => mode === 'DOWN').map(({ id }) => id);
  return {
    ...(draining.length === 0 ? {} : { draining_machines: draining }),
    ...(down.length === 0 ? {} : { down_machines: down }),
  };
}

function json({ hostname, ip }: MachineId): string {
  return JSON.stringify({
    ...(hostname === undefined ? {} : { hostname }),
    ...(ip === undefined ? {} : { ip }),
  });
}
