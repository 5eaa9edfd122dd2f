import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  decodeExecutorCall,
  decodeOperatorCall,
  decodeSchedulerCall,
  encodeExecutorEvent,
  encodeOperatorResponse,
  encodeSchedulerEvent,
  readExecutorCallJson,
  readOperatorCallJson,
  readSchedulerCallJson,
} from '../../mesos/codec.ts';
import type { ExecutorCall, SchedulerCall } from '../../mesos/types.ts';
import { ProtocolError } from '../../model/errors.ts';
import type { Engine } from '../engine.ts';
import type { OperatorCall, Reply } from '../model/io.ts';
import {
  acceptedMediaType,
  bodyMediaType,
  createEventSink,
  type MediaType,
  methodRefusal,
  readBody,
  refusal,
  sendBytes,
  sendReply,
} from './exchange.ts';

/*
 * The three v1 APIs. What is wrong with the HTTP request is answered here, in the order of Mesos' http.cpp:
 * method, media type, body, Accept, Mesos-Stream-Id. What is wrong with the call is the model's to say.
 */

/** POST /api/v1/scheduler of the master. */
export async function handleSchedulerCall(
  engine: Engine,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const call = await readCall(request, decodeSchedulerCall, readSchedulerCallJson);
  if (call === undefined) return;
  if (isReply(call)) return sendReply(response, call);
  // The types say what the model vouches for after its own validation.
  const schedulerCall = call as SchedulerCall;
  const streamId = request.headers['mesos-stream-id']?.toString();
  if (schedulerCall.type !== 'SUBSCRIBE') {
    const input = {
      kind: 'call',
      call: schedulerCall,
      ...(streamId === undefined ? {} : { streamId }),
    } as const;
    return answer(response, await engine.submit(input));
  }
  const mediaType = acceptedMediaType(request);
  if (typeof mediaType !== 'string') return sendReply(response, mediaType);
  if (streamId !== undefined) {
    return sendReply(
      response,
      refusal(400, "Subscribe calls should not include the 'Mesos-Stream-Id' header"),
    );
  }
  const newId = randomUUID();
  const sink = createEventSink(response, mediaType, { 'Mesos-Stream-Id': newId }, encodeSchedulerEvent);
  engine.schedulerStreams.set(newId, sink);
  response.once('close', () => {
    engine.schedulerStreams.delete(newId);
    void engine.submit({ kind: 'stream-closed', streamId: newId });
  });
  const reply = await engine.submit({ kind: 'subscribe', streamId: newId, call: schedulerCall });
  if (reply?.status === 200) return;
  engine.schedulerStreams.delete(newId);
  answer(response, reply);
}

/** POST /api/v1/executor of an agent. */
export async function handleExecutorCall(
  engine: Engine,
  agentName: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const call = await readCall(request, decodeExecutorCall, readExecutorCallJson);
  if (call === undefined) return;
  if (isReply(call)) return sendReply(response, call);
  const executorCall = call as ExecutorCall;
  if (executorCall.type !== 'SUBSCRIBE') {
    return answer(response, await engine.submit({ kind: 'executor-call', agentName, call: executorCall }));
  }
  const mediaType = acceptedMediaType(request);
  if (typeof mediaType !== 'string') return sendReply(response, mediaType);
  const streamId = randomUUID();
  const sink = createEventSink(response, mediaType, {}, encodeExecutorEvent);
  engine.executorStreams.set(streamId, sink);
  response.once('close', () => {
    engine.executorStreams.delete(streamId);
    void engine.submit({ kind: 'executor-stream-closed', agentName, streamId });
  });
  const reply = await engine.submit({ kind: 'executor-subscribe', agentName, streamId, call: executorCall });
  if (reply?.status === 200) return;
  engine.executorStreams.delete(streamId);
  answer(response, reply);
}

/** POST /api/v1 of the master. */
export async function handleOperatorCall(
  engine: Engine,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const call = await readCall(request, decodeOperatorCall, readOperatorCallJson);
  if (call === undefined) return;
  if (isReply(call)) return sendReply(response, call);
  const accepted = acceptedMediaType(request);
  if (typeof accepted !== 'string') return sendReply(response, accepted);
  if (!('type' in call) || typeof call.type !== 'string') {
    return sendReply(
      response,
      refusal(400, "Failed to validate master::Call: Expecting 'type' to be present"),
    );
  }
  const reply = await engine.submit({ kind: 'operator-call', call: call as OperatorCall });
  if (accepted === 'application/json' || reply?.json === undefined) return answer(response, reply);
  sendBytes(response, accepted, encodeOperatorResponse(reply.json as object));
}

async function readCall<Call extends object>(
  request: IncomingMessage,
  decode: (bytes: Uint8Array) => Call,
  readJson: (json: unknown) => Call,
): Promise<Call | Reply | undefined> {
  if (request.method !== 'POST') return methodRefusal(request.method, 'POST');
  const body = await readBody(request);
  if (body === undefined || !Buffer.isBuffer(body)) return body;
  const mediaType = bodyMediaType(request);
  if (typeof mediaType !== 'string') return mediaType;
  return parseCall(mediaType, body, decode, readJson);
}

function parseCall<Call extends object>(
  mediaType: MediaType,
  body: Buffer,
  decode: (bytes: Uint8Array) => Call,
  readJson: (json: unknown) => Call,
): Call | Reply {
  if (mediaType === 'application/x-protobuf') {
    try {
      return decode(body);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return refusal(400, 'Failed to parse body into Call protobuf');
    }
  }
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return refusal(400, `Failed to parse body into JSON: ${reason}`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return refusal(400, 'Failed to convert JSON into Call protobuf: Expecting a JSON object');
  }
  try {
    return readJson(json);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return refusal(400, `Failed to convert JSON into Call protobuf: ${error.message}`);
  }
}

function isReply(value: object): value is Reply {
  return 'kind' in value && value.kind === 'reply';
}

function answer(response: ServerResponse, reply: Reply | undefined): void {
  sendReply(response, reply ?? refusal(503, 'The embedded Mesos is shutting down'));
}
