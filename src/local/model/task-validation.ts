/** Why a task is TASK_ERROR, in Mesos' own order and words (src/master/validation.cpp). */
import type { ExecutorInfo, TaskInfo } from '../../mesos/types.ts';
import { executorInfoText } from './executor-info-text.ts';
import { validateId } from './framework-validation.ts';
import { resourcesText } from './resource-text.ts';
import { validateAmounts } from './resource-validation.ts';
import { add, type Bundle, bundle, contains, isPersistentVolume } from './resources.ts';
import type { AgentRecord, Framework } from './state.ts';

const rule = '------------------------------------------------------------';

/** `task` has its resources normalised; `offered` is what is left of the offers. */
export function validateTask(
  framework: Framework,
  agent: AgentRecord,
  task: TaskInfo,
  offered: Bundle,
): string | undefined {
  const taskId = task.task_id.value;
  return (
    validateId(taskId) ??
    (framework.tasks[taskId] === undefined ? undefined : `Task has duplicate ID: ${taskId}`) ??
    (framework.unreachableTasks[taskId] === undefined
      ? undefined
      : `Task reuses the ID of an unreachable task: ${taskId}`) ??
    (task.agent_id.value === agent.id
      ? undefined
      : `Task uses invalid agent ${task.agent_id.value} while agent ${agent.id} is expected`) ??
    ((task.kill_policy?.grace_period?.nanoseconds ?? 0) < 0
      ? "Task's 'kill_policy.grace_period' must be non-negative"
      : undefined) ??
    validateHealthCheck(task) ??
    validateResources(task) ??
    validateExecutor(framework, agent, task) ??
    validateTotal(framework, agent, task, offered)
  );
}

/** What launching would take: the task's resources, and the executor's if it is not there yet. */
export function resourcesNeeded(framework: Framework, agent: AgentRecord, task: TaskInfo): Bundle {
  const { executor } = task;
  const needed = bundle(task.resources);
  if (executor === undefined || hasExecutor(framework, agent, executor)) return needed;
  return add(needed, bundle(executor.resources));
}

function hasExecutor(framework: Framework, agent: AgentRecord, executor: ExecutorInfo): boolean {
  return agent.executors[framework.id]?.[executor.executor_id.value] !== undefined;
}

function validateHealthCheck(task: TaskInfo): string | undefined {
  const check = task.health_check;
  if (check === undefined) return undefined;
  for (const [type, field] of [
    ['COMMAND', 'command'],
    ['HTTP', 'http'],
    ['TCP', 'tcp'],
  ] as const) {
    if (check.type === type && check[field] === undefined) {
      return `Task uses invalid health check: Expecting '${field}' to be set for ${type} health check`;
    }
  }
  return undefined;
}

function validateResources(task: TaskInfo): string | undefined {
  const resources = task.resources ?? [];
  if (resources.length === 0) return 'Task uses no resources';
  const invalid = validateAmounts(resources) ?? validateAmounts(task.executor?.resources);
  if (invalid !== undefined) return invalid;
  const volumes = resources.filter(isPersistentVolume).map((one) => one.disk?.persistence?.id ?? '');
  const repeated = volumes.find((id, index) => volumes.indexOf(id) !== index);
  if (repeated === undefined) return undefined;
  return `Task uses duplicate persistence ID: Persistence ID '${repeated}' is not unique`;
}

function validateExecutor(framework: Framework, agent: AgentRecord, task: TaskInfo): string | undefined {
  const { executor } = task;
  if ((executor === undefined) === (task.command === undefined)) {
    return 'Task should have at least one (but not both) of CommandInfo or ExecutorInfo present';
  }
  if (executor === undefined) return undefined;
  const invalid = validateId(executor.executor_id.value);
  if (invalid !== undefined) return invalid;
  const actual = executor.framework_id?.value ?? '';
  if (actual !== framework.id) {
    return `ExecutorInfo has an invalid FrameworkID (Actual: ${actual} vs Expected: ${framework.id})`;
  }
  if ((executor.shutdown_grace_period?.nanoseconds ?? 0) < 0) {
    return "ExecutorInfo's 'shutdown_grace_period' must be non-negative";
  }
  const existing = agent.executors[framework.id]?.[executor.executor_id.value];
  if (existing !== undefined && canonical(existing) !== canonical(executor)) {
    return [
      'ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.',
      rule,
      'Existing ExecutorInfo:',
      executorInfoText(existing),
      rule,
      'ExecutorInfo:',
      executorInfoText(executor),
      rule,
      '',
    ].join('\n');
  }
  if ((executor.type ?? 'CUSTOM') !== 'CUSTOM') return "'ExecutorInfo.type' must be 'CUSTOM'";
  if (executor.command === undefined) return "'ExecutorInfo.command' must be set";
  return undefined;
}

function validateTotal(
  framework: Framework,
  agent: AgentRecord,
  task: TaskInfo,
  offered: Bundle,
): string | undefined {
  const needed = resourcesNeeded(framework, agent, task);
  if (contains(offered, needed)) return undefined;
  return `Total resources ${resourcesText(needed)} required by task and its executor is more than available ${resourcesText(offered)}`;
}

/** Equal for messages that say the same, in whatever order their fields stand. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}
