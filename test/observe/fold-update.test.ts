import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BrokerReport } from '../../src/model/launch.ts';
import type { TaskState, TaskUpdate } from '../../src/model/mesos.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import { foldRemoval } from '../../src/observe/fold-removal.ts';
import { backoffMs, diskRetryMs, foldUpdate, healthyAfterMs } from '../../src/observe/fold-update.ts';
import { parseReport } from '../../src/observe/parse-report.ts';
import { leavePlace } from '../../src/plan/owned.ts';
import { makeBroker, makeDesired, makeEnded, makeRecord, makeTask, nowMs } from '../plan/builders.ts';

const desired = makeDesired();
const broker = makeBroker(1);
const policy = { stickinessPeriodMs: 600_000, failover: { delayMs: 10_000, maxDelayMs: 60_000 } };
const taskId = 'demo.1.1.t';
const running = makeRecord(desired, broker);

function withTask(changes: Parameters<typeof makeTask>[3], rest: Partial<BrokerRecord> = {}): BrokerRecord {
  if (running.placement === undefined) throw new Error('it has a placement');
  return { ...running, ...rest, task: makeTask(desired, broker, running.placement, changes) };
}

function fold(
  record: BrokerRecord,
  state: TaskState,
  change: Partial<TaskUpdate> = {},
  atMs = nowMs,
): BrokerRecord {
  return foldUpdate(record, { taskId, state, ...change }, policy, atMs);
}

const report = (changes: Partial<BrokerReport>): string =>
  JSON.stringify({ protocol: 1, phase: 'serving', ...changes });

test('what a recovery of its log took is no sign that a start hangs', () => {
  const sinceMs = nowMs - 3_600_000;
  const recovering = withTask({
    state: 'TASK_STARTING',
    stateSinceMs: sinceMs,
    report: { protocol: 1, phase: 'recovering', formatted: true },
  });
  const told = (phase: 'recovering' | 'starting') =>
    fold(recovering, 'TASK_STARTING', { data: report({ phase, formatted: true }) }).task?.stateSinceMs;
  assert.is(told('recovering'), sinceMs);
  assert.is(told('starting'), nowMs);
});

test('a duplicate is the same record, so that nothing is written', () => {
  const once = fold(withTask({ state: 'TASK_STARTING' }), 'TASK_RUNNING', { data: report({ jvmPid: 7 }) });
  assert.is(fold(once, 'TASK_RUNNING', { data: report({ jvmPid: 7 }) }, nowMs + 5_000), once);
  assert.is(once.task?.stateSinceMs, nowMs);
});

test('neither state nor report go back when an older update comes late', () => {
  const late = fold(running, 'TASK_STARTING', { data: report({ phase: 'fetching' }) });
  assert.is(late, running);
});

test('a late update still tells that the disk was formatted', () => {
  const late = fold({ ...running, formatted: false }, 'TASK_STARTING', {
    data: report({ phase: 'formatting', formatted: true }),
  });
  assert.ok(late.formatted);
  assert.is(late.task?.report?.phase, 'serving');
});

test('an end that the master told first leaves it open whether the disk was formatted', () => {
  const starting = withTask({ state: 'TASK_STARTING' }, { formatted: false });
  const ended = fold(starting, 'TASK_FAILED', { reason: 'AGENT_REREGISTERED' });
  assert.is(ended.task, undefined);
  assert.not(ended.formatted);
  assert.is(ended.mayBeFormatted, true);
  assert.is(leavePlace(ended, 'relocated', nowMs).leftBehind?.[0]?.formatted, true);
  assert.is(leavePlace(ended, 'relocated', nowMs).mayBeFormatted, undefined);
  // The agent sends what its executor had said all the same, in its order.
  const fetching = fold(ended, 'TASK_STARTING', { uuid: 'u1', data: report({ phase: 'fetching' }) });
  assert.is(fetching, ended);
  for (const [state, data] of [
    ['TASK_STARTING', report({ phase: 'formatting', formatted: true })],
    ['TASK_RUNNING', 'unreadable'],
  ] as const) {
    const told = fold(fetching, state, { uuid: 'u2', data });
    assert.ok(told.formatted);
    assert.is(told.mayBeFormatted, undefined);
    assert.is(told.last, ended.last);
    assert.is(fold(told, 'TASK_FAILED', { uuid: 'u3', reason: 'EXECUTOR_TERMINATED' }), told);
  }
  const { placement } = fetching;
  if (placement === undefined) return assert.unreachable();
  const elsewhere = { ...fetching, placement: { ...placement, boundAtMs: nowMs + 1 } };
  assert.is(fold(elsewhere, 'TASK_RUNNING', { uuid: 'u2' }), elsewhere, 'it ran in another place');
  // Neither is it known of a task that its agent has forgotten, nor of one that the master does not know.
  for (const change of [{ uuid: 'u', reason: 'RECONCILIATION' }, { reason: 'RECONCILIATION' }]) {
    assert.is(fold(starting, 'TASK_DROPPED', change).mayBeFormatted, true);
    assert.is(fold(starting, 'TASK_GONE', change).mayBeFormatted, true);
  }
});

