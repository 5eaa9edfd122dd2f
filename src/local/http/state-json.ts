import path from 'node:path';
import type { Attribute, Resource } from '../../mesos/types.ts';
import type { AgentProcess, AgentRecord, Executor, MasterTask, State } from '../model/state.ts';
import { defaultSettings } from '../model/step.ts';

/*
 * GET /state of master and agents, as much of it as tools read to find tasks and sandboxes (recorded in
 * scenario 24). The operator API of the master, POST /api/v1, has the whole.
 */

export const versionInfo = {
  version: defaultSettings.version,
  build_date: '1970-01-01 00:00:00 UTC',
  build_time: 0,
  build_user: 'kafka-mesos-local',
};

export function masterStateJson(state: State): object {
  const { masterId, hostname, ip, port } = state.settings;
  const pid = `master@${ip}:${port}`;
  const agents = Object.values(state.agents);
  const isActive = (agent: AgentRecord): boolean =>
    agent.connected && state.deactivatedAgents[agent.id] === undefined;
  return {
    ...versionInfo,
    id: masterId,
    pid,
    hostname,
    leader: pid,
    leader_info: { id: masterId, pid, port, hostname },
    cluster: 'local',
    activated_slaves: agents.filter(isActive).length,
    deactivated_slaves: agents.filter((agent) => !isActive(agent)).length,
    unreachable_slaves: Object.keys(state.unreachableAgents).length,
    slaves: agents.map((agent) => ({
      id: agent.id,
      hostname: agent.info.hostname,
      port: agent.info.port,
      pid: `slave(1)@${agent.ip}:${agent.info.port}`,
      attributes: attributesJson(agent.info.attributes ?? []),
      resources: resourcesJson(agent.total),
      active: isActive(agent),
      deactivated: state.deactivatedAgents[agent.id] !== undefined,
      registered_time: agent.registeredMs / 1000,
    })),
    frameworks: Object.values(state.frameworks).map((framework) => ({
      id: framework.id,
      name: framework.info.name,
      user: framework.info.user,
      principal: framework.info.principal,
      roles: framework.info.roles ?? [framework.info.role ?? '*'],
      hostname: framework.info.hostname ?? '',
      webui_url: framework.info.webui_url ?? '',
      failover_timeout: framework.info.failover_timeout ?? 0,
      checkpoint: framework.info.checkpoint ?? false,
      active: framework.streamId !== undefined,
      connected: framework.streamId !== undefined,
      recovered: framework.recovered ?? false,
      registered_time: framework.registeredMs / 1000,
      tasks: Object.values(framework.tasks).map(taskJson),
      unreachable_tasks: Object.values(framework.unreachableTasks).map(taskJson),
      completed_tasks: framework.completedTasks.map(taskJson),
    })),
    completed_frameworks: state.completedFrameworks.map(({ id, info, completedTasks }) => ({
      id,
      name: info.name,
      completed_tasks: completedTasks.map(taskJson),
    })),
  };
}

/** `directory` of an executor is its sandbox, which /files/* of the same agent reads. */
export function agentStateJson(state: State, agentProcess: AgentProcess, workDirectory: string): object {
  const { config, agentId, total } = agentProcess;
  const executors = Object.values(agentProcess.executors);
  return {
    ...versionInfo,
    id: agentId ?? '',
    pid: `slave(1)@${config.ip}:${config.port}`,
    hostname: config.hostname,
    attributes: attributesJson(config.attributes ?? []),
    resources: resourcesJson(total),
    flags: { work_dir: workDirectory, hostname: config.hostname, port: String(config.port) },
    frameworks: Object.entries(agentProcess.frameworks).map(([id, info]) => {
      const own = executors.filter(({ frameworkId }) => frameworkId === id);
      const json = (executor: Executor): object =>
        executorJson(state, executor, agentId ?? '', workDirectory);
      return {
        id,
        name: info.name,
        user: info.user,
        roles: info.roles ?? [info.role ?? '*'],
        executors: own.filter(({ phase }) => phase !== 'terminated').map(json),
        completed_executors: own.filter(({ phase }) => phase === 'terminated').map(json),
      };
    }),
    completed_frameworks: [],
  };
}

function executorJson(state: State, executor: Executor, agentId: string, workDirectory: string): object {
  const { frameworkId, executorId, containerId, info } = executor;
  const tasks = (ids: Record<string, unknown>): object[] =>
    Object.keys(ids).flatMap((id) => {
      const task = state.frameworks[frameworkId]?.tasks[id];
      return task ? [taskJson(task)] : [];
    });
  return {
    id: executorId,
    name: info.name ?? '',
    source: info.source ?? '',
    container: containerId,
    directory: path.join(
      workDirectory,
      `slaves/${agentId}/frameworks/${frameworkId}/executors/${executorId}/runs/${containerId}`,
    ),
    resources: resourcesJson(info.resources ?? []),
    tasks: tasks(executor.launched),
    queued_tasks: executor.queued.map((task) => ({ id: task.task_id.value, name: task.name })),
    completed_tasks: tasks(executor.finished),
  };
}

function taskJson(task: MasterTask): object {
  return {
    id: task.info.task_id.value,
    name: task.info.name,
    framework_id: task.frameworkId,
    executor_id: task.executorId ?? '',
    slave_id: task.agentId,
    state: task.state,
    resources: resourcesJson(task.info.resources ?? []),
    statuses: task.statuses.map(({ state, timestamp, container_status }) => ({
      state,
      timestamp,
      ...(container_status === undefined ? {} : { container_status }),
    })),
    ...(task.info.labels?.labels === undefined ? {} : { labels: task.info.labels.labels }),
    ...(task.info.discovery === undefined ? {} : { discovery: task.info.discovery }),
  };
}

/** Sums by name, ranges as `[1-2, 5-6]`. */
function resourcesJson(resources: readonly Resource[]): Record<string, number | string> {
  const json: Record<string, number | string> = { cpus: 0, gpus: 0, mem: 0, disk: 0 };
  const ranges: Record<string, string[]> = {};
  for (const { name, scalar, ranges: values } of resources) {
    if (scalar) json[name] = Number(json[name] ?? 0) + scalar.value;
    for (const { begin, end } of values?.range ?? []) {
      ranges[name] ??= [];
      ranges[name].push(`${begin}-${end}`);
    }
  }
  for (const [name, texts] of Object.entries(ranges)) json[name] = `[${texts.join(', ')}]`;
  return json;
}

function attributesJson(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ name, text, scalar, ranges, set }) => [
      name,
      text?.value ?? scalar?.value ?? ranges ?? set,
    ]),
  );
}
