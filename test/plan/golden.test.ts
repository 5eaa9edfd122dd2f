/** `golden/<case>/{spec.yaml, observed.yaml}` give `plan.txt`; UPDATE_GOLDEN=1 writes it anew, to be read as a diff. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { plan } from '../../src/plan/plan.ts';
import { parseSpec } from '../../src/spec/parse.ts';
import { nowMs } from './builders.ts';
import { readObserved } from './observed-yaml.ts';
import { renderPlan } from './render-plan.ts';

const root = new URL('golden/', import.meta.url);
const cases = readdirSync(root).sort();

test('there are golden plans', () => {
  assert.ok(cases.length >= 40, `${cases.length}`);
});

for (const name of cases) {
  test(`golden plan: ${name}`, () => {
    const read = (file: string): string => readFileSync(new URL(`${name}/${file}`, root), 'utf8');
    const parsed = parseSpec([{ path: `${name}/spec.yaml`, text: read('spec.yaml') }]);
    assert.equal(
      parsed.problems.filter((p) => p.severity === 'error'),
      [],
    );
    const desireds = parsed.clusters.map((c) => c.desired);
    const text = renderPlan(plan(readObserved(read('observed.yaml'), desireds)), nowMs);
    const path = new URL(`${name}/plan.txt`, root);
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, text);
    if (!existsSync(path)) assert.unreachable(`${name}/plan.txt is missing: run with UPDATE_GOLDEN=1`);
    assert.fixture(text, read('plan.txt'));
  });
}

test.run();
