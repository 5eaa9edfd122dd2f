import { access, rm } from 'node:fs/promises';
import type { AgentView } from '../../local/server.ts';
import type { Context } from '../context.ts';
import {
  choosePort,
  type EmbeddedMesos,
  findEmbeddedMesos,
  listAgents,
  shutDownEmbeddedMesos,
  startAgent,
  stopAgent,
} from '../embedded-mesos.ts';
import { ensureTokenFile, publishEndpoint } from '../endpoint-file.ts';
import { CommandError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { renderTable } from '../format/table.ts';
import { plural } from '../format/text.ts';
import { findRunningApi } from '../home.ts';
import { ensureLocal } from '../local-stack.ts';
import { type OutputOptions, print } from '../output.ts';
import { stopScheduler } from '../scheduler-process.ts';

export async function localUp(context: Context): Promise<ExitCode> {
  const mesos = await ensureLocal(context);
  context.io.out(
    `Embedded Mesos ${mesos.url}, scheduler ${(await findRunningApi(context.home))?.url ?? 'gone'}\n`,
  );
  return exitCodes.ok;
}

export async function localDown(context: Context, options: { readonly purge?: boolean }): Promise<ExitCode> {
  const { home, io } = context;
  if (await stopScheduler(context)) io.out('Scheduler stopped.\n');
  const report = await shutDownEmbeddedMesos(context);
  if (report !== undefined) {
    io.out(
      `Embedded Mesos stopped, with ${plural(report.containers, 'task')} (${plural(report.processes, 'process', 'processes')}).\n`,
    );
  } else {
    io.out('The embedded Mesos does not run.\n');
  }
  if (options.purge === true) {
    const found = await access(home.local).then(
      () => true,
      () => false,
    );
    await rm(home.local, { recursive: true, force: true });
    io.out(
      found
        ? `Deleted ${home.local}: the disks of all agents, and what the scheduler remembered of them.\n`
        : `Nothing to delete: there is no ${home.local}.\n`,
    );
  } else {
    io.out(`Data is kept in ${home.local}; --purge deletes it.\n`);
  }
  return exitCodes.ok;
}

export async function localStatus(context: Context, options: OutputOptions): Promise<ExitCode> {
  const [mesos, scheduler] = await Promise.all([findEmbeddedMesos(context), findRunningApi(context.home)]);
  const agents = mesos === undefined ? [] : await listAgents(context, mesos);
  const data = { mesos: mesos ?? null, scheduler: scheduler ?? null, agents };
  await print(context, options, data, () => {
    const lines = [
      `Embedded Mesos  ${mesos === undefined ? 'not running' : `${mesos.url}  pid ${mesos.pid}`}`,
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
  await stopAgent(context, await demandMesos(context), name, options.machine === true);
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
  await startAgent(context, await demandMesos(context), name, options.wiped === true);
  context.io.out(options.wiped === true ? `${name} started with an empty disk.\n` : `${name} started.\n`);
  return exitCodes.ok;
}

/** The embedded Mesos in the foreground; what `local up` starts in the background. */
export async function localRun(context: Context): Promise<number> {
  const { runEmbeddedMesos } = await import('../run-embedded-mesos.ts');
  return runEmbeddedMesos({
    directory: context.home.local,
    port: await choosePort(context),
    token: await ensureTokenFile(context.home.localTokenFile),
    onReady: (url) => publishEndpoint(context.home.localFile, url),
  });
}

async function demandMesos(context: Context): Promise<EmbeddedMesos> {
  const mesos = await findEmbeddedMesos(context);
  if (mesos !== undefined) return mesos;
  throw new CommandError('KM_CLI_NO_LOCAL', 'the embedded Mesos does not run', {
    remedy: 'start it by kafka-mesos local up',
  });
}
