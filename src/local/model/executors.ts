/**
 * Executors and their tasks on an agent: launch, kill, shutdown, end.
 * Facts: src/slave/slave.cpp of Apache Mesos.
 */
import type {
  ExecutorEvent,
  FrameworkInfo,
  KillPolicy,
  TaskInfo,
  TaskState,
  TaskStatus,
  TaskStatusReason,
} from '../../mesos/types.ts';
import { startCommandKill } from './command-tasks.ts';
import { executorInfoOf, startContainer, volumesOf } from './containers.ts';
import { type Context, newUuidBytes, newUuidText, sendEvent, timestamp } from './context.ts';
import {
  agentTask,
  canTalk,
  endDrain,
  executorByContainer,
  executorKey,
  executorOfTask,
  executorsOf,
  usesUnknown,
} from './executor-state.ts';
import type { AgentProcess, Executor } from './state.ts';
import { acknowledgeFirst, enqueueUpdate, forgetUpdates } from './status-updates.ts';
import { table } from './tables.ts';
import { isTerminal, noteStatus } from './tasks.ts';

/** RunTaskMessage: the agent starts the task, its executor first if need be, or says why not. */
export function launchTask(
  context: Context,
  process: AgentProcess,
  frameworkInfo: FrameworkInfo,
  task: TaskInfo,
) {
  const frameworkId = frameworkInfo.id?.value ?? '';
  process.frameworks[frameworkId] = frameworkInfo;
  const executorId = task.executor?.executor_id.value ?? task.task_id.value;
  const executor = process.executors[executorKey(frameworkId, executorId)];
  const drop = (message: string, reason: TaskStatusReason): void =>
    agentUpdate(context, process, frameworkId, {
      taskId: task.task_id.value,
      state: droppedState(frameworkInfo),
      message,
      reason,
      executorId,
    });
  const refused = refusal(process, task);
  if (refused !== undefined) {
    drop(...refused);
    // The master counts an executor that never began (`sendExitedExecutorMessage` in slave.cpp).
    if (executor === undefined) notifyExit(context, process, { frameworkId, executorId }, -1);
    forgetIdleFramework(process, frameworkId);
    return;
  }
  if (executor === undefined) return startExecutor(context, process, frameworkInfo, task, executorId);
  if (task.executor === undefined || executor.command) {
    return drop('Cannot reuse an already existing executor for a command task', 'REASON_TASK_INVALID');
  }
  if (executor.phase === 'terminating' || executor.phase === 'terminated') {
    return drop(`Executor ${executor.phase}`, 'REASON_EXECUTOR_TERMINATED');
  }
  const volumes = volumesOf(task.resources ?? []);
  if (volumes.length > 0) {
    const { containerId } = executor;
    context.outputs.push({ kind: 'add-volumes', agentName: process.name, containerId, volumes });
  }
  if (executor.phase === 'running') deliver(context, executor, task);
  else executor.queued.push(task);
}

function refusal(
  process: AgentProcess,
  { resources, executor }: TaskInfo,
): readonly [message: string, reason: TaskStatusReason] | undefined {
  if (process.drain !== undefined) {
    return ['Task was received while agent was already draining', 'REASON_AGENT_DRAINING'];
  }
  const user = usesUnknown(process, resources)
    ? 'task or task group'
    : usesUnknown(process, executor?.resources)
      ? 'executor'
      : undefined;
  return user === undefined
    ? undefined
    : [
        `The checkpointed resources being used by the ${user} are unknown to the agent`,
        'REASON_RESOURCES_UNKNOWN',
      ];
}

