/**
 * `npm run sim -- --seeds N [--from S]` runs seeds; `--seed S` runs one and prints its trace.
 * Exits 1 at the first seed that violates an invariant.
 */
import { parseArgs } from 'node:util';
import { type FaultKind, faultKinds } from './faults.ts';
import { runSeed } from './world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (values.seed !== undefined) {
  const result = await runSeed(Number(values.seed), { keepTrace: true });
  for (const line of result.trace) say(line);
  say(`seed ${result.seed}: ${result.ok ? 'clean' : result.violation} (${result.traceHash.slice(0, 16)})`);
  process.exitCode = result.ok ? 0 : 1;
} else {
  const startedMs = performance.now();
  const from = Number(values.from);
  const counts = new Map<FaultKind, number>();
  const events: number[] = [];
  let virtualMs = 0;
  let failed: number | undefined;
  for (let seed = from; seed < from + Number(values.seeds) && failed === undefined; seed += 1) {
    const result = await runSeed(seed);
    events.push(result.events);
    virtualMs += result.virtualMs;
    for (const [kind, count] of result.faults) counts.set(kind, (counts.get(kind) ?? 0) + count);
    if (!result.ok) {
      failed = seed;
      say(`seed ${seed}: ${result.violation}`);
      say(`replay: npm run sim -- --seed ${seed}`);
    }
  }
  const seconds = (performance.now() - startedMs) / 1000;
  say(
    `${events.length} seeds, ${failed === undefined ? 'clean' : 'one failed'}; median ${events.sort((a, b) => a - b)[events.length >> 1]} events a seed; ${(virtualMs / 3_600_000 / seconds).toFixed(1)} simulated hours per second`,
  );
  for (const kind of faultKinds) say(`  ${kind}: ${counts.get(kind) ?? 0}`);
  process.exitCode = failed === undefined ? 0 : 1;
}
