/** RECONCILE: the master answers from its table, without asking any agent. */
import { type Context, sendUpdate } from './context.ts';
import type { Framework, MasterTask } from './state.ts';
import { latestContainerStatus, latestHealth, lostState, type MasterStatus, masterStatus } from './tasks.ts';

type TaskQuestion = {
  readonly task_id: { readonly value: string };
  readonly agent_id?: { readonly value: string };
};

/** Explicit for the tasks named; implicit, all tasks that may still run, for none. */
export function reconcile(context: Context, framework: Framework, questions: readonly TaskQuestion[]): void {
  if (questions.length === 0) {
    for (const task of Object.values(framework.tasks)) sendUpdate(context, framework, latest(context, task));
    return;
  }
  for (const question of questions) answer(context, framework, question);
}

/** Also what a KILL of an unknown task is answered with. */
export function answer(context: Context, framework: Framework, question: TaskQuestion) {
  const task = framework.tasks[question.task_id.value];
  // A wrong agent id is answered with the true one.
  if (task !== undefined) return sendUpdate(context, framework, latest(context, task));
  const { state } = context;
  const agentId = question.agent_id?.value;
  const say = (facts: Pick<MasterStatus, 'state' | 'message' | 'unreachableMs'>): void =>
    sendUpdate(
      context,
      framework,
      masterStatus(context, {
        ...facts,
        state: lostState(framework, facts.state),
        taskId: question.task_id.value,
        agentId,
        reason: 'REASON_RECONCILIATION',
      }),
    );
  // Silence: while a restarted master waits for agents, a task may turn out to run on one of them.
  const waits = Object.keys(state.recoveredAgents).length > 0;
  if (agentId === undefined ? waits : state.recoveredAgents[agentId] !== undefined) return;
  if (agentId !== undefined && state.agents[agentId] !== undefined) {
    return say({ state: 'TASK_GONE', message: 'Reconciliation: Task is unknown to the agent' });
  }
  const unreachableMs = agentId === undefined ? undefined : state.unreachableAgents[agentId];
  if (unreachableMs !== undefined) {
    const message = 'Reconciliation: Task is unreachable';
    return say({ state: 'TASK_UNREACHABLE', message, unreachableMs });
  }
  if (agentId !== undefined && state.goneAgents[agentId] !== undefined) {
    return say({ state: 'TASK_GONE_BY_OPERATOR', message: 'Reconciliation: Task is gone' });
  }
  say({ state: 'TASK_UNKNOWN', message: 'Reconciliation: Task is unknown' });
}

function latest(context: Context, task: MasterTask) {
  return masterStatus(context, {
    taskId: task.info.task_id.value,
    agentId: task.agentId,
    executorId: task.executorId,
    state: task.updateState ?? task.state,
    message: 'Reconciliation: Latest task state',
    reason: 'REASON_RECONCILIATION',
    healthy: latestHealth(task),
    containerStatus: latestContainerStatus(task),
  });
}
