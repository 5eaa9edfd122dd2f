import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseSpec } from '../../src/spec/parse.ts';
import { renderProblems } from '../../src/spec/render-problems.ts';

// Each *.yaml here has the answer that its author gets beside it; UPDATE_GOLDEN=1 writes them anew.
const folder = new URL('./golden/', import.meta.url);
const inputs = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

test('there are golden inputs', () => {
  assert.ok(inputs.length > 10);
});

for (const name of inputs) {
  test(`problems of ${name}`, () => {
    const files = [{ path: name, text: readFileSync(new URL(name, folder), 'utf8') }];
    const rendered = renderProblems(parseSpec(files).problems, { files });
    assert.not.match(rendered, /undefined|\[object|must NOT|must have|instancePath|\bat .*\.ts:/);
    const golden = new URL(name.replace(/yaml$/, 'txt'), folder);
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden, rendered);
    assert.ok(existsSync(golden), `${golden.pathname} is missing: run with UPDATE_GOLDEN=1`);
    assert.fixture(rendered, readFileSync(golden, 'utf8'));
  });
}

test.run();
