/** What is asked of the loop, beside applying: its answers come with what is then true, or not at all. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConflictError, SpecError } from '../../src/model/errors.ts';
import { settle } from './harness.ts';
import { desired, serving } from './stages.ts';

test('reconcile now: Kafka is asked anew, also when it was being asked just then, and a pass sees the answer', async () => {
  const harness = await serving();
  let answer: () => void = () => {};
  const held = () =>
    new Promise<void>((resolve) => {
      answer = resolve;
    });
  harness.onObserve = held;
  harness.clock.advance(10_000);
  await settle();
  const before = harness.observed;
  let done: number | undefined;
  const asked = harness.reconciler.reconcileNow('demo').then((pass) => {
    done = pass;
  });
  await settle();
  answer();
  await settle();
  assert.is(done, undefined, 'that was the answer to an earlier question');
  assert.is(harness.observed, before + 1);
  const { pass: earlier } = harness.reconciler.counters();
  answer();
  await asked;
  assert.ok((done ?? 0) > earlier, 'a pass saw it');
  assert.is(harness.observed, before + 1);
});

test('reconcile now: a Kafka that does not answer is waited for a few seconds', async () => {
  const harness = await serving();
  harness.onObserve = () => new Promise(() => {});
  let done: number | undefined;
  void harness.reconciler.reconcileNow().then((pass) => {
    done = pass;
  });
  await settle();
  assert.is(done, undefined);
  harness.clock.advance(4_000);
  await settle();
  assert.ok(done);
});

test('reconcile now: a loop that ends answers', async () => {
  const harness = await serving();
  let asked = 0;
  // The demand is still taken, the pass that it waits for is not.
  Object.defineProperty(harness, 'leads', {
    get: () => {
      asked += 1;
      return asked === 1;
    },
  });
  const error = await harness.reconciler.reconcileNow().catch((thrown) => thrown);
  assert.is(error.code, 'KM_UNAVAILABLE_STOPPED');
  assert.instance(harness.fatal[0], ConflictError);
});

test('who takes back what was asked of a broker is in the events', async () => {
  const harness = await serving();
  await harness.reconciler.setIntent('demo', 0, { kind: 'pause', author: 'ann' });
  await harness.reconciler.setIntent('demo', 0, undefined, 'bob');
  const { events } = harness.reconciler.events({ clusterName: 'demo', limit: 1 });
  assert.is(events[0]?.author, 'bob');
  assert.match(events[0]?.message ?? '', 'it was taken back');
});

test('a spec that no store can take is refused, and the memory is not read again for it', async () => {
  const harness = await serving();
  harness.onWrite = () => new SpecError('KM_SPEC_RECORD_TOO_LARGE', 'too large');
  const proposed = [{ desired, digest: 'other' }];
  const error = await harness.reconciler.apply(proposed, 'ann').catch((thrown) => thrown);
  assert.is(error.code, 'KM_SPEC_RECORD_TOO_LARGE');
  harness.onWrite = () => undefined;
  const memory = harness.reconciler.spec('demo');
  await settle();
  assert.is(harness.reconciler.spec('demo'), memory, 'the same object, not another reading of it');
});

test('who may not act any more stores nothing that is asked of it, and ends', async () => {
  const harness = await serving();
  harness.leads = false;
  const before = harness.crossed.length;
  const error = await harness.reconciler
    .setIntent('demo', 0, { kind: 'pause', author: 'ann' })
    .catch((thrown) => thrown);
  assert.is(error.code, 'KM_CONFLICT_LEADERSHIP_LOST');
  assert.is(harness.fatal[0]?.code, 'KM_CONFLICT_LEADERSHIP_LOST');
  assert.is(harness.crossed.length, before);
});

test('a cluster may have the name of what every object has', async () => {
  const harness = await serving();
  const proposed = [{ desired: { ...desired, name: 'constructor' }, digest: 'd' }];
  const [applied] = await harness.reconciler.apply(proposed, 'ann');
  assert.equal([applied?.name, applied?.revision], ['constructor', 1]);
});

test.run();
