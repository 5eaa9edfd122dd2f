/** A relocation that was stored and came to nothing, or of which nobody heard: orders of events over several passes. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TaskState, TaskUpdate } from '../../src/model/mesos.ts';
import type { PlanInput } from '../../src/model/observed.ts';
import type { BrokerRecord, TaskRecord } from '../../src/model/records.ts';
import { foldRemoval } from '../../src/observe/fold-removal.ts';
import { foldUpdate } from '../../src/observe/fold-update.ts';
import { leavePlace } from '../../src/plan/owned.ts';
import { plan } from '../../src/plan/plan.ts';
import { parseSpec } from '../../src/spec/parse.ts';
import { nowMs } from './builders.ts';
import { readObserved } from './observed-yaml.ts';
import { renderPlan } from './render-plan.ts';

const spec = readFileSync(new URL('golden/relocated-in-vain-goes-back/spec.yaml', import.meta.url), 'utf8');
const policy = { stickinessPeriodMs: 600_000, failover: { delayMs: 1_000, maxDelayMs: 10_000 } };

/** The broker was on agent-5, and its new place is on agent-7; it is the last in sync of a partition. */
const left = 'left: [{ agent: agent-5, incarnation: old }], oldHome: agent-5';
const oldDisk = '{ agent: agent-5, ports: 31500-31599, reserved: [{ broker: 4, incarnation: old }] }';
const newDisk = '{ agent: agent-7, reserved: [{ broker: 4 }] }';
const newAgent = '{ agent: agent-7 }';
const lastInSync = 'fenced: [4], isr: { events-0: [4] }';

function inputOf(broker: string, offers: readonly string[], kafka = lastInSync): PlanInput {
  const text = [
    'clusters:',
    '  demo:',
    `    brokers: { 4: { ${broker} } }`,
    `    kafka: { ${kafka} }`,
    'mesos: { suppressed: false }',
    'offers:',
    ...offers.map((o) => `  - ${o}`),
    '',
  ].join('\n');
  const { clusters } = parseSpec([{ path: 'spec.yaml', text: spec }]);
  return readObserved(
    text,
    clusters.map((c) => c.desired),
  );
}

const ended = `state: ended, agent: agent-7, formatted: false, since: -5m, ${left}`;
const unheard = `${ended}, mayBeFormatted: true, outdated: true`;
const outOfReach = `state: unreachable, agent: agent-7, formatted: false, since: -5m, ${left}`;

const show = (world: PlanInput): string => renderPlan(plan(world), nowMs);

function recordOf(world: PlanInput): BrokerRecord {
  const found = world.clusters[0]?.brokers.get(4);
  if (found === undefined) throw new Error('it has no record');
  return found;
}

function withRecord(world: PlanInput, record: BrokerRecord): PlanInput {
  return {
    ...world,
    clusters: world.clusters.map((c) => ({ ...c, brokers: new Map([...c.brokers, [record.id, record]]) })),
  };
}

/** What this pass stores of it. */
function storedBy(world: PlanInput): BrokerRecord {
  for (const { action } of plan(world).steps) {
    if (action.kind === 'broker' && action.record.id === 4) return action.record;
  }
  throw new Error(`nothing is stored of it:\n${show(world)}`);
}

function fold(record: BrokerRecord, state: TaskState, change: Partial<TaskUpdate> = {}): BrokerRecord {
  const taskId = record.task?.taskId ?? record.last?.taskId ?? '';
  return foldUpdate(record, { taskId, state, ...change }, policy, nowMs - 60_000);
}
const said = (report: Readonly<Record<string, unknown>>): Partial<TaskUpdate> => ({
  uuid: 'u',
  data: JSON.stringify({ protocol: 1, ...report }),
});

function launched(changes: Partial<TaskRecord> = {}): BrokerRecord {
  const record = recordOf(inputOf(outOfReach, []));
  if (record.task === undefined) throw new Error('it has a task');
  const { report: _none, unreachableSinceMs: _away, ...task } = record.task;
  return { ...record, task: { ...task, state: 'TASK_STAGING', seen: false, ...changes } };
}
const silent = (): BrokerRecord => launched({ unreachableSinceMs: nowMs - 300_000 });
const isOn = (record: BrokerRecord): string | undefined => record.placement?.agentId;

test('an empty volume is never formatted while what it had may be the last in sync', () => {
  for (const [why, world] of Object.entries({
    'its agent began anew under another id': inputOf(unheard, [
      '{ agent: agent-7b, hostname: agent-7 }',
      oldDisk,
    ]),
    'its volume was made and its launch lost': inputOf(unheard, [newDisk, oldDisk]),
    'its task is out of reach': withRecord(inputOf(outOfReach, [newDisk, oldDisk]), silent()),
  })) {
    assert.not.match(show(world), /storage join/, why);
  }
});

