import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MesosEvent, TaskState } from '../../src/model/mesos.ts';
import { reviveBucket, tokensAt } from '../../src/model/token-bucket.ts';
import { emptyMesosTable, foldMesosEvent, foldSent, type MesosTable } from '../../src/observe/mesos-table.ts';
import { makeOffer, nowMs } from '../plan/builders.ts';

const none = (): boolean => false;
const fold = (table: MesosTable, event: MesosEvent, isWanted: (id: string) => boolean = none): MesosTable =>
  foldMesosEvent(table, event, isWanted, nowMs);
const connected = fold(emptyMesosTable, { kind: 'subscribed', frameworkId: 'f' });
const update = (taskId: string, state: TaskState, agentId?: string): MesosEvent => ({
  kind: 'update',
  update: { taskId, state, ...(agentId === undefined ? {} : { agentId }) },
});
const offered = (table: MesosTable, ...ids: string[]): MesosTable =>
  fold(table, { kind: 'offers', offers: ids.map((id) => makeOffer('a', { id })) });

test('offers are kept until they are rescinded or used', () => {
  const table = offered(connected, 'o1', 'o2', 'o3');
  const rescinded = fold(table, { kind: 'rescind', offerId: 'o2' });
  assert.equal(
    rescinded.offers.map((o) => o.id),
    ['o1', 'o3'],
  );
  const declined = foldSent(
    rescinded,
    { kind: 'decline', offerIds: ['o3'], refuseSeconds: 5, refusedFor: [] },
    nowMs,
  );
  const accepted = foldSent(
    declined,
    { kind: 'accept', offerIds: ['o1'], operations: [], refuseSeconds: 1 },
    nowMs,
  );
  assert.equal(accepted.offers, []);
});

test('a rescind that comes before its offer buries it, once', () => {
  const buried = fold(connected, { kind: 'rescind', offerId: 'o1' });
  const table = offered(buried, 'o1', 'o2');
  assert.equal(
    table.offers.map((o) => o.id),
    ['o2'],
  );
  assert.is(table.tombstones.size, 0);
});

test('tombstones are bounded', () => {
  let table = connected;
  for (let i = 0; i < 1_500; i += 1) table = fold(table, { kind: 'rescind', offerId: `o${i}` });
  assert.is(table.tombstones.size, 1_000);
  assert.ok(table.tombstones.has('o1499'));
});

for (const event of [
  { kind: 'disconnected' },
  { kind: 'failed-over' },
  { kind: 'framework-removed', message: 'x' },
] as const) {
  test(`${event.kind}: offers and all else of the subscription are void`, () => {
    const table = foldSent(offered(connected, 'o1'), { kind: 'suppress' }, nowMs);
    assert.equal(fold(table, event), emptyMesosTable);
    assert.not(fold(table, event).connected);
  });
}

test('a new subscription is suppressed and knows nothing of before: nobody answered, no kills', () => {
  let table = foldSent(connected, { kind: 'revive' }, nowMs);
  table = foldSent(table, { kind: 'kill', taskId: 't', agentId: 'a' }, nowMs);
  table = fold(table, update('t', 'TASK_RUNNING', 'a'));
  const again = fold(table, { kind: 'subscribed', frameworkId: 'f' });
  assert.equal(again, {
    ...emptyMesosTable,
    connected: true,
    subscribedAtMs: nowMs,
    suppressed: true,
    suppressedAtMs: nowMs,
  });
});

test('any update is an answer; a live task that no record wants is a stranger until it ends', () => {
  const wanted = fold(connected, update('t', 'TASK_RUNNING', 'a'), (id) => id === 't');
  assert.ok(wanted.answeredTasks.has('t'));
  assert.equal(wanted.strangers, []);
  const stranger = fold(connected, update('t', 'TASK_RUNNING', 'a'));
  assert.equal(stranger.strangers, [{ taskId: 't', agentId: 'a' }]);
  assert.is(fold(stranger, update('t', 'TASK_STARTING', 'a')).strangers.length, 1, 'once');
  for (const state of ['TASK_KILLED', 'TASK_GONE', 'TASK_UNKNOWN'] as const)
    assert.equal(fold(stranger, update('t', state, 'a')).strangers, [], `kill, ${state}, kill does not loop`);
});

