import { exitCodes } from '../exit-codes.ts';

/** Runs what agents run from its own file: settings come from Mesos' environment, the exit code from it. */
export async function executor(): Promise<number> {
  await import('../../executor/main.ts');
  return exitCodes.ok;
}
