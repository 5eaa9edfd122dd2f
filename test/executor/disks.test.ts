import { existsSync } from 'node:fs';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createDiskWatch,
  diskCode,
  diskEnd,
  isNews,
  measureDisks,
  noDiskWords,
  observeDiskLine,
  probeDisks,
} from '../../src/executor/disks.ts';
import { BrokerFailure } from '../../src/executor/failure.ts';
import { diskStateOf } from '../../src/model/launch.ts';
import { type Clock, systemClock } from '../../src/sys/clock.ts';
import { inFolder } from './helpers.ts';
import { reportOf } from './scripted-agent.ts';
import { onStage } from './stage.ts';

// Lines as Kafka 4.3.1 wrote them when a checkpoint could not be written.
const refused = (place: string, exception: string) => [
  `[2026-01-01 00:00:00,000] ERROR Error while writing to checkpoint file ${place}/replication-offset-checkpoint (org.apache.kafka.storage.internals.log.LogDirFailureChannel)`,
  exception,
  '\tat java.base/java.io.FileOutputStream.writeBytes(Native Method)',
  `[2026-01-01 00:00:00,001] WARN [ReplicaManager broker=0] Stopping serving replicas in dir ${place} with uuid Some(abc) because the log directory has failed. (kafka.server.ReplicaManager)`,
  `[2026-01-01 00:00:00,002] WARN Stopping serving logs in dir ${place} (org.apache.kafka.storage.internals.log.LogManager)`,
];
const shutdown = (place: string) =>
  `[2026-01-01 00:00:00,003] FATAL Shutdown broker because the metadata log dir ${place} has failed (kafka.server.ReplicaManager)`;
const noSpace = 'java.io.IOException: No space left on device';
const notThere = 'java.io.FileNotFoundException: /v/data/x.tmp (Not a directory)';

const wordsOf = (lines: readonly string[]) => lines.reduce(observeDiskLine, noDiskWords);

const failureOf = async (promise: Promise<unknown>): Promise<BrokerFailure> => {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof BrokerFailure) return error;
  throw new Error(`expected a BrokerFailure, got ${error}`);
};

test('a directory that Kafka gives up is known with the error that made it', () => {
  const words = wordsOf(refused('/v/data', notThere));
  assert.equal(
    [...words.failed],
    [
      [
        '/v/data',
        'Error while writing to checkpoint file /v/data/replication-offset-checkpoint: /v/data/x.tmp (Not a directory)',
      ],
    ],
  );
  assert.is(words.shutdown, undefined);
  const ended = wordsOf([...refused('/v/data', noSpace), shutdown('/v/data')]);
  assert.is(ended.shutdown, 'Shutdown broker because the metadata log dir /v/data has failed');
  // An exception of something else is not the disk's.
  assert.is(wordsOf([noSpace]), noDiskWords);
});

