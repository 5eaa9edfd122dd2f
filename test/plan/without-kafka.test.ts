/** Stops while Kafka cannot be asked: of a start that hangs, and by consent; never on a moment's silence, and one at a time. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ObservedMesos } from '../../src/model/observed.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { BrokerRecord, TaskRecord } from '../../src/model/records.ts';
import { describeHeld } from '../../src/plan/describe-held.ts';
import { askFor } from '../../src/plan/intents.ts';
import { plan } from '../../src/plan/plan.ts';
import {
  makeBroker,
  makeCluster,
  makeDesired,
  makeEnded,
  makeInput,
  makeKafka,
  makeMemory,
  makePlacement,
  makeRecord,
  makeTask,
  nowMs,
} from './builders.ts';

const minuteMs = 60_000;
const before = makeDesired();
const mended = makeDesired({
  brokers: before.brokers.map((b) => ({ ...b, config: { 'num.partitions': '4' } })),
});
const brokerOf = (id: number) => before.brokers.find((b) => b.id === id) ?? makeBroker(id);
const silence = (agoMs: number) => ({ known: false as const, why: 'nobody answers', sinceMs: nowMs - agoMs });
const silent = silence(10 * minuteMs);

function starting(id: number, task: Partial<TaskRecord> = {}, record: Partial<BrokerRecord> = {}) {
  const broker = brokerOf(id);
  return makeRecord(before, broker, {
    launches: 2,
    task: makeTask(before, broker, makePlacement('demo', broker), {
      state: 'TASK_STARTING',
      stateSinceMs: nowMs - 60 * minuteMs,
      report: { protocol: 1, phase: 'starting', formatted: true },
      ...task,
    }),
    ...record,
  });
}
/** Its machine died, and with the start that hangs the quorum. */
const away = makeRecord(before, brokerOf(1), {
  task: makeTask(before, brokerOf(1), makePlacement('demo', brokerOf(1)), {
    unreachableSinceMs: nowMs - 50 * minuteMs,
  }),
});
const settled = makeMemory(mended).brokers;
const running = (id: number): BrokerRecord => settled.get(id) ?? makeRecord(mended, brokerOf(id));

function planOf(
  records: readonly BrokerRecord[],
  {
    desired = mended,
    kafka = silent as NonNullable<NonNullable<Parameters<typeof makeInput>[1]>['kafka']>[string],
    mesos = {} as Partial<ObservedMesos>,
  } = {},
): Plan {
  return plan(
    makeInput([makeMemory(desired, records, makeCluster(before))], { kafka: { demo: kafka }, mesos }),
  );
}
const stops = ({ steps }: Plan) =>
  steps.flatMap((s) => (s.action.kind === 'broker' && s.action.call?.kind === 'kill' ? [s.what] : []));
const heldOf = ({ held }: Plan) =>
  held
    .filter((h) => h.brokerId !== undefined)
    .map((h) => `${h.stalled ? '!' : '.'} ${h.need}: ${h.reason.kind}`);
const ask = (record: BrokerRecord, kind: 'restart' | 'stop', withoutKafka = true) =>
  askFor(record, { kind, author: 'ann', withoutKafka }, nowMs - 1_000);

test('a start that hangs is stopped for a mended spec, and for an operator', () => {
  assert.equal(stops(planOf([starting(0), away])), ['restart broker 0']);
  for (const kind of ['restart', 'stop'] as const) {
    const asked = ask(starting(0), kind, false);
    assert.equal(stops(planOf([asked, away], { desired: before })), [`${kind} broker 0`]);
  }
  assert.equal(stops(planOf([starting(0), away], { desired: before })), [], 'nobody wants it otherwise');
});

test('not before Kafka has been silent, and the start has hung, for minutes, and the scheduler has seen that', () => {
  const held = '. restart broker 0: kafka-unknown';
  const lately = planOf([starting(0), away], { kafka: silence(4 * minuteMs) });
  assert.equal([stops(lately), lately.wakeAtMs], [[], nowMs + minuteMs]);
  assert.ok(heldOf(lately).includes(held), heldOf(lately).join('\n'));
  const young = planOf([starting(0, { stateSinceMs: nowMs - 3 * minuteMs }), away]);
  assert.equal([stops(young), young.wakeAtMs], [[], nowMs + 2 * minuteMs]);
  assert.ok(heldOf(young).includes(held), heldOf(young).join('\n'));
  const fresh = planOf([starting(0), away], { mesos: { subscribedAtMs: nowMs - 2 * minuteMs } });
  assert.equal([stops(fresh), fresh.wakeAtMs], [[], nowMs + 3 * minuteMs]);
  const unsaid = planOf([starting(0), away], { mesos: { answeredTasks: new Set() } });
  assert.equal(stops(unsaid), []);
});

