import type { Context } from './context.ts';
import { type EmbeddedMesos, ensureEmbeddedMesos } from './embedded-mesos.ts';
import { ensureScheduler } from './scheduler-process.ts';

/** Embedded Mesos and its scheduler, started in the background where they do not run; says what it started. */
export async function ensureLocal(context: Context): Promise<EmbeddedMesos> {
  const { mesos, started } = await ensureEmbeddedMesos(context);
  if (started) context.io.err(`Embedded Mesos started at ${mesos.url}.\n`);
  const args = ['--store', `file:${context.home.localStore}`];
  if (await ensureScheduler(context, mesos.master, args)) context.io.err('Scheduler started.\n');
  return mesos;
}
