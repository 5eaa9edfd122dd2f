import { existsSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { correctness } from './correctness.ts';

const here = new URL('.', import.meta.url);
const items = Object.entries(correctness);

test('every item is there', () => {
  assert.equal(
    items.map(([number]) => Number(number)),
    Array.from({ length: 29 }, (_, i) => i + 1),
  );
});

for (const [number, { behaviour, tests, goldens = [], open }] of items) {
  test(`${number}: ${behaviour}`, () => {
    for (const [file, titles] of Object.entries(tests)) {
      const text = readFileSync(new URL(file, here), 'utf8');
      for (const title of titles) {
        assert.ok(isTitle(text, title), `${file} has no test "${title}"`);
      }
    }
    for (const name of goldens) {
      assert.ok(existsSync(new URL(`plan/golden/${name}/plan.txt`, here)), `there is no golden plan ${name}`);
    }
    const proofs = Object.values(tests).flat().length + goldens.length;
    assert.ok(open !== undefined || proofs > 0, 'neither proven nor open');
  });
}

test('a title that is only mentioned, or skipped, is no proof', () => {
  assert.ok(isTitle("test('a (b) c', () => {})", 'a (b) c'));
  assert.ok(isTitle('test(`LOST proves it`, () => {})', 'proves it'));
  assert.not(isTitle("// test('x')\nconst a = 'proves it';", 'proves it'));
  assert.not(isTitle("test.skip('proves it', () => {})", 'proves it'));
});

test('no item is open', () => {
  const open = items.filter(([, item]) => item.open !== undefined).map(([number]) => Number(number));
  assert.equal(open, []);
});

/** Titles stand on the line of their `test(`, or on the next where the formatter broke the line. */
function isTitle(text: string, title: string): boolean {
  const escaped = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^\\s*test\\(\\s*['"\`][^\\n]*${escaped}`, 'm').test(text);
}

test.run();