test('nothing is started, here or there, while Kafka still sees an instance of it', () => {
  const serving = 'isr: { events-0: [4] }';
  for (const broker of [ended, unheard]) {
    const world = inputOf(broker, [newDisk, oldDisk], serving);
    assert.not.match(show(world), /LAUNCH/);
    assert.match(show(world), /waiting for Kafka to miss its former instance/);
  }
});

test('nobody goes back to a place of which it is not certain that it has data', () => {
  const world = inputOf(ended, [newAgent, oldDisk]);
  const record = recordOf(world);
  if (record.oldHome === undefined) return assert.unreachable();
  const unsure = { ...record, oldHome: { ...record.oldHome, hasData: false } };
  assert.not.match(show(withRecord(world, unsure)), /LAUNCH/);
});

test('one whose task was given up unheard stays with its volume, whatever the next launch comes to', () => {
  const reporting = launched({
    state: 'TASK_STARTING',
    seen: true,
    unreachableSinceMs: nowMs - 300_000,
    report: { protocol: 1, phase: 'fetching', formatted: false },
  });
  for (const was of [silent(), reporting]) {
    const next = storedBy(withRecord(inputOf(outOfReach, [newDisk]), was));
    assert.is(isOn(next), 'agent-7', 'its volume is offered');
    for (const over of [
      fold(next, 'TASK_DROPPED', { reason: 'INVALID_OFFERS' }),
      fold(next, 'TASK_FAILED', said({ phase: 'fetching', formatted: false })),
    ]) {
      const world = withRecord(inputOf(ended, [newDisk, oldDisk]), over);
      assert.is(isOn(storedBy(world)), 'agent-7', show(world));
      assert.match(show(world), /storage find/);
    }
  }
});

test('a disk that was found never to have been used proves that it did not serve there', () => {
  const finding = storedBy(inputOf(unheard, [newDisk, oldDisk]));
  const refused = fold(finding, 'TASK_FAILED', said({ phase: 'stopped', code: 'never-used' }));
  assert.is(refused.mayBeFormatted, undefined);
  assert.is(refused.volumesMade, undefined);
  assert.equal([refused.failures, refused.retryAtMs], [finding.failures, undefined], 'it was sent to look');
  const back = storedBy(withRecord(inputOf(ended, [newDisk, oldDisk]), refused));
  assert.is(isOn(back), 'agent-5');
  // Without a place to go back to the code means nothing: what was formatted stays formatted.
  const { oldHome: _none, ...plain } = finding;
  const same = fold(
    { ...plain, formatted: true },
    'TASK_FAILED',
    said({ phase: 'stopped', code: 'never-used' }),
  );
  assert.ok(same.formatted);
});

test('what was at the new place is kept until the old disk is in sync', () => {
  const world = inputOf(ended, [newDisk, oldDisk]);
  const back = storedBy(world);
  assert.is(isOn(back), 'agent-5');
  assert.equal([back.formatted, back.oldHome], [true, undefined]);
  assert.equal(
    back.leftBehind?.map((l) => [l.incarnation, l.formatted]),
    [['i4', true]],
  );
  assert.not.match(show(withRecord(world, back)), /DESTROY/);
});

test('taken for stopped, it may have formatted its volume and served on it', () => {
  const world = inputOf(outOfReach, [newDisk]);
  const stopped: PlanInput = {
    ...world,
    clusters: world.clusters.map(({ spec: { desired, ...rest }, ...c }) => ({
      ...c,
      spec: {
        ...rest,
        desired: {
          ...desired,
          brokers: desired.brokers.map((b) => (b.id === 4 ? { ...b, state: 'stopped' as const } : b)),
        },
      },
    })),
  };
  const taken = storedBy(stopped);
  assert.equal([taken.mayBeFormatted, taken.volumesMade, taken.oldHome?.mayBeOutdated], [true, true, true]);
});

test('a replacement that was never carried out is asked for again, and does not go back', () => {
  const running = recordOf(inputOf('agent: agent-5, formatted: true', []));
  const incarnation = running.placement?.incarnation ?? '';
  const { task, ...rest } = running;
  const there = recordOf(inputOf('state: ended, agent: agent-7, formatted: false, since: -5m', []));
  if (there.placement === undefined) return assert.unreachable();
  const placement = { ...there.placement, incarnation: 'new' };
  const replaced = (acceptLoss: readonly string[]): BrokerRecord => {
    const intent = { kind: 'replace', author: 'ann', atMs: nowMs, incarnation, acceptLoss } as const;
    const superseded = [{ taskId: task?.taskId ?? '', agentId: 'agent-5' }];
    return { ...there, ...leavePlace({ ...rest, superseded, intent }, 'relocated', nowMs), placement };
  };
  const offers = [newAgent, '{ agent: agent-5, ports: 31500-31599, reserved: [{ broker: 4 }] }'];
  const world = inputOf('state: ended, agent: agent-5, since: -5m', offers);
  const held = show(withRecord(world, replaced([])));
  assert.not.match(held, /LAUNCH/);
  assert.match(held, /start broker 4 empty on agent-7: must not be relocated: 1 partition would lose data/);
  assert.match(
    show(withRecord(world, replaced(['events-0']))),
    /LAUNCH .*storage join/,
    'it was consented to',
  );
  const { intent: _back, ...resumed } = replaced([]);
  assert.is(isOn(storedBy(withRecord(world, resumed))), 'agent-5', 'taken back, its disk is its home');
});

