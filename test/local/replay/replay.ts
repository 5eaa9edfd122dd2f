/**
 * Replays one recording against the model under virtual time: the recorded requests at their recorded
 * time, the harness' notes as agent kills and starts, the processes as `facts.ts` read them.
 */
import type { Input, Output, Reply } from '../../../src/local/model/io.ts';
import type { State } from '../../../src/local/model/state.ts';
import { initialState, nextWakeMs, step } from '../../../src/local/model/step.ts';
import type { ExecutorCallFields, SchedulerCallFields } from '../../../src/mesos/types.ts';
import {
  allocationRhythm,
  type CommandFacts,
  commandFacts,
  type ExecutorFacts,
  epochOf,
  executorFacts,
  firstOfferT,
  registrationT,
} from './facts.ts';
import { Matcher } from './matcher.ts';
import { type Line, type Recording, readRecording } from './recording.ts';
import { deep, idsIn, recordedStreamId, whyNotOurs } from './requests.ts';
import { agentsInOrder, configOf, masterIds, settingsOf } from './setup.ts';
import { type Bindings, translate, unify } from './unify.ts';

export type ReplayOptions = {
  /** How far an event may be off its recorded time; 200 when absent. */
  readonly slackMs?: number;
  /** Ends before the note that starts so: what follows is not to be as it was. */
  readonly untilNote?: string;
  /** Operator calls whose answers the recorder cut without a mark. */
  readonly cutAnswers?: readonly string[];
};

export type ReplayResult = {
  readonly failures: readonly string[];
  readonly matchedEvents: number;
  readonly comparedResponses: number;
  /** Requests that are no business of the model, each with why. */
  readonly skippedRequests: readonly string[];
};

type Timer = { readonly t: number; readonly run: () => void };

export function replay(path: string, options: ReplayOptions = {}): ReplayResult {
  return new Replay(readRecording(path), options).run();
}

class Replay {
  readonly #recording: Recording;
  readonly #slackMs: number;
  readonly #until: string | undefined;
  readonly #cutAnswers: readonly string[];
  readonly #epochMs: number;
  readonly #state: State;
  readonly #commands: Map<string, CommandFacts>;
  readonly #executors: Map<string, ExecutorFacts>;
  readonly #bindings: Bindings = new Map();
  readonly #matchers = new Map<string, Matcher>();
  /** Connection of each open stream, by stream id. */
  readonly #streams = new Map<string, string>();
  /** Stream of each connection. */
  readonly #connections = new Map<string, string>();
  readonly #replies = new Map<number, Reply>();
  readonly #timers: Timer[] = [];
  readonly #failures: string[] = [];
  readonly #skipped: string[] = [];
  /** Ids in the recorded events so far. */
  readonly #told = new Set<string>();
  #compared = 0;
  #nowT = 0;

  constructor(recording: Recording, options: ReplayOptions) {
    this.#recording = recording;
    this.#slackMs = options.slackMs ?? 200;
    this.#until = options.untilNote;
    this.#cutAnswers = options.cutAnswers ?? [];
    this.#epochMs = epochOf(recording);
    this.#commands = commandFacts(recording, this.#epochMs);
    this.#executors = executorFacts(recording);
    const rhythm = allocationRhythm(recording);
    this.#state = initialState(settingsOf(recording, rhythm.intervalMs), this.#epochMs - 10_000);
    this.#nowT = -10_000;
    const lead = Math.ceil((10_000 + rhythm.phaseT) / rhythm.intervalMs) * rhythm.intervalMs;
    this.#state.nextAllocationMs = this.#epochMs + rhythm.phaseT + rhythm.intervalMs - lead;
    for (const agent of agentsInOrder(recording)) {
      this.#step({ kind: 'agent-started', agent: configOf(agent) });
    }
  }