function startExecutor(
  context: Context,
  process: AgentProcess,
  frameworkInfo: FrameworkInfo,
  task: TaskInfo,
  executorId: string,
): void {
  const frameworkId = frameworkInfo.id?.value ?? '';
  const registrationTimeoutMs = process.config.executorRegistrationTimeoutMs ?? 60_000;
  const command = task.executor === undefined;
  const executor: Executor = {
    frameworkId,
    executorId,
    containerId: newUuidText(context),
    command,
    info: executorInfoOf(frameworkId, task),
    phase: 'registering',
    // The command executor registers by itself once the fetch is done, however long that takes here.
    ...(command ? {} : { registrationDeadlineMs: context.nowMs + registrationTimeoutMs }),
    queued: [task],
    launched: table(),
    finished: table(),
  };
  process.executors[executorKey(frameworkId, executorId)] = executor;
  startContainer(context, process, frameworkInfo, executor, task);
}

/** Hands a task to a running custom executor. */
export function deliver(context: Context, executor: Executor, task: TaskInfo): void {
  executor.launched[task.task_id.value] = { info: task, state: 'TASK_STAGING', statuses: [] };
  sendExecutorEvent(context, executor, { type: 'LAUNCH', launch: { task } });
}

export function sendExecutorEvent(context: Context, executor: Executor, event: ExecutorEvent): void {
  // An executor without a stream misses what is sent meanwhile, as in Mesos.
  if (executor.streamId === undefined) return;
  context.outputs.push({ kind: 'executor-event', streamId: executor.streamId, event });
}

/** KillTaskMessage. */
export function killTask(
  context: Context,
  process: AgentProcess,
  frameworkId: string,
  taskId: string,
  policy: KillPolicy | undefined,
) {
  const frameworkInfo = process.frameworks[frameworkId];
  if (frameworkInfo === undefined) return;
  const executor = executorOfTask(process, frameworkId, taskId);
  if (executor === undefined) {
    return agentUpdate(context, process, frameworkId, {
      taskId,
      state: droppedState(frameworkInfo),
      message: 'Cannot find executor',
      reason: 'REASON_EXECUTOR_TERMINATED',
    });
  }
  if (executor.queued.some((task) => task.task_id.value === taskId)) {
    return killQueued(context, process, executor, taskId);
  }
  if (executor.phase !== 'running') return;
  if (executor.command) return killCommand(context, process, executor, policy);
  sendExecutorEvent(context, executor, {
    type: 'KILL',
    kill: { task_id: { value: taskId }, ...(policy === undefined ? {} : { kill_policy: policy }) },
  });
}

function killCommand(
  context: Context,
  process: AgentProcess,
  executor: Executor,
  policy: KillPolicy | undefined,
): void {
  startCommandKill(context, process, executor, policy, (status) => {
    if (executor.orphaned !== true) applyUpdate(context, process, executor.frameworkId, status);
  });
}

function killQueued(context: Context, process: AgentProcess, executor: Executor, taskId: string): void {
  agentUpdate(context, process, executor.frameworkId, {
    taskId,
    state: 'TASK_KILLED',
    message: 'Killed before delivery to the executor',
    reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
    executorId: executor.executorId,
  });
  if (executor.queued.length === 0 && Object.keys(executor.launched).length === 0) {
    shutdownExecutor(context, process, executor);
  }
}

/** ShutdownExecutorMessage: asked to end, killed after the grace period. */
export function shutdownExecutor(context: Context, process: AgentProcess, executor: Executor) {
  if (executor.phase === 'terminating' || executor.phase === 'terminated') return;
  const never = executor.command && executor.phase === 'registering';
  executor.phase = 'terminating';
  delete executor.registrationDeadlineMs;
  if (never) return destroy(context, process, executor);
  const graceNs = executor.info.shutdown_grace_period?.nanoseconds;
  const flagMs = process.config.executorShutdownGracePeriodMs ?? 5_000;
  executor.shutdownDeadlineMs = context.nowMs + (graceNs === undefined ? flagMs : graceNs / 1_000_000);
  if (executor.command) killCommand(context, process, executor, undefined);
  else sendExecutorEvent(context, executor, { type: 'SHUTDOWN' });
}

