import type { IncomingMessage, ServerResponse } from 'node:http';
import { encodeRecord } from '../../mesos/record-io.ts';
import type { Reply } from '../model/io.ts';

/*
 * The HTTP rules of Mesos' v1 APIs, as recorded from a real master and agent: the wording of a refusal is
 * part of them, and so is that JSON is preferred wherever Accept allows it.
 */

export type MediaType = 'application/json' | 'application/x-protobuf';

/** A real master took 8 MiB without a word; ours keeps a limit. */
const maxBodyBytes = 32 * 1024 * 1024;
/** What a client may leave unread on its stream before it is cut off; a real master buffers without limit. */
const maxUnsentBytes = 64 * 1024 * 1024;

/** The body; a `Reply` when it is too long; undefined when the client broke off. */
export async function readBody(request: IncomingMessage): Promise<Buffer | Reply | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request) {
      length += (chunk as Buffer).length;
      // Read on without keeping, so that the client gets to see the answer.
      if (length <= maxBodyBytes) chunks.push(chunk as Buffer);
      else if (length > 4 * maxBodyBytes) break;
    }
  } catch {
    return undefined;
  }
  if (length > maxBodyBytes) return refusal(413, `The body is longer than ${maxBodyBytes} bytes`);
  return Buffer.concat(chunks);
}

export function refusal(status: number, text: string, headers: Record<string, string> = {}): Reply {
  return { kind: 'reply', status, text, headers };
}

export function methodRefusal(method: string | undefined, allowed: 'POST' | 'GET'): Reply {
  return refusal(
    405,
    `405 Method Not Allowed. Expecting one of { '${allowed}' }, but received '${method}'.`,
    { Allow: allowed },
  );
}

/** The media type of the body, or why it is refused. Parameters and upper case are refused, as by Mesos. */
export function bodyMediaType(request: IncomingMessage): MediaType | Reply {
  const type = request.headers['content-type'];
  if (type === undefined) return refusal(400, "Expecting 'Content-Type' to be present");
  if (type === 'application/json' || type === 'application/x-protobuf') return type;
  return refusal(415, "Expecting 'Content-Type' of application/json or application/x-protobuf");
}

/** The media type of the answer: JSON wherever it is allowed, also when nothing is said. */
export function acceptedMediaType(request: IncomingMessage): MediaType | Reply {
  const accept = request.headers.accept;
  if (accept === undefined || accept === '') return 'application/json';
  const ranges = accept.split(',').map((range) => (range.split(';')[0] ?? '').trim());
  for (const type of ['application/json', 'application/x-protobuf'] as const) {
    if (ranges.some((range) => range === type || range === 'application/*' || range === '*/*')) return type;
  }
  return refusal(406, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'");
}

export function sendReply(response: ServerResponse, reply: Reply): void {
  const body =
    reply.json === undefined ? Buffer.from(reply.text ?? '') : Buffer.from(JSON.stringify(reply.json));
  const type = reply.json === undefined ? 'text/plain; charset=utf-8' : 'application/json';
  const isBare = reply.json === undefined && reply.text === undefined && reply.status < 400;
  response.writeHead(reply.status, {
    ...(isBare ? {} : { 'Content-Type': type }),
    'Content-Length': body.length,
    ...reply.headers,
  });
  response.end(body);
}

export function sendBytes(response: ServerResponse, type: MediaType, body: Uint8Array): void {
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length });
  response.end(body);
}

/** Where the events of one open stream go. */
export type EventSink<Event> = {
  /** Sends the status line and the headers; events follow. */
  open(): void;
  send(event: Event): void;
  /** Ends the stream with the last chunk. */
  end(): void;
  /** Cuts the connection, as a process that dies. */
  break(): void;
};

/** `encode` gives the bytes of one event in protobuf. */
export function createEventSink<Event>(
  response: ServerResponse,
  mediaType: MediaType,
  headers: Record<string, string>,
  encode: (event: Event) => Uint8Array,
): EventSink<Event> {
  return {
    open() {
      response.writeHead(200, { 'Content-Type': mediaType, ...headers });
      response.flushHeaders();
    },
    send(event) {
      const payload = mediaType === 'application/json' ? Buffer.from(JSON.stringify(event)) : encode(event);
      response.write(encodeRecord(payload));
      if (response.writableLength > maxUnsentBytes) response.destroy();
    },
    end() {
      response.end();
    },
    break() {
      response.destroy();
    },
  };
}
