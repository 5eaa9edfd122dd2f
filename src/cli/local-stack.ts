import { inPlace } from '../api/artifacts.ts';
import { type LocalInfo, localHome } from '../local/home.ts';
import { findRunning, startInBackground } from '../local/processes.ts';
import { systemClock } from '../sys/clock.ts';
import type { Context } from './context.ts';
import { ensureScheduler } from './scheduler-process.ts';

/** Embedded Mesos and its scheduler, started in the background where they do not run; says what it started. */
export async function ensureLocal(context: Context, specs?: string): Promise<LocalInfo> {
  const mesos = (await findRunning(context.home.directory)) ?? (await startMesos(context));
  // The embedded agents are on this machine: what they fetch need not go through a socket.
  const args = ['--store', `file:${context.home.localStore}`, '--artifact-url', inPlace];
  if (specs !== undefined) args.push('--specs', specs);
  if (await ensureScheduler(context, { master: masterOf(mesos), specs }, args))
    context.io.err('Scheduler started.\n');
  return mesos;
}

/** As `scheduler --master` takes it. */
export function masterOf(mesos: LocalInfo): string {
  return new URL(mesos.masterUrl).host;
}

async function startMesos(context: Context): Promise<LocalInfo> {
  const { command, args } = context.self;
  const mesos = await startInBackground(context.home.directory, {
    command: [command, ...args, 'local', 'run'],
    clock: systemClock,
  });
  context.io.err(
    `Embedded Mesos started at ${mesos.masterUrl}. Its log:\n  ${localHome(context.home.directory).logFile}\n`,
  );
  return mesos;
}