test('nor while it recovers its logs, is to give up its disk, or would lose it by that', () => {
  const report = { protocol: 1 as const, phase: 'recovering' as const, formatted: true };
  const recovering = planOf([ask(starting(0, { report }), 'stop', false), away]);
  assert.equal(stops(recovering), []);
  assert.ok(heldOf(recovering).includes('! stop broker 0: kafka-unknown'), heldOf(recovering).join('\n'));

  const four = makeBroker(4, { roles: ['broker'] });
  const desired = makeDesired({ brokers: [...before.brokers, four] });
  const placement = makePlacement('demo', four);
  const start = (changes: Partial<BrokerRecord> = {}) =>
    makeRecord(desired, four, {
      task: makeTask(desired, four, placement, { state: 'TASK_STARTING' }),
      ...changes,
    });
  const replaced = askFor(start(), { kind: 'replace', author: 'ann' }, nowMs);
  assert.equal(stops(planOf([replaced], { desired })), []);
  const sandbox = {
    ...placement,
    volumes: placement.volumes.map((v) => ({ ...v, kind: 'sandbox' as const })),
  };
  assert.equal(stops(planOf([ask(start({ placement: sandbox }), 'restart')], { desired })), []);
  assert.equal(stops(planOf([ask(start(), 'restart')], { desired })), ['restart broker 4']);
});

test('one at a time: the next after the last one has had its time', () => {
  const all = [starting(0), starting(1), starting(2)];
  const first = planOf(all);
  assert.equal(stops(first), ['restart broker 0']);
  assert.ok(heldOf(first).includes('. restart broker 1: waiting-for-roll'), heldOf(first).join('\n'));
  const again = (launchedAtMs: number) => {
    const { task, last } = { ...makeEnded(mended, brokerOf(0)), ...starting(0) };
    const startedWith = running(0).task?.startedWith;
    if (task === undefined || last === undefined || startedWith === undefined) throw new Error('no task');
    return makeRecord(mended, brokerOf(0), {
      task: { ...task, startedWith, launchedAtMs, stateSinceMs: launchedAtMs },
      last: { ...last, ordered: true, endedAtMs: launchedAtMs - 1_000 },
    });
  };
  const soon = planOf([again(nowMs - 2 * minuteMs), starting(1), starting(2)]);
  assert.equal([stops(soon), soon.wakeAtMs], [[], nowMs + 3 * minuteMs]);
  assert.equal(stops(planOf([again(nowMs - 6 * minuteMs), starting(1), starting(2)])), ['restart broker 1']);
});

test('a broker that runs is stopped without Kafka by consent only', () => {
  const old = [0, 1, 2].map((id) => makeRecord(before, brokerOf(id)));
  const [zero, one, two] = old;
  if (zero === undefined || one === undefined || two === undefined) throw new Error('no records');
  const without = planOf(old);
  assert.equal(stops(without), []);
  assert.ok(heldOf(without).includes('! restart broker 0: kafka-unknown'), heldOf(without).join('\n'));
  const told = without.held.find((h) => h.brokerId === 0);
  assert.match(
    (told && describeHeld(told).remedy) ?? '',
    '`kafka-mesos broker restart 0 --cluster demo --without-kafka`',
  );
  assert.equal(stops(planOf([zero, ask(one, 'restart', false), two])), [], 'a plain restart is no consent');

  const made = planOf([zero, ask(one, 'restart'), ask(two, 'stop')]);
  assert.equal(stops(made), ['restart broker 1']);
  assert.equal(heldOf(made).sort(), [
    '! restart broker 0: kafka-unknown',
    '. stop broker 2: waiting-for-roll',
  ]);
  assert.equal(stops(planOf([zero, one, ask(two, 'stop')])), ['stop broker 2']);
  const already = planOf([
    zero,
    one,
    {
      ...ask(two, 'restart'),
      intent: { ...ask(two, 'restart').intent, taskId: 'demo.2.0.t' },
    } as BrokerRecord,
  ]);
  assert.equal(stops(already), [], 'it was for another task');
});