/** ShutdownFrameworkMessage: its executors end, and nobody is told of their tasks any more. */
export function shutdownFramework(context: Context, process: AgentProcess, frameworkId: string): void {
  forgetUpdates(process, frameworkId);
  process.operations = process.operations.filter((one) => one.frameworkId !== frameworkId);
  for (const executor of executorsOf(process, frameworkId)) {
    executor.orphaned = true;
    if (executor.phase === 'terminated') removeExecutor(process, executor);
    else shutdownExecutor(context, process, executor);
  }
  forgetIdleFramework(process, frameworkId);
}

export function destroy(context: Context, process: AgentProcess, executor: Executor): void {
  const { containerId } = executor;
  context.outputs.push({ kind: 'destroy-container', agentName: process.name, containerId });
}

/** The container's process ended, or never ran (`failure`). `waitStatus` -1: nobody knows how. */
export function executorEnded(
  context: Context,
  process: AgentProcess,
  executor: Executor,
  waitStatus: number,
  failure?: { readonly reason: TaskStatusReason; readonly message: string },
): void {
  const { frameworkId, executorId } = executor;
  executor.phase = 'terminated';
  delete executor.registrationDeadlineMs;
  delete executor.shutdownDeadlineMs;
  delete executor.lingerUntilMs;
  delete executor.kill;
  delete executor.completionDeadlineMs;
  if (executor.streamId !== undefined) {
    context.outputs.push({ kind: 'close-executor-stream', streamId: executor.streamId });
    delete executor.streamId;
  }
  // The failure comes before the updates it causes, as recorded. Command executors are never named.
  if (!executor.command && executor.orphaned !== true) {
    notifyExit(context, process, executor, waitStatus);
  }
  if (executor.orphaned !== true) {
    const end = executor.termination ??
      failure ?? { reason: 'REASON_EXECUTOR_TERMINATED' as const, message: 'Executor terminated' };
    // The agent could not even make a sandbox: the task was never launched.
    const dropped = failure?.reason === 'REASON_EXECUTOR_TERMINATED';
    const frameworkInfo = process.frameworks[frameworkId];
    const state = dropped && frameworkInfo !== undefined ? droppedState(frameworkInfo) : 'TASK_FAILED';
    const living = [...Object.keys(executor.launched), ...executor.queued.map((task) => task.task_id.value)];
    for (const taskId of living) {
      agentUpdate(context, process, frameworkId, { taskId, state, executorId, ...end });
    }
  }
  if (executor.orphaned === true || Object.keys(executor.finished).length === 0) {
    removeExecutor(process, executor);
  }
}

/** ExitedExecutorMessage; lost when the master is not there, which then learns it by reregistration. */
function notifyExit(
  context: Context,
  process: AgentProcess,
  executor: Pick<Executor, 'frameworkId' | 'executorId'>,
  waitStatus: number,
): void {
  if (!canTalk(process) || process.agentId === undefined) return;
  const record = context.state.agents[process.agentId];
  const framework = context.state.frameworks[executor.frameworkId];
  const known = record?.executors[executor.frameworkId];
  if (known !== undefined) delete known[executor.executorId];
  if (framework === undefined) return;
  sendEvent(context, framework, {
    type: 'FAILURE',
    failure: {
      agent_id: { value: process.agentId },
      executor_id: { value: executor.executorId },
      status: waitStatus,
    },
  });
}

function removeExecutor(process: AgentProcess, executor: Executor): void {
  delete process.executors[executorKey(executor.frameworkId, executor.executorId)];
  forgetIdleFramework(process, executor.frameworkId);
}

/** Without executors, whatever updates of it were not acknowledged (`removeFramework` in slave.cpp). */
function forgetIdleFramework(process: AgentProcess, frameworkId: string): void {
  if (executorsOf(process, frameworkId).length === 0) {
    delete process.frameworks[frameworkId];
    forgetUpdates(process, frameworkId);
  }
  endDrain(process);
}

