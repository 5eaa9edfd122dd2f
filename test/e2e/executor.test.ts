/** The executor with real Kafka: log recovery, a directory that fails, a disk that is full. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createKafkaPrograms } from '../../src/executor/kafka-programs.ts';
import { initialView, observeLine } from '../../src/executor/readiness.ts';
import { createKafkaAdmin } from '../../src/kafka/admin.ts';
import { defaultKafkaVersion, resolveDistribution } from '../../src/kafka/distribution.ts';
import type { BrokerLaunch, StorageMode } from '../../src/model/launch.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { directoryId } from '../executor/helpers.ts';
import { reportOf } from '../executor/scripted-agent.ts';
import { onStage, type Stage } from '../executor/stage.ts';
import { freePorts } from '../free-ports.ts';
import { testFolder } from '../test-folder.ts';
import { until } from '../zookeeper/support.ts';
import { becomes } from './harness.ts';

const partitions = 120;
let sandbox: string;
let change: (mode: StorageMode) => Partial<BrokerLaunch>;

/** One task after another on the same two volumes, each with an executor of its own, as Mesos has it. */
const onRealStage = (use: (stage: Stage) => Promise<void>) =>
  onStage(use, sandbox, systemClock, (launch, place) =>
    createKafkaPrograms(launch, place, { clock: systemClock, env: process.env }),
  );

test.before(async () => {
  sandbox = await mkdtemp(join(testFolder, 'kafka-mesos-executor-'));
  const cacheDir = join(process.env.KAFKA_MESOS_HOME ?? join(homedir(), '.kafka-mesos'), 'dist');
  const { path, sha512 } = await resolveDistribution(
    { kind: 'version', version: defaultKafkaVersion },
    { cacheDir, clock: systemClock },
  );
  const [port = 0, controllerPort = 0] = await freePorts(2);
  const listener = (name: string, at: number) => ({
    name,
    protocol: 'PLAINTEXT' as const,
    bindHost: '127.0.0.1',
    port: at,
    advertisedHost: '127.0.0.1',
    advertisedPort: at,
  });
  change = (mode) => ({
    roles: ['broker', 'controller'],
    kafkaVersion: defaultKafkaVersion,
    kafka: { uri: path, sha512 },
    storage: {
      mode,
      volumes: [
        { name: 'meta', path: 'meta' },
        { name: 'data', path: 'data' },
      ],
      initialVoters: [{ nodeId: 0, host: '127.0.0.1', port: controllerPort, directoryId }],
    },
    bootstrapControllers: [`127.0.0.1:${controllerPort}`],
    listeners: [listener('CLIENT', port)],
    controllerListener: listener('CONTROLLER', controllerPort),
    heapMiB: 256,
    jvmOptions: ['-XX:TieredStopAtLevel=1'],
    stopGraceMs: 30_000,
  });
});

test.after(() => rm(sandbox, { recursive: true, force: true }));

