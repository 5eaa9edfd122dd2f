/** A relocation that was stored and came to nothing, or of which nobody heard: orders of events over several passes. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TaskState, TaskUpdate } from '../../src/model/mesos.ts';
import type { PlanInput } from '../../src/model/observed.ts';
import type { BrokerRecord, TaskRecord } from '../../src/model/records.ts';
import { foldRemoval } from '../../src/observe/fold-removal.ts';
import { foldUpdate } from '../../src/observe/fold-update.ts';
import { isOrMayBeFormatted, leavePlace } from '../../src/plan/owned.ts';
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
const unheard = `${ended}, mayBeFormatted: true`;
const longAway = `state: unreachable, agent: agent-7, formatted: false, since: -1h, ${left}`;
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
  const serving = 'isr: { events-0: [4] }, serves: [4]';
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
  assert.equal([taken.mayBeFormatted, taken.volumesMade], [true, true]);
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
  const states = (record: BrokerRecord): unknown => record.oldHome && isOrMayBeFormatted(record);
  const heard = (phase: string) => fold(starting, 'TASK_STARTING', said({ phase, formatted: true }));
  assert.is(states(heard('formatting')), true);
  assert.ok(heard('formatting').formatted);
  assert.is(states(heard('starting')), true);
  assert.is(states(fold(starting, 'TASK_RUNNING', { uuid: 'u' })), undefined);
  assert.is(states(fold(starting, 'TASK_FAILED', said({ phase: 'stopped', code: 'fetch-failed' }))), false);
  const told = fold(starting, 'TASK_GONE', { reason: 'RECONCILIATION' });
  assert.is(states(told), true, 'nobody heard what it did last');
  assert.is(states(fold(told, 'TASK_RUNNING', { uuid: 'u' })), undefined, 'its word came late');
  assert.is(states(foldRemoval(starting, 'F', policy, nowMs)), true);
});

const inSyncElsewhere = 'fenced: [4], isr: { events-0: [5] }';

test('nobody goes back to an outdated disk while the task at the new place may be alive', () => {
  // It reported its start at the new place, and its agent is out of reach past the period; the old disk is offered.
  const away = withRecord(inputOf(longAway, [oldDisk, '{ agent: agent-8 }'], inSyncElsewhere), {
    ...recordOf(inputOf(`${longAway}`, [])),
    formatted: true,
  });
  const world = {
    ...away,
    mesos: { ...away.mesos, answeredTasks: new Set([recordOf(away).task?.taskId ?? '']) },
  };
  const stored = storedBy(world);
  // The launch is never sent. The task at agent-7 is back, in sync, then the last one, and is stopped.
  const over = fold(stored, 'TASK_DROPPED', { reason: 'INVALID_OFFERS' });
  const back = withRecord(inputOf(ended, [oldDisk, '{ agent: agent-7, reserved: [{ broker: 4 }] }']), {
    ...over,
    superseded: [],
  });
  assert.not.match(show(back), /start broker 4 on agent-5/, show(back));
});

test('an agent that lost its executor may not have passed on that Kafka was started', () => {
  const starting = launched({ state: 'TASK_STARTING', seen: true });
  const formatting = fold(starting, 'TASK_STARTING', said({ phase: 'formatting', formatted: true }));
  const gone = fold(formatting, 'TASK_FAILED', { uuid: 'u', reason: 'EXECUTOR_TERMINATED' });
  const world = withRecord(inputOf(ended, [newDisk, oldDisk]), gone);
  assert.match(show(world), /storage find/, show(world));
});

test('a release that did not know the old home let it serve for long', () => {
  // What it leaves: formatted by TASK_RUNNING, stopped in order, the old home as it was.
  const old = { ...recordOf(inputOf(ended, [])), formatted: true };
  const world = withRecord(inputOf(ended, [newDisk, oldDisk]), old);
  assert.not.match(show(world), /start broker 4 on agent-5/, show(world));
});

test('a launch that came twice lives at the new place, whatever is heard of its end', () => {
  const dropped = fold(launched(), 'TASK_DROPPED', { reason: 'INVALID_OFFERS' });
  const lives = fold(dropped, 'TASK_STARTING', {
    agentId: 'agent-7',
    ...said({ phase: 'fetching', formatted: false }),
  });
  const over = fold(lives, 'TASK_GONE', { reason: 'RECONCILIATION', agentId: 'agent-7' });
  assert.equal([over.superseded.length, over.mayBeFormatted], [0, true]);
});

test('with a task out of reach at the new place it is told that the data may be there', () => {
  const away = withRecord(inputOf(longAway, [oldDisk]), launched({ unreachableSinceMs: nowMs - 3_600_000 }));
  const world = {
    ...away,
    mesos: { ...away.mesos, answeredTasks: new Set([recordOf(away).task?.taskId ?? '']) },
  };
  assert.match(show(world), /its data was on agent-5, and may be on agent-7 by now/);
});

test('a disk that is known to have been formatted, and is empty, is a lost one', () => {
  const finding = { ...storedBy(inputOf(unheard, [newDisk, oldDisk])), formatted: true };
  const empty = fold(finding, 'TASK_FAILED', said({ phase: 'stopped', code: 'never-used' }));
  assert.ok(empty.formatted);
  assert.not.match(
    show(withRecord(inputOf(ended, [newDisk, oldDisk]), empty)),
    /start broker 4 on agent-5/,
    'what was written since is not there either',
  );
  const unused = fold(
    finding,
    'TASK_FAILED',
    said({ phase: 'stopped', code: 'never-used', formatted: true }),
  );
  assert.not(unused.formatted);
});

test('a framework was removed: its task may still be ending at the new place, and hold its volumes', () => {
  const removed = foldRemoval(launched(), 'F', policy, nowMs - 60_000);
  const world = withRecord(inputOf(ended, [newAgent, oldDisk]), removed);
  assert.not.match(show(world), /start broker 4 on agent-5/, show(world));
});

test('of several places that were left all are named', () => {
  const there = { ...recordOf(inputOf(longAway, [])), formatted: true };
  const { task: _away, ...left } = leavePlace(there, 'relocated', nowMs);
  const { placement } = there;
  if (placement === undefined) return assert.unreachable();
  const third = { ...placement, incarnation: 'third', agentId: 'agent-8', hostname: 'agent-8' };
  const text = show(withRecord(inputOf(ended, ['{ agent: agent-8 }']), { ...left, placement: third }));
  assert.match(text, /its data was on agent-7 or agent-5/, text);
});

test('to replace the new place, where it never served, is to go back', () => {
  const intent = { kind: 'replace', author: 'ann', atMs: nowMs, incarnation: 'i4', acceptLoss: [] } as const;
  const world = inputOf(ended, ['{ agent: agent-8 }', oldDisk]);
  const asked = withRecord(world, { ...recordOf(world), intent });
  assert.match(show(asked), /start broker 4 on agent-5/, show(asked));
});

test('what the new place refuses or fails at keeps nobody from the old one', () => {
  const failed = fold(launched({ seen: true }), 'TASK_FAILED', said({ phase: 'stopped', code: 'disk-full' }));
  const spec = inputOf(ended, []).clusters[0]?.spec.revision ?? 1;
  for (const over of [
    { ...failed, retryAtMs: nowMs + 500_000 },
    fold(launched({ revision: spec }), 'TASK_ERROR', { message: 'refused' }),
  ]) {
    const world = withRecord(inputOf(ended, [newAgent, oldDisk]), over);
    assert.match(show(world), /start broker 4 on agent-5/, show(world));
  }
});

test('a last word that comes twice tells nothing new', () => {
  const starting = launched({ state: 'TASK_STARTING', seen: true });
  const word = said({ phase: 'stopped', code: 'fetch-failed' });
  const once = fold(starting, 'TASK_FAILED', word);
  assert.equal(fold(once, 'TASK_FAILED', word), once);
  const finding = storedBy(inputOf(unheard, [newDisk, oldDisk]));
  const unused = said({ phase: 'stopped', code: 'never-used', formatted: true });
  const found = fold({ ...finding, formatted: true }, 'TASK_FAILED', unused);
  assert.not(found.formatted);
  assert.equal(fold(found, 'TASK_FAILED', unused), found);
});

test.run();
