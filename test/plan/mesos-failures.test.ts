/** What the planner makes of the ends that Mesos gives tasks; the numbers are those of test/correctness.ts. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TaskUpdate } from '../../src/model/mesos.ts';
import type { BrokerRecord, ClusterMemory } from '../../src/model/records.ts';
import { foldUpdate } from '../../src/observe/fold-update.ts';
import { plan } from '../../src/plan/plan.ts';
import { clusterStatus } from '../../src/plan/status.ts';
import {
  makeBroker,
  makeDesired,
  makeInput,
  makeKafka,
  makeMemory,
  makeOffer,
  makeRecord,
  nowMs,
  reservedFor,
} from './builders.ts';

const desired = makeDesired();
const broker = makeBroker(1);

function ended(record: BrokerRecord, update: Partial<TaskUpdate>): BrokerRecord {
  const whole = { taskId: record.task?.taskId ?? '', state: 'TASK_FAILED' as const, ...update };
  return foldUpdate(record, whole, broker, nowMs - 1_000);
}

function launched(record: BrokerRecord): BrokerRecord {
  const { formatted, placement } = record;
  const extra = formatted && placement !== undefined ? reservedFor('demo', broker, placement) : [];
  const value = makeKafka(desired);
  const input = makeInput([makeMemory(desired, [record])], {
    mesos: { suppressed: false, offers: [makeOffer('agent-2', { extra })] },
    // Its former process is missed by now.
    kafka: {
      demo: {
        known: true,
        value: { ...value, brokers: value.brokers.map((b) => ({ ...b, fenced: b.id === 1 })) },
      },
    },
  });
  const { action } = plan(input).steps.find((s) => s.what.startsWith('start broker 1')) ?? {};
  if (action?.kind !== 'broker') throw new Error('it was not launched');
  return action.record;
}

const restarts = (memory: ClusterMemory): number | undefined => {
  const input = makeInput([memory]);
  const status = clusterStatus({ input, memory, plan: plan(input), events: [], rates: new Map() });
  return status.brokers.find((b) => b.id === 1)?.restarts;
};

test('a launch that came to nothing is no restart of the broker, one that was seen to start is', () => {
  const bound = makeRecord(desired, broker, { formatted: false, launches: 0 });
  const { task: _none, ...fresh } = bound;
  const first = launched(fresh);
  assert.is(restarts(makeMemory(desired, [first])), 0);
  // The ACCEPT was lost: asked by name, Mesos says that there is no such task.
  const dropped = ended(first, { state: 'TASK_GONE' });
  const second = ended(launched(dropped), { state: 'TASK_DROPPED', reason: 'INVALID_OFFERS' });
  const third = launched({ ...second, retryAtMs: nowMs });
  assert.is(third.launches, 3);
  assert.is(restarts(makeMemory(desired, [third])), 0);
  const running = foldUpdate(
    third,
    { taskId: third.task?.taskId ?? '', state: 'TASK_RUNNING' },
    broker,
    nowMs,
  );
  const fourth = launched({ ...ended(running, {}), retryAtMs: nowMs });
  assert.is(restarts(makeMemory(desired, [fourth])), 1);
});

test('a task that Mesos refuses remembers the revision that asked for it', () => {
  const { task: _none, ...fresh } = makeRecord(desired, broker, { formatted: false, launches: 0 });
  const refused = ended(launched(fresh), { state: 'TASK_ERROR', message: 'more than available' });
  assert.is(refused.last?.revision, 1);
  const steps = (revision: number): readonly string[] => {
    const memory = makeMemory(desired, [refused]);
    const input = makeInput([{ ...memory, spec: { ...memory.spec, revision } }], {
      mesos: { suppressed: false, offers: [makeOffer('agent-2')] },
    });
    return plan(input).steps.flatMap((s) => (s.mark === '·' ? [] : [s.what]));
  };
  assert.equal(steps(1), []);
  assert.equal(steps(2), ['start broker 1 on agent-2']);
});

test.run();