test('an end is the disk’s by Kafka’s word, by ENOSPC in its last lines, or because nothing can be written', () =>
  inFolder(async (path) => {
    const volumes = [{ name: 'main', path }];
    const full = await diskEnd(wordsOf([...refused('/v/data', noSpace), shutdown('/v/data')]), [], volumes);
    assert.is(full?.reportCode, 'disk-full');
    assert.match(
      full?.message ?? '',
      /^Kafka gave up \/v\/data: .*No space left on device \(Shutdown broker/,
    );
    const failed = await diskEnd(
      wordsOf([...refused('/v/data', notThere), shutdown('/v/data')]),
      [],
      volumes,
    );
    assert.is(failed?.reportCode, 'disk-failed');
    assert.is((await diskEnd(noDiskWords, ['x', noSpace, 'y'], volumes))?.reportCode, 'disk-full');
    // One of several directories failed and it went on: what ended it later was something else.
    assert.is(await diskEnd(wordsOf(refused('/v/data', notThere)), ['OutOfMemoryError'], volumes), undefined);
    const gone = await diskEnd(noDiskWords, [], [{ name: 'main', path: join(path, 'gone') }]);
    assert.is(gone?.reportCode, 'disk-failed');
    assert.not(existsSync(join(path, 'gone')), 'a disk that is gone is never made anew');
  }));

test('a disk without room refuses the probe, as the kernel says it', () =>
  inFolder(async (path) => {
    const volumes = [{ name: 'main', path }];
    await probeDisks(volumes);
    assert.not(existsSync(join(path, '.kafka-mesos', 'probe')));
    if (!existsSync('/dev/full')) return;
    await symlink('/dev/full', join(path, '.kafka-mesos', 'probe'));
    const failure = await failureOf(probeDisks(volumes));
    assert.is(failure.reportCode, 'disk-full');
    assert.ok(failure.message.includes(path), failure.message);
  }));

test('the disks are looked at once a minute, and at once when Kafka gives one up', () =>
  inFolder(async (path) => {
    let nowMs = 0;
    const watch = createDiskWatch({ ...systemClock, nowMs: () => nowMs }, [path]);
    assert.is((await watch.look())?.length, 1);
    assert.is(await watch.look(), undefined);
    for (const line of refused(path, noSpace)) watch.observe(line);
    assert.match((await watch.look())?.[0]?.error ?? '', /No space left/);
    nowMs = 120_000;
    assert.is(await watch.look(), undefined, 'it was told');
  }));

test('the disk’s own errors are told from others, however deep they are', () => {
  const errno = (code: string, cause?: unknown) => Object.assign(new Error(code, { cause }), { code });
  assert.is(diskCode(errno('ENOSPC')), 'disk-full');
  assert.is(diskCode(errno('EROFS')), 'disk-failed');
  assert.is(diskCode(new BrokerFailure('fetch-failed', 'x', { cause: errno('ENOSPC') })), 'disk-full');
  for (const other of [errno('EACCES'), errno('ECONNRESET'), new Error('x'), undefined, 'ENOSPC']) {
    assert.is(diskCode(other), undefined);
  }
});

test('the file systems of the directories are measured, and one that is not there is an error', () =>
  inFolder(async (path) => {
    const [here, gone] = await measureDisks([path, join(path, 'gone')]);
    assert.ok((here?.totalBytes ?? 0) > 0 && (here?.freeBytes ?? -1) >= 0);
    assert.is(here?.error, undefined);
    assert.match(gone?.error ?? '', /ENOENT/);
  }));

test('what a disk’s figures come to, small or large', () => {
  const gib = 2 ** 30;
  const at = (totalGiB: number, freeGiB: number) =>
    diskStateOf({ totalBytes: totalGiB * gib, freeBytes: freeGiB * gib });
  assert.equal([at(100, 50), at(100, 9), at(100, 1)], ['fine', 'low', 'full']);
  assert.equal([at(10_000, 60), at(10_000, 40), at(10_000, 1)], ['fine', 'low', 'full']);
  assert.is(at(0, 0), 'fine', 'a disk without figures says nothing');
  assert.is(diskStateOf({ totalBytes: 1, freeBytes: 1, error: 'x' }), 'failed');
});

test('only what matters is told again', () => {
  const disk = (freeBytes: number, error?: string) => [
    { path: '/v', totalBytes: 100, freeBytes, ...(error === undefined ? {} : { error }) },
  ];
  assert.ok(isNews([], disk(50)));
  assert.not(isNews(disk(50), disk(46)));
  assert.ok(isNews(disk(50), disk(44)), 'a twentieth of it');
  assert.ok(isNews(disk(11), disk(9)), 'it became low');
  assert.ok(isNews(disk(50), disk(50, 'x')));
  assert.ok(isNews(disk(50, 'x'), disk(50)));
  assert.not(isNews(disk(50, 'x'), disk(50, 'x')));
});

/** Everything that waits is so many times as fast. */
const hasty = (times: number): Clock => ({
  nowMs: () => systemClock.nowMs() * times,
  setTimer: (delayMs, fire) => systemClock.setTimer(delayMs / times, fire),
});

test('a failed directory is told once while the broker serves on', () =>
  onStage(
    async ({ agent, launch, sandbox, volume }) => {
      const lines = join(sandbox, 'lines');
      launch({ environment: { STUB_LINES_FILE: lines } });
      const { disks, jvmPid } = reportOf(await agent.awaitState('TASK_RUNNING'));
      const path = join(volume, 'data');
      assert.equal(
        disks?.map((disk) => [disk.path, disk.error]),
        [[path, undefined]],
      );
      await writeFile(`${lines}.tmp`, `${refused(path, notThere).join('\n')}\n`);
      await rename(`${lines}.tmp`, lines);
      const told = await agent.awaitState('TASK_RUNNING', (report) => report.disks?.[0]?.error !== undefined);
      assert.match(reportOf(told).disks?.[0]?.error ?? '', /Not a directory/);
      assert.is(reportOf(told).jvmPid, jvmPid);
      assert.is(told.healthy, true);
      assert.is(agent.updates().filter(({ state }) => state === 'TASK_RUNNING').length, 2);
    },
    undefined,
    hasty(50),
  ));

test('a broker whose last directory failed ends as disk-failed, with path and error', () =>
  onStage(async ({ agent, launch, sandbox }) => {
    const lines = join(sandbox, 'lines');
    await writeFile(
      lines,
      `${[...refused('/v/data', notThere), shutdown('/v/data'), 'exit 1'].join('\n')}\n`,
    );
    launch({ environment: { STUB_LINES_FILE: lines, STUB_START_MS: '60000' } });
    const report = reportOf(await agent.awaitState('TASK_FAILED'));
    assert.is(report.code, 'disk-failed');
    assert.match(report.message ?? '', /Kafka gave up \/v\/data: .*Not a directory/);
  }));

test('a volume without room is told before anything is fetched or started', () =>
  onStage(async ({ agent, launch, volume }) => {
    if (!existsSync('/dev/full')) return;
    await mkdir(join(volume, '.kafka-mesos'), { recursive: true });
    await symlink('/dev/full', join(volume, '.kafka-mesos', 'probe'));
    launch();
    const report = reportOf(await agent.awaitState('TASK_FAILED'));
    assert.is(report.code, 'disk-full');
    assert.is(report.jvmPid, undefined);
    assert.not(existsSync(join(volume, 'data')));
  }));

test('a recovery that does not move is told as stalled, and the broker is left alone', () =>
  onStage(
    async ({ agent, launch, kill }) => {
      launch({ environment: { STUB_RECOVER: '3', STUB_RECOVER_HANGS: '1', STUB_START_MS: '600000' } });
      const begun = await agent.awaitState('TASK_STARTING', ({ phase }) => phase === 'recovering');
      assert.equal(reportOf(begun).recovery, { doneLogs: 0, totalLogs: 3, doneSegments: 0 });
      const stalled = await agent.awaitState('TASK_STARTING', ({ code }) => code === 'recovery-stalled');
      assert.match(reportOf(stalled).message ?? '', /has not moved for \d+ min/);
      assert.is(reportOf(stalled).phase, 'recovering');
      kill();
      await agent.awaitState('TASK_KILLED');
    },
    undefined,
    hasty(1_000),
  ));

test.run();
