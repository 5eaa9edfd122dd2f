/** What the master knows of tasks, and how it learns it. */
import type {
  Base64,
  ContainerStatus,
  TaskState,
  TaskStatus,
  TaskStatusReason,
  TimeInfo,
} from '../../mesos/types.ts';
import { type Context, hasCapability, sendUpdate, timestamp } from './context.ts';
import type { Framework, MasterTask } from './state.ts';

const terminalStates: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
]);

export function isTerminal(state: TaskState): boolean {
  return terminalStates.has(state);
}

/** An update arrives from an agent: the table learns it, the framework is told. */
export function receiveUpdate(
  context: Context,
  agentId: string,
  frameworkId: string,
  status: TaskStatus,
  latestState: TaskState,
): void {
  const framework = context.state.frameworks[frameworkId];
  // An agent that was removed is not listened to until it registers again.
  if (framework === undefined || context.state.agents[agentId] === undefined) return;
  const task = framework.tasks[status.task_id.value];
  if (task !== undefined && task.agentId === agentId) {
    noteStatus(task, status);
    if (!isTerminal(task.state)) task.state = latestState;
    noteUpdate(task, status);
  }
  sendUpdate(context, framework, status);
}

/** The latest update that was passed on. */
export function noteUpdate(
  task: { updateState?: TaskState; updateUuid?: Base64 },
  { state, uuid }: TaskStatus,
): void {
  task.updateState = state;
  if (uuid === undefined) delete task.updateUuid;
  else task.updateUuid = uuid;
}

/** Appends a status; a repeated state replaces the one before, and data is not kept, as in Mesos. */
export function noteStatus(task: { readonly statuses: TaskStatus[] }, status: TaskStatus): void {
  const { data: _, ...kept } = status;
  if (task.statuses.at(-1)?.state === status.state) task.statuses.pop();
  task.statuses.push(kept);
}

export type MasterStatus = {
  readonly taskId: string;
  readonly agentId?: string | undefined;
  readonly state: TaskState;
  readonly message: string;
  readonly reason: TaskStatusReason;
  readonly executorId?: string | undefined;
  readonly healthy?: boolean | undefined;
  readonly containerStatus?: ContainerStatus | undefined;
  readonly unreachableMs?: number | undefined;
};

/** A status the master makes itself: no uuid, so it is never acknowledged nor repeated. */
export function masterStatus(context: Context, facts: MasterStatus): TaskStatus {
  return {
    task_id: { value: facts.taskId },
    state: facts.state,
    message: facts.message,
    source: 'SOURCE_MASTER',
    reason: facts.reason,
    ...(facts.agentId === undefined ? {} : { agent_id: { value: facts.agentId } }),
    ...(facts.executorId === undefined ? {} : { executor_id: { value: facts.executorId } }),
    timestamp: timestamp(context),
    ...(facts.healthy === undefined ? {} : { healthy: facts.healthy }),
    ...(facts.containerStatus === undefined ? {} : { container_status: facts.containerStatus }),
    ...(facts.unreachableMs === undefined ? {} : { unreachable_time: timeInfo(facts.unreachableMs) }),
  };
}

export function timeInfo(timeMs: number): TimeInfo {
  return { nanoseconds: timeMs * 1_000_000 };
}

/** Frameworks without PARTITION_AWARE know only TASK_LOST for all ways of losing a task. */
export function lostState(framework: Framework, state: TaskState): TaskState {
  return hasCapability(framework, 'PARTITION_AWARE') ? state : 'TASK_LOST';
}

export function latestContainerStatus(task: MasterTask): ContainerStatus | undefined {
  return task.statuses.findLast((status) => status.container_status !== undefined)?.container_status;
}

export function latestHealth(task: MasterTask): boolean | undefined {
  return task.statuses.findLast((status) => status.healthy !== undefined)?.healthy;
}

/** The task leaves the table; it is remembered among the framework's completed ones. */
export function completeTask(context: Context, framework: Framework, task: MasterTask): void {
  const taskId = task.info.task_id.value;
  delete framework.tasks[taskId];
  delete framework.unreachableTasks[taskId];
  forgetKill(context, task);
  framework.completedTasks.push(task);
  const surplus = framework.completedTasks.length - context.state.settings.maxCompletedTasks;
  if (surplus > 0) framework.completedTasks.splice(0, surplus);
}

/** The master ends a task on its own authority and tells the framework. */
export function endTask(
  context: Context,
  framework: Framework,
  task: MasterTask,
  end: Pick<MasterStatus, 'state' | 'message' | 'reason' | 'unreachableMs'>,
): void {
  const status = masterStatus(context, {
    ...end,
    taskId: task.info.task_id.value,
    agentId: task.agentId,
    executorId: task.executorId,
  });
  task.state = end.state;
  noteStatus(task, status);
  completeTask(context, framework, task);
  sendUpdate(context, framework, status);
}

function forgetKill(context: Context, task: MasterTask): void {
  const kills = context.state.agents[task.agentId]?.killedTasks[task.frameworkId];
  if (kills !== undefined) delete kills[task.info.task_id.value];
}

export function tasksOnAgent(framework: Framework, agentId: string): MasterTask[] {
  return Object.values(framework.tasks).filter((task) => task.agentId === agentId);
}