test('after a hard stop the recovery of the logs is told, partition by partition', async () => {
  await onRealStage(async ({ agent, launch }) => {
    launch(change('form'));
    const { endpoint = '', jvmPid = 0, disks = [] } = reportOf(await agent.awaitState('TASK_RUNNING'));
    assert.equal(
      disks.map(({ path, error }) => [path, error]),
      [
        [join(sandbox, 'meta', 'data'), undefined],
        [join(sandbox, 'data', 'data'), undefined],
      ],
    );
    assert.ok(disks.every(({ freeBytes, totalBytes }) => freeBytes > 0 && totalBytes >= freeBytes));
    const admin = createKafkaAdmin({ bootstrap: () => [endpoint], clientId: 'test', clock: systemClock });
    await admin.createTopic({ name: 'many', partitions, replicationFactor: 1, config: {} });
    // The controller has them at once; the broker makes them one after the other, and what it has not made yet
    // needs no recovery.
    const made = async () =>
      (await admin.describeLogDirs([0]))
        .flatMap(({ replicas }) => replicas)
        .filter((r) => r.topic === 'many');
    await becomes(async () => (await made()).length, partitions);
    await admin.close();
    process.kill(jvmPid, 'SIGKILL');
    const report = reportOf(await agent.awaitState('TASK_FAILED'));
    assert.is(report.code, 'process-exited');
  });
  await onRealStage(async ({ agent, launch }) => {
    // As where nobody heard what an earlier task came to: Kafka's directories of replicas are known by their names.
    launch(change('find'));
    await agent.awaitState('TASK_RUNNING');
    const told = agent.updates().flatMap((status) => {
      const { phase, recovery } = reportOf(status);
      return phase === 'recovering' && recovery !== undefined ? [recovery] : [];
    });
    assert.ok(told.length > 0, 'it is told however fast it goes');
    assert.ok((told[0]?.totalLogs ?? 0) > 0);
    // Most of it is over before it is worth another update: what the executor read of it is in the log.
    let view = initialView;
    let counted = view.recovery;
    for (const line of (await readFile(join(sandbox, 'kafka-server.log'), 'utf8')).split('\n')) {
      view = observeLine(view, line, 0);
      counted = view.recovery ?? counted;
    }
    assert.is(counted?.totalLogs, partitions);
    assert.is(counted?.doneLogs, partitions);
    assert.ok((counted?.doneSegments ?? 0) >= partitions, 'a segment of each');
    assert.is(view.phase, 'starting', 'and it is over');
  });
});

test('a directory that fails is told with its path and error, and the broker serves on', () =>
  onRealStage(async ({ agent, launch, kill }) => {
    const path = join(sandbox, 'data', 'data');
    launch(change('expect'));
    const { jvmPid = 0 } = reportOf(await agent.awaitState('TASK_RUNNING'));
    // As when a disk is gone: open files live on, every new one is refused.
    await rename(path, `${path}.away`);
    await writeFile(path, '');
    const failed = (disks: readonly { path: string; error?: string }[] = []) =>
      disks.find((disk) => disk.path === path)?.error;
    const report = reportOf(
      await agent.awaitState('TASK_RUNNING', ({ disks }) => failed(disks) !== undefined),
    );
    assert.match(failed(report.disks) ?? '', /Not a directory/);
    assert.is(report.disks?.find((disk) => disk.path !== path)?.error, undefined);
    assert.is(report.jvmPid, jvmPid);
    process.kill(jvmPid, 0);
    kill();
    await agent.awaitState('TASK_KILLED');
    await rm(path);
    await rename(`${path}.away`, path);
  }));

test('a full disk ends the broker as disk-full, and keeps it from starting until there is room', async () => {
  const path = join(sandbox, 'meta', 'data');
  const checkpoint = join(path, 'replication-offset-checkpoint.tmp');
  const probe = join(sandbox, 'meta', '.kafka-mesos', 'probe');
  await onRealStage(async ({ agent, launch }) => {
    launch(change('expect'));
    await agent.awaitState('TASK_RUNNING');
    // Writing there is what writing to a full disk is: ENOSPC, from the kernel.
    await until('the checkpoint that is being written has its name', () =>
      symlink('/dev/full', checkpoint).then(
        () => true,
        () => false,
      ),
    );
    const report = reportOf(await agent.awaitState('TASK_FAILED'));
    assert.is(report.code, 'disk-full');
    assert.ok(report.message?.includes(path), report.message);
    assert.match(report.message ?? '', /No space left on device/);
    await rm(checkpoint, { force: true });
  });
  await onRealStage(async ({ agent, launch }) => {
    await symlink('/dev/full', probe);
    launch(change('expect'));
    const report = reportOf(await agent.awaitState('TASK_FAILED'));
    assert.is(report.code, 'disk-full');
    assert.match(report.message ?? '', /nothing can be written to .*meta: ENOSPC/);
    assert.is(report.jvmPid, undefined, 'no broker was started for it');
    assert.not(existsSync(probe));
  });
  await onRealStage(async ({ agent, launch }) => {
    launch(change('expect'));
    await agent.awaitState('TASK_RUNNING');
  });
});

test.run();
