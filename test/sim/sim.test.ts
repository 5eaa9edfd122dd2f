import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { corpus } from './corpus.ts';
import { coverageRows } from './coverage.ts';
import { directionNames, type Run, replayOf } from './directions.ts';
import { crashes, crashPoints, faultKinds } from './faults.ts';
import { runSeed, type SeedResult } from './run-seed.ts';
import { runSeeds } from './run-seeds.ts';
import { countCrashes, countEdits, countFaults, countItems, medianEvents } from './summary.ts';
import { editNames } from './workload.ts';

const fresh: readonly Run[] = Array.from({ length: 3 }, () => ({
  seed: Math.floor(Math.random() * 2 ** 31),
}));
/** All directions this often, when the corpus misses something. */
const rounds = 4;

let results: readonly SeedResult[] = [];

/** What was not met by the runs so far. */
function missing(): readonly string[] {
  const faults = countFaults(results);
  const died = countCrashes(results);
  const edits = countEdits(results);
  return [
    ...faultKinds.filter((kind) => !faults.has(kind)),
    ...crashPoints.filter((point) => (faults.get(point) ?? 0) <= 10),
    ...crashes.filter((what) => !died.has(what)),
    ...editNames.filter((what) => !edits.has(what)),
    ...coverageRows(countItems(results)).flatMap(({ key, what, count }) =>
      count === 0 ? [`${key}: ${what}`] : [],
    ),
  ];
}

test('the corpus and some fresh seeds hold every invariant, converge and fall silent', async () => {
  // Here and not in workers: V8 has learned the code in the test before, and other tests run beside it.
  for (const run of [...corpus, ...fresh]) results = [...results, await runSeed(run)];
  for (let round = 1; round <= rounds && missing().length > 0; round += 1) {
    const runs = directionNames.map((direction) => ({ seed: 1_000 + round, direction }));
    results = [...results, ...(await runSeeds(runs, { goOn: true }))];
  }
  const failed = results.filter((r) => r.violation !== undefined);
  assert.equal(
    failed.map((result) => `${replayOf(result)}: ${result.violation}`),
    [],
  );
});

test('every kind of fault and edit, every crash point and every scenario was seen', () => {
  assert.equal(missing(), []);
});

test('a seed is full of events', () => {
  assert.ok(medianEvents(results) >= 500, `${medianEvents(results)} events in the median`);
});

test('the same seed leaves the same trace in another process', () => {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const [first] = results;
  const { seed, direction } = first ?? { seed: 0 };
  const args = direction === undefined ? [] : ['--direction', direction];
  const run = spawnSync(process.execPath, [...process.execArgv, main, '--seed', String(seed), ...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  });
  const hash = /\(([0-9a-f]{16})\)$/m.exec(run.stdout)?.[1];
  assert.is(hash, first?.traceHash.slice(0, 16));
});

test.run();
