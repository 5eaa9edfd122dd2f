/**
 * What can be told about a starting broker from its log and its sockets, without a Kafka client.
 *
 * A broker answers requests on its client listeners only after the controller has registered and
 * unfenced it (`BrokerServer.startup` waits for "the broker to be unfenced" and only then calls
 * `enableRequestProcessing`), so an answer to ApiVersions is the proof of serving; log lines are
 * used for progress and reasons only. Their texts are those of Kafka 3.9 to 4.4.
 */
export type StartupView = {
  readonly phase: 'starting' | 'recovering';
  /** While the logs of a hard stop are recovered. */
  readonly recovery?: Recovery;
  /** Why it is not serving yet, in Kafka's words. */
  readonly waitingFor?: string;
  /** "Kafka Server started" was seen. */
  readonly started: boolean;
  /** When the last heartbeats to the controller were said to have failed, at most two; milliseconds since the epoch. */
  readonly heartbeatFailuresMs?: readonly number[];
};

/** KIP-831 has the same counters in JMX; the log has them without a port. */
export type Recovery = {
  /** Partitions loaded so far. */
  readonly doneLogs: number;
  readonly totalLogs: number;
  /** Segments that it has begun to read: what moves while a large partition takes long. */
  readonly doneSegments: number;
  /** When any of these last moved, milliseconds since the epoch. */
  readonly movedAtMs: number;
};

export const initialView: StartupView = { phase: 'starting', started: false };

export function observeLine(view: StartupView, line: string, nowMs: number): StartupView {
  // LogManager, once per directory, only after a hard stop.
  const recovering = /Recovering (\d+) logs from .* since no clean shutdown file/.exec(line);
  if (recovering !== null) {
    const { doneLogs = 0, totalLogs = 0, doneSegments = 0 } = view.recovery ?? {};
    const total = totalLogs + Number(recovering[1]);
    const recovery = { doneLogs, totalLogs: total, doneSegments, movedAtMs: nowMs };
    return { ...view, phase: 'recovering', recovery };
  }
  if (view.recovery !== undefined && /\(\d+\/\d+ completed in /.test(line)) {
    const doneLogs = Math.min(view.recovery.doneLogs + 1, view.recovery.totalLogs);
    return { ...view, recovery: { ...view.recovery, doneLogs, movedAtMs: nowMs } };
  }
  // LogLoader, before each segment.
  if (view.recovery !== undefined && /\bRecovering unflushed segment \d+\./.test(line)) {
    const doneSegments = view.recovery.doneSegments + 1;
    return { ...view, recovery: { ...view.recovery, doneSegments, movedAtMs: nowMs } };
  }
  if (/\bLoaded \d+ logs in \d+ ?ms/.test(line)) {
    const { recovery: _, ...rest } = view;
    return { ...rest, phase: 'starting' };
  }
  if (/KafkaRaftServer .*Kafka Server started/.test(line)) {
    const { waitingFor: _, ...rest } = view;
    return { ...rest, started: true };
  }
  const refused = /Unable to register broker \d+ because the controller returned error (\w+)/.exec(line)?.[1];
  if (refused !== undefined) {
    const why =
      refused === 'DUPLICATE_BROKER_REGISTRATION'
        ? ' (the session of its previous run has not ended yet)'
        : '';
    return waiting(view, `the controller to register it: ${refused}${why}`);
  }
  if (/Successfully registered broker/.test(line)) {
    return waiting(view, 'the controller to unfence it');
  }
  if (/Unable to (send broker heartbeat|send a heartbeat|register the broker|register broker)/.test(line)) {
    const heartbeatFailuresMs = [...(view.heartbeatFailuresMs ?? []), nowMs].slice(-2);
    return { ...view, waitingFor: 'an active controller', heartbeatFailuresMs };
  }
  const awaited = /\] Waiting for (?:the )?(.{1,120}?)(?: \(|$)/.exec(line)?.[1];
  if (awaited !== undefined && !view.started) return waiting(view, awaited);
  if (/\] Finished waiting for /.test(line) && view.waitingFor !== undefined) {
    const { waitingFor: _, ...rest } = view;
    return rest;
  }
  return view;
}

/** The same view when nothing changes, so that only news is told. */
function waiting(view: StartupView, waitingFor: string): StartupView {
  return view.waitingFor === waitingFor ? view : { ...view, waitingFor };
}

/** The largest segment (2 GiB) takes a slow disk a minute or two; there is no limit to the whole. */
const stalledAfterMs = 10 * 60_000;

/** Whether a recovery has stopped to move. It is only told: a recovery that is cut short starts over. */
export function isStalled(view: StartupView, nowMs: number): boolean {
  const { phase, recovery } = view;
  return phase === 'recovering' && recovery !== undefined && nowMs - recovery.movedAtMs >= stalledAfterMs;
}

/**
 * A heartbeat that gets no answer fails after half the session (`BrokerLifecycleManager`: 4.5 s), and after a session
 * without one the broker is fenced (`broker.session.timeout.ms`: 9 s).
 */
export const heartbeatMemoryMs = 15_000;

/** One alone fails whenever the controllers elect another active one, and nothing comes of it. */
export function heartbeatsFail({ heartbeatFailuresMs = [] }: StartupView, nowMs: number): boolean {
  const [first = Number.NEGATIVE_INFINITY] = heartbeatFailuresMs;
  return heartbeatFailuresMs.length === 2 && nowMs - first < heartbeatMemoryMs;
}

/**
 * An ApiVersions request, version 0: size int32, api_key int16 (18), api_version int16 (0),
 * correlation_id int32, client_id nullable string; no body.
 */
export function apiVersionsRequest(correlationId: number, clientId = 'kafka-mesos-executor'): Uint8Array {
  const name = Buffer.from(clientId, 'utf8');
  const frame = Buffer.alloc(4 + 2 + 2 + 4 + 2 + name.length);
  let at = frame.writeInt32BE(frame.length - 4, 0);
  at = frame.writeInt16BE(18, at);
  at = frame.writeInt16BE(0, at);
  at = frame.writeInt32BE(correlationId, at);
  at = frame.writeInt16BE(name.length, at);
  name.copy(frame, at);
  return frame;
}

/**
 * Whether these bytes begin an answer to it: size int32, correlation_id int32, error_code int16 (0),
 * then the versions, which do not matter. Undefined while there are too few bytes to tell.
 */
export function isApiVersionsResponse(bytes: Uint8Array, correlationId: number): boolean | undefined {
  if (bytes.byteLength < 10) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getInt32(0);
  return size >= 6 && size < 1_000_000 && view.getInt32(4) === correlationId && view.getInt16(8) === 0;
}
