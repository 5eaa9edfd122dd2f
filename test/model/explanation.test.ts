/** The first sentence of `describe broker`: why it does not run, whatever state it is in. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { explainBroker } from '../../src/model/explanation.ts';
import type { BrokerStatus, HeldSummary } from '../../src/model/status.ts';
import { broker, cluster, noonMs } from '../view/samples.ts';

const time = (atMs: number): string => `${Math.round((atMs - noonMs) / 60_000)}m`;

const answer = (changes: Partial<BrokerStatus>, held: readonly HeldSummary[] = []): string =>
  explainBroker(cluster({ brokers: [broker(0), broker(1, changes)], held }), 1, time)?.answer ?? '';

const waits = (why: string, more: object = {}) => ({ why, stalled: false, ...more });
const down = { agent: undefined, endpoint: undefined, startedAtMs: undefined } as object;
const lastEnd = { atMs: noonMs - 60_000, state: 'TASK_FAILED', why: 'exit status 1' };

test('every state has an answer, with its reason', () => {
  assert.is(
    answer({}),
    'Broker 1 runs on agent-2 since -12m and serves at 127.0.0.1:32000; all of its 12 replicas are in sync.',
  );
  assert.is(
    answer({ waiting: waits('catching up'), inSync: { inSync: 3, total: 12 } }),
    'Broker 1 runs on agent-2 since -12m, but: catching up; 3 of its 12 replicas are in sync.',
  );
  assert.is(
    answer({ drift: ['heap: 1 → 2', 'cpus: 1 → 2'], waiting: waits('one at a time: broker 0 is stopping') }),
    'Broker 1 runs on agent-2, and is to be restarted for heap: 1 → 2 and 1 more, once it may: one at a time: broker 0 is stopping.',
  );
  assert.is(
    answer({
      state: 'starting',
      phase: 'fetching',
      progress: { label: 'fetching', doneBytes: 1, totalBytes: 2 },
    }),
    'Broker 1 is starting on agent-2 since -12m: fetching (50 %).',
  );
  assert.is(
    answer({ state: 'starting', phase: 'starting', failures: 1, lastEnd }),
    'Broker 1 is starting on agent-2 since -12m: Kafka is coming up; it ended before at -1m (TASK_FAILED): exit status 1.',
  );
  assert.match(answer({ state: 'launching' }), /is being launched on agent-2/);
  assert.is(
    answer({ ...down, state: 'waiting', waiting: waits('no offer fits') }),
    'Broker 1 has never run: no offer fits.',
  );
  assert.is(
    answer({
      state: 'failed',
      lastEnd,
      waiting: waits('backs off after 2 failures in a row: exit status 1'),
    }),
    'Broker 1 does not run: it ended at -1m (TASK_FAILED): exit status 1.',
  );
  assert.is(
    answer({ state: 'failed', lastEnd, waiting: waits('waits for agent-2, where its data is') }),
    'Broker 1 does not run: it ended at -1m (TASK_FAILED): exit status 1; waits for agent-2, where its data is.',
  );
  assert.is(
    answer({ state: 'failed', lastEnd: { ...lastEnd, why: 'No route. Check it.' } }),
    'Broker 1 does not run: it ended at -1m (TASK_FAILED): No route. Check it.',
  );
  assert.is(answer({ state: 'failed' }), 'Broker 1 does not run: how it ended is not known.');
  assert.is(answer({ state: 'stopped' }), 'Broker 1 is kept stopped: the spec says state: stopped.');
  assert.is(
    answer({
      state: 'stopped',
      intent: { kind: 'stop', author: 'ann', atMs: 0, expiresAtMs: noonMs + 120_000, reason: 'disk swap' },
    }),
    'Broker 1 is kept stopped: ann asked for it to be stopped until 2m (disk swap).',
  );
  assert.match(
    answer({ state: 'unreachable' }),
    /^Whether broker 1 runs is not known: agent-2 is unreachable\.$/,
  );
  assert.match(answer({ state: 'unknown' }), /What became of broker 1 on agent-2 is not known/);
});

test('a stop says what it is for, by its step or by what was told of it', () => {
  const stopping = broker(1, { state: 'stopping' });
  const steps = [{ mark: '~', what: 'restart broker 1', why: ['heap: 1 → 2'], brokerId: 1 }];
  const said = (changes: object) =>
    explainBroker(cluster({ brokers: [stopping], ...changes }), 1, time)?.answer;
  assert.is(said({ steps }), 'Broker 1 is being stopped on agent-2: heap: 1 → 2.');
  const events = [
    {
      seq: 1,
      atMs: 0,
      brokerId: 1,
      severity: 'info' as const,
      message: 'restart broker 1',
      why: 'cpus: 1 → 2',
    },
  ];
  assert.is(said({ events }), 'Broker 1 is being stopped on agent-2: cpus: 1 → 2.');
  assert.is(said({}), 'Broker 1 is being stopped on agent-2.');
});

test('what it waits for comes with its times, its remedy and the offers that did not do', () => {
  const held: HeldSummary = {
    brokerId: 1,
    need: 'start broker 1',
    reason: 'no-matching-offer',
    message: 'no offer fits',
    remedy: 'add an agent',
    sinceMs: noonMs - 1,
    untilMs: noonMs + 1,
    stalled: false,
    details: [],
    offers: [{ agent: 'agent-3', atMs: noonMs, reasons: ['cpus 0.5 of 1'] }],
    silentAgents: ['agent-4'],
  };
  const other = { ...held, need: 'change broker 1', reason: 'not-yet-supported', message: 'no', offers: [] };
  const found = explainBroker(
    cluster({
      brokers: [broker(1, { state: 'waiting', waiting: waits('no offer fits', { remedy: 'add an agent' }) })],
      held: [held, other],
    }),
    1,
    time,
  );
  assert.equal(found?.wait, { sinceMs: noonMs - 1, remedy: 'add an agent', stalled: false });
  assert.equal(found?.offers, held.offers);
  assert.equal(found?.others, [other]);
});

test('one that left the spec is told by what keeps it; nobody knows any other', () => {
  const held: HeldSummary = {
    brokerId: 7,
    need: 'remove broker 7',
    reason: 'hosts-replicas',
    message: 'still hosts events-0',
    remedy: 'move them',
    stalled: true,
    details: [],
  };
  const status = cluster({ held: [held] });
  assert.is(
    explainBroker(status, 7, time)?.answer,
    'Broker 7 is no more in the spec, and still there: still hosts events-0.',
  );
  assert.is(explainBroker(status, 7, time)?.wait?.remedy, 'move them');
  assert.is(explainBroker(status, 8, time), undefined);
});

test.run();
