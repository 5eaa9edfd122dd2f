import http from 'node:http';
import { ConflictError, UnavailableError } from '../model/errors.ts';
import type { Clock } from '../sys/clock.ts';
import { encodeSchedulerCall } from './codec.ts';
import { formatHostPort, type HostPort } from './master-address.ts';
import { type Credentials, openPost, readAnswer, refusalOf } from './scheduler-http.ts';
import type { SchedulerFrameworkCall } from './types.ts';

/** The calls of one subscription, over one connection, each sent when the one before it is answered. */
export type CallQueue = {
  /** Rejects as `SchedulerClient.call` says. */
  send(call: SchedulerFrameworkCall): Promise<void>;
  /** Ends the connection; what waits is `not-sent`, what is on its way `unknown`. */
  close(): void;
};

export type CallQueueOptions = {
  readonly master: HostPort;
  readonly streamId: string;
  readonly credentials?: Credentials | undefined;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Called when a call's turn has come; what it throws rejects that call unsent and ends the queue. */
  readonly beforeCall: () => void;
  /**
   * The subscription is of no use any more: the master disowned it, `beforeCall` threw, or a call's outcome is unknown.
   * In the last case a later call might overtake the lost one on another connection, and only a new stream id
   * makes the master refuse the lost one should it still arrive.
   */
  onBroken(error: UnavailableError | ConflictError): void;
};

type Waiting = {
  readonly type: string;
  readonly body: Uint8Array;
  resolve(): void;
  reject(error: Error): void;
};

export function createCallQueue(options: CallQueueOptions): CallQueue {
  const { master, streamId, credentials, clock, timeoutMs, beforeCall, onBroken } = options;
  const agent = new http.Agent({ keepAlive: true });
  const waiting: Waiting[] = [];
  let sending = false;
  let closed = false;
  let inFlight: http.ClientRequest | undefined;

  async function drain(): Promise<void> {
    if (sending) return;
    sending = true;
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      try {
        await post(next);
        next.resolve();
      } catch (error) {
        next.reject(error as Error);
        const breaks = error instanceof UnavailableError || error instanceof ConflictError;
        if (breaks && !closed) {
          close();
          onBroken(error);
        }
      }
    }
    sending = false;
  }

  async function post({ type, body }: Waiting): Promise<void> {
    if (closed) throw notSent(type);
    beforeCall();
    const request = openPost({ master, body, agent, credentials, streamId });
    inFlight = request;
    // Before there is a connection nothing can have been sent; from then on nobody knows.
    let outcome: 'not-sent' | 'unknown' = 'not-sent';
    request.once('socket', (socket) => {
      if (!socket.connecting) outcome = 'unknown';
      else socket.once('connect', () => (outcome = 'unknown'));
    });
    const timer = clock.setTimer(timeoutMs, () =>
      request.destroy(new Error(`no answer within ${timeoutMs} ms`)),
    );
    let answer: string;
    let status: number;
    try {
      const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
        request.once('response', resolve);
        request.once('error', reject);
      });
      request.on('error', () => {});
      status = response.statusCode ?? 0;
      answer = await readAnswer(response);
    } catch (cause) {
      throw new UnavailableError(
        'KM_UNAVAILABLE_MASTER_CALL',
        `${type} to master ${formatHostPort(master)} was not answered: ${(cause as Error).message}.`,
        { cause, outcome },
      );
    } finally {
      timer.cancel();
      inFlight = undefined;
    }
    if (status !== 202 && status !== 200) throw refusalOf(master, type, status, answer);
  }

  function notSent(type: string): UnavailableError {
    return new UnavailableError(
      'KM_UNAVAILABLE_MASTER_DISCONNECTED',
      `${type} was not sent: the subscription with master ${formatHostPort(master)} ended before its turn came.`,
      { outcome: 'not-sent' },
    );
  }

  function close(): void {
    if (closed) return;
    closed = true;
    inFlight?.destroy(new Error('the subscription ended'));
    agent.destroy();
  }

  return {
    send(call) {
      return new Promise((resolve, reject) => {
        // Encoded now: a message that cannot be written is the caller's bug, not the connection's.
        waiting.push({ type: call.type, body: encodeSchedulerCall(call), resolve, reject });
        void drain();
      });
    },
    close,
  };
}