test('a stranger that is out of reach may be there: it is known as such until it shows itself or ends', () => {
  const stranger = fold(connected, update('t', 'TASK_RUNNING', 'a'));
  for (const state of ['TASK_UNREACHABLE', 'TASK_LOST'] as const) {
    const away = fold(stranger, update('t', state));
    assert.equal(away.strangers, [{ taskId: 't', agentId: 'a', isAway: true }], state);
    assert.equal(fold(away, update('t', state)).strangers, away.strangers, 'as often as it is said');
    assert.equal(fold(away, update('t', 'TASK_RUNNING', 'a')).strangers, [{ taskId: 't', agentId: 'a' }]);
    assert.equal(fold(away, update('t', 'TASK_GONE')).strangers, []);
    assert.equal(fold(away, update('t', 'TASK_UNKNOWN')).strangers, []);
  }
  assert.equal(
    fold(connected, update('t', 'TASK_UNREACHABLE')).strangers,
    [],
    'never seen: nothing is known',
  );
});

test('the failure of an agent makes every task askable again, that of an executor none', () => {
  const table = foldSent(
    fold(connected, update('t', 'TASK_RUNNING', 'a')),
    { kind: 'reconcile-tasks', tasks: [{ taskId: 't' }] },
    nowMs,
  );
  const ended = fold(table, { kind: 'failure', executorId: 'e', agentId: 'a', status: 17_664 });
  assert.equal({ ...ended, executorExits: table.executorExits }, table);
  assert.equal(ended.executorExits, new Map([['e', { status: 17_664, atMs: nowMs }]]));
  assert.is(fold(table, { kind: 'failure', executorId: 'e', agentId: 'a' }), table);
  const failed = fold(table, { kind: 'failure', agentId: 'a' });
  assert.is(failed.answeredTasks.size, 0);
  assert.equal(failed.explicitReconcile, { attempts: 0 });
});

test('what was sent is remembered: kills with attempts, reconciliations apart, suppress and revive', () => {
  let table = foldSent(connected, { kind: 'kill', taskId: 't', agentId: 'a' }, nowMs);
  table = foldSent(table, { kind: 'kill', taskId: 't', agentId: 'a' }, nowMs + 5);
  assert.equal(table.kills.get('t'), { lastAtMs: nowMs + 5, attempts: 2 });
  table = foldSent(table, { kind: 'reconcile-tasks', tasks: [] }, nowMs);
  assert.is(table.lastImplicitReconcileAtMs, nowMs);
  assert.is(table.explicitReconcile.attempts, 0);
  table = foldSent(table, { kind: 'suppress' }, nowMs);
  assert.ok(table.suppressed);
  assert.not(foldSent(table, { kind: 'revive' }, nowMs).suppressed);
});

test('refused offers were held against the needs of all refusals since the last REVIVE', () => {
  const decline = (table: MesosTable, ...refusedFor: string[]): MesosTable =>
    foldSent(table, { kind: 'decline', offerIds: [], refuseSeconds: 60, refusedFor }, nowMs);
  assert.is(connected.refusedFor, undefined);
  const table = decline(decline(connected, 'a', 'b'), 'b', 'c');
  assert.equal(table.refusedFor, new Set(['b']), 'a saw only what was refused first, c only the rest');
  assert.is(foldSent(table, { kind: 'revive' }, nowMs).refusedFor, undefined);
});

test('each REVIVE takes a token', () => {
  let table = connected;
  for (const left of [4, 3, 2, 1, 0, 0]) {
    table = foldSent(table, { kind: 'revive' }, nowMs);
    assert.is(table.revives.tokens, left);
  }
  assert.is(tokensAt(table.revives, reviveBucket, nowMs + 5_000), 0.5);
  assert.is(tokensAt(table.revives, reviveBucket, nowMs + 3_600_000), 5);
  assert.is(
    tokensAt(table.revives, reviveBucket, nowMs - 3_600_000),
    5,
    'a clock that went back stops nothing',
  );
});

test('reconciliation by name counts its attempts, and begins anew a while after', () => {
  const ask = (table: MesosTable, atMs: number): MesosTable =>
    foldSent(table, { kind: 'reconcile-tasks', tasks: [{ taskId: 't', agentId: 'a' }] }, atMs);
  const twice = ask(ask(connected, nowMs), nowMs + 60_000);
  assert.equal(twice.explicitReconcile, { lastAtMs: nowMs + 60_000, attempts: 2 });
  assert.is(ask(twice, nowMs + 300_000).explicitReconcile.attempts, 1);
});

test.run();
