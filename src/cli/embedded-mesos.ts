/** The embedded Mesos as a background process of this home, and its control API. */

import { access } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { findSandboxes } from '../local/runner/process-table.ts';
import type { AgentView } from '../local/server.ts';
import { defaultPort } from '../local/topology.ts';
import { ConflictError, UnavailableError } from '../model/errors.ts';
import { startInBackground, stopProcess } from './background.ts';
import type { Context } from './context.ts';
import { type Endpoint, findEndpoint, readTokenFile } from './endpoint-file.ts';

export type EmbeddedMesos = Endpoint & {
  /** As `scheduler --master` takes it. */
  readonly master: string;
};

/** Undefined when it does not run. */
export async function findEmbeddedMesos(context: Context): Promise<EmbeddedMesos | undefined> {
  const endpoint = await findEndpoint(context.home.localFile);
  return endpoint === undefined ? undefined : { ...endpoint, master: new URL(endpoint.url).host };
}

/** Starts it where it does not run. */
export async function ensureEmbeddedMesos(
  context: Context,
): Promise<{ readonly mesos: EmbeddedMesos; readonly started: boolean }> {
  const running = await findEmbeddedMesos(context);
  if (running !== undefined) return { mesos: running, started: false };
  const isUp = async () => (await findEmbeddedMesos(context)) !== undefined;
  await startInBackground(context, {
    what: 'embedded Mesos',
    args: ['local', 'run'],
    logPath: context.home.localLog,
    ready: async (pid) => (await findEmbeddedMesos(context))?.pid === pid,
    superseded: isUp,
    timeoutMs: 30_000,
  });
  const mesos = await findEmbeddedMesos(context);
  if (mesos !== undefined) return { mesos, started: true };
  throw new UnavailableError('KM_UNAVAILABLE_START', 'the embedded Mesos ended as soon as it was up', {
    remedy: `its log is ${context.home.localLog}`,
  });
}

/** Agents in order of name. */
export async function listAgents(context: Context, mesos: EmbeddedMesos): Promise<readonly AgentView[]> {
  const answer = (await control(context, mesos, 'GET', 'agents')) as { agents: readonly AgentView[] };
  return answer.agents;
}

export async function stopAgent(
  context: Context,
  mesos: EmbeddedMesos,
  name: string,
  machine: boolean,
): Promise<void> {
  await control(context, mesos, 'POST', 'stop-agent', { name, executors: machine ? 'gone' : 'running' });
}

export async function startAgent(
  context: Context,
  mesos: EmbeddedMesos,
  name: string,
  wiped: boolean,
): Promise<void> {
  await control(context, mesos, 'POST', 'start-agent', { name, wiped });
}

/**
 * Stops every task and then the embedded Mesos; resolves when no process of it is left. When it died
 * and its tasks live on, it is started once more to find and stop them.
 */
export async function shutDownEmbeddedMesos(
  context: Context,
): Promise<{ readonly containers: number; readonly processes: number } | undefined> {
  let mesos = await findEmbeddedMesos(context);
  if (mesos === undefined) {
    if (!(await hasOrphans(context))) return undefined;
    ({ mesos } = await ensureEmbeddedMesos(context));
  }
  const graceMs = 30_000;
  const report = await control(context, mesos, 'POST', 'shutdown', { graceMs }, graceMs + 30_000);
  await stopProcess(context, mesos, 10_000);
  return report as { containers: number; processes: number };
}

/**
 * At the first start 5050, what people know of Mesos, where it is free. Else 0: the one it had before, so
 * that schedulers find it again, or any.
 */
export async function choosePort(context: Context): Promise<number> {
  if (await exists(context.home.localFile)) return 0;
  return (await isFree(defaultPort)) ? defaultPort : 0;
}

/** Whether tasks run whose sandboxes are in this home. */
async function hasOrphans(context: Context): Promise<boolean> {
  if (!(await exists(context.home.local))) return false;
  return (await findSandboxes()).some((sandbox) => sandbox.startsWith(join(context.home.local, '/')));
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function control(
  context: Context,
  mesos: EmbeddedMesos,
  method: 'GET' | 'POST',
  action: string,
  body?: unknown,
  timeoutMs = 30_000,
): Promise<unknown> {
  const token = (await readTokenFile(context.home.localTokenFile)) ?? '';
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${mesos.url}/local/${action}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await response.text();
  } catch (error) {
    throw new UnavailableError('KM_UNAVAILABLE_LOCAL', `the embedded Mesos at ${mesos.url} does not answer`, {
      cause: error,
      outcome: 'unknown',
      remedy: `its log is ${context.home.localLog}; kafka-mesos local down and up start it anew`,
    });
  }
  if (response.ok) return JSON.parse(text);
  throw new ConflictError(
    'KM_CONFLICT_LOCAL',
    text.trim() || `the embedded Mesos refused ${action} (${response.status})`,
    {
      remedy: 'see kafka-mesos local status',
    },
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
