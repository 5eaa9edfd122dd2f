import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatConstraint, parseConstraint } from '../../src/spec/constraint-text.ts';
import {
  formatDurationMs,
  formatIds,
  formatPort,
  formatRate,
  formatSizeMiB,
  parseDurationMs,
  parseIdRanges,
  parsePort,
  parseRate,
  parseSizeMiB,
} from '../../src/spec/units.ts';

test('sizes are read by their unit and rounded down to MiB', () => {
  const sizes = { '512MiB': 512, '2GiB': 2048, '1.5GiB': 1536, '10GB': 9536, '1TiB': 1_048_576, '1MB': 1 };
  for (const [text, sizeMiB] of Object.entries(sizes)) assert.is(parseSizeMiB(text), sizeMiB, text);
  for (const text of [
    '',
    '10',
    '10Gi',
    '10 GiB',
    '-1GiB',
    '0GiB',
    '0.0MiB',
    '512KiB',
    '1e3MiB',
    'GiB',
    '1.GiB',
  ]) {
    assert.is(parseSizeMiB(text), undefined, text);
  }
});

test('durations, rates and ports are read by their unit', () => {
  assert.is(parseDurationMs('1h30m'), 5_400_000);
  assert.is(parseDurationMs('500ms'), 500);
  assert.is(parseDurationMs('1m500ms'), 60_500);
  for (const text of ['', '10', '30m1h', '1.5h', '1h1h', '-1s', ' 1s'])
    assert.is(parseDurationMs(text), undefined, text);
  assert.is(parseRate('50MB/s'), 50_000_000);
  assert.is(parseRate('1.5MiB/s'), 1_572_864);
  for (const text of ['50MB', '0MB/s', 'MB/s']) assert.is(parseRate(text), undefined, text);
  assert.equal(parsePort('31000..31099'), { kind: 'range', begin: 31_000, end: 31_099 });
  for (const port of ['0', 0, 65_536, '9..1', '1..65536', 'none'])
    assert.is(parsePort(port), undefined, String(port));
});

test('what is formatted is read as the same', () => {
  const check = <T>(
    values: fc.Arbitrary<T>,
    format: (value: T) => string,
    parse: (text: string) => T | undefined,
  ) => fc.assert(fc.property(values, (value) => assert.equal(parse(format(value)), value)));
  check(fc.integer({ min: 1, max: 9_999_999 }), formatSizeMiB, parseSizeMiB);
  check(fc.integer({ min: 0, max: 365 * 86_400_000 }), formatDurationMs, parseDurationMs);
  check(
    fc.integer({ min: 1, max: 1e6 }).map((count) => count * 1000),
    formatRate,
    parseRate,
  );
  const port = fc.integer({ min: 1, max: 65_535 });
  const choice = fc.oneof(
    fc.constant({ kind: 'any' as const }),
    port.map((fixed) => ({ kind: 'fixed' as const, port: fixed })),
    fc
      .tuple(port, port)
      .map(([a, b]) => ({ kind: 'range' as const, begin: Math.min(a, b), end: Math.max(a, b) })),
  );
  check(choice, formatPort, parsePort);
});

test('ids are formatted as ascending ranges that stand for the same set', () => {
  assert.is(formatIds([7, 0, 2, 1, 1]), '0..2,7');
  const sets = fc.uniqueArray(fc.integer({ min: 0, max: 50 }), { minLength: 1 });
  fc.assert(
    fc.property(sets, (ids) => {
      const ranges = parseIdRanges(formatIds(ids)) ?? [];
      const back = ranges.flatMap(({ first, last }) =>
        Array.from({ length: last - first + 1 }, (_, i) => first + i),
      );
      assert.equal(
        back,
        ids.toSorted((a, b) => a - b),
      );
    }),
  );
  assert.equal(parseIdRanges([3, '5..6']), [
    { first: 3, last: 3 },
    { first: 5, last: 6 },
  ]);
  for (const text of ['', '2..0', '1..', 'a', '1,,2', '2147483648'])
    assert.is(parseIdRanges(text), undefined, text);
});

test('placement rules are read as they are written', () => {
  const texts = [
    'hostname unique',
    'rack groupBy 3',
    'rack groupBy',
    'zone like eu-(a|b) .*',
    'zone unlike x',
    'zone cluster',
    'zone cluster eu 1',
  ];
  for (const text of texts) {
    const constraint = parseConstraint(text);
    if (constraint === 'any' || 'wrong' in constraint) assert.unreachable(text);
    else assert.is(formatConstraint(constraint), text);
  }
  assert.is(parseConstraint('hostname any'), 'any');
  for (const text of ['rack like [', 'rack like "a"', 'rack near 3', 'rack']) {
    assert.ok(Object.hasOwn(Object(parseConstraint(text)), 'wrong'), text);
  }
});

test.run();