test('a task that has run tells that its volumes were made; one of which nobody heard does not', () => {
  for (const seen of [true, false]) {
    const starting = withTask({ state: seen ? 'TASK_STARTING' : 'TASK_STAGING', seen }, { formatted: false });
    const ended = fold(starting, 'TASK_FAILED', { reason: 'AGENT_REREGISTERED' });
    assert.is(ended.volumesMade, seen || undefined);
    assert.is(leavePlace(ended, 'relocated', nowMs).volumesMade, undefined);
    assert.is(foldRemoval(starting, 'F', { stickinessPeriodMs: 1 }, nowMs).volumesMade, seen || undefined);
    // It is of no more interest once the format is known.
    assert.is(fold(ended, 'TASK_RUNNING', { uuid: 'u' }).volumesMade, undefined);
  }
});

test('an agent’s own end comes after all that its executor had said', () => {
  const starting = withTask({ state: 'TASK_STARTING' }, { formatted: false });
  for (const [state, change] of [
    ['TASK_FAILED', { uuid: 'u', reason: 'EXECUTOR_TERMINATED' }],
    ['TASK_FAILED', { data: report({ phase: 'stopped', formatted: false }) }],
    ['TASK_DROPPED', { reason: 'AGENT_DRAINING' }],
    ['TASK_ERROR', { reason: 'TASK_INVALID' }],
  ] as const) {
    const ended = fold(starting, state, change);
    assert.not(ended.formatted);
    assert.is(ended.mayBeFormatted, undefined);
    const { mayBeFormatted } = fold({ ...starting, mayBeFormatted: true }, state, change);
    assert.is(mayBeFormatted, true, 'it says nothing of those before it');
  }
});

test('formatted is never unlearnt, and the directory id is learnt', () => {
  const first = fold(withTask({ state: 'TASK_STARTING' }, { formatted: false }), 'TASK_STARTING', {
    data: report({ phase: 'formatting', formatted: true, directoryId: 'D' }),
  });
  assert.ok(first.formatted);
  assert.is(first.placement?.directoryId, 'D');
  const second = fold(first, 'TASK_RUNNING', { data: report({ formatted: false }) });
  assert.ok(second.formatted);
  const ended = fold(second, 'TASK_FAILED', { data: report({ formatted: false, phase: 'stopped' }) });
  assert.ok(ended.formatted);
});

test('a task of before changes nothing but its own entry', () => {
  const old = { taskId: 'old', agentId: 'a' };
  const record = { ...running, superseded: [old] };
  assert.is(foldUpdate(record, { taskId: 'old', state: 'TASK_RUNNING' }, policy, nowMs), record);
  const after = foldUpdate(record, { taskId: 'old', state: 'TASK_FAILED' }, policy, nowMs);
  assert.equal(after, { ...record, superseded: [] });
  const { last } = makeEnded(desired, broker);
  if (last === undefined) return assert.unreachable();
  const taken = { ...record, last: { ...last, taskId: 'old' } };
  const both = foldUpdate(taken, { taskId: 'old', state: 'TASK_FAILED' }, policy, nowMs);
  assert.equal(both, { ...taken, superseded: [] }, 'it had been taken for ended');
  const left = {
    incarnation: 'i',
    agentId: 'a',
    hostname: 'a',
    sinceMs: nowMs - 60_000,
    cause: 'relocated' as const,
    formatted: true,
  };
  const leaving = { ...record, leftBehind: [left, { ...left, agentId: 'b' }] };
  assert.equal(
    foldUpdate(leaving, { taskId: 'old', state: 'TASK_KILLED' }, policy, nowMs).leftBehind,
    [
      { ...left, sinceMs: nowMs, endedTaskId: 'old' },
      { ...left, agentId: 'b' },
    ],
    'an offer from before its end shows nothing of what it held',
  );
  assert.is(foldUpdate(running, { taskId: 'unheard-of', state: 'TASK_FAILED' }, policy, nowMs), running);
});

