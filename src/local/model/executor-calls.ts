/**
 * The agent's POST /api/v1/executor: validation, SUBSCRIBE, UPDATE, MESSAGE.
 * Texts and status codes are those of scenario 20.
 */
import type { ExecutorCallFields, ExecutorInfo, FrameworkInfo, TaskStatus } from '../../mesos/types.ts';
import { type Context, isUuid, refuse, reply, sendEvent, timestamp } from './context.ts';
import {
  agentTask,
  canTalk,
  containerStatusOf,
  executorKey,
  executorOfTask,
  executorsOf,
} from './executor-state.ts';
import { agentUpdate, applyUpdate, deliver, droppedState, sendExecutorEvent } from './executors.ts';
import type { AgentProcess, Executor } from './state.ts';

export function executorSubscribe(
  context: Context,
  process: AgentProcess | undefined,
  streamId: string,
  call: ExecutorCallFields,
) {
  const found = admit(context, process, call);
  if (found === undefined) return;
  const { executor, frameworkInfo, process: agent } = found;
  if (executor.phase === 'terminating' || executor.phase === 'terminated') {
    return refuse(context, 400, `Executor is ${executor.phase}`);
  }
  if (executor.streamId !== undefined) {
    context.outputs.push({ kind: 'close-executor-stream', streamId: executor.streamId });
  }
  reply(context, { status: 200 });
  executor.streamId = streamId;
  executor.phase = 'running';
  delete executor.registrationDeadlineMs;
  delete executor.recovering;
  sendExecutorEvent(context, executor, {
    type: 'SUBSCRIBED',
    subscribed: {
      executor_info: executor.info as ExecutorInfo,
      framework_info: frameworkInfo,
      agent_info: {
        hostname: agent.config.hostname,
        port: agent.config.port,
        resources: agent.config.resources,
        ...(agent.config.attributes === undefined ? {} : { attributes: agent.config.attributes }),
        ...(agent.agentId === undefined ? {} : { id: { value: agent.agentId } }),
        ...(agent.config.domain === undefined ? {} : { domain: agent.config.domain }),
      },
      container_id: { value: executor.containerId },
    },
  });
  for (const { status } of call.subscribe?.unacknowledged_updates ?? []) {
    takeUpdate(context, agent, executor, status);
  }
  dropUnknownTasks(context, agent, executor, frameworkInfo, call);
  const queued = executor.queued;
  executor.queued = [];
  for (const task of queued) deliver(context, executor, task);
}

/** A task handed out which the executor neither reported nor names now was lost with the agent's restart. */
function dropUnknownTasks(
  context: Context,
  process: AgentProcess,
  executor: Executor,
  frameworkInfo: FrameworkInfo,
  call: ExecutorCallFields,
): void {
  const named = new Set((call.subscribe?.unacknowledged_tasks ?? []).map((task) => task.task_id.value));
  for (const task of Object.values(executor.launched)) {
    if (task.state !== 'TASK_STAGING' || named.has(task.info.task_id.value)) continue;
    agentUpdate(context, process, executor.frameworkId, {
      taskId: task.info.task_id.value,
      state: droppedState(frameworkInfo),
      message: 'Task launched during agent restart',
      reason: 'REASON_AGENT_RESTARTED',
      executorId: executor.executorId,
    });
  }
}

export function executorCall(context: Context, process: AgentProcess | undefined, call: ExecutorCallFields) {
  const found = admit(context, process, call);
  if (found === undefined) return;
  const { executor, process: agent } = found;
  if (executor.phase === 'registering') return refuse(context, 403, 'Executor is not subscribed');
  reply(context, { status: 202 });
  if (call.type === 'UPDATE' && call.update !== undefined) {
    takeUpdate(context, agent, executor, call.update.status);
  } else if (call.type === 'MESSAGE' && call.message !== undefined) {
    passMessage(context, agent, executor, call.message.data);
  }
}

/** The stream broke; the executor may come back at any time, its process is what counts. */
export function executorStreamClosed(process: AgentProcess | undefined, streamId: string): void {
  if (process === undefined) return;
  for (const executor of executorsOf(process)) {
    if (executor.streamId === streamId) delete executor.streamId;
  }
}

