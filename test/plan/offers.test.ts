/** Offers as a common good: what is refused and for how long, when more are asked for, when none. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MesosCall, Offer } from '../../src/model/mesos.ts';
import type { ObservedMesos, PlanInput } from '../../src/model/observed.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import { plan } from '../../src/plan/plan.ts';
import {
  makeBroker,
  makeDesired,
  makeEnded,
  makeInput,
  makeKafka,
  makeMemory,
  makeOffer,
  makeRecord,
  nowMs,
  reservedFor,
} from './builders.ts';

const desired = makeDesired({
  brokers: [...[0, 1, 2].map((id) => makeBroker(id)), makeBroker(3, { roles: ['broker'] })],
});
const fourth = makeBroker(3, { roles: ['broker'] });
const small = makeOffer('agent-9', { cpus: 0.5 });

/** Broker 3 is new, or waits for its home, or runs as all others do. */
function inputOf(
  state: 'new' | 'home' | 'running',
  mesos: Partial<ObservedMesos>,
  changes: Partial<Pick<PlanInput, 'newUuid'>> & { readonly revision?: number } = {},
): PlanInput {
  const record = {
    new: () => {
      const { task: _none, placement: _nowhere, ...rest } = makeRecord(desired, fourth, { formatted: false });
      return rest;
    },
    home: () => makeEnded(desired, fourth),
    running: () => makeRecord(desired, fourth),
  }[state]();
  const memory = makeMemory(desired, [record]);
  const { revision = 1, ...rest } = changes;
  return makeInput([{ ...memory, spec: { ...memory.spec, revision } }], { mesos, ...rest });
}

const calls = (input: PlanInput): readonly MesosCall[] =>
  plan(input).steps.flatMap((s) => (s.action.kind === 'mesos' ? [s.action.call] : []));
const kinds = (input: PlanInput): readonly string[] => calls(input).map((c) => c.kind);
const refused = (input: PlanInput): number | undefined =>
  calls(input).flatMap((c) => (c.kind === 'decline' ? [c.refuseSeconds] : []))[0];
const withOffers = (...offers: Offer[]): Partial<ObservedMesos> => ({ suppressed: false, offers });

test('what fits nobody is refused for as long as the most impatient broker can wait', () => {
  assert.is(refused(inputOf('new', withOffers(small))), 60);
  assert.is(refused(inputOf('home', withOffers(small))), 600);
  assert.is(refused(inputOf('running', withOffers(small))), 3_600);
});

test('a launch that was dropped may have been taken once: none follows while Kafka counts the broker', () => {
  const broker = makeBroker(1);
  const ended = makeEnded(desired, broker);
  const { last } = ended;
  if (last === undefined) throw new Error('no end');
  const record = { ...ended, last: { ...last, state: 'TASK_DROPPED' as const } };
  const starts = (fenced: boolean, of: BrokerRecord = record): boolean => {
    const value = makeKafka(desired);
    const brokers = value.brokers.map((b) => ({ ...b, fenced: b.id === 1 && fenced }));
    const placement = ended.placement;
    const offers = [
      makeOffer('agent-2', placement === undefined ? {} : { extra: reservedFor('demo', broker, placement) }),
    ];
    const memory = makeMemory(desired, [of]);
    const kafka = { demo: { known: true as const, value: { ...value, brokers } } };
    const made = plan(makeInput([memory], { mesos: { offers, suppressed: false }, kafka }));
    return made.steps.some((s) => s.what.startsWith('start broker 1'));
  };
  assert.not(starts(false));
  assert.ok(starts(true));
  assert.ok(starts(false, ended), 'one that ran and ended is started at once');
});

test('a superseded task is asked about by name until its end is known', () => {
  const old = { taskId: 'demo.3.1.old', agentId: 'agent-8' };
  const memory = makeMemory(desired, [makeRecord(desired, fourth, { superseded: [old] })]);
  const asked = (mesos: Partial<ObservedMesos>) =>
    calls(makeInput([memory], { mesos })).flatMap((c) => (c.kind === 'reconcile-tasks' ? c.tasks : []));
  assert.equal(asked({}), [old]);

  const { answeredTasks } = makeInput([memory]).mesos;
  const answered = { answeredTasks: new Set([...answeredTasks, old.taskId]) };
  assert.equal(asked(answered), []);
  const again = { ...answered, lastImplicitReconcileAtMs: nowMs - 3_600_000 };
  assert.equal(asked(again), [old], 'its agent may be gone for good by now');
  assert.equal(asked({ ...again, strangers: [old] }), [], 'it showed itself, and is killed');
});

test('a task that holds up its cluster as newer than the store is asked about now and then: it may have ended', () => {
  const newer = { taskId: 'demo.1.99.mywpj5rg', agentId: 'agent-8' };
  const memory = makeMemory(
    desired,
    desired.brokers.map((b) => makeRecord(desired, b)),
  );
  const made = (mesos: Partial<ObservedMesos>) => {
    const { answeredTasks } = makeInput([memory]).mesos;
    const answered = new Set([...answeredTasks, newer.taskId]);
    const input = makeInput([memory], { mesos: { strangers: [newer], answeredTasks: answered, ...mesos } });
    return {
      held: plan(input).held.map((h) => h.reason.kind),
      asked: calls(input).flatMap((c) => (c.kind === 'reconcile-tasks' ? c.tasks : [])),
    };
  };
  assert.equal(made({}), { held: ['store-outdated'], asked: [] });
  assert.equal(made({ lastImplicitReconcileAtMs: nowMs - 3_600_000 }).asked, [newer]);
  assert.equal(
    made({ strangers: [{ ...newer, isAway: true }] }).held,
    ['store-outdated'],
    'away, it is no less newer',
  );
});

