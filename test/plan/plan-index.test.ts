/** A saved plan holds for the world that it was made in: the same one, however it is looked at, and no other. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Desired } from '../../src/model/desired.ts';
import type { KafkaObserved } from '../../src/model/kafka.ts';
import type { PlanInput } from '../../src/model/observed.ts';
import type { BrokerRecord, ClusterMemory } from '../../src/model/records.ts';
import { describeMoved, formatIndex, movedParts, planParts } from '../../src/plan/plan-index.ts';
import { digestOfValue } from '../../src/spec/digest.ts';
import {
  artifacts,
  makeBroker,
  makeCluster,
  makeDesired,
  makeEnded,
  makeInput,
  makeKafka,
  makeLagging,
  makeMemory,
  makeOffer,
  makePlacement,
  makeRecord,
  makeTask,
  nowMs,
  previewOf,
} from './builders.ts';

type World = {
  readonly desired: Desired;
  readonly stored: { readonly revision: number; readonly digest: string };
  readonly records: ReadonlyMap<number, BrokerRecord>;
  readonly kafka: KafkaObserved | undefined;
  readonly changes: Omit<Parameters<typeof makeInput>[1] & object, 'kafka'>;
};

const topics = [
  {
    name: 'events',
    partitions: 4,
    replicationFactor: 3,
    config: { 'min.insync.replicas': '2', 'retention.ms': '9' },
  },
  { name: 'missing', partitions: 1, replicationFactor: 3, config: {} },
];
const base: Desired = makeDesired({ topics });

/** A topic of the spec is yet to be made. */
const everything = makeKafka(base);

function baseWorld(): World {
  return {
    desired: base,
    stored: { revision: 6, digest: 'd' },
    records: new Map(base.brokers.map((b) => [b.id, makeRecord(base, b)])),
    kafka: { ...everything, topics: everything.topics.filter((t) => t.name !== 'missing') },
    changes: {},
  };
}

function look({ desired, stored, records, kafka, changes }: World) {
  const made = makeMemory(desired);
  const spec = { ...made.spec, revision: 6 };
  const memory: ClusterMemory = { ...made, spec, cluster: makeCluster(base), brokers: records };
  const input: PlanInput = makeInput([memory], {
    ...changes,
    kafka: { demo: kafka === undefined ? { known: false, why: 'asleep' } : { known: true, value: kafka } },
  });
  const shown = previewOf(input, memory);
  const parts = planParts(input, memory, { ...made.spec, ...stored, author: 'ann' }, shown);
  return { shown, index: formatIndex(parts, digestOfValue) };
}

function withRecord(world: World, id: number, change: (record: BrokerRecord) => BrokerRecord): World {
  const record = world.records.get(id) ?? makeRecord(base, makeBroker(id));
  return { ...world, records: new Map([...world.records, [id, change(record)]]) };
}

function withKafka(world: World, change: (kafka: KafkaObserved) => KafkaObserved): World {
  return world.kafka === undefined ? world : { ...world, kafka: change(world.kafka) };
}

const refusedKey = ['min.insync.replicas', 'retention.ms'].map((key) => `configure topic events: ${key}`);

