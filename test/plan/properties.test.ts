import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Desired, DesiredBroker } from '../../src/model/desired.ts';
import type { PlanInput } from '../../src/model/observed.ts';
import type { Plan, Step } from '../../src/model/plan.ts';
import type { BrokerRecord, ClusterMemory } from '../../src/model/records.ts';
import { plan } from '../../src/plan/plan.ts';
import {
  artifacts,
  countUuids,
  makeBroker,
  makeCluster,
  makeDesired,
  makeEnded,
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
import { createIdealWorld } from './ideal-world.ts';
import { renderPlan } from './render-plan.ts';

// What every plan must hold, whatever it was made from. A failure prints its seed; with it in the environment,
// `FAST_CHECK_SEED=… npm test -- plan/properties`, all happens again.
const { FAST_CHECK_SEED } = process.env;
if (FAST_CHECK_SEED !== undefined) fc.configureGlobal({ seed: Number(FAST_CHECK_SEED) });

function checkPlan(input: PlanInput, made: Plan): void {
  checkUsedOnce(input, made);
  checkAccounted(input, made);
  checkAvailability(input, made);
  checkDisks(input, made);
  checkDestroyed(input, made);
  if (made.wakeAtMs !== undefined) assert.ok(made.wakeAtMs > input.nowMs, 'it wakes in the future');
  for (const { reason } of made.held) {
    if ('untilMs' in reason && reason.untilMs > input.nowMs)
      assert.ok((made.wakeAtMs ?? Number.POSITIVE_INFINITY) <= reason.untilMs, `wakes for ${reason.kind}`);
  }
}

/** No offer, port or volume twice, none that is not there, and each offer used, kept or declined. */
function checkUsedOnce(input: PlanInput, made: Plan): void {
  const offers = new Map(input.mesos.offers.map((o) => [o.id, o]));
  const used = new Set<string>();
  const ports = new Set<string>();
  const volumes = new Set<string>();
  for (const { action } of made.steps) {
    const call = action.kind === 'mesos' ? action.call : action.kind === 'broker' ? action.call : undefined;
    if (call?.kind === 'decline' || call?.kind === 'accept') {
      for (const id of call.offerIds) {
        assert.ok(offers.has(id), `offer ${id} is not there`);
        assert.not(used.has(id), `offer ${id} is used twice`);
        used.add(id);
      }
    }
    if (call?.kind !== 'accept') continue;
    for (const operation of call.operations) {
      if (operation.kind !== 'launch') continue;
      for (const resource of operation.task.resources) {
        for (const { begin, end } of resource.ranges ?? []) {
          for (let port = begin; port <= end; port += 1) {
            const key = `${operation.task.agentId}:${port}`;
            assert.not(ports.has(key), `port ${key} is used twice`);
            ports.add(key);
          }
        }
        const id = resource.disk?.volume?.persistenceId;
        if (id === undefined) continue;
        assert.not(volumes.has(id), `volume ${id} is used twice`);
        volumes.add(id);
      }
    }
  }
}

/** Every desired broker is as wanted, has a step, or is held with a reason. */
function checkAccounted(input: PlanInput, made: Plan): void {
  for (const memory of input.clusters) {
    const { desired } = memory.spec;
    if (isRemoved(memory)) continue;
    for (const broker of desired.brokers) {
      const task = memory.brokers.get(broker.id)?.task;
      const asWanted =
        broker.state === 'stopped'
          ? task === undefined
          : task !== undefined && task.state === 'TASK_RUNNING' && task.unreachableSinceMs === undefined;
      const named = (x: { readonly clusterName?: string; readonly brokerId?: number }): boolean =>
        x.clusterName === desired.name && x.brokerId === broker.id;
      const differs = task !== undefined && task.startedWith.heapMiB !== broker.heapMiB;
      const isNamed = made.steps.some(named) || made.held.some(named) || !input.mesos.connected;
      assert.ok(isNamed || (asWanted && !differs), `broker ${broker.id} of ${desired.name} is passed over`);
    }
  }
}

/** Brokers that run and are told to stop in this plan. */
function stops(
  input: PlanInput,
  made: Plan,
): readonly { readonly memory: ClusterMemory; readonly id: number }[] {
  return input.clusters.flatMap((memory) =>
    made.steps.flatMap((step) => {
      const before = memory.brokers.get(step.brokerId ?? -1)?.task;
      const isKill = step.action.kind === 'broker' && step.action.call?.kind === 'kill';
      return step.clusterName === memory.spec.desired.name &&
        isKill &&
        before?.kill === undefined &&
        before?.state === 'TASK_RUNNING'
        ? [{ memory, id: step.brokerId ?? -1 }]
        : [];
    }),
  );
}

/** Nothing is stopped on an unknown Kafka, one at a time, and no partition is put under its min ISR. */
function checkAvailability(input: PlanInput, made: Plan): void {
  const stopped = stops(input, made);
  for (const { memory, id } of stopped) {
    const { desired } = memory.spec;
    // To remove a cluster is the consent to its end.
    if (isRemoved(memory)) continue;
    const kafka = input.kafka.get(desired.name);
    assert.ok(kafka?.known === true, `broker ${id} is stopped though Kafka is unknown`);
    if (kafka?.known !== true) continue;
    assert.is(stopped.filter((s) => s.memory === memory).length, 1, 'one at a time');
    for (const topic of kafka.value.topics) {
      for (const { partition, replicas, isr } of topic.partitions) {
        if (!replicas.includes(id)) continue;
        const left = isr.filter((other) => other !== id);
        const isConsented = replicas.length === 1 && desired.rollout.allowSingleReplicaOutage;
        assert.ok(left.length > 0 || isConsented, `${topic.name}-${partition} loses its last replica`);
        if (replicas.length > (topic.minIsr ?? 1))
          assert.ok(left.length >= (topic.minIsr ?? 1), `${topic.name}-${partition} falls under min ISR`);
      }
    }
  }
}

function isRemoved({ spec, cluster }: ClusterMemory): boolean {
  return spec.desired.deletion !== undefined || cluster?.destroyedSinceMs !== undefined;
}

/**
 * Data is destroyed only where a record says that its place was left, never where a broker is; and a place is
 * left for good only by a broker that hosts nothing as far as a Kafka that was asked just now knows, or with
 * its whole cluster.
 */
function checkDestroyed(input: PlanInput, made: Plan): void {
  for (const { action } of made.steps) {
    const call = action.kind === 'mesos' ? action.call : undefined;
    const volumes =
      call?.kind === 'accept' ? call.operations.flatMap((o) => (o.kind === 'destroy' ? o.volumes : [])) : [];
    for (const volume of volumes) {
      const labels = volume.reservations.at(-1)?.labels;
      const memory = input.clusters.find((c) => c.spec.desired.name === labels?.cluster);
      const record = memory?.brokers.get(Number(labels?.broker));
      assert.ok(
        record?.leftBehind?.some((l) => l.incarnation === labels?.incarnation),
        'no record says that it was left',
      );
      assert.is.not(record?.placement?.incarnation, labels?.incarnation, 'it is where its broker is');
    }
    if (action.kind !== 'broker') continue;
    const { record } = action;
    const memory = input.clusters.find((c) => c.spec.desired.name === record.clusterName);
    const was = memory?.brokers.get(record.id)?.placement?.incarnation;
    if (memory === undefined || was === undefined || isRemoved(memory)) continue;
    if (record.leftBehind?.some((l) => l.incarnation === was && l.cause === 'removed') !== true) continue;
    const kafka = input.kafka.get(record.clusterName);
    if (kafka?.known !== true) assert.unreachable(`${record.id} is given up though Kafka is unknown`);
    else
      assert.not(
        kafka.value.topics.some((t) => t.partitions.some((p) => p.replicas.includes(record.id))),
        `${record.id} still hosts replicas`,
      );
  }
}

/** A formatted disk goes with its broker; it is given up only on Kafka's word, and never by a voter. */
function checkDisks(input: PlanInput, made: Plan): void {
  for (const memory of input.clusters) {
    const { desired } = memory.spec;
    for (const step of launches(made, desired.name)) {
      const before = memory.brokers.get(step.record.id);
      if (before?.formatted !== true || isRemoved(memory)) continue;
      const ids = (r: BrokerRecord): string =>
        JSON.stringify(r.placement?.volumes.map((v) => v.persistenceId));
      if (ids(before) === ids(step.record)) {
        assert.ok(step.record.formatted);
        assert.equal(step.record.placement?.ports, before.placement?.ports, 'its ports stay');
        continue;
      }
      const kafka = input.kafka.get(desired.name);
      assert.ok(kafka?.known === true, `broker ${before.id} is relocated though Kafka is unknown`);
      assert.not(
        memory.cluster?.voters.some((v) => v.nodeId === before.id),
        'a voter is relocated',
      );
      if (kafka?.known === true)
        assert.ok(
          kafka.value.brokers.every((b) => b.id !== before.id || b.fenced),
          'it is not fenced',
        );
    }
  }
}

function launches(made: Plan, clusterName: string): readonly { readonly record: BrokerRecord }[] {
  return made.steps.flatMap((step: Step) =>
    step.clusterName === clusterName && step.action.kind === 'broker' && step.action.call?.kind === 'accept'
      ? [{ record: step.action.record }]
      : [],
  );
}

// Worlds at any moment

type Moment = {
  readonly split: boolean;
  readonly states: readonly number[];
  readonly ages: readonly number[];
  readonly heap: boolean;
  readonly offers: readonly { readonly agent: number; readonly home: boolean; readonly small: boolean }[];
  readonly kafka: 'unknown' | 'healthy' | 'behind' | 'old';
  readonly formed: boolean;
  readonly paused: boolean;
  readonly suppressed: boolean;
  readonly missing: boolean;
  readonly stopped: number;
};

const moments: fc.Arbitrary<Moment> = fc.record({
  split: fc.boolean(),
  states: fc.array(fc.nat(8), { minLength: 7, maxLength: 7 }),
  ages: fc.array(fc.constantFrom(1, 30, 601, 3_600), { minLength: 7, maxLength: 7 }),
  heap: fc.boolean(),
  offers: fc.uniqueArray(fc.record({ agent: fc.nat(9), home: fc.boolean(), small: fc.boolean() }), {
    maxLength: 8,
    selector: (o) => `${o.agent}/${o.small}`,
  }),
  kafka: fc.constantFrom('unknown', 'healthy', 'behind', 'old'),
  formed: fc.boolean(),
  paused: fc.boolean(),
  suppressed: fc.boolean(),
  missing: fc.boolean(),
  stopped: fc.nat(12),
});

function inputOf(moment: Moment): PlanInput {
  const brokers: readonly DesiredBroker[] = moment.split
    ? [
        ...[0, 1, 2].map((id) => makeBroker(id, { roles: ['controller'] })),
        ...[3, 4, 5, 6].map((id) => makeBroker(id, { roles: ['broker'] })),
      ]
    : [0, 1, 2].map((id) => makeBroker(id));
  const old = makeDesired({
    brokers,
    topics: [
      { name: 'events', partitions: 4, replicationFactor: 3, config: { 'min.insync.replicas': '2' } },
      { name: 'pair', partitions: 2, replicationFactor: 2, config: {} },
    ],
    rollout: { allowSingleReplicaOutage: false, paused: moment.paused },
  });
  const desired: Desired = {
    ...old,
    brokers: brokers.map((b) => ({
      ...b,
      heapMiB: moment.heap ? 600 : b.heapMiB,
      state: b.id === moment.stopped ? 'stopped' : 'running',
    })),
  };
  const records = brokers.flatMap((broker, index): BrokerRecord[] => {
    const sinceMs = nowMs - (moment.ages[index] ?? 0) * 1_000;
    const placement = makePlacement('demo', broker);
    const task = (changes: Parameters<typeof makeTask>[3]): BrokerRecord =>
      makeRecord(old, broker, { placement, task: makeTask(old, broker, placement, changes) });
    switch (moment.states[index]) {
      case 0:
        return [];
      case 1:
        return [task({ state: 'TASK_STAGING', stateSinceMs: sinceMs, launchedAtMs: sinceMs, seen: false })];
      case 2:
        return [task({ state: 'TASK_STARTING', stateSinceMs: sinceMs, launchedAtMs: sinceMs })];
      case 3:
        return [task({ unreachableSinceMs: sinceMs })];
      case 4:
        return [
          makeEnded(old, broker, {
            placement,
            stickyUntilMs: sinceMs + broker.stickinessPeriodMs,
            failures: 2,
            retryAtMs: sinceMs + 10_000,
          }),
        ];
      case 5:
        return [task({ kill: { cause: 'roll', detail: 'x', atMs: sinceMs } })];
      default:
        return [task({ stateSinceMs: sinceMs })];
    }
  });
  const { formedAtMs: _formed, ...bound } = makeCluster(desired);
  const memory: ClusterMemory = {
    ...makeMemory(desired, [], moment.formed ? makeCluster(desired) : bound),
    brokers: new Map(records.map((r) => [r.id, r])),
  };
  const healthy = makeKafka(old);
  const down = new Set(
    records.flatMap((r) =>
      r.task?.state === 'TASK_RUNNING' && r.task.unreachableSinceMs === undefined ? [] : [r.id],
    ),
  );
  const value = {
    ...healthy,
    observedAtMs: moment.kafka === 'old' ? nowMs - 20_000 : healthy.observedAtMs,
    brokers: healthy.brokers.map((b) => ({ ...b, fenced: down.has(b.id) })),
    topics: healthy.topics.map((t) => ({
      ...t,
      partitions: t.partitions.map((p) => {
        const isr = p.replicas.filter(
          (id) => !down.has(id) && !(moment.kafka === 'behind' && id % 2 === p.partition % 2),
        );
        return { ...p, isr: isr.length === 0 ? p.replicas.slice(0, 1) : isr };
      }),
    })),
  };
  return makeInput([memory], {
    artifacts: moment.missing ? { ...artifacts, kafka: {} } : artifacts,
    kafka: { demo: moment.kafka === 'unknown' ? { known: false, why: 'no answer' } : { known: true, value } },
    mesos: {
      suppressed: moment.suppressed,
      offers: moment.offers.map(({ agent, home, small }) => {
        const record = records.find((r) => r.placement?.agentId === `agent-${agent}`);
        const broker = brokers.find((b) => b.id === record?.id);
        const extra =
          home && record?.placement !== undefined && broker !== undefined && !small
            ? reservedFor('demo', broker, record.placement)
            : [];
        return makeOffer(`agent-${agent}`, {
          id: `o-${agent}-${small}`,
          extra,
          ports: [{ begin: small ? 32_500 : 32_000, end: small ? 32_999 : 32_499 }],
          ...(small ? { cpus: 0.5 } : {}),
        });
      }),
    },
  });
}

test('at any moment: nothing used twice, nothing passed over, nothing broken', () => {
  fc.assert(
    fc.property(moments, (moment) => {
      const input = inputOf(moment);
      checkPlan(input, plan(input));
    }),
    { numRuns: 2_000 },
  );
});

test('the order of offers and records changes nothing', () => {
  fc.assert(
    fc.property(moments, fc.nat(), (moment, turn) => {
      const input = inputOf(moment);
      const turned = <T>(list: readonly T[]): T[] => {
        const at = list.length === 0 ? 0 : turn % list.length;
        return [...list.slice(at), ...list.slice(0, at)].reverse();
      };
      const other: PlanInput = {
        ...input,
        newUuid: countUuids(),
        clusters: input.clusters.map((c) => ({ ...c, brokers: new Map(turned([...c.brokers])) })),
        mesos: { ...input.mesos, offers: turned(input.mesos.offers) },
      };
      const text = (made: Plan): string =>
        renderPlan(
          {
            ...made,
            declined: [],
            steps: made.steps.filter((s) => !s.what.startsWith('decline') && !s.what.startsWith('reconcile')),
          },
          nowMs,
        );
      const [first, second] = [plan(input), plan(other)];
      assert.is(text(second), text(first));
      const ids = (made: Plan): readonly string[] => made.declined.map((d) => d.offerId).sort();
      assert.equal(ids(second), ids(first));
    }),
    { numRuns: 500 },
  );
});

test('an unknown Kafka yields neither a stop nor another disk', () => {
  fc.assert(
    fc.property(moments, (moment) => {
      const input = inputOf({ ...moment, kafka: 'unknown' });
      const made = plan(input);
      assert.equal(stops(input, made), []);
      checkDisks(input, made);
    }),
    { numRuns: 500 },
  );
});

test('without Mesos there is no step, and it is said', () => {
  fc.assert(
    fc.property(moments, (moment) => {
      const input = inputOf(moment);
      const made = plan({ ...input, mesos: { ...input.mesos, connected: false } });
      assert.equal(made.steps, []);
      assert.ok(made.held.length > 0);
    }),
    { numRuns: 50 },
  );
});

// Worlds in motion

type Happening =
  | { readonly kind: 'fail'; readonly broker: number }
  | { readonly kind: 'heap'; readonly heapMiB: number }
  | { readonly kind: 'stop'; readonly broker: number }
  | { readonly kind: 'start' }
  | { readonly kind: 'topic'; readonly partitions: number; readonly replicationFactor: number }
  | { readonly kind: 'scale' };

const happenings: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ kind: fc.constant('fail' as const), broker: fc.nat(6) }),
  fc.record({ kind: fc.constant('heap' as const), heapMiB: fc.integer({ min: 256, max: 700 }) }),
  fc.record({ kind: fc.constant('stop' as const), broker: fc.integer({ min: 3, max: 5 }) }),
  fc.record({ kind: fc.constant('start' as const) }),
  fc.record({
    kind: fc.constant('topic' as const),
    partitions: fc.integer({ min: 1, max: 5 }),
    replicationFactor: fc.integer({ min: 1, max: 2 }),
  }),
  fc.record({ kind: fc.constant('scale' as const) }),
);

