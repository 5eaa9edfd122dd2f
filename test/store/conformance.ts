/**
 * What every store must do, whatever it keeps its records in. A factory gives a fresh, empty store for
 * each test; `manyWriters` says whether a second connection may be open beside the first.
 */
import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ConflictError,
  InvariantError,
  type KafkaMesosError,
  SpecError,
  UnavailableError,
} from '../../src/model/errors.ts';
import { recordPaths, type Store } from '../../src/model/store.ts';

export type StoreFixture = {
  /** Another writer on the same records. */
  connect(): Promise<Store>;
  dispose(): Promise<void>;
};

export type StoreUnderTest = {
  readonly name: string;
  readonly manyWriters: boolean;
  readonly runs: number;
  create(): Promise<StoreFixture>;
};

export function testStoreConformance(subject: StoreUnderTest): void {
  const check = (what: string, body: (fixture: StoreFixture) => Promise<void>) =>
    test(`${subject.name}: ${what}`, async () => {
      const fixture = await subject.create();
      try {
        await body(fixture);
      } finally {
        await fixture.dispose();
      }
    });
  const checkClaimed = (what: string, body: (store: Store, fixture: StoreFixture) => Promise<void>) =>
    check(what, async (fixture) => {
      const store = await fixture.connect();
      await store.claim();
      await body(store, fixture);
      await store.close();
    });

  checkClaimed('reads back what it wrote, and nothing where nothing is', async (store) => {
    const value = { text: 'grüße \u0000 \u2028', list: [1, 2.5, null, true], nested: { a: {} } };
    assert.is(await store.read('framework'), undefined);
    const version = await store.write('framework', value, 0);
    assert.equal(await store.read('framework'), { value, version });
    const second = await store.write('framework', [], version);
    assert.ok(second > version);
    assert.equal(await store.read('framework'), { value: [], version: second });
  });

  checkClaimed('gives a copy, which changes nothing when changed', async (store) => {
    const value = { brokers: [1] };
    await store.write('framework', value, 0);
    value.brokers.push(2);
    const read = (await store.read('framework'))?.value as { brokers: number[] };
    assert.equal(read, { brokers: [1] });
    read.brokers.push(3);
    assert.equal((await store.read('framework'))?.value, { brokers: [1] });
  });

  checkClaimed('a write that expects another version changes nothing', async (store) => {
    const version = await store.write('framework', 'first', 0);
    await rejects(store.write('framework', 'second', 0), ConflictError, 'KM_CONFLICT_VERSION');
    await rejects(store.write('framework', 'second', version + 1), ConflictError, 'KM_CONFLICT_VERSION');
    await rejects(store.write('missing', 'second', version), ConflictError, 'KM_CONFLICT_VERSION');
    await rejects(store.remove('framework', version + 1), ConflictError, 'KM_CONFLICT_VERSION');
    await rejects(store.remove('missing', version), ConflictError, 'KM_CONFLICT_VERSION');
    assert.equal(await store.read('framework'), { value: 'first', version });
    assert.is(await store.read('missing'), undefined);
  });

  checkClaimed('of many writes at once that expect one version, one succeeds', async (store) => {
    const results = await Promise.allSettled([1, 2, 3, 4, 5].map((n) => store.write('framework', n, 0)));
    const written = results.filter((result) => result.status === 'fulfilled');
    assert.is(written.length, 1);
    assert.is((await store.read('framework'))?.version, written[0]?.value);
  });

  checkClaimed('a record made again has a version that it never had', async (store, fixture) => {
    const old = await store.write('framework', 'old', 0);
    await store.remove('framework', old);
    assert.is(await store.read('framework'), undefined);
    const made = await store.write('framework', 'new', 0);
    assert.is.not(made, old);
    await rejects(store.write('framework', 'of an old reader', old), ConflictError, 'KM_CONFLICT_VERSION');

    await store.remove('framework', made);
    await store.close();
    const reopened = await fixture.connect();
    await reopened.claim();
    assert.not([old, made].includes(await reopened.write('framework', 'newest', 0)));
    await reopened.close();
  });

  checkClaimed('removing what is not there, and was not expected to be, does nothing', async (store) => {
    await store.remove('framework', 0);
    assert.is(await store.read('framework'), undefined);
  });

  checkClaimed('lists direct children, of deeper records too, sorted', async (store) => {
    assert.equal(await store.list(recordPaths.clusters), []);
    for (const id of [10, 9, 2]) await store.write(recordPaths.broker('orders', id), {}, 0);
    await store.write(recordPaths.spec('orders-2'), {}, 0);
    const spec = await store.write(recordPaths.spec('alone'), {}, 0);
    assert.equal(await store.list(recordPaths.clusters), ['alone', 'orders', 'orders-2']);
    assert.equal(await store.list(recordPaths.brokers('orders')), ['10', '2', '9']);
    assert.equal(await store.list('clusters/orders'), ['brokers']);
    assert.equal(await store.list(recordPaths.spec('alone')), []);
    await store.remove(recordPaths.spec('alone'), spec);
    assert.equal(await store.list(recordPaths.clusters), ['orders', 'orders-2']);
  });

  checkClaimed('a record and its children are separate', async (store) => {
    await store.write('a', 'parent', 0);
    await store.write('a/b', 'child', 0);
    await store.write('a.json/b', 'other', 0);
    assert.is((await store.read('a'))?.value, 'parent');
    assert.is((await store.read('a/b'))?.value, 'child');
    assert.equal(await store.list('a'), ['b']);
  });

  checkClaimed('refuses paths that are not record paths', async (store) => {
    const bad = [
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      '../a',
      'a/../b',
      'a/..',
      'a b',
      'a\\b',
      'a~b',
      'a\0b',
      'ä',
      '1/2/3/4/5/6/7/8/9',
      'x'.repeat(5000),
    ]; // prettier-ignore
    for (const path of bad) {
      await rejects(store.read(path), InvariantError, 'KM_BUG_STORE_PATH');
      await rejects(store.list(path), InvariantError, 'KM_BUG_STORE_PATH');
      await rejects(store.write(path, 1, 0), InvariantError, 'KM_BUG_STORE_PATH');
      await rejects(store.remove(path, 1), InvariantError, 'KM_BUG_STORE_PATH');
    }
    await store.write('..a/b.../A-Z_9/4/5/6/7/8', 1, 0);
  });

  checkClaimed(
    'takes the spec of a thousand brokers, and refuses by name what is too large',
    async (store) => {
      const spec = Array.from({ length: 1_000 }, (_, id) => ({
        id,
        rack: `rack-${id % 40}`,
        config: Object.fromEntries(
          Array.from({ length: 40 }, (_, n) => [`some.kafka.key.${n}`, `${n * id}`]),
        ),
      }));
      assert.ok(JSON.stringify(spec).length > 1024 * 1024);
      const version = await store.write('framework', spec, 0);
      assert.equal(await store.read('framework'), { value: spec, version });

      const noise = randomBytes(1024 * 1024).toString('base64');
      await rejects(store.write('framework', noise, version), SpecError, 'KM_SPEC_RECORD_TOO_LARGE');
      const endless = 'é'.repeat(17 * 1024 * 1024);
      await rejects(store.write('framework', endless, version), SpecError, 'KM_SPEC_RECORD_TOO_LARGE');
      await rejects(store.write('other', endless, 0), SpecError, 'KM_SPEC_RECORD_TOO_LARGE');
      assert.equal(await store.read('framework'), { value: spec, version });
      assert.is(await store.read('other'), undefined);
    },
  );

  checkClaimed('takes records of every size up to the largest', async (store) => {
    let version = 0;
    for (const bytes of [0, 1_000, 64 * 1024, 600 * 1024]) {
      const value = randomBytes(bytes).toString('base64');
      version = await store.write('framework', value, version);
      assert.equal(await store.read('framework'), { value, version });
    }
  });

  checkClaimed('a value changed after the call is written as it was', async (store) => {
    const value = { brokers: [1] };
    const writing = Promise.all([store.write('first', 1, 0), store.write('framework', value, 0)]);
    value.brokers.push(2);
    await writing;
    assert.equal((await store.read('framework'))?.value, { brokers: [1] });
  });

  checkClaimed('refuses what is not JSON', async (store) => {
    await rejects(store.write('framework', undefined, 0), InvariantError, 'KM_BUG_STORE_VALUE');
    assert.is(await store.read('framework'), undefined);
  });

  check('a writer that has not claimed only reads', async (fixture) => {
    const store = await fixture.connect();
    await rejects(store.write('framework', 1, 0), ConflictError, 'KM_CONFLICT_FENCED');
    await rejects(store.remove('framework', 0), ConflictError, 'KM_CONFLICT_FENCED');
    assert.is(await store.read('framework'), undefined);
    await store.close();
  });

  checkClaimed('a closed store refuses everything, and closes twice', async (store) => {
    await store.write('framework', 1, 0);
    await store.close();
    await store.close();
    for (const call of [
      () => store.read('framework'),
      () => store.list('clusters'),
      () => store.write('framework', 2, 0),
      () => store.remove('framework', 1),
      () => store.claim(),
    ]) {
      await rejects(call(), UnavailableError, 'KM_UNAVAILABLE_STORE_CLOSED');
    }
  });

  checkClaimed('keeps records over a reopening, with a higher epoch', async (store, fixture) => {
    const version = await store.write('framework', 'kept', 0);
    const before = await store.claim();
    await store.close();
    const reopened = await fixture.connect();
    assert.equal(await reopened.read('framework'), { value: 'kept', version });
    assert.ok((await reopened.claim()) > before);
    assert.ok((await reopened.write('framework', 'more', version)) > version);
    await reopened.close();
  });

  if (subject.manyWriters) {
    checkClaimed('an earlier claimant is fenced and reads on', async (first, fixture) => {
      const second = await fixture.connect();
      const version = await first.write('framework', 'first', 0);
      await second.claim();
      await rejects(first.write('framework', 'late', version), ConflictError, 'KM_CONFLICT_FENCED');
      await rejects(first.remove('framework', version), ConflictError, 'KM_CONFLICT_FENCED');
      const newer = await second.write('framework', 'second', version);
      assert.equal(await first.read('framework'), { value: 'second', version: newer });
      await second.close();
    });
  }

  check('agrees with a model under any sequence of commands', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.commands(commandsOf(subject.manyWriters), { maxCommands: 40 }),
        async (commands) => {
          const fixture = await subject.create();
          const real: Real = { fixture, stores: [await fixture.connect()] };
          if (subject.manyWriters) real.stores.push(await fixture.connect());
          const model: Model = { records: new Map(), used: new Set(), claimant: undefined, epoch: 0 };
          try {
            await fc.asyncModelRun(() => ({ model, real }), commands);
          } finally {
            for (const store of real.stores) await store.close();
            await fixture.dispose();
          }
        },
      ),
      { numRuns: subject.runs },
    );
  });
}

