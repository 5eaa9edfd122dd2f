import {
  ConflictError,
  InvariantError,
  type KafkaMesosError,
  ProtocolError,
  UnavailableError,
} from '../model/errors.ts';
import type { Clock, Timer } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import type { Random } from '../sys/random.ts';
import { type CallQueue, createCallQueue } from './call-queue.ts';
import { type EventStream, openEventStream, type StreamEnd } from './event-stream.ts';
import type { LeaderDetector } from './leader.ts';
import { formatHostPort, type HostPort } from './master-address.ts';
import { type Credentials, failedOverCode } from './scheduler-http.ts';
import type { FrameworkId, MasterInfo, SchedulerCallBody, SchedulerEvent, Subscribe } from './types.ts';

/** A subscription with the leading master, made anew whenever it is lost, and the calls over it. */
export type SchedulerClient = {
  /** Begins to subscribe. */
  start(): void;
  /**
   * Sends one call, after all calls before it were answered; resolves when the master took it (202, and 200
   * for UPDATE_FRAMEWORK). Taken is not done: what becomes of it comes as events, maybe before this resolves.
   *
   * Rejects with
   * - UnavailableError, `outcome: 'not-sent'`: there is no subscription, or it ended before this call's turn;
   * - UnavailableError, `outcome: 'unknown'`: it was written and the answer did not come;
   * - ConflictError: the master does not know this subscription any more (made anew), or another scheduler has
   *   taken it over, or the framework is over (both terminal), or `beforeCall` forbids it;
   * - ProtocolError: the master refuses the call itself (its words are in the message);
   * - InvariantError: the call cannot be encoded.
   *
   * After any but the last two the subscription is made anew; nothing is ever sent twice.
   */
  call(body: SchedulerCallBody): Promise<void>;
  connection(): Connection;
  /** Ends both connections and every timer; no callback comes after it. The detector is the owner's to close. */
  close(): void;
};

export type Connection =
  | { readonly kind: 'connecting' }
  | {
      readonly kind: 'subscribed';
      readonly master: HostPort;
      readonly frameworkId: string;
      readonly masterInfo?: MasterInfo;
    }
  | { readonly kind: 'disconnected'; readonly error: KafkaMesosError; readonly retryAtMs: number }
  /** Another scheduler subscribed with the same framework id. Terminal: to come back would throw it out. */
  | { readonly kind: 'failed-over' }
  /** The framework was torn down, or was away longer than its failover timeout. Terminal: its id is spent. */
  | { readonly kind: 'removed' }
  | { readonly kind: 'closed' };

export type SchedulerClientOptions = {
  readonly detector: LeaderDetector;
  readonly clock: Clock;
  readonly random: Pick<Random, 'next'>;
  readonly logger: Logger;
  readonly credentials?: Credentials;
  /**
   * Asked before every SUBSCRIBE, because the framework id is known only after the first. Once it is, it
   * belongs into `framework_info.id`; the call's own `framework_id` is filled in from there. It may throw where
   * this scheduler may not subscribe just now; that counts as a failed attempt.
   */
  readonly subscription: () => Subscribe;
  /**
   * Asked just before each call is sent, which may have waited for the answers to those before it. It throws a
   * ConflictError where nothing may be sent any more; the call rejects with it.
   */
  readonly beforeCall: () => void;
  /** Every event, in order, SUBSCRIBED, HEARTBEAT and ERROR included. */
  readonly onEvent: (event: SchedulerEvent) => void;
  /** Each change; `subscribed` comes just before its SUBSCRIBED event. */
  readonly onConnection: (connection: Connection) => void;
  /** For a call's answer, and for a SUBSCRIBE's answer and first event. */
  readonly requestTimeoutMs?: number;
};

const defaultRequestTimeoutMs = 10_000;
const firstBackoffMs = 500;
const maxBackoffMs = 15_000;
/** A dead leader's followers point to it until its ZooKeeper session ends. */
const maxRedirects = 5;