type Admitted = {
  readonly process: AgentProcess;
  readonly executor: Executor;
  readonly frameworkInfo: FrameworkInfo;
};

function admit(
  context: Context,
  process: AgentProcess | undefined,
  call: ExecutorCallFields,
): Admitted | undefined {
  if (process === undefined || process.phase === 'down') {
    refuse(context, 503, 'Agent has not finished recovery');
    return undefined;
  }
  const invalid = validate(call);
  if (invalid !== undefined) {
    refuse(context, 400, `Failed to validate Executor::Call: ${invalid}`);
    return undefined;
  }
  const frameworkInfo = process.frameworks[call.framework_id.value];
  if (frameworkInfo === undefined) {
    refuse(context, 400, 'Framework cannot be found');
    return undefined;
  }
  const executor = process.executors[executorKey(call.framework_id.value, call.executor_id.value)];
  if (executor === undefined || executor.command) {
    refuse(context, 400, 'Executor cannot be found');
    return undefined;
  }
  return { process, executor, frameworkInfo };
}

/** The first complaint in Mesos' own order and words. */
function validate(call: ExecutorCallFields): string | undefined {
  switch (call.type) {
    case undefined:
    case 'UNKNOWN':
      return "Expecting 'type' to be present";
    case 'SUBSCRIBE':
      return call.subscribe === undefined ? "Expecting 'subscribe' to be present" : undefined;
    case 'MESSAGE':
      return call.message === undefined ? "Expecting 'message' to be present" : undefined;
    case 'UPDATE':
      return call.update === undefined
        ? "Expecting 'update' to be present"
        : validateStatus(call, call.update.status);
    default:
      return undefined;
  }
}

function validateStatus(call: ExecutorCallFields, status: TaskStatus): string | undefined {
  if (status.uuid === undefined) return "Expecting 'uuid' to be present";
  if (!isUuid(status.uuid)) return 'Not a valid UUID';
  const executorId = call.executor_id.value;
  if (status.executor_id !== undefined && status.executor_id.value !== executorId) {
    return `ExecutorID in Call: ${executorId} does not match ExecutorID in TaskStatus: ${status.executor_id.value}`;
  }
  const from = `executor ${executorId} of framework ${call.framework_id.value}`;
  if (status.source !== 'SOURCE_EXECUTOR') {
    return `Received Call from ${from} with invalid source, expecting 'SOURCE_EXECUTOR'`;
  }
  if (status.state === 'TASK_STAGING') return `Received TASK_STAGING from ${from} which is not allowed`;
  return undefined;
}

/** The agent fills in what the executor may leave out, and acknowledges once it has taken the update. */
function takeUpdate(context: Context, process: AgentProcess, executor: Executor, status: TaskStatus): void {
  const taskId = status.task_id.value;
  const owner = executorOfTask(process, executor.frameworkId, taskId);
  const task = agentTask(owner, taskId);
  applyUpdate(context, process, executor.frameworkId, {
    ...status,
    ...(process.agentId === undefined ? {} : { agent_id: { value: process.agentId } }),
    timestamp: status.timestamp ?? timestamp(context),
    ...(owner === undefined || task === undefined
      ? {}
      : { container_status: containerStatusOf(process, owner) }),
  });
  // For a task the agent does not know (any more) there is no acknowledgement, as recorded.
  if (owner === undefined) return;
  sendExecutorEvent(context, executor, {
    type: 'ACKNOWLEDGED',
    acknowledged: { task_id: status.task_id, uuid: status.uuid ?? '' },
  });
}

/** ExecutorToFrameworkMessage: best effort. */
function passMessage(context: Context, process: AgentProcess, executor: Executor, data: string): void {
  const framework = context.state.frameworks[executor.frameworkId];
  if (framework === undefined || !canTalk(process) || process.agentId === undefined) return;
  sendEvent(context, framework, {
    type: 'MESSAGE',
    message: {
      agent_id: { value: process.agentId },
      executor_id: { value: executor.executorId },
      data,
    },
  });
}