test('a former task that is out of reach is neither killed nor waited for, and asked about', () => {
  const old = { taskId: 'demo.3.1.old', agentId: 'agent-8' };
  const memory = makeMemory(desired, [makeRecord(desired, fourth, { superseded: [old] })]);
  const { answeredTasks } = makeInput([memory]).mesos;
  const made = calls(
    makeInput([memory], {
      mesos: {
        strangers: [{ ...old, isAway: true }],
        answeredTasks: new Set([...answeredTasks, old.taskId]),
        lastImplicitReconcileAtMs: nowMs - 3_600_000,
      },
    }),
  );
  assert.equal(
    made.filter((c) => c.kind === 'kill'),
    [],
  );
  assert.equal(
    made.flatMap((c) => (c.kind === 'reconcile-tasks' ? c.tasks : [])),
    [old],
  );
});

test('beside an instance that Kafka counts nothing is started, once one that just ended would be fenced', () => {
  const superseded = [{ taskId: 'demo.3.1.old', agentId: 'agent-8' }];
  const launches = (fenced: boolean, of: typeof superseded, endedAgoMs = 5_000): boolean => {
    const ended = makeEnded(desired, fourth, { superseded: of });
    if (ended.last === undefined) throw new Error('no end');
    const last = { ...ended.last, endedAtMs: nowMs - endedAgoMs };
    const memory = makeMemory(desired, [{ ...ended, last }]);
    const home = memory.brokers.get(3)?.placement;
    if (home === undefined) throw new Error('it has no place');
    const kafka = makeKafka(desired);
    const brokers = kafka.brokers.map((b) => ({ ...b, fenced: b.id === 3 && fenced }));
    const made = plan(
      makeInput([memory], {
        mesos: withOffers(makeOffer(home.agentId, { extra: reservedFor('demo', fourth, home) })),
        kafka: { demo: { known: true, value: { ...kafka, brokers } } },
      }),
    );
    return made.steps.some((s) => s.brokerId === 3 && s.what.startsWith('start broker'));
  };
  assert.not(launches(false, superseded));
  assert.ok(launches(true, superseded));
  assert.ok(launches(false, []), 'Kafka takes seconds to miss the one that just ended');
  assert.not(launches(false, [], 60_000), 'it is another one, of which no record tells');
  assert.ok(launches(true, [], 60_000));
});

test('refusals are spread by up to a fifth, one call for all', () => {
  const spread = ['00000000-0', '80000000-0', 'ffffffff-0'].map((uuid) =>
    refused(inputOf('new', withOffers(small), { newUuid: () => uuid })),
  );
  assert.equal(spread, [60, 66, 72]);
  const many = withOffers(
    ...Array.from({ length: 50 }, (_, i) => makeOffer(`agent-${i + 20}`, { cpus: 0.5 })),
  );
  const declines = calls(inputOf('new', many)).filter((c) => c.kind === 'decline');
  assert.is(declines.length, 1);
});

test('a need that came after a refusal revives, one that was there does not', () => {
  const [decline] = calls(inputOf('new', withOffers(small)));
  if (decline?.kind !== 'decline') throw new Error('nothing was refused');
  const refusedFor = new Set(decline.refusedFor);
  assert.equal(kinds(inputOf('new', { suppressed: false, refusedFor })), []);
  assert.equal(kinds(inputOf('home', { suppressed: false, refusedFor })), ['revive']);
  assert.equal(kinds(inputOf('new', { suppressed: false, refusedFor }, { revision: 2 })), ['revive']);
  assert.equal(kinds(inputOf('new', { suppressed: false })), [], 'nothing was refused');
});

test('what was refused while a task was out of reach is wanted again when it has ended', () => {
  const running = makeRecord(desired, fourth);
  const { task } = running;
  if (task === undefined) throw new Error('it has no task');
  const away = { ...running, task: { ...task, unreachableSinceMs: nowMs - 1_000 } };
  const [decline] = calls(makeInput([makeMemory(desired, [away])], { mesos: withOffers(small) }));
  if (decline?.kind !== 'decline') throw new Error('nothing was refused');
  // Its agent is back without it: offers of before had nothing of it, and are refused for minutes.
  const refusedFor = new Set(decline.refusedFor);
  assert.equal(kinds(inputOf('home', { suppressed: false, refusedFor })), ['revive']);
});

test('the refusals of the same pass come after the REVIVE, which would take them back', () => {
  const input = inputOf('new', { ...withOffers(small), refusedFor: new Set(['other']) });
  assert.equal(kinds(input), ['revive', 'decline']);
});

test('REVIVE waits for a token of its bucket, and the pass comes by itself', () => {
  const empty = { tokens: 0.25, atMs: nowMs };
  const input = inputOf('new', { suppressed: true, revives: empty });
  assert.equal(kinds(input), []);
  assert.is(plan(input).wakeAtMs, nowMs + 7_500);
  assert.equal(kinds(inputOf('new', { suppressed: true, revives: { ...empty, atMs: nowMs - 7_500 } })), [
    'revive',
  ]);
});

test('SUPPRESS is repeated when offers still come, not for those that were on their way', () => {
  const suppressed = (receivedAgoMs: number): Partial<ObservedMesos> => ({
    suppressed: true,
    suppressedAtMs: nowMs - 60_000,
    offers: [makeOffer('agent-9', { receivedAtMs: nowMs - receivedAgoMs })],
  });
  assert.equal(kinds(inputOf('running', suppressed(1_000))), ['decline', 'suppress']);
  assert.equal(kinds(inputOf('running', suppressed(58_000))), ['decline']);
  assert.equal(kinds(inputOf('running', { suppressed: false })), ['suppress']);
});

test.run();
