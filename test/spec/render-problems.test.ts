import { stripVTControlCharacters } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseSpec } from '../../src/spec/parse.ts';
import { renderProblems } from '../../src/spec/render-problems.ts';
import { documentOf } from './helpers.ts';

test('colour adds nothing but colour', () => {
  const files = [{ path: 'a.yaml', text: documentOf('pool: 1') }];
  const { problems } = parseSpec(files);
  const plain = renderProblems(problems, { files });
  const coloured = renderProblems(problems, { files, colour: true });
  assert.not.match(plain, '\u001b');
  assert.match(coloured, '\u001b[31merror');
  assert.is(stripVTControlCharacters(coloured), plain);
});

test('a spec cannot speak to the terminal', () => {
  const files = [{ path: 'a\u001b[2J.yaml', text: documentOf('"\u001b[31m\u202e": 1\nb\u0007: "\u009b2J"') }];
  const rendered = renderProblems(parseSpec(files).problems, { files });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
  assert.not.match(rendered, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
});

test('of a long line the part around the place is shown, with the caret under it', () => {
  const files = [{ path: 'a.yaml', text: documentOf(`pools: [ ${' '.repeat(5000)}{ wrong: 1 } ]`) }];
  const rendered = renderProblems(parseSpec(files).problems, { files });
  const lines = rendered.split('\n');
  const shown = lines.findIndex((line) => line.includes('{ wrong: 1 }'));
  assert.ok((lines[shown]?.length ?? 999) < 120);
  assert.is(lines[shown]?.indexOf('{ wrong'), lines[shown + 1]?.indexOf('^'));
});

test('problems of files that are not at hand are told without their lines', () => {
  const { problems } = parseSpec([{ path: 'a.yaml', text: documentOf('pool: 1') }]);
  const rendered = renderProblems(problems, { files: [] });
  assert.match(rendered, '--> a.yaml:5:3');
  assert.not.match(rendered, '|');
  assert.is(renderProblems([], { files: [] }), '');
});

test('what may be secret is in no message', () => {
  const text = documentOf(`pools:
  - name: a
    ids: 0..2
    storage: { size: 1GiB }
    config: { ssl.key.password: [hunter2], "hunter 2": 1 }
    environment: { A: { b: hunter2 } }
    jre: { uri: "https://user:hunter2@example.com/jre.tgz", sha512: ${'a'.repeat(128)} }`);
  const { problems } = parseSpec([{ path: 'a.yaml', text }]);
  assert.is(problems.length, 4);
  assert.not.match(JSON.stringify(problems), 'hunter2');
});

test.run();
