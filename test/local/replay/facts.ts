/**
 * What the processes of a recording did, read out of it: when each command ran and ended, how executors
 * ended, when a restarted agent registered, and the phase of the master's allocation timer.
 */
import type { OperationStatus, TaskStatus, TaskStatusReason } from '../../../src/mesos/types.ts';
import type { Line, Recording } from './recording.ts';

export type CommandFacts = {
  pid: number;
  startedT?: number;
  /** When the process ended by itself or by SIGTERM's leave; ends by SIGKILL follow the model's signal. */
  end?: { readonly t: number; readonly waitStatus: number };
  /** The agent could not launch it. */
  failure?: { readonly t: number; readonly message: string; readonly reason: TaskStatusReason };
  /** A KILL was sent for it, or its time was limited: signals end it. */
  killed: boolean;
};

export type ExecutorFacts = {
  pid: number;
  end?: { readonly t: number; readonly waitStatus: number };
};

const signals: Readonly<Record<string, number>> = { Killed: 9, Terminated: 15 };

export function statusOf(line: Line): TaskStatus | undefined {
  const body = line.body as { type?: string; update?: { status: TaskStatus } } | undefined;
  return line.kind === 'event' && line.conn.startsWith('scheduler') && body?.type === 'UPDATE'
    ? body.update?.status
    : undefined;
}

/** Milliseconds of the epoch at t = 0: the recorder's clock against the stamps of Mesos. */
export function epochOf(recording: Recording): number {
  const offsets = recording.lines.flatMap((line) => {
    const stamp = statusOf(line)?.timestamp;
    return stamp === undefined ? [] : [stamp * 1000 - line.t];
  });
  // The update which travelled fastest comes closest.
  return offsets.length === 0 ? 1_795_353_000_000 : Math.floor(Math.max(...offsets));
}

export function commandFacts(recording: Recording, epochMs: number): Map<string, CommandFacts> {
  const facts = new Map<string, CommandFacts>();
  const requests = JSON.stringify(recording.lines.filter((line) => line.kind === 'request'));
  for (const line of recording.lines) {
    const status = statusOf(line);
    if (status?.uuid === undefined || status.timestamp === undefined) continue;
    const taskId = status.task_id.value;
    const t = status.timestamp * 1000 - epochMs;
    const known = facts.get(taskId) ?? {
      pid: status.container_status?.executor_pid ?? 0,
      killed: requests.includes(`"kill":{"task_id":{"value":"${taskId}"}`),
    };
    facts.set(taskId, known);
    if (status.reason === 'REASON_MAX_COMPLETION_TIME_REACHED') known.killed = true;
    if (status.source === 'SOURCE_AGENT') {
      const { message = '', reason = 'REASON_CONTAINER_LAUNCH_FAILED' } = status;
      // Its executor broke, or it could not be launched at all.
      if (message === 'Executor terminated') known.end ??= { t, waitStatus: 256 };
      else if (known.startedT === undefined) known.failure ??= { t, message, reason };
      continue;
    }
    if (status.state === 'TASK_STARTING') known.startedT ??= t;
    const waitStatus = waitStatusOf(status.message ?? '');
    if (waitStatus !== undefined && status.state !== 'TASK_KILLING') known.end ??= { t, waitStatus };
  }
  return facts;
}

function waitStatusOf(message: string): number | undefined {
  const exit = /^Command exited with status (\d+)/.exec(message);
  if (exit !== null) return Number(exit[1]) * 256;
  const signal = /^Command terminated with signal (\w+)/.exec(message);
  return signal === null ? undefined : signals[signal[1] ?? ''];
}

export function executorFacts(recording: Recording): Map<string, ExecutorFacts> {
  const facts = new Map<string, ExecutorFacts>();
  const fact = (id: string): ExecutorFacts => {
    const known = facts.get(id) ?? { pid: 0 };
    facts.set(id, known);
    return known;
  };
  for (const line of recording.lines) {
    const status = statusOf(line);
    const pid = status?.container_status?.executor_pid;
    if (status?.executor_id !== undefined && pid !== undefined) fact(status.executor_id.value).pid = pid;
    const failure = (line.body as { failure?: Failure } | undefined)?.failure;
    if (failure?.executor_id === undefined || failure.status === undefined) continue;
    const id = failure.executor_id.value;
    // A SIGKILL by the agent follows the model's destroy-container; one by the harness is in its notes.
    if (failure.status === 9 && !hasNote(recording, `kill -9 of ${id}`)) continue;
    fact(id).end ??= { t: line.t - 2, waitStatus: failure.status };
  }
  return facts;
}

