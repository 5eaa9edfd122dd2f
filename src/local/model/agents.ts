/**
 * Agents as the master sees them: registration, disconnection, unreachability, removal.
 * Facts: src/master/master.cpp of Apache Mesos and the recordings 13, 14, 15, 16.
 */
import { allocate } from './allocator.ts';
import { type Context, sendEvent, sendUpdate } from './context.ts';
import { agentTask, executorOfTask, executorsOf, reachableProcess } from './executor-state.ts';
import { agentUpdate, droppedState, killTask, shutdownFramework } from './executors.ts';
import { rescindAgentOffers } from './offers.ts';
import { dropLostOperations, resumeOperations } from './operation-feedback.ts';
import { bundle } from './resources.ts';
import type { AgentProcess, AgentRecord, Framework, MasterTask } from './state.ts';
import { resumeUpdates } from './status-updates.ts';
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

/** The agent's process has recovered and reaches the master. */
export function registerAgent(context: Context, process: AgentProcess) {
  const { state } = context;
  delete process.registerMs;
  if (process.agentId !== undefined && state.goneAgents[process.agentId] !== undefined) {
    return stopGone(context, process);
  }
  process.phase = 'up';
  process.linked = true;
  const record = process.agentId === undefined ? undefined : state.agents[process.agentId];
  if (record !== undefined) return reregister(context, process, record);
  const { ip, port } = process.config;
  for (const other of Object.values(state.agents)) {
    if (other.ip === ip && other.info.port === port) {
      loseAgent(context, other, 'a new agent registered at the same address');
    }
  }
  if (process.agentId === undefined) {
    process.agentId = `${state.settings.masterId}-S${state.nextAgentNumber}`;
    state.nextAgentNumber += 1;
    addRecord(context, process, process.agentId);
    return allocate(context, [process.agentId]);
  }
  readmit(context, process, process.agentId);
}

function stopGone(context: Context, process: AgentProcess): void {
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
  const message = 'Agent has been marked gone';
  context.outputs.push({ kind: 'stop-agent', agentName: process.name, message });
}

function addRecord(context: Context, process: AgentProcess, agentId: string): AgentRecord {
  const { config } = process;
  const record: AgentRecord = {
    id: agentId,
    name: process.name,
    info: infoOf(process),
    ip: config.ip,
    connected: true,
    total: process.total,
    executors: table(),
    killedTasks: table(),
    registeredMs: context.nowMs,
  };
  context.state.agents[agentId] = record;
  return record;
}

function infoOf(process: AgentProcess): AgentRecord['info'] {
  const { hostname, port, attributes, domain, resources } = process.config;
  return {
    hostname,
    port,
    resources: bundle(resources),
    ...(attributes === undefined || attributes.length === 0 ? {} : { attributes }),
    ...(process.agentId === undefined ? {} : { id: { value: process.agentId } }),
    ...(domain === undefined ? {} : { domain }),
    checkpoint: true,
  };
}

/** Back before the master gave it up. */
function reregister(context: Context, process: AgentProcess, record: AgentRecord): void {
  record.connected = true;
  delete record.unreachableDeadlineMs;
  record.reregisteredMs = context.nowMs;
  record.info = infoOf(process);
  record.total = process.total;
  learnExecutors(context, process, record);
  for (const framework of Object.values(context.state.frameworks)) {
    for (const task of tasksOnAgent(framework, record.id)) compareTask(context, process, framework, task);
  }
  shutdownRemovedFrameworks(context, process);
  resumeAll(context, process);
  for (const [frameworkId, tasks] of Object.entries(record.killedTasks)) {
    for (const [taskId, policy] of Object.entries(tasks)) {
      killTask(context, process, frameworkId, taskId, policy ?? undefined);
    }
  }
}

/** Known to the master: does the agent still know it too? */
function compareTask(context: Context, process: AgentProcess, framework: Framework, task: MasterTask): void {
  const taskId = task.info.task_id.value;
  const executor = executorOfTask(process, framework.id, taskId);
  if (executor !== undefined) {
    if (!isTerminal(task.state)) task.state = agentTask(executor, taskId)?.state ?? 'TASK_STAGING';
    return;
  }
  const waiting = Object.values(process.updates).some(
    (stream) => stream.frameworkId === framework.id && stream.taskId === taskId,
  );
  if (waiting) return;
  process.frameworks[framework.id] ??= framework.info;
  agentUpdate(context, process, framework.id, {
    taskId,
    state: droppedState(framework.info),
    message: 'Reconciliation: task unknown to the agent',
    reason: 'REASON_RECONCILIATION',
  });
}