test('the consent waits for whoever is being restarted, and for who may go down with its agent', () => {
  const one = ask(running(1), 'restart');
  const kill = { cause: 'roll' as const, detail: 'x', atMs: nowMs - 1_000 };
  const task = running(0).task;
  if (task === undefined) throw new Error('no task');
  const stopping = planOf([{ ...running(0), task: { ...task, kill } }, one]);
  assert.not(stops(stopping).includes('restart broker 1'));
  const { last, ...ended } = makeEnded(mended, brokerOf(0), { failures: 0 });
  if (last === undefined) throw new Error('no end');
  const endedAtMs = nowMs - 2 * minuteMs;
  const down = planOf([{ ...ended, last: { ...last, endedAtMs, ordered: true } }, one]);
  assert.equal(stops(down), []);
  assert.ok(heldOf(down).includes('. restart broker 1: waiting-for-roll'), heldOf(down).join('\n'));
  const inVain = planOf([
    { ...ended, last: { ...last, endedAtMs: nowMs - 30 * minuteMs, ordered: true } },
    one,
  ]);
  assert.equal(stops(inVain), ['restart broker 1'], 'one that does not come back is not waited for');
  const failed = planOf([{ ...ended, last: { ...last, endedAtMs } }, one]);
  assert.equal(stops(failed), ['restart broker 1'], 'nobody has stopped it');
  const maintenance = { agentId: 'agent-1', startMs: nowMs, durationMs: 3_600_000, accepted: true, why: 'x' };
  assert.equal(stops(planOf([{ ...running(0), maintenance }, one])), []);
  assert.equal(stops(planOf([{ ...running(0), maintenance }, starting(1)])), [], 'nor is a start that hangs');
});

test('a consent and a start that hangs are not carried out together', () => {
  const made = planOf([starting(0), ask(makeRecord(before, brokerOf(1)), 'restart'), running(2)]);
  assert.equal(stops(made), ['restart broker 0']);
  assert.ok(heldOf(made).includes('. restart broker 1: waiting-for-roll'), heldOf(made).join('\n'));
});

test('nobody is told to consent where that gives up a replacement, or a disk', () => {
  const replaced = askFor(makeRecord(before, brokerOf(1)), { kind: 'replace', author: 'ann' }, nowMs);
  const remedies = planOf([replaced]).held.map((h) => describeHeld(h).remedy ?? '');
  assert.not.match(remedies.join('\n'), 'restart 1');
  const placement = makePlacement('demo', brokerOf(1));
  const volumes = placement.volumes.map((v) => ({ ...v, kind: 'sandbox' as const }));
  const sandbox = makeRecord(before, brokerOf(1), { placement: { ...placement, volumes } });
  assert.not.match(
    planOf([sandbox])
      .held.map((h) => describeHeld(h).remedy ?? '')
      .join('\n'),
    'restart 1',
  );
});

test('the consent to a stop of the spec is over with it, and what an operator asked for is not', () => {
  const { stickyUntilMs: _sticky, last, ...rest } = makeEnded(before, brokerOf(1), { failures: 0 });
  if (last === undefined) throw new Error('no end');
  const ended = ask({ ...rest, last: { ...last, ordered: true } }, 'stop');
  const inSpec = {
    ...before,
    brokers: before.brokers.map((b) => (b.id === 1 ? { ...b, state: 'stopped' as const } : b)),
  };
  const forgotten = (made: Plan) => made.steps.map((s) => s.what).filter((what) => what.startsWith('forget'));
  assert.equal(forgotten(planOf([ended], { desired: inSpec })), ['forget that broker 1 was to stop']);
  assert.equal(forgotten(planOf([ended], { desired: before })), []);
});

test('it never goes before an answer of Kafka, nor counts in a moment of silence', () => {
  const one = ask(running(1), 'restart');
  const kafka = makeKafka(mended);
  const lagging = {
    ...kafka,
    quorum: {
      ...kafka.quorum,
      voters: kafka.quorum.voters.map((v) =>
        v.nodeId === 2 ? { ...v, logEndOffset: 1, lastCaughtUpMs: nowMs - 60_000 } : v,
      ),
    },
  };
  assert.equal(stops(planOf([one], { kafka: { known: true, value: lagging } })), []);
  const old = { ...kafka, observedAtMs: nowMs - 10_000 };
  assert.equal(stops(planOf([one], { kafka: { known: true, value: old } })), []);
  assert.equal(stops(planOf([one], { kafka: silence(minuteMs) })), []);
  assert.equal(stops(planOf([one], { kafka: { known: false, why: 'not asked yet' } })), []);
  assert.equal(stops(planOf([one])), ['restart broker 1']);
});

test.run();
