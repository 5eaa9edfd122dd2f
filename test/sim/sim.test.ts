import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Store } from '../../src/model/store.ts';
import { type FaultKind, faultKinds } from './faults.ts';
import { runSeed, type SeedResult } from './world.ts';

const corpus = Array.from({ length: 24 }, (_, i) => i + 1);
const fresh = Array.from({ length: 3 }, () => Math.floor(Math.random() * 2 ** 31));

const results: SeedResult[] = [];

test('the corpus and some fresh seeds hold every invariant, converge and fall silent', async () => {
  for (const seed of [...corpus, ...fresh]) {
    const result = await runSeed(seed);
    results.push(result);
    assert.ok(result.ok, `seed ${seed}: ${result.violation} (npm run sim -- --seed ${seed})`);
  }
});

test('every kind of fault and every crash point fired', () => {
  const counts = new Map<FaultKind, number>();
  for (const { faults } of results) {
    for (const [kind, count] of faults) counts.set(kind, (counts.get(kind) ?? 0) + count);
  }
  for (const kind of faultKinds) assert.ok((counts.get(kind) ?? 0) > 0, `never fired: ${kind}`);
});

test('the same seed leaves the same trace in another process', async () => {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const run = spawnSync(process.execPath, ['--import', 'tsx', main, '--seed', '2'], {
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  });
  const hash = /\(([0-9a-f]{16})\)$/m.exec(run.stdout)?.[1];
  assert.is(hash, results.find((r) => r.seed === 2)?.traceHash.slice(0, 16));
});

/** Breaks a rule on purpose; some seed of the corpus must trip over an invariant. */
async function caught(sabotage: (store: Store) => Store): Promise<string> {
  for (const seed of corpus) {
    const { violation } = await runSeed(seed, { sabotage });
    if (violation !== undefined) return violation;
  }
  return 'not caught';
}

test('planted: a launch whose intent was not stored is caught by an invariant', async () => {
  const violation = await caught((store) => ({
    ...store,
    // Pretends to write broker records, and forgets those of a launch.
    write: async (path, value, version) =>
      JSON.stringify(value).includes('"state":"TASK_STAGING"')
        ? version + 1_000_000
        : await store.write(path, value, version),
  }));
  assert.match(violation, /without a stored intent/);
});

test('planted: an acknowledgement before the store is caught by an invariant', async () => {
  const violation = await caught((store) => ({
    ...store,
    // Says that the end of a task is stored when it is not.
    write: async (path, value, version) =>
      JSON.stringify(value).includes('"last":') && !JSON.stringify(value).includes('"task":')
        ? version
        : await store.write(path, value, version),
  }));
  assert.match(violation, /acknowledged before it was stored/);
});

test.run();
