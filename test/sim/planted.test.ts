import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { corpus } from './corpus.ts';
import { type Run, replayOf } from './directions.ts';
import { plantedBugs } from './planted.ts';
import { runSeed } from './run-seed.ts';

/** Where the first does not meet it any more, since the loop or the models have changed. */
const others = (first: Run): readonly Run[] =>
  Array.from({ length: 8 }, (_, i) => ({ ...first, seed: first.seed + i + 1 }));

for (const { what, planted, noticedBy, run: first } of plantedBugs) {
  test(`planted: ${what}; an invariant notices it`, async () => {
    const said: string[] = [];
    for (const run of [first, ...others(first), ...corpus]) {
      const { violation } = await runSeed(run, { planted });
      if (violation === undefined) continue;
      said.push(violation);
      if (!noticedBy.test(violation)) continue;
      // It is the bug that is noticed, and not the seed.
      assert.is((await runSeed(run)).violation, undefined, replayOf(run));
      return;
    }
    assert.unreachable(`not noticed; said instead: ${said.slice(0, 5).join(' | ')}`);
  });
}

test.run();