test('an ideal world comes to the empty plan in bounded passes and stays there', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.nat(3),
      fc.boolean(),
      fc.array(fc.tuple(happenings, fc.nat(4)), { maxLength: 6 }),
      (split, spare, shared, changes) => {
        const constraints = shared ? [] : [{ kind: 'unique' as const, attribute: 'hostname' }];
        const make = (id: number, roles: readonly ('broker' | 'controller')[]): DesiredBroker =>
          makeBroker(id, { roles, constraints });
        const first = makeDesired({
          brokers: split
            ? [
                ...[0, 1, 2].map((id) => make(id, ['controller'])),
                ...[3, 4, 5].map((id) => make(id, ['broker'])),
              ]
            : [0, 1, 2].map((id) => make(id, ['broker', 'controller'])),
          topics: [
            { name: 'events', partitions: 3, replicationFactor: 3, config: { 'min.insync.replicas': '2' } },
            { name: 'single', partitions: 3, replicationFactor: 1, config: {} },
          ],
          rollout: { allowSingleReplicaOutage: true, paused: false },
        });
        const agentCount = shared ? 2 + spare : first.brokers.length + 4 + spare;
        const world = createIdealWorld(
          first,
          Array.from({ length: agentCount }, (_, i) => `agent-${i}`),
        );
        const step = (): Plan => {
          const { input, plan: made } = world.pass();
          checkPlan(input, made);
          return made;
        };
        for (const [change, passes] of changes) {
          for (let i = 0; i < passes; i += 1) step();
          happen(world, change);
        }
        // Whoever was stopped hosts replicas that the roll of others waits for: all run in the end.
        happen(world, { kind: 'start' });
        let last = step();
        let made = 0;
        // Offers are looked at for a while after the last start: only then they are suppressed.
        while ((last.steps.length > 0 || last.held.length > 0 || !world.isSuppressed()) && made < 300) {
          last = step();
          made += 1;
        }
        assert.ok(made < 300, `it does not settle:\n${renderPlan(last, nowMs)}`);
        for (const broker of world.desired().brokers) {
          assert.is(world.record(broker.id)?.task?.startedWith.heapMiB, broker.heapMiB);
        }
        for (let i = 0; i < 5; i += 1) {
          const still = step();
          assert.equal(
            still.steps.map((s) => s.what),
            [],
          );
        }
      },
    ),
    { numRuns: 150 },
  );
});

