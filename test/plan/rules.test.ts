/** The small rules of the planner, each by itself. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BrokerLaunch } from '../../src/model/launch.ts';
import type { HeldReason } from '../../src/model/plan.ts';
import type { ClusterMemory } from '../../src/model/records.ts';
import { judgeAgents } from '../../src/plan/constraints.ts';
import { describeHeld } from '../../src/plan/describe-held.ts';
import { fitBroker, groupByAgent } from '../../src/plan/fit.ts';
import { killDueAtMs } from '../../src/plan/kill.ts';
import { executorCommand } from '../../src/plan/launch.ts';
import { kafkaUuid } from '../../src/plan/placement.ts';
import { plan } from '../../src/plan/plan.ts';
import { isFree, isReservedFor, lowestPort, merged, takePort, takeScalar } from '../../src/plan/resources.ts';
import {
  absentBrokers,
  blockLeave,
  blockQuorum,
  blockRelocation,
  blockRestart,
  countInSync,
  isHealthy,
} from '../../src/plan/safety.ts';
import { diffSettings, settingsOf } from '../../src/plan/settings.ts';
import { clusterStatus } from '../../src/plan/status.ts';
import {
  artifacts,
  countUuids,
  framework,
  kafkaSha512,
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
  previewOf,
  reservedFor,
} from './builders.ts';

// Settings

const desired = makeDesired();
const broker = makeBroker(1, { config: { a: '1' }, environment: { X: 'y' } });
const settings = settingsOf(desired, broker, kafkaSha512);

test('equal settings differ in nothing, in whatever order they come', () => {
  assert.equal(diffSettings(settings, JSON.parse(JSON.stringify(settings))), []);
  assert.equal(diffSettings(settings, { ...settings, roles: ['controller', 'broker'] }), []);
  assert.equal(
    diffSettings({ ...settings, config: { a: '1', b: '2' } }, { ...settings, config: { b: '2', a: '1' } }),
    [],
  );
});

test('one phrase a difference', () => {
  assert.equal(
    diffSettings(settings, {
      ...settings,
      cpus: 2,
      heapMiB: 600,
      config: { a: '2', b: '3' },
      environment: {},
      log4j: { 'kafka.x': 'DEBUG' },
    }),
    [
      'cpus: 1 → 2',
      'heap: 512 MiB → 600 MiB',
      'environment X',
      'config a: 1 → 2',
      'config b: default → 3',
      'log level kafka.x: default → DEBUG',
    ],
  );
});

test('no value of a secret is ever shown', () => {
  const secret = 'hunter2';
  for (const key of [
    'ssl.key.password',
    'ssl.keystore.password',
    'ssl.keystore.key',
    'ssl.keystore.certificate.chain',
    'sasl.jaas.config',
    'listener.name.client.plain.sasl.jaas.config',
    'listener.name.x.scram-sha-512.sasl.jaas.config',
    'sasl.oauthbearer.client.credentials.client.secret',
    'delegation.token.secret.key',
    'password.encoder.secret',
    'my.plugin.apiKey',
  ]) {
    const shown = diffSettings(settings, { ...settings, config: { ...settings.config, [key]: secret } });
    assert.equal(shown, [`config ${key}`]);
  }
  const texts = [
    ...diffSettings(settings, { ...settings, environment: { X: secret, Y: secret } }),
    ...diffSettings(settings, {
      ...settings,
      jvmOptions: [`-Djavax.net.ssl.trustStorePassword=${secret}`, '-Xss1m'],
    }),
  ].join(' ');
  assert.not.match(texts, secret);
  assert.match(texts, '-Xss1m');
});

test('a value as long as a file makes one short line', () => {
  const [line = ''] = diffSettings(settings, { ...settings, config: { a: 'x'.repeat(10_000) } });
  assert.ok(line.length < 120);
});

// Words

test('each reason has words, those that a person can mend have a remedy', () => {
  const reasons: readonly HeldReason[] = [
    { kind: 'no-matching-offer', wanted: 'cpus 1', rejections: [] },
    {
      kind: 'no-matching-offer',
      wanted: 'cpus 1',
      rejections: Array.from({ length: 500 }, (_, i) => ({
        offerId: `o${i}`,
        agentId: `a${i}`,
        hostname: `h${i}`,
        reasons: ['cpus 0.5 of 1'],
      })),
    },
    { kind: 'waiting-for-agent', agentId: 'a', hostname: 'h', untilMs: 5 },
    { kind: 'backing-off', untilMs: 5, failures: 2, last: 'exit 1' },
    { kind: 'gave-up', failures: 3, last: 'exit 1' },
    { kind: 'refused-by-mesos', detail: 'more than available' },
    { kind: 'waiting-for-voters', missing: [1, 2] },
    { kind: 'volume-not-grown', cause: 'no-room', brokerId: 1, hostname: 'h', detail: '500 of 1000 MiB' },
    { kind: 'task-in-progress', doing: 'fetching', sinceMs: 1 },
    { kind: 'agent-unreachable', agentId: 'a', hostname: 'h', sinceMs: 1, untilMs: 5 },
    { kind: 'waiting-for-isr', partitions: ['t-0: it has this replica only'], more: 3 },
    { kind: 'waiting-for-roll', brokerId: 1, detail: 'is not back in sync' },
    { kind: 'rollout-paused' },
    { kind: 'quorum-at-risk', detail: 'two of three' },
    { kind: 'relocation-unsafe', detail: 'data', partitions: ['t-0'], more: 1 },
    { kind: 'kafka-unknown', detail: 'refused' },
    { kind: 'kafka-slow', purpose: 'stop a broker', tookMs: 4_180, limitMs: 3_000, partitions: 120_000 },
    { kind: 'mesos-unknown', detail: 'not connected' },
    { kind: 'distribution-missing', detail: 'not there' },
    { kind: 'too-few-brokers', wanted: 3, available: 1 },
    { kind: 'impossible-change', detail: 'fewer partitions' },
    { kind: 'not-yet-supported', detail: 'moving' },
  ];
  for (const reason of reasons) {
    const words = describeHeld({ clusterName: 'demo', need: 'start broker 1', reason, stalled: false });
    assert.ok(words.message.length > 3, reason.kind);
    assert.not.match(words.message, /undefined|NaN|\[object/);
    assert.is(words.reason, reason.kind);
    assert.ok(words.details.length <= 51, 'a thousand agents say the same');
    if ('untilMs' in reason) assert.is(words.untilMs, 5);
  }
  const remedy = (reason: HeldReason): string =>
    describeHeld({ clusterName: 'd', need: 'n', reason, stalled: true }).remedy ?? '';
  assert.match(
    remedy({ kind: 'waiting-for-isr', partitions: ['t-0: it has this replica only'], more: 0 }),
    'allowSingleReplicaOutage',
  );
  assert.match(remedy({ kind: 'gave-up', failures: 3, last: '' }), 'maxTries');
});

// Constraints

const agent = (attributes: Record<string, string>): Record<string, string> => attributes;

test('like and unlike match the whole value', () => {
  const judge = judgeAgents([{ kind: 'like', attribute: 'rack', pattern: 'r[12]|x' }], []);
  assert.equal(judge(agent({ rack: 'r1' })), []);
  assert.equal(judge(agent({ rack: 'r12' })), ['rack r12 is not like r[12]|x']);
  assert.equal(judge(agent({})), ['agent has no attribute rack']);
  const not = judgeAgents([{ kind: 'unlike', attribute: 'rack', pattern: 'r1' }], []);
  assert.equal(not(agent({ rack: 'r1' })), ['rack r1 is like r1']);
  assert.equal(not(agent({ rack: 'r12' })), []);
});

test('unique, cluster and groupBy look at the others', () => {
  const others = ['a', 'a', 'b'].map((rack, id) => ({ id, attributes: { rack } }));
  const unique = judgeAgents([{ kind: 'unique', attribute: 'rack' }], others);
  assert.equal(unique({ rack: 'b' }), ['rack b is used by broker 2, and is to be used once']);
  assert.is(unique({ rack: 'c' }).length, 0);
  const cluster = judgeAgents([{ kind: 'cluster', attribute: 'rack' }], others);
  assert.is(cluster({ rack: 'a' }).length, 0);
  assert.is(cluster({ rack: 'b' }).length, 1);
  assert.is(judgeAgents([{ kind: 'cluster', attribute: 'rack' }], [])({ rack: 'z' }).length, 0);
  assert.is(
    judgeAgents([{ kind: 'cluster', attribute: 'rack', value: 'b' }], others)({ rack: 'b' }).length,
    0,
  );
  const group = judgeAgents([{ kind: 'groupBy', attribute: 'rack' }], others);
  assert.equal(group({ rack: 'a' }), ['rack a is used by brokers 0, 1, and b by 1 only']);
  assert.is(group({ rack: 'b' }).length, 0);
  assert.is(group({ rack: 'c' }).length, 0);
  const wide = judgeAgents([{ kind: 'groupBy', attribute: 'rack', minimum: 3 }], others);
  assert.is(wide({ rack: 'b' }).length, 1, 'a third value is wanted first');
  assert.is(wide({ rack: 'c' }).length, 0);
});

// Resources

test('scalars are thousandths: 0.1 + 0.2 is 0.3, and nothing is lost', () => {
  const pool = [
    { name: 'cpus', scalar: 0.1, reservations: [] },
    { name: 'cpus', scalar: 0.2, reservations: [] },
  ];
  assert.is(merged(pool)[0]?.scalar, 0.3);
  const taken = takeScalar(pool, 'cpus', 0.3, () => true);
  assert.is(taken.short, 0);
  assert.equal(taken.rest, []);
  assert.is(takeScalar(pool, 'cpus', 0.301, () => true).short, 0.001);
});

test('what is taken and what is left are what there was', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 6 }),
      fc.integer({ min: 0, max: 20_000 }),
      (pieces, wanted) => {
        const pool = pieces.map((p) => ({ name: 'cpus', scalar: p / 1_000, reservations: [] }));
        const { taken, rest, short } = takeScalar(pool, 'cpus', wanted / 1_000, () => true);
        const milli = (list: typeof taken): number =>
          list.reduce((sum, r) => sum + Math.round((r.scalar ?? 0) * 1_000), 0);
        const all = pieces.reduce((sum, p) => sum + p, 0);
        assert.is(milli(taken) + milli(rest), all);
        assert.is(milli(taken), Math.min(all, wanted));
        assert.is(Math.round(short * 1_000), Math.max(0, wanted - all));
      },
    ),
  );
});

test('ports: the lowest that is free, taken out of the middle of a range', () => {
  const pool = [
    {
      name: 'ports',
      ranges: [
        { begin: 10, end: 12 },
        { begin: 20, end: 20 },
      ],
      reservations: [],
    },
  ];
  assert.is(lowestPort(pool, { begin: 1, end: 65_535 }, new Set([10])), 11);
  assert.is(lowestPort(pool, { begin: 13, end: 65_535 }, new Set()), 20);
  assert.is(lowestPort(pool, { begin: 13, end: 19 }, new Set()), undefined);
  assert.equal(takePort(pool, 11).rest[0]?.ranges, [
    { begin: 10, end: 10 },
    { begin: 12, end: 12 },
    { begin: 20, end: 20 },
  ]);
  assert.equal(takePort(pool, 99).taken, []);
});

test('ours is what carries all our labels; free is unreserved or statically for a role above ours', () => {
  const labels = { framework: 'kafka-mesos', cluster: 'demo', broker: '1', incarnation: 'i1' };
  const of = (over: Record<string, string>) => ({
    name: 'cpus',
    scalar: 1,
    reservations: [{ kind: 'dynamic' as const, role: 'kafka', labels: { ...labels, ...over } }],
  });
  assert.ok(isReservedFor(of({}), labels));
  assert.not(isReservedFor(of({ broker: '2' }), labels));
  assert.not(isFree(of({}), 'kafka'));
  const statically = (role: string) => ({
    name: 'cpus',
    scalar: 1,
    reservations: [{ kind: 'static' as const, role, labels: {} }],
  });
  assert.ok(isFree(statically('kafka'), 'kafka/prod'));
  // Mesos: "is not a refinement".
  assert.not(isFree(statically('kafka'), 'kafka'));
  assert.not(isFree(statically('kaf'), 'kafka'));
  assert.not(isFree(statically('other'), 'kafka/prod'));
});

// Fit

const fitContext = {
  artifacts,
  nowMs,
  frameworkName: framework.name,
  role: framework.role,
  giveNoFeedback: new Set<string>(),
  newUuid: countUuids(),
};

test('an agent gets the Node of its platform, and is refused by name when there is none', () => {
  const fit = (attributes: Record<string, string>) => {
    const [agent] = groupByAgent([makeOffer('a', { attributes: { rack: 'r1', ...attributes } })]);
    if (agent === undefined) throw new Error('no offers');
    return fitBroker({ clusterName: 'demo', broker: makeBroker(1), formatted: false }, agent, {
      ...fitContext,
      artifacts: {
        node: {
          byPlatform: { 'linux-x64': { uri: 'x', sha512: '1' }, 'linux-arm64': { uri: 'a', sha512: '2' } },
          defaultPlatform: 'linux-x64',
        },
      },
    });
  };
  const uri = (attributes: Record<string, string>) => {
    const found = fit(attributes);
    return found.fits ? found.node.uri : found.reasons.join();
  };
  assert.is(uri({}), 'x');
  assert.is(uri({ arch: 'x86_64' }), 'x');
  assert.is(uri({ os: 'Linux', arch: 'aarch64' }), 'a');
  assert.is(uri({ os: 'darwin' }), 'no Node for darwin-x64 (--agent-node)');
  assert.is(uri({ os: 'constructor', arch: 'x' }), 'no Node for constructor-x (--agent-node)');
});

test('what the agent reserves for our very role cannot be used, and that is said', () => {
  const reservations = [{ kind: 'static' as const, role: framework.role, labels: {} }];
  const extra = [{ name: 'cpus', scalar: 8, reservations }];
  const [agent] = groupByAgent([makeOffer('a', { cpus: 0.5, extra })]);
  if (agent === undefined) throw new Error('no offers');
  const fit = fitBroker({ clusterName: 'demo', broker: makeBroker(1), formatted: false }, agent, fitContext);
  const reasons = fit.fits ? '' : fit.reasons.join();
  assert.match(
    reasons,
    /cpus 0.5 of 1.1; 8 more are the agent's for role kafka itself.*a role above, or none/,
  );
});

test('what is reserved for another broker is not touched', () => {
  const other = makeBroker(2);
  const offer = makeOffer('agent-9', {
    cpus: 0,
    mem: 0,
    disk: 0,
    ports: [],
    extra: reservedFor('demo', other, makePlacement('demo', other), ['cpus', 'mem', 'disk', 'ports']),
  });
  const [offers] = groupByAgent([offer]);
  assert.ok(offers !== undefined);
  if (offers === undefined) return;
  const fit = fitBroker({ clusterName: 'demo', broker: makeBroker(1), formatted: false }, offers, fitContext);
  assert.not(fit.fits);
  assert.is(fit.fits ? 0 : fit.reasons.length, 5, 'cpus, memory, disk and two ports');
});

test('a mount disk goes whole, the smallest that is large enough', () => {
  const mount = (root: string, scalar: number) => ({
    name: 'disk',
    scalar,
    reservations: [],
    disk: { source: { kind: 'mount' as const, root } },
  });
  const offer = makeOffer('agent-9', {
    disk: 0,
    extra: [mount('/b', 9_000), mount('/s', 100), mount('/m', 2_000)],
  });
  const [offers] = groupByAgent([offer]);
  const storage = {
    kind: 'persistent' as const,
    volumes: [{ name: 'data', sizeMiB: 1_000, disk: 'mount' as const }],
  };
  if (offers === undefined) throw new Error('one agent');
  const fit = fitBroker(
    { clusterName: 'demo', broker: makeBroker(1, { storage }), formatted: false },
    offers,
    fitContext,
  );
  assert.ok(fit.fits);
  if (!fit.fits) return;
  assert.is(fit.placement.volumes[0]?.sizeMiB, 2_000);
  assert.equal(fit.placement.volumes[0]?.source, { kind: 'mount', root: '/m' });
});

test('several offers of one agent are used together', () => {
  const [offers, ...others] = groupByAgent([
    makeOffer('agent-9', { id: 'o2', cpus: 0.5, mem: 0, disk: 0, ports: [] }),
    makeOffer('agent-9', { id: 'o1', cpus: 0.6 }),
  ]);
  assert.equal(others, []);
  assert.equal(offers?.offerIds, ['o1', 'o2']);
  if (offers === undefined) return;
  assert.ok(
    fitBroker({ clusterName: 'd', broker: makeBroker(1), formatted: false }, offers, fitContext).fits,
  );
});

// Ids

test('a Kafka id has 22 characters, never begins with -, and is the UUID read back', () => {
  const uuids = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const text = (bytes: Uint8Array): string => {
    const hex = Buffer.from(bytes).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
  fc.assert(
    fc.property(uuids, fc.boolean(), (random, dash) => {
      const bytes = dash ? Uint8Array.from([0xf8 | (random[0] ?? 0), ...random.slice(1)]) : random;
      const id = kafkaUuid(text(bytes));
      assert.match(id, /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
      const back = Buffer.from(id, 'base64url');
      assert.is(back.length, 16);
      const expected = Buffer.from(bytes);
      if ((bytes[0] ?? 0) >> 2 === 62) expected[0] = (expected[0] ?? 0) ^ 0x80;
      assert.is(back.toString('hex'), expected.toString('hex'));
    }),
  );
});

test('the command checks both digests and that Node runs, before it runs anything', () => {
  const command = executorCommand(
    { uri: 'http://x/executor-$(rm).mjs', sha512: 'aa' },
    { uri: 'http://x/node-24', sha512: 'bb' },
  );
  assert.not.match(command, 'http');
  const places = [
    'matches kafka-mesos-executor.mjs aa',
    'matches node bb || exit 65',
    './node --version >&2 || exit 69',
    'exec ./node kafka-mesos-executor.mjs',
  ].map((part) => command.indexOf(part));
  assert.not(places.includes(-1), command);
  assert.equal(
    places,
    places.toSorted((a, b) => a - b),
  );
});

test('a Node that lies on the agent is run there, unless the task runs as a user of its own', () => {
  const path = "/opt/it's/node";
  const node = { uri: 'file:///opt/node', sha512: 'bb', path };
  const command = executorCommand({ uri: 'file:///x.mjs', sha512: 'aa' }, node);
  assert.match(command, 'matches kafka-mesos-executor.mjs aa || exit 65');
  assert.match(command, `exec '/opt/it'\\''s/node' kafka-mesos-executor.mjs`);
  assert.not.match(command, 'bb');

  const launched = (user?: string) => {
    const broker = makeBroker(0, {
      storage: { kind: 'sandbox', volumes: [{ name: 'data', sizeMiB: 1000, disk: 'root' }] },
      ...(user === undefined ? {} : { user }),
    });
    const desired = makeDesired({ brokers: [broker] });
    const fresh: ClusterMemory = { spec: makeSpec(desired), brokers: new Map() };
    const byPlatform = { 'linux-x64': node };
    const [executor] = plan(
      makeInput([fresh], {
        artifacts: { ...artifacts, node: { byPlatform, defaultPlatform: 'linux-x64' } },
        mesos: { offers: [makeOffer('agent-1')] },
      }),
    ).steps.flatMap(({ action }) =>
      action.kind === 'broker' && action.call?.kind === 'accept'
        ? action.call.operations.flatMap((o) => (o.kind === 'launch' ? [o.task.executor] : []))
        : [],
    );
    return { command: executor?.command ?? '', files: executor?.uris.map((uri) => uri.outputFile) };
  };
  assert.match(launched().command, "exec '/opt");
  assert.equal(launched().files, ['kafka-mesos-executor.mjs']);
  assert.match(launched('kafka').command, 'matches node bb');
  assert.equal(launched('kafka').files, ['kafka-mesos-executor.mjs', 'node']);
});

test('a KILL is sent again 5, 10, 20, 40 s later and then each minute', () => {
  assert.is(killDueAtMs(undefined), 0);
  assert.equal(
    [1, 2, 3, 4, 5, 50].map((attempts) => killDueAtMs({ lastAtMs: 0, attempts })),
    [5_000, 10_000, 20_000, 40_000, 60_000, 60_000],
  );
});

// Safety

const events = makeDesired({
  topics: [{ name: 'events', partitions: 1, replicationFactor: 3, config: { 'min.insync.replicas': '2' } }],
});
const strict = { allowSingleReplicaOutage: false };
const none = new Set<number>();
function reading(
  isr: readonly number[],
  changes: { minIsr?: number | undefined; elr?: readonly number[]; replicas?: readonly number[] } = {},
) {
  const { minIsr = 'minIsr' in changes ? undefined : 2, elr = [], replicas = [0, 1, 2] } = changes;
  return makeKafka(events, {
    topics: [
      {
        name: 'events',
        internal: false,
        ...(minIsr === undefined ? {} : { minIsr }),
        partitions: [{ partition: 0, leader: isr[0] ?? -1, replicas, isr, elr }],
      },
    ],
  });
}
const why = (kafka: ReturnType<typeof reading>, id: number, policy = strict): string =>
  blockRestart(kafka, id, policy, none)
    .map((v) => v.why)
    .join();

test('a broker stops only when all others are in sync and enough are left', () => {
  assert.is(why(reading([0, 1, 2]), 1), '');
  assert.is(why(reading([0, 1]), 1), 'broker 2 is not in sync');
  assert.is(why(reading([0, 2]), 1), '', 'itself out of sync: a restart may mend it');
  assert.is(why(reading([0, 1, 2], { minIsr: 3 }), 1), '', 'RF ≤ min ISR never blocks for ever');
  assert.is(why(reading([0, 1], { replicas: [0, 1], minIsr: 2 }), 1), '');
  assert.match(why(reading([0, 1, 2], { minIsr: undefined }), 1), 'not known');
  assert.is(why(reading([0, 2], { replicas: [0, 2] }), 1), '', 'not its partition');
});

test('the last live replica is never stopped but by consent for RF 1', () => {
  const consent = { allowSingleReplicaOutage: true };
  assert.match(why(reading([1], { replicas: [1] }), 1), 'this replica only');
  assert.is(why(reading([1], { replicas: [1] }), 1, consent), '');
  assert.match(why(reading([1]), 1, consent), 'last live replica', 'the consent is about RF 1');
  assert.match(why(reading([], { elr: [1, 2] }), 1, consent), 'last live replica');
});

test('the quorum: caught-up voters without this one stay a majority', () => {
  const kafka = makeKafka(desired);
  assert.is(blockQuorum(kafka, 1, none), undefined);
  assert.is(blockQuorum(kafka, 9, none), undefined, 'no voter');
  const { quorum } = kafka;
  const lag = (...ids: readonly number[]) => ({
    ...kafka,
    quorum: {
      ...quorum,
      voters: quorum.voters.map((v) =>
        ids.includes(v.nodeId) ? { ...v, logEndOffset: 1, lastCaughtUpMs: nowMs - 60_000 } : v,
      ),
    },
  });
  assert.match(blockQuorum(lag(2), 1, none) ?? '', '1 caught-up voters would be left of 2');
  assert.is(blockQuorum(lag(2), 2, none), undefined, 'the one that lags may be restarted');
  assert.match(blockQuorum({ ...kafka, quorum: { ...quorum, leaderId: -1 } }, 1, none) ?? '', 'no leader');
  const voters = lag(2).quorum.voters.map((v) =>
    v.nodeId === quorum.leaderId ? { ...v, lastCaughtUpMs: -1 } : { ...v, lastCaughtUpMs: nowMs },
  );
  assert.match(
    blockQuorum({ ...kafka, quorum: { ...quorum, voters } }, 1, none) ?? '',
    '1 caught-up voters',
    'no clock but the leader’s tells whether a voter keeps up',
  );
  const pair = { ...kafka, quorum: { ...quorum, voters: quorum.voters.slice(0, 2) } };
  assert.is(blockQuorum(pair, 1, none), undefined, 'a quorum of two cannot spare one: it was warned of');
});

test('who is not certain to live counts nowhere, whatever the reading says', () => {
  const gone = makeEnded(events, makeBroker(0));
  const away = makeRecord(events, makeBroker(1));
  const { task } = makeRecord(events, makeBroker(2));
  assert.ok(away.task && task);
  const memory = makeMemory(events, [
    gone,
    { ...away, task: { ...away.task, unreachableSinceMs: nowMs } },
    { ...away, id: 2, task: { ...task, kill: { cause: 'roll', detail: 'x', atMs: nowMs } } },
    { ...away, id: 3, task: { ...task, state: 'TASK_STARTING' } },
    { ...away, id: 4, task },
  ]);
  assert.equal([...absentBrokers(memory)], [0, 1, 2, 3]);

  const absent = new Set([2]);
  const kafka = reading([0, 1, 2]);
  assert.is(blockRestart(kafka, 1, strict, absent)[0]?.why, 'broker 2 is not in sync');
  assert.match(blockQuorum(kafka, 1, absent) ?? '', '1 caught-up voters would be left of 2');
  assert.match(blockLeave(kafka, new Set([1]), strict, absent) ?? '', 'events-0 would have 1 in sync');
  const apart = {
    ...reading([1, 2]),
    brokers: [1, 2].map((id) => ({ id, fenced: id === 1, host: 'h', port: 1 })),
    quorum: { leaderId: 9, voters: [], observers: [] },
  };
  assert.is(blockRelocation(apart, 1, none), undefined);
  assert.is(blockRelocation(apart, 1, absent)?.partitions.length, 1);
});

test('an empty disk under an old id only when it is fenced and each partition lives elsewhere', () => {
  const split = makeDesired({
    brokers: [
      makeBroker(0, { roles: ['controller'] }),
      ...[1, 2, 3].map((id) => makeBroker(id, { roles: ['broker'] })),
    ],
    topics: [{ name: 'events', partitions: 1, replicationFactor: 3, config: {} }],
  });
  const kafka = makeKafka(split);
  const fence = (k: typeof kafka, ...ids: readonly number[]) => ({
    ...k,
    brokers: k.brokers.map((b) => ({ ...b, fenced: ids.includes(b.id) })),
  });
  const isr = (k: typeof kafka, ids: readonly number[], elr: readonly number[] = []) => ({
    ...k,
    topics: k.topics.map((t) => ({ ...t, partitions: t.partitions.map((p) => ({ ...p, isr: ids, elr })) })),
  });
  assert.match(blockRelocation(kafka, 1, none)?.detail ?? '', 'not fenced');
  assert.match(blockRelocation(fence(kafka, 0), 0, none)?.detail ?? '', 'voter');
  assert.is(blockRelocation(isr(fence(kafka, 1), [2, 3]), 1, none), undefined);
  assert.is(blockRelocation(isr(fence(kafka, 1), [1]), 1, none)?.partitions.length, 1);
  assert.is(blockRelocation(isr(fence(kafka, 1), [1], [2]), 1, none), undefined, 'ELR counts');
  assert.is(
    blockRelocation(isr(fence(kafka, 1, 2), [1], [2]), 1, none)?.partitions.length,
    1,
    'not when fenced',
  );
});

test('of one reading the partitions are gone through once, however many brokers are asked for', () => {
  let looks = 0;
  const partitions = [
    { partition: 0, leader: 1, replicas: [1, 2], isr: [1], elr: [] },
    { partition: 1, leader: 2, replicas: [2, 1], isr: [2, 1], elr: [] },
  ];
  const topic = {
    ...{ name: 'a', internal: false, minIsr: 1, config: {} },
    get partitions() {
      looks += 1;
      return partitions;
    },
  };
  const reading = { ...makeKafka(makeDesired()), topics: [topic] };
  for (let id = 3; id < 1_000; id += 1) assert.equal(countInSync(reading, id), { inSync: 0, total: 0 });
  assert.equal(countInSync(reading, 1), { inSync: 2, total: 2 });
  assert.equal(countInSync({ ...reading, observedAtMs: 1 }, 2), { inSync: 1, total: 2 });
  assert.is(looks, 1);
});

test('healthy is unfenced and in every in-sync set', () => {
  const kafka = reading([0, 1]);
  assert.ok(isHealthy(kafka, { id: 0, roles: ['broker'] }));
  assert.not(isHealthy(kafka, { id: 2, roles: ['broker'] }));
  assert.not(isHealthy({ ...kafka, brokers: [] }, { id: 0, roles: ['broker'] }));
});

test('a controller is healthy as a voter that keeps up with a leader', () => {
  const kafka = reading([0, 1, 2]);
  const { quorum } = kafka;
  const controller = { id: 2, roles: ['controller'] };
  const both = { id: 2, roles: ['broker', 'controller'] };
  const withQuorum = (changes: Partial<typeof quorum>) => ({ ...kafka, quorum: { ...quorum, ...changes } });
  const lags = withQuorum({
    voters: quorum.voters.map((v) =>
      v.nodeId === 2 ? { ...v, logEndOffset: 1, lastCaughtUpMs: nowMs - 60_000 } : v,
    ),
  });
  for (const node of [controller, both]) {
    assert.ok(isHealthy(kafka, node));
    assert.not(isHealthy(lags, node));
    assert.not(isHealthy(withQuorum({ leaderId: -1 }), node));
  }
  const noVoter = withQuorum({ voters: quorum.voters.slice(0, 2) });
  assert.not(isHealthy(noVoter, controller));
  assert.ok(isHealthy(noVoter, both), 'a role that the spec gave it later');
});

test('a roll of controllers stops at the one that did not come back', () => {
  const ids = [100, 101, 102, 103, 104];
  const changed = makeDesired({
    brokers: [
      makeBroker(0, { roles: ['broker'] }),
      ...ids.map((id) => makeBroker(id, { roles: ['controller'], config: { 'num.io.threads': '4' } })),
    ],
  });
  const before = { ...changed, brokers: changed.brokers.map((b) => ({ ...b, config: {} })) };
  const records = before.brokers.filter((b) => b.id > 100).map((b) => makeRecord(before, b));
  const memory = makeMemory(changed, records);
  const kafka = makeKafka(changed);
  const voters = kafka.quorum.voters.map((v) =>
    v.nodeId === 100 ? { ...v, logEndOffset: 1, lastCaughtUpMs: nowMs - 60_000 } : v,
  );
  const behind = { ...kafka, quorum: { ...kafka.quorum, leaderId: 104, voters } };
  const made = (value: typeof kafka) =>
    plan(makeInput([memory], { kafka: { demo: { known: true, value } } }));
  const killed = (value: typeof kafka) =>
    made(value)
      .steps.filter((s) => s.mark === '~')
      .map((s) => s.what);
  assert.equal(killed(kafka), ['restart broker 101']);
  assert.equal(killed(behind), []);
  assert.match(JSON.stringify(made(behind).held), /is not back in sync/);
});

// Status and preview

test('a converged cluster says so, and its preview is empty', () => {
  const memory = makeMemory(events);
  const input = makeInput([memory]);
  const made = plan(input);
  const status = clusterStatus({ input, memory, plan: made, events: [], rates: new Map() });
  assert.is(status.phase, 'converged');
  assert.equal(
    status.conditions.map((c) => [c.type, c.status]),
    [
      ['Ready', true],
      ['Reconciling', false],
      ['Stalled', false],
      ['DiskTrouble', false],
    ],
  );
  assert.equal(status.bootstrap, ['agent-1:31000', 'agent-2:31100', 'agent-3:31200']);
  const preview = previewOf(input, memory);
  assert.equal(preview.steps, []);
  assert.equal(preview.held, []);
  assert.is(preview.executors.count, 0);
});

test('phases: forming, rolling, held by a person', () => {
  const at = (memory: ReturnType<typeof makeMemory>, input = makeInput([memory])) =>
    clusterStatus({ input, memory, plan: plan(input), events: [], rates: new Map() });
  const { cluster: _cluster, ...fresh } = makeMemory(events);
  assert.is(at({ ...fresh, brokers: new Map() }).phase, 'forming');
  const changed = makeDesired({
    ...events,
    brokers: [0, 1, 2].map((id) => makeBroker(id, { heapMiB: 600 })),
  });
  const rolling = at({ ...makeMemory(changed), brokers: makeMemory(events).brokers });
  assert.is(rolling.phase, 'rolling');
  assert.equal(rolling.brokers[1]?.drift, ['heap: 512 MiB → 600 MiB']);
  const limited = makeBroker(1, { failover: { delayMs: 1, maxDelayMs: 1, maxTries: 1 } });
  const limitedDesired = makeDesired({ ...events, brokers: [makeBroker(0), limited, makeBroker(2)] });
  const gaveUp = at(makeMemory(limitedDesired, [makeEnded(limitedDesired, limited)]));
  assert.is(gaveUp.phase, 'held');
  assert.is(gaveUp.brokers[1]?.state, 'failed');
  assert.ok(gaveUp.brokers[1]?.waiting?.stalled);
  assert.match(gaveUp.brokers[1]?.waiting?.remedy ?? '', 'maxTries');
});

test('a broker’s state follows its task', () => {
  const placement = makePlacement('demo', makeBroker(1));
  const stateOf = (changes: Parameters<typeof makeTask>[3]): string | undefined => {
    const record = makeRecord(events, makeBroker(1), {
      task: makeTask(events, makeBroker(1), placement, changes),
    });
    const memory = makeMemory(events, [record]);
    const input = makeInput([memory]);
    const status = clusterStatus({ input, memory, plan: plan(input), events: [], rates: new Map() });
    return status.brokers[1]?.state;
  };
  assert.is(stateOf({ state: 'TASK_STAGING' }), 'launching');
  assert.is(stateOf({ state: 'TASK_STARTING' }), 'starting');
  assert.is(stateOf({}), 'running');
  assert.is(stateOf({ unreachableSinceMs: nowMs }), 'unreachable');
  assert.is(stateOf({ kill: { cause: 'stop', detail: 'x', atMs: nowMs } }), 'stopping');
});

test('a preview of a new cluster names what would be made, with or without offers', () => {
  const { cluster: _cluster, ...fresh } = makeMemory(events);
  const memory = { ...fresh, brokers: new Map() };
  const input = makeInput([memory], { kafka: { demo: { known: false, why: 'x' } } });
  const preview = previewOf(input, memory);
  assert.equal(
    preview.steps.map((s) => `${s.mark} ${s.what}`),
    [
      '+ form cluster demo',
      '+ start broker 0',
      '+ start broker 1',
      '+ start broker 2',
      '+ create topic events',
    ],
  );
  assert.is(preview.executors.count, 3);
});

test('a preview keeps what only a person can mend', () => {
  const memory = makeMemory(events);
  const input = makeInput([memory], {
    artifacts: { ...artifacts, kafka: {}, kafkaMissing: { '4.3.1': { why: 'no route', failed: true } } },
  });
  const changed = {
    ...memory,
    spec: { ...memory.spec, desired: { ...events, kafka: { version: '4.3.1' } } },
  };
  assert.equal(previewOf(input, changed).held, [], 'nothing differs: the archive is not missed');
  const newer = { ...memory, spec: { ...memory.spec, desired: { ...events, kafka: { version: '9.9.9' } } } };
  const other = makeInput([newer]);
  const preview = previewOf(other, newer);
  assert.is(preview.steps.filter((s) => s.mark === '~').length, 3);
});

test('controllers with an IPv6 address are named in brackets', () => {
  const made = plan(
    makeInput([{ spec: makeSpec(makeDesired()), brokers: new Map() }], {
      mesos: {
        offers: [1, 2, 3].map((n) =>
          makeOffer(`agent-${n}`, {
            hostname: `h${n}`,
            attributes: { advertised_host: `2001:db8::${n}` },
          }),
        ),
      },
    }),
  );
  const launches = made.steps.flatMap(({ action }) =>
    action.kind === 'broker' && action.call?.kind === 'accept'
      ? action.call.operations.flatMap((o) => (o.kind === 'launch' ? [o.task.data] : []))
      : [],
  );
  assert.is(launches.length, 3);
  const { bootstrapControllers } = JSON.parse(launches[0] ?? '') as BrokerLaunch;
  assert.match(bootstrapControllers.join(), /^\[2001:db8::1\]:\d+,\[2001:db8::2\]:\d+,\[2001:db8::3\]:\d+$/);
});

test.run();
