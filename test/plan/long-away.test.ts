/** What was kept down, left or refused for long: where it starts again, and what nobody waits for. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Plan } from '../../src/model/plan.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import { foldUpdate } from '../../src/observe/fold-update.ts';
import { askNothing } from '../../src/plan/intents.ts';
import { leavePlace } from '../../src/plan/owned.ts';
import { plan } from '../../src/plan/plan.ts';
import {
  makeBroker,
  makeDesired,
  makeEnded,
  makeInput,
  makeKafka,
  makeMemory,
  makeOffer,
  makePlacement,
  makeRecord,
  makeSpec,
  makeTask,
  nowMs,
} from './builders.ts';

const dayMs = 86_400_000;
const follower = makeBroker(3, { roles: ['broker'] });
const desired = makeDesired({ brokers: [...[0, 1, 2].map((id) => makeBroker(id)), follower] });

/** Broker 3 is down, and another agent than its own offers. */
function planOf(record: BrokerRecord, spec = makeSpec(desired)): Plan {
  const kafka = makeKafka(desired);
  const brokers = kafka.brokers.map((b) => (b.id === 3 ? { ...b, fenced: true } : b));
  return plan(
    makeInput([{ ...makeMemory(spec.desired, [record]), spec }], {
      kafka: { demo: { known: true, value: { ...kafka, brokers } } },
      mesos: { offers: [makeOffer('agent-9')] },
    }),
  );
}

const starts = ({ steps }: Plan): readonly string[] =>
  steps.flatMap(({ what }) => (what.startsWith('start broker 3') ? [what] : []));

function endedLongAgo(change: Partial<NonNullable<BrokerRecord['last']>>): BrokerRecord {
  const ended = makeEnded(desired, follower, { stickyUntilMs: nowMs - dayMs + 600_000 });
  if (ended.last === undefined) throw new Error('it has ended');
  return { ...ended, last: { ...ended.last, endedAtMs: nowMs - dayMs, ...change } };
}

test('a stop whose time is over waits for its agent first, in the very pass that sees it', () => {
  const record: BrokerRecord = {
    ...endedLongAgo({ state: 'TASK_KILLED', ordered: true }),
    intent: { kind: 'stop', author: 'ann', atMs: nowMs - dayMs, expiresAtMs: nowMs - 1 },
  };
  assert.equal(starts(planOf(record)), []);
});

test('one that had failed and was kept down by the spec is missed only once it is wanted again', () => {
  const failed = endedLongAgo({});
  const stopped = makeDesired({
    brokers: desired.brokers.map((b) => (b.id === 3 ? { ...b, state: 'stopped' as const } : b)),
  });
  const step = planOf(failed, makeSpec(stopped)).steps.find((s) => s.what === 'take broker 3 for stopped');
  if (step?.action.kind !== 'broker') return assert.unreachable('nobody remembers that it was kept down');
  assert.equal(step.action.record, { ...failed, last: { ...failed.last, ordered: true } });
  assert.not(
    planOf(step.action.record, makeSpec(stopped)).steps.some(({ what }) => what.includes('for stopped')),
    'once',
  );
  const again = { ...makeSpec(desired), revision: 3, appliedAtMs: nowMs - 1_000 };
  assert.equal(starts(planOf(step.action.record, again)), []);
  assert.equal(starts(planOf(failed, again)).length, 1, 'it was wanted all the time');
});

test('what Mesos refused is tried again when a person asks for it, at the same revision', () => {
  const refused = endedLongAgo({ state: 'TASK_ERROR', revision: 1, message: 'user kafka is not allowed' });
  const isHeld = (record: BrokerRecord): boolean =>
    planOf(record).held.some((h) => h.reason.kind === 'refused-by-mesos');
  assert.ok(isHeld(refused));
  assert.not(isHeld(askNothing(refused, nowMs)));
});

test('a first voter without a record of its own does not leave without a word', () => {
  const two = makeDesired({ brokers: [0, 1].map((id) => makeBroker(id)) });
  const { cluster } = makeMemory(makeDesired());
  if (cluster === undefined) return assert.unreachable();
  const { held } = plan(makeInput([makeMemory(two, [], cluster)]));
  assert.equal(
    held.map(({ brokerId, need, reason }) => [brokerId, need, reason.kind]),
    [[2, 'remove broker 2', 'not-yet-supported']],
  );
});

