import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { decodeSchedulerCall, encodeSchedulerEvent } from '../../src/mesos/codec.ts';
import { encodeRecord } from '../../src/mesos/record-io.ts';
import type { SchedulerCallFields, SchedulerEvent } from '../../src/mesos/types.ts';

/** One request as it arrived, whole, and the means to answer it. */
export type Arrival = {
  readonly call: SchedulerCallFields;
  readonly headers: http.IncomingHttpHeaders;
  readonly socket: Socket;
  answer(status: number, text?: string, headers?: http.OutgoingHttpHeaders): void;
  /** Begins a stream of events. */
  stream(streamId?: string): EventStreamEnd;
};

export type EventStreamEnd = {
  write(bytes: Uint8Array): void;
  send(event: SchedulerEvent): void;
  end(): void;
  /** Resolves when the client has closed its side. */
  closed(): Promise<void>;
};

/** A master of which the test says every word. Requests wait until the test asks for them. */
export type ScriptedMaster = {
  readonly address: string;
  readonly port: number;
  next(): Promise<Arrival>;
  /** Requests that arrived and were not asked for. */
  waiting(): number;
  openSockets(): number;
  /** Resolves when no client is connected any more. */
  idle(): Promise<void>;
  close(): Promise<void>;
};

/** Fails a wait that would otherwise hang the whole run. */
export async function orHang<Value>(wait: Promise<Value>, where: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited 10 s in vain: ${where}`)), 10_000);
  });
  try {
    return await Promise.race([wait, hang]);
  } finally {
    clearTimeout(timer);
  }
}

export async function startScriptedMaster(): Promise<ScriptedMaster> {
  const arrivals: Arrival[] = [];
  const askers: ((arrival: Arrival) => void)[] = [];
  const sockets = new Set<Socket>();
  const idlers: (() => void)[] = [];
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const arrival = toArrival(request, response, Buffer.concat(parts));
      const asker = askers.shift();
      if (asker) asker(arrival);
      else arrivals.push(arrival);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0) for (const idler of idlers.splice(0)) idler();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    port,
    next() {
      const arrival = arrivals.shift();
      if (arrival) return Promise.resolve(arrival);
      return orHang(new Promise((resolve) => askers.push(resolve)), 'no request arrived');
    },
    waiting: () => arrivals.length,
    openSockets: () => sockets.size,
    idle: () =>
      sockets.size === 0
        ? Promise.resolve()
        : orHang(new Promise((resolve) => idlers.push(resolve)), `${sockets.size} connections stay open`),
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
    },
  };
}

function toArrival(request: http.IncomingMessage, response: http.ServerResponse, body: Buffer): Arrival {
  return {
    call: decodeSchedulerCall(body),
    headers: request.headers,
    socket: request.socket,
    answer(status, text = '', headers = {}) {
      response.writeHead(status, headers);
      response.end(text);
    },
    stream(streamId = 'stream-1') {
      response.writeHead(200, { 'Content-Type': 'application/x-protobuf', 'Mesos-Stream-Id': streamId });
      response.flushHeaders();
      const closed = new Promise<void>((resolve) => response.on('close', () => resolve()));
      return {
        write: (bytes) => response.write(bytes),
        send: (event) => response.write(encodeRecord(encodeSchedulerEvent(event))),
        end: () => response.end(),
        closed: () => orHang(closed, 'the stream stays open'),
      };
    },
  };
}
