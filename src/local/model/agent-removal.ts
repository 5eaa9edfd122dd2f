/**
 * How agents leave the master: unreachable, lost, marked gone.
 * Facts: src/master/master.cpp of Apache Mesos and the recordings 13 to 17.
 */
import { type Context, sendEvent, sendUpdate } from './context.ts';
import { executorsOf, reachableProcess } from './executor-state.ts';
import { rescindAgentInverseOffers } from './inverse-offers.ts';
import { rescindAgentOffers } from './offers.ts';
import { failOperations } from './operation-feedback.ts';
import type { AgentProcess, AgentRecord, Framework, MasterTask } from './state.ts';
import { table } from './tables.ts';
import {
  completeTask,
  endTask,
  isTerminal,
  lostState,
  type MasterStatus,
  masterStatus,
  noteStatus,
  tasksOnAgent,
} from './tasks.ts';

/** What a real master tells an agent that was marked gone, and its frameworks. */
export const goneMessage = 'Agent has been marked gone';

/** No answer to pings for too long. */
export function giveUpAgent(context: Context, record: AgentRecord): void {
  const { state, nowMs } = context;
  state.unreachableAgents[record.id] = nowMs;
  failOperations(context, record.id, 'OPERATION_UNREACHABLE', 'Agent was marked unreachable');
  removeRecord(context, record, (framework, task) => {
    if (isTerminal(task.state)) return completeTask(context, framework, task);
    const status = masterStatus(context, {
      taskId: task.info.task_id.value,
      agentId: record.id,
      executorId: task.executorId,
      state: lostState(framework, 'TASK_UNREACHABLE'),
      message: 'health check timed out',
      reason: 'REASON_AGENT_REMOVED',
      unreachableMs: nowMs,
    });
    task.state = status.state;
    noteStatus(task, status);
    delete framework.tasks[task.info.task_id.value];
    framework.unreachableTasks[task.info.task_id.value] = task;
    sendUpdate(context, framework, status);
  });
}

/** It will not come back under this id: its tasks are TASK_LOST, even for partition-aware frameworks. */
export function loseAgent(context: Context, record: AgentRecord, cause: string): void {
  delete context.state.deactivatedAgents[record.id];
  delete context.state.drainingAgents[record.id];
  endAgent(context, record, {
    state: 'TASK_LOST',
    message: `Agent ${record.info.hostname} removed: ${cause}`,
    reason: 'REASON_AGENT_REMOVED',
  });
}

function endAgent(
  context: Context,
  record: AgentRecord,
  end: Pick<MasterStatus, 'state' | 'message' | 'reason'>,
): void {
  removeRecord(context, record, (framework, task) => {
    if (isTerminal(task.state)) completeTask(context, framework, task);
    else endTask(context, framework, task, { ...end, state: lostState(framework, end.state) });
  });
}

/** MARK_AGENT_GONE. False when there is no such agent. */
export function markGone(context: Context, agentId: string): boolean {
  const { state } = context;
  if (state.goneAgents[agentId] !== undefined) return true;
  const record = state.agents[agentId];
  const process = reachableProcess(state, agentId);
  if (state.recoveredAgents[agentId] !== undefined) {
    // Its tasks are not known: frameworks learn of it by asking, once it is not waited for any more.
    state.goneAgents[agentId] = context.nowMs;
    return true;
  }
  if (record === undefined && state.unreachableAgents[agentId] === undefined) return false;
  if (record === undefined) {
    // Of a registered agent both are kept, so that REACTIVATE_AGENT still says "DRAINING" (scenario 16).
    delete state.deactivatedAgents[agentId];
    delete state.drainingAgents[agentId];
  }
  delete state.unreachableAgents[agentId];
  state.goneAgents[agentId] = context.nowMs;
  failOperations(context, agentId, 'OPERATION_GONE_BY_OPERATOR', goneMessage);
  const end = {
    state: 'TASK_GONE_BY_OPERATOR',
    message: goneMessage,
    reason: 'REASON_AGENT_REMOVED_BY_OPERATOR',
  } as const;
  if (record !== undefined) endAgent(context, record, end);
  for (const framework of Object.values(state.frameworks)) {
    for (const task of Object.values(framework.unreachableTasks)) {
      if (task.agentId === agentId) {
        endTask(context, framework, task, { ...end, state: lostState(framework, end.state) });
      }
    }
  }
  if (process !== undefined) shutDownAgent(context, process, goneMessage);
  return true;
}

function removeRecord(
  context: Context,
  record: AgentRecord,
  end: (framework: Framework, task: MasterTask) => void,
): void {
  const { state } = context;
  const frameworks = Object.values(state.frameworks);
  for (const framework of frameworks) {
    for (const task of tasksOnAgent(framework, record.id)) end(framework, task);
  }
  rescindAgentOffers(context, record.id);
  rescindAgentInverseOffers(context, record.id);
  delete state.agents[record.id];
  for (const framework of frameworks) {
    framework.filters = framework.filters.filter((filter) => filter.agentId !== record.id);
    delete framework.inverseFilters?.[record.id];
    sendEvent(context, framework, { type: 'FAILURE', failure: { agent_id: { value: record.id } } });
  }
}

/** ShutdownMessage: the agent kills its executors and ends; it keeps its work directory, and so its id. */
export function shutDownAgent(context: Context, process: AgentProcess, message: string): void {
  process.phase = 'down';
  process.linked = false;
  for (const executor of executorsOf(process)) {
    const { containerId } = executor;
    context.outputs.push({ kind: 'destroy-container', agentName: process.name, containerId });
  }
  process.executors = table();
  process.updates = table();
  process.operations = [];
  process.frameworks = table();
  delete process.drain;
  context.outputs.push({ kind: 'stop-agent', agentName: process.name, message });
}
