/**
 * Times that an earlier life of the scheduler wrote down, as far as this one can believe them. Within one
 * life the clock is steady; between two it may have been set back, or be another machine's. Elapsed time
 * is taken as the wall clocks have it; what lies in the future is what would prolong a wait for ever.
 */
import type { BrokerIntent, BrokerRecord, SpecRecord, TaskRecord } from '../model/records.ts';
import { diskRetryMs, type FoldPolicy } from './fold-update.ts';

/** Machines may differ by this much without anything being rewritten at each takeover. */
const slackMs = 10_000;

/** The record itself when nothing in it lies too far ahead: facts have happened, waits are no longer than they may be. */
export function boundTimes(record: BrokerRecord, policy: FoldPolicy, nowMs: number): BrokerRecord {
  const past = notAfter(nowMs);
  const {
    placement,
    task,
    last,
    intent,
    leftBehind,
    oldHome,
    growth,
    retryAtMs,
    stickyUntilMs,
    wantedSinceMs,
  } = record;
  const retryMs =
    retryAtMs === undefined
      ? undefined
      : notAfter(nowMs + Math.max(policy.failover.maxDelayMs, diskRetryMs))(retryAtMs);
  const bounded: BrokerRecord = {
    ...record,
    ...(placement === undefined ? {} : { placement: { ...placement, boundAtMs: past(placement.boundAtMs) } }),
    ...(task === undefined ? {} : { task: boundTask(task, past) }),
    ...(last === undefined ? {} : { last: { ...last, endedAtMs: past(last.endedAtMs) } }),
    ...(intent === undefined ? {} : { intent: boundIntent(intent, past) }),
    ...(retryMs === undefined ? {} : { retryAtMs: retryMs }),
    ...(stickyUntilMs === undefined
      ? {}
      : // It begins when a broker that backs off may start again.
        {
          stickyUntilMs: notAfter(Math.max(nowMs, retryMs ?? 0) + policy.stickinessPeriodMs)(stickyUntilMs),
        }),
    ...(leftBehind === undefined
      ? {}
      : { leftBehind: leftBehind.map((left) => ({ ...left, sinceMs: past(left.sinceMs) })) }),
    ...(oldHome === undefined
      ? {}
      : {
          oldHome: {
            ...oldHome,
            placement: { ...oldHome.placement, boundAtMs: past(oldHome.placement.boundAtMs) },
          },
        }),
    ...(growth?.sentAtMs === undefined ? {} : { growth: { ...growth, sentAtMs: past(growth.sentAtMs) } }),
    ...(wantedSinceMs === undefined ? {} : { wantedSinceMs: past(wantedSinceMs) }),
  };
  return JSON.stringify(bounded) === JSON.stringify(record) ? record : bounded;
}

export function boundSpec(spec: SpecRecord, nowMs: number): SpecRecord {
  const appliedAtMs = notAfter(nowMs)(spec.appliedAtMs);
  return appliedAtMs === spec.appliedAtMs ? spec : { ...spec, appliedAtMs };
}

function boundTask(task: TaskRecord, past: (atMs: number) => number): TaskRecord {
  const { unreachableSinceMs, kill } = task;
  return {
    ...task,
    launchedAtMs: past(task.launchedAtMs),
    stateSinceMs: past(task.stateSinceMs),
    ...(unreachableSinceMs === undefined ? {} : { unreachableSinceMs: past(unreachableSinceMs) }),
    ...(kill === undefined ? {} : { kill: { ...kill, atMs: past(kill.atMs) } }),
  };
}

/** It keeps its length: what was asked for an hour is over an hour after it was asked. */
function boundIntent(intent: BrokerIntent, past: (atMs: number) => number): BrokerIntent {
  const atMs = past(intent.atMs);
  const { expiresAtMs } = intent;
  return {
    ...intent,
    atMs,
    ...(expiresAtMs === undefined ? {} : { expiresAtMs: expiresAtMs - (intent.atMs - atMs) }),
  };
}

const notAfter =
  (limitMs: number) =>
  (atMs: number): number =>
    atMs > limitMs + slackMs ? limitMs : atMs;