test('brokers that leave the spec leave nothing behind, whatever happens on the way', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.tuple(fc.nat(6), fc.nat(3)), { maxLength: 5 }),
      fc.integer({ min: 0, max: 8 }),
      (more, fails, passes) => {
        const make = (id: number): DesiredBroker =>
          makeBroker(id, { roles: id < 3 ? ['broker', 'controller'] : ['broker'] });
        const few = makeDesired({
          brokers: [0, 1, 2].map(make),
          topics: [
            { name: 'events', partitions: 3, replicationFactor: 3, config: { 'min.insync.replicas': '2' } },
          ],
        });
        const world = createIdealWorld(
          few,
          Array.from({ length: 8 }, (_, i) => `agent-${i}`),
        );
        const settle = (): void => {
          let last: Plan | undefined;
          for (let made = 0; last === undefined || last.steps.length > 0 || last.held.length > 0; made += 1) {
            if (made === 300) assert.unreachable(`it does not settle:\n${last && renderPlan(last, nowMs)}`);
            const { input, plan: next } = world.pass();
            checkPlan(input, next);
            last = next;
          }
        };
        settle();
        const ids = Array.from({ length: more }, (_, i) => 3 + i);
        world.setDesired({ ...few, brokers: [...few.brokers, ...ids.map(make)] });
        for (let i = 0; i < passes; i += 1) world.pass();
        world.setDesired(few);
        for (const [broker, between] of fails) {
          for (let i = 0; i < between; i += 1) {
            const { input, plan: made } = world.pass();
            checkPlan(input, made);
          }
          world.fail(broker);
        }
        settle();
        for (const id of ids) {
          assert.is(world.record(id), undefined, `record of ${id}`);
          assert.equal(world.reserved(id), [], `reserved for ${id}`);
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('a cluster that is removed keeps all of its data, or leaves nothing; it comes back either way', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('keepData' as const, 'destroy' as const),
      fc.array(fc.tuple(fc.nat(6), fc.nat(4)), { maxLength: 4 }),
      fc.integer({ min: 0, max: 12 }),
      fc.boolean(),
      (deletion, fails, before, changesMind) => {
        const make = (id: number): DesiredBroker =>
          makeBroker(id, { roles: id < 3 ? ['controller'] : ['broker'] });
        const wanted = makeDesired({ brokers: [0, 1, 2, 3, 4, 5].map(make) });
        const world = createIdealWorld(
          wanted,
          Array.from({ length: 8 }, (_, i) => `agent-${i}`),
        );
        const step = (): Plan => {
          const { input, plan: made } = world.pass();
          checkPlan(input, made);
          return made;
        };
        const settle = (): void => {
          let last = step();
          for (let made = 0; last.steps.length > 0 || last.held.length > 0; made += 1) {
            if (made === 300) assert.unreachable(`it does not settle:\n${renderPlan(last, nowMs)}`);
            last = step();
          }
        };
        const disks = (): readonly string[] =>
          wanted.brokers
            .flatMap((b) => world.record(b.id)?.placement?.volumes.map((v) => v.persistenceId ?? '') ?? [])
            .sort();
        for (let i = 0; i < before; i += 1) step();
        if (deletion === 'keepData') settle();
        const kept = disks();
        world.setDesired({ ...wanted, deletion });
        for (const [broker, between] of fails) {
          for (let i = 0; i < between; i += 1) step();
          world.fail(broker);
        }
        if (changesMind) {
          world.setDesired(wanted);
          settle();
          assert.is(wanted.brokers.filter((b) => world.record(b.id)?.task === undefined).length, 0);
          if (deletion === 'keepData') assert.equal(disks(), kept);
          return;
        }
        settle();
        const reserved = wanted.brokers.flatMap((b) => world.reserved(b.id));
        if (deletion === 'destroy') {
          assert.ok(world.isGone());
          assert.equal(reserved, []);
        } else {
          assert.equal(
            reserved.flatMap((r) => r.disk?.volume?.persistenceId ?? []).sort(),
            kept,
            'every volume is there, and none is used',
          );
        }
        world.setDesired(wanted);
        settle();
        assert.is(wanted.brokers.filter((b) => world.record(b.id)?.task === undefined).length, 0);
        if (deletion === 'keepData') assert.equal(disks(), kept);
      },
    ),
    { numRuns: 60 },
  );
});

