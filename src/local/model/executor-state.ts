/** Looking things up in an agent's own state. */
import type { ContainerStatus, Resource } from '../../mesos/types.ts';
import { allocated, bundle, contains, isPersistentVolume } from './resources.ts';
import type { AgentProcess, AgentTask, Executor, State } from './state.ts';

export function executorKey(frameworkId: string, executorId: string): string {
  return JSON.stringify([frameworkId, executorId]);
}

export const taskKey = executorKey;

export function executorsOf(process: AgentProcess, frameworkId?: string): Executor[] {
  const all = Object.values(process.executors);
  return frameworkId === undefined ? all : all.filter((one) => one.frameworkId === frameworkId);
}

/** The executor that has, had or will have the task, as long as the task's end is not acknowledged. */
export function executorOfTask(
  process: AgentProcess,
  frameworkId: string,
  taskId: string,
): Executor | undefined {
  return executorsOf(process, frameworkId).find(
    (executor) =>
      executor.launched[taskId] !== undefined ||
      executor.finished[taskId] !== undefined ||
      executor.queued.some((task) => task.task_id.value === taskId),
  );
}

export function agentTask(executor: Executor | undefined, taskId: string): AgentTask | undefined {
  return executor?.launched[taskId] ?? executor?.finished[taskId];
}

export function executorByContainer(process: AgentProcess, containerId: string): Executor | undefined {
  return executorsOf(process).find((executor) => executor.containerId === containerId);
}

/** The process that serves an agent the master has registered. */
function processOf(state: State, agentId: string): AgentProcess | undefined {
  const record = state.agents[agentId];
  const process = record === undefined ? undefined : state.processes[record.name];
  return process?.agentId === agentId ? process : undefined;
}

/** The process, if the master's messages reach it now. */
export function reachableProcess(state: State, agentId: string): AgentProcess | undefined {
  const process = processOf(state, agentId);
  return process !== undefined && canTalk(process) && state.agents[agentId]?.connected === true
    ? process
    : undefined;
}

export function canTalk(process: AgentProcess): boolean {
  return process.phase === 'up' && process.linked;
}

/** With the last framework and operation the agent has drained, and may take tasks again. */
export function endDrain(process: AgentProcess): void {
  const idle = process.operations.length === 0 && Object.keys(process.frameworks).length === 0;
  if (idle) delete process.drain;
}

/**
 * Whether a reservation or a volume is among them that the agent does not have: an operation that was lost on its way is
 * in the master's offers until the agent is back, and in those that are out by then. A volume has to have its very size.
 */
export function usesUnknown(process: AgentProcess, resources: readonly Resource[] | undefined): boolean {
  const isCheckpointed = (one: Resource): boolean =>
    isPersistentVolume(one) || one.reservations?.at(-1)?.type === 'DYNAMIC';
  return allocated(bundle(resources), undefined).some(
    (one) => isCheckpointed(one) && !contains(process.total, [one]),
  );
}

export function containerStatusOf(process: AgentProcess, executor: Executor): ContainerStatus {
  const address = { protocol: 'IPv4', ip_address: process.config.ip } as const;
  return {
    container_id: { value: executor.containerId },
    network_infos: [{ ip_addresses: [address] }],
    ...(executor.pid === undefined ? {} : { executor_pid: executor.pid }),
  };
}