test('where the new place has no volume of Mesos, an offer without one proves nothing', () => {
  const world = inputOf(unheard, [newAgent, oldDisk]);
  const record = recordOf(world);
  if (record.placement === undefined) return assert.unreachable();
  const volumes = record.placement.volumes.map(({ persistenceId: _none, ...v }) => ({
    ...v,
    kind: 'hostPath' as const,
    path: '/srv/kafka',
  }));
  const text = show(withRecord(world, { ...record, placement: { ...record.placement, volumes } }));
  assert.match(text, /storage find/, text);
});

test('an offer proves that no volume was made only when it came late enough, and from that agent', () => {
  const held = (offer: string, more: Partial<PlanInput['mesos']> = {}): boolean => {
    const world = inputOf(unheard, [offer, oldDisk]);
    return !/LAUNCH/.test(show({ ...world, mesos: { ...world.mesos, ...more } }));
  };
  assert.not(held(newAgent));
  assert.ok(held('{ agent: agent-7, received: -299s }'), 'its task may still have had them');
  assert.ok(held('{ agent: agent-8 }'), 'it is another agent');
  assert.ok(
    held(newAgent, { answeredOffers: new Map([['agent-7', nowMs - 2_000]]) }),
    'another offer had the rest',
  );
  const made = inputOf(`${unheard}, volumesMade: true`, [newAgent, oldDisk]);
  assert.not.match(show(made), /LAUNCH/, 'they were made, and are lost');
});

test('an agent that is gone for good leaves the old disk to whoever consents to the loss', () => {
  const gone = fold(launched(), 'TASK_GONE_BY_OPERATOR');
  const world = inputOf(ended, [oldDisk]);
  assert.match(show(withRecord(world, gone)), /its data was on agent-5, and may be on agent-7 by now/);
  const incarnation = gone.placement?.incarnation ?? '';
  const intent = {
    kind: 'replace',
    author: 'ann',
    atMs: nowMs,
    incarnation,
    acceptLoss: ['events-0'],
  } as const;
  assert.is(storedBy(withRecord(world, { ...gone, intent })).placement?.incarnation, 'old');
});

test('no third place without the gate, and the first one is not forgotten on the way', () => {
  const intent = { kind: 'replace', author: 'ann', atMs: nowMs, incarnation: 'i4', acceptLoss: [] } as const;
  const asked = { ...recordOf(inputOf(ended, [])), intent };
  assert.not.match(show(withRecord(inputOf(ended, ['{ agent: agent-8 }']), asked)), /LAUNCH/);
  const sure = leavePlace(recordOf(inputOf(ended, [])), 'relocated', nowMs);
  assert.equal([sure.oldHome?.placement.agentId, sure.oldHome?.hasData], ['agent-5', true]);
  const doubtful = leavePlace(recordOf(inputOf(unheard, [])), 'relocated', nowMs);
  assert.equal([doubtful.oldHome?.placement.agentId, doubtful.oldHome?.hasData], ['agent-7', false]);
  assert.is(leavePlace(recordOf(inputOf(ended, [])), 'removed', nowMs).oldHome, undefined);
});

test('only what serves at the new place forgets the old one, and what may have served puts it in doubt', () => {
  const starting = launched({ state: 'TASK_STARTING', seen: true });
  const states = (record: BrokerRecord): unknown => record.oldHome && (record.oldHome.mayBeOutdated ?? false);
  const heard = (phase: string) => fold(starting, 'TASK_STARTING', said({ phase, formatted: true }));
  assert.is(states(heard('formatting')), false);
  assert.ok(heard('formatting').formatted);
  assert.is(states(heard('starting')), true);
  assert.is(states(fold(starting, 'TASK_RUNNING', { uuid: 'u' })), undefined);
  assert.is(states(fold(starting, 'TASK_FAILED', said({ phase: 'stopped', code: 'fetch-failed' }))), false);
  const told = fold(starting, 'TASK_GONE', { reason: 'RECONCILIATION' });
  assert.is(states(told), true, 'nobody heard what it did last');
  assert.is(states(fold(told, 'TASK_RUNNING', { uuid: 'u' })), undefined, 'its word came late');
  assert.is(states(foldRemoval(starting, 'F', policy, nowMs)), true);
});

test.run();
