// Times in the golden texts are in UTC.
process.env.TZ = 'UTC';

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { brokerFields, fieldOf, sortRows } from '../../src/cli/fields.ts';
import type { Home } from '../../src/cli/home.ts';
import { runProgram } from '../../src/cli/run-program.ts';
import { matches, parseSelector } from '../../src/cli/select.ts';
import { frameworkLog, type SchedulerService } from '../../src/model/api.ts';
import type { EventsRecord } from '../../src/model/records.ts';
import type { RevisionSummary } from '../../src/model/source.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { pageOf } from '../../src/reconciler/event-log.ts';
import { broker, cluster, noonMs } from '../view/samples.ts';
import { assertGolden } from './golden.ts';
import { runHere, testContext, withScheduler } from './run-cli.ts';

const clusters: readonly ClusterStatus[] = [
  cluster({
    name: 'orders',
    labels: { env: 'prod', team: 'shop' },
    brokers: [
      broker(0),
      broker(1, { pool: 'wide', state: 'starting', phase: 'recovering', restarts: 12 }),
      broker(2, {
        state: 'failed',
        failures: 3,
        waiting: { why: 'backs off after 3 failures', untilMs: noonMs + 60_000, stalled: false },
      }),
    ],
    topics: [{ name: 'events', partitions: 12, replicationFactor: 3, state: 'ready' }],
  }),
  cluster({
    name: 'a-cluster-with-a-long-name',
    labels: { env: 'test' },
    phase: 'rolling',
    brokers: [broker(10, { rack: 'r10' })],
    topics: [{ name: 'audit', partitions: 1, replicationFactor: 1, state: 'missing' }],
  }),
];

const logs = new Map<string, EventsRecord>([
  [
    'orders',
    {
      schema: 1,
      events: [
        { seq: 1, atMs: noonMs, severity: 'info', message: 'revision 1 applied', author: 'ann' },
        {
          seq: 3,
          atMs: noonMs + 5_000,
          severity: 'error',
          brokerId: 2,
          message: 'broker 2 failed',
          why: 'exit code 1',
          count: 4,
          firstAtMs: noonMs + 2_000,
        },
      ],
    },
  ],
  [
    frameworkLog,
    { schema: 1, events: [{ seq: 2, atMs: noonMs + 1_000, severity: 'info', message: 'a leads now' }] },
  ],
]);

const revisions: readonly RevisionSummary[] = [
  {
    revision: 2,
    digest: 'ab'.repeat(32),
    appliedAtMs: noonMs,
    author: 'ann',
    source: { path: 'orders.yaml', commit: { id: '1a2b3c4d'.repeat(5), subject: 'more', committedAtMs: 0 } },
    isCurrent: true,
  },
  {
    revision: 1,
    digest: 'cd'.repeat(32),
    appliedAtMs: noonMs - 60_000,
    author: 'bob',
    isCurrent: false,
    outcome: { kind: 'replaced', atMs: noonMs },
  },
] as readonly RevisionSummary[];

const service: Partial<SchedulerService> = {
  clusters: () => clusters,
  events: async (query) => pageOf(logs, query),
  revisions: async (name) => (name === 'orders' ? revisions : []),
};

async function shown(home: Home, width: number, args: readonly string[]): Promise<string> {
  let text = '';
  const base = testContext({ home });
  const out = (part: string) => {
    text += part;
  };
  const io = { ...base.io, width, out };
  assert.is(await runProgram({ ...base, io }, args), 0, args.join(' '));
  return text;
}

test('lists at 80 and 200 columns', async () => {
  await withScheduler(service, async (home) => {
    const texts: string[] = [];
    for (const width of [80, 200]) {
      for (const line of [
        'get brokers -A',
        'get brokers --cluster orders -l state!=running -o wide',
        'get brokers -A --columns cluster,id,state,waiting,waitingUntil --sort-by id',
        'get brokers -A -o custom-columns=WHO:.id,WHERE:.agent --no-headers',
        'get topics -A',
        'get events --cluster orders',
        'get events -A -o wide',
        'get revisions -A',
        'history orders',
        'get revisions --cluster orders --columns revision,author,outcome',
        'get clusters -l env=prod',
        'get clusters --columns name,labels,running,held --sort-by running',
        'get clusters -o name',
        'get topics -A -o name',
      ]) {
        const text = await shown(home, width, line.split(' '));
        assert.ok(
          text.split('\n').every((one) => one.length <= width),
          `${line} at ${width}\n${text}`,
        );
        texts.push(`$ kafka-mesos ${line}   # ${width} columns\n${text}`);
      }
    }
    assertGolden('get.txt', texts.join('\n'));
  });
});

