/** The scheduler's calls, one function each; who may call was settled before. */
import type { Acknowledge, Kill, SchedulerCallFields, Shutdown } from '../../mesos/types.ts';
import { unreachable } from '../../model/errors.ts';
import { allocate } from './allocator.ts';
import { validateCall, validateSender } from './call-validation.ts';
import { type Context, refuse, reply, rolesOf } from './context.ts';
import { checkDrained } from './draining.ts';
import { executorKey, reachableProcess } from './executor-state.ts';
import { acknowledge, killTask, sendExecutorEvent, shutdownExecutor } from './executors.ts';
import { removeFramework, subscribe, updateFramework } from './frameworks.ts';
import { answerInverseOffers } from './inverse-offers.ts';
import { refuseResources, removeOffer } from './offers.ts';
import { acknowledgeOperation, reconcileOperations } from './operation-feedback.ts';
import { accept } from './operations.ts';
import { answer, reconcile } from './reconciliation.ts';
import type { Framework } from './state.ts';
import { table } from './tables.ts';
import { completeTask, isTerminal } from './tasks.ts';

/** SUBSCRIBE; answered 200 even if the subscription is then refused by an ERROR event. */
export function subscribeCall(context: Context, streamId: string, call: SchedulerCallFields) {
  const invalid = validateCall(call);
  if (invalid !== undefined) return refuse(context, 400, invalid);
  if (call.subscribe !== undefined) subscribe(context, streamId, call.subscribe);
}

export function schedulerCall(context: Context, streamId: string | undefined, call: SchedulerCallFields) {
  const invalid = validateCall(call);
  if (invalid !== undefined) return refuse(context, 400, invalid);
  if (call.type === 'SUBSCRIBE') {
    return refuse(context, 400, "Subscribe calls should not include the 'Mesos-Stream-Id' header");
  }
  const refusal = validateSender(context.state, call, streamId);
  if (refusal !== undefined) return refuse(context, refusal.status, refusal.text);
  const framework = context.state.frameworks[call.framework_id?.value ?? ''];
  if (framework === undefined) return;
  if (call.type === 'UPDATE_FRAMEWORK') {
    if (call.update_framework !== undefined) updateFramework(context, framework, call.update_framework);
    return;
  }
  reply(context, { status: 202 });
  perform(context, framework, call);
}

function perform(context: Context, framework: Framework, call: SchedulerCallFields) {
  switch (call.type) {
    case 'TEARDOWN':
      return removeFramework(context, framework);
    case 'ACCEPT':
      return accept(context, framework, call.accept ?? {});
    case 'DECLINE':
      return decline(context, framework, call.decline ?? {});
    case 'REVIVE':
      return revive(context, framework, call.revive?.roles ?? []);
    case 'SUPPRESS':
      return suppress(framework, call.suppress?.roles ?? []);
    case 'KILL':
      return call.kill === undefined ? undefined : kill(context, framework, call.kill);
    case 'SHUTDOWN':
      return call.shutdown === undefined ? undefined : shutdown(context, framework, call.shutdown);
    case 'ACKNOWLEDGE':
      return call.acknowledge === undefined
        ? undefined
        : acknowledgeStatus(context, framework, call.acknowledge);
    case 'RECONCILE':
      return reconcile(context, framework, call.reconcile?.tasks ?? []);
    case 'MESSAGE':
      return message(context, framework, call);
    case 'ACKNOWLEDGE_OPERATION_STATUS': {
      const body = call.acknowledge_operation_status;
      if (body === undefined) return;
      acknowledgeOperation(context, framework, body);
      return checkDrained(context, body.agent_id?.value ?? '');
    }
    case 'RECONCILE_OPERATIONS':
      return reconcileOperations(context, framework, call.reconcile_operations ?? {});
    case 'ACCEPT_INVERSE_OFFERS':
      return answerInverseOffers(context, framework, call.accept_inverse_offers ?? {}, 'ACCEPT');
    case 'DECLINE_INVERSE_OFFERS':
      return answerInverseOffers(context, framework, call.decline_inverse_offers ?? {}, 'DECLINE');
    // Accepted and without effect, as in Mesos.
    case 'REQUEST':
      return;
    // Settled by the callers.
    case 'UPDATE_FRAMEWORK':
    case 'SUBSCRIBE':
    case 'UNKNOWN':
    case undefined:
      return;
    default:
      return unreachable(call.type);
  }
}

