/**
 * The operator API against scenario 24. The framework's own connection is not in that recording, so its part is
 * played here, read off the operator's event stream; then every answer that the embedded master gives is
 * compared, and every message goes through the codec.
 */
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Input, Output, Reply } from '../../src/local/model/io.ts';
import { initialState, nextWakeMs, step } from '../../src/local/model/step.ts';
import { decodeOperatorCall, encodeOperatorResponse, readOperatorCallJson } from '../../src/mesos/codec.ts';
import { decodeMessage, messageType } from '../../src/mesos/wire.ts';
import { type Line, type Recording, readRecording } from './replay/recording.ts';
import { configOf, settingsOf } from './replay/setup.ts';
import { type Bindings, unify } from './replay/unify.ts';

/** What this master has no answer to, or another one by design. */
const foreign = new Set(['GET_FLAGS', 'GET_METRICS', 'GET_VERSION', 'LIST_FILES', 'READ_FILE']);

const responseType = messageType('master.Response');
const exactly = { timeToleranceMs: 0 };

type Status = {
  task_id: { value: string };
  state: string;
  message?: string;
  timestamp: number;
  container_status?: { executor_pid: number };
};
type Event = {
  type: string;
  framework_added?: { framework: { framework_info: Record<string, unknown> } };
  framework_updated?: { framework: { framework_info: Record<string, unknown> } };
  task_added?: { task: Record<string, unknown> & { task_id: { value: string } } };
  task_updated?: { status: Status };
};

/** One thing that happened to the real master, at its time. */
type Act = { readonly t: number; readonly run: () => void };

class Play {
  readonly #recording: Recording;
  readonly #epochMs: number;
  readonly #state: ReturnType<typeof initialState>;
  readonly #bindings: Bindings = new Map();
  readonly #containers = new Map<string, string>();
  readonly failures: string[] = [];
  compared = 0;
  #nowT = -1_000;

