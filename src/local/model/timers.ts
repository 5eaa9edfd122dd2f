/** What happens by itself when time passes, and when the next such thing is due. */
import { giveUpAgent } from './agent-removal.ts';
import { registerAgent } from './agents.ts';
import { allocate } from './allocator.ts';
import { endOverdueCommand, escalateCommandKill } from './command-tasks.ts';
import { type Context, sendEvent } from './context.ts';
import { durationText } from './duration-text.ts';
import { executorsOf } from './executor-state.ts';
import { destroy, executorEnded } from './executors.ts';
import { removeFramework } from './frameworks.ts';
import { rescindInverseOffer } from './inverse-offers.ts';
import { giveUpRecoveredAgents } from './master-restart.ts';
import { rescindOffer } from './offers.ts';
import { resendDueOperations } from './operation-feedback.ts';
import type { AgentProcess, Executor, State } from './state.ts';
import { resendDueUpdates } from './status-updates.ts';

/** Everything due at `context.nowMs`, each thing once however late it is. */
export function fireTimers(context: Context): void {
  const { state, nowMs } = context;
  for (const framework of Object.values(state.frameworks)) {
    if (isDue(framework.failoverDeadlineMs, nowMs)) removeFramework(context, framework);
  }
  for (const process of Object.values(state.processes)) {
    for (const executor of executorsOf(process)) fireExecutorTimers(context, process, executor);
    if (isDue(process.registerMs, nowMs)) registerAgent(context, process);
  }
  for (const agent of Object.values(state.agents)) {
    if (isDue(agent.unreachableDeadlineMs, nowMs)) giveUpAgent(context, agent);
  }
  if (isDue(state.recoveryDeadlineMs, nowMs)) giveUpRecoveredAgents(context);
  for (const process of Object.values(state.processes)) {
    resendDueUpdates(context, process);
    resendDueOperations(context, process);
  }
  for (const offer of Object.values(state.offers)) {
    if (isDue(offer.rescindMs, nowMs)) rescindOffer(context, offer);
  }
  for (const offer of Object.values(state.inverseOffers)) {
    if (isDue(offer.rescindMs, nowMs)) rescindInverseOffer(context, offer);
  }
  if (isDue(state.nextAllocationMs, nowMs)) {
    state.nextAllocationMs = nextBeat(state.nextAllocationMs, state.settings.allocationIntervalMs, nowMs);
    allocate(context);
  }
  for (const framework of Object.values(state.frameworks)) {
    if (framework.nextHeartbeatMs === undefined || framework.nextHeartbeatMs > nowMs) continue;
    sendEvent(context, framework, { type: 'HEARTBEAT' });
    framework.nextHeartbeatMs = nextBeat(
      framework.nextHeartbeatMs,
      state.settings.heartbeatIntervalMs,
      nowMs,
    );
  }
}

/** Keeps its rhythm, and skips the beats that were slept through. */
function nextBeat(dueMs: number, intervalMs: number, nowMs: number): number {
  return dueMs + intervalMs * (Math.floor((nowMs - dueMs) / intervalMs) + 1);
}

function fireExecutorTimers(context: Context, process: AgentProcess, executor: Executor): void {
  const { nowMs } = context;
  const { config } = process;
  // These two are the agent's own: they wait while it is down.
  const serving = process.phase !== 'down';
  if (serving && isDue(executor.registrationDeadlineMs, nowMs)) {
    delete executor.registrationDeadlineMs;
    executor.termination =
      executor.recovering === true
        ? {
            reason: 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT',
            message: `Executor did not reregister within ${durationText(config.executorReregistrationTimeoutMs ?? 2_000)}`,
          }
        : {
            reason: 'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
            message: `Executor did not register within ${durationText(config.executorRegistrationTimeoutMs ?? 60_000)}`,
          };
    executor.phase = 'terminating';
    destroy(context, process, executor);
  }
  if (serving && isDue(executor.shutdownDeadlineMs, nowMs)) {
    delete executor.shutdownDeadlineMs;
    destroy(context, process, executor);
  }
  if (isDue(executor.kill?.escalateMs, nowMs)) escalateCommandKill(context, process, executor);
  if (isDue(executor.completionDeadlineMs, nowMs)) endOverdueCommand(context, process, executor);
  if (isDue(executor.lingerUntilMs, nowMs)) executorEnded(context, process, executor, 0);
}

function isDue(timeMs: number | undefined, nowMs: number): boolean {
  return timeMs !== undefined && timeMs <= nowMs;
}

/** When the next `tick` is due, as the last step left it. There is always one: allocations go on. */
export function nextWakeMs(state: State): number {
  return dueMs.get(state) ?? firstDueMs(state);
}

/** Asked before every step: between two of them nothing changes what is due. */
const dueMs = new WeakMap<State, number>();

export function noteDue(state: State): void {
  dueMs.set(state, firstDueMs(state));
}

function firstDueMs(state: State): number {
  let next = state.nextAllocationMs;
  const note = (timeMs: number | undefined): void => {
    if (timeMs !== undefined && timeMs < next) next = timeMs;
  };
  note(state.recoveryDeadlineMs);
  for (const framework of Object.values(state.frameworks)) {
    note(framework.failoverDeadlineMs);
    note(framework.nextHeartbeatMs);
  }
  for (const agent of Object.values(state.agents)) note(agent.unreachableDeadlineMs);
  for (const offer of Object.values(state.offers)) note(offer.rescindMs);
  for (const offer of Object.values(state.inverseOffers)) note(offer.rescindMs);
  for (const process of Object.values(state.processes)) {
    note(process.registerMs);
    for (const executor of executorsOf(process)) {
      if (process.phase !== 'down') {
        note(executor.registrationDeadlineMs);
        note(executor.shutdownDeadlineMs);
      }
      note(executor.kill?.escalateMs);
      note(executor.lingerUntilMs);
      note(executor.completionDeadlineMs);
    }
    for (const stream of Object.values(process.updates)) note(stream.resendMs);
    for (const stream of process.operations) note(stream.resendMs);
  }
  return next;
}
