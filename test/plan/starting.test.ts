/** A node on its way up is stopped behind a gate, one at a time: it may vote and serve before Mesos hears of it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Desired } from '../../src/model/desired.ts';
import type { TaskRecord } from '../../src/model/records.ts';
import { plan } from '../../src/plan/plan.ts';
import {
  makeBroker,
  makeCluster,
  makeDesired,
  makeInput,
  makeKafka,
  makeMemory,
  makePlacement,
  makeRecord,
  makeTask,
  nowMs,
} from './builders.ts';

const topics = [
  { name: 'events', partitions: 1, replicationFactor: 3, config: { 'min.insync.replicas': '2' } },
];
const fiveOf = (config: Readonly<Record<string, string>>, stopped: readonly number[] = []): Desired =>
  makeDesired({
    brokers: [0, 1, 2, 3, 4].map((id) =>
      makeBroker(id, { config, state: stopped.includes(id) ? 'stopped' : 'running' }),
    ),
    topics,
  });
const before = fiveOf({});

type World = {
  readonly desired: Desired;
  /** Changes to the tasks that are on their way up, by broker. */
  readonly starting: Readonly<Record<number, Partial<TaskRecord>>>;
  readonly unfenced?: readonly number[];
  readonly isr?: readonly number[];
  readonly formed?: false;
  readonly unknown?: true;
  readonly subscribedAtMs?: number;
  readonly silent?: true;
  /** Tasks that a KILL was sent for, long enough ago to send it again. */
  readonly sent?: readonly string[];
};

function planOf(world: World) {
  const { desired, starting, unfenced = [], formed, unknown, subscribedAtMs } = world;
  const records = before.brokers.map((broker) => {
    const changes = starting[broker.id] ?? { state: 'TASK_RUNNING' };
    const task = makeTask(before, broker, makePlacement('demo', broker), {
      state: 'TASK_STARTING',
      stateSinceMs: nowMs - 60_000,
      ...changes,
    });
    return makeRecord(before, broker, { task });
  });
  const { formedAtMs: _formed, ...bound } = makeCluster(desired);
  const kafka = makeKafka(before);
  const value = {
    ...kafka,
    brokers: kafka.brokers.map((b) => ({ ...b, fenced: b.id in starting && !unfenced.includes(b.id) })),
    topics: kafka.topics.map((t) => ({
      ...t,
      partitions: t.partitions.map((p) => ({ ...p, isr: world.isr ?? p.isr })),
    })),
  };
  const isUnknown = formed === false || unknown === true;
  const input = makeInput([makeMemory(desired, records, formed === false ? bound : makeCluster(desired))], {
    kafka: { demo: isUnknown ? { known: false, why: 'nobody answers' } : { known: true, value } },
    mesos: {
      ...(subscribedAtMs === undefined ? {} : { subscribedAtMs }),
      ...(world.silent === true ? { answeredTasks: new Set() } : {}),
      kills: new Map((world.sent ?? []).map((taskId) => [taskId, { lastAtMs: nowMs - 60_000, attempts: 1 }])),
    },
  });
  const made = plan(input);
  return {
    killed: made.steps.filter((s) => s.mark === '~' || s.mark === '-').map((s) => s.what),
    sentAgain: made.steps
      .filter((s) => s.mark === '·' && s.action.kind === 'broker' && s.action.call?.kind === 'kill')
      .map((s) => s.what),
    held: made.held.filter((h) => h.brokerId !== undefined).map((h) => `${h.need}: ${h.reason.kind}`),
    stalled: made.held.filter((h) => h.stalled).map((h) => `${h.need}: ${h.reason.kind}`),
  };
}

const changed = fiveOf({ 'num.partitions': '4' });

test('of voters whose start a changed spec has overtaken one is stopped in a pass', () => {
  const { killed, held } = planOf({ desired: changed, starting: { 1: {}, 2: {} } });
  assert.equal(killed, ['restart broker 1']);
  assert.ok(held.includes('restart broker 2: waiting-for-roll'), held.join('\n'));
});

test('and none that the quorum cannot spare', () => {
  const { killed, held } = planOf({ desired: changed, starting: { 1: {}, 2: {}, 3: {} } });
  assert.equal(killed, []);
  assert.ok(held.includes('restart broker 1: quorum-at-risk'), held.join('\n'));
  const stop = planOf({ desired: fiveOf({}, [1]), starting: { 1: {}, 2: {}, 3: {} } });
  assert.equal(stop.killed, []);
  assert.ok(stop.held.includes('stop broker 1: quorum-at-risk'), stop.held.join('\n'));
});