  constructor(recording: Recording) {
    this.#recording = recording;
    const updates = this.#events().flatMap(([line, event]) =>
      event.task_updated === undefined ? [] : [event.task_updated.status.timestamp * 1000 - line.t],
    );
    this.#epochMs = Math.floor(Math.max(...updates));
    const subscribed = JSON.stringify(recording.lines.map((line) => line.body));
    const masterId = /"([0-9a-f-]{36})-S0"/.exec(subscribed)?.[1] ?? '';
    this.#state = initialState({ ...settingsOf(recording, 1_000), masterId }, this.#epochMs + this.#nowT);
    const [agent] = recording.agents;
    if (agent !== undefined) this.#do({ kind: 'agent-started', agent: configOf(agent) });
  }

  run(): void {
    const acts = [...this.#actsOfTheFramework(), ...this.#recording.lines.map((line) => this.#actOf(line))];
    for (const act of acts.toSorted((one, other) => one.t - other.t)) {
      this.#advanceTo(act.t);
      act.run();
    }
  }

  #events(): [Line, Event][] {
    return this.#recording.lines.flatMap((line) =>
      line.conn === 'operator-stream' && line.kind === 'event' ? [[line, line.body as Event]] : [],
    );
  }

  #actsOfTheFramework(): Act[] {
    const acts: Act[] = [];
    const tasks = this.#events().flatMap(([, event]) => event.task_added?.task ?? []);
    for (const [{ t }, event] of this.#events()) {
      const { framework_added, framework_updated, task_updated: updated } = event;
      if (framework_added !== undefined) {
        const { id: _, ...info } = framework_added.framework.framework_info;
        const call = { type: 'SUBSCRIBE', subscribe: { framework_info: info } };
        acts.push({
          t: t - 3,
          run: () => void this.#do({ kind: 'subscribe', streamId: 's', call } as never),
        });
        acts.push({ t: t + 5, run: () => this.#launch(tasks) });
      }
      if (framework_updated !== undefined) {
        const update_framework = { framework_info: framework_updated.framework.framework_info };
        acts.push({ t, run: () => this.#call({ type: 'UPDATE_FRAMEWORK', update_framework }) });
      }
      if (event.type === 'FRAMEWORK_REMOVED') acts.push({ t, run: () => this.#call({ type: 'TEARDOWN' }) });
      if (updated === undefined) continue;
      const { task_id, state, message = '' } = updated.status;
      if (state === 'TASK_STARTING') {
        const pid = updated.status.container_status?.executor_pid;
        acts.push({ t, run: () => this.#report('container-started', task_id.value, { pid }) });
      }
      if (state === 'TASK_KILLING')
        acts.push({ t, run: () => this.#call({ type: 'KILL', kill: { task_id } }) });
      const status = /exited with status (\d+)/.exec(message)?.[1];
      const waitStatus = status === undefined ? 15 : Number(status) * 256;
      if (message !== '')
        acts.push({ t, run: () => this.#report('container-exited', task_id.value, { waitStatus }) });
    }
    const failedT = this.#events().find(
      ([, { task_updated }]) => task_updated?.status.state === 'TASK_FAILED',
    )?.[0].t;
    // The cycles are not in the recording; this phase explains the offers that GET_FRAMEWORKS shows.
    this.#state.nextAllocationMs = this.#epochMs + (failedT ?? 0) + 350;
    return acts;
  }

  #launch(tasks: readonly Record<string, unknown>[]): void {
    const reservations = [{ type: 'DYNAMIC', role: 'kafka', principal: 'kafka' }];
    const scalar = (name: string, value: number) => ({
      name,
      type: 'SCALAR',
      scalar: { value },
      reservations,
    });
    const infos = tasks.map(({ name, task_id, agent_id, resources, labels, discovery }) =>
      JSON.parse(
        JSON.stringify({ name, task_id, agent_id, resources, labels, discovery, command: { value: 'x' } }),
      ),
    );
    this.#call({
      type: 'ACCEPT',
      accept: {
        offer_ids: Object.keys(this.#state.offers).map((value) => ({ value })),
        operations: [
          { type: 'LAUNCH', launch: { task_infos: infos } },
          {
            type: 'RESERVE',
            id: { value: 'op-1' },
            reserve: { resources: [scalar('cpus', 0.5), scalar('disk', 100)] },
          },
        ],
        filters: { refuse_seconds: 0 },
      },
    });
  }

  #report(kind: string, taskId: string, more: object): void {
    const containerId = this.#containers.get(taskId) ?? '';
    this.#do({ kind, agentName: 'agent-1', containerId, ...more } as never);
  }

  #call(body: object): void {
    const framework_id = { value: Object.keys(this.#state.frameworks)[0] ?? '' };
    this.#do({ kind: 'call', streamId: 's', call: { framework_id, ...body } } as never);
  }

  #actOf(line: Line): Act {
    const nothing = { t: line.t, run: () => {} };
    const body = line.body as { type?: string } | null | undefined;
    if (line.conn !== 'operator' || line.kind !== 'request' || line.method !== 'POST') return nothing;
    if (typeof body !== 'object' || body === null || foreign.has(body.type ?? '')) return nothing;
    return { t: line.t, run: () => this.#ask(line) };
  }

  #ask(line: Line): void {
    const raw = (line as unknown as { raw_base64?: string }).raw_base64;
    const call =
      raw === undefined ? readOperatorCallJson(line.body) : decodeOperatorCall(Buffer.from(raw, 'base64'));
    const reply = this.#do({ kind: 'operator-call', call: call as never });
    const answer = this.#recording.lines.find(
      (one) => one.kind === 'response' && one.id === line.id && one.conn === line.conn,
    );
    const bytes = (answer as { raw_base64?: string } | undefined)?.raw_base64;
    // Read by our codec: the recorder's own knew fewer fields.
    const recorded =
      bytes === undefined ? answer?.body : decodeMessage(responseType, Buffer.from(bytes, 'base64'));
    this.compared += 1;
    const difference = unify(
      { status: answer?.status, body: recorded ?? null },
      { status: reply?.status, body: reply?.json ?? reply?.text ?? null },
      this.#bindings,
      { timeToleranceMs: 300 },
    );
    if (difference !== undefined) this.failures.push(`${JSON.stringify(line.body)}: ${difference}`);
    if (reply?.json === undefined) return;
    // What is said in protobuf is what is said in JSON.
    const inProtobuf = decodeMessage(responseType, encodeOperatorResponse(reply.json as object));
    assert.is(unify(JSON.parse(JSON.stringify(reply.json)), inProtobuf, new Map(), exactly), undefined);
  }

  #do(input: object): Reply | undefined {
    const outputs: readonly Output[] = step(this.#state, {
      ...input,
      nowMs: this.#epochMs + this.#nowT,
    } as Input).outputs;
    for (const output of outputs) {
      if (output.kind === 'start-container') this.#containers.set(output.executorId, output.containerId);
      if (output.kind !== 'event' || output.event.type !== 'UPDATE') continue;
      const { agent_id, task_id, uuid } = output.event.update.status;
      if (uuid !== undefined) this.#call({ type: 'ACKNOWLEDGE', acknowledge: { agent_id, task_id, uuid } });
    }
    return outputs.find((output) => output.kind === 'reply');
  }

  #advanceTo(t: number): void {
    for (let wakeT = this.#wakeT(); wakeT <= t; wakeT = this.#wakeT()) {
      this.#nowT = Math.max(this.#nowT, wakeT);
      this.#do({ kind: 'tick' });
    }
    this.#nowT = t;
  }

  #wakeT(): number {
    return nextWakeMs(this.#state) - this.#epochMs;
  }
}

for (const file of ['24-operator-api.jsonl', '24-operator-api.protobuf.jsonl']) {
  test(`answers the operator as the real master did in ${file}`, () => {
    const path = fileURLToPath(new URL(`../fixtures/mesos-transcripts/${file}`, import.meta.url));
    const play = new Play(readRecording(path));
    play.run();
    assert.equal(play.failures, []);
    assert.ok(play.compared >= 14, `${play.compared} answers`);
  });
}

test.run();
