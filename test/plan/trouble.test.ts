/** What is wrong with a broker reaches people: row, description and condition, each with a remedy. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderBrokerDescription } from '../../src/cli/format/broker.ts';
import { renderClusterDescription } from '../../src/cli/format/status.ts';
import { plainStyle } from '../../src/cli/format/text.ts';
import type { BrokerReport, DiskReport, ReportCode } from '../../src/model/launch.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import { foldUpdate } from '../../src/observe/fold-update.ts';
import { askNothing } from '../../src/plan/intents.ts';
import { plan } from '../../src/plan/plan.ts';
import { clusterStatus } from '../../src/plan/status.ts';
import { makeDesired, makeEnded, makeInput, makeMemory, makeRecord, makeTask, nowMs } from './builders.ts';

const desired = makeDesired();
const broker = desired.brokers[1];
if (broker === undefined) throw new Error('three brokers');
const gib = 2 ** 30;

function reporting(report: Partial<BrokerReport>, state: 'TASK_STARTING' | 'TASK_RUNNING' = 'TASK_RUNNING') {
  const record = makeRecord(desired, broker as NonNullable<typeof broker>);
  if (record.placement === undefined) throw new Error('it has a placement');
  const task = makeTask(desired, broker as NonNullable<typeof broker>, record.placement, { state });
  const { report: usual = { protocol: 1, phase: 'serving' } } = task;
  return { ...record, task: { ...task, report: { ...usual, ...report } } };
}

function shown(record: BrokerRecord) {
  const memory = makeMemory(desired, [record]);
  const input = makeInput([memory]);
  const status = clusterStatus({ input, memory, plan: plan(input), events: [], rates: new Map() });
  const row = status.brokers[1];
  if (row === undefined) throw new Error('no row');
  const condition = status.conditions.find(({ type }) => type === 'DiskTrouble');
  const format = { style: plainStyle, width: 2_000 };
  return {
    status,
    row,
    condition,
    described: renderBrokerDescription(status, row.id, status.events, format) ?? '',
    cluster: renderClusterDescription(status, status.events, format),
  };
}

const disk = (freeGiB: number, error?: string): readonly DiskReport[] => [
  { path: '/v/a', totalBytes: 100 * gib, freeBytes: 60 * gib },
  {
    path: '/v/b',
    totalBytes: 100 * gib,
    freeBytes: freeGiB * gib,
    ...(error === undefined ? {} : { error }),
  },
];

test('disks with room are told, and are no trouble', () => {
  const { status, row, condition } = shown(reporting({ disks: disk(50) }));
  assert.is(status.phase, 'converged');
  assert.equal(
    row.disks?.map(({ path, state }) => [path, state]),
    [
      ['/v/a', 'fine'],
      ['/v/b', 'fine'],
    ],
  );
  assert.is(condition?.status, false);
});

test('a disk that fills up is a warning first, with a remedy', () => {
  const { status, row, condition, described } = shown(reporting({ disks: disk(5) }));
  assert.is(status.phase, 'converged', 'it serves');
  assert.is(row.warnings.length, 1);
  assert.match(described, /the disk of \/v\/b has 5\.0 of 100\.0 GiB free: make room on it/);
  assert.equal([condition?.status, condition?.reason], [true, 'DiskLow']);
});

test('a full disk is what the broker waits for', () => {
  const { row, condition, described, cluster } = shown(reporting({ disks: disk(1) }));
  assert.match(row.waiting?.why ?? '', /the disk of \/v\/b has 1\.0 of 100\.0 GiB free/);
  assert.match(described, /→ make room on it/);
  assert.is(condition?.reason, 'DiskFull');
  assert.match(cluster, /DiskTrouble +yes +DiskFull: broker 1: the disk of \/v\/b .* To do: make room on it/);
});

test('an offline directory is told with broker, path, error and remedy', () => {
  const { row, condition, described, cluster } = shown(reporting({ disks: disk(50, 'Input/output error') }));
  assert.is(row.waiting?.stalled, true);
  assert.match(described, /log directory \/v\/b is offline: Input\/output error/);
  assert.match(described, /→ mend or replace the disk/);
  assert.is(condition?.reason, 'DiskFailed');
  assert.match(cluster, /DiskFailed: broker 1: log directory \/v\/b is offline: .* To do: mend or replace/);
});

test('a broker that its disk ended is held with path and remedy, and the condition names it', () => {
  const running = reporting({});
  const ended = foldUpdate(
    running,
    {
      taskId: running.task.taskId,
      state: 'TASK_FAILED',
      data: JSON.stringify({
        protocol: 1,
        phase: 'stopped',
        code: 'disk-full',
        message: 'Kafka gave up /v/b: No space left on device',
      }),
    },
    broker as NonNullable<typeof broker>,
    nowMs,
  );
  const { status, condition, described } = shown(ended);
  assert.is(status.phase, 'held');
  assert.equal(
    status.held.map(({ reason, stalled }) => [reason, stalled]),
    [['disk-full', true]],
  );
  assert.match(described, /Kafka gave up \/v\/b/);
  assert.match(described, /→ make room on it/);
  assert.equal([condition?.status, condition?.reason], [true, 'DiskFull']);
  assert.match(condition?.message ?? '', /broker 1: Kafka gave up \/v\/b/);
});

test('an operator who mended the disk does not wait for the ten minutes', () => {
  const ended = makeEnded(desired, broker as NonNullable<typeof broker>, { retryAtMs: nowMs + 540_000 });
  if (ended.last === undefined) throw new Error('it has ended');
  const held: BrokerRecord = { ...ended, last: { ...ended.last, code: 'disk-failed' } };
  const reasons = (record: BrokerRecord) => shown(record).status.held.map(({ reason }) => reason);
  assert.equal(reasons(held), ['disk-failed']);
  assert.equal(
    reasons(askNothing(held, nowMs)),
    ['waiting-for-agent'],
    'what `start` does: an offer is all it wants',
  );
});

test('log recovery shows its counters; a person is called only when it has stalled', () => {
  const recovery = { doneLogs: 7, totalLogs: 90, doneSegments: 12 };
  const moving = shown(reporting({ phase: 'recovering', recovery }, 'TASK_STARTING'));
  assert.is(
    moving.row.waiting?.why,
    'recovers its logs after a hard stop: 7 of 90 partitions are loaded, 12 segments read',
  );
  assert.is(moving.row.waiting?.stalled, false);
  const stalled = shown(
    reporting(
      {
        phase: 'recovering',
        recovery,
        code: 'recovery-stalled',
        message: 'log recovery has not moved for 10 min',
      },
      'TASK_STARTING',
    ),
  );
  assert.is(stalled.row.waiting?.stalled, true);
  assert.match(stalled.described, /has not moved for 10 min/);
  assert.match(stalled.described, /→ look at the disk/);
  const steps = plan(
    makeInput([makeMemory(desired, [reporting({ phase: 'recovering' }, 'TASK_STARTING')])]),
  ).steps;
  assert.equal(
    steps.filter(({ brokerId }) => brokerId === 1),
    [],
    'it is left alone',
  );
});

test('a live broker in trouble says why, with a remedy; a starting one what it waits for', () => {
  const lost = shown(
    reporting({ code: 'registration-lost', message: 'agent-2:1 has not answered for 15 s' }),
  );
  assert.match(lost.described, /has not answered for 15 s/);
  assert.match(lost.described, /→ see its log/);
  assert.is.not(lost.status.phase, 'converged');
  const starting = shown(
    reporting({ phase: 'starting', message: 'waiting for an active controller' }, 'TASK_STARTING'),
  );
  assert.match(
    starting.described,
    /^Broker 1 is starting.*: Kafka is coming up, waiting for an active controller\.$/m,
  );
});

test('warnings of the host reach the description', () => {
  assert.match(
    shown(reporting({ warnings: ['only 1024 open files: raise it'] })).described,
    /only 1024 open files/,
  );
});

/** Where each code is brought about by a test, of the executor or of what ends before there is one; a new one does not compile until it has a place. */
const reportCodes = {
  'java-missing': 'executor/kafka-programs',
  'java-too-old': 'executor/kafka-programs',
  'fetch-failed': 'executor/kafka-programs',
  'digest-mismatch': 'executor/layout',
  'foreign-storage': 'executor/run-broker',
  'empty-storage': 'executor/run-broker',
  'never-used': 'executor/storage',
  'storage-unusable': 'executor/run-broker',
  'port-taken': 'executor/run-broker',
  'address-not-local': 'executor/run-broker',
  'format-failed': 'executor/kafka-programs',
  'process-exited': 'executor/run-broker',
  'disk-full': 'executor/disks',
  'disk-failed': 'executor/disks',
  'recovery-stalled': 'executor/disks',
  'registration-lost': 'executor/run-broker',
  'invalid-launch': 'executor/run-broker',
  'executor-failed': 'executor/kafka-programs',
  stopped: 'executor/run-broker',
  'shut-down': 'executor/run-broker',
  'runtime-unusable': 'observe/fold-update',
} satisfies Record<ReportCode, string>;
const live: readonly string[] = ['recovery-stalled', 'registration-lost'];
const endings = (Object.keys(reportCodes) as ReportCode[]).filter((code) => !live.includes(code));

test('each code of a report is brought about by a test', () => {
  for (const [code, file] of Object.entries(reportCodes)) {
    const text = readFileSync(new URL(`../${file}.test.ts`, import.meta.url), 'utf8');
    assert.ok(text.includes(`'${code}'`), `${code} in ${file}`);
  }
});

for (const code of endings) {
  test(`an end by ${code} is described with the executor's words`, () => {
    const ended = makeEnded(desired, broker as NonNullable<typeof broker>, {
      failures: 2,
      retryAtMs: nowMs + 5_000,
    });
    if (ended.last === undefined) throw new Error('it has ended');
    const { described } = shown({
      ...ended,
      last: { ...ended.last, code, message: `words of ${code}. Remedy` },
    });
    assert.match(described, new RegExp(`words of ${code}. Remedy`));
    assert.match(described, /→ .*changed spec .*is tried at once/);
  });
}

test.run();
