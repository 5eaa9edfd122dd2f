/** Schedulers and executors of two releases: the rules are in `src/model/launch.ts`. */
import { readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderBrokerDescription } from '../../src/cli/format/broker.ts';
import { renderStatus } from '../../src/cli/format/status.ts';
import { createStyle } from '../../src/cli/format/text.ts';
import { readLaunch } from '../../src/executor/launch.ts';
import { renderServerProperties } from '../../src/kafka/render.ts';
import type { BrokerReport } from '../../src/model/launch.ts';
import type { TaskState } from '../../src/model/mesos.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { foldUpdate } from '../../src/observe/fold-update.ts';
import { parseReport } from '../../src/observe/parse-report.ts';
import { plan } from '../../src/plan/plan.ts';
import { clusterStatus } from '../../src/plan/status.ts';
import { layoutCluster } from '../../src/view/layout.ts';
import { plainText } from '../../src/view/text.ts';
import { problemOfLaunch1, readReport1 } from '../fixtures/executor-protocol/reader-1.ts';
import {
  makeBroker,
  makeDesired,
  makeEnded,
  makeInput,
  makeMemory,
  makeOffer,
  makeRecord,
  makeTask,
  nowMs,
  reservedFor,
} from '../plan/builders.ts';
import { sampleLaunch, sampleTask } from './helpers.ts';
import { reportOf } from './scripted-agent.ts';
import { onStage } from './stage.ts';

const frozen = new URL('../fixtures/executor-protocol/', import.meta.url);
const filesOf = (folder: string) => readdirSync(new URL(folder, frozen)).sort();
const textOf = (path: string) => readFileSync(new URL(path, frozen), 'utf8');

type FrozenUpdate = {
  readonly state: TaskState;
  readonly message?: string;
  readonly report: Record<string, unknown>;
};
const updatesOf = (file: string): readonly FrozenUpdate[] =>
  textOf(`reports/${file}`)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as FrozenUpdate);

const taskOf = (launch: object) => ({
  ...sampleTask(sampleLaunch(1)),
  data: Buffer.from(JSON.stringify(launch)).toString('base64'),
});

const desired = makeDesired();
const broker = makeBroker(1);
const policy = { stickinessPeriodMs: 600_000, failover: { delayMs: 10_000, maxDelayMs: 60_000 } };
const launched = (): BrokerRecord => {
  const record = makeRecord(desired, broker);
  if (record.placement === undefined) throw new Error('it has a placement');
  const { report: _none, ...task } = makeTask(desired, broker, record.placement, {
    state: 'TASK_STAGING',
    stateSinceMs: nowMs - 60_000,
  });
  return { ...record, formatted: false, task };
};

function fold(
  record: BrokerRecord,
  update: { state: TaskState; message?: string; report: unknown },
): BrokerRecord {
  const { state, message, report } = update;
  return foldUpdate(
    record,
    {
      taskId: record.task?.taskId ?? record.last?.taskId ?? '',
      state,
      ...(message === undefined ? {} : { message }),
      data: JSON.stringify(report),
    },
    policy,
    nowMs,
  );
}

/** All that people see of this broker, in every form. */
function everythingShown(record: BrokerRecord): { readonly status: ClusterStatus; readonly text: string } {
  const memory = makeMemory(desired, [record]);
  const input = makeInput([memory]);
  const status = clusterStatus({ input, memory, plan: plan(input), events: [], rates: new Map() });
  const shown = status.brokers.find(({ id }) => id === broker.id);
  if (shown === undefined) throw new Error('the broker is gone');
  const format = { style: createStyle(false), width: 4_000 };
  const layout = { width: 4_000, nowMs, utcOffsetMinutes: 0, unicode: true };
  return {
    status,
    text: [
      renderStatus(status, format),
      renderBrokerDescription(status, shown.id, status.events, format),
      plainText(layoutCluster(status, layout)),
    ].join('\n'),
  };
}

// An executor of this release, launched by an earlier one

for (const file of filesOf('launches')) {
  test(`the frozen launch ${file} is read whole and rendered`, () => {
    const launch = JSON.parse(textOf(`launches/${file}`));
    const read = readLaunch(taskOf(launch));
    assert.equal(read, launch);
    assert.match(
      renderServerProperties({ launch: read, logDirs: ['/v'] }),
      new RegExp(`node.id=${launch.nodeId}`),
    );
  });
}

// A scheduler of this release over executors of an earlier one