function happen(world: ReturnType<typeof createIdealWorld>, change: Happening): void {
  const desired = world.desired();
  switch (change.kind) {
    case 'fail':
      world.fail(change.broker);
      return;
    case 'heap':
      world.setDesired({
        ...desired,
        brokers: desired.brokers.map((b) => ({ ...b, heapMiB: change.heapMiB })),
      });
      return;
    case 'stop':
    case 'start':
      world.setDesired({
        ...desired,
        brokers: desired.brokers.map((b) => ({
          ...b,
          state: change.kind === 'stop' && b.id === change.broker ? 'stopped' : 'running',
        })),
      });
      return;
    case 'topic':
      world.setDesired({
        ...desired,
        topics: [
          ...desired.topics.filter((t) => t.name !== 'more'),
          ...(desired.topics.some((t) => t.name === 'more')
            ? desired.topics.filter((t) => t.name === 'more')
            : [
                {
                  name: 'more',
                  partitions: change.partitions,
                  replicationFactor: change.replicationFactor,
                  config: {},
                },
              ]),
        ],
      });
      return;
    case 'scale': {
      const id = Math.max(...desired.brokers.map((b) => b.id)) + 1;
      if (id > 9) return;
      const like = desired.brokers.at(-1);
      const constraints = like?.constraints ?? [];
      world.setDesired({
        ...desired,
        brokers: [
          ...desired.brokers,
          makeBroker(id, { roles: ['broker'], constraints, heapMiB: like?.heapMiB ?? 512 }),
        ],
      });
    }
  }
}

test.run();
