import { access } from 'node:fs/promises';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { localHome } from '../../local/home.ts';
import { callControl, down, findRunning } from '../../local/processes.ts';
import type { AgentView } from '../../local/server.ts';
import { defaultPort } from '../../local/topology.ts';
import { count } from '../../model/count.ts';
import { systemClock } from '../../sys/clock.ts';
import type { Context } from '../context.ts';
import { parseDuration } from '../durations.ts';
import { UsageError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { renderTable } from '../format/table.ts';
import { findRunningApi } from '../home.ts';
import { ensureLocal } from '../local-stack.ts';
import { type OutputOptions, print } from '../output.ts';
import { stopScheduler } from '../scheduler-process.ts';

export async function localUp(context: Context, options: { readonly specs?: string }): Promise<ExitCode> {
  const mesos = await ensureLocal(context, options.specs === undefined ? undefined : resolve(options.specs));
  const api = await findRunningApi(context.home);
  context.io.out(`Embedded Mesos ${mesos.masterUrl}, scheduler ${api?.url ?? 'ended again'}\n`);
  if (options.specs !== undefined) context.io.out(`It follows ${resolve(options.specs)}\n`);
  return exitCodes.ok;
}

export async function localDown(context: Context, options: { readonly purge?: boolean }): Promise<ExitCode> {
  const { home, io } = context;
  // First, or it would start anew what is stopped.
  if (await stopScheduler(context)) io.out('Scheduler stopped.\n');
  const report = await down(home.directory, {
    purge: options.purge === true,
    clock: systemClock,
    graceMs: 30_000,
  });
  if (report.containers > 0) {
    io.out(
      `${count(report.containers, 'task')} stopped (${count(report.processes, 'process', 'processes')}).\n`,
    );
  }
  const said = { stopped: 'stopped', killed: 'killed, for it did not end', 'not-running': 'does not run' };
  io.out(`Embedded Mesos ${said[report.mesos]}.\n`);
  if (report.deleted.length > 0) {
    io.out(`Deleted:\n${report.deleted.map((path) => `  ${path}\n`).join('')}`);
  } else if (await exists(home.local)) {
    io.out(`Data is kept in ${home.local}; --purge deletes it.\n`);
  } else {
    io.out(`There is no data in ${home.local}.\n`);
  }
  return exitCodes.ok;
}

export async function localStatus(context: Context, options: OutputOptions): Promise<ExitCode> {
  const [mesos, scheduler] = await Promise.all([
    findRunning(context.home.directory),
    findRunningApi(context.home),
  ]);
  const agents = mesos === undefined ? [] : await listAgents(context);
  await print(context, options, { mesos: mesos ?? null, scheduler: scheduler ?? null, agents }, () => {
    const lines = [
      `Embedded Mesos  ${mesos === undefined ? 'not running' : `${mesos.masterUrl}  pid ${mesos.pid}`}`,
      `Scheduler       ${scheduler === undefined ? 'not running' : `${scheduler.url}  pid ${scheduler.pid}`}`,
    ];
    if (agents.length > 0) lines.push('', ...renderTable(agentColumns, agents, context.io));
    return `${lines.join('\n')}\n`;
  });
  return exitCodes.ok;
}

const agentColumns = [
  { title: 'AGENT', cell: (agent: AgentView) => agent.name },
  { title: 'STATE', cell: (agent: AgentView) => (agent.running ? 'running' : 'stopped') },
  { title: 'URL', cell: (agent: AgentView) => agent.url },
  { title: 'TASKS', cell: (agent: AgentView) => String(agent.containers.length), align: 'right' as const },
  { title: 'DIRECTORY', cell: (agent: AgentView) => agent.workDirectory, shrinkTo: 16 },
];

export async function agentStop(
  context: Context,
  name: string,
  options: { readonly machine?: boolean },
): Promise<ExitCode> {
  const executors = options.machine === true ? 'gone' : 'running';
  await callControl(context.home.directory, 'POST', '/local/stop-agent', { name, executors });
  context.io.out(
    options.machine === true ? `${name} stopped, with its tasks.\n` : `${name} stopped; its tasks run on.\n`,
  );
  return exitCodes.ok;
}

export async function agentStart(
  context: Context,
  name: string,
  options: { readonly wiped?: boolean },
): Promise<ExitCode> {
  const wiped = options.wiped === true;
  await callControl(context.home.directory, 'POST', '/local/start-agent', { name, wiped });
  context.io.out(wiped ? `${name} started with an empty disk.\n` : `${name} started.\n`);
  return exitCodes.ok;
}

/** The embedded Mesos in the foreground; what `local up` starts in the background. */
export async function localRun(context: Context): Promise<ExitCode> {
  const { runLocalMesos } = await import('../../local/main.ts');
  const agentTimeoutMs = readAgentTimeout(context.env.KAFKA_MESOS_LOCAL_AGENT_TIMEOUT);
  await runLocalMesos(context.home.directory, {
    port: await choosePort(context),
    ...(agentTimeoutMs === undefined ? {} : { agentTimeoutMs }),
  });
  return exitCodes.ok;
}

/** By the environment, because any command with --local may be the one that starts the embedded Mesos. */
function readAgentTimeout(text: string | undefined): number | undefined {
  if (!text) return undefined;
  const timeoutMs = parseDuration(text);
  if (timeoutMs !== undefined && timeoutMs >= 1_000) return timeoutMs;
  throw new UsageError(
    `KAFKA_MESOS_LOCAL_AGENT_TIMEOUT is ${text}`,
    'write it as 10s or 2m, of a second at least',
  );
}

/**
 * At the first start 5050, what people know of Mesos, where it is free. Else 0: the one it had before, so
 * that schedulers find it again, or any.
 */
async function choosePort(context: Context): Promise<number> {
  if (await exists(localHome(context.home.directory).checkpointFile)) return 0;
  return (await isFree(defaultPort)) ? defaultPort : 0;
}

async function listAgents(context: Context): Promise<readonly AgentView[]> {
  const answer = await callControl(context.home.directory, 'GET', '/local/agents');
  return (answer as { agents: readonly AgentView[] }).agents;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