test('data for programs is what was selected, sorted, each row with its cluster', async () => {
  await withScheduler({ clusters: () => clusters }, async (home) => {
    const run = await runHere(
      ['get', 'brokers', '-A', '-l', 'state in (running,failed)', '--sort-by', 'agent', '-o', 'json'],
      { home },
    );
    assert.equal(
      JSON.parse(run.stdout).map((one: { cluster: string; id: number }) => `${one.cluster}/${one.id}`),
      ['orders/0', 'a-cluster-with-a-long-name/10', 'orders/2'],
    );
    const none = await runHere(['get', 'topics', '-A', '-l', 'state=offline'], { home });
    assert.is(none.exitCode, 0);
    assert.match(none.stderr, 'None of them is selected by state=offline.');
  });
});

test('events are read to the last page, whatever the status has of them', async () => {
  const many: EventsRecord = {
    schema: 1,
    events: Array.from({ length: 1200 }, (_, at) => ({
      seq: at + 1,
      atMs: noonMs + at,
      severity: at === 0 ? 'error' : 'info',
      message: `event ${at}`,
    })),
  };
  const events: SchedulerService['events'] = async (query) => pageOf(new Map([['orders', many]]), query);
  await withScheduler({ ...service, events }, async (home) => {
    const run = await runHere(['get', 'events', '--cluster', 'orders', '-o', 'json'], { home });
    assert.is(JSON.parse(run.stdout).length, 1200);
    const first = await runHere(['get', 'events', '-A', '-l', 'severity=error', '-o', 'name'], { home });
    assert.is(first.stdout, 'orders/1\n');
  });
});

const unasked = () => {
  throw new Error('it was asked');
};

test('what is asked wrongly is refused before anybody is asked, with what was meant', async () => {
  await withScheduler({ clusters: unasked }, async (home) => {
    for (const [args, says] of [
      [['brokers', '-l', 'stat=running'], 'did you mean state?'],
      [['brokers', '--columns', 'id,agnet'], 'did you mean agent?'],
      [['brokers', '--columns', 'id,'], 'there is no field ""'],
      [['brokers', '--sort-by', 'toString'], 'there is no field "toString"'],
      [['clusters', '-o', 'custom-columns=A:.nam'], 'did you mean name?'],
      [['clusters', '-o', 'custom-columns=A'], '"A" is no column'],
      [['clusters', '-o', 'xml'], 'there is no output xml'],
      [['clusters', '-o', 'json', '--columns', 'name'], 'exclude one another'],
      [['topics', '-A', '--cluster', 'x'], 'exclude one another'],
      [['topics', '-l', 'state='.concat('(')], 'cannot be read'],
    ] as const) {
      const run = await runHere(['get', ...args], { home });
      assert.is(run.exitCode, 64, args.join(' '));
      assert.match(run.stderr, says);
      assert.match(run.stderr, '\n  → ');
    }
  });
});

test('selectors', () => {
  const row: Record<string, string | number | readonly string[]> = {
    state: 'running',
    id: 2,
    roles: ['a', 'b'],
  };
  for (const [text, holds] of [
    ['state=running', true],
    ['state == running', true],
    ['state!=running', false],
    ['id=2', true],
    ['id!=2,state=running', false],
    ['state in (running, failed)', true],
    ['state in(failed)', false],
    ['state notin (failed)', true],
    ['roles=b', true],
    ['roles!=b', false],
    ['rack!=r1', true],
    ['rack notin (r1)', true],
    ['rack', false],
    ['!rack', true],
    ['state,!rack', true],
    ['rack=', false],
    ['example.org/team=x', false],
    ['index=1', false],
  ] as const) {
    assert.is(
      matches(parseSelector(text), (key) => row[key]),
      holds,
      text,
    );
  }
  for (const text of ['', ',', 'a,', '=b', 'a=b c=(d)', 'a in b', 'a in (b', '!', '!=a', 'a=(b)', 'a b']) {
    assert.throws(() => parseSelector(text), /the selector .* cannot be read/, text);
  }
});

test('sorting: numbers by size, what is not there last, equal ones in their order', () => {
  const rows = [broker(10), broker(9, { rack: 'z' }), broker(1)].map((one) => ({ ...one, cluster: 'c' }));
  const ids = (name: string) => sortRows(rows, fieldOf(brokerFields, name, 'here')).map((one) => one.id);
  assert.equal(ids('id'), [1, 9, 10]);
  assert.equal(ids('pool'), [10, 9, 1]);
  assert.equal(ids('rack'), [10, 1, 9]);
});

test.run();
