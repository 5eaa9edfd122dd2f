import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { boundSpec, boundTimes } from '../../src/observe/bound-times.ts';
import {
  makeBroker,
  makeDesired,
  makeEnded,
  makePlacement,
  makeRecord,
  makeSpec,
  makeTask,
  nowMs,
} from '../plan/builders.ts';

const desired = makeDesired();
const broker = makeBroker(1);
const placement = makePlacement('demo', broker);
const aheadMs = nowMs + 5 * 3_600_000;

test('times of the past stay as they are, however long ago, and so do those of a clock a little ahead', () => {
  const ended = makeEnded(desired, broker, { retryAtMs: nowMs + 5_000 });
  assert.is(boundTimes(ended, broker, nowMs), ended);
  assert.is(boundTimes(ended, broker, nowMs + 365 * 86_400_000), ended, 'elapsed time counts');
  const running = makeRecord(desired, broker);
  assert.is(boundTimes(running, broker, nowMs - 3_600_000 - 5_000), running);
});

test('no wait is longer than it may be by the spec', () => {
  const ended = makeEnded(desired, broker, { stickyUntilMs: aheadMs, retryAtMs: aheadMs });
  const bounded = boundTimes(ended, broker, nowMs);
  // The time in which only its agent will do begins when it may be started again.
  assert.is(bounded.stickyUntilMs, nowMs + broker.failover.maxDelayMs + broker.stickinessPeriodMs);
  const atOnce = boundTimes(makeEnded(desired, broker, { stickyUntilMs: aheadMs }), broker, nowMs);
  assert.is(atOnce.stickyUntilMs, nowMs + broker.stickinessPeriodMs);
  const wanted = boundTimes(makeEnded(desired, broker, { wantedSinceMs: aheadMs }), broker, nowMs);
  assert.is(wanted.wantedSinceMs, nowMs);
  assert.is(bounded.retryAtMs, nowMs + broker.failover.maxDelayMs);
  assert.is(boundTimes(bounded, broker, nowMs + 60_000), bounded, 'once, not again and again');
});

test('what an operator asked for an hour is over an hour after it was asked', () => {
  const asked = (atMs: number, expiresAtMs?: number) =>
    makeRecord(desired, broker, {
      intent: { kind: 'stop', author: 'ann', atMs, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) },
    });
  const ahead = asked(aheadMs, aheadMs + 3_600_000);
  assert.equal(boundTimes(ahead, broker, nowMs).intent, asked(nowMs, nowMs + 3_600_000).intent);
  assert.equal(boundTimes(asked(aheadMs), broker, nowMs).intent, asked(nowMs).intent);
  const past = asked(nowMs - 60_000, nowMs + 7 * 86_400_000);
  assert.is(boundTimes(past, broker, nowMs), past, 'however long it is for');
});

test('what has happened has happened by now', () => {
  const task = makeTask(desired, broker, placement, {
    stateSinceMs: aheadMs,
    launchedAtMs: aheadMs,
    unreachableSinceMs: aheadMs,
    kill: { cause: 'roll', detail: 'x', atMs: aheadMs },
  });
  const record = makeRecord(desired, broker, {
    oldHome: { placement: { ...placement, boundAtMs: aheadMs }, hasData: true },
    task,
    placement: { ...placement, boundAtMs: aheadMs },
  });
  const bounded = boundTimes(record, broker, nowMs);
  assert.is(bounded.task?.launchedAtMs, nowMs);
  assert.is(bounded.task?.stateSinceMs, nowMs);
  assert.is(bounded.task?.unreachableSinceMs, nowMs);
  assert.is(bounded.task?.kill?.atMs, nowMs);
  assert.is(bounded.placement?.boundAtMs, nowMs);
  assert.is(bounded.oldHome?.placement.boundAtMs, nowMs);
  const ended = makeEnded(desired, broker);
  const late = { ...ended, ...(ended.last && { last: { ...ended.last, endedAtMs: aheadMs } }) };
  assert.is(boundTimes(late, broker, nowMs).last?.endedAtMs, nowMs);
  const left = {
    ...{ incarnation: 'old', agentId: 'agent-9', hostname: 'agent-9', sinceMs: aheadMs },
    ...{ cause: 'removed' as const, formatted: true },
  };
  const growth = { revision: 1, attempts: 0, sentAtMs: aheadMs };
  const waiting = boundTimes({ ...record, leftBehind: [left], growth }, broker, nowMs);
  assert.is(waiting.leftBehind?.[0]?.sinceMs, nowMs);
  assert.is(waiting.growth?.sentAtMs, nowMs);
  const spec = { ...makeSpec(desired), appliedAtMs: aheadMs };
  assert.is(boundSpec(spec, nowMs).appliedAtMs, nowMs);
});

test.run();