test('nothing is waited for on an agent that was marked gone', () => {
  const record = makeRecord(desired, follower);
  const { task } = record;
  if (task === undefined) return assert.unreachable();
  const gone = foldUpdate(record, { taskId: task.taskId, state: 'TASK_GONE_BY_OPERATOR' }, follower, nowMs);
  assert.is(leavePlace(gone, 'relocated', nowMs).leftBehind, undefined);
  const away = { ...record, task: { ...task, unreachableSinceMs: nowMs - dayMs } };
  const left = leavePlace(away, 'relocated', nowMs - dayMs);
  assert.is(left.leftBehind?.length, 1, 'it may come back');
  // Asked by a name that no task ever had, the master tells it of the agent.
  const asked = planOf(left).steps.flatMap(({ action }) =>
    action.kind === 'mesos' && action.call.kind === 'reconcile-tasks' ? action.call.tasks : [],
  );
  const [question] = asked.filter(({ taskId }) => taskId.startsWith('place-'));
  if (question === undefined) return assert.unreachable('nobody asks');
  assert.is(question.agentId, 'agent-4');
  const { taskId } = question;
  assert.is(foldUpdate(left, { taskId, state: 'TASK_UNREACHABLE' }, follower, nowMs), left);
  assert.is(foldUpdate(left, { taskId, state: 'TASK_GONE' }, follower, nowMs), left, 'the agent is there');
  assert.is(
    foldUpdate(left, { taskId, state: 'TASK_GONE_BY_OPERATOR' }, follower, nowMs).leftBehind,
    undefined,
  );
});

/** Broker 3 has left the spec, and its machine died; the master has forgotten the agent. */
function withoutItsMachine(goneForMs: number, mesos: Parameters<typeof makeInput>[1] = {}) {
  const spec = makeDesired({ brokers: desired.brokers.filter((b) => b.id !== 3) });
  const unreachableSinceMs = nowMs - goneForMs;
  const running = makeRecord(desired, follower);
  const task = {
    ...(running.task ?? makeTask(desired, follower, makePlacement('demo', follower))),
    unreachableSinceMs,
  };
  const record = { ...running, task };
  const policy = { stickinessPeriodMs: 600_000, failover: { delayMs: 1_000, maxDelayMs: 10_000 } };
  const unknown = {
    taskId: task.taskId,
    agentId: 'agent-4',
    state: 'TASK_UNKNOWN',
    reason: 'RECONCILIATION',
  } as const;
  assert.is(foldUpdate(record, unknown, policy, nowMs), record, 'this is all that Mesos ever says again');
  const planned = (one: BrokerRecord, strangers: readonly { taskId: string; agentId: string }[] = []) =>
    plan(makeInput([makeMemory(spec, [one])], { ...mesos, mesos: { strangers, ...mesos.mesos } }));
  const made = planned(record);
  const [left] = made.steps.flatMap((s) =>
    s.action.kind === 'broker' && s.what.startsWith('give up the place of broker 3') ? [s.action.record] : [],
  );
  return { made, record, left, planned, policy };
}

test('a broker leaves the spec without its machine, once Kafka does without it', () => {
  const { left, planned, policy, record } = withoutItsMachine(30 * dayMs);
  if (left === undefined) throw new Error('it was kept');
  const former = { taskId: record.task?.taskId ?? '', agentId: 'agent-4' };
  assert.equal([left.task, left.placement, left.superseded], [undefined, undefined, [former]]);
  assert.equal(
    left.leftBehind?.map((l) => [l.agentId, l.cause, l.formatted]),
    [['agent-4', 'removed', true]],
  );
  const kept = planned(left).steps.map((s) => s.what);
  assert.not(kept.includes('remove the record of broker 3'), 'what is there is known by it');
  const back = planned(left, [former]).steps.flatMap((s) =>
    s.action.kind === 'mesos' && s.action.call.kind === 'kill' ? [s.action.call.taskId] : [],
  );
  assert.equal(back, [former.taskId], 'should it come back, it is stopped');
  const ended = foldUpdate(left, { ...former, state: 'TASK_KILLED' }, policy, nowMs);
  assert.equal(ended.superseded, []);
});

test('not inside the stickiness period, on no word of its task, nor on what Kafka said before', () => {
  const early = withoutItsMachine(599_000);
  assert.equal([early.left, early.made.wakeAtMs], [undefined, nowMs + 1_000]);
  assert.is(withoutItsMachine(30 * dayMs, { mesos: { answeredTasks: new Set() } }).left, undefined);
  const kafka = makeKafka(makeDesired());
  const old = { ...kafka, observedAtMs: nowMs - 10_000 };
  assert.is(withoutItsMachine(30 * dayMs, { kafka: { demo: { known: true, value: old } } }).left, undefined);
  assert.is(withoutItsMachine(30 * dayMs, { kafka: { demo: { known: false, why: 'x' } } }).left, undefined);
  const hosts = makeKafka(
    makeDesired({
      brokers: desired.brokers,
      topics: [{ name: 'events', partitions: 4, replicationFactor: 1, config: {} }],
    }),
  );
  const { brokers } = hosts;
  const fenced = { ...hosts, brokers: brokers.filter((b) => b.id !== 3) };
  assert.is(
    withoutItsMachine(30 * dayMs, { kafka: { demo: { known: true, value: fenced } } }).left,
    undefined,
  );
});

test.run();
