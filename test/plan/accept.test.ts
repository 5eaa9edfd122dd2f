/** The planner's ACCEPT against the model of Mesos, by way of the wire's words. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MesosCall, OfferOperation } from '../../src/model/mesos.ts';
import { statuses } from '../local/model/world.ts';
import { makeBroker, makeDesired } from './builders.ts';
import { PlannerLoop } from './planner-loop.ts';

const accepted = (sent: readonly MesosCall[]): readonly (readonly OfferOperation['kind'][])[] =>
  sent.flatMap((c) => (c.kind === 'accept' ? [c.operations.map((o) => o.kind)] : []));

test('several brokers on one agent start by one ACCEPT, each with what is reserved for it', () => {
  const desired = makeDesired({ brokers: [0, 1, 2].map((id) => makeBroker(id, { constraints: [] })) });
  const loop = new PlannerLoop(desired, ['agent-1']);
  for (let i = 0; i < 3; i += 1) loop.pass();
  assert.is(accepted(loop.sent).length, 1);
  assert.is(loop.sent.filter((c) => c.kind === 'revive').length, 1, 'it subscribed suppressed');
  const { outputs } = loop.world;
  const started = outputs.flatMap((o) =>
    o.kind === 'start-container' ? [o.volumes.map((v) => v.persistenceId)] : [],
  );
  assert.equal(
    started.map((ids) => ids.map((id) => id.split('-').slice(0, 3).join('-'))),
    [['demo-0-data'], ['demo-1-data'], ['demo-2-data']],
  );
  assert.equal(
    statuses(outputs).filter((s) => s.state === 'TASK_ERROR' || s.state === 'TASK_DROPPED'),
    [],
  );
});

test('a container path is one name: agents leave out what has a slash in it', () => {
  const loop = new PlannerLoop(makeDesired({ brokers: [makeBroker(0)] }), ['agent-1']);
  for (let i = 0; i < 3; i += 1) loop.pass();
  const paths = loop.world.outputs.flatMap((o) =>
    o.kind === 'start-container' ? o.volumes.map((v) => v.containerPath) : [],
  );
  assert.equal(paths, ['volume-data']);
});

/** As a master does that refuses it: the operation names somebody else's principal. */
function spoil(kind: 'reserve' | 'create', times: number): (call: MesosCall) => MesosCall {
  let left = times;
  return (call) => {
    if (call.kind !== 'accept' || left === 0) return call;
    left -= 1;
    return {
      ...call,
      operations: call.operations.map((operation): OfferOperation => {
        if (operation.kind !== kind) return operation;
        return operation.kind === 'reserve'
          ? {
              ...operation,
              resources: operation.resources.map((r) => ({
                ...r,
                reservations: r.reservations.map((one) => ({ ...one, principal: 'other' })),
              })),
            }
          : operation.kind === 'create'
            ? { ...operation, volumes: operation.volumes.map((v) => ({ ...v, scalar: 1e9 })) }
            : operation;
      }),
    };
  };
}

for (const [kind, second] of [
  ['create', ['create', 'launch']],
  ['reserve', ['reserve', 'create', 'launch']],
] as const) {
  test(`a launch that failed because its ${kind.toUpperCase()} did is completed by the next offer`, () => {
    const loop = new PlannerLoop(makeDesired({ brokers: [makeBroker(0)] }), ['agent-1']);
    loop.onTheWay = spoil(kind, 1);
    loop.run(3);
    assert.is(loop.record(0).failures, 1);
    assert.is(loop.record(0).last?.state, 'TASK_ERROR');
    assert.equal(accepted(loop.sent), [['reserve', 'create', 'launch'], second]);
    assert.is(loop.record(0).task?.state, 'TASK_STAGING');
    const ids = loop.sent.map((c) =>
      c.kind === 'accept' ? c.operations.filter((o) => o.kind !== 'launch' && o.id !== undefined).length : 0,
    );
    assert.is(Math.max(...ids), second.length - 1, 'a first try asks for no feedback, the second does');
    assert.is(loop.world.outputs.filter((o) => o.kind === 'start-container').length, 1);
  });
}

test('operations that fail for good are tried with growing patience, and told', () => {
  const loop = new PlannerLoop(makeDesired({ brokers: [makeBroker(0)] }), ['agent-1']);
  loop.onTheWay = spoil('create', Number.POSITIVE_INFINITY);
  loop.run(200);
  // At once, then after 10 s, 20 s, 40 s, 80 s.
  const launches = accepted(loop.sent).filter((operations) => operations.includes('launch')).length;
  assert.ok(launches >= 5 && launches <= 7, `${launches} launches`);
  // From the second try on Mesos is asked for its reason, which the task does not tell.
  assert.match(
    JSON.stringify(loop.lastPlan.held),
    /RESERVE or CREATE before its launch was not done \(.*does not contain/,
  );
  assert.not.match(JSON.stringify(loop.lastPlan.held), /more than available/);
});

test.run();
