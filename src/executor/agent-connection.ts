import type { Agent, IncomingMessage } from 'node:http';
import { decodeExecutorEvent, encodeExecutorCall } from '../mesos/codec.ts';
import { createRecordDecoder } from '../mesos/record-io.ts';
import type {
  ExecutorCall,
  ExecutorEvent,
  KillPolicy,
  TaskInfo,
  TaskState,
  TaskStatus,
} from '../mesos/types.ts';
import { ProtocolError } from '../model/errors.ts';
import type { Clock, Timer } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { type Random, uuid } from '../sys/random.ts';
import { parseMesosDuration } from './durations.ts';
import { errorText } from './failure.ts';

/** Who this executor is and how patient it has to be, as the agent puts it into the environment. */
export type ExecutorSettings = {
  /** `host:port` of the agent. */
  readonly agentEndpoint: string;
  readonly frameworkId: string;
  readonly executorId: string;
  readonly agentId?: string;
  readonly sandbox: string;
  readonly token?: string;
  /** Without a checkpoint the agent does not wait for us after its restart: nor do we for it. */
  readonly checkpoint: boolean;
  readonly recoveryTimeoutMs: number;
  readonly backoffMaxMs: number;
  readonly shutdownGraceMs: number;
};

export type ExecutorEvents = {
  onLaunch(task: TaskInfo): void;
  onKill(taskId: string, policy: KillPolicy | undefined): void;
  /** The agent wants this executor to end, within the shutdown grace period. */
  onShutdown(): void;
  /** The agent stayed away for longer than the recovery timeout: it takes our task for lost. */
  onLost(): void;
};

export type UpdateFields = {
  readonly state: TaskState;
  readonly data?: string;
  readonly message?: string;
  readonly healthy?: boolean;
  /** May be dropped for a later update of its kind while it has not been sent. */
  readonly replaceable?: boolean;
};

export type AgentConnection = {
  start(): void;
  /**
   * Sends a status update, in order, again and again until the agent has it.
   *
   * @returns resolves when the agent acknowledged, that is, has checkpointed it: from then on it reaches
   * the scheduler whatever happens to us. Never rejects; stays open when the update was replaced or refused.
   */
  update(taskId: string, fields: UpdateFields): Promise<void>;
  close(): void;
};

type Pending = {
  readonly taskId: string;
  readonly status: TaskStatus;
  readonly replaceable: boolean;
  readonly acknowledge: () => void;
  sent: boolean;
};

/** Reads the environment of an executor (docs/executor-http-api.md). Names what is missing. */
export function readExecutorSettings(env: Readonly<Record<string, string | undefined>>): ExecutorSettings {
  const need = (name: string): string => {
    const value = env[name];
    if (value !== undefined && value !== '') return value;
    throw new ProtocolError('KM_PROTOCOL_EXECUTOR_ENVIRONMENT', `${name} is not set`, {
      remedy: 'This program is started by a Mesos agent, which sets it; it does nothing when run by hand.',
    });
  };
  const duration = (name: string, otherwiseMs: number) => parseMesosDuration(env[name]) ?? otherwiseMs;
  const agentId = env.MESOS_SLAVE_ID;
  const token = env.MESOS_EXECUTOR_AUTHENTICATION_TOKEN;
  return {
    agentEndpoint: need('MESOS_AGENT_ENDPOINT'),
    frameworkId: need('MESOS_FRAMEWORK_ID'),
    executorId: need('MESOS_EXECUTOR_ID'),
    ...(agentId ? { agentId } : {}),
    sandbox: env.MESOS_SANDBOX || env.MESOS_DIRECTORY || process.cwd(),
    ...(token ? { token } : {}),
    checkpoint: env.MESOS_CHECKPOINT === '1',
    recoveryTimeoutMs: duration('MESOS_RECOVERY_TIMEOUT', 900_000),
    backoffMaxMs: duration('MESOS_SUBSCRIPTION_BACKOFF_MAX', 2_000),
    shutdownGraceMs: duration('MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD', 5_000),
  };
}

/**
 * The executor's side of `POST /api/v1/executor`: one stream of events, and updates that are kept
 * until the agent acknowledged them. Whatever goes wrong (refused, 503 while it recovers, 403 before
 * it knows us again, a stream that ends) has one answer: subscribe again, carrying all it did not
 * acknowledge.
 */
