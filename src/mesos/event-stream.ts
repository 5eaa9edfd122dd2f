import type http from 'node:http';
import { type KafkaMesosError, ProtocolError, UnavailableError } from '../model/errors.ts';
import type { Clock, Timer } from '../sys/clock.ts';
import { decodeSchedulerEvent, encodeSchedulerCall } from './codec.ts';
import { formatHostPort, type HostPort, parseRedirect } from './master-address.ts';
import { createRecordDecoder } from './record-io.ts';
import { type Credentials, openPost, readAnswer, refusalOf } from './scheduler-http.ts';
import type { SchedulerEvent, Subscribe } from './types.ts';

/** One SUBSCRIBE and the stream of events it opens. */
export type EventStream = {
  /** Ends the connection in silence. */
  close(): void;
};

export type EventStreamOptions = {
  readonly master: HostPort;
  readonly subscribe: Subscribe;
  readonly credentials?: Credentials | undefined;
  readonly clock: Clock;
  /** For the answer and the first event. */
  readonly timeoutMs: number;
  /** In the order of the stream. The stream id is the same for all. */
  onEvent(event: SchedulerEvent, streamId: string): void;
  /** Called at most once, and nothing after it. */
  onEnd(end: StreamEnd): void;
};

export type StreamEnd =
  | { readonly kind: 'redirected'; readonly to: HostPort }
  | { readonly kind: 'failed'; readonly error: KafkaMesosError };

const missedHeartbeats = 5;
const defaultHeartbeatSeconds = 15;

export function openEventStream(options: EventStreamOptions): EventStream {
  const { master, subscribe, credentials, clock, timeoutMs } = options;
  const where = `master ${formatHostPort(master)}`;
  const decoder = createRecordDecoder();
  let ended = false;
  let silenceMs = timeoutMs;
  let watchdog: Timer | undefined;

  const id = subscribe.framework_info.id;
  const body = encodeSchedulerCall({
    type: 'SUBSCRIBE',
    // The master insists on both or neither.
    ...(id === undefined ? {} : { framework_id: id }),
    subscribe,
  });
  const request = openPost({ master, body, agent: false, credentials });
  request.on('error', (cause) => fail(`the connection failed: ${cause.message}`, cause));
  request.on('response', (response) => {
    receive(response).catch((cause: Error) => fail(`the answer broke: ${cause.message}`, cause));
  });
  watch();

  async function receive(response: http.IncomingMessage): Promise<void> {
    const status = response.statusCode ?? 0;
    response.on('error', (cause) => fail(`the connection broke: ${cause.message}`, cause));
    if (status === 307) {
      response.resume();
      const to = parseRedirect(response.headers.location);
      if (to) return end({ kind: 'redirected', to });
    }
    if (status !== 200) {
      const answer = await readAnswer(response);
      return end({ kind: 'failed', error: refusalOf(master, 'SUBSCRIBE', status, answer) });
    }
    const streamId = response.headers['mesos-stream-id'];
    const mediaType = response.headers['content-type'];
    if (typeof streamId !== 'string' || mediaType !== 'application/x-protobuf') {
      const error = new ProtocolError(
        'KM_PROTOCOL_MESOS_STREAM',
        `The answer of ${where} is no event stream.`,
        {
          remedy: 'Check that the address is that of a Mesos master.',
        },
      );
      return end({ kind: 'failed', error });
    }
    response.on('data', (chunk: Buffer) => feed(chunk, streamId));
    response.on('close', () => fail('the stream ended'));
  }

  function feed(chunk: Uint8Array, streamId: string): void {
    // Bytes are a sign of life even while a long record is under way.
    watch();
    let events: SchedulerEvent[];
    try {
      events = decoder.push(chunk).map(decodeSchedulerEvent);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      end({ kind: 'failed', error });
      return;
    }
    for (const event of events) {
      if (ended) return;
      if (event.type === 'SUBSCRIBED') {
        const seconds = event.subscribed.heartbeat_interval_seconds ?? defaultHeartbeatSeconds;
        silenceMs = missedHeartbeats * seconds * 1_000;
        watch();
      }
      options.onEvent(event, streamId);
    }
  }

  function watch(): void {
    watchdog?.cancel();
    if (!ended) watchdog = clock.setTimer(silenceMs, () => fail(`nothing came for ${silenceMs} ms`));
  }

  function fail(reason: string, cause?: unknown): void {
    const message = `The event stream of ${where} is lost: ${reason}.`;
    end({ kind: 'failed', error: new UnavailableError('KM_UNAVAILABLE_MASTER_STREAM', message, { cause }) });
  }

  function end(how: StreamEnd): void {
    if (ended) return;
    close();
    options.onEnd(how);
  }

  function close(): void {
    ended = true;
    watchdog?.cancel();
    request.destroy();
  }

  return { close };
}
