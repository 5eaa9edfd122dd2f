import type { ExecutorEvent, SchedulerEvent } from '../mesos/types.ts';
import { unreachable } from '../model/errors.ts';
import { type Clock, delay, type Timer } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import type { Checkpoint, Effect } from './checkpoint.ts';
import type { EventSink } from './http/exchange.ts';
import type { Input, Output, Reply } from './model/io.ts';
import type { State } from './model/state.ts';
import { nextWakeMs, step } from './model/step.ts';
import type { Runner } from './runner/runner.ts';

/** An input without its time, which the engine puts on it. */
export type TimelessInput = Input extends infer One
  ? One extends Input
    ? Omit<One, 'nowMs'>
    : never
  : never;

/**
 * The one queue through which everything reaches the model, and the one place where its outputs are carried
 * out: batches of inputs are stepped, the state is made durable, then the outputs follow in order.
 */
export type Engine = {
  readonly state: State;
  /** By stream id; whoever opens a stream puts its sink here before it submits the SUBSCRIBE. */
  readonly schedulerStreams: Map<string, EventSink<SchedulerEvent>>;
  readonly executorStreams: Map<string, EventSink<ExecutorEvent>>;
  /** Resolves when the input's outputs were carried out, with the reply if there was one; undefined after `stop`. */
  submit(input: TimelessInput): Promise<Reply | undefined>;
  /** Takes no more input, finishes the batch under way, and makes its state durable. */
  stop(): Promise<void>;
};

export type EngineOptions = {
  readonly state: State;
  readonly runner: Runner;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Makes the state durable; tried again until it succeeds. */
  write(checkpoint: Pick<Checkpoint, 'state' | 'effects'>): Promise<void>;
  /** The agent must end its process (`stop-agent`). */
  onStopAgent(agentName: string, message: string): void;
  /** The model failed; its state is no longer to be trusted, and the process has to end. */
  onFatal(error: unknown): void;
};

type Submission = {
  readonly input: TimelessInput;
  readonly resolve: (reply: Reply | undefined) => void;
};

/** How long a full or broken disk is given before the next try. */
const writeRetryMs = 1_000;

export function createEngine(options: EngineOptions): Engine {
  const { clock, logger, runner } = options;
  const schedulerStreams = new Map<string, EventSink<SchedulerEvent>>();
  const executorStreams = new Map<string, EventSink<ExecutorEvent>>();
  let { state } = options;
  let queue: Submission[] = [];
  let running: Promise<void> | undefined;
  let wake: Timer | undefined;
  let stopped = false;

  const runBatches = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      const stepped = batch.map(({ input, resolve }) => {
        const result = step(state, { ...input, nowMs: clock.nowMs() } as Input);
        state = result.state;
        return { input, resolve, outputs: result.outputs };
      });
      const outputs = stepped.flatMap((one) => one.outputs);
      if (stepped.some(({ input }) => input.kind !== 'tick') || !outputs.every(isHeartbeat)) {
        await writeUntilDone({ state, effects: outputs.filter(isEffect) });
      }
      for (const one of stepped) {
        const reply = one.outputs.find((output) => output.kind === 'reply');
        // A stream has to be open before its first event, wherever the reply stands.
        if (reply?.status === 200) openStream(one.input);
        for (const output of one.outputs) tryCarryOut(output);
        one.resolve(reply);
      }
    }
  };

  const writeUntilDone = async (checkpoint: Pick<Checkpoint, 'state' | 'effects'>): Promise<void> => {
    for (;;) {
      try {
        return await options.write(checkpoint);
      } catch (error) {
        logger.error('state cannot be written; nothing is answered until it can', { reason: String(error) });
        await delay(clock, writeRetryMs);
      }
    }
  };

  const openStream = (input: TimelessInput): void => {
    if (input.kind === 'subscribe') schedulerStreams.get(input.streamId)?.open();
    if (input.kind === 'executor-subscribe') executorStreams.get(input.streamId)?.open();
  };

  /** One output that fails must not keep the others from their receivers. */
  const tryCarryOut = (output: Output): void => {
    try {
      carryOut(output);
    } catch (error) {
      logger.error('output failed', { output: output.kind, reason: String(error) });
    }
  };

  const carryOut = (output: Output): void => {
    switch (output.kind) {
      case 'reply':
        break;
      case 'event':
        schedulerStreams.get(output.streamId)?.send(output.event);
        break;
      case 'close-stream':
        endStream(schedulerStreams, output.streamId, output.broken);
        break;
      case 'executor-event':
        executorStreams.get(output.streamId)?.send(output.event);
        break;
      case 'close-executor-stream':
        endStream(executorStreams, output.streamId);
        break;
      case 'start-container':
        runner.start(output);
        break;
      case 'signal-container':
        runner.signal(output.containerId, output.signal);
        break;
      case 'add-volumes':
        runner.addVolumes(output.containerId, output.volumes);
        break;
      case 'destroy-container':
      case 'create-volume':
      case 'destroy-volume':
        carryOutEffect(runner, output);
        break;
      case 'stop-agent':
        options.onStopAgent(output.agentName, output.message);
        break;
      default:
        unreachable(output);
    }
  };

  const endStream = (streams: Map<string, EventSink<never>>, streamId: string, broken = false): void => {
    if (broken) streams.get(streamId)?.break();
    else streams.get(streamId)?.end();
    streams.delete(streamId);
  };

  const scheduleWake = (): void => {
    wake?.cancel();
    if (stopped) return;
    const wakeMs = nextWakeMs(state);
    if (wakeMs === undefined || wakeMs === Number.POSITIVE_INFINITY) return;
    wake = clock.setTimer(wakeMs - clock.nowMs(), () => void submit({ kind: 'tick' }));
  };

  const submit = (input: TimelessInput): Promise<Reply | undefined> => {
    if (stopped) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      queue.push({ input, resolve });
      running ??= runBatches()
        .then(scheduleWake)
        .catch((error: unknown) => {
          stopped = true;
          wake?.cancel();
          for (const { resolve } of queue) resolve(undefined);
          options.onFatal(error);
        })
        .finally(() => {
          running = undefined;
          // Something may have come between the last look into the queue and here.
          if (queue.length > 0 && !stopped) void submit({ kind: 'tick' });
        });
    });
  };

  return {
    get state() {
      return state;
    },
    schedulerStreams,
    executorStreams,
    submit,
    async stop() {
      stopped = true;
      wake?.cancel();
      await running;
    },
  };
}

export function carryOutEffect(runner: Runner, effect: Effect): void {
  switch (effect.kind) {
    case 'destroy-container':
      runner.destroy(effect.containerId);
      break;
    case 'create-volume':
      runner.createVolume(effect.agentName, effect.volume);
      break;
    case 'destroy-volume':
      runner.destroyVolume(effect.agentName, effect.volume);
      break;
    default:
      unreachable(effect);
  }
}

function isHeartbeat(output: Output): boolean {
  return (
    (output.kind === 'event' && output.event.type === 'HEARTBEAT') ||
    (output.kind === 'executor-event' && output.event.type === 'HEARTBEAT')
  );
}

function isEffect(output: Output): output is Effect {
  return (
    output.kind === 'destroy-container' || output.kind === 'create-volume' || output.kind === 'destroy-volume'
  );
}
