/** What a container is to be started with. */
import type { ExecutorInfo, FrameworkInfo, Resource, TaskInfo } from '../../mesos/types.ts';
import type { Context } from './context.ts';
import { durationText } from './duration-text.ts';
import type { VolumeFacts } from './io.ts';
import { isPersistentVolume, reservedRole } from './resources.ts';
import type { AgentProcess, Executor } from './state.ts';

const recoveryTimeoutMs = 15 * 60_000;
const subscriptionBackoffMs = 2_000;

export function startContainer(
  context: Context,
  process: AgentProcess,
  frameworkInfo: FrameworkInfo,
  executor: Executor,
  task: TaskInfo,
): void {
  const agentId = process.agentId ?? '';
  const { frameworkId, executorId, containerId } = executor;
  const command = (executor.command ? task.command : executor.info.command) ?? {};
  const resources = [...(executor.info.resources ?? []), ...(task.resources ?? [])];
  context.outputs.push({
    kind: 'start-container',
    agentName: process.name,
    agentId,
    containerId,
    frameworkId,
    executorId,
    role: executor.command ? 'command' : 'executor',
    frameworkInfo,
    ...(executor.command ? { taskInfo: task } : { executorInfo: executor.info }),
    command,
    user: command.user ?? frameworkInfo.user,
    environment: { ...mesosEnvironment(process, frameworkInfo, executor), ...variables(command) },
    sandboxPath: `slaves/${agentId}/frameworks/${frameworkId}/executors/${executorId}/runs/${containerId}`,
    volumes: volumesOf(resources),
    resources,
  });
}

/** The names and forms are those of a real agent's executor environment, recorded in scenario 20. */
function mesosEnvironment(
  process: AgentProcess,
  frameworkInfo: FrameworkInfo,
  executor: Executor,
): Record<string, string> {
  const { config } = process;
  const endpoint = `${config.ip}:${config.port}`;
  const checkpoint = frameworkInfo.checkpoint === true;
  const graceNs = executor.info.shutdown_grace_period?.nanoseconds;
  const graceMs =
    graceNs === undefined ? (config.executorShutdownGracePeriodMs ?? 5_000) : graceNs / 1_000_000;
  return {
    LIBPROCESS_IP: config.ip,
    LIBPROCESS_PORT: '0',
    MESOS_AGENT_ENDPOINT: endpoint,
    MESOS_CHECKPOINT: checkpoint ? '1' : '0',
    MESOS_EXECUTOR_ID: executor.executorId,
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: durationText(graceMs),
    MESOS_FRAMEWORK_ID: executor.frameworkId,
    MESOS_HTTP_COMMAND_EXECUTOR: config.httpCommandExecutor === true ? '1' : '0',
    MESOS_SLAVE_ID: process.agentId ?? '',
    MESOS_SLAVE_PID: `slave(1)@${endpoint}`,
    ...(checkpoint
      ? {
          MESOS_RECOVERY_TIMEOUT: durationText(recoveryTimeoutMs),
          MESOS_SUBSCRIPTION_BACKOFF_MAX: durationText(subscriptionBackoffMs),
        }
      : {}),
  };
}

function variables(command: NonNullable<ExecutorInfo['command']>): Record<string, string> {
  const values = (command.environment?.variables ?? []).map(
    (variable) => [variable.name, variable.value ?? ''] as const,
  );
  return Object.fromEntries(values);
}

/** The persistent volumes among the resources, as the container sees them. */
export function volumesOf(resources: readonly Resource[]): VolumeFacts[] {
  return resources.filter(isPersistentVolume).map(volumeFacts);
}

export function volumeFacts(resource: Resource): VolumeFacts {
  const persistenceId = resource.disk?.persistence?.id ?? '';
  const role = reservedRole(resource) ?? '*';
  const { type, path, mount } = resource.disk?.source ?? {};
  const root = path?.root ?? mount?.root;
  return {
    persistenceId,
    role,
    // A MOUNT disk is the volume itself.
    volumePath: type === 'MOUNT' ? '' : `volumes/roles/${role}/${persistenceId}`,
    ...((type === 'PATH' || type === 'MOUNT') && root !== undefined ? { source: { type, root } } : {}),
    containerPath: resource.disk?.volume?.container_path ?? '',
    mode: resource.disk?.volume?.mode ?? 'RW',
  };
}

/** The executor of a task: its own, or the one Mesos makes up for a command. */
export function executorInfoOf(frameworkId: string, task: TaskInfo): ExecutorInfo {
  const framework_id = { value: frameworkId };
  if (task.executor !== undefined) return { ...task.executor, framework_id };
  return { executor_id: { value: task.task_id.value }, framework_id, source: task.task_id.value };
}