type Model = {
  records: Map<string, { value: unknown; version: number }>;
  /** Every version ever given out. */
  used: Set<number>;
  claimant: number | undefined;
  epoch: number;
};
type Real = { fixture: StoreFixture; stores: Store[] };
type StoreCommand = fc.AsyncCommand<Model, Real>;

const paths = ['a', 'a/b', 'a/b/c', 'a/d', 'e.json', 'e'];

function commandsOf(manyWriters: boolean): fc.Arbitrary<StoreCommand>[] {
  const writer = manyWriters ? fc.constantFrom(0, 1) : fc.constant(0);
  const path = fc.constantFrom(...paths);
  const isRight = fc.boolean();
  return [
    fc.record({ writer, path, value: fc.jsonValue(), isRight }).map(write),
    fc.record({ writer, path, isRight }).map(remove),
    fc.record({ writer, path }).map(read),
    fc.record({ writer, path }).map(list),
    fc.record({ writer }).map(claim),
    fc.record({ writer }).map(reopen),
  ];
}

const command = (
  name: string,
  args: object,
  run: (model: Model, real: Real) => Promise<void>,
): StoreCommand => ({
  check: () => true,
  run,
  toString: () => `${name}(${JSON.stringify(args)})`,
});

const storeAt = (real: Real, writer: number): Store => {
  const store = real.stores[writer];
  assert.ok(store);
  return store as Store;
};

