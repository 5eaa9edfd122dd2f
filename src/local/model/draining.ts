/**
 * DRAIN_AGENT, DEACTIVATE_AGENT, REACTIVATE_AGENT: the master stops offering the agent; a draining agent
 * kills its tasks and takes no new ones; when nothing is left it is DRAINED, or gone.
 * Facts: src/master/http.cpp, src/master/master.cpp (checkAndTransitionDrainingAgent) and
 * src/slave/slave.cpp (Slave::drain) of Apache Mesos, and scenario 16.
 */
import type { KillPolicy, TaskInfo } from '../../mesos/types.ts';
import { markGone } from './agent-removal.ts';
import { type Context, refuse, reply } from './context.ts';
import { executorsOf, reachableProcess } from './executor-state.ts';
import { killTask } from './executors.ts';
import { rescindAgentInverseOffers } from './inverse-offers.ts';
import { machineKey, machineText } from './machines.ts';
import { rescindAgentOffers } from './offers.ts';
import type { AgentProcess, DrainConfig, State } from './state.ts';
import { tasksOnAgent } from './tasks.ts';

/** `max_grace_period` is a `google.protobuf.Duration` here, unlike all other durations of the v1 API. */
export type DrainCall = {
  readonly agent_id: { readonly value: string };
  readonly max_grace_period?: { readonly seconds?: number; readonly nanos?: number };
  readonly mark_gone?: boolean;
};

export function drainAgent(context: Context, call: DrainCall) {
  const { state } = context;
  const agentId = call.agent_id.value;
  const scheduled = scheduledMachineOf(state, agentId);
  if (scheduled !== undefined) {
    const text = `Agent ${agentId} is part of a maintenance schedule under Machine ${scheduled}`;
    return refuse(context, 400, text);
  }
  if (!isKnown(state, agentId)) return refuse(context, 400, 'Unknown agent');
  const { seconds = 0, nanos = 0 } = call.max_grace_period ?? {};
  const config: DrainConfig = {
    ...(call.max_grace_period === undefined
      ? {}
      : { max_grace_period: { nanoseconds: seconds * 1e9 + nanos } }),
    mark_gone: call.mark_gone ?? false,
  };
  const isRegistered = state.agents[agentId] !== undefined;
  state.drainingAgents[agentId] = {
    config,
    state: 'DRAINING',
    ...(isRegistered ? { startedMs: context.nowMs } : {}),
  };
  reply(context, { status: 200 });
  deactivate(context, agentId);
  const process = reachableProcess(state, agentId);
  if (process !== undefined) drainProcess(context, process, config);
  checkDrained(context, agentId);
}

export function deactivateAgent(context: Context, agentId: string) {
  if (!isKnown(context.state, agentId)) return refuse(context, 400, 'Unknown agent');
  reply(context, { status: 200 });
  deactivate(context, agentId);
}

export function reactivateAgent(context: Context, agentId: string) {
  const { state } = context;
  if (state.deactivatedAgents[agentId] === undefined) {
    return refuse(context, 400, 'Agent is not deactivated');
  }
  if (state.drainingAgents[agentId]?.state === 'DRAINING') {
    return refuse(context, 400, 'Agent is still in the DRAINING state');
  }
  delete state.drainingAgents[agentId];
  delete state.deactivatedAgents[agentId];
  if (state.agents[agentId] === undefined) {
    return refuse(context, 409, 'Agent removed while processing the call');
  }
  reply(context, { status: 200 });
}

/** As text. The two ways of emptying a machine exclude one another. */
function scheduledMachineOf(state: State, agentId: string): string | undefined {
  const record = state.agents[agentId];
  if (record === undefined) return undefined;
  const machine = { hostname: record.info.hostname, ip: record.ip };
  const scheduled = state.maintenance.schedule
    .flatMap((window) => window.machine_ids ?? [])
    .find((id) => machineKey(id) === machineKey(machine));
  return scheduled && machineText(scheduled);
}

function isKnown(state: State, agentId: string): boolean {
  const { agents, recoveredAgents, unreachableAgents } = state;
  return [agents, recoveredAgents, unreachableAgents].some((table) => table[agentId] !== undefined);
}

function deactivate(context: Context, agentId: string): void {
  context.state.deactivatedAgents[agentId] = true;
  rescindAgentOffers(context, agentId);
  rescindAgentInverseOffers(context, agentId);
}

/** The agent is back: it is told again, whatever it remembers. */
export function resumeDrain(context: Context, process: AgentProcess, agentId: string): void {
  const drain = context.state.drainingAgents[agentId];
  if (drain === undefined) return;
  drainProcess(context, process, drain.config);
  checkDrained(context, agentId);
}

/** Called where a real master looks: a task or an operation was acknowledged, the agent came back. */
export function checkDrained(context: Context, agentId: string): void {
  const { state } = context;
  const drain = state.drainingAgents[agentId];
  if (drain?.state !== 'DRAINING' || state.agents[agentId] === undefined) return;
  const isBusy = Object.values(state.frameworks).some(
    (framework) =>
      tasksOnAgent(framework, agentId).length > 0 ||
      Object.values(framework.operations).some((operation) => operation.agentId === agentId),
  );
  if (isBusy) return;
  if (drain.config.mark_gone) markGone(context, agentId);
  else drain.state = 'DRAINED';
}

/** DrainSlaveMessage. An agent without frameworks and operations is drained already. */
function drainProcess(context: Context, process: AgentProcess, config: DrainConfig): void {
  if (process.operations.length === 0 && Object.keys(process.frameworks).length === 0) return;
  process.drain = config;
  for (const executor of executorsOf(process)) {
    const launched = Object.values(executor.launched).map((task) => task.info);
    for (const info of [...launched, ...executor.queued]) {
      killTask(context, process, executor.frameworkId, info.task_id.value, killPolicyOf(info, config));
    }
  }
}

/** The drain's grace period, where the task's own is longer or unknown. */
function killPolicyOf(task: TaskInfo, { max_grace_period: longest }: DrainConfig): KillPolicy | undefined {
  const own = task.kill_policy?.grace_period?.nanoseconds;
  if (longest === undefined || (own !== undefined && own <= longest.nanoseconds)) return undefined;
  return { grace_period: longest };
}
