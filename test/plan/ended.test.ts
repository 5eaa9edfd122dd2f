import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DeletionPolicy, Desired } from '../../src/model/desired.ts';
import type { Offer } from '../../src/model/mesos.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import { plan } from '../../src/plan/plan.ts';
import {
  makeBroker,
  makeCluster,
  makeDesired,
  makeInput,
  makeKafka,
  makeMemory,
  makeOffer,
  makePlacement,
  makeRecord,
  makeTask,
  nowMs,
  reservedFor,
} from './builders.ts';

const agentUrl = 'http://10.0.0.2:5051/slave(1)';
const broker = makeBroker(1);
const placement = { ...makePlacement('demo', broker), agentUrl };
const whole = makeDesired({ brokers: [makeBroker(0), broker] });

/** Broker 1 was last heard of before its agent fell silent; the spec says what becomes of it. */
function planWith(desired: Desired, offers: readonly Offer[], changes: Partial<BrokerRecord> = {}): Plan {
  const lost = makeRecord(whole, broker, {
    ...changes,
    placement,
    task: makeTask(whole, broker, placement, { unreachableSinceMs: nowMs - 600_000 }),
  });
  const memory = makeMemory(desired, [makeRecord(whole, makeBroker(0)), lost], makeCluster(makeDesired({})));
  return plan(makeInput([memory], { mesos: { offers, suppressed: false } }));
}
const taken = (made: Plan): BrokerRecord | undefined => {
  const step = made.steps.find((s) => s.what === 'take broker 1 for stopped');
  return step?.action.kind === 'broker' ? step.action.record : undefined;
};
const deleted = (deletion: DeletionPolicy): Desired => ({ ...whole, deletion });
const stopped = { ...whole, brokers: [makeBroker(0), makeBroker(1, { state: 'stopped' })] };
const removed = { ...whole, brokers: [makeBroker(0)] };
const cases = { stopped, removed, keepData: deleted('keepData'), destroy: deleted('destroy') };

for (const [name, desired] of Object.entries(cases)) {
  test(`${name}: a broker on an agent that is away is stopped when its volume is offered by another id`, () => {
    const volume = makeOffer('agent-9', { extra: reservedFor('demo', broker, placement, ['volumes']) });
    const record = taken(planWith(desired, [volume]));
    assert.is(record?.task, undefined);
    assert.equal(record?.superseded, [{ taskId: 'demo.1.1.t', agentId: 'agent-2' }]);
    assert.equal(record?.placement, placement);
  });

  test(`${name}: or when its agent has begun anew at its address, which lost the volume`, () => {
    const anew = { ...makeOffer('agent-9', { hostname: 'agent-2' }), agentUrl };
    assert.is(
      taken(planWith(desired, [anew], { formatted: false }))?.formatted,
      true,
      'it may have been written to',
    );
  });

  test(`${name}: another agent of the host, or an agent of which no address is known, says nothing`, () => {
    const beside = {
      ...makeOffer('agent-9', { hostname: 'agent-2' }),
      agentUrl: 'http://10.0.0.2:5052/slave(1)',
    };
    const unknown = makeOffer('agent-8', { hostname: 'agent-2' });
    const made = planWith(desired, [beside, unknown]);
    assert.is(taken(made), undefined);
    // Offers go on: only they can tell.
    assert.not(made.steps.some((s) => s.action.kind === 'mesos' && s.action.call.kind === 'suppress'));
  });
}

test('taken for stopped, and wanted again: its disk has the whole stickiness period to come back', () => {
  const volume = makeOffer('agent-9', { extra: reservedFor('demo', broker, placement, ['volumes']) });
  const record = taken(planWith(stopped, [volume], { stickyUntilMs: nowMs - 3_600_000 }));
  if (record === undefined) throw new Error('not taken');
  const known = makeMemory(whole, [makeRecord(whole, makeBroker(0)), record], makeCluster(makeDesired({})));
  const memory = { ...known, spec: { ...known.spec, appliedAtMs: nowMs - 1_000 } };
  const value = makeKafka(whole);
  const brokers = value.brokers.map((b) => ({ ...b, fenced: b.id === 1 }));
  const made = plan(
    makeInput([memory], {
      mesos: { offers: [makeOffer('agent-7')], suppressed: false },
      kafka: { demo: { known: true, value: { ...value, brokers } } },
    }),
  );
  assert.equal(
    made.steps.filter((s) => s.mark === '+').map((s) => s.what),
    [],
  );
  assert.equal(
    made.held.filter((h) => h.brokerId === 1).map((h) => h.reason.kind),
    ['waiting-for-agent'],
  );
});

test('a broker that is to run is not taken for stopped by its agent’s address', () => {
  const anew = { ...makeOffer('agent-9', { hostname: 'agent-2' }), agentUrl };
  assert.is(taken(planWith(whole, [anew])), undefined);
});

test.run();