export function createSchedulerClient(options: SchedulerClientOptions): SchedulerClient {
  const { detector, clock, random, logger, credentials } = options;
  const timeoutMs = options.requestTimeoutMs ?? defaultRequestTimeoutMs;
  let connection: Connection = { kind: 'connecting' };
  let started = false;
  let failures = 0;
  /** Each attempt has its number, so that an answer to an older one can be told. */
  let attempt = 0;
  let retry: Timer | undefined;
  let stream: EventStream | undefined;
  let calls: CallQueue | undefined;
  let frameworkId: FrameworkId | undefined;
  let asked: HostPort | undefined;

  const stopFollowing = detector.onChange((leader) => {
    if (!started || isOver(connection)) return;
    // A look-up that is under way will give this very leader.
    if (connection.kind === 'connecting' && !asked) return;
    if (asked && formatHostPort(asked) === formatHostPort(leader)) return;
    logger.info('following the new leading master', { master: formatHostPort(leader) });
    const error = new UnavailableError(
      'KM_UNAVAILABLE_MASTER_CHANGED',
      `The leading Mesos master is now ${formatHostPort(leader)}.`,
    );
    if (connection.kind === 'subscribed') changeTo({ kind: 'disconnected', error, retryAtMs: clock.nowMs() });
    if (!isOver(connection)) void connect();
  });

  function changeTo(next: Connection): void {
    connection = next;
    options.onConnection(next);
  }

  async function connect(): Promise<void> {
    const mine = dropConnections();
    if (connection.kind !== 'connecting') changeTo({ kind: 'connecting' });
    let master: HostPort;
    try {
      master = await detector.current();
    } catch (error) {
      if (mine === attempt) disconnect(error as KafkaMesosError);
      return;
    }
    if (mine === attempt) subscribeAt(master, 0);
  }

  function subscribeAt(master: HostPort, redirects: number): void {
    const mine = dropConnections();
    asked = master;
    let subscribe: Subscribe;
    try {
      subscribe = options.subscription();
    } catch (error) {
      disconnect(error as KafkaMesosError);
      return;
    }
    stream = openEventStream({
      master,
      subscribe,
      credentials,
      clock,
      timeoutMs,
      onEvent: (event, streamId) => receive(event, streamId, master),
      onEnd: (end) => {
        if (mine === attempt) followOrDisconnect(end, redirects);
      },
    });
  }

  function followOrDisconnect(end: StreamEnd, redirects: number): void {
    if (end.kind === 'failed') disconnect(end.error);
    else if (redirects < maxRedirects) subscribeAt(end.to, redirects + 1);
    else {
      const last = formatHostPort(end.to);
      disconnect(
        new UnavailableError(
          'KM_UNAVAILABLE_MASTER',
          `The masters point to one another, the last to ${last}.`,
        ),
      );
    }
  }

  function receive(event: SchedulerEvent, streamId: string, master: HostPort): void {
    // Either callback may close the client.
    const mine = attempt;
    if (event.type === 'SUBSCRIBED') {
      const { framework_id, master_info } = event.subscribed;
      failures = 0;
      frameworkId = framework_id;
      calls?.close();
      calls = createCallQueue({
        master,
        streamId,
        credentials,
        clock,
        timeoutMs,
        beforeCall: options.beforeCall,
        // The ERROR event that says the same may still be on its way; a resubscription in between would throw
        // out the scheduler that has taken over.
        onBroken: (error) => {
          if (error.code === failedOverCode) finish({ kind: 'failed-over' });
          else disconnect(error);
        },
      });
      changeTo({
        kind: 'subscribed',
        master,
        frameworkId: framework_id.value,
        ...(master_info === undefined ? {} : { masterInfo: master_info }),
      });
    }
    if (mine === attempt) options.onEvent(event);
    if (event.type === 'ERROR' && mine === attempt) endByError(event.error.message, master);
  }

  /**
   * The master closes the stream after any ERROR. "Failed over" may come of a SUBSCRIBE of our own that timed out
   * and arrived late, past the newer one: nothing tells it from another scheduler's, and to subscribe again might
   * throw that one out. So it ends here; started again, this scheduler subscribes, if it leads.
   */
  function endByError(message: string, master: HostPort): void {
    if (message === 'Framework failed over') finish({ kind: 'failed-over' });
    else if (message === 'Framework has been removed') finish({ kind: 'removed' });
    else {
      const said = `Master ${formatHostPort(master)} ended the subscription: ${message}.`;
      disconnect(new ProtocolError('KM_PROTOCOL_MESOS_SUBSCRIPTION_REFUSED', said));
    }
  }

  /** Every loss of the connection comes here; the next attempt follows after the backoff. */
  function disconnect(error: KafkaMesosError): void {
    const mine = dropConnections();
    failures += 1;
    const ceilingMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** (failures - 1));
    const delayMs = ceilingMs * (0.5 + random.next() / 2);
    logger.warn('not subscribed', {
      code: error.code,
      reason: error.message,
      retryInMs: Math.round(delayMs),
    });
    changeTo({ kind: 'disconnected', error, retryAtMs: clock.nowMs() + delayMs });
    // The callback may have closed the client.
    if (mine === attempt) retry = clock.setTimer(delayMs, () => void connect());
  }

  function finish(end: Connection): void {
    dropConnections();
    logger.warn('the framework is over for this scheduler', { connection: end.kind });
    changeTo(end);
  }

  /** Leaves no connection and no timer, and gives the number of the attempt that may follow. */
  function dropConnections(): number {
    retry?.cancel();
    retry = undefined;
    stream?.close();
    stream = undefined;
    calls?.close();
    calls = undefined;
    asked = undefined;
    attempt += 1;
    return attempt;
  }

  return {
    start() {
      if (started) throw new InvariantError('KM_BUG_MESOS_CLIENT', 'The Mesos client was started twice.');
      started = true;
      options.onConnection(connection);
      void connect();
    },
    async call(body) {
      if (connection.kind === 'failed-over' || connection.kind === 'removed') {
        throw new ConflictError(
          'KM_CONFLICT_MESOS_FRAMEWORK_OVER',
          `${body.type} was not sent: the framework is ${connection.kind} on the master.`,
        );
      }
      if (connection.kind !== 'subscribed' || !calls || !frameworkId) {
        throw new UnavailableError(
          'KM_UNAVAILABLE_MASTER_DISCONNECTED',
          `${body.type} was not sent: there is no subscription with a Mesos master.`,
          { outcome: 'not-sent' },
        );
      }
      return calls.send({ ...body, framework_id: frameworkId });
    },
    connection: () => connection,
    close() {
      if (connection.kind === 'closed') return;
      stopFollowing();
      dropConnections();
      connection = { kind: 'closed' };
    },
  };
}

function isOver({ kind }: Connection): boolean {
  return kind === 'failed-over' || kind === 'removed' || kind === 'closed';
}
