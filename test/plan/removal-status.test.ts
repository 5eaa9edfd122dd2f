/** What people see of brokers and clusters on their way out. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlanInput } from '../../src/model/observed.ts';
import type { BrokerRecord, ClusterMemory } from '../../src/model/records.ts';
import { type ClusterStatus, phaseWords } from '../../src/model/status.ts';
import { plan } from '../../src/plan/plan.ts';
import { clusterStatus } from '../../src/plan/status.ts';
import {
  makeBroker,
  makeDesired,
  makeEnded,
  makeInput,
  makeMemory,
  makeOffer,
  makeRecord,
  nowMs,
  previewOf,
  reservedFor,
} from './builders.ts';

const desired = makeDesired();

function statusOf(memory: ClusterMemory, change: Partial<PlanInput> = {}): ClusterStatus {
  const input = { ...makeInput([memory]), ...change };
  return clusterStatus({ input, memory, plan: plan(input), events: [], rates: new Map() });
}

const left = {
  incarnation: 'old',
  agentId: 'agent-9',
  hostname: 'agent-9',
  sinceMs: nowMs - 60_000,
  cause: 'relocated' as const,
  formatted: true,
};

test('what is left on a dead agent is shown, and holds up no convergence', () => {
  const status = statusOf(makeMemory(desired, [makeRecord(desired, makeBroker(1), { leftBehind: [left] })]));
  assert.is(status.phase, 'converged');
  assert.equal(
    status.held.map((h) => [h.reason, h.stalled]),
    [['left-behind', false]],
  );
});

test('what is given back to Mesos is shown as a step, and holds up no convergence either', () => {
  const [broker] = desired.brokers;
  if (broker === undefined) return assert.unreachable();
  const memory = makeMemory(desired);
  const placement = memory.brokers.get(broker.id)?.placement;
  if (placement === undefined) return assert.unreachable();
  const extra = reservedFor(desired.name, broker, placement, ['cpus']);
  const { mesos } = makeInput([memory]);
  const status = statusOf(memory, {
    mesos: { ...mesos, offers: [makeOffer(placement.agentId, { hostname: placement.hostname, extra })] },
  });
  assert.equal(
    status.steps.map((s) => s.what),
    [`release reservations on ${placement.hostname}`],
  );
  assert.is(status.phase, 'converged');
});

test('a broker that cannot leave yet is held by name, in plan and status', () => {
  const memory = makeMemory(
    { ...desired, topics: [{ name: 'events', partitions: 1, replicationFactor: 2, config: {} }] },
    [makeRecord(desired, makeBroker(7, { roles: ['broker'] }))],
  );
  const input = makeInput([memory]);
  const kafka = input.kafka.get('demo');
  if (kafka?.known !== true) return assert.unreachable();
  const topics = kafka.value.topics.map((t) => ({
    ...t,
    partitions: t.partitions.map((p) => ({ ...p, replicas: [0, 7], isr: [0, 7] })),
  }));
  const changed = { kafka: new Map([['demo', { known: true as const, value: { ...kafka.value, topics } }]]) };
  const status = statusOf(memory, changed);
  assert.is(status.phase, 'held');
  assert.match(status.held.find((h) => h.brokerId === 7)?.message ?? '', 'still hosts events-0');
  const shown = previewOf({ ...input, ...changed }, memory);
  assert.ok(shown.steps.some((s) => s.mark === '-' && s.what === 'remove broker 7'));
  assert.ok(shown.held.some((h) => h.reason === 'hosts-replicas'));
});

test('a cluster that is removed says so, and is ready for nobody', () => {
  const stopped: readonly BrokerRecord[] = desired.brokers.map((b) => {
    const record = makeEnded(desired, b);
    return { ...record, ...(record.last === undefined ? {} : { last: { ...record.last, ordered: true } }) };
  });
  const kept = { ...desired, deletion: 'keepData' as const };
  const stopping = statusOf(makeMemory(kept));
  assert.is(phaseWords(stopping), 'being stopped, data kept');
  const done = statusOf(makeMemory(kept, stopped));
  assert.is(done.phase, 'converged');
  assert.is(phaseWords(done), 'removed, data kept');
  assert.equal(
    done.brokers.map((b) => b.state),
    ['stopped', 'stopped', 'stopped'],
  );
  const ready = done.conditions.find((c) => c.type === 'Ready');
  assert.equal([ready?.status, ready?.reason], [false, 'Removed']);
  const destroyed = { ...desired, deletion: 'destroy' as const };
  assert.is(phaseWords(statusOf(makeMemory(destroyed, stopped))), 'being destroyed');
  const input = makeInput([makeMemory(destroyed, stopped)]);
  const shown = previewOf(input, makeMemory(destroyed, stopped)).steps.map((s) => s.what);
  assert.equal(shown, [
    'destroy what broker 0 has on agent-1',
    'destroy what broker 1 has on agent-2',
    'destroy what broker 2 has on agent-3',
    'remove cluster demo',
  ]);
});

test('the plan of removing a cluster that is not there is empty', () => {
  const { spec } = makeMemory({ ...desired, deletion: 'destroy' });
  const memory: ClusterMemory = { spec: { ...spec, revision: 0 }, brokers: new Map() };
  const input = makeInput([memory]);
  assert.equal(previewOf(input, memory).steps, []);
});

test.run();
