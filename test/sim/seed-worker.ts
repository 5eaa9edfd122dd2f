import { parentPort } from 'node:worker_threads';
import type { Run } from './directions.ts';
import { runSeed } from './run-seed.ts';

parentPort?.on('message', async (run: Run) => {
  parentPort?.postMessage(await runSeed(run));
});