/** A right expectation, or one that no record has. */
const expectation = (model: Model, path: string, isRight: boolean) =>
  (model.records.get(path)?.version ?? 0) + (isRight ? 0 : 1);

const write = (args: { writer: number; path: string; value: unknown; isRight: boolean }) =>
  command('write', args, async (model, real) => {
    const expected = expectation(model, args.path, args.isRight);
    const call = storeAt(real, args.writer).write(args.path, args.value, expected);
    if (model.claimant !== args.writer) return rejects(call, ConflictError, 'KM_CONFLICT_FENCED');
    if (!args.isRight) return rejects(call, ConflictError, 'KM_CONFLICT_VERSION');
    const version = await call;
    assert.not(model.used.has(version), 'a version was used twice');
    assert.ok(version > expected, 'a version did not grow');
    model.used.add(version);
    model.records.set(args.path, { value: JSON.parse(JSON.stringify(args.value)), version });
  });

const remove = (args: { writer: number; path: string; isRight: boolean }) =>
  command('remove', args, async (model, real) => {
    const call = storeAt(real, args.writer).remove(args.path, expectation(model, args.path, args.isRight));
    if (model.claimant !== args.writer) return rejects(call, ConflictError, 'KM_CONFLICT_FENCED');
    if (!args.isRight) return rejects(call, ConflictError, 'KM_CONFLICT_VERSION');
    await call;
    model.records.delete(args.path);
  });

const read = (args: { writer: number; path: string }) =>
  command('read', args, async (model, real) => {
    assert.equal(await storeAt(real, args.writer).read(args.path), model.records.get(args.path));
  });

const list = (args: { writer: number; path: string }) =>
  command('list', args, async (model, real) => {
    const depth = args.path.split('/').length;
    const below = [...model.records.keys()].filter((path) => path.startsWith(`${args.path}/`));
    const expected = [...new Set(below.map((path) => path.split('/')[depth]))].sort();
    assert.equal(await storeAt(real, args.writer).list(args.path), expected);
  });

const claim = (args: { writer: number }) =>
  command('claim', args, async (model, real) => {
    const epoch = await storeAt(real, args.writer).claim();
    assert.ok(epoch > model.epoch);
    model.epoch = epoch;
    model.claimant = args.writer;
  });

const reopen = (args: { writer: number }) =>
  command('reopen', args, async (model, real) => {
    await storeAt(real, args.writer).close();
    real.stores[args.writer] = await real.fixture.connect();
    if (model.claimant === args.writer) model.claimant = undefined;
  });

export async function rejects(
  call: Promise<unknown>,
  kind: abstract new (...args: never[]) => KafkaMesosError,
  code: string,
): Promise<void> {
  const error = await call.then(
    (value) => assert.unreachable(`expected ${code}, but it resolved with ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof kind, `expected ${kind.name} ${code}, got ${String(error)}`);
  assert.is((error as KafkaMesosError).code, code);
}
