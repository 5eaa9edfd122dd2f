import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { corpus } from './corpus.ts';
import { coverageRows } from './coverage.ts';
import { crashPoints, faultKinds } from './faults.ts';
import type { SeedResult } from './run-seed.ts';
import { runSeeds } from './run-seeds.ts';
import { countFaults, countItems, medianEvents } from './summary.ts';

const fresh = Array.from({ length: 4 }, () => Math.floor(Math.random() * 2 ** 31));

let results: readonly SeedResult[] = [];

test('the corpus and some fresh seeds hold every invariant, converge and fall silent', async () => {
  results = await runSeeds([...corpus, ...fresh], { goOn: true });
  assert.is(results.length, corpus.length + fresh.length);
  const failed = results.filter((r) => r.violation !== undefined);
  assert.equal(
    failed.map(({ seed, violation }) => `npm run sim -- --seed ${seed}: ${violation}`),
    [],
  );
});

test('every kind of fault and every crash point fired', () => {
  const counts = countFaults(results);
  assert.equal(
    faultKinds.filter((kind) => !counts.has(kind)),
    [],
  );
  for (const point of crashPoints) assert.ok((counts.get(point) ?? 0) > 20, `${point}: too few of them`);
});

test('every scenario was seen to pass', () => {
  const rows = coverageRows(countItems(results));
  assert.equal(
    rows.filter((row) => row.count === 0).map((row) => `${row.key}: ${row.what}`),
    [],
  );
});

test('a seed is full of events', () => {
  assert.ok(medianEvents(results) >= 500, `${medianEvents(results)} events in the median`);
});

test('the same seed leaves the same trace in another process', () => {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const run = spawnSync(process.execPath, [main, '--seed', '2'], {
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  });
  const hash = /\(([0-9a-f]{16})\)$/m.exec(run.stdout)?.[1];
  assert.is(hash, results.find((r) => r.seed === 2)?.traceHash.slice(0, 16));
});

test.run();