for (const file of filesOf('reports')) {
  test(`the frozen reports ${file} drive a record as they did`, () => {
    let record = launched();
    for (const update of updatesOf(file)) {
      const { phase, code, formatted, warnings, recovery } = update.report;
      record = fold(record, update);
      const known = record.task?.report ?? parseReport(JSON.stringify(update.report));
      assert.is(known?.phase, phase);
      assert.is(known?.code, code);
      assert.equal(known?.warnings, warnings);
      assert.equal(known?.recovery, recovery);
      assert.ok(record.formatted || formatted !== true);
      everythingShown(record);
    }
    const last = updatesOf(file).at(-1);
    if (last?.state === 'TASK_FAILED') {
      assert.is(record.last?.code, last.report.code);
      assert.ok(everythingShown(record).text.includes(String(last.message).split('\n')[0] ?? '?'));
    }
  });
}

test('among the frozen reports is every way a broker of that release ends', () => {
  const codes = new Set(
    filesOf('reports').flatMap((file) => updatesOf(file).flatMap((u) => u.report.code ?? [])),
  );
  assert.equal([...codes].sort(), [
    'address-not-local',
    'empty-storage',
    'foreign-storage',
    'invalid-launch',
    'port-taken',
    'process-exited',
    'registration-lost',
    'stopped',
    'storage-unusable',
  ]);
});

// The way back: a scheduler or an executor of the earlier release beside this one

test('what an executor says today an earlier scheduler reads as it read its own', () =>
  onStage(async ({ agent, launch, kill }) => {
    launch({ environment: { STUB_RECOVER: '3' } });
    await agent.awaitState('TASK_RUNNING');
    kill();
    await agent.awaitState('TASK_KILLED');
    const today = agent.updates().map((status) => ({ state: status.state, report: reportOf(status) }));
    // How many updates there are of a start depends on its speed: one of each kind is compared.
    for (const was of updatesOf('bring-up-and-stop.jsonl')) {
      const { phase } = was.report;
      if (was.state === 'TASK_STARTING' && phase !== 'fetching' && phase !== 'formatting') continue;
      const is = today.find(({ state, report }) => state === was.state && report.phase === phase);
      if (is === undefined) throw new Error(`no ${was.state} ${phase} any more`);
      assert.is(is.report.protocol, 1);
      const read = readReport1(JSON.stringify(is.report)) ?? {};
      for (const [field, value] of Object.entries(was.report)) {
        // Whether there is anything to warn of depends on the machine.
        if (field !== 'warnings') assert.is(typeof read[field], typeof value, `${phase}: ${field}`);
      }
      for (const field of ['formatted', 'code'])
        assert.is(read[field], was.report[field], `${phase}: ${field}`);
    }
  }));

test('what a scheduler launches today an earlier executor takes', () => {
  const ended = makeEnded(desired, broker);
  if (ended.placement === undefined) throw new Error('it has a placement');
  const offers = [makeOffer('agent-2', { extra: reservedFor('demo', broker, ended.placement) })];
  const input = makeInput([makeMemory(desired, [ended])], { mesos: { offers } });
  const data = plan(input).steps.flatMap(({ action }) =>
    action.kind === 'broker' && action.call?.kind === 'accept'
      ? action.call.operations.flatMap((o) => (o.kind === 'launch' ? [o.task.data] : []))
      : [],
  );
  assert.is(data.length, 1);
  // The builders' digests are no digests; everything else is as it is sent.
  const sent = (data[0] ?? '').replace(/"k{128}"/, `"${'a'.repeat(128)}"`);
  assert.is(problemOfLaunch1(sent), undefined);
});

// What nobody has written yet

const anyField = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 12 }).filter((key) => key !== '__proto__'),
  fc.jsonValue({ maxDepth: 2 }),
  { maxKeys: 4 },
);

test('fields of a later release change nothing in a launch, wherever they stand', () => {
  const launches = filesOf('launches').map((file) => JSON.parse(textOf(`launches/${file}`)));
  fc.assert(
    fc.property(fc.constantFrom(...launches), anyField, (launch, more) => {
      const later = {
        ...more,
        ...launch,
        storage: { ...more, ...launch.storage },
        listeners: launch.listeners.map((listener: object) => ({ ...more, ...listener })),
      };
      const read = readLaunch(taskOf(later));
      const render = (one: typeof read) => renderServerProperties({ launch: one, logDirs: ['/v'] });
      // A field that is optional today may be among them by its name.
      if (!('rack' in more) && !('jre' in more) && !('controllerListener' in more)) {
        assert.is(render(read), render(launch));
      }
      assert.is(problemOfLaunch1(JSON.stringify(later)), undefined);
    }),
    { numRuns: 100 },
  );
});

