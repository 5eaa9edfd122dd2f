/**
 * `npm run sim -- --seeds N [--from S]` runs seeds, on every core; `--seed S` runs one and prints its trace.
 * Prints what was exercised, and exits 1 when a seed violated an invariant.
 */
import { parseArgs } from 'node:util';
import { runSeed } from './run-seed.ts';
import { runSeeds } from './run-seeds.ts';
import { summarise } from './summary.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    /** Processes; absent: one a core. */
    workers: { type: 'string' },
    /** Goes on after a seed that failed. */
    all: { type: 'boolean', default: false },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (values.seed !== undefined) {
  const result = await runSeed(Number(values.seed), { keepTrace: true });
  for (const line of result.trace) say(line);
  say(`seed ${result.seed}: ${result.violation ?? 'clean'} (${result.traceHash.slice(0, 16)})`);
  process.exitCode = result.violation === undefined ? 0 : 1;
} else {
  const from = Number(values.from);
  const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => from + i);
  const startedMs = performance.now();
  const results = await runSeeds(seeds, {
    ...(values.workers === undefined ? {} : { workers: Number(values.workers) }),
    goOn: values.all,
    onFailure: ({ seed, violation }) =>
      say(`seed ${seed}: ${violation}\nreplay: npm run sim -- --seed ${seed}`),
  });
  for (const line of summarise(results, performance.now() - startedMs)) say(line);
  process.exitCode = results.some((r) => r.violation !== undefined) ? 1 : 0;
}