function learnExecutors(context: Context, process: AgentProcess, record: AgentRecord): void {
  record.executors = table();
  for (const executor of executorsOf(process)) {
    if (executor.command || executor.phase === 'terminated') continue;
    if (context.state.frameworks[executor.frameworkId] === undefined) continue;
    const known = record.executors[executor.frameworkId] ?? table();
    known[executor.executorId] = executor.info;
    record.executors[executor.frameworkId] = known;
  }
}

function shutdownRemovedFrameworks(context: Context, process: AgentProcess): void {
  for (const frameworkId of Object.keys(process.frameworks)) {
    if (context.state.frameworks[frameworkId] === undefined) {
      shutdownFramework(context, process, frameworkId);
    }
  }
}

/** Once for the registration and once for each framework's update; so repeats come, as recorded. */
function resumeAll(context: Context, process: AgentProcess): void {
  resumeOperations(context, process);
  dropLostOperations(context, process);
  resumeUpdates(context, process);
  for (const _ of Object.keys(process.frameworks)) resumeUpdates(context, process);
}

/** Back after it was given up as unreachable (or unknown to this master). */
function readmit(context: Context, process: AgentProcess, agentId: string): void {
  const { state } = context;
  delete state.unreachableAgents[agentId];
  const record = addRecord(context, process, agentId);
  record.reregisteredMs = context.nowMs;
  learnExecutors(context, process, record);
  for (const executor of executorsOf(process)) {
    const framework = state.frameworks[executor.frameworkId];
    if (framework === undefined) continue;
    const infos = [...executor.queued, ...Object.values(executor.launched).map((one) => one.info)];
    for (const info of infos) {
      returnTask(context, framework, agentId, info, agentTask(executor, info.task_id.value)?.state);
    }
  }
  for (const framework of Object.values(state.frameworks)) {
    // What the agent does not bring back has ended meanwhile; its last update may still come.
    for (const task of Object.values(framework.unreachableTasks)) {
      if (task.agentId === agentId) completeTask(context, framework, task);
    }
  }
  shutdownRemovedFrameworks(context, process);
  allocate(context, [agentId]);
  resumeAll(context, process);
}

function returnTask(
  context: Context,
  framework: Framework,
  agentId: string,
  info: MasterTask['info'],
  agentState: MasterTask['state'] | undefined,
): void {
  const taskId = info.task_id.value;
  const lost = framework.unreachableTasks[taskId];
  delete framework.unreachableTasks[taskId];
  const task: MasterTask = {
    info,
    frameworkId: framework.id,
    agentId,
    ...(info.executor === undefined ? {} : { executorId: info.executor.executor_id.value }),
    state: agentState ?? 'TASK_STAGING',
    statuses: (lost?.statuses ?? []).filter((status) => status.source !== 'SOURCE_MASTER'),
  };
  framework.tasks[taskId] = task;
  if (lost === undefined) return;
  const status = masterStatus(context, {
    taskId,
    agentId,
    executorId: task.executorId,
    state: task.state,
    message: 'Unreachable agent re-reregistered',
    reason: 'REASON_AGENT_REREGISTERED',
    containerStatus: task.statuses.findLast((one) => one.container_status !== undefined)?.container_status,
  });
  sendUpdate(context, framework, status);
}

/** The connection broke. Its offers are taken back; its tasks count as running until it is given up. */
export function disconnectAgent(context: Context, agentId: string): void {
  const record = context.state.agents[agentId];
  if (record === undefined || !record.connected) return;
  record.connected = false;
  rescindAgentOffers(context, agentId);
  startPingTimeout(context, record);
}

export function startPingTimeout(context: Context, record: AgentRecord): void {
  const { agentPingTimeoutMs, maxAgentPingTimeouts } = context.state.settings;
  record.unreachableDeadlineMs ??= context.nowMs + agentPingTimeoutMs * maxAgentPingTimeouts;
}

/** No answer to pings for too long. */
export function giveUpAgent(context: Context, record: AgentRecord): void {
  const { state, nowMs } = context;
  state.unreachableAgents[record.id] = nowMs;
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
  if (record === undefined && state.unreachableAgents[agentId] === undefined) return false;
  delete state.unreachableAgents[agentId];
  state.goneAgents[agentId] = context.nowMs;
  const end = {
    state: 'TASK_GONE_BY_OPERATOR',
    message: 'Agent has been marked gone',
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
  if (process !== undefined) stopGone(context, process);
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
  delete state.agents[record.id];
  for (const framework of frameworks) {
    framework.filters = framework.filters.filter((filter) => filter.agentId !== record.id);
    sendEvent(context, framework, { type: 'FAILURE', failure: { agent_id: { value: record.id } } });
  }
}
