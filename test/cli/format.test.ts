// Times in the golden texts are in UTC.
process.env.TZ = 'UTC';

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { convergence, worstOf } from '../../src/cli/convergence.ts';
import { parseDuration } from '../../src/cli/durations.ts';
import { renderBrokerDescription } from '../../src/cli/format/broker.ts';
import { renderEventPage } from '../../src/cli/format/events.ts';
import { lastLines, newPart } from '../../src/cli/format/log-tail.ts';
import { hasChanges, renderPlan } from '../../src/cli/format/plan.ts';
import { leaderWords, renderScheduler } from '../../src/cli/format/scheduler.ts';
import {
  renderClusterDescription,
  renderClusters,
  renderStatus,
  renderStatuses,
} from '../../src/cli/format/status.ts';
import { renderTable } from '../../src/cli/format/table.ts';
import {
  createStyle,
  idRanges,
  plainStyle,
  printable,
  truncate,
  widthOf,
  wrap,
} from '../../src/cli/format/text.ts';
import { byteSize, duration } from '../../src/cli/format/time.ts';
import { foldConnection } from '../../src/cli/mesos-connection.ts';
import { progressLines } from '../../src/cli/progress-lines.ts';
import type { PlanAnswer, SchedulerStatus } from '../../src/model/api.ts';
import { UnavailableError } from '../../src/model/errors.ts';
import type { BrokerStatus, ClusterStatus, HeldSummary } from '../../src/model/status.ts';
import { clusterStatus } from '../api/fixtures.ts';
import { assertGolden } from './golden.ts';

const noon = Date.UTC(2026, 10, 23, 12, 0, 0);

const held: HeldSummary = {
  brokerId: 3,
  need: 'start broker 3',
  reason: 'no-matching-offer',
  message: 'no offer has room for it',
  stalled: true,
  remedy: 'free 1.5 cpus on an agent of rack r2, or lower the cpus of pool brokers in the spec',
  details: ['agent-2: cpus 0.5 of 2 wanted', 'agent-4: rack r1, and hostname must be unique'],
};

const bringUp: PlanAnswer = {
  clusters: [
    {
      name: 'demo',
      revision: 0,
      steps: [
        { mark: '·', what: 'bind the first voters', why: [] },
        ...[0, 1, 2].map((id) => ({
          mark: '+',
          what: `start broker ${id} on agent-${id + 1} (rack r${id + 1})`,
          why: ['declared and not running'],
          brokerId: id,
        })),
        { mark: '+', what: 'create topic events with 12 partitions, replication factor 3', why: [] },
      ],
      held: [held],
      executors: { cpus: 0.1, memoryMiB: 128, count: 3 },
    },
  ],
  warnings: [],
};

const roll: PlanAnswer = {
  clusters: [
    {
      name: 'orders',
      revision: 7,
      steps: [
        {
          mark: '~',
          what: 'restart broker 1',
          why: ['num.network.threads: 3 → 8', 'heap: 512 MiB → 1 GiB'],
          brokerId: 1,
        },
        { mark: '-', what: 'stop broker 5', why: ['state: stopped'], brokerId: 5 },
      ],
      held: [
        {
          brokerId: 2,
          need: 'restart broker 2',
          reason: 'waiting-for-roll',
          message: 'broker 1 is restarted first',
          untilMs: noon,
          stalled: false,
          details: [],
        },
      ],
      executors: { cpus: 0.1, memoryMiB: 128, count: 0 },
    },
    { name: 'quiet', revision: 2, steps: [], held: [], executors: { cpus: 0.1, memoryMiB: 128, count: 0 } },
  ],
  warnings: [],
};

