import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { corpus } from './corpus.ts';
import { plantedBugs } from './planted.ts';
import { runSeed } from './run-seed.ts';

for (const { what, planted, noticedBy, seed: first } of plantedBugs) {
  test(`planted: ${what}; an invariant notices it within the corpus`, async () => {
    const said: string[] = [];
    for (const seed of [first, ...corpus.filter((other) => other !== first)]) {
      const { violation } = await runSeed(seed, { planted });
      if (violation === undefined) continue;
      said.push(violation);
      if (noticedBy.test(violation)) return;
    }
    assert.unreachable(`not noticed; said instead: ${said.slice(0, 5).join(' | ')}`);
  });
}

test.run();
