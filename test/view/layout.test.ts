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
import { cleanText, lineWidth, plainText } from '../../src/view/text.ts';
import { turnKey, type ViewKey, type ViewState } from '../../src/view/view-state.ts';
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
      const [first] = clusters;
      const views: readonly ViewState[] = [
        {},
        { showsKeys: true },
        ...(first === undefined
          ? []
          : [{ clusterName: first.name, brokerId: first.brokers.at(-1)?.id ?? 0 }]),
      ];
      for (const view of views) {
        const lines = layoutScreen({ clusters, notice, view, footer: ['a leads', 'Ctrl-C leaves'] }, layout);
        assert.ok(lines.length <= layout.height, `${lines.length} lines in ${layout.height}`);
        for (const line of lines) assert.ok(lineWidth(line) <= layout.width, plainText([line]));
        if (!layout.unicode) assert.match(plainText(lines), /^[\x20-\x7e\n]*$/);
      }
    }),
    { numRuns: 150 },
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

test('what a terminal shows nothing of is left out, letters that are fillers too', () => {
  assert.is(cleanText('a\u115fb\u3164c\u200bd\u0301', true), 'abcd');
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

test('several clusters are a line each, and those that are not as declared follow in full', () => {
  const many = Array.from({ length: 6 }, (_, index) => cluster({ name: `calm-${index}` }));
  const shown = [...many, { ...samples.held, name: 'broken' }];
  const text = plainText(layoutScreen({ clusters: shown }, layoutAt(80, { height: 24 })));
  for (const { name } of shown) assert.match(text, new RegExp(`^. ${name}  `, 'm'));
  assert.match(text, /→ bring its agent back/);
  const roomy = plainText(layoutScreen({ clusters: shown }, layoutAt(80)));
  assert.is(roomy.split('bootstrap').length - 1, 1, 'the others are as declared');
  const calm = plainText(layoutScreen({ clusters: many }, layoutAt(80)));
  assert.is(calm.split('bootstrap').length - 1, many.length, 'where all are, all have room');
});

test('of more clusters than lines those that need a look come first, and the others are counted', () => {
  const shown = Array.from({ length: 60 }, (_, index) =>
    index === 40 ? { ...samples.held, name: 'broken' } : cluster({ name: `calm-${index}` }),
  );
  const text = plainText(layoutScreen({ clusters: shown }, layoutAt(80, { height: 24 })));
  assert.match(text, /^! broken /);
  const rows = text.match(/^● calm-\d+ /gm)?.length ?? 0;
  assert.is(Number(/… (\d+) more: \d+ converged/.exec(text)?.[1]), 59 - rows);
});

const clusters = [
  ...['billing', 'audit'].map((name) => cluster({ name })),
  cluster({
    name: 'a-cluster-whose-name-says-all-that-there-is-to-say',
    phase: 'converging',
    brokers: [
      broker(0, { agent: 'ip-10-0-0-77.a-rather-long-subdomain.eu-west-1.compute.internal' }),
      broker(1, { state: 'starting', phase: 'recovering logs', inSync: { inSync: 0, total: 12 } }),
    ],
  }),
  { ...samples.held, name: 'orders' },
  samples.thousand,
];

const screens = {
  'many-clusters': { clusters },
  'chosen-broker': { clusters, view: { clusterName: 'fleet', brokerId: 404 } },
  keys: { clusters, view: { showsKeys: true } },
} as const;

for (const [name, screen] of Object.entries(screens)) {
  for (const [width, height] of [sizes[0], sizes[2]]) {
    test(`screen of ${name} at ${width} columns is as in its golden file`, () => {
      const file = join(import.meta.dirname, 'golden', `${name}-${width}.txt`);
      const lines = layoutScreen({ ...screen, footer: ['Ctrl-C leaves'] }, layoutAt(width, { height }));
      const actual = `${plainText(lines)}\n`;
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, actual);
      assert.fixture(actual, readFileSync(file, 'utf8'));
    });
  }
}

test('of a thousand brokers a screenful is drawn: between two answers no more than that is looked at closely', () => {
  for (const [width, height] of sizes) {
    let reads = 0;
    const counted = samples.thousand.brokers.map(
      (one) =>
        new Proxy(one, {
          get(target, key, receiver) {
            // What only rows show; the state is counted of all.
            if (key === 'endpoint') reads += 1;
            return Reflect.get(target, key, receiver);
          },
        }),
    );
    const shown = [{ ...samples.thousand, brokers: counted }];
    const draw = (nowMs: number, brokerId?: number) =>
      layoutScreen(
        { clusters: shown, view: brokerId === undefined ? {} : { brokerId } },
        layoutAt(width, { height, nowMs }),
      );
    draw(noonMs);
    for (const brokerId of [undefined, 0, 404, 999]) {
      reads = 0;
      const lines = draw(noonMs + 1_000, brokerId);
      assert.ok(lines.length <= height);
      assert.ok(reads <= 4 * height, `${reads} reads for ${height} lines`);
      if (brokerId !== undefined) assert.match(plainText(lines), new RegExp(`^> ${brokerId} `, 'm'));
    }
  }
});

test('keys choose clusters in a circle, brokers within their cluster, and the next that needs a look', () => {
  const press = (...keys: ViewKey[]) =>
    keys.reduce<ViewState>((state, key) => turnKey(state, key, clusters), {});
  assert.equal(press('next-cluster', 'next-cluster'), { clusterName: 'audit' });
  assert.equal(press('previous-cluster'), { clusterName: 'fleet' });
  assert.equal(press('previous-cluster', 'next-cluster'), {}, 'after the last all of them');
  assert.equal(press('next-cluster', 'down', 'down', 'page-down'), { clusterName: 'billing', brokerId: 2 });
  assert.equal(press('next-cluster', 'up'), { clusterName: 'billing', brokerId: 2 });
  const troubled = press('next-trouble');
  assert.is(troubled.brokerId, 1, 'the one that starts');
  assert.equal(turnKey(troubled, 'next-trouble', clusters), { clusterName: 'orders', brokerId: 1 });
  assert.equal(turnKey(troubled, 'back', clusters), { clusterName: troubled.clusterName });
  assert.equal(press('next-cluster', 'back', 'back'), {});
  assert.equal(press('keys', 'keys'), {});
  assert.equal(press('keys', 'down').showsKeys, undefined);
  assert.equal(turnKey({}, 'down', []), {});
  assert.equal(turnKey({}, 'next-trouble', []), {});
});

test.run();