const brokers: readonly BrokerStatus[] = [
  {
    id: 0,
    pool: 'brokers',
    roles: ['broker', 'controller'],
    state: 'running',
    agentId: 'a-S0',
    agent: 'agent-1',
    rack: 'r1',
    endpoint: '127.0.0.1:31000',
    taskId: 'demo-0-1',
    jvmPid: 4711,
    startedAtMs: noon - 60_000,
    inSync: { inSync: 12, total: 12 },
    restarts: 0,
    failures: 0,
    drift: ['num.network.threads: 3 → 8'],
    warnings: ['only 1024 file handles'],
  },
  {
    id: 1,
    pool: 'brokers',
    roles: ['broker', 'controller'],
    state: 'starting',
    phase: 'fetching',
    agent: 'agent-with-a-rather-long-name.example.org',
    rack: 'r2',
    restarts: 2,
    failures: 1,
    drift: [],
    warnings: ['only 1024 file handles'],
    lastEnd: { atMs: noon - 30_000, state: 'TASK_FAILED', why: 'the process ended with exit code 1' },
    progress: {
      label: 'Kafka 4.3.1',
      doneBytes: 50 << 20,
      totalBytes: 100 << 20,
      bytesPerSecond: 10 << 20,
      etaMs: 5000,
    },
  },
  {
    id: 3,
    pool: 'brokers',
    roles: ['broker'],
    state: 'waiting',
    restarts: 0,
    failures: 0,
    drift: [],
    warnings: [],
    waiting: {
      why: 'its disk is on agent-2, which is away',
      untilMs: noon + 600_000,
      stalled: false,
      remedy: 'bring agent-2 back',
    },
  },
];

const demo: ClusterStatus = clusterStatus({
  name: 'demo',
  revision: 3,
  phase: 'converging',
  conditions: [
    { type: 'Ready', status: false, reason: 'BrokersMissing', message: '1 of 3 brokers run' },
    { type: 'Reconciling', status: true, reason: 'Progressing', message: 'broker 1 is starting' },
  ],
  kafkaVersion: '4.3.1',
  brokers,
  topics: [
    { name: 'events', partitions: 12, replicationFactor: 3, state: 'ready' },
    {
      name: 'audit',
      partitions: 1,
      replicationFactor: 3,
      state: 'missing',
      waiting: { why: 'three brokers are wanted, two run', stalled: false },
    },
  ],
  held: [held],
  observedAtMs: noon + 2000,
  events: [
    { seq: 1, atMs: noon, severity: 'info', message: 'revision 3 applied' },
    { seq: 2, atMs: noon + 1000, brokerId: 1, severity: 'warning', message: 'task failed: exit code 1' },
  ],
});

test('plan: bring-up', () => {
  assertGolden('plan-bring-up.txt', renderPlan(bringUp, { style: plainStyle, width: 80 }));
});

test('plan: a roll beside a quiet cluster, in a narrow terminal', () => {
  assertGolden('plan-roll.txt', renderPlan(roll, { style: plainStyle, width: 44 }));
});

test('plan: no changes, and housekeeping is none', () => {
  const [, quiet] = roll.clusters;
  const only = quiet === undefined ? [] : [{ ...quiet, steps: [{ mark: '·', what: 'unreserve', why: [] }] }];
  assertGolden(
    'plan-empty.txt',
    renderPlan({ clusters: only, warnings: [] }, { style: plainStyle, width: 80 }),
  );
  assert.not.ok(hasChanges({ clusters: only, warnings: [] }));
  assert.ok(hasChanges(roll));
  assert.ok(hasChanges({ clusters: only.map((one) => ({ ...one, held: [held] })), warnings: [] }));
});

