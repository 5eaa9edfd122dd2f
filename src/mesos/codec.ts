import { InvariantError } from '../model/errors.ts';
import type {
  ExecutorCall,
  ExecutorCallFields,
  ExecutorEvent,
  SchedulerCall,
  SchedulerCallFields,
  SchedulerEvent,
} from './types.ts';
import {
  decodeMessage,
  encodeMessage,
  type JsonMessage,
  type MessageType,
  messageType,
  undecodable,
} from './wire.ts';
import { readMessageJson } from './wire-json.ts';

/*
 * The messages that open the v1 scheduler and executor APIs, between protobuf and types.ts. Clients encode
 * calls and decode events, servers the other way round.
 *
 * Every encoder throws InvariantError `KM_BUG_MESOS_MESSAGE`, every decoder ProtocolError
 * `KM_PROTOCOL_MESOS_MESSAGE`.
 */

const types = {
  schedulerCall: messageType('scheduler.Call'),
  schedulerEvent: messageType('scheduler.Event'),
  executorCall: messageType('executor.Call'),
  executorEvent: messageType('executor.Event'),
  operatorCall: messageType('master.Call'),
  operatorResponse: messageType('master.Response'),
};

export function encodeSchedulerCall(call: SchedulerCall): Uint8Array {
  return encodeMessage(types.schedulerCall, withKnownType(call));
}

/** Vouches only for what protobuf requires: the server says itself what is wrong with a call. */
export function decodeSchedulerCall(bytes: Uint8Array): SchedulerCallFields {
  return decodeMessage(types.schedulerCall, bytes);
}

/** The same from a parsed JSON body; see wire-json.ts for what it accepts and how it refuses. */
export function readSchedulerCallJson(json: unknown): SchedulerCallFields {
  return readMessageJson(types.schedulerCall, json);
}

export function encodeSchedulerEvent(event: SchedulerEvent): Uint8Array {
  return encodeMessage(types.schedulerEvent, event);
}

export function decodeSchedulerEvent(bytes: Uint8Array): SchedulerEvent {
  return withPayload(types.schedulerEvent, decodeMessage(types.schedulerEvent, bytes)) as SchedulerEvent;
}

export function encodeExecutorCall(call: ExecutorCall): Uint8Array {
  return encodeMessage(types.executorCall, withKnownType(call));
}

/** Vouches only for what protobuf requires: the server says itself what is wrong with a call. */
export function decodeExecutorCall(bytes: Uint8Array): ExecutorCallFields {
  return decodeMessage(types.executorCall, bytes) as ExecutorCallFields;
}

/** The same from a parsed JSON body; see wire-json.ts for what it accepts and how it refuses. */
export function readExecutorCallJson(json: unknown): ExecutorCallFields {
  return readMessageJson(types.executorCall, json) as ExecutorCallFields;
}

export function encodeExecutorEvent(event: ExecutorEvent): Uint8Array {
  return encodeMessage(types.executorEvent, event);
}

export function decodeExecutorEvent(bytes: Uint8Array): ExecutorEvent {
  return withPayload(types.executorEvent, decodeMessage(types.executorEvent, bytes)) as ExecutorEvent;
}

/** A call of the operator API, nothing vouched for but what protobuf requires. */
export function decodeOperatorCall(bytes: Uint8Array): object {
  return decodeMessage(types.operatorCall, bytes);
}

/** The same from a parsed JSON body. */
export function readOperatorCallJson(json: unknown): object {
  return readMessageJson(types.operatorCall, json);
}

export function encodeOperatorResponse(response: object): Uint8Array {
  return encodeMessage(types.operatorResponse, response);
}

/** A Call of type UNKNOWN, the enum's zero, aborts a real master (12-bad-requests in the recordings). */
function withKnownType<Call extends { readonly type: string }>(call: Call): Call {
  if (call.type === 'UNKNOWN' || call.type === undefined) {
    throw new InvariantError('KM_BUG_MESOS_MESSAGE', 'A Mesos call without a type must never be sent.');
  }
  return call;
}

/** Each event's payload stands in the field named as its type; an event of an unknown type is UNKNOWN. */
function withPayload(type: MessageType, event: JsonMessage): JsonMessage {
  event.type ??= 'UNKNOWN';
  const payload = String(event.type).toLowerCase();
  if (type.fields[payload] && event[payload] === undefined) {
    throw undecodable(type.name, `an event of type ${String(event.type)} without ${payload}`);
  }
  return event;
}
