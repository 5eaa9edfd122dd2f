/** The end of the framework: nothing is forgotten before Mesos has, and whoever dies on the way ends there too. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';

import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { makeDesired } from '../plan/builders.ts';
import { createHarness, type Harness, settle } from './harness.ts';

const applied = { desired: makeDesired(), digest: 'd' };

async function subscribed(harness: Harness = createHarness()): Promise<Harness> {
  await harness.reconciler.start();
  harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  await settle();
  return harness;
}

async function refused(what: Promise<unknown>, code: string): Promise<void> {
  await what.then(
    () => assert.unreachable(`not refused with ${code}`),
    (error) => assert.is(error.code, code),
  );
}

test('clusters go first, then Mesos forgets the framework, then we do', async () => {
  const harness = await subscribed();
  await harness.reconciler.apply([applied], 'ann');
  await settle();
  await harness.reconciler.beginTeardown('ann');
  await settle();
  assert.equal(harness.reconciler.memory(), [], 'nothing was bound: the cluster goes at once');
  await refused(harness.reconciler.apply([applied], 'ann'), 'KM_CONFLICT_TEARDOWN');
  harness.crossed.length = 0;
  await harness.reconciler.finishTeardown({ abandon: false, isGone: async () => true });
  assert.equal(harness.crossed, ['send teardown']);
  assert.is(await harness.stored('framework'), undefined);
  assert.equal(
    harness.fatal.map((e) => e.code),
    ['KM_CONFLICT_TORN_DOWN'],
  );
});

test('it does not end by itself, nor while something is left', async () => {
  const harness = await subscribed();
  await refused(
    harness.reconciler.finishTeardown({ abandon: true, isGone: async () => true }),
    'KM_UNSAFE_TEARDOWN',
  );
  assert.equal(harness.fatal, []);
  assert.not(harness.sent.some((c) => c.kind === 'teardown'));
});

test('one that died after the TEARDOWN ends when Mesos says that the framework is removed', async () => {
  const backend = createMemoryStoreBackend();
  const first = await subscribed(createHarness(backend));
  await first.reconciler.beginTeardown('ann');
  await settle();
  await first.reconciler.stop();
  const next = createHarness(backend);
  await next.reconciler.start();
  next.reconciler.onMesosEvent({ kind: 'framework-removed', message: 'torn down' });
  await settle();
  assert.equal(
    next.fatal.map((e) => e.code),
    ['KM_CONFLICT_TORN_DOWN'],
  );
  assert.is(await next.stored('framework'), undefined);
});

test.run();