  run(): ReplayResult {
    for (const [index, line] of this.#recording.lines.entries()) {
      if (line.kind === 'note' && this.#until !== undefined && String(line.body).startsWith(this.#until))
        break;
      this.#advanceTo(line.t);
      this.#play(line, index);
      if (this.#failures.length > 8) break;
    }
    this.#advanceTo(this.#nowT + 2 * this.#slackMs + 10);
    for (const matcher of this.#matchers.values()) matcher.check(Number.POSITIVE_INFINITY);
    const matchers = [...this.#matchers.values()];
    return {
      failures: [...this.#failures, ...matchers.flatMap((one) => one.failures)],
      matchedEvents: matchers.reduce((sum, one) => sum + one.matched, 0),
      comparedResponses: this.#compared,
      skippedRequests: this.#skipped,
    };
  }

  #play(line: Line, index: number): unknown {
    switch (line.kind) {
      case 'note':
        return this.#note(String(line.body), index);
      case 'request':
        return this.#request(line);
      case 'response':
        return this.#response(line);
      case 'event':
        if (line.conn === 'operator-stream') return undefined;
        for (const id of idsIn(line.body)) this.#told.add(id);
        return this.#matcher(line.conn).recorded(line.t, line.body);
      case 'closed':
        return this.#closed(line);
    }
  }

  // What the harness did

  #note(text: string, index: number): unknown {
    const name = /agent-\d/.exec(text)?.[0] ?? 'agent-1';
    if (text.startsWith('harness sends SIGKILL (kill -9) to master')) return this.#restartMaster(index);
    if (text.startsWith('harness sends SIGKILL') || text.startsWith('harness sends SIGTERM')) {
      return this.#step({ kind: 'agent-stopped', agentName: name, executors: 'running' });
    }
    const gone = /^executor process (\S+) is gone/.exec(text)?.[1];
    // The recorder sat in that process: what its stream brings from now on was not recorded.
    if (gone !== undefined) return this.#forget(`executor-${gone}`);
    if (text.startsWith('the machine dies')) {
      return this.#step({ kind: 'agent-stopped', agentName: name, executors: 'gone' });
    }
    if (/^harness sends SIGSTOP|^agent-\d is SIGSTOPped/.test(text))
      return this.#step({ kind: 'agent-partitioned', agentName: name });
    if (/^harness sends SIGCONT|^agent-\d is let go \(SIGCONT\)/.test(text)) {
      const registrationDelayMs =
        registrationT(this.#recording, index, this.#isRegistered(name)) - this.#nowT;
      return this.#step({ kind: 'agent-healed', agentName: name, registrationDelayMs });
    }
    if (text.startsWith('harness sends SIGUSR1'))
      return this.#step({ kind: 'agent-unregistered', agentName: name });
    if (!/^(harness starts agent|agent-\d started again)/.test(text)) return undefined;
    const flags = this.#recording.agents.find((agent) => agent.name === name);
    if (flags === undefined) throw new Error(`no such agent: ${text}`);
    const wiped = text.includes('wiped');
    const process = this.#state.processes[name];
    const waits = !wiped && Object.values(process?.executors ?? {}).some((one) => one.phase !== 'terminated');
    const registered = registrationT(this.#recording, index, this.#isRegistered(name)) - this.#nowT;
    return this.#step({
      kind: 'agent-started',
      agent: configOf(flags),
      wiped,
      registrationDelayMs: Math.max(0, registered - (waits ? 2_000 : 0)),
    });
  }

  /** It is down for the recorder's second too, in which nobody reaches it. */
  #restartMaster(index: number): unknown {
    const agents = Object.values(this.#state.processes).filter((one) => one.phase === 'up' && one.linked);
    const returnT = firstOfferT(this.#recording, index, agents[0]?.agentId ?? '');
    const masterId = masterIds(this.#recording).find((id) => id !== this.#state.settings.masterId);
    return this.#step({
      kind: 'master-restarted',
      masterId: masterId ?? 'another',
      agentsReturnAfterMs: returnT - 3 - this.#nowT,
    });
  }

  #isRegistered(agentName: string): boolean {
    const agentId = this.#state.processes[agentName]?.agentId;
    return agentId !== undefined && this.#state.agents[agentId] !== undefined;
  }

  #forget(conn: string): void {
    this.#matcher(conn).forget();
    const streamId = this.#connections.get(conn);
    this.#connections.delete(conn);
    if (streamId !== undefined) this.#streams.delete(streamId);
  }

  // What clients did

  #request(line: Line): unknown {
    const foreign = whyNotOurs(line, this.#recording);
    if (foreign !== undefined) {
      return this.#skipped.push(`${line.method} ${line.path} ${foreign}`);
    }
    const id = line.id ?? 0;
    const header = Object.entries(line.headers ?? {}).find(
      ([name]) => name.toLowerCase() === 'mesos-stream-id',
    );
    const body = this.#translated(line.body);
    const path = line.path ?? '';
    if (path === '/api/v1') return this.#ask(id, { kind: 'operator-call', call: body as never });
    if (path.endsWith('/executor')) return this.#executorRequest(line, id, body as ExecutorCallFields);
    const call = body as SchedulerCallFields;
    if (call.type === 'SUBSCRIBE' && header === undefined) {
      const streamId = recordedStreamId(this.#recording, line) ?? `stream-${line.conn}-${id}`;
      this.#open(line.conn, streamId);
      return this.#ask(id, { kind: 'subscribe', streamId, call });
    }
    return this.#ask(id, { kind: 'call', ...(header === undefined ? {} : { streamId: header[1] }), call });
  }

  #executorRequest(line: Line, id: number, call: ExecutorCallFields): unknown {
    const host = (line.headers?.Host ?? '').split(':')[0];
    const agentName = this.#recording.agents.find((agent) => agent.ip === host)?.name ?? 'agent-1';
    if (call.type !== 'SUBSCRIBE')
      return this.#ask(id, { kind: 'executor-call', agentName, call }, line.conn);
    const streamId = `stream-${line.conn}-${id}`;
    this.#open(line.conn, streamId);
    return this.#ask(id, { kind: 'executor-subscribe', agentName, streamId, call }, line.conn);
  }

  #open(conn: string, streamId: string): void {
    this.#streams.set(streamId, conn);
    this.#connections.set(conn, streamId);
  }

