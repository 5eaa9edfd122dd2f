/** A framework's life at the master: subscription, failover, disconnection, removal. */
import type { FrameworkInfo, MasterInfo, Subscribe } from '../../mesos/types.ts';
import { allocate } from './allocator.ts';
import { type Context, refuse, reply, rolesOf, sendEvent } from './context.ts';
import { reachableProcess } from './executor-state.ts';
import { shutdownFramework } from './executors.ts';
import { addFramework } from './framework-table.ts';
import { validateFramework } from './framework-validation.ts';
import { dropInverseOffers } from './inverse-offers.ts';
import { removeOffer, rescindOffer } from './offers.ts';
import type { Framework, OfferRecord, Settings, State } from './state.ts';
import { resumeUpdates } from './status-updates.ts';
import { completeTask, masterStatus, noteStatus } from './tasks.ts';

const principalChange = "Changing framework's principal is not allowed.";

export function subscribe(context: Context, streamId: string, call: Subscribe): void {
  const { state } = context;
  // A refused subscription is no HTTP error: the stream opens, says why, and ends.
  reply(context, { status: 200, headers: { 'Mesos-Stream-Id': streamId } });
  const id = call.framework_info.id?.value ?? '';
  const known = state.frameworks[id];
  const removed = state.completedFrameworks.some((one) => one.id === id);
  const error =
    validateFramework(call) ??
    (removed ? 'Framework has been removed' : undefined) ??
    (known !== undefined && known.info.principal !== call.framework_info.principal
      ? principalChange
      : undefined);
  if (error !== undefined) {
    context.outputs.push({ kind: 'event', streamId, event: { type: 'ERROR', error: { message: error } } });
    context.outputs.push({ kind: 'close-stream', streamId });
    return;
  }
  if (known === undefined) {
    const framework = addFramework(context, call.framework_info, id);
    Object.assign(framework, optionsOf(call));
    open(context, framework, streamId);
    allocate(context);
    return;
  }
  resubscribe(context, known, streamId, call);
}

function optionsOf(call: Subscribe): Partial<Framework> {
  const { suppressed_roles: suppressed = [], offer_constraints: offerConstraints = {} } = call;
  return { suppressedRoles: [...suppressed], offerConstraints };
}

function resubscribe(context: Context, framework: Framework, streamId: string, call: Subscribe): void {
  const { state } = context;
  // Changes of user and checkpoint are ignored without a word; all else takes effect.
  const { user, checkpoint } = framework.info;
  framework.info = { ...call.framework_info, user, ...(checkpoint === undefined ? {} : { checkpoint }) };
  const wasConnected = framework.streamId !== undefined;
  rescindForeignRoles(context, framework);
  // The old stream's other offers vanish with it.
  for (const offer of ownOffers(state, framework)) removeOffer(state, offer);
  dropInverseOffers(state, framework.id);
  if (framework.streamId !== undefined) {
    sendEvent(context, framework, { type: 'ERROR', error: { message: 'Framework failed over' } });
    context.outputs.push({ kind: 'close-stream', streamId: framework.streamId });
  }
  framework.reregisteredMs = context.nowMs;
  delete framework.failoverDeadlineMs;
  delete framework.recovered;
  Object.assign(framework, optionsOf(call));
  open(context, framework, streamId);
  if (!wasConnected) allocate(context);
  tellAgents(context, framework);
}

/** UPDATE_FRAMEWORK, the one call with a real answer: 200, or 400 with the reason. */
export function updateFramework(context: Context, framework: Framework, call: Subscribe) {
  const { info } = framework;
  const next = call.framework_info;
  const invalidInfo = validateFramework({ framework_info: next });
  if (invalidInfo !== undefined) {
    return refuse(context, 400, `Supplied FrameworkInfo is not valid: ${invalidInfo}`);
  }
  const invalidCall = validateFramework(call);
  if (invalidCall !== undefined) {
    return refuse(context, 400, `'UpdateFramework' call is not valid: ${invalidCall}`);
  }
  const change = forbiddenChange(info, next);
  if (change !== undefined) return refuse(context, 400, `FrameworkInfo update is not valid: ${change}`);
  reply(context, { status: 200 });
  framework.info = next;
  Object.assign(framework, optionsOf(call));
  rescindForeignRoles(context, framework);
  tellAgents(context, framework);
}

function forbiddenChange(before: FrameworkInfo, after: FrameworkInfo): string | undefined {
  if (before.principal !== after.principal) return principalChange;
  if (before.user !== after.user) {
    return `Updating 'FrameworkInfo.user' is unsupported; attempted to update from '${before.user}' to '${after.user}'`;
  }
  if ((before.checkpoint ?? false) === (after.checkpoint ?? false)) return undefined;
  return `Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from '${before.checkpoint ?? false}' to '${after.checkpoint ?? false}'`;
}