/** Said by the master now, of an agent that it misses since then. */
const missed = (forMs: number, masterMs = nowMs): Partial<TaskUpdate> => ({
  timestampMs: masterMs,
  unreachableSinceMs: masterMs - forMs,
});

for (const state of ['TASK_UNREACHABLE', 'TASK_LOST', 'TASK_UNKNOWN'] as const) {
  test(`${state} proves no death: the task stays, the timer starts once`, () => {
    const first = fold(running, state, { reason: 'AGENT_REMOVED', ...missed(60_000) });
    assert.is(first.task?.unreachableSinceMs, nowMs - 60_000);
    assert.is(first.failures, 0);
    const again = fold(first, 'TASK_UNREACHABLE', missed(10), nowMs + 1);
    assert.is(again, first, 'the timer is not wound up again');
  });
}

for (const reason of ['AGENT_REMOVED', 'RECONCILIATION']) {
  test(`${reason}: since when an agent is missed depends on no clock but the master's own`, () => {
    const since = (change: Partial<TaskUpdate>) =>
      fold(running, 'TASK_UNREACHABLE', { reason, ...change }).task?.unreachableSinceMs;
    for (const offMs of [-3 * 3_600_000, -20_000, 0, 20_000, 3 * 3_600_000]) {
      assert.is(since(missed(60_000, nowMs + offMs)), nowMs - 60_000, `the master's is off by ${offMs} ms`);
    }
    assert.is(since(missed(86_400_000)), nowMs - 86_400_000);
    assert.is(since(missed(-60_000)), nowMs, 'set back meanwhile');
    assert.is(since({ timestampMs: nowMs }), nowMs);
    assert.is(since({ unreachableSinceMs: nowMs - 86_400_000 }), nowMs);
  });
}

test('back from unreachable: the timer is gone and nothing else changed', () => {
  const gone = fold(running, 'TASK_UNREACHABLE');
  assert.equal(fold(gone, 'TASK_RUNNING'), running);
});

test('an end that comes of an unreachable agent counts stickiness from when it was first missed', () => {
  const gone = fold(running, 'TASK_UNREACHABLE', missed(100_000));
  const ended = fold(gone, 'TASK_GONE');
  assert.is(ended.task, undefined);
  assert.is(ended.stickyUntilMs, nowMs - 100_000 + policy.stickinessPeriodMs);
});

test('the operator’s word that the agent is gone ends the wait', () => {
  const gone = fold(withTask({ stateSinceMs: nowMs - 1_000 }, { failures: 3 }), 'TASK_GONE_BY_OPERATOR');
  assert.is(gone.stickyUntilMs, nowMs);
  assert.is(gone.failures, 3, 'it is no failure of the broker');
  assert.is(gone.retryAtMs, undefined, 'and is replaced at once');
});

test('the first failure is retried at once, the next with backoff up to the limit', () => {
  const young = withTask({ stateSinceMs: nowMs - 1_000 });
  const first = fold(young, 'TASK_FAILED', { message: 'exit 1' });
  assert.is(first.failures, 1);
  assert.is(first.retryAtMs, undefined);
  assert.is(first.last?.message, 'exit 1');
  assert.is(first.last?.ordered, false);
  const second = fold({ ...young, failures: 1 }, 'TASK_FAILED');
  assert.is(second.retryAtMs, nowMs + 10_000);
  assert.equal(
    [1, 2, 3, 4, 5, 99].map((failures) => backoffMs(policy, failures)),
    [0, 10_000, 20_000, 40_000, 60_000, 60_000],
  );
});

test('a disk that is full or failed is no failure of the broker, and is left alone for ten minutes', () => {
  for (const code of ['disk-full', 'disk-failed']) {
    const data = report({ phase: 'stopped', code, message: 'no room' });
    const ended = fold(withTask({ state: 'TASK_STARTING' }, { failures: 3 }), 'TASK_FAILED', { data });
    assert.is(ended.failures, 3);
    assert.is(ended.retryAtMs, nowMs + diskRetryMs);
    assert.is(ended.last?.code, code);
  }
  // The first end of another kind is tried at once, and an ordered one is not held back.
  const data = report({ phase: 'stopped', code: 'process-exited' });
  assert.is(fold(withTask({ state: 'TASK_STARTING' }), 'TASK_FAILED', { data }).retryAtMs, undefined);
  const kill = { cause: 'roll', detail: 'x', atMs: nowMs } as const;
  const stopped = fold(withTask({ state: 'TASK_RUNNING', kill }), 'TASK_FAILED', {
    data: report({ phase: 'stopped', code: 'disk-full' }),
  });
  assert.is(stopped.retryAtMs, undefined);
});

