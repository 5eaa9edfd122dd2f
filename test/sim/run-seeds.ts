/** Many seeds over the machine's cores: the results are those of one process, in the order of the seeds. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Run } from './directions.ts';
import type { SeedResult } from './run-seed.ts';

export async function runSeeds(
  runs: readonly Run[],
  options: {
    readonly workers?: number;
    /** Go on after a failure. */
    readonly goOn?: boolean;
    readonly onFailure?: (result: SeedResult) => void;
  } = {},
): Promise<readonly SeedResult[]> {
  const queue = [...runs];
  const results = new Map<Run, SeedResult>();
  let failed = false;
  const next = (): Run | undefined => (failed && options.goOn !== true ? undefined : queue.shift());
  const take = (run: Run, result: SeedResult): void => {
    results.set(run, result);
    if (result.violation === undefined) return;
    failed = true;
    options.onFailure?.(result);
  };
  const workers = Math.min(options.workers ?? availableParallelism(), runs.length);
  await Promise.all(Array.from({ length: workers }, () => work(next, take)));
  return runs.flatMap((run) => results.get(run) ?? []);
}

function work(next: () => Run | undefined, take: (run: Run, result: SeedResult) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // Without what tests load first (`test/setup.mjs`): a seed needs none of it.
    const worker = new Worker(fileURLToPath(new URL('./seed-worker.ts', import.meta.url)), { execArgv: [] });
    const ask = (): void => {
      const run = next();
      if (run === undefined) {
        void worker.terminate().then(() => resolve());
        return;
      }
      worker.once('message', (result: SeedResult) => {
        take(run, result);
        ask();
      });
      worker.postMessage(run);
    };
    worker.on('error', reject);
    ask();
  });
}