/** Unknown and used offers are passed over in silence. */
function decline(
  context: Context,
  framework: Framework,
  call: NonNullable<SchedulerCallFields['decline']>,
): void {
  for (const { value } of call.offer_ids ?? []) {
    const offer = context.state.offers[value];
    if (offer === undefined || offer.frameworkId !== framework.id) continue;
    removeOffer(context.state, offer);
    const { agentId, role, resources } = offer;
    refuseResources(context, framework, agentId, role, resources, call.filters?.refuse_seconds);
  }
}

/** One foreign role spoils the whole call, in silence. */
function revive(context: Context, framework: Framework, named: readonly string[]): void {
  const roles = named.length === 0 ? rolesOf(framework) : named;
  if (!roles.every((role) => rolesOf(framework).includes(role))) return;
  framework.filters = framework.filters.filter((filter) => !roles.includes(filter.role));
  framework.suppressedRoles = framework.suppressedRoles.filter((role) => !roles.includes(role));
  delete framework.inverseFilters;
  allocate(context);
}

function suppress(framework: Framework, named: readonly string[]): void {
  const roles = named.length === 0 ? rolesOf(framework) : named;
  if (!roles.every((role) => rolesOf(framework).includes(role))) return;
  framework.suppressedRoles = [...new Set([...framework.suppressedRoles, ...roles])];
}

function kill(context: Context, framework: Framework, call: Kill) {
  const taskId = call.task_id.value;
  const task = framework.tasks[taskId];
  if (task === undefined) return answer(context, framework, call);
  // A kill with the wrong agent is ignored, in silence.
  if (call.agent_id !== undefined && call.agent_id.value !== task.agentId) return;
  const record = context.state.agents[task.agentId];
  if (record === undefined) return;
  // Remembered until the task is gone: an agent that does not hear it now is told on its return.
  const kills = record.killedTasks[framework.id] ?? table();
  kills[taskId] = call.kill_policy ?? null;
  record.killedTasks[framework.id] = kills;
  const process = reachableProcess(context.state, task.agentId);
  if (process !== undefined) killTask(context, process, framework.id, taskId, call.kill_policy);
}

function shutdown(context: Context, framework: Framework, call: Shutdown): void {
  const process = reachableProcess(context.state, call.agent_id.value);
  const executor = process?.executors[executorKey(framework.id, call.executor_id.value)];
  if (process !== undefined && executor !== undefined) shutdownExecutor(context, process, executor);
}

/** Dropped in silence while the agent is away, which therefore sends its update again. */
function acknowledgeStatus(context: Context, framework: Framework, call: Acknowledge): void {
  const taskId = call.task_id.value;
  const process = reachableProcess(context.state, call.agent_id.value);
  if (process === undefined) return;
  const task = framework.tasks[taskId];
  if (task !== undefined && task.agentId === call.agent_id.value) {
    const last = task.updateState !== undefined && isTerminal(task.updateState);
    if (last && task.updateUuid === call.uuid) completeTask(context, framework, task);
  }
  acknowledge(context, process, framework.id, taskId, call.uuid);
  checkDrained(context, call.agent_id.value);
}

function message(context: Context, framework: Framework, call: SchedulerCallFields): void {
  if (call.message === undefined) return;
  const { agent_id: agentId, executor_id: executorId, data } = call.message;
  const process = reachableProcess(context.state, agentId.value);
  const executor = process?.executors[executorKey(framework.id, executorId.value)];
  if (executor?.phase === 'running') {
    sendExecutorEvent(context, executor, { type: 'MESSAGE', message: { data } });
  }
}
