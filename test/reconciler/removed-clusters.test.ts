/** What stays known of a cluster that was removed while its file was not followed. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UnavailableError } from '../../src/model/errors.ts';
import type { RemovedRecord, SpecRecord } from '../../src/model/records.ts';
import { loadMemory } from '../../src/reconciler/memory.ts';
import { applySpec } from '../../src/reconciler/spec-revisions.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { makeDesired, makeSpec } from '../plan/builders.ts';

const desired = makeDesired();
const followed: SpecRecord = { ...makeSpec(desired), source: { path: 'demo.yaml' } };
const suspended: SpecRecord = { ...followed, suspension: { kind: 'taken-over', author: 'carol', atMs: 0 } };
const path = 'removed/demo';

async function storeOf(spec: SpecRecord) {
  const store = createMemoryStoreBackend().connect();
  await store.claim();
  await store.write('clusters/demo/spec', spec, 0);
  return store;
}

test('it is stored before the spec goes: a scheduler that dies between leaves no gap', async () => {
  const store = await storeOf(suspended);
  const dying = await loadMemory({
    ...store,
    async remove(one, version) {
      if (one === 'clusters/demo/spec') throw new UnavailableError('KM_UNAVAILABLE_STORE', 'it died');
      await store.remove(one, version);
    },
  });
  const error = await dying.removeCluster('demo', { keepSpec: false, nowMs: 1 }).catch((thrown) => thrown);
  assert.is(error.code, 'KM_UNAVAILABLE_STORE');
  assert.ok(await store.read(path));
  const next = await loadMemory(store);
  await next.removeCluster('demo', { keepSpec: false, nowMs: 2 });
  assert.is(next.removed().get('demo')?.removedAtMs, 2);
  assert.equal([...(await loadMemory(store)).removed().keys()], ['demo']);
});

test('of a cluster that kept its spec, or was followed, nothing stays known', async () => {
  for (const [spec, keepSpec] of [
    [suspended, true],
    [followed, false],
  ] as const) {
    const store = await storeOf(spec);
    const memory = await loadMemory(store);
    await memory.removeCluster('demo', { keepSpec, nowMs: 1 });
    assert.is(await store.read(path), undefined);
  }
});

test('what a scheduler failed to forget with a new cluster of that name goes with that one', async () => {
  const store = await storeOf(suspended);
  await (await loadMemory(store)).removeCluster('demo', { keepSpec: false, nowMs: 1 });
  const dying = await loadMemory({
    ...store,
    async remove() {
      throw new UnavailableError('KM_UNAVAILABLE_STORE', 'it died');
    },
  });
  await applySpec(dying, { desired, digest: 'a' }, { author: 'carol', nowMs: 2 }).catch(() => {});
  const next = await loadMemory(store);
  const spec = next.cluster('demo')?.spec;
  assert.is(spec?.suspension?.kind, 'taken-over');
  assert.ok(next.removed().has('demo'), 'it was not forgotten');
  await next.writeSpec({ ...followed, revision: 2 });
  await next.removeCluster('demo', { keepSpec: false, nowMs: 3 });
  assert.equal([...next.removed().keys()], []);
  assert.is((await store.read(path))?.value as RemovedRecord | undefined, undefined);
});

test.run();
