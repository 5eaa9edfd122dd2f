import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { KafkaMesosError } from '../model/errors.ts';
import type { Engine } from './engine.ts';
import { readBody, refusal, sendReply } from './http/exchange.ts';
import type { LocalMesos } from './local-mesos.ts';
import type { Reply } from './model/io.ts';

/*
 * The control API of the embedded Mesos, which no real Mesos has, under /local/ of the master's port:
 *
 *   GET  /local/agents                                      the agents
 *   POST /local/stop-agent   {"name", "executors": "running" | "gone"}
 *   POST /local/start-agent  {"name", "wiped"?: boolean}
 *   POST /local/partition    {"name"}                       master and agent cannot talk
 *   POST /local/heal         {"name"}                       they can again
 *   POST /local/restart-master                              failover: only its registry survives
 *   POST /local/shutdown     {"graceMs"?: number}           stops every container, then this process
 *
 * Each wants `Authorization: Bearer TOKEN`, the token being in a file that only its owner can read.
 */

export type Control = {
  readonly engine: Engine;
  readonly mesos: LocalMesos;
  readonly token: string;
  readonly onShutdown?: (() => void) | undefined;
};

export type ShutdownReport = { readonly containers: number; readonly processes: number };

const defaultGraceMs = 15_000;

export async function handleControl(
  control: Control,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!isAuthorized(request.headers.authorization, control.token)) {
    return sendReply(
      response,
      refusal(401, 'The token of the embedded Mesos is wanted', { 'WWW-Authenticate': 'Bearer' }),
    );
  }
  if (path === '/local/agents' && request.method === 'GET') {
    return sendReply(response, answer({ agents: control.mesos.agents() }));
  }
  if (request.method !== 'POST') return sendReply(response, refusal(404, '404 Not Found.'));
  const body = await readBody(request);
  if (body === undefined) return;
  if (!Buffer.isBuffer(body)) return sendReply(response, body);
  const asked = parse(body);
  if (!asked) return sendReply(response, refusal(400, 'Expecting a JSON object'));
  try {
    sendReply(response, await perform(control, path, asked));
  } catch (error) {
    if (!(error instanceof KafkaMesosError)) throw error;
    const message = error.remedy === undefined ? error.message : `${error.message} ${error.remedy}`;
    sendReply(response, refusal(409, message));
  }
  if (path === '/local/shutdown') response.once('close', () => control.onShutdown?.());
}

async function perform(control: Control, path: string, asked: Record<string, unknown>): Promise<Reply> {
  const { mesos } = control;
  const name = String(asked.name ?? '');
  switch (path) {
    case '/local/stop-agent':
      if (asked.executors !== 'running' && asked.executors !== 'gone') {
        return refusal(400, "Expecting 'executors' to be 'running' or 'gone'");
      }
      await mesos.stopAgent(name, asked.executors);
      return answer({});
    case '/local/start-agent':
      await mesos.startAgent(name, asked.wiped === true);
      return answer({});
    case '/local/partition':
    case '/local/heal':
      await mesos.setPartitioned(name, path === '/local/partition');
      return answer({});
    case '/local/restart-master':
      await mesos.restartMaster();
      return answer({});
    case '/local/shutdown':
      return answer(await mesos.shutdown(typeof asked.graceMs === 'number' ? asked.graceMs : defaultGraceMs));
    default:
      return refusal(404, '404 Not Found.');
  }
}

function answer(json: object): Reply {
  return { kind: 'reply', status: 200, json };
}

function parse(body: Buffer): Record<string, unknown> | undefined {
  if (body.length === 0) return {};
  try {
    const json: unknown = JSON.parse(body.toString('utf8'));
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** In a time that tells nothing about the token. */
function isAuthorized(header: string | undefined, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(header ?? ''), digest(`Bearer ${token}`));
}
