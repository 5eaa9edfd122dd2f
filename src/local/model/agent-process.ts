/** An agent's own process: start and recovery, stop, partition, and what its containers report. */
import { loseAgent } from './agent-removal.ts';
import { disconnectAgent, registerAgent, startPingTimeout } from './agents.ts';
import { commandEnd, commandStarted, commandStatus } from './command-tasks.ts';
import type { Context } from './context.ts';
import { executorByContainer, executorsOf } from './executor-state.ts';
import { applyUpdate, containerEnded, destroy, executorEnded } from './executors.ts';
import type { AgentInput, ContainerInput } from './io.ts';
import { bundle } from './resources.ts';
import type { AgentConfig, AgentProcess, Executor } from './state.ts';
import { pauseUpdates } from './status-updates.ts';
import { table } from './tables.ts';
import { canonical } from './task-validation.ts';

const commandLingerMs = 1_000;
const unknownStatus = -1;

type Start = Extract<AgentInput, { kind: 'agent-started' }>;

export function startAgent(context: Context, input: Start): void {
  const { state, nowMs } = context;
  const { agent } = input;
  const before = state.processes[agent.name];
  if (before !== undefined && before.phase !== 'down') stopAgent(context, agent.name, 'running');
  if (before?.agentId !== undefined && input.wiped !== true && !sameMachine(before.config, agent)) {
    // The policy of a real agent: what the master was told may not change under the same id.
    const message =
      'Incompatible agent info detected: resources, attributes or domain changed; start it wiped, as a new agent';
    context.outputs.push({ kind: 'stop-agent', agentName: agent.name, message });
    return;
  }
  const process: AgentProcess =
    before === undefined || input.wiped === true
      ? {
          name: agent.name,
          config: agent,
          phase: 'down',
          linked: false,
          total: bundle(agent.resources),
          frameworks: table(),
          executors: table(),
          updates: table(),
          operations: [],
        }
      : before;
  if (before !== undefined && before !== process) destroyAll(context, before);
  process.config = agent;
  process.phase = 'recovering';
  state.processes[agent.name] = process;
  const reregistrationTimeoutMs = agent.executorReregistrationTimeoutMs ?? 2_000;
  let waits = false;
  for (const executor of executorsOf(process)) {
    // What was sent last is not checkpointed (scenario 14), unlike the statuses themselves.
    for (const task of [...Object.values(executor.launched), ...Object.values(executor.finished)]) {
      delete task.updateState;
      delete task.updateUuid;
    }
    if (executor.phase === 'terminated') continue;
    const lives = input.livingContainers?.includes(executor.containerId) ?? true;
    if (!lives) {
      executorEnded(context, process, executor, unknownStatus);
      continue;
    }
    waits = true;
    delete executor.streamId;
    if (executor.command) continue;
    // One that never subscribed keeps the longer of its two deadlines.
    if (executor.phase === 'registering') {
      const deadlineMs = executor.registrationDeadlineMs ?? nowMs;
      executor.registrationDeadlineMs = Math.max(deadlineMs, nowMs + reregistrationTimeoutMs);
    }
    if (executor.phase !== 'running') continue;
    executor.phase = 'registering';
    executor.recovering = true;
    executor.registrationDeadlineMs = nowMs + reregistrationTimeoutMs;
  }
  // Even executors that need not subscribe again are waited for, as in Mesos.
  process.registerMs = nowMs + (waits ? reregistrationTimeoutMs : 0) + (input.registrationDelayMs ?? 0);
  if (process.registerMs <= nowMs) registerAgent(context, process);
}

function sameMachine(before: AgentConfig, after: AgentConfig): boolean {
  const facts = ({ resources, attributes = [], domain = {} }: AgentConfig): string =>
    canonical([bundle(resources), attributes, domain]);
  return facts(before) === facts(after);
}