type Failure = { readonly executor_id?: { readonly value: string }; readonly status?: number };

function hasNote(recording: Recording, text: string): boolean {
  return recording.lines.some((line) => line.kind === 'note' && String(line.body).includes(text));
}

/**
 * When the agent that starts at line `index` was registered again, by the first thing that shows it.
 * `isKnown`: the master still has it; else its return makes an offer at once.
 */
export function registrationT(recording: Recording, index: number, isKnown: boolean): number {
  const startedT = recording.lines[index]?.t ?? 0;
  for (const line of recording.lines.slice(index + 1)) {
    if (line.kind === 'note' && /harness (sends|starts)|started again/.test(String(line.body))) break;
    const status = statusOf(line);
    const told =
      status !== undefined &&
      (status.reason === 'REASON_AGENT_REREGISTERED' ||
        (status.reason === 'REASON_AGENT_REMOVED' &&
          status.message?.includes('a new agent registered') === true) ||
        (status.uuid !== undefined && status.source !== 'SOURCE_MASTER'));
    const operation = (line.body as { update_operation_status?: { status: OperationStatus } } | undefined)
      ?.update_operation_status?.status;
    if (told || operation?.uuid !== undefined) return line.t - 3;
    // Of a known agent the next allocation cycle makes the offer, of another one its registration.
    if ((line.body as { type?: string } | undefined)?.type === 'OFFERS') return line.t - (isKnown ? 300 : 3);
  }
  return startedT + 2_500;
}

/** Of the first offer of the agent after line `index`. */
export function firstOfferT(recording: Recording, index: number, agentId: string): number {
  const line = recording.lines.slice(index).find(({ kind, body }) => {
    const event = body as
      | { type?: string; offers?: { offers: { agent_id: { value: string } }[] } }
      | undefined;
    return (
      kind === 'event' && event?.offers?.offers.some((offer) => offer.agent_id.value === agentId) === true
    );
  });
  return line?.t ?? recording.lines[index]?.t ?? 0;
}

/** Times of the OFFERS and INVERSE_OFFERS events that only the allocation timer explains. */
function unexplainedOffers(recording: Recording): number[] {
  const times: number[] = [];
  const explainedUntilT: Record<string, number> = {};
  const explain = (untilT: number): void => {
    for (const type of ['OFFERS', 'INVERSE_OFFERS']) explainedUntilT[type] = untilT;
  };
  for (const line of recording.lines) {
    const body = line.body as { type?: string; failure?: unknown } | undefined;
    const type = body?.type ?? '';
    const asks = line.kind === 'request' && /^(SUBSCRIBE|REVIVE|UPDATE_MAINTENANCE_SCHEDULE)$/.test(type);
    if (asks) explain(line.t + 30);
    const returned = statusOf(line)?.reason === 'REASON_AGENT_REREGISTERED' || type === 'FAILURE';
    if (returned) explain(line.t + 15);
    if (line.kind !== 'event' || (type !== 'OFFERS' && type !== 'INVERSE_OFFERS')) continue;
    if (line.t > (explainedUntilT[type] ?? Number.NEGATIVE_INFINITY)) times.push(line.t);
    // One call explains one offer; the next one is the timer's.
    explainedUntilT[type] = Number.NEGATIVE_INFINITY;
  }
  return times;
}

export type Rhythm = { readonly phaseT: number; readonly intervalMs: number };

/**
 * N8 the master's allocation timer: its phase, and its period (1 s and about 1 ms of work), are fitted
 * to the OFFERS events which no call, subscription or registration explains.
 */
export function allocationRhythm(recording: Recording): Rhythm {
  const times = unexplainedOffers(recording);
  let best = { phaseT: 500, intervalMs: 1001, score: -1 };
  for (let intervalMs = 1000; intervalMs <= 1003; intervalMs += 0.25) {
    for (let phaseT = 0; phaseT < 1000; phaseT += 2) {
      let score = 0;
      for (const t of times) {
        const off = (((t - phaseT) % intervalMs) + intervalMs) % intervalMs;
        // A cycle's offers arrive a few ms after it.
        if (off >= 1 && off <= 14) score += 1 - Math.abs(off - 4) / 20;
      }
      if (score > best.score) best = { phaseT, intervalMs, score };
    }
  }
  return best;
}