  #ask(id: number, input: Untimed, conn = ''): void {
    const reply = this.#step(input);
    if (reply !== undefined) this.#replies.set(replyKey(id, conn), reply);
  }

  #response(line: Line): unknown {
    const reply =
      this.#replies.get(replyKey(line.id ?? 0, line.conn.startsWith('executor') ? line.conn : '')) ??
      this.#replies.get(replyKey(line.id ?? 0, line.conn));
    if (reply === undefined) return undefined;
    const chunk = /^(?:first chunk: )?\d+\n(\{.*)$/s.exec(
      typeof line.body === 'string' ? line.body : '',
    )?.[1];
    // A SUBSCRIBE whose stream the recorder read like a body: its first event.
    if (chunk !== undefined) return this.#firstEvent(line, chunk);
    // What the recorder has cut otherwise than by N10 cannot be compared.
    if (/"\((trimmed[^)"]|only)|"\(trimmed\)":\d/.test(JSON.stringify(line.body ?? null))) return undefined;
    this.#compared += 1;
    const recorded = { status: line.status, body: line.body ?? null };
    const actual = { status: reply.status, body: reply.json ?? reply.text ?? null };
    const opened = line.status === 200 && reply.status === 200 && this.#connections.has(line.conn);
    if (opened && (line.body === undefined || line.body === null)) return undefined;
    const type = (line.body as { type?: string } | null | undefined)?.type ?? '';
    const difference = unify(recorded, actual, this.#bindings, {
      timeToleranceMs: this.#slackMs,
      isCut: this.#cutAnswers.includes(type),
    });
    if (difference !== undefined)
      this.#failures.push(`${line.t} ${line.conn} response ${line.id}: ${difference}`);
    return undefined;
  }

  #firstEvent(line: Line, chunk: string): void {
    let event: unknown;
    try {
      event = JSON.parse(chunk);
    } catch {
      return; // cut by the recorder
    }
    this.#matcher(line.conn).recorded(line.t, event);
    this.#matcher(line.conn).recorded(line.t, { type: 'closed' });
  }

  #closed(line: Line): void {
    const streamId = this.#connections.get(line.conn);
    if (line.dir === '>') {
      // The client hangs up.
      this.#matcher(line.conn).forget();
      this.#connections.delete(line.conn);
      if (streamId === undefined) return;
      this.#streams.delete(streamId);
      const agentName = 'agent-1';
      this.#step(
        line.conn.startsWith('executor')
          ? { kind: 'executor-stream-closed', agentName, streamId }
          : { kind: 'stream-closed', streamId },
      );
      return;
    }
    if (line.error !== undefined || line.how === 'closed by client' || line.how === 'reset') return;
    if (line.conn === 'operator-stream') return;
    this.#matcher(line.conn).recorded(line.t, { type: 'closed' });
  }

  /** Ids of offers and updates become the model's; time runs on a little if the model has not made them yet. */
  #translated(body: unknown): unknown {
    const wanted = idsIn(body);
    const limit = this.#nowT + this.#slackMs;
    while (this.#nowT < limit && wanted.some((id) => this.#isComing(id))) this.#advanceTo(this.#nowT + 1);
    return deep(body, (text) => translate(text, this.#bindings));
  }

  /** An id the recording shows in an event before now, for which the model has said nothing yet. */
  #isComing(id: string): boolean {
    return this.#told.has(id) && !this.#bindings.has(`>${id}`);
  }

  // The model, and what it has done

  #step(input: Untimed): Reply | undefined {
    const { outputs } = step(this.#state, { ...input, nowMs: this.#epochMs + this.#nowT } as Input);
    let reply: Reply | undefined;
    for (const output of outputs) {
      if (output.kind === 'reply') reply = output;
      else this.#perform(output);
    }
    return reply;
  }

  #perform(output: Exclude<Output, Reply>): unknown {
    switch (output.kind) {
      case 'event':
      case 'executor-event': {
        const conn = this.#streams.get(output.streamId);
        if (conn !== undefined) this.#matcher(conn).actual(this.#nowT, output.event);
        return;
      }
      case 'close-stream':
      case 'close-executor-stream': {
        const conn = this.#streams.get(output.streamId);
        this.#streams.delete(output.streamId);
        if (conn === undefined) return;
        if (this.#connections.get(conn) === output.streamId) this.#connections.delete(conn);
        return this.#matcher(conn).actual(this.#nowT, { type: 'closed' });
      }
      case 'start-container': {
        const report = { agentName: output.agentName, containerId: output.containerId };
        if (output.role === 'command') return this.#startCommand(output.executorId, report);
        return this.#startExecutor(output.executorId, report);
      }
      case 'signal-container':
        return this.#signal(output.agentName, output.containerId, output.signal);
      case 'destroy-container': {
        const { agentName, containerId } = output;
        this.#at(this.#nowT + 90, { kind: 'container-exited', agentName, containerId, waitStatus: 9 });
        return;
      }
      default:
        return;
    }
  }

  #startCommand(taskId: string, report: Report): unknown {
    const facts = this.#commands.get(taskId);
    if (facts?.failure !== undefined) {
      const { t, message, reason } = facts.failure;
      const text = this.#withContainer(message, report.containerId);
      return this.#at(Math.max(t, this.#nowT), {
        kind: 'container-failed',
        ...report,
        message: text,
        reason,
      });
    }
    const started = Math.max(facts?.startedT ?? this.#nowT + 150, this.#nowT);
    this.#at(started, { kind: 'container-started', ...report, pid: facts?.pid ?? 1 });
    const end = facts?.end;
    if (end === undefined || ((end.waitStatus === 9 || end.waitStatus === 15) && facts?.killed === true))
      return undefined;
    return this.#at(Math.max(end.t, started), {
      kind: 'container-exited',
      ...report,
      waitStatus: end.waitStatus,
    });
  }

  /** The container id in a recorded message becomes the model's. */
  #withContainer(message: string, containerId: string): string {
    const { masterId } = this.#state.settings;
    const recorded = message.match(/[0-9a-f]{8}-[0-9a-f-]{27}/g)?.find((id) => id !== masterId);
    if (recorded === undefined) return message;
    this.#bindings.set(`>${recorded}`, containerId);
    this.#bindings.set(`<${containerId}`, recorded);
    return message.replace(recorded, containerId);
  }

  /** A process that dies of a signal does so when the model sends it: that checks the grace periods. */
  #signal(agentName: string, containerId: string, signal: 'SIGTERM' | 'SIGKILL'): void {
    const executors = Object.values(this.#state.processes[agentName]?.executors ?? {});
    const taskId = executors.find((one) => one.containerId === containerId)?.executorId ?? '';
    const waitStatus = signal === 'SIGKILL' ? 9 : 15;
    const planned = this.#commands.get(taskId)?.end?.waitStatus ?? 15;
    if (planned !== waitStatus) return;
    this.#at(this.#nowT + 70, { kind: 'container-exited', agentName, containerId, waitStatus });
  }

  #startExecutor(executorId: string, report: Report): void {
    const facts = this.#executors.get(executorId);
    this.#at(this.#nowT + 50, { kind: 'container-started', ...report, pid: facts?.pid ?? 1 });
    if (facts?.end === undefined) return;
    const { t, waitStatus } = facts.end;
    this.#at(t, { kind: 'container-exited', ...report, waitStatus });
  }

  #at(t: number, input: Untimed): void {
    this.#timers.push({ t, run: () => void this.#step(input) });
  }

  #advanceTo(t: number): void {
    for (;;) {
      const timer = this.#timers.toSorted((one, other) => one.t - other.t)[0];
      const wakeT = nextWakeMs(this.#state) - this.#epochMs;
      const next = Math.min(wakeT, timer?.t ?? Number.POSITIVE_INFINITY);
      if (next > t) break;
      this.#nowT = Math.max(this.#nowT, next);
      if (timer !== undefined && timer.t <= wakeT) {
        this.#timers.splice(this.#timers.indexOf(timer), 1);
        timer.run();
      } else this.#step({ kind: 'tick' });
    }
    this.#nowT = Math.max(this.#nowT, t);
    for (const matcher of this.#matchers.values()) matcher.check(this.#nowT);
  }

  #matcher(conn: string): Matcher {
    const known = this.#matchers.get(conn);
    if (known !== undefined) return known;
    const made = new Matcher(conn, this.#slackMs, { timeToleranceMs: this.#slackMs }, this.#bindings);
    this.#matchers.set(conn, made);
    return made;
  }
}

type Report = { readonly agentName: string; readonly containerId: string };
type WithoutTime<T> = T extends unknown ? Omit<T, 'nowMs'> : never;
type Untimed = WithoutTime<Input>;

/** Executors number their requests themselves, beside the harness' own numbers. */
function replyKey(id: number, conn: string): number {
  return conn === ''
    ? id
    : [...conn].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 1e9, 7) * 1000 + id;
}