export function createAgentConnection(
  settings: ExecutorSettings,
  events: ExecutorEvents,
  ports: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): AgentConnection {
  const { clock, random, logger } = ports;
  // An `import` of it would load undici too, 20 ms of the processor that several brokers start on.
  const { Agent, request } = process.getBuiltinModule('node:http');
  const [host = '', port = '5051'] = splitEndpoint(settings.agentEndpoint);
  // Updates share one connection, apart from that of the stream, so that they arrive in order.
  const calls = new Agent({ keepAlive: true, maxSockets: 1 });
  const pending = new Map<string, Pending>();
  const unacknowledgedTasks = new Map<string, TaskInfo>();
  let subscribed = false;
  let closed = false;
  let sending = false;
  let stream: IncomingMessage | undefined;
  let retry: Timer | undefined;
  let deadline: Timer | undefined;

  function post(
    call: ExecutorCall,
    agent: Agent | false,
    onResponse: (response: IncomingMessage) => void,
    onError: (error: unknown) => void,
  ): void {
    const body = encodeExecutorCall(call);
    const outgoing = request(
      {
        host,
        port: Number(port),
        path: '/api/v1/executor',
        method: 'POST',
        agent,
        headers: {
          'Content-Type': 'application/x-protobuf',
          Accept: 'application/x-protobuf',
          'Content-Length': body.byteLength,
          ...(settings.token === undefined ? {} : { Authorization: `Bearer ${settings.token}` }),
        },
      },
      onResponse,
    );
    outgoing.setTimeout(callTimeoutMs, () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', onError);
    outgoing.end(body);
  }

  const identity = {
    executor_id: { value: settings.executorId },
    framework_id: { value: settings.frameworkId },
  };

  function subscribe(): void {
    if (closed) return;
    const carried = [...pending.values()];
    let ended = false;
    const end = (why: string) => {
      if (ended || closed) return;
      ended = true;
      disconnected(why);
    };
    post(
      {
        ...identity,
        type: 'SUBSCRIBE',
        subscribe: {
          unacknowledged_tasks: [...unacknowledgedTasks.values()],
          unacknowledged_updates: carried.map(({ status }) => ({ status })),
        },
      },
      false,
      (response) => {
        if (closed) {
          response.destroy();
          return;
        }
        stream = response;
        if (response.statusCode !== 200) {
          readText(response, (text) => end(`HTTP ${response.statusCode} ${text}`));
          return;
        }
        // The stream is silent for up to 30 minutes; a dead agent shows by keep-alive probes.
        response.socket.setTimeout(0);
        response.socket.setKeepAlive(true, 10_000);
        const records = createRecordDecoder({ maxRecordBytes: 16 * 2 ** 20 });
        response.on('data', (chunk: Buffer) => {
          if (ended || closed) return;
          try {
            for (const record of records.push(chunk)) receive(decodeExecutorEvent(record), carried);
          } catch (error) {
            logger.warn('the event stream is broken', { cause: errorText(error) });
            response.destroy();
            end(errorText(error));
          }
        });
        response.on('error', (error) => end(errorText(error)));
        response.on('close', () => end('the stream ended'));
      },
      (error) => end(errorText(error)),
    );
  }

  function disconnected(why: string): void {
    if (subscribed) logger.warn('lost the agent, subscribing again', { cause: why });
    else logger.debug('not subscribed yet', { cause: why });
    subscribed = false;
    stream = undefined;
    if (deadline === undefined) startDeadline(settings.checkpoint ? settings.recoveryTimeoutMs : 0);
    if (closed) return;
    // An agent that restarts ends whoever is not back within that maximum (its `executor_reregistration_timeout` is both):
    // two tries at least fall into it, and executors do not come in step.
    retry = clock.setTimer(settings.backoffMaxMs * (0.1 + 0.4 * random.next()), subscribe);
  }

  function startDeadline(patienceMs: number): void {
    deadline = clock.setTimer(patienceMs, () => {
      if (closed || subscribed) return;
      logger.error('the agent stayed away too long', { afterMs: patienceMs });
      events.onLost();
    });
  }

  function receive(event: ExecutorEvent, carried: readonly Pending[]): void {
    switch (event.type) {
      case 'SUBSCRIBED':
        logger.info('subscribed', { agentId: settings.agentId, executorId: settings.executorId });
        subscribed = true;
        for (const update of carried) update.sent = true;
        deadline?.cancel();
        deadline = undefined;
        sendNext();
        return;
      case 'LAUNCH': {
        const { task } = event.launch;
        unacknowledgedTasks.set(task.task_id.value, task);
        events.onLaunch(task);
        return;
      }
      case 'LAUNCH_GROUP':
        for (const task of event.launch_group.task_group.tasks ?? []) {
          unacknowledgedTasks.set(task.task_id.value, task);
          events.onLaunch(task);
        }
        return;
      case 'KILL':
        events.onKill(event.kill.task_id.value, event.kill.kill_policy);
        return;
      case 'ACKNOWLEDGED': {
        unacknowledgedTasks.delete(event.acknowledged.task_id.value);
        const update = pending.get(event.acknowledged.uuid);
        pending.delete(event.acknowledged.uuid);
        update?.acknowledge();
        return;
      }
      case 'SHUTDOWN':
        events.onShutdown();
        return;
      case 'ERROR':
        // The agent closes the stream after it, which brings us back to subscribing.
        logger.warn('the agent reports an error', { cause: event.error.message });
        return;
      case 'MESSAGE':
      case 'HEARTBEAT':
      case 'UNKNOWN':
        return;
    }
  }

  /** One at a time: the agent passes updates on in the order in which they arrive. */
  function sendNext(): void {
    if (sending || !subscribed || closed) return;
    const next = [...pending.values()].find(({ sent }) => !sent);
    if (next === undefined) return;
    sending = true;
    next.sent = true;
    const failed = (why: string) => {
      sending = false;
      next.sent = false;
      logger.debug('an update did not get through', { taskId: next.taskId, cause: why });
      // While the stream is up nothing else would bring it out again.
      clock.setTimer(settings.backoffMaxMs / 2, sendNext);
    };
    post(
      { ...identity, type: 'UPDATE', update: { status: next.status } },
      calls,
      (response) =>
        readText(response, (text) => {
          const status = response.statusCode ?? 0;
          if (status === 400) {
            // Never accepted, however often: without it the ones behind it still get through.
            logger.error('the agent refuses an update', { taskId: next.taskId, cause: text });
            pending.delete(next.status.uuid ?? '');
          } else if (status !== 202) {
            failed(`HTTP ${status} ${text}`);
            return;
          }
          sending = false;
          sendNext();
        }),
      (error) => failed(errorText(error)),
    );
  }

  return {
    start() {
      startDeadline(settings.recoveryTimeoutMs);
      subscribe();
    },
    update(taskId, { state, data, message, healthy, replaceable = false }) {
      const id = Buffer.from(uuid(random).replaceAll('-', ''), 'hex').toString('base64');
      const status: TaskStatus = {
        task_id: { value: taskId },
        executor_id: identity.executor_id,
        ...(settings.agentId === undefined ? {} : { agent_id: { value: settings.agentId } }),
        state,
        source: 'SOURCE_EXECUTOR',
        uuid: id,
        timestamp: clock.nowMs() / 1000,
        ...(data === undefined ? {} : { data: Buffer.from(data, 'utf8').toString('base64') }),
        ...(message === undefined ? {} : { message }),
        ...(healthy === undefined ? {} : { healthy }),
      };
      for (const [key, older] of pending) {
        if (replaceable && older.replaceable && !older.sent) pending.delete(key);
      }
      const acknowledged = new Promise<void>((acknowledge) => {
        pending.set(id, { taskId, status, replaceable, acknowledge, sent: false });
      });
      sendNext();
      return acknowledged;
    },
    close() {
      closed = true;
      retry?.cancel();
      deadline?.cancel();
      stream?.destroy();
      calls.destroy();
    },
  };
}

const callTimeoutMs = 10_000;

function splitEndpoint(endpoint: string): readonly string[] {
  const match = /^\[?([^\]]+?)\]?(?::(\d+))?$/.exec(endpoint);
  return [match?.[1] ?? endpoint, match?.[2] ?? '5051'];
}

function readText(response: IncomingMessage, done: (text: string) => void): void {
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    if (text.length < 500) text += chunk.slice(0, 500);
  });
  response.on('close', () => done(text.trim()));
  response.on('error', () => {});
}
