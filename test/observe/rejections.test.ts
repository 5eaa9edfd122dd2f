import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Held, Plan } from '../../src/model/plan.ts';
import { foldRejections, type RejectionMemory, withRejections } from '../../src/observe/rejections.ts';
import { describeHeld } from '../../src/plan/describe-held.ts';
import { nowMs } from '../plan/builders.ts';

const minuteMs = 60_000;
const waits = (need: string, ...rejected: readonly (readonly [string, string])[]): Held => ({
  clusterName: 'demo',
  need,
  reason: {
    kind: 'no-matching-offer',
    wanted: 'cpus 1',
    rejections: rejected.map(([agentId, why]) => ({
      offerId: `o-${agentId}`,
      agentId,
      hostname: agentId,
      reasons: [why],
    })),
  },
  stalled: false,
});
const planOf = (...held: readonly Held[]): Plan => ({ steps: [], held, declined: [] });

/** What is told of the first need after these passes, each some minutes after the first. */
function told(...passes: readonly (readonly [number, Plan])[]): readonly string[] {
  let memory: RejectionMemory = new Map();
  let last = planOf();
  for (const [minutes, plan] of passes) {
    memory = foldRejections(memory, plan, nowMs + minutes * minuteMs);
    last = withRejections(plan, memory);
  }
  const reason = last.held[0]?.reason;
  return reason?.kind === 'no-matching-offer' || reason?.kind === 'waiting-for-agent'
    ? (reason.rejections ?? []).map((r) => `${r.agentId}: ${r.reasons}`)
    : [];
}

test('what was given back is told while the broker waits, the last word of each agent, newest first', () => {
  const first = planOf(waits('start broker 3', ['a', 'cpus 0.5 of 1'], ['b', 'port 1']));
  assert.equal(told([0, first], [1, planOf(waits('start broker 3'))]), ['a: cpus 0.5 of 1', 'b: port 1']);
  const second = planOf(waits('start broker 3', ['b', 'mem 1 of 2']));
  assert.equal(told([0, first], [1, second]), ['b: mem 1 of 2', 'a: cpus 0.5 of 1']);
});

test('it is forgotten with the need, after a while, and never told of another need', () => {
  const first = planOf(waits('start broker 3', ['a', 'x']));
  assert.equal(told([0, first], [1, planOf()], [2, planOf(waits('start broker 3'))]), []);
  assert.equal(told([0, first], [15, planOf(waits('start broker 3'))]), []);
  assert.equal(told([0, first], [1, planOf(waits('start broker 4'))]), []);
});

test('a home that offered too little is remembered while its next offer is waited for', () => {
  const first = planOf(waits('start broker 3', ['a', 'port 31000 is not in the offer']));
  const home = { kind: 'waiting-for-agent', agentId: 'a', hostname: 'a', untilMs: nowMs } as const;
  const second = planOf({ clusterName: 'demo', need: 'start broker 3', reason: home, stalled: false });
  assert.equal(told([0, first], [1, second]), ['a: port 31000 is not in the offer']);
  const [held] = withRejections(second, foldRejections(new Map(), first, nowMs)).held;
  assert.match(held === undefined ? '' : describeHeld(held).message, /waits for a.*would not do: port 31000/);
});

test('it is bounded', () => {
  const many = Array.from({ length: 500 }, (_, i) => [`a${i}`, 'x'] as const);
  assert.is(told([0, planOf(waits('start broker 3', ...many))]).length, 100);
});

test.run();
