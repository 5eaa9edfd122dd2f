/**
 * Operations with an id: the agent reports their end, again and again until it is acknowledged; then
 * the operation is forgotten and its id is free. Facts: scenario 09.
 */
import type {
  AcknowledgeOperationStatus,
  Operation,
  OperationState,
  OperationStatus,
  ReconcileOperations,
} from '../../mesos/types.ts';
import { type Context, newUuidBytes, sendEvent } from './context.ts';
import { canTalk, endDrain, reachableProcess } from './executor-state.ts';
import type { AgentProcess, Framework, OperationStream } from './state.ts';

const firstIntervalMs = 10_000;
const longestIntervalMs = 600_000;

/** The operation, which has an id, was applied: at the master in advance, and at the agent unless it is out of reach. */
export function reportOperation(
  context: Context,
  framework: Framework,
  agentId: string,
  info: Operation,
): void {
  const operationId = info.id?.value ?? '';
  const uuid = newUuidBytes(context);
  const process = reachableProcess(context.state, agentId);
  const state = process === undefined ? 'OPERATION_PENDING' : 'OPERATION_FINISHED';
  framework.operations[operationId] = { agentId, state, info, uuid };
  if (process !== undefined) startStream(context, process, framework, operationId, 'OPERATION_FINISHED');
}

function startStream(
  context: Context,
  process: AgentProcess,
  framework: Framework,
  operationId: string,
  state: OperationState,
): void {
  const stream: OperationStream = {
    frameworkId: framework.id,
    status: {
      operation_id: { value: operationId },
      state,
      uuid: { value: newUuidBytes(context) },
      ...(process.agentId === undefined ? {} : { agent_id: { value: process.agentId } }),
    },
    intervalMs: firstIntervalMs,
  };
  process.operations.push(stream);
  send(context, process, stream);
}

/** What an agent reports when it comes back to a master that had given it up. */
export function learnOperations(context: Context, process: AgentProcess, agentId: string): void {
  for (const { frameworkId, status } of process.operations) {
    const framework = context.state.frameworks[frameworkId];
    const operationId = status.operation_id?.value;
    if (framework === undefined || operationId === undefined) continue;
    framework.operations[operationId] = { agentId, state: status.state };
  }
}

/** Operations that never reached the agent, which is back now, were dropped. */
export function dropLostOperations(context: Context, process: AgentProcess): void {
  for (const framework of Object.values(context.state.frameworks)) {
    for (const [operationId, operation] of Object.entries(framework.operations)) {
      if (operation.agentId !== process.agentId) continue;
      const known = process.operations.some(
        (stream) => stream.frameworkId === framework.id && stream.status.operation_id?.value === operationId,
      );
      if (known) continue;
      framework.operations[operationId] = { ...operation, state: 'OPERATION_DROPPED' };
      startStream(context, process, framework, operationId, 'OPERATION_DROPPED');
    }
  }
}

export function resumeOperations(context: Context, process: AgentProcess): void {
  for (const stream of process.operations) {
    stream.intervalMs = firstIntervalMs;
    send(context, process, stream);
  }
}

export function resendDueOperations(context: Context, process: AgentProcess): void {
  for (const stream of process.operations) {
    if (stream.resendMs === undefined || stream.resendMs > context.nowMs) continue;
    stream.intervalMs = Math.min(stream.intervalMs * 2, longestIntervalMs);
    send(context, process, stream);
  }
}

function send(context: Context, process: AgentProcess, stream: OperationStream): void {
  if (!canTalk(process)) {
    delete stream.resendMs;
    return;
  }
  stream.resendMs = context.nowMs + stream.intervalMs;
  const framework = context.state.frameworks[stream.frameworkId];
  if (framework !== undefined) sendStatus(context, framework, stream.status);
}

export function sendStatus(context: Context, framework: Framework, status: OperationStatus): void {
  sendEvent(context, framework, {
    type: 'UPDATE_OPERATION_STATUS',
    update_operation_status: { status },
  });
}

/** The master ends the operations of an agent it removes: told once, without a uuid, and forgotten. */
export function failOperations(
  context: Context,
  agentId: string,
  state: OperationState,
  message: string,
): void {
  for (const framework of Object.values(context.state.frameworks)) {
    for (const [operationId, operation] of Object.entries(framework.operations)) {
      if (operation.agentId !== agentId) continue;
      delete framework.operations[operationId];
      sendStatus(context, framework, {
        operation_id: { value: operationId },
        state,
        message,
        agent_id: { value: agentId },
      });
    }
  }
}

/** Repeated and unknown acknowledgements pass in silence; so do those that do not reach the agent. */
export function acknowledgeOperation(
  context: Context,
  framework: Framework,
  call: AcknowledgeOperationStatus,
): void {
  const process = reachableProcess(context.state, call.agent_id?.value ?? '');
  const index =
    process?.operations.findIndex(
      (stream) =>
        stream.frameworkId === framework.id &&
        stream.status.operation_id?.value === call.operation_id.value &&
        stream.status.uuid?.value === call.uuid,
    ) ?? -1;
  if (process === undefined || index < 0) return;
  process.operations.splice(index, 1);
  endDrain(process);
  delete framework.operations[call.operation_id.value];
}

/** Answered from the master's memory, without a uuid: nothing of it is to be acknowledged. */
export function reconcileOperations(context: Context, framework: Framework, call: ReconcileOperations): void {
  const questions = call.operations ?? [];
  const known = (operationId: string): OperationStatus | undefined => {
    const operation = framework.operations[operationId];
    return operation === undefined
      ? undefined
      : {
          operation_id: { value: operationId },
          state: operation.state,
          agent_id: { value: operation.agentId },
        };
  };
  const answers =
    questions.length === 0
      ? Object.keys(framework.operations).flatMap((id) => known(id) ?? [])
      : questions.map(
          ({ operation_id: operationId, agent_id: agentId }) =>
            known(operationId.value) ?? {
              operation_id: operationId,
              ...unknownOperation(context, agentId?.value),
              ...(agentId === undefined ? {} : { agent_id: agentId }),
            },
        );
  for (const status of answers) sendStatus(context, framework, status);
}

function unknownOperation(
  context: Context,
  agentId: string | undefined,
): { readonly state: OperationState; readonly message: string } {
  const { agents, recoveredAgents, unreachableAgents, goneAgents } = context.state;
  const state = 'OPERATION_UNKNOWN';
  if (agentId === undefined) {
    return { state, message: "Reconciliation: Operation is unknown and no 'agent_id' was provided" };
  }
  if (recoveredAgents[agentId] !== undefined) {
    const message = 'Reconciliation: Agent is recovered but has not re-registered';
    return { state: 'OPERATION_RECOVERING', message };
  }
  if (agents[agentId] !== undefined) return { state, message: 'Reconciliation: Operation is unknown' };
  if (unreachableAgents[agentId] !== undefined) {
    return { state: 'OPERATION_UNREACHABLE', message: 'Reconciliation: Agent is unreachable' };
  }
  if (goneAgents[agentId] !== undefined) {
    return {
      state: 'OPERATION_GONE_BY_OPERATOR',
      message: 'Reconciliation: Agent marked gone by operator',
    };
  }
  return { state, message: 'Reconciliation: Both operation and agent are unknown' };
}
