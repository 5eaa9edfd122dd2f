import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { resourcesText } from '../../../src/local/model/resource-text.ts';
import {
  add,
  type Bundle,
  bundle,
  contains,
  downgrade,
  endpointForm,
  identity,
  mergeRanges,
  subtract,
  subtractAvailable,
  subtractRanges,
  thousandths,
  upgrade,
} from '../../../src/local/model/resources.ts';
import type { ReservationInfo, Resource } from '../../../src/mesos/types.ts';
import { scalar } from './world.ts';

const reservation = fc.constantFrom<readonly ReservationInfo[] | undefined>(
  undefined,
  [{ type: 'DYNAMIC', role: 'kafka', principal: 'p' }],
  [{ type: 'DYNAMIC', role: 'kafka', principal: 'p', labels: { labels: [{ key: 'a', value: 'b' }] } }],
);

const anyRange = fc
  .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 9 }))
  .map(([begin, length]) => ({ begin, end: begin + length }));

const anyResource: fc.Arbitrary<Resource> = fc
  .tuple(
    reservation,
    fc.oneof(
      fc
        .tuple(fc.constantFrom('cpus', 'mem', 'disk'), fc.integer({ min: 0, max: 9_999 }))
        .map(([name, milli]) => scalar(name, milli / 1000)),
      fc
        .array(anyRange, { maxLength: 4 })
        .map((range): Resource => ({ name: 'ports', type: 'RANGES', ranges: { range: mergeRanges(range) } })),
      fc
        .uniqueArray(fc.constantFrom('a', 'b', 'c'))
        .map((item): Resource => ({ name: 'zones', type: 'SET', set: { item } })),
    ),
  )
  .map(([reservations, resource]) => (reservations === undefined ? resource : { ...resource, reservations }));

const anyBundle = fc.array(anyResource, { maxLength: 6 }).map((list) => bundle(list));

/** Overlapping ports or items would count once; scalars may overlap at will. */
const scalarBundle = fc
  .array(
    anyResource.filter((resource) => resource.type === 'SCALAR'),
    { maxLength: 6 },
  )
  .map((list) => bundle(list));

function same(one: Bundle, other: Bundle): boolean {
  return contains(one, other) && contains(other, one);
}

test('what was added can be taken away again', () => {
  fc.assert(
    fc.property(scalarBundle, scalarBundle, (one, other) => {
      const rest = subtract(add(one, other), other);
      assert.ok(rest !== undefined && same(rest, one));
    }),
  );
});

test('adding is commutative, and every bundle contains its parts', () => {
  fc.assert(
    fc.property(anyBundle, anyBundle, (one, other) => {
      assert.ok(same(add(one, other), add(other, one)));
      assert.ok(contains(add(one, other), one) && contains(add(one, other), other));
    }),
  );
});

test('a bundle has one entry per kind and no empty ones', () => {
  fc.assert(
    fc.property(anyBundle, anyBundle, (one, other) => {
      const keys = add(one, other).map(identity);
      assert.is(new Set(keys).size, keys.length);
      assert.equal(subtract(one, one), []);
    }),
  );
});

test('subtract and contains agree, and nothing is created', () => {
  fc.assert(
    fc.property(anyBundle, anyBundle, (one, other) => {
      const rest = subtract(one, other);
      assert.is(rest !== undefined, contains(one, other));
      const left = subtractAvailable(one, other);
      assert.ok(contains(one, left));
      if (rest !== undefined) assert.ok(same(rest, left));
      for (const name of ['cpus', 'mem', 'disk']) assert.ok(thousandths(left, name) >= 0);
    }),
  );
});

test('ranges: merged ones are sorted and apart; subtraction is exact, number by number', () => {
  const numbers = (ranges: readonly { begin: number; end: number }[]): number[] =>
    ranges.flatMap(({ begin, end }) => Array.from({ length: end - begin + 1 }, (_, index) => begin + index));
  fc.assert(
    fc.property(fc.array(anyRange), fc.array(anyRange), (one, other) => {
      const merged = mergeRanges(one);
      merged.slice(1).forEach((range, index) => {
        assert.ok(range.begin > (merged[index]?.end ?? 0) + 1);
      });
      const gone = new Set(numbers(other));
      const expected = [...new Set(numbers(one))]
        .filter((number) => !gone.has(number))
        .toSorted((a, b) => a - b);
      assert.equal(numbers(subtractRanges(one, other)), expected);
    }),
  );
});

test('scalars are fixed point: a tenth and two tenths are three tenths', () => {
  const [sum] = add([scalar('cpus', 0.1)], [scalar('cpus', 0.2)]);
  assert.is(sum?.scalar?.value, 0.3);
  assert.equal(subtract([scalar('cpus', 0.3)], [scalar('cpus', 0.1), scalar('cpus', 0.2)]), []);
});

test('a persistent volume is used whole, and never merges', () => {
  const volume = (id: string, size: number): Resource =>
    scalar('disk', size, {
      reservations: [{ type: 'DYNAMIC', role: 'kafka' }],
      disk: { persistence: { id }, volume: { container_path: 'data', mode: 'RW' } },
    });
  const two = add([volume('a', 100)], [volume('b', 100)]);
  assert.is(two.length, 2);
  assert.not.ok(contains(two, [volume('a', 50)]));
  assert.not.ok(contains(two, [volume('c', 100)]));
  // Where it is mounted says nothing about which volume it is.
  const elsewhere: Resource = {
    ...volume('a', 100),
    disk: { persistence: { id: 'a', principal: 'x' }, volume: { container_path: 'other', mode: 'RW' } },
  };
  assert.ok(contains(two, [elsewhere]));
});

test('labels in any order are the same reservation; other labels are another', () => {
  const reserved = (...keys: string[]): Resource =>
    scalar('cpus', 1, {
      reservations: [
        { type: 'DYNAMIC', role: 'kafka', labels: { labels: keys.map((key) => ({ key, value: key })) } },
      ],
    });
  assert.is(add([reserved('a', 'b')], [reserved('b', 'a')]).length, 1);
  assert.is(add([reserved('a', 'b')], [reserved('a')]).length, 2);
});

test('old and new reservation formats translate both ways', () => {
  fc.assert(
    fc.property(anyBundle, (resources) => {
      assert.ok(same(bundle(resources.map(downgrade)), resources));
      assert.ok(same(bundle(resources.map(endpointForm)), resources));
    }),
  );
  assert.equal(upgrade({ ...scalar('cpus', 1), role: '*' }), scalar('cpus', 1));
});

test('texts are those of the recordings', () => {
  const resource = scalar('disk', 1000, {
    allocation_info: { role: 'kafka' },
    reservations: [
      {
        type: 'DYNAMIC',
        role: 'kafka',
        principal: 'kafka',
        labels: { labels: [{ key: 'broker', value: '0' }] },
      },
    ],
    disk: { persistence: { id: 'vol-0' }, volume: { container_path: 'data', mode: 'RW' } },
  });
  assert.is(
    resourcesText([resource]),
    'disk(allocated: kafka)(reservations: [(DYNAMIC,kafka,kafka,{broker: 0})])[vol-0:data]:1000',
  );
});

test.run();
