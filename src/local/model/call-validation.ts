/** Which scheduler calls are refused before anything is done, with the texts of scenario 12. */
import type { SchedulerCallFields, SchedulerFrameworkCall } from '../../mesos/types.ts';
import { isUuid } from './context.ts';
import type { State } from './state.ts';

type FieldName = Exclude<keyof SchedulerCallFields, 'type' | 'framework_id'>;

/** The field each call type cannot do without. */
const requiredFields: Readonly<Record<SchedulerFrameworkCall['type'], FieldName | undefined>> = {
  TEARDOWN: undefined,
  REVIVE: undefined,
  SUPPRESS: undefined,
  ACCEPT: 'accept',
  DECLINE: 'decline',
  ACCEPT_INVERSE_OFFERS: 'accept_inverse_offers',
  DECLINE_INVERSE_OFFERS: 'decline_inverse_offers',
  KILL: 'kill',
  SHUTDOWN: 'shutdown',
  ACKNOWLEDGE: 'acknowledge',
  ACKNOWLEDGE_OPERATION_STATUS: 'acknowledge_operation_status',
  RECONCILE: 'reconcile',
  RECONCILE_OPERATIONS: 'reconcile_operations',
  MESSAGE: 'message',
  REQUEST: 'request',
  UPDATE_FRAMEWORK: 'update_framework',
};

/** The text of the 400, or undefined. */
export function validateCall(call: SchedulerCallFields): string | undefined {
  const complaint = complain(call);
  return complaint === undefined ? undefined : `Failed to validate scheduler::Call: ${complaint}`;
}

function complain(call: SchedulerCallFields): string | undefined {
  if (call.type === undefined) return "Expecting 'type' to be present";
  if (call.type === 'SUBSCRIBE') {
    if (call.subscribe === undefined) return "Expecting 'subscribe' to be present";
    const inner = call.subscribe.framework_info.id?.value ?? '';
    return (call.framework_id?.value ?? '') === inner
      ? undefined
      : "'framework_id' differs from 'subscribe.framework_info.id'";
  }
  if (call.framework_id === undefined) return "Expecting 'framework_id' to be present";
  // The real master aborts on this type; one for development should not.
  if (call.type === 'UNKNOWN') return "Expecting 'type' to be present";
  // So is a name it does not know.
  if (!Object.hasOwn(requiredFields, call.type)) return "Expecting 'type' to be present";
  const field = requiredFields[call.type];
  if (field !== undefined && call[field] === undefined) return `Expecting '${field}' to be present`;
  const updated = call.update_framework;
  if (updated !== undefined && updated.framework_info.id?.value !== call.framework_id.value) {
    return "'framework_id' differs from 'update_framework.framework_info.id'";
  }
  const uuid = call.acknowledge?.uuid ?? call.acknowledge_operation_status?.uuid;
  if (uuid !== undefined && !isUuid(uuid)) return 'Not a valid UUID';
  return undefined;
}

export type Refusal = { readonly status: number; readonly text: string };

/** Whether the framework may call at all: known, connected, by the stream it subscribed on. */
export function validateSender(
  state: State,
  call: SchedulerCallFields,
  streamId: string | undefined,
): Refusal | undefined {
  const frameworkId = call.framework_id?.value ?? '';
  const framework = state.frameworks[frameworkId];
  if (framework === undefined) return { status: 400, text: 'Framework cannot be found' };
  if (framework.streamId === undefined) return { status: 403, text: 'Framework is not subscribed' };
  if (streamId === undefined) {
    return { status: 400, text: "All non-subscribe calls should include the 'Mesos-Stream-Id' header" };
  }
  if (streamId === framework.streamId) return undefined;
  return {
    status: 400,
    text: `The stream ID '${streamId}' included in this request didn't match the stream ID currently associated with framework ID ${frameworkId}`,
  };
}
