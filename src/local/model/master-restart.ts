/**
 * A master that dies and is elected anew, or another one in its place: all it knows is its registry and
 * what agents and frameworks tell it when they come back. Facts: src/master/master.cpp of Apache Mesos
 * (recover, recoveredSlavesTimeout) and scenario 18.
 */
import type { Context } from './context.ts';
import { sendEvent } from './context.ts';
import { pauseUpdates } from './status-updates.ts';
import { table } from './tables.ts';

const defaultReregisterTimeoutMs = 600_000;

/**
 * Every stream breaks. Agents that could talk to the master find the new one after `agentsReturnAfterMs`;
 * a partitioned one only when it is healed.
 */
export function restartMaster(context: Context, masterId: string, agentsReturnAfterMs: number): void {
  const { state, nowMs } = context;
  for (const { streamId } of Object.values(state.frameworks)) {
    if (streamId !== undefined) context.outputs.push({ kind: 'close-stream', streamId, broken: true });
  }
  state.settings = { ...state.settings, masterId };
  state.electedMs = nowMs;
  state.nextFrameworkNumber = 0;
  state.nextAgentNumber = 0;
  state.nextOfferNumber = 0;
  state.nextAllocationMs = nowMs + state.settings.allocationIntervalMs;
  state.frameworks = table();
  state.completedFrameworks = [];
  state.offers = table();
  state.inverseOffers = table();
  for (const { id, info } of Object.values(state.agents)) state.recoveredAgents[id] = info;
  state.agents = table();
  state.recoveryDeadlineMs = nowMs + (state.settings.agentReregisterTimeoutMs ?? defaultReregisterTimeoutMs);
  for (const [agentId, drain] of Object.entries(state.drainingAgents)) {
    state.drainingAgents[agentId] = { config: drain.config, state: drain.state };
  }
  for (const process of Object.values(state.processes)) {
    if (process.phase !== 'up' || !process.linked) continue;
    process.linked = false;
    pauseUpdates(process);
    process.registerMs = nowMs + agentsReturnAfterMs;
  }
}

/** They did not come back in time. Nothing is known of their tasks, so frameworks hear of the agent only. */
export function giveUpRecoveredAgents(context: Context): void {
  const { state } = context;
  delete state.recoveryDeadlineMs;
  for (const agentId of Object.keys(state.recoveredAgents)) {
    delete state.recoveredAgents[agentId];
    if (state.goneAgents[agentId] !== undefined) continue;
    state.unreachableAgents[agentId] = context.nowMs;
    for (const framework of Object.values(state.frameworks)) {
      sendEvent(context, framework, { type: 'FAILURE', failure: { agent_id: { value: agentId } } });
    }
  }
}
