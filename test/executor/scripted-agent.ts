import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeExecutorCall, encodeExecutorEvent } from '../../src/mesos/codec.ts';
import { encodeRecord } from '../../src/mesos/record-io.ts';
import type { ExecutorCallFields, ExecutorEvent, TaskStatus } from '../../src/mesos/types.ts';
import type { BrokerReport } from '../../src/model/launch.ts';
import { within } from './helpers.ts';

export type ScriptedAgent = {
  readonly port: number;
  /** Every call as it came, with what was answered. */
  readonly calls: { readonly call: ExecutorCallFields; readonly status: number }[];
  /** What a call is answered with; undefined is the usual answer. */
  answer: (call: ExecutorCallFields) => number | undefined;
  /** Whether an update is acknowledged as soon as it has come. */
  acknowledges: (status: TaskStatus) => boolean;
  send(event: ExecutorEvent): void;
  acknowledge(status: TaskStatus): void;
  /** Ends the event stream. */
  dropStream(): void;
  /** Resolves with the first call, from the `from`-th on, that fits. */
  awaitCall(
    fits: (call: ExecutorCallFields) => boolean,
    what: string,
    from?: number,
  ): Promise<ExecutorCallFields>;
  awaitState(
    state: TaskStatus['state'],
    fits?: (report: BrokerReport, status: TaskStatus) => boolean,
  ): Promise<TaskStatus>;
  /** All updates so far, each once, in the order in which they first came. */
  updates(): TaskStatus[];
  /** Stops listening; `listen` brings the same agent back. */
  stop(): Promise<void>;
  listen(): Promise<void>;
};

export const reportOf = (status: TaskStatus): BrokerReport =>
  JSON.parse(Buffer.from(status.data ?? 'e30=', 'base64').toString()) as BrokerReport;

/** The agent's side of the executor API, doing what the test says. */
export async function startScriptedAgent(): Promise<ScriptedAgent> {
  let stream: ServerResponse | undefined;
  let waiting: (() => void)[] = [];
  let server: Server | undefined;
  let port = 0;
  const calls: { call: ExecutorCallFields; status: number }[] = [];

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const call = decodeExecutorCall(Buffer.concat(parts));
    const usual = call.type === 'SUBSCRIBE' ? 200 : 202;
    const status = agent.answer(call) ?? usual;
    calls.push({ call, status });
    response.writeHead(status);
    if (status === 200) {
      stream?.end();
      stream = response;
      agent.send({ type: 'SUBSCRIBED', subscribed: subscribedBody(call) });
      for (const { status: update } of call.subscribe?.unacknowledged_updates ?? []) {
        if (agent.acknowledges(update)) agent.acknowledge(update);
      }
    } else {
      response.end(status === 202 ? undefined : 'scripted');
      if (status === 202 && call.update !== undefined && agent.acknowledges(call.update.status)) {
        agent.acknowledge(call.update.status);
      }
    }
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  }

  const agent: ScriptedAgent = {
    get port() {
      return port;
    },
    calls,
    answer: () => undefined,
    acknowledges: () => true,
    send(event) {
      stream?.write(encodeRecord(encodeExecutorEvent(event)));
    },
    acknowledge({ task_id, uuid = '' }) {
      agent.send({ type: 'ACKNOWLEDGED', acknowledged: { task_id, uuid } });
    },
    dropStream() {
      stream?.destroy();
      stream = undefined;
    },
    async awaitCall(fits, what, from = 0) {
      for (;;) {
        const found = calls.slice(from).find(({ call }) => fits(call));
        if (found !== undefined) return found.call;
        await within(new Promise<void>((wake) => waiting.push(wake)), `${what}; got ${describe(calls)}`);
      }
    },
    async awaitState(state, fits = () => true) {
      const isIt = (status: TaskStatus | undefined): boolean =>
        status?.state === state && fits(reportOf(status), status);
      const call = await agent.awaitCall((one) => isIt(one.update?.status), state);
      return call.update?.status as TaskStatus;
    },
    updates() {
      const seen = new Map<string, TaskStatus>();
      for (const { call, status } of calls) {
        if (status >= 400) continue;
        const all = [
          ...(call.subscribe?.unacknowledged_updates ?? []),
          ...(call.update ? [call.update] : []),
        ];
        for (const update of all) seen.set(update.status.uuid ?? '', update.status);
      }
      return [...seen.values()];
    },
    async stop() {
      const stopped = new Promise((resolve) => server?.close(resolve));
      server?.closeAllConnections();
      await stopped;
    },
    async listen() {
      server = createServer((request, response) => void handle(request, response)).listen(port, '127.0.0.1');
      await new Promise((resolve) => server?.once('listening', resolve));
      port = (server.address() as AddressInfo).port;
    },
  };
  await agent.listen();
  return agent;
}

function describe(calls: ScriptedAgent['calls']): string {
  return calls
    .map(
      ({ call, status }) =>
        `${call.type} ${call.update?.status.state ?? ''} ${call.update?.status.message ?? ''} ${status}`,
    )
    .join(' | ');
}

function subscribedBody(call: ExecutorCallFields) {
  return {
    executor_info: { executor_id: call.executor_id },
    framework_info: { user: 'root', name: 'kafka' },
    agent_info: { hostname: '127.0.0.1' },
  };
}