test('an executor that could not say why it ended is spoken for', () => {
  const end = (executorWaitStatus: number, more: Partial<TaskUpdate> = {}) =>
    fold(running, 'TASK_FAILED', {
      reason: 'EXECUTOR_TERMINATED',
      message: 'Executor terminated',
      executorWaitStatus,
      ...more,
    }).last;
  assert.match(end(69 << 8)?.message ?? '', '--agent-node');
  assert.is(end(69 << 8)?.code, 'runtime-unusable');
  assert.is(end(65 << 8)?.code, 'digest-mismatch');
  assert.is(end(70 << 8)?.message, 'Executor terminated (exit code 70)');
  assert.is(end(9)?.message, 'Executor terminated (by signal 9)');
  assert.is(end(-1)?.message, 'Executor terminated');
  assert.is(end(0)?.message, 'Executor terminated');
  const message =
    "Failed to launch container: Failed to fetch all URIs for container 'b961c691': exited with status 1";
  const fetch = fold(running, 'TASK_FAILED', { reason: 'CONTAINER_LAUNCH_FAILED', message }).last;
  assert.is(fetch?.code, 'fetch-failed');
  assert.match(fetch?.message ?? '', `${message}: the agent could not get the executor or Node`);
  const other = { reason: 'CONTAINER_LAUNCH_FAILED', message: 'Failed to launch container: no such user' };
  assert.is(fold(running, 'TASK_FAILED', other).last?.message, other.message);
  // Another cause, or one that said it itself, is left alone.
  assert.is(end(69 << 8, { reason: 'CONTAINER_LIMITATION_MEMORY', message: 'oom' })?.message, 'oom');
  const data = JSON.stringify({ protocol: 1, phase: 'stopped', code: 'port-taken', message: 'port 1' });
  assert.is(end(69 << 8, { data })?.code, 'port-taken');
});

test('DROPPED is retried with the same patience, ERROR says why', () => {
  const dropped = fold(
    withTask({ state: 'TASK_STAGING', stateSinceMs: nowMs }, { failures: 2 }),
    'TASK_DROPPED',
    {
      reason: 'INVALID_OFFERS',
    },
  );
  assert.is(dropped.retryAtMs, nowMs + 20_000);
  assert.is(dropped.last?.reason, 'INVALID_OFFERS');
  assert.is(fold(running, 'TASK_ERROR', { message: 'bad resources' }).last?.message, 'bad resources');
});

test('a launch that was dropped and lives after all is a former instance until its end', () => {
  const dropped = fold(withTask({ state: 'TASK_STAGING' }), 'TASK_DROPPED', { reason: 'INVALID_OFFERS' });
  const lives = fold(dropped, 'TASK_STARTING', { agentId: 'agent-1' });
  assert.equal(lives, { ...dropped, superseded: [{ taskId, agentId: 'agent-1' }] });
  assert.is(fold(lives, 'TASK_KILLING', { agentId: 'agent-1' }), lives);
  assert.equal(fold(lives, 'TASK_KILLED', { agentId: 'agent-1' }), dropped);
  // Of any other end its agent tells late what came before it.
  const failed = fold(withTask({}), 'TASK_FAILED');
  assert.is(fold(failed, 'TASK_RUNNING', { agentId: 'agent-1' }), failed);
});

test('flapping keeps its failures, a healthy while leaves them behind', () => {
  const flapping = withTask({ stateSinceMs: nowMs - healthyAfterMs + 1 }, { failures: 4 });
  assert.is(fold(flapping, 'TASK_FAILED').failures, 5);
  const healthy = withTask({ stateSinceMs: nowMs - healthyAfterMs }, { failures: 4 });
  assert.is(fold(healthy, 'TASK_FAILED').failures, 1);
});

test('what we ordered is no failure, and after a healthy while none are left', () => {
  const kill = { cause: 'roll', detail: 'x', atMs: nowMs } as const;
  const young = withTask({ stateSinceMs: nowMs - 1_000, kill }, { failures: 3 });
  const killed = fold(young, 'TASK_KILLED');
  assert.is(killed.failures, 3);
  assert.is(killed.retryAtMs, undefined);
  assert.ok(killed.last?.ordered);
  const healthy = withTask({ stateSinceMs: nowMs - healthyAfterMs, kill }, { failures: 3 });
  assert.is(fold(healthy, 'TASK_KILLED').failures, 0);
  const killing = fold(healthy, 'TASK_KILLING');
  assert.is(fold(killing, 'TASK_KILLED', {}, nowMs + 20_000).failures, 0, 'by way of TASK_KILLING too');
});