export function stopAgent(context: Context, agentName: string, executors: 'running' | 'gone'): void {
  const process = context.state.processes[agentName];
  if (process === undefined) return;
  const wasUp = process.phase === 'up';
  process.phase = 'down';
  process.linked = false;
  delete process.registerMs;
  pauseUpdates(process);
  for (const executor of executorsOf(process)) {
    if (executor.streamId === undefined) continue;
    context.outputs.push({ kind: 'close-executor-stream', streamId: executor.streamId });
    delete executor.streamId;
  }
  if (wasUp && process.agentId !== undefined) disconnectAgent(context, process.agentId);
  if (executors === 'running') return;
  for (const executor of executorsOf(process)) {
    if (executor.phase !== 'terminated') executorEnded(context, process, executor, unknownStatus);
  }
}

/** Cut off from the master, which notices by its pings only. */
export function partitionAgent(context: Context, agentName: string): void {
  const process = context.state.processes[agentName];
  if (process === undefined || process.phase !== 'up' || !process.linked) return;
  process.linked = false;
  pauseUpdates(process);
  const record = process.agentId === undefined ? undefined : context.state.agents[process.agentId];
  if (record !== undefined) startPingTimeout(context, record);
}

export function healAgent(context: Context, agentName: string, delayMs: number): void {
  const process = context.state.processes[agentName];
  if (process === undefined || process.phase !== 'up' || process.linked) return;
  process.registerMs = context.nowMs + delayMs;
  if (delayMs === 0) registerAgent(context, process);
}

/** SIGUSR1: executors are killed, the id is given back; reservations and volumes stay on the disk. */
export function unregisterAgent(context: Context, agentName: string): void {
  const process = context.state.processes[agentName];
  if (process === undefined) return;
  const record = process.agentId === undefined ? undefined : context.state.agents[process.agentId];
  if (record !== undefined) loseAgent(context, record, 'the agent unregistered');
  destroyAll(context, process);
  process.phase = 'down';
  process.linked = false;
  process.executors = table();
  process.updates = table();
  process.operations = [];
  process.frameworks = table();
  delete process.drain;
  delete process.agentId;
  delete process.registerMs;
}

/** Nobody will ask for these containers again. */
function destroyAll(context: Context, process: AgentProcess): void {
  for (const executor of executorsOf(process)) {
    if (executor.streamId !== undefined) {
      context.outputs.push({ kind: 'close-executor-stream', streamId: executor.streamId });
    }
    if (executor.phase !== 'terminated') destroy(context, process, executor);
  }
}

/** What the runner says of a container. Ended and unknown ones are ignored. */
export function containerReport(context: Context, input: ContainerInput) {
  const process = context.state.processes[input.agentName];
  if (process === undefined) return;
  const { containerId } = input;
  switch (input.kind) {
    case 'container-started': {
      const executor = executorByContainer(process, containerId);
      if (executor === undefined || executor.phase === 'terminated') return;
      executor.pid = input.pid;
      if (!executor.command || executor.phase !== 'registering') return;
      return commandStarted(context, process, executor, (status) =>
        applyUpdate(context, process, executor.frameworkId, status),
      );
    }
    case 'container-failed':
      return containerEnded(process, containerId, (executor) =>
        executorEnded(context, process, executor, unknownStatus, {
          reason: input.reason ?? 'REASON_CONTAINER_LAUNCH_FAILED',
          message: input.message,
        }),
      );
    case 'container-exited':
      return containerEnded(process, containerId, (executor) =>
        containerExited(context, process, executor, input.waitStatus),
      );
  }
}

function containerExited(context: Context, process: AgentProcess, executor: Executor, waitStatus: number) {
  if (!executor.command || executor.orphaned === true || executor.lingerUntilMs !== undefined) {
    return executorEnded(context, process, executor, waitStatus);
  }
  const [task] = Object.values(executor.launched);
  // It never came to RUNNING: not the command ended, but its executor.
  if (task === undefined || task.state === 'TASK_STARTING') {
    return executorEnded(context, process, executor, waitStatus);
  }
  const end = commandEnd(executor, waitStatus);
  const status = commandStatus(context, process, executor, end);
  applyUpdate(context, process, executor.frameworkId, status);
  delete executor.kill;
  delete executor.completionDeadlineMs;
  delete executor.shutdownDeadlineMs;
  // The command executor stays a moment; until then its id cannot be used again.
  executor.lingerUntilMs = context.nowMs + commandLingerMs;
}