/** What another look at the same world may bring. */
const noises: Readonly<Record<string, (world: World, n: number) => World>> = {
  'time goes by': (w, n) => ({ ...w, changes: { ...w.changes, nowMs: nowMs + n } }),
  'offers come and go': (w, n) => ({
    ...w,
    changes: { ...w.changes, mesos: { offers: [makeOffer('agent-9', { id: `o${n}`, cpus: n % 3 })] } },
  }),
  'another scheduler': (w, n) => ({
    ...w,
    changes: { ...w.changes, newUuid: () => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` },
  }),
  'another reading': (w, n) =>
    withKafka(w, (kafka) => ({
      ...kafka,
      observedAtMs: kafka.observedAtMs + n,
      tookMs: n,
      brokers: kafka.brokers.toReversed(),
      topics: kafka.topics.toReversed(),
      quorum: {
        ...kafka.quorum,
        voters: kafka.quorum.voters.map((v) => ({
          ...v,
          logEndOffset: n,
          lastCaughtUpMs: nowMs - (n % 900),
        })),
      },
    })),
  'partition leaders': (w, n) =>
    withKafka(w, (kafka) => ({
      ...kafka,
      topics: kafka.topics.map((t) => ({
        ...t,
        partitions: t.partitions.map((p) => ({
          ...p,
          leader: p.isr[n % p.isr.length] ?? -1,
          isr: n % 2 === 0 ? p.isr : p.isr.toReversed(),
        })),
      })),
    })),
  'a topic that can be spared': (w) =>
    withKafka(w, (kafka) => ({
      ...kafka,
      topics: [
        ...kafka.topics,
        {
          name: 'adhoc',
          internal: false,
          minIsr: 1,
          partitions: [{ partition: 0, leader: 0, replicas: [0, 1, 2], isr: [0, 1, 2], elr: [] }],
        },
      ],
    })),
  'figures of reports': (w, n) =>
    withRecord(w, 1, (r) =>
      r.task?.report === undefined
        ? r
        : {
            ...r,
            task: {
              ...r.task,
              report: {
                ...r.task.report,
                jvmPid: n,
                disks: [{ path: 'volumes/data', totalBytes: 9e9, freeBytes: 8e9 + n }],
              },
            },
          },
    ),
  'order of records': (w) => ({ ...w, records: new Map([...w.records].toReversed()) }),
  'a refusal that is remembered': (w) => ({
    ...w,
    changes: {
      ...w.changes,
      kafkaRefusals: new Map([
        [
          'demo',
          new Map(
            ['create topic missing', 'configure topic events', ...(w.desired === base ? [] : refusedKey)].map(
              (what) => [what, { why: 'no', untilMs: nowMs + 60_000 }],
            ),
          ),
        ],
      ]),
    },
  }),
};

/** Each moves the world on, and is named by these words. */
const moves: Readonly<Record<string, readonly [(world: World) => World, RegExp]>> = {
  'a broker ended': [
    (w) => withRecord(w, 2, (r) => makeEnded(base, makeBroker(2), { ...(r.intent && { intent: r.intent }) })),
    /^broker 2 is /,
  ],
  'a broker restarted': [
    (w) =>
      withRecord(w, 1, (r) => ({
        ...r,
        launches: 2,
        task: makeTask(base, makeBroker(1), r.placement ?? makePlacement('demo', makeBroker(1)), {
          taskId: 'demo.1.2.t',
        }),
      })),
    /broker 1 was restarted/,
  ],
  'an operator asked': [
    (w) => withRecord(w, 0, (r) => ({ ...r, intent: { kind: 'pause', author: 'bob', atMs: nowMs - 5_000 } })),
    /broker 0 is running now, and bob asked to pause it/,
  ],
  'the place that was left counts': [
    (w) =>
      withRecord(w, 0, (r) => ({
        ...r,
        oldHome: { placement: makePlacement('demo', makeBroker(0), { incarnation: 'old' }), hasData: true },
      })),
    /broker 0 /,
  ],
  'a setting was made': [
    (w) =>
      withRecord(w, 0, (r) => ({
        ...r,
        dynamicConfig: { 'log.cleaner.threads': { value: '2', applied: true } },
      })),
    /broker 0 /,
  ],
  'a revision came between': [
    (w) => ({ ...w, stored: { revision: 7, digest: 'e' } }),
    /revision 7 was applied by ann/,
  ],
  'a broker is fenced': [
    (w) => withKafka(w, (k) => ({ ...k, brokers: k.brokers.map((b) => ({ ...b, fenced: b.id === 2 })) })),
    /Kafka fences broker 2 now/,
  ],
  'a replica is behind': [
    (w) => withKafka(w, (k) => makeLagging(k, 3)),
    /events-3 has 2 of 3 replicas in sync/,
  ],
  'a topic is set otherwise': [
    (w) =>
      withKafka(w, (k) => ({
        ...k,
        topics: k.topics.map((t) => ({ ...t, config: { 'retention.ms': '1' } })),
      })),
    /a topic of the spec/,
  ],
  'Kafka is not known': [(w) => ({ ...w, kafka: undefined }), /does not know just now what Kafka says/],
  'another executor': [
    (w) => ({
      ...w,
      changes: { ...w.changes, artifacts: { ...artifacts, executor: { uri: 'x', sha512: 'f'.repeat(128) } } },
    }),
    /another executor/,
  ],
  'the spec has one more broker': [
    (w) => ({
      ...w,
      desired: makeDesired({ topics, brokers: [...base.brokers, makeBroker(3, { roles: ['broker'] })] }),
    }),
    /the spec files say something else/,
  ],
  'the spec is another': [
    (w) => ({
      ...w,
      desired: makeDesired({ topics, brokers: [0, 1, 2].map((id) => makeBroker(id, { heapMiB: 600 })) }),
    }),
    /the spec files say something else/,
  ],
};

const someMoves = fc.subarray(Object.keys(moves));
/** Changes of one thing that are divided after a colon are one. */
const someSteps = fc.uniqueArray(fc.string().filter((what) => !what.includes(': ')));
const someNoise = fc.array(fc.tuple(fc.constantFrom(...Object.keys(noises)), fc.nat(2_000)), {
  maxLength: 6,
});

function moved(names: readonly string[]): World {
  return names.reduce((world, name) => moves[name]?.[0](world) ?? world, baseWorld());
}

test('the same world gives the same index, however and by whom it is looked at', () => {
  fc.assert(
    fc.property(someMoves, someNoise, (names, noise) => {
      const world = moved(names);
      const again = noise.reduce((w, [name, n]) => noises[name]?.(w, n) ?? w, world);
      assert.equal(movedParts(look(world).index, look(again).index), []);
      assert.is(look(world).index, look(again).index);
    }),
    { numRuns: 150 },
  );
});

test('whatever moves on gives another index, and is named', () => {
  for (const [name, [move, words]] of Object.entries(moves)) {
    const before = look(baseWorld());
    const world = move(baseWorld());
    const parts = movedParts(before.index, look(world).index);
    assert.ok(parts.length > 0, name);
    const said = describeMoved(parts, {
      stored: { ...makeMemory(base).spec, ...world.stored, author: 'ann' },
      status: statusOf(world),
      kafka: world.kafka,
    });
    assert.match(said.join('; '), words, name);
  }
});

test('two plans with other steps have another index', () => {
  fc.assert(
    fc.property(someMoves, someMoves, (one, other) => {
      const [a, b] = [look(moved(one)), look(moved(other))];
      const steps = (of: typeof a) => of.shown.steps.map((s) => `${s.mark} ${s.what}: ${s.why}`).sort();
      if (JSON.stringify(steps(a)) !== JSON.stringify(steps(b))) assert.is.not(a.index, b.index);
    }),
    { numRuns: 150 },
  );
  // And were they the only difference: a step is a part of its own.
  const input = makeInput([makeMemory(base)]);
  const index = (what: readonly string[]) =>
    formatIndex(
      planParts(input, makeMemory(base), undefined, {
        steps: what.map((one) => ({ mark: '+', what: one, why: [] })),
        held: [],
      }),
      digestOfValue,
    );
  fc.assert(
    fc.property(someSteps, someSteps, (a, b) => {
      const isSame = JSON.stringify([...a].sort()) === JSON.stringify([...b].sort());
      assert.is(index(a) === index(b), isSame);
    }),
  );
});

test('a part that only one of two plans has is moved too', () => {
  assert.equal(movedParts('a=1,broker 3=2', 'a=1'), ['broker 3']);
  assert.equal(movedParts('a=1', 'a=1,broker 3=2'), ['broker 3']);
  assert.equal(movedParts('a=1', ''), ['a']);
  assert.match(
    describeMoved(['broker 3'], { stored: undefined, status: undefined, kafka: undefined }).join(),
    'broker 3 is not there any more',
  );
});

function statusOf(world: World) {
  const states = [...world.records.values()].map((r) => ({
    id: r.id,
    state: r.task === undefined ? 'failed' : 'running',
    ...(r.intent === undefined ? {} : { intent: r.intent }),
  }));
  return { brokers: states } as unknown as Parameters<typeof describeMoved>[1]['status'];
}

test.run();
