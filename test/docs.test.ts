/** What the pages link to is there, headings included. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = globSync(
  ['*.md', 'docs/**/*.md', 'specs/*.md', 'schema/*.md', 'examples/**/*.md', 'test/**/*.md'],
  {
    cwd: root,
  },
).map((path) => join(root, path));

/** As the usual viewers make it of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

const anchorsOf = (path: string): readonly string[] =>
  [...readFileSync(path, 'utf8').matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));

/** Links that lead nowhere, as `page: target`. */
function broken(page: string, text: string): readonly string[] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : resolve(dirname(page), path);
    const isThere =
      /^[a-z]+:/.test(target) ||
      (existsSync(file) && (anchor === undefined || anchorsOf(file).includes(anchor)));
    return isThere ? [] : [`${relative(root, page)}: ${target}`];
  });
}

test('every link of the pages leads somewhere', () => {
  assert.ok(pages.length >= 8, `only ${pages.length} pages`);
  assert.equal(
    pages.flatMap((page) => broken(page, readFileSync(page, 'utf8'))),
    [],
  );
});

test('a link to nowhere is found', () => {
  const page = join(root, 'README.md');
  const text = '[a](nowhere.md) [b](README.md#no-such-heading) [c](#try-it) [d](https://example.com)';
  assert.equal(broken(page, text), ['README.md: nowhere.md', 'README.md: README.md#no-such-heading']);
});

test.run();
