/**
 * One step of the model: an input changes the state and makes outputs. The way in for hosts.
 *
 * The inputs (io.ts has their shapes), each with `nowMs`:
 *
 *   tick                     time passed; due at `nextWakeMs(state)`
 *   subscribe, call, stream-closed                    a scheduler
 *   executor-subscribe, executor-call, executor-stream-closed   an executor
 *   operator-call            POST /api/v1: MARK_AGENT_GONE, DRAIN_AGENT, DEACTIVATE_AGENT, REACTIVATE_AGENT,
 *                            UPDATE_MAINTENANCE_SCHEDULE, START_MAINTENANCE, STOP_MAINTENANCE,
 *                            RESERVE_RESOURCES, UNRESERVE_RESOURCES, CREATE_VOLUMES, DESTROY_VOLUMES, TEARDOWN, GET_*
 *   agent-started            start, restart and recovery; reboot: after `agent-stopped` with executors
 *                            'gone'; an empty disk: with `wiped`
 *   agent-stopped            crash or stop of the process ('running'), loss of the machine ('gone')
 *   agent-partitioned, agent-healed                   master and agent cannot talk; they can again
 *   agent-unregistered       shut down for good
 *   master-restarted         master failover: its tables are gone, its registry is not
 *   container-started, container-failed, container-exited       what the host's processes did
 */
import { unreachable } from '../../model/errors.ts';
import {
  containerReport,
  healAgent,
  partitionAgent,
  startAgent,
  stopAgent,
  unregisterAgent,
} from './agent-process.ts';
import { schedulerCall, subscribeCall } from './calls.ts';
import type { Context } from './context.ts';
import { executorCall, executorStreamClosed, executorSubscribe } from './executor-calls.ts';
import { disconnectFramework } from './frameworks.ts';
import type { Input, Stepped } from './io.ts';
import { restartMaster } from './master-restart.ts';
import { operatorCall } from './operator.ts';
import type { State } from './state.ts';
import { fireTimers, nextWakeMs, noteDue } from './timers.ts';

export { defaultSettings, initialState, restore, serialize } from './snapshot.ts';
export { nextWakeMs } from './timers.ts';

/**
 * Applies one input. What became due before it happens first. The state is changed in place and
 * returned; the outputs stand in the order in which they must be carried out. Inputs never fail:
 * a wrong request is answered, a late report ignored.
 */
export function step(state: State, input: Input): Stepped<State> {
  // A clock that went back must not undo what was.
  state.nowMs = Math.max(state.nowMs, input.nowMs);
  const context: Context = { state, nowMs: state.nowMs, outputs: [] };
  if (nextWakeMs(state) <= state.nowMs) fireTimers(context);
  perform(context, input);
  noteDue(state);
  return { state, outputs: context.outputs };
}

function perform(context: Context, input: Input) {
  const { processes } = context.state;
  switch (input.kind) {
    case 'tick':
      return;
    case 'subscribe':
      return subscribeCall(context, input.streamId, input.call);
    case 'call':
      return schedulerCall(context, input.streamId, input.call);
    case 'stream-closed':
      return disconnectFramework(context, input.streamId);
    case 'executor-subscribe':
      return executorSubscribe(context, processes[input.agentName], input.streamId, input.call);
    case 'executor-call':
      return executorCall(context, processes[input.agentName], input.call);
    case 'executor-stream-closed':
      return executorStreamClosed(processes[input.agentName], input.streamId);
    case 'operator-call':
      return operatorCall(context, input.call);
    case 'agent-started':
      return startAgent(context, input);
    case 'agent-stopped':
      return stopAgent(context, input.agentName, input.executors);
    case 'agent-partitioned':
      return partitionAgent(context, input.agentName);
    case 'agent-healed':
      return healAgent(context, input.agentName, input.registrationDelayMs ?? 0);
    case 'agent-unregistered':
      return unregisterAgent(context, input.agentName);
    case 'master-restarted':
      return restartMaster(context, input.masterId, input.agentsReturnAfterMs ?? 0);
    case 'container-started':
    case 'container-failed':
    case 'container-exited':
      return containerReport(context, input);
    default:
      return unreachable(input);
  }
}
