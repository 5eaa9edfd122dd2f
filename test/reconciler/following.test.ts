/** Revisions and what files own, over the loop. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UnavailableError } from '../../src/model/errors.ts';
import type { RevisionRecord, SpecRecord } from '../../src/model/records.ts';
import type { RevisionSummary } from '../../src/model/source.ts';
import type { SpecOrigin } from '../../src/reconciler/spec-revisions.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { makeDesired } from '../plan/builders.ts';
import { createHarness, type Harness, settle, unknownOutcome } from './harness.ts';
import { desired, serving, subscribed } from './stages.ts';

const file = (path = 'demo.yaml'): SpecOrigin => ({ kind: 'directory', source: { path } });
const ownersOf = async (harness: Harness) => {
  const { source, suspension, revision } = (await harness.stored('clusters/demo/spec')) as SpecRecord;
  return [revision, source?.path, suspension?.kind];
};
const apply = (harness: Harness, digest: string, origin?: SpecOrigin) =>
  harness.reconciler.apply([{ desired, digest }], 'ann', {}, origin);
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code: string }) => error.code,
  );
const history = async (harness: Harness): Promise<readonly RevisionSummary[]> =>
  (await harness.reconciler.revisions('demo')) ?? [];

test('a command does not change what a file owns, unless it takes over; and then goes on', async () => {
  const harness = await subscribed();
  await apply(harness, 'd1', file());
  assert.is(await codeOf(apply(harness, 'd2')), 'KM_CONFLICT_OWNED');
  assert.is(await codeOf(apply(harness, 'd1')), 'KM_CONFLICT_OWNED', 'nor is it told that all is well');
  assert.equal(await ownersOf(harness), [1, 'demo.yaml', undefined]);
  await apply(harness, 'd2', { kind: 'command', takeOver: true });
  assert.equal(await ownersOf(harness), [2, 'demo.yaml', 'taken-over']);
  assert.is((await history(harness))[0]?.source, undefined, 'what was put there is not from the file');
  await apply(harness, 'd3');
  assert.equal(await ownersOf(harness), [3, 'demo.yaml', 'taken-over']);
  assert.is(await codeOf(apply(harness, 'd4', file())), 'KM_CONFLICT_SUSPENDED');
  await harness.reconciler.follow('demo', { kind: 'resume', author: 'bob' });
  await apply(harness, 'd4', file());
  assert.equal(await ownersOf(harness), [4, 'demo.yaml', undefined]);
  assert.equal(harness.fatal, []);
});

test('whoever takes over what stays as it is, is told too', async () => {
  const harness = await subscribed();
  await apply(harness, 'd1', file());
  await apply(harness, 'd1', { kind: 'command', takeOver: true });
  const { events } = harness.reconciler.events({ clusterName: 'demo', limit: 1 });
  assert.equal(
    events.map(({ message, author, why }) => [message, author, why]),
    [['revision 1 goes to another owner', 'ann', 'taken over from its file']],
  );
  await apply(harness, 'd1', { kind: 'command', takeOver: true });
  assert.is(harness.reconciler.events({ clusterName: 'demo', limit: 1 }).events[0]?.count, undefined);
});

test('a cluster whose file is gone is the commands’ again', async () => {
  const harness = await subscribed();
  await apply(harness, 'd1', file());
  await apply(harness, 'd2', { kind: 'command', isAbandoned: (name) => name === 'demo' });
  assert.equal(await ownersOf(harness), [2, undefined, undefined]);
  await apply(harness, 'd3', file());
  assert.equal(await ownersOf(harness), [3, 'demo.yaml', undefined], 'and the file’s when it is back');
});

test('the same spec from another file moves the ownership and makes no revision', async () => {
  const harness = await subscribed();
  await apply(harness, 'd1');
  await apply(harness, 'd1', file('a.yaml'));
  await apply(harness, 'd1', file('b.yaml'));
  assert.equal(await ownersOf(harness), [1, 'b.yaml', undefined]);
  const { crossed } = harness;
  const before = crossed.length;
  await apply(harness, 'd1', file('b.yaml'));
  await settle();
  assert.equal(crossed.slice(before), []);
});

test('a rollback is a new revision that is pinned; of the current one only the pin', async () => {
  const harness = await subscribed();
  await apply(harness, 'd1', file());
  await apply(harness, 'd2', file());
  assert.is(
    await codeOf(harness.reconciler.follow('demo', { kind: 'rollback', revision: 7, author: 'bob' })),
    'KM_SPEC_REVISION',
  );
  await harness.reconciler.follow('demo', { kind: 'rollback', revision: 1, author: 'bob' });
  assert.equal(await ownersOf(harness), [3, 'demo.yaml', 'pinned']);
  assert.equal(
    (await history(harness)).map(({ revision, digest, rollbackOf, outcome }) => [
      revision,
      digest,
      rollbackOf,
      outcome?.kind,
    ]),
    [
      [3, 'd1', 1, undefined],
      [2, 'd2', undefined, 'replaced'],
      [1, 'd1', undefined, 'replaced'],
    ],
  );
  await harness.reconciler.follow('demo', { kind: 'resume', author: 'bob' });
  await harness.reconciler.follow('demo', { kind: 'rollback', revision: 3, author: 'bob' });
  assert.equal(await ownersOf(harness), [3, 'demo.yaml', 'pinned']);
});

test('a revision that removes the cluster is not gone back to', async () => {
  const harness = await subscribed();
  await apply(harness, 'd1', file());
  const removed = makeDesired({ deletion: 'keepData' });
  await harness.reconciler.apply([{ desired: removed, digest: 'd2' }], 'ann', {}, file());
  await apply(harness, 'd3', file());
  assert.is(
    await codeOf(harness.reconciler.follow('demo', { kind: 'rollback', revision: 2, author: 'bob' })),
    'KM_UNSAFE_ROLLBACK',
  );
});

test('ten revisions are kept', async () => {
  const harness = await subscribed();
  for (let n = 1; n <= 14; n += 1) await apply(harness, `d${n}`);
  assert.equal(
    (await history(harness)).map(({ revision }) => revision),
    [14, 13, 12, 11, 10, 9, 8, 7, 6, 5],
  );
});

test('what became of a revision is written once, when the cluster is first as declared', async () => {
  const harness = await serving();
  harness.clock.advance(2_000);
  await settle();
  assert.is(harness.reconciler.statuses()[0]?.phase, 'converged');
  const writes = () => harness.crossed.filter((what) => what === 'write clusters/demo/revisions/1').length;
  assert.is(writes(), 2);
  assert.is((await history(harness))[0]?.outcome?.kind, 'converged');
  for (let n = 0; n < 20; n += 1) {
    harness.clock.advance(10_000);
    await settle();
  }
  assert.is(writes(), 2);
  const [first] = await history(harness);
  await apply(harness, 'd2');
  // It did converge, whatever came after that.
  assert.equal(await history(harness).then((all) => all[1]?.outcome), first?.outcome);
});

for (const failure of ['refused', 'lost'] as const) {
  test(`a revision whose record was ${failure} is kept by the loop, and the apply is done`, async () => {
    const backend = createMemoryStoreBackend();
    const harness = await subscribed(createHarness(backend));
    let failures = 0;
    harness.onWrite = (path) => {
      if (!path.includes('/revisions/') || failures === 2) return undefined;
      failures += 1;
      return failure === 'lost' ? 'lost' : new UnavailableError('KM_UNAVAILABLE_STORE', 'no quorum');
    };
    await apply(harness, 'd1');
    await settle();
    for (let n = 0; n < 5; n += 1) {
      harness.clock.advance(1_000);
      await settle();
    }
    const kept = (await harness.stored('clusters/demo/revisions/1')) as RevisionRecord | undefined;
    assert.is(kept?.digest, 'd1');
    assert.equal(harness.fatal, []);
  });
}

test('a scheduler that died between spec and revision has the next one keep it, and close the one before', async () => {
  const backend = createMemoryStoreBackend();
  const one = await subscribed(createHarness(backend));
  await apply(one, 'd1');
  // It dies before anything else is written.
  one.onWrite = (path) => (path.endsWith('/spec') ? undefined : unknownOutcome());
  await apply(one, 'd2');
  assert.is(await one.stored('clusters/demo/revisions/2'), undefined);
  const two = await subscribed(createHarness(backend));
  await settle();
  assert.equal(
    (await history(two)).map(({ revision, outcome }) => [revision, outcome?.kind]),
    [
      [2, undefined],
      [1, 'replaced'],
    ],
  );
});

test.run();
