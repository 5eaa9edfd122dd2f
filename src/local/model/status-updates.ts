/**
 * The agent's status update manager: per task a queue of which only the first is sent, again and
 * again (10 s, 20 s, 40 s … up to 10 min apart), until the scheduler acknowledges it.
 * Facts: src/status_update_manager of Apache Mesos.
 */
import type { TaskStatus } from '../../mesos/types.ts';
import type { Context } from './context.ts';
import { agentTask, canTalk, executorOfTask, taskKey } from './executor-state.ts';
import type { AgentProcess, UpdateStream } from './state.ts';
import { isTerminal, noteUpdate, receiveUpdate } from './tasks.ts';

const firstIntervalMs = 10_000;
const longestIntervalMs = 600_000;
/** A repeat comes soon or never; a task may report for months. */
const rememberedUuids = 100;

/** Takes an update into its task's stream; a uuid seen before is dropped. */
export function enqueueUpdate(
  context: Context,
  process: AgentProcess,
  frameworkId: string,
  status: TaskStatus,
): void {
  const key = taskKey(frameworkId, status.task_id.value);
  process.updates[key] ??= {
    frameworkId,
    taskId: status.task_id.value,
    pending: [],
    seen: [],
    intervalMs: firstIntervalMs,
  };
  const stream = process.updates[key];
  const uuid = status.uuid ?? '';
  if (stream.seen.includes(uuid)) return;
  stream.seen.push(uuid);
  if (stream.seen.length > rememberedUuids) stream.seen.shift();
  stream.pending.push(status);
  if (stream.pending.length === 1) sendFirst(context, process, stream);
}

/** Returns the status that was acknowledged; undefined when the uuid is not the one waited for. */
export function acknowledgeFirst(
  context: Context,
  process: AgentProcess,
  frameworkId: string,
  taskId: string,
  uuid: string,
): TaskStatus | undefined {
  const key = taskKey(frameworkId, taskId);
  const stream = process.updates[key];
  const first = stream?.pending[0];
  if (stream === undefined || first === undefined || first.uuid !== uuid) return undefined;
  stream.pending.shift();
  delete stream.resendMs;
  if (isTerminal(first.state)) delete process.updates[key];
  else sendFirst(context, process, stream);
  return first;
}

/** After the agent registered again, or a framework changed its connection: everything waiting is sent at once. */
export function resumeUpdates(context: Context, process: AgentProcess): void {
  for (const stream of Object.values(process.updates)) sendFirst(context, process, stream);
}

export function resendDueUpdates(context: Context, process: AgentProcess): void {
  for (const stream of Object.values(process.updates)) {
    if (stream.resendMs === undefined || stream.resendMs > context.nowMs) continue;
    stream.intervalMs = Math.min(stream.intervalMs * 2, longestIntervalMs);
    send(context, process, stream);
  }
}

export function forgetUpdates(process: AgentProcess, frameworkId: string): void {
  for (const [key, stream] of Object.entries(process.updates)) {
    if (stream.frameworkId === frameworkId) delete process.updates[key];
  }
}

/** While the agent cannot talk to the master nothing of it is sent, its operations' statuses neither. */
export function pauseUpdates(process: AgentProcess): void {
  for (const stream of Object.values(process.updates)) delete stream.resendMs;
  for (const stream of process.operations) delete stream.resendMs;
}

function sendFirst(context: Context, process: AgentProcess, stream: UpdateStream): void {
  stream.intervalMs = firstIntervalMs;
  send(context, process, stream);
}

function send(context: Context, process: AgentProcess, stream: UpdateStream): void {
  const first = stream.pending[0];
  // Paused while the agent is not registered; resumeUpdates sends what waits.
  if (first === undefined || !canTalk(process) || process.agentId === undefined) {
    delete stream.resendMs;
    return;
  }
  stream.resendMs = context.nowMs + stream.intervalMs;
  const executor = executorOfTask(process, stream.frameworkId, stream.taskId);
  const task = agentTask(executor, stream.taskId);
  if (task !== undefined) noteUpdate(task, first);
  receiveUpdate(context, process.agentId, stream.frameworkId, first, task?.state ?? first.state);
}