test('a role or a storage mode of a later release is refused by name, never half understood', () => {
  const launch = JSON.parse(textOf(`launches/${filesOf('launches')[0]}`));
  const refusals: [object, RegExp][] = [
    [{ roles: ['broker', 'witness'] }, /roles is missing or wrong/],
    [{ storage: { ...launch.storage, mode: 'adopt' } }, /storage.mode is missing or wrong/],
    [{ protocol: 2 }, /protocol 2, this executor 1/],
    [{ config: { a: 1 } }, /config is missing or wrong/],
  ];
  for (const [change, reason] of refusals) {
    assert.throws(() => readLaunch(taskOf({ ...launch, ...change })), reason);
  }
});

const states: readonly TaskState[] = [
  'TASK_STAGING',
  'TASK_STARTING',
  'TASK_RUNNING',
  'TASK_KILLING',
  'TASK_KILLED',
  'TASK_FAILED',
  'TASK_UNREACHABLE',
  'TASK_PAUSED' as TaskState,
];
const anyReport = fc
  .record(
    {
      protocol: fc.constantFrom(1, 2, 'two'),
      phase: fc.oneof(fc.constantFrom('starting', 'recovering', 'serving', 'migrating'), fc.string()),
      formatted: fc.oneof(fc.boolean(), fc.string()),
      code: fc.oneof(fc.constantFrom('stopped', 'registration-lost', 'cosmic-ray'), fc.string()),
      message: fc.oneof(fc.string(), fc.integer()),
      warnings: fc.oneof(fc.array(fc.oneof(fc.string(), fc.integer()), { maxLength: 30 }), fc.string()),
      progress: fc.oneof(fc.record({ doneBytes: fc.float(), totalBytes: fc.float() }), fc.string()),
      recovery: fc.oneof(fc.record({ doneLogs: fc.integer(), totalLogs: fc.integer() }), fc.jsonValue()),
      disks: fc.oneof(
        fc.array(
          fc.record(
            {
              path: fc.oneof(fc.string(), fc.integer()),
              totalBytes: fc.oneof(fc.integer(), fc.string()),
              freeBytes: fc.integer(),
              error: fc.oneof(fc.string(), fc.boolean()),
            },
            { requiredKeys: [] },
          ),
        ),
        fc.jsonValue(),
      ),
      endpoint: fc.oneof(fc.string(), fc.integer()),
      jvmPid: fc.oneof(fc.integer(), fc.string()),
    },
    { requiredKeys: ['phase'] },
  )
  .chain((report) => anyField.map((more) => ({ ...more, ...report })));

test('no report of any release crashes a record, the status or a view, and none unlearns a format', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ state: fc.constantFrom(...states), report: anyReport }), { maxLength: 6 }),
      (updates) => {
        let record = launched();
        for (const update of updates) {
          const { formatted } = record;
          record = fold(record, update);
          // What an agent that is unreachable is said to have reported is the master's word. Of a task that has ended it
          // still counts.
          const told = update.state !== 'TASK_UNREACHABLE';
          const learnt = told && (update.report.formatted === true || update.state === 'TASK_RUNNING');
          assert.is(record.formatted, formatted || learnt);
        }
        everythingShown(record);
      },
    ),
    { numRuns: 150 },
  );
});

test('a phase that is not known is shown as it is', () => {
  const record = fold(launched(), { state: 'TASK_STARTING', report: { protocol: 1, phase: 'migrating' } });
  assert.match(everythingShown(record).text, /starting \(migrating\)/);
});

test('a code that is not known is shown with its message, of a live broker as of one that ended', () => {
  const report: Partial<BrokerReport> = {
    protocol: 2,
    phase: 'serving',
    code: 'cosmic-ray',
    message: 'a bit flipped',
  };
  const running = fold(launched(), { state: 'TASK_RUNNING', report });
  assert.match(everythingShown(running).text, /a bit flipped/);
  const wordless = fold(launched(), {
    state: 'TASK_RUNNING',
    report: { phase: 'serving', code: 'cosmic-ray' },
  });
  assert.match(everythingShown(wordless).text, /its executor reports "cosmic-ray"/);
  const ended = fold(running, { state: 'TASK_FAILED', report: { phase: 'stopped', code: 'cosmic-ray' } });
  assert.is(ended.last?.code, 'cosmic-ray');
  assert.match(everythingShown(ended).text, /TASK_FAILED: cosmic-ray/);
});

test('a report that cannot be read leaves the state to Mesos, and what runs is formatted', () => {
  const record = foldUpdate(
    launched(),
    { taskId: launched().task?.taskId ?? '', state: 'TASK_RUNNING', data: '[2,"binary"]' },
    policy,
    nowMs,
  );
  assert.is(record.task?.state, 'TASK_RUNNING');
  assert.ok(record.formatted);
  everythingShown(record);
});

test.run();
