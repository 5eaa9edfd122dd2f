/**
 * The command executor, played by the agent: STARTING and RUNNING when the process runs, SIGTERM,
 * then SIGKILL after the grace period, and the state that follows from the wait status.
 * Facts: src/launcher/executor.cpp of Apache Mesos and the recordings 03, 05, 12.
 */
import type { KillPolicy, TaskState, TaskStatus, TaskStatusReason } from '../../mesos/types.ts';
import { type Context, newUuidBytes, timestamp } from './context.ts';
import { containerStatusOf } from './executor-state.ts';
import type { AgentProcess, Executor } from './state.ts';

const defaultGraceMs = 3_000;

type Report = (status: TaskStatus) => void;

/** The process runs: the task it was started for is handed over and reported. */
export function commandStarted(
  context: Context,
  process: AgentProcess,
  executor: Executor,
  report: Report,
): void {
  const [task] = executor.queued;
  executor.phase = 'running';
  if (task === undefined) return;
  executor.queued = [];
  executor.launched[task.task_id.value] = { info: task, state: 'TASK_STAGING', statuses: [] };
  report(commandStatus(context, process, executor, { state: 'TASK_STARTING' }));
  // Without a value the command executor itself breaks, before it reports more (scenario 12).
  if (task.command?.value === undefined) return;
  report(commandStatus(context, process, executor, { state: 'TASK_RUNNING' }));
  const longestNs = task.max_completion_time?.nanoseconds;
  if (longestNs !== undefined) executor.completionDeadlineMs = context.nowMs + longestNs / 1_000_000;
}

/** A second kill changes nothing: neither its grace period nor its signal. */
export function startCommandKill(
  context: Context,
  process: AgentProcess,
  executor: Executor,
  policy: KillPolicy | undefined,
  report: Report,
): void {
  if (executor.kill !== undefined || executor.lingerUntilMs !== undefined) return;
  const [task] = Object.values(executor.launched);
  // The default command executor ignores the policy of the call, the HTTP one takes it.
  const called = process.config.httpCommandExecutor === true ? policy : undefined;
  executor.kill = { escalateMs: context.nowMs + graceMsOf(called ?? task?.info.kill_policy) };
  const frameworkInfo = process.frameworks[executor.frameworkId];
  if ((frameworkInfo?.capabilities ?? []).some((one) => one.type === 'TASK_KILLING_STATE')) {
    report(commandStatus(context, process, executor, { state: 'TASK_KILLING' }));
  }
  signal(context, process, executor, 'SIGTERM');
}

/** `max_completion_time` has passed: killed without a word, and the task has failed. */
export function endOverdueCommand(context: Context, process: AgentProcess, executor: Executor): void {
  delete executor.completionDeadlineMs;
  if (executor.kill !== undefined || executor.lingerUntilMs !== undefined) return;
  const [task] = Object.values(executor.launched);
  const escalateMs = context.nowMs + graceMsOf(task?.info.kill_policy);
  executor.kill = { escalateMs, reason: 'REASON_MAX_COMPLETION_TIME_REACHED' };
  signal(context, process, executor, 'SIGTERM');
}

function graceMsOf(policy: KillPolicy | undefined): number {
  const graceNs = policy?.grace_period?.nanoseconds;
  return graceNs === undefined ? defaultGraceMs : graceNs / 1_000_000;
}

function signal(
  context: Context,
  process: AgentProcess,
  executor: Executor,
  name: 'SIGTERM' | 'SIGKILL',
): void {
  const { containerId } = executor;
  context.outputs.push({ kind: 'signal-container', agentName: process.name, containerId, signal: name });
}

export function escalateCommandKill(context: Context, process: AgentProcess, executor: Executor): void {
  const { reason } = executor.kill ?? {};
  executor.kill = reason === undefined ? {} : { reason };
  signal(context, process, executor, 'SIGKILL');
}

type CommandEnd = {
  readonly state: TaskState;
  readonly message?: string;
  readonly reason?: TaskStatusReason;
};

/** What the end of the process means for the task. */
export function commandEnd(executor: Executor, waitStatus: number): CommandEnd {
  const message = `Command ${waitText(waitStatus)}`;
  if (executor.kill?.reason !== undefined) {
    return { state: 'TASK_FAILED', message, reason: executor.kill.reason };
  }
  // Killed is killed, even if the process took the signal for a reason to exit 0.
  if (executor.kill !== undefined) return { state: 'TASK_KILLED', message };
  return { state: waitStatus === 0 ? 'TASK_FINISHED' : 'TASK_FAILED', message };
}

export function commandStatus(
  context: Context,
  process: AgentProcess,
  executor: Executor,
  facts: CommandEnd,
): TaskStatus {
  return {
    task_id: { value: executor.executorId },
    state: facts.state,
    ...(facts.message === undefined ? {} : { message: facts.message }),
    source: 'SOURCE_EXECUTOR',
    ...(facts.reason === undefined ? {} : { reason: facts.reason }),
    ...(process.agentId === undefined ? {} : { agent_id: { value: process.agentId } }),
    executor_id: { value: executor.executorId },
    timestamp: timestamp(context),
    uuid: newUuidBytes(context),
    container_status: containerStatusOf(process, executor),
  };
}

const signalNames: Readonly<Record<number, string>> = {
  1: 'Hangup',
  2: 'Interrupt',
  3: 'Quit',
  4: 'Illegal instruction',
  6: 'Aborted',
  7: 'Bus error',
  8: 'Floating point exception',
  9: 'Killed',
  11: 'Segmentation fault',
  13: 'Broken pipe',
  14: 'Alarm clock',
  15: 'Terminated',
};

function waitText(waitStatus: number): string {
  const signal = waitStatus & 0x7f;
  if (signal === 0) return `exited with status ${(waitStatus >> 8) & 0xff}`;
  const name = signalNames[signal] ?? `Unknown signal ${signal}`;
  return `terminated with signal ${name}${(waitStatus & 0x80) === 0 ? '' : ' (core dumped)'}`;
}