test('plan: colour changes no character', () => {
  const coloured = renderPlan(roll, { style: createStyle(true), width: 80 });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
  const stripped = coloured.replace(/\u001b\[\d+m/g, '');
  assert.is(stripped, renderPlan(roll, { style: plainStyle, width: 80 }));
  assert.is.not(coloured, stripped);
});

test('status at 80 columns, wide, and in a pipe', () => {
  const text = renderStatus(demo, { style: plainStyle, width: 80 });
  for (const line of text.split('\n')) assert.ok(widthOf(line) <= 80, line);
  assertGolden('status-80.txt', text);
  assertGolden('status-wide.txt', renderStatus(demo, { style: plainStyle, width: Infinity, wide: true }));
});

test('describe', () => {
  assertGolden(
    'describe-cluster.txt',
    renderClusterDescription(demo, demo.events, { style: plainStyle, width: 80 }),
  );
  for (const broker of brokers) {
    assertGolden(
      `describe-broker-${broker.id}.txt`,
      renderBrokerDescription(demo, broker.id, demo.events, { style: plainStyle, width: 80 }) ?? '',
    );
  }
});

test('a planned maintenance and its answer are told of the broker', () => {
  const [broker] = demo.brokers;
  if (broker === undefined) throw new Error('no broker');
  const startMs = Date.UTC(2026, 0, 2, 14);
  const why = 't-0 would have 1 in sync of min ISR 2';
  const maintained = {
    ...broker,
    maintenance: { startMs, endMs: startMs + 3_600_000, accepted: false, why },
  };
  const format = { style: plainStyle, width: 120 };
  assert.match(
    renderBrokerDescription({ ...demo, brokers: [maintained] }, maintained.id, [], format) ?? '',
    /Planned +maintenance of its agent .* to .*: declined, t-0 would have 1/,
  );
  const status = renderStatus({ ...demo, brokers: [maintained] }, format);
  assert.match(status, /maintenance of its agent .*: declined, t-0 would have 1/);
});

test('of a thousand brokers status shows those that do not just run, and wide all of them', () => {
  const many = Array.from({ length: 1_000 }, (_, id): BrokerStatus => {
    const common = { ...brokers[0], id, drift: [], warnings: [] } as BrokerStatus;
    const waiting = { why: 'no offer fits', remedy: 'add an agent', stalled: false };
    return id % 100 === 7 ? { ...common, state: 'waiting', waiting } : common;
  });
  const fleet = { ...demo, brokers: many, topics: [], held: [] };
  for (const width of [80, 200]) {
    const text = renderStatus(fleet, { style: plainStyle, width });
    for (const line of text.split('\n')) assert.ok(widthOf(line) <= width, line);
    const rows = [...text.matchAll(/^(\d+) +waiting/gm)].map(([, id]) => Number(id));
    assert.equal(rows, [7, 107, 207, 307, 407, 507, 607, 707, 807, 907]);
    assert.match(text, /^990 running: 0\.\.6, 8\.\.106, /m);
    assert.is(text.split('no offer fits').length, 2, 'what is alike is said once');
    assert.ok(text.split('\n').length < 30);
  }
  const wide = renderStatus(fleet, { style: plainStyle, width: Infinity, wide: true });
  assert.is([...wide.matchAll(/^\d+ /gm)].length, 1_000);
});

test('of several clusters a table comes first, and in full those that are not as declared', () => {
  const calm = { ...demo, name: 'calm', phase: 'converged' as const };
  const format = { style: plainStyle, width: 80 };
  const text = renderStatuses([calm, demo], format);
  assert.match(text, /^CLUSTER +PHASE/);
  assert.match(text, /^calm +converged/m);
  assert.equal(
    [...text.matchAll(/^Cluster (\S+)/gm)].map(([, name]) => name),
    ['demo'],
  );
  const wide = renderStatuses([calm, demo], { ...format, wide: true });
  assert.equal(
    [...wide.matchAll(/^Cluster (\S+)/gm)].map(([, name]) => name),
    ['calm', 'demo'],
  );
  assert.is(renderStatuses([demo], format), renderStatus(demo, format));
});

test('ids are told as ranges where three or more follow one another', () => {
  assert.is(idRanges([]), '');
  assert.is(idRanges([5, 1, 0, 2, 7, 8]), '0..2, 5, 7, 8');
});

test('of a broker, unknown ids have no description, and its events do not name it again', () => {
  const format = { style: plainStyle, width: 80 };
  assert.is(renderBrokerDescription(demo, 9, [], format), undefined);
  const events = [
    {
      seq: 1,
      atMs: noon,
      brokerId: 1,
      severity: 'error' as const,
      message: 'ended (TASK_FAILED)',
      why: 'exit 1',
      count: 3,
      firstAtMs: noon - 60_000,
    },
    { seq: 2, atMs: noon, brokerId: 2, severity: 'info' as const, message: 'start broker 2' },
    { seq: 3, atMs: noon, severity: 'info' as const, message: 'goes on: start broker 1 and 5 more' },
  ];
  const text = renderBrokerDescription(demo, 1, events, format) ?? '';
  assert.match(text, /^ {2}12:00:00 {2}ended \(TASK_FAILED\): exit 1 \(3 times since 11:59:00\)$/m);
  assert.not.match(text, 'start broker 2');
  assert.match(text, 'goes on: start broker 1 and 5 more');
});

test('of many events the last ten are told, and how to see the others', () => {
  const format = { style: plainStyle, width: 80 };
  const ends = Array.from({ length: 13 }, (_, at) => ({
    seq: at,
    atMs: noon + at * 1_000,
    brokerId: 1,
    severity: 'error' as const,
    message: 'ended (TASK_FAILED)',
    why: `exit ${at}`,
  }));
  const other = { ...ends[0], seq: 20, atMs: noon, brokerId: 2, severity: 'info' as const, message: 'start' };
  for (const text of [
    renderBrokerDescription(demo, 1, [...ends, other], format),
    renderClusterDescription(demo, ends, format),
  ]) {
    const [, events = ''] = text?.split('Events:\n') ?? [];
    const lines = events.trimEnd().split('\n');
    assert.is(lines.length, 11, events);
    assert.is(lines[0], '  3 earlier: kafka-mesos events demo -n 200');
    assert.match(lines[1] ?? '', '12:00:03');
    assert.match(lines.at(-1) ?? '', /12:00:12 .*ended \(TASK_FAILED\): exit 12$/);
  }
});

test('events of all clusters are a line each, those of none marked so', () => {
  const at = { atMs: noon, severity: 'info' as const };
  const text = renderEventPage(
    [
      { ...at, seq: 1, clusterName: '', message: 'a leads from here on' },
      {
        ...at,
        seq: 2,
        clusterName: 'demo',
        brokerId: 1,
        message: 'to be stopped, as asked for',
        author: 'ann',
        why: 'disk',
      },
    ],
    { style: plainStyle, width: 200 },
  );
  assert.is(
    text,
    '2026-11-23 12:00:00  (framework)  a leads from here on\n2026-11-23 12:00:00  demo  broker 1: to be stopped, as asked for by ann: disk\n',
  );
});

test('get clusters', () => {
  const lines = renderClusters([demo, clusterStatus()], { style: plainStyle, width: 80 });
  assertGolden('get-clusters.txt', `${lines.join('\n')}\n`);
});

test('a table shrinks its last flexible column first and never loses a row', () => {
  const columns = [
    { title: 'A', cell: (row: readonly string[]) => row[0] ?? '', shrinkTo: 4 },
    { title: 'B', cell: (row: readonly string[]) => row[1] ?? '', shrinkTo: 3 },
    { title: 'C', cell: (row: readonly string[]) => row[2] ?? '', optional: true },
  ];
  const rows = [
    ['aaaaaaaa', 'bbbbbbbb', ''],
    ['a', 'b', ''],
  ];
  const at = (width: number) => renderTable(columns, rows, { width, style: plainStyle });
  assert.equal(at(80), ['A         B', 'aaaaaaaa  bbbbbbbb', 'a         b']);
  assert.equal(at(15), ['A         B', 'aaaaaaaa  bbbb…', 'a         b']);
  assert.equal(at(5), ['A     B', 'aaa…  bb…', 'a     b']);
});

test('a table leaves out what is spare where it would not fit otherwise', () => {
  const columns = [
    { title: 'ID', cell: (row: string) => row },
    { title: 'ROLES', cell: () => 'broker+controller', spare: 2 },
    { title: 'TASK', cell: () => 'demo.1.1.abcdefgh', shrinkTo: 12, spare: 1 },
    { title: 'NOTE', cell: () => 'n'.repeat(40), shrinkTo: 10 },
  ];
  const titles = (width: number) =>
    renderTable(columns, ['1'], { width, style: plainStyle })[0]?.split(/ +/).join(' ');
  assert.is(titles(100), 'ID ROLES TASK NOTE');
  assert.is(titles(47), 'ID ROLES TASK NOTE');
  assert.is(titles(46), 'ID TASK NOTE');
  assert.is(titles(20), 'ID NOTE');
  assert.is(titles(5), 'ID NOTE', 'the others stay');
});

test('text from elsewhere cannot drive the terminal', () => {
  assert.is(printable('a\u001b[2Jb\r\u009bc\nd'), 'a\ufffd[2Jb\ufffd\ufffdc\nd');
  const evil = clusterStatus({
    bootstrap: ['\u001b]0;x\u0007'],
    brokers: brokers.map((one) => ({ ...one, agent: '\u001b[31m' })),
  });
  assert.not.match(renderStatus(evil, { style: plainStyle, width: 80 }), '\u001b');
});

test('progress lines tell what changed and nothing twice', () => {
  const first = progressLines(undefined, demo, noon);
  assertGolden('progress-first.txt', `${first.join('\n')}\n`);
  assert.equal(progressLines(demo, demo, noon), []);
  const [zero, one, three] = brokers;
  if (zero === undefined || one === undefined || three === undefined) return assert.unreachable();
  const next: ClusterStatus = {
    ...demo,
    phase: 'converged',
    held: [],
    brokers: [
      zero,
      { ...one, state: 'running', endpoint: '127.0.0.1:31100', phase: 'serving', agent: 'agent-2' },
    ],
    topics: demo.topics.map((topic) => ({ ...topic, state: 'ready' as const })),
  };
  assertGolden('progress-next.txt', `${progressLines(demo, next, noon + 3000).join('\n')}\n`);
  // Numbers that run make no line: only the bytes moved.
  const moved = {
    ...demo,
    brokers: brokers.map((b) => (b.progress ? { ...b, progress: { ...b.progress, doneBytes: 1 } } : b)),
  };
  assert.equal(progressLines(demo, moved, noon), []);
});

test('a moment without a reading of Kafka is no progress', () => {
  const why = 'Kafka is being asked again: its last answer is too old to stop a broker on';
  const one = { brokerId: 0, need: 'restart broker 0', reason: 'kafka-unknown', message: why } as const;
  const asking = {
    ...demo,
    brokers: demo.brokers.map((b) => (b.id === 0 ? { ...b, waiting: { why, stalled: false } } : b)),
    held: [...demo.held, { ...one, stalled: false, details: [] }],
  };
  assert.equal(progressLines(demo, asking, noon), []);
  // What Kafka waits for while it starts changes by the second; what stalls is told.
  const waiting = (stalled: boolean) => ({
    ...demo,
    brokers: demo.brokers.map((b) => (b.id === 1 ? { ...b, waiting: { why: 'waiting for x', stalled } } : b)),
  });
  assert.equal(progressLines(demo, waiting(false), noon), []);
  assert.match(progressLines(demo, waiting(true), noon)[0] ?? '', /broker 1: starting on .*, waiting for x/);
});

test('who leads and whether Mesos is reachable, since when', () => {
  const scheduler: SchedulerStatus = {
    version: '0.0.0',
    frameworkName: 'kafka-mesos',
    role: 'kafka',
    master: 'zk://zk1/mesos',
    connected: true,
    mesos: { state: 'subscribed', sinceMs: noon - 5_000, master: '10.0.0.1:5050' },
    startedAtMs: noon - 90_000,
    pass: 1,
    leadership: {
      state: 'leading',
      leader: { id: 'one:17', host: 'one', apiUrl: 'http://127.0.0.1:7090' },
      sinceMs: noon - 172_800_000,
    },
    orphans: [],
  };
  const shown = (changes: Partial<SchedulerStatus>) =>
    renderScheduler({ ...scheduler, ...changes }, { style: plainStyle, width: 200, nowMs: noon });
  assert.is(
    shown({}),
    [
      'Scheduler  one:17 leads since 2026-11-21 12:00:00 (2d)',
      'Mesos      zk://zk1/mesos (master 10.0.0.1:5050), connected since 11:59:55 (5s)',
      '',
    ].join('\n'),
  );
  const beside = (standbys: number) => ({ leadership: { ...scheduler.leadership, standbys } });
  assert.match(shown(beside(2)), '(2d); 2 others stand by');
  assert.not.match(shown(beside(0)), 'by');
  assert.is(leaderWords(scheduler), undefined);
  assert.is(leaderWords(beside(0)), undefined);
  assert.is(leaderWords(beside(1)), 'Scheduler one:17 leads; 1 other stands by.');
  const why = 'connect ECONNREFUSED 10.0.0.1:5050';
  assert.match(
    shown({ connected: false, mesos: { state: 'not-subscribed', sinceMs: noon - 60_000, why } }),
    'Mesos      zk://zk1/mesos, NOT connected since 11:59:00 (1m): connect ECONNREFUSED',
  );
  const { mesos: _mesos, ...rest } = scheduler;
  const leadership = { ...scheduler.leadership, state: 'standby' } as const;
  assert.is(
    renderScheduler(
      { ...rest, leadership, connected: false },
      { style: plainStyle, width: 200, nowMs: noon },
    ),
    [
      'Scheduler  this one stands by since 11:58:30 (1m 30s); one:17 leads, its API is http://127.0.0.1:7090 there',
      'Mesos      zk://zk1/mesos, which only the leader is connected to',
      '',
    ].join('\n'),
  );
});

test('a connection is told since when it is as it is, and by the latest reason', () => {
  const master = { host: '10.0.0.1', port: 5050 };
  const lost = (message: string) =>
    ({
      kind: 'disconnected',
      error: new UnavailableError('KM_UNAVAILABLE_MASTER', message),
      retryAtMs: 0,
    }) as const;
  const first = foldConnection({ state: 'not-subscribed', sinceMs: 0 }, { kind: 'connecting' }, 1);
  assert.equal(first, { state: 'not-subscribed', sinceMs: 0 });
  const up = foldConnection(first, { kind: 'subscribed', master, frameworkId: 'f' }, 2);
  assert.equal(up, { state: 'subscribed', sinceMs: 2, master: '10.0.0.1:5050' });
  assert.is(foldConnection(up, { kind: 'subscribed', master, frameworkId: 'f' }, 3), up);
  const down = foldConnection(up, lost('refused'), 4);
  assert.equal(foldConnection(down, { kind: 'connecting' }, 5), {
    state: 'not-subscribed',
    sinceMs: 4,
    why: 'refused',
  });
  assert.equal(foldConnection(down, lost('timed out'), 6), {
    state: 'not-subscribed',
    sinceMs: 4,
    why: 'timed out',
  });
});

test('convergence', () => {
  const at = (change: Partial<ClusterStatus>) =>
    convergence(clusterStatus({ revision: 2, brokers: [], ...change }), 2);
  assert.is(convergence(undefined, 1), 'converging');
  assert.is(at({ phase: 'converged' }), 'converged');
  assert.is(at({ phase: 'converged', revision: 1 }), 'converging', 'an older revision proves nothing');
  assert.is(at({ phase: 'converged', revision: 3 }), 'converged');
  assert.is(at({ phase: 'rolling' }), 'converging');
  assert.is(at({ phase: 'held' }), 'held');
  assert.is(at({ phase: 'held', brokers }), 'converging', 'broker 1 is still starting');
  assert.is(worstOf(['converged', 'held']), 'held');
  assert.is(worstOf(['converged', 'held', 'converging']), 'converging');
  assert.is(worstOf([]), 'converged');
});

test('logs: the last lines, and what came since', () => {
  assert.is(lastLines('a\nb\nc\n', 2), 'b\nc\n');
  assert.is(lastLines('a\nb\nc', 2), 'b\nc');
  assert.is(lastLines('\na\n', 1), 'a\n');
  assert.is(lastLines('a\n', 5), 'a\n');
  assert.is(lastLines('a\n', 0), '');
  const before = { text: 'größe\n', path: 'p', totalBytes: 8 };
  assert.equal(newPart(before, before), { text: '' });
  assert.equal(newPart(before, { text: 'größe\nnext ß\n', path: 'p', totalBytes: 16 }), { text: 'next ß\n' });
  assert.is(newPart(before, { text: 'x', path: 'q', totalBytes: 1 }).note, 'a new task');
  assert.is(newPart(before, { text: 'x', path: 'p', totalBytes: 1 }).note, 'the file began anew');
  assert.is(newPart(before, { text: 'xyz', path: 'p', totalBytes: 100 }).note, '89 bytes left out');
});

test('small formats', () => {
  assert.is(duration(0), '0s');
  assert.is(duration(59_600), '1m');
  assert.is(duration(3_725_000), '1h 2m');
  assert.is(duration(200_000), '3m 20s');
  assert.is(byteSize(512), '512 B');
  assert.is(byteSize(1536), '1.5 KiB');
  assert.is(byteSize(140 * 1024 * 1024), '140 MiB');
  assert.is(truncate('abcdef', 4), 'abc…');
  assert.is(truncate('abcd', 4), 'abcd');
  assert.equal(wrap('one two verylongword three', 8), ['one two', 'verylongword', 'three']);
  assert.is(parseDuration('10m'), 600_000);
  assert.is(parseDuration('1h30m'), 5_400_000);
  assert.is(parseDuration('1.5s'), 1_500);
  for (const text of ['', '10', 'm', '-1s', '1 m', '1y', '1..5s'])
    assert.is(parseDuration(text), undefined, text);
});

test.run();
