/** Many seeds over the machine's cores: the results are those of one process, in the order of the seeds. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { runSeed, type SeedResult } from './run-seed.ts';

export async function runSeeds(
  seeds: readonly number[],
  options: {
    readonly workers?: number;
    /** Go on after a failure. */
    readonly goOn?: boolean;
    readonly onFailure?: (result: SeedResult) => void;
  } = {},
): Promise<readonly SeedResult[]> {
  const queue = [...seeds];
  const results = new Map<number, SeedResult>();
  let failed = false;
  const next = (): number | undefined => (failed && options.goOn !== true ? undefined : queue.shift());
  const take = (result: SeedResult): void => {
    results.set(result.seed, result);
    if (result.violation === undefined) return;
    failed = true;
    options.onFailure?.(result);
  };
  const workers = Math.min(options.workers ?? availableParallelism(), seeds.length);
  if (workers <= 1) {
    for (let seed = next(); seed !== undefined; seed = next()) take(await runSeed(seed));
  } else {
    await Promise.all(Array.from({ length: workers }, () => work(next, take)));
  }
  return seeds.flatMap((seed) => results.get(seed) ?? []);
}

function work(next: () => number | undefined, take: (result: SeedResult) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // Node strips the types by itself: without the loader of the tests it is a sixth faster.
    const worker = new Worker(fileURLToPath(new URL('./seed-worker.ts', import.meta.url)), { execArgv: [] });
    const ask = (): void => {
      const seed = next();
      if (seed === undefined) void worker.terminate().then(() => resolve());
      else worker.postMessage(seed);
    };
    worker.on('message', (result: SeedResult) => {
      take(result);
      ask();
    });
    worker.on('error', reject);
    ask();
  });
}