/** StatusUpdateAcknowledgementMessage. */
export function acknowledge(
  context: Context,
  process: AgentProcess,
  frameworkId: string,
  taskId: string,
  uuid: string,
): void {
  const executor = executorOfTask(process, frameworkId, taskId);
  const status = acknowledgeFirst(context, process, frameworkId, taskId, uuid);
  if (status === undefined || !isTerminal(status.state)) return;
  if (executor !== undefined) {
    delete executor.finished[taskId];
    if (executor.phase === 'terminated' && Object.keys(executor.finished).length === 0) {
      removeExecutor(process, executor);
    }
  }
  forgetIdleFramework(process, frameworkId);
}

type AgentStatus = {
  readonly taskId: string;
  readonly state: TaskState;
  readonly message: string;
  readonly reason: TaskStatusReason;
  readonly executorId?: string;
};

/** An update the agent makes itself. */
export function agentUpdate(
  context: Context,
  process: AgentProcess,
  frameworkId: string,
  facts: AgentStatus,
): void {
  applyUpdate(context, process, frameworkId, {
    task_id: { value: facts.taskId },
    state: facts.state,
    message: facts.message,
    source: 'SOURCE_AGENT',
    reason: facts.reason,
    ...(process.agentId === undefined ? {} : { agent_id: { value: process.agentId } }),
    ...(facts.executorId === undefined ? {} : { executor_id: { value: facts.executorId } }),
    timestamp: timestamp(context),
    uuid: newUuidBytes(context),
  });
}

/** Every update passes here: the agent's table first, then the stream to the scheduler. */
export function applyUpdate(
  context: Context,
  process: AgentProcess,
  frameworkId: string,
  told: TaskStatus,
): void {
  const status = whileDraining(process, frameworkId, told);
  const taskId = status.task_id.value;
  const executor = executorOfTask(process, frameworkId, taskId);
  const queuedAt = executor?.queued.findIndex((task) => task.task_id.value === taskId) ?? -1;
  const queued = executor?.queued[queuedAt];
  if (executor !== undefined && queued !== undefined) {
    executor.queued.splice(queuedAt, 1);
    executor.launched[taskId] = { info: queued, state: 'TASK_STAGING', statuses: [] };
  }
  const task = agentTask(executor, taskId);
  // An update for a task that is terminal already is taken from the executor and goes nowhere.
  if (task !== undefined && isTerminal(task.state)) return;
  if (executor !== undefined && task !== undefined) {
    task.state = status.state;
    noteStatus(task, status);
    if (isTerminal(status.state)) {
      delete executor.launched[taskId];
      executor.finished[taskId] = task;
    }
  }
  enqueueUpdate(context, process, frameworkId, status);
}

/** Kills on a draining agent carry that reason; of one that will be marked gone they are its end. */
function whileDraining(process: AgentProcess, frameworkId: string, status: TaskStatus): TaskStatus {
  if (process.drain === undefined) return status;
  if (status.state !== 'TASK_KILLING' && status.state !== 'TASK_KILLED') return status;
  const capabilities = process.frameworks[frameworkId]?.capabilities ?? [];
  const isGone = process.drain.mark_gone && capabilities.some((one) => one.type === 'PARTITION_AWARE');
  return {
    ...status,
    reason: 'REASON_AGENT_DRAINING',
    ...(isGone ? { state: 'TASK_GONE_BY_OPERATOR' } : {}),
  };
}

export function containerEnded(
  process: AgentProcess,
  containerId: string,
  end: (executor: Executor) => void,
): void {
  const executor = executorByContainer(process, containerId);
  if (executor !== undefined && executor.phase !== 'terminated') end(executor);
}

export function droppedState(frameworkInfo: FrameworkInfo): TaskState {
  const aware = (frameworkInfo.capabilities ?? []).some((one) => one.type === 'PARTITION_AWARE');
  return aware ? 'TASK_DROPPED' : 'TASK_LOST';
}