/** Offers of a role given up are taken back aloud. */
function rescindForeignRoles(context: Context, framework: Framework): void {
  for (const offer of ownOffers(context.state, framework)) {
    if (!rolesOf(framework).includes(offer.role)) rescindOffer(context, offer);
  }
}

/** The agents learn what changed, and send again what was not acknowledged. */
function tellAgents(context: Context, framework: Framework): void {
  const { state } = context;
  for (const agent of Object.values(state.agents)) {
    const process = reachableProcess(state, agent.id);
    if (process === undefined || process.frameworks[framework.id] === undefined) continue;
    process.frameworks[framework.id] = framework.info;
    resumeUpdates(context, process);
  }
}

function open(context: Context, framework: Framework, streamId: string): void {
  const { settings } = context.state;
  framework.streamId = streamId;
  sendEvent(context, framework, {
    type: 'SUBSCRIBED',
    subscribed: {
      framework_id: { value: framework.id },
      heartbeat_interval_seconds: settings.heartbeatIntervalMs / 1000,
      master_info: masterInfo(settings),
    },
  });
  sendEvent(context, framework, { type: 'HEARTBEAT' });
  framework.nextHeartbeatMs = context.nowMs + settings.heartbeatIntervalMs;
}

export function masterInfo(settings: Settings): MasterInfo {
  const { masterId, hostname, ip, port, version, domain } = settings;
  const bytes = ip.split('.').map(Number);
  return {
    id: masterId,
    // The address in network order, read as a little-endian number.
    ip: bytes.reduceRight((sum, byte) => sum * 256 + byte, 0),
    port,
    pid: `master@${ip}:${port}`,
    hostname,
    version,
    address: { hostname, ip, port },
    ...(domain === undefined ? {} : { domain }),
    capabilities: [{ type: 'AGENT_UPDATE' }, { type: 'AGENT_DRAINING' }, { type: 'QUOTA_V2' }],
  };
}

function ownOffers(state: State, framework: Framework): OfferRecord[] {
  return Object.values(state.offers).filter((offer) => offer.frameworkId === framework.id);
}

/** The stream is gone: offers, filters and suppression too; the tasks live until the failover timeout. */
export function disconnectFramework(context: Context, streamId: string): void {
  const { state } = context;
  const framework = Object.values(state.frameworks).find((one) => one.streamId === streamId);
  if (framework === undefined) return;
  delete framework.streamId;
  delete framework.nextHeartbeatMs;
  for (const offer of ownOffers(state, framework)) removeOffer(state, offer);
  dropInverseOffers(state, framework.id);
  framework.filters = [];
  delete framework.inverseFilters;
  framework.suppressedRoles = [];
  const timeoutMs = Math.max(0, (framework.info.failover_timeout ?? 0) * 1000);
  framework.failoverDeadlineMs = context.nowMs + timeoutMs;
  if (timeoutMs === 0) removeFramework(context, framework);
}

/** TEARDOWN, or not back in time: its tasks are killed, its id is not accepted again. */
export function removeFramework(context: Context, framework: Framework): void {
  const { state } = context;
  for (const offer of ownOffers(state, framework)) removeOffer(state, offer);
  dropInverseOffers(state, framework.id);
  const message = `Framework ${framework.id} removed`;
  const tasks = [...Object.values(framework.tasks), ...Object.values(framework.unreachableTasks)];
  for (const task of tasks) {
    noteStatus(
      task,
      masterStatus(context, {
        taskId: task.info.task_id.value,
        agentId: task.agentId,
        executorId: task.executorId,
        state: 'TASK_KILLED',
        message,
        reason: 'REASON_FRAMEWORK_REMOVED',
      }),
    );
    task.state = 'TASK_KILLED';
    completeTask(context, framework, task);
  }
  for (const agent of Object.values(state.agents)) {
    delete agent.executors[framework.id];
    delete agent.killedTasks[framework.id];
    // An agent that cannot be told now is told when it registers again.
    const process = reachableProcess(state, agent.id);
    if (process !== undefined) shutdownFramework(context, process, framework.id);
  }
  if (framework.streamId !== undefined) {
    context.outputs.push({ kind: 'close-stream', streamId: framework.streamId });
  }
  delete state.frameworks[framework.id];
  state.completedFrameworks.push({
    id: framework.id,
    info: framework.info,
    registeredMs: framework.registeredMs,
    reregisteredMs: framework.reregisteredMs,
    unregisteredMs: context.nowMs,
    completedTasks: framework.completedTasks,
  });
  const surplus = state.completedFrameworks.length - state.settings.maxCompletedFrameworks;
  if (surplus > 0) state.completedFrameworks.splice(0, surplus);
}
