/**
 * Agents as the master sees them: registration, disconnection, return.
 * Facts: src/master/master.cpp of Apache Mesos and the recordings 13 to 18.
 */
import { goneMessage, loseAgent, shutDownAgent } from './agent-removal.ts';
import { allocate } from './allocator.ts';
import { type Context, sendUpdate } from './context.ts';
import { resumeDrain } from './draining.ts';
import { agentTask, executorOfTask, executorsOf } from './executor-state.ts';
import { agentUpdate, droppedState, killTask, shutdownFramework } from './executors.ts';
import { addFramework } from './framework-table.ts';
import { rescindAgentInverseOffers } from './inverse-offers.ts';
import { machineOf } from './machines.ts';
import { rescindAgentOffers } from './offers.ts';
import { dropLostOperations, learnOperations, resumeOperations } from './operation-feedback.ts';
import { bundle } from './resources.ts';
import type { AgentProcess, AgentRecord, AgentTask, Executor, Framework, MasterTask } from './state.ts';
import { resumeUpdates } from './status-updates.ts';
import { table } from './tables.ts';
import {
  completeTask,
  isTerminal,
  latestContainerStatus,
  latestHealth,
  masterStatus,
  tasksOnAgent,
} from './tasks.ts';

/** The agent's process has recovered and reaches the master. */
export function registerAgent(context: Context, process: AgentProcess) {
  const { state } = context;
  delete process.registerMs;
  if (process.agentId !== undefined && state.goneAgents[process.agentId] !== undefined) {
    return shutDownAgent(context, process, goneMessage);
  }
  if (machineOf(state, process.config)?.mode === 'DOWN') {
    return shutDownAgent(context, process, 'Machine is `DOWN`');
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
  resumeDrain(context, process, record.id);
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

/** Back at a master that had given it up, or has restarted since. */
function readmit(context: Context, process: AgentProcess, agentId: string): void {
  const { state } = context;
  const isRecovered = state.recoveredAgents[agentId] !== undefined;
  const message =
    state.unreachableAgents[agentId] === undefined
      ? 'Unknown agent reregistered'
      : 'Unreachable agent re-reregistered';
  delete state.recoveredAgents[agentId];
  delete state.unreachableAgents[agentId];
  const record = addRecord(context, process, agentId);
  record.reregisteredMs = context.nowMs;
  recoverFrameworks(context, process);
  learnExecutors(context, process, record);
  learnOperations(context, process, agentId);
  for (const executor of executorsOf(process)) {
    const framework = state.frameworks[executor.frameworkId];
    if (framework === undefined) continue;
    for (const task of reportedTasks(executor)) {
      const taskId = task.info.task_id.value;
      delete framework.unreachableTasks[taskId];
      const { info } = task;
      const executorId = info.executor?.executor_id.value;
      framework.tasks[taskId] = {
        ...task,
        frameworkId: framework.id,
        agentId,
        ...(executorId === undefined ? {} : { executorId }),
        statuses: [...task.statuses],
      };
      // After its own restart the master has nothing to correct.
      if (!isRecovered) tellReturn(context, framework, framework.tasks[taskId], message);
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
  resumeDrain(context, process, agentId);
}

/** Frameworks which run here and which the master knows neither as registered nor as removed. */
function recoverFrameworks(context: Context, process: AgentProcess): void {
  const { state } = context;
  for (const [id, info] of Object.entries(process.frameworks)) {
    if (state.frameworks[id] !== undefined || state.completedFrameworks.some((one) => one.id === id))
      continue;
    addFramework(context, info, id).recovered = true;
  }
}

/** All that the agent remembers of an executor's tasks, ended and not acknowledged ones too. */
function reportedTasks(executor: Executor): AgentTask[] {
  const queued = executor.queued.map((info) => ({ info, state: 'TASK_STAGING' as const, statuses: [] }));
  return [...queued, ...Object.values(executor.launched), ...Object.values(executor.finished)];
}

function tellReturn(context: Context, framework: Framework, task: MasterTask, message: string): void {
  const status = masterStatus(context, {
    taskId: task.info.task_id.value,
    agentId: task.agentId,
    executorId: task.executorId,
    state: task.state,
    message,
    reason: 'REASON_AGENT_REREGISTERED',
    healthy: latestHealth(task),
    containerStatus: latestContainerStatus(task),
  });
  sendUpdate(context, framework, status);
}

/** The connection broke. Its offers are taken back; its tasks count as running until it is given up. */
export function disconnectAgent(context: Context, agentId: string): void {
  const record = context.state.agents[agentId];
  if (record === undefined || !record.connected) return;
  record.connected = false;
  rescindAgentOffers(context, agentId);
  rescindAgentInverseOffers(context, agentId);
  startPingTimeout(context, record);
}

export function startPingTimeout(context: Context, record: AgentRecord): void {
  const { agentPingTimeoutMs, maxAgentPingTimeouts } = context.state.settings;
  record.unreachableDeadlineMs ??= context.nowMs + agentPingTimeoutMs * maxAgentPingTimeouts;
}