test('a drained agent is no failure of the broker', () => {
  const dropped = fold(withTask({ state: 'TASK_STAGING' }, { failures: 1 }), 'TASK_DROPPED', {
    reason: 'AGENT_DRAINING',
  });
  assert.is(
    dropped.retryAtMs,
    nowMs + policy.failover.delayMs,
    'but what it drops is not sent again at once',
  );
  const drained = fold(running, 'TASK_KILLED', { reason: 'AGENT_DRAINING' });
  assert.is(drained.failures, 0);
  assert.ok(drained.last?.ordered);
  assert.is(drained.stickyUntilMs, nowMs + policy.stickinessPeriodMs);
});

test('who is told to end, by whomever, did not fail; who always is backs off', () => {
  const young = withTask({ stateSinceMs: nowMs - 1_000 });
  const killed = fold(young, 'TASK_KILLED');
  assert.is(killed.failures, 0);
  assert.is(killed.retryAtMs, undefined);
  assert.not(killed.last?.ordered, 'it was not us');
  const again = (record: BrokerRecord): BrokerRecord =>
    fold({ ...record, ...(young.task && { task: young.task }) }, 'TASK_KILLED');
  assert.is(again(killed).failures, 1);
  const third = again(again(killed));
  assert.is(third.failures, 2);
  assert.is(third.retryAtMs, nowMs + policy.failover.delayMs);
  assert.is(fold(running, 'TASK_FAILED').failures, 1);
});

test('an agent that is stopped in order again and again makes no broker fail', () => {
  const young = withTask({ stateSinceMs: nowMs - 1_000 });
  const again = (record: BrokerRecord, code: string): BrokerRecord =>
    fold({ ...record, ...(young.task && { task: young.task }) }, 'TASK_KILLED', {
      data: JSON.stringify({ protocol: 1, phase: 'stopped', code }),
    });
  const twice = again(again(young, 'shut-down'), 'shut-down');
  assert.is(twice.failures, 0);
  assert.is(twice.retryAtMs, undefined);
  const killed = again(twice, 'stopped');
  assert.is(killed.failures, 0, 'the first KILL after it is one alone');
  assert.is(again(killed, 'stopped').failures, 1);
});

test('the sticky timer is in the record: it survives the scheduler, and the launches count on', () => {
  const ended = fold(running, 'TASK_FAILED');
  const { task: _task, ...kept } = JSON.parse(JSON.stringify(ended)) as BrokerRecord;
  assert.is(kept.stickyUntilMs, nowMs + policy.stickinessPeriodMs);
  assert.is(kept.launches, 1);
  assert.is(fold(makeEnded(desired, broker), 'TASK_FAILED').failures, 1, 'an end comes twice: counted once');
});

test('a clock that went back makes nobody healthy', () => {
  const future = withTask({ stateSinceMs: nowMs + 3_600_000 }, { failures: 2 });
  assert.is(fold(future, 'TASK_FAILED').failures, 3);
});

test('what is no report is none', () => {
  for (const data of [
    undefined,
    '',
    'x',
    '1',
    'null',
    '{}',
    '{"phase":3}',
    `{"phase":"${'x'.repeat(70_000)}"}`,
  ])
    assert.is(parseReport(data), undefined);
  assert.is(parseReport('{"protocol":1,"phase":"serving"}')?.phase, 'serving');
  const long = fold(running, 'TASK_FAILED', { message: 'x'.repeat(100_000) });
  assert.is(long.last?.message?.length, 2_000);
});

test('a report with fields of the wrong type is taken without them', () => {
  assert.equal(
    parseReport('{"phase":"stopped","message":5,"warnings":5,"jvmPid":"x","progress":{"doneBytes":1}}'),
    {
      phase: 'stopped',
    },
  );
  assert.equal(
    parseReport('{"phase":"fetching","warnings":["a",1],"progress":{"doneBytes":1,"totalBytes":2}}'),
    {
      phase: 'fetching',
      warnings: ['a'],
      progress: { doneBytes: 1, totalBytes: 2 },
    },
  );
});

test.run();
