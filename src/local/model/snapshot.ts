/** A new state, and a state as text that outlives its process. */

import { stopAgent } from './agent-process.ts';
import type { Context } from './context.ts';
import { executorsOf } from './executor-state.ts';
import { disconnectFramework } from './frameworks.ts';
import type { Settings, State } from './state.ts';
import { parseTables, table } from './tables.ts';

/**
 * Mesos' own defaults, but for the completed tasks: a thousand of them would weigh on each checkpoint.
 * The ids and addresses are for the caller to choose.
 */
export const defaultSettings = {
  version: '1.12.0',
  allocationIntervalMs: 1_000,
  heartbeatIntervalMs: 15_000,
  agentPingTimeoutMs: 15_000,
  maxAgentPingTimeouts: 5,
  maxCompletedFrameworks: 50,
  maxCompletedTasks: 100,
} as const satisfies Partial<Settings>;

export function initialState(settings: Settings, nowMs: number): State {
  return {
    settings,
    nowMs,
    electedMs: nowMs,
    nextFrameworkNumber: 0,
    nextAgentNumber: 0,
    nextOfferNumber: 0,
    nextUuidNumber: 0,
    nextAllocationMs: nowMs + settings.allocationIntervalMs,
    frameworks: table(),
    completedFrameworks: [],
    offers: table(),
    agents: table(),
    recoveredAgents: table(),
    unreachableAgents: table(),
    goneAgents: table(),
    deactivatedAgents: table(),
    drainingAgents: table(),
    maintenance: { schedule: [], machines: table() },
    inverseOffers: table(),
    processes: table(),
  };
}

export function serialize(state: State): string {
  return JSON.stringify(state);
}

/**
 * The state after a restart of the process that held it: every stream is closed (so each framework's
 * failover timeout starts now) and every agent is down with its executors running. Start the agents
 * by `agent-started`, with `livingContainers`. Settings other than the master's id may have changed.
 */
export function restore(text: string, nowMs: number, settings?: Settings): State {
  const saved = parseTables(text) as State;
  // A state of an older version lacks what was added since.
  const state: State = { ...initialState(saved.settings, nowMs), ...saved, ...(settings && { settings }) };
  state.nowMs = Math.max(state.nowMs, nowMs);
  // Whom these outputs would go to is gone.
  const context: Context = { state, nowMs: state.nowMs, outputs: [] };
  for (const framework of Object.values(state.frameworks)) {
    if (framework.streamId !== undefined) disconnectFramework(context, framework.streamId);
    // Nobody could subscribe while nothing listened: the timeout counts from now.
    else if (framework.failoverDeadlineMs !== undefined) {
      const timeoutMs = Math.max(0, (framework.info.failover_timeout ?? 0) * 1000);
      framework.failoverDeadlineMs = state.nowMs + timeoutMs;
    }
  }
  for (const process of Object.values(state.processes)) {
    stopAgent(context, process.name, 'running');
    for (const executor of executorsOf(process)) {
      for (const task of [...Object.values(executor.launched), ...Object.values(executor.finished)]) {
        task.statuses ??= [];
      }
    }
  }
  for (const agent of Object.values(state.agents)) {
    delete agent.unreachableDeadlineMs;
    agent.connected = false;
    const { agentPingTimeoutMs, maxAgentPingTimeouts } = state.settings;
    agent.unreachableDeadlineMs = state.nowMs + agentPingTimeoutMs * maxAgentPingTimeouts;
  }
  return state;
}
