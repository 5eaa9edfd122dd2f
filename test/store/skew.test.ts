/**
 * A store of another release. What the first one wrote is frozen in `test/fixtures/store-records`, one record of each
 * kind as it stands in a file or a node; and what a later one adds stands in nobody's way when that one is rolled back.
 */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BrokerRecord, SpecRecord } from '../../src/model/records.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { decodeRecord } from '../../src/store/record.ts';
import { makeKafka, makeOffer } from '../plan/builders.ts';
import { createHarness, type Harness, settle } from '../reconciler/harness.ts';
import { running } from '../reconciler/stages.ts';

type Records = ReadonlyMap<string, unknown>;

const lines = readFileSync(new URL('../fixtures/store-records/release-1.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n');
const frozen: Records = new Map(
  lines.map((line) => {
    const { path } = JSON.parse(line) as { readonly path: string };
    const where = { name: path, remedy: '' };
    return [path, decodeRecord(path, Buffer.from(line), where).value] as const;
  }),
);

const { desired } = frozen.get('clusters/demo/spec') as SpecRecord;

/** Their keys are somebody's names; a report grows by rules of its own, and the task's next word takes its place. */
const noRecords = new Set([
  'attributes',
  'config',
  'dynamicConfig',
  'environment',
  'labels',
  'log4j',
  'ports',
  'report',
  'toldHeld',
  'toldSources',
]);
const addition = { ofALaterRelease: true };

/** With a field more in every object, however deep. */
function ofLaterRelease(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((one) => ofLaterRelease(one));
  if (typeof value !== 'object' || value === null || noRecords.has(key)) return value;
  const known = Object.entries(value).map(([name, one]) => [name, ofLaterRelease(one, name)] as const);
  return { ...Object.fromEntries(known), addition };
}

const later: Records = new Map([...frozen].map(([path, value]) => [path, ofLaterRelease(value)]));

/** A scheduler takes over that store: two of its three brokers run, one has failed and waits for its agent. */
async function takenOver(records: Records): Promise<Harness> {
  const backend = createMemoryStoreBackend();
  const writer = backend.connect();
  await writer.claim();
  for (const [path, value] of records) await writer.write(path, value, 0);
  const harness = createHarness(backend);
  harness.kafka = makeKafka(desired);
  harness.clock.advance(60_000);
  await harness.reconciler.start();
  harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  await settle();
  for (const id of [0, 1]) {
    const { task } = frozen.get(`clusters/demo/brokers/${id}`) as BrokerRecord;
    await harness.update({
      taskId: task?.taskId ?? '',
      state: 'TASK_RUNNING',
      agentId: `agent-${id + 1}`,
      data: running(`agent-${id + 1}:31000`),
      uuid: `again-${id}`,
    });
  }
  harness.reconciler.onMesosEvent({
    kind: 'offers',
    offers: [makeOffer('agent-4', { receivedAtMs: harness.clock.nowMs() })],
  });
  await settle();
  return harness;
}

test('there is a record of each kind', () => {
  for (const kind of [
    /^framework$/,
    /^events$/,
    /^clusters\/demo\/spec$/,
    /^clusters\/demo\/revisions\/1$/,
    /^clusters\/demo\/cluster$/,
    /^clusters\/demo\/brokers\/0$/,
    /^clusters\/demo\/events$/,
    /^removed\/gone$/,
  ]) {
    assert.ok(
      [...frozen.keys()].some((path) => kind.test(path)),
      `${kind}`,
    );
  }
});

test('what the first release wrote is read, and gone on with', async () => {
  const harness = await takenOver(frozen);
  assert.equal(harness.fatal, []);
  assert.is(harness.reconciler.frameworkId(), 'F');
  assert.equal([...harness.reconciler.removed().keys()], ['gone']);
  assert.equal(harness.reconciler.spec('demo'), frozen.get('clusters/demo/spec'));
  const [status] = harness.reconciler.statuses();
  assert.equal(
    status?.brokers.map(({ id, state }) => [id, state]),
    [
      [0, 'running'],
      [1, 'running'],
      [2, 'failed'],
    ],
  );
  const told = harness.reconciler.events({ clusterName: 'demo', limit: 200 }).events;
  assert.ok(told.some(({ message }) => message === 'form cluster demo'));
  const kinds = new Set(harness.sent.map(({ kind }) => kind));
  assert.not.ok(kinds.has('kill'), 'a task of that release was killed');
});

test('what a later release added changes no decision', async () => {
  const [plain, added] = [await takenOver(frozen), await takenOver(later)];
  assert.equal(added.fatal, []);
  assert.equal(added.sent, plain.sent);
  assert.equal(added.crossed, plain.crossed);
  const view = (harness: Harness) =>
    harness.reconciler.statuses().map(({ phase, brokers, conditions }) => ({
      phase,
      conditions,
      brokers: brokers.map(({ id, state, taskId, agentId }) => ({ id, state, taskId, agentId })),
    }));
  assert.equal(view(added), view(plain));
  assert.equal(
    added.reconciler.events({ clusterName: 'demo', limit: 200 }).events.map(({ message }) => message),
    plain.reconciler.events({ clusterName: 'demo', limit: 200 }).events.map(({ message }) => message),
  );
});

test('what a later release added is still there when a record is written again', async () => {
  const harness = await takenOver(later);
  await harness.reconciler.setIntent('demo', 0, { kind: 'pause', author: 'dora' });
  const before = later.get('clusters/demo/brokers/0') as BrokerRecord & { readonly addition: unknown };
  const now = (await harness.broker(0)) as typeof before;
  assert.is(now.intent?.author, 'dora');
  assert.equal(now.addition, addition);
  assert.equal(now.placement, before.placement);

  await harness.reconciler.follow('demo', { kind: 'resume', author: 'dora' });
  const spec = (await harness.stored('clusters/demo/spec')) as SpecRecord & { readonly addition: unknown };
  assert.is(spec.suspension, undefined);
  assert.equal(spec.addition, addition);
  assert.equal(spec.desired, (later.get('clusters/demo/spec') as SpecRecord).desired);
});

test.run();
