/**
 * `npm run sim -- --seeds N [--from S]` runs seeds, on every core; `--seed S` runs one and prints its trace. With
 * `--direction NAME` they are directed, see `directions.ts`.
 * Prints what was exercised, and exits 1 when a seed violated an invariant.
 */
import { parseArgs } from 'node:util';
import { directionNames, type Run, replayOf } from './directions.ts';
import { runSeed } from './run-seed.ts';
import { runSeeds } from './run-seeds.ts';
import { summarise } from './summary.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    direction: { type: 'string' },
    /** Processes; absent: one a core. */
    workers: { type: 'string' },
    /** Goes on after a seed that failed. */
    all: { type: 'boolean', default: false },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const direction = directionNames.find((name) => name === values.direction);
if (values.direction !== undefined && direction === undefined) {
  throw new Error(`no direction ${values.direction}; there are ${directionNames.join(', ')}`);
}
const runOf = (seed: number): Run => (direction === undefined ? { seed } : { seed, direction });

if (values.seed !== undefined) {
  const result = await runSeed(runOf(Number(values.seed)), { keepTrace: true });
  for (const line of result.trace) say(line);
  say(`seed ${result.seed}: ${result.violation ?? 'clean'} (${result.traceHash.slice(0, 16)})`);
  process.exitCode = result.violation === undefined ? 0 : 1;
} else {
  const from = Number(values.from);
  const runs = Array.from({ length: Number(values.seeds) }, (_, i) => runOf(from + i));
  const startedMs = performance.now();
  const results = await runSeeds(runs, {
    ...(values.workers === undefined ? {} : { workers: Number(values.workers) }),
    goOn: values.all,
    onFailure: (result) => say(`seed ${result.seed}: ${result.violation}\nreplay: ${replayOf(result)}`),
  });
  for (const line of summarise(results, performance.now() - startedMs)) say(line);
  process.exitCode = results.some((r) => r.violation !== undefined) ? 1 : 0;
}
