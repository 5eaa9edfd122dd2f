import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { renderToString } from 'ink';
import { createElement } from 'react';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterStatus } from '../../src/model/status.ts';
import { type Layout, layoutCluster, layoutScreen } from '../../src/view/layout.ts';
import { Frame } from '../../src/view/live-view.tsx';
import { lineWidth, plainText } from '../../src/view/text.ts';
import { anyStatus } from './arbitrary-status.ts';
import { broker, cluster, noonMs, samples } from './samples.ts';

const layoutAt = (width: number, changes: Partial<Layout> = {}): Layout => ({
  width,
  nowMs: noonMs,
  utcOffsetMinutes: 0,
  unicode: true,
  ...changes,
});

const frame = (status: ClusterStatus, layout: Layout) => plainText(layoutCluster(status, layout));

const sizes = [
  [80, 24],
  [120, 40],
  [200, 50],
] as const;

for (const [name, status] of Object.entries(samples)) {
  for (const [width, height] of sizes) {
    test(`frame of ${name} at ${width} columns is as in its golden file`, () => {
      const file = join(import.meta.dirname, 'golden', `${kebab(name)}-${width}.txt`);
      const actual = `${frame(status, layoutAt(width, { height }))}\n`;
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, actual);
      assert.fixture(actual, readFileSync(file, 'utf8'));
    });
  }
}

test('in ASCII the held frame is as in its golden file, and ASCII', () => {
  const file = join(import.meta.dirname, 'golden', 'held-ascii-80.txt');
  const actual = `${frame(samples.held, layoutAt(80, { height: 24, unicode: false }))}\n`;
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, actual);
  assert.fixture(actual, readFileSync(file, 'utf8'));
  assert.match(actual, /^[\x20-\x7e\n]*$/);
});

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

const anyLayout = fc.record({
  width: fc.integer({ min: 1, max: 220 }),
  height: fc.integer({ min: 1, max: 60 }),
  nowMs: fc.integer({ min: noonMs - 1e9, max: noonMs + 1e9 }),
  utcOffsetMinutes: fc.constantFrom(-720, 0, 330),
  unicode: fc.boolean(),
});

test('no line is wider than the width, no frame higher than the height', () => {
  fc.assert(
    fc.property(fc.array(anyStatus, { maxLength: 4 }), anyLayout, (clusters, layout) => {
      const notice = { message: 'The scheduler has not answered for 12s', remedy: 'See whether it runs' };
      const lines = layoutScreen({ clusters, notice, footer: ['a leads', 'Ctrl-C leaves'] }, layout);
      assert.ok(lines.length <= layout.height, `${lines.length} lines in ${layout.height}`);
      for (const line of lines) assert.ok(lineWidth(line) <= layout.width, plainText([line]));
      if (!layout.unicode) assert.match(plainText(lines), /^[\x20-\x7e\n]*$/);
    }),
    { numRuns: 300 },
  );
});

test('ink measures the lines as we do: it neither wraps nor cuts one', () => {
  fc.assert(
    fc.property(anyStatus, anyLayout, (status, layout) => {
      const lines = layoutCluster(status, layout);
      const drawn = renderToString(createElement(Frame, { lines, color: false }), { columns: layout.width });
      assert.is(trimLines(drawn), trimLines(plainText(lines)));
    }),
    { numRuns: 100 },
  );
});

const trimLines = (text: string) => text.replace(/ +$/gm, '').trimEnd();

test('the same status and layout give the same frame', () => {
  fc.assert(
    fc.property(anyStatus, anyLayout, (status, layout) => {
      assert.equal(layoutCluster(status, layout), layoutCluster(structuredClone(status), layout));
    }),
    { numRuns: 50 },
  );
});

test('without a height everything is there', () => {
  const text = frame(samples.thousand, layoutAt(120));
  for (const id of [0, 77, 404, 999]) assert.match(text, new RegExp(`^\\S+ ${id} `, 'm'));
  assert.not.match(text, /more:/);
});

test('in a window problems come first and every broker is accounted for', () => {
  for (const [width, height] of sizes) {
    const text = frame(samples.thousand, layoutAt(width, { height }));
    const rows = [...text.matchAll(/^[●◐○◌×?] (\d+) +(\S+)/gm)];
    assert.equal(
      rows.slice(0, 4).map(([, id]) => Number(id)),
      [404, 77, 78, 512],
    );
    const rest = /… (\d+) more: (.*)/.exec(text);
    const counted = [...(rest?.[2] ?? '').matchAll(/(\d+) \w+/g)].reduce(
      (sum, [, amount]) => sum + Number(amount),
      0,
    );
    assert.is(rows.length + counted, 1000);
    assert.is(Number(rest?.[1]), counted);
  }
});

test('a stalled need and its remedy stay on a low screen', () => {
  for (const status of [samples.held, samples.thousand]) {
    const text = frame(status, layoutAt(80, { height: 12 }));
    assert.match(text, /held: needs a person/);
    assert.match(text, /^ {4}→ /m);
  }
});

test('ages and countdowns follow the time given', () => {
  const at = (nowMs: number) => frame(samples.unreachable, layoutAt(200, { nowMs }));
  assert.match(at(noonMs), /until 12:48:42 \(8m42s\)/);
  assert.match(at(noonMs + 60_000), /until 12:48:42 \(7m42s\)/);
  assert.match(at(noonMs + 3_600_000), /until now/);
  assert.match(at(noonMs), / 12m$/m);
  assert.match(at(noonMs + 3_600_000), / 1h /);
});

test('the time of day is that of the offset given', () => {
  assert.match(frame(samples.unreachable, layoutAt(200, { utcOffsetMinutes: -90 })), /until 11:18:42/);
});

test('equal needs are told once, with how many', () => {
  const held = [3, 4, 5].map((brokerId) => ({
    brokerId,
    need: `start broker ${brokerId}`,
    reason: 'no-matching-offer',
    message: 'waits for an offer',
    remedy: 'an agent',
    stalled: true,
    details: [],
  }));
  const text = frame(cluster({ held }), layoutAt(80));
  assert.match(text, /! start broker 3 \(and 2 more\): waits for an offer/);
  assert.is(text.split('waits for an offer').length, 2);
});

test('what terminals would obey is not drawn', () => {
  const hostile = '\u001b[2J\u001b]0;x\u0007\r\nsecond\u202e\u200b\u0301\ud800 \u009b31m';
  for (const unicode of [true, false]) {
    const text = frame(
      cluster({ name: hostile, brokers: [broker(0, { warnings: [hostile], agent: hostile })] }),
      layoutAt(120, { unicode }),
    );
    assert.not.match(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{M}]/u);
  }
});

test('several clusters share the screen, those that need a person first', () => {
  const many = Array.from({ length: 6 }, (_, index) => cluster({ name: `calm-${index}` }));
  const clusters = [...many, { ...samples.held, name: 'broken' }];
  const text = plainText(layoutScreen({ clusters }, layoutAt(80, { height: 24 })));
  for (const { name } of clusters) assert.match(text, new RegExp(`^. ${name}  `, 'm'));
  assert.match(text, /→ bring its agent back/);
  const roomy = plainText(layoutScreen({ clusters }, layoutAt(80)));
  assert.is(roomy.split('bootstrap').length - 1, clusters.length);
});

test.run();