test('what the quorum waits for in vain, a controller that is kept stopped, is told to a person', () => {
  const stalled = (kept: readonly number[]) =>
    planOf({ desired: fiveOf({ 'num.partitions': '4' }, kept), starting: { 1: {}, 2: {}, 3: {} } }).stalled;
  assert.equal(stalled([]), []);
  assert.ok(stalled([3]).includes('restart broker 1: quorum-at-risk'), stalled([3]).join('\n'));
});

test('nor beside another that is being stopped', () => {
  const kill = { cause: 'stop' as const, detail: 'x', atMs: nowMs - 1_000 };
  const world = { desired: fiveOf({}, [1]), starting: { 1: {}, 2: { kill } } };
  assert.not(planOf(world).killed.includes('stop broker 1'));
  assert.equal(planOf({ ...world, starting: { 1: {} } }).killed, ['stop broker 1']);
});

test('one that the controller has let serve is stopped like one that runs', () => {
  const world = { desired: fiveOf({}, [1]), starting: { 1: {} }, unfenced: [1] };
  assert.equal(planOf(world).killed, ['stop broker 1']);
  const short = planOf({ ...world, isr: [0, 1] });
  assert.equal(short.killed, []);
  assert.ok(short.held.includes('stop broker 1: waiting-for-isr'), short.held.join('\n'));
  const drifted = planOf({ ...world, desired: changed });
  assert.not(drifted.killed.includes('restart broker 1'), 'its RUNNING is on its way');
});

test('a KILL that may have been lost is sent again behind the gate: the start it was for may serve by now', () => {
  const kill = { cause: 'stop' as const, detail: 'x', atMs: nowMs - 60_000 };
  const taskId = 'demo.1.1.lost';
  const world = {
    desired: fiveOf({}, [1]),
    starting: { 1: { kill, taskId } },
    unfenced: [1],
    sent: [taskId],
  };
  assert.equal(planOf(world).sentAgain, ['stop broker 1']);
  const short = planOf({ ...world, isr: [0, 1] });
  assert.equal(short.sentAgain, []);
  assert.ok(short.held.includes('stop broker 1: waiting-for-isr'), short.held.join('\n'));
  const killing = { kill, taskId, state: 'TASK_KILLING' as const };
  const down = planOf({ ...world, starting: { 1: killing }, isr: [0, 1] });
  assert.equal(down.sentAgain, ['stop broker 1'], 'one on its way down asks no gate');
});

test('nobody is asked before the quorum was formed, and nothing is done on no answer after', () => {
  const world = { desired: fiveOf({}, [1, 2]), starting: { 1: {}, 2: {} } };
  assert.equal(planOf({ ...world, formed: false }).killed, ['stop broker 1', 'stop broker 2']);
  const unknown = planOf({ ...world, unknown: true });
  assert.equal(unknown.killed, []);
  assert.ok(unknown.held.includes('stop broker 1: kafka-unknown'), unknown.held.join('\n'));
});

test('what was launched a moment ago is stopped at once, and no other on the word that it is being launched', () => {
  const world = (launchedAtMs: number) => {
    const staging = { state: 'TASK_STAGING' as const, seen: false, launchedAtMs };
    return {
      desired: fiveOf({}, [1, 2]),
      starting: { 1: staging, 2: staging },
      unknown: true as const,
    };
  };
  assert.equal(planOf(world(nowMs - 1_900)).killed, ['stop broker 1', 'stop broker 2']);
  // What came after that word may have been lost: it may run by now, and others may be down.
  assert.equal(planOf(world(nowMs - 2_000)).killed, []);
  const silent = { silent: true as const, subscribedAtMs: nowMs - 1_000 };
  assert.equal(planOf({ ...world(nowMs - 3_600_000), ...silent }).killed, []);
});

test('log recovery is not cut short by a changed spec', () => {
  const report = { protocol: 1 as const, phase: 'recovering' as const, formatted: true };
  const { killed, held } = planOf({ desired: changed, starting: { 1: { report } } });
  assert.equal(killed, []);
  assert.ok(held.includes('start broker 1: task-in-progress'), held.join('\n'));
});

test.run();
