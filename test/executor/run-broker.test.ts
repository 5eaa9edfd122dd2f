import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lastWords } from '../../src/executor/failure.ts';
import { createRotatingFile, startProcess } from '../../src/executor/process.ts';
import type { BrokerLaunch } from '../../src/model/launch.ts';
import { type Clock, systemClock } from '../../src/sys/clock.ts';
import { clusterId, directoryId, freePort, inFolder, sampleLaunch, sampleTask, within } from './helpers.ts';
import { reportOf, type ScriptedAgent, startScriptedAgent } from './scripted-agent.ts';
import { onStage } from './stage.ts';

/** A zombie is dead: an orphan may wait long for an init that reaps. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !existsSync('/proc/self/stat') || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

async function putData(volume: string, change: { clusterId?: string; nodeId?: number } = {}): Promise<void> {
  await mkdir(join(volume, 'data', 'topic-0'), { recursive: true });
  const text = `cluster.id=${change.clusterId ?? clusterId}\nnode.id=${change.nodeId ?? 0}\ndirectory.id=${directoryId}\n`;
  await writeFile(join(volume, 'data', 'meta.properties'), text);
}

test('from LAUNCH over the first format to RUNNING, and by KILL to the end', () =>
  onStage(async ({ agent, executor, launch, kill, volume, port, sandbox }) => {
    launch({ environment: { STUB_RECOVER: '3' } });
    const running = reportOf(await agent.awaitState('TASK_RUNNING'));
    assert.is(running.phase, 'serving');
    assert.is(running.formatted, true);
    assert.is(running.endpoint, `127.0.0.1:${port}`);
    assert.is(running.directoryId, 'stub0x0'.padEnd(22, 'A'));
    assert.ok(isAlive(running.jvmPid ?? 0));
    assert.equal((await readdir(join(volume, '.kafka-mesos'))).sort(), ['formatted.json']);
    kill();
    const killed = reportOf(await agent.awaitState('TASK_KILLED'));
    assert.is(await within(executor.ended, 'the exit'), 0);
    assert.is(killed.code, 'stopped');
    assert.is(killed.message, 'stopped as it was asked to');
    assert.not(isAlive(running.jvmPid ?? 0));
    const states = agent.updates().map((status) => `${status.state} ${reportOf(status).phase}`);
    const order = [
      'TASK_STARTING fetching',
      'TASK_STARTING formatting',
      'TASK_STARTING starting',
      'TASK_RUNNING serving',
      'TASK_KILLING stopping',
      'TASK_KILLED stopped',
    ];
    assert.equal(
      states.filter((state) => order.includes(state)),
      order,
    );
    assert.match(await readFile(join(sandbox, 'kafka.out'), 'utf8'), /Kafka Server started/);
  }));

/** Unrelated to what is waited for: when it is over, what was not done is not about to be done. */
async function roundTrip(agent: ScriptedAgent): Promise<void> {
  agent.dropStream();
  await agent.awaitCall(
    ({ subscribe }) => subscribe?.unacknowledged_updates?.length === 1,
    'SUBSCRIBE with it',
  );
}

test('not a byte is formatted before the agent has the word that it will be', () =>
  onStage(async ({ agent, launch, volume }) => {
    agent.acknowledges = (status) => reportOf(status).phase !== 'formatting';
    launch();
    const formatting = await agent.awaitState('TASK_STARTING', ({ phase }) => phase === 'formatting');
    assert.is(reportOf(formatting).formatted, true);
    assert.ok(existsSync(join(volume, '.kafka-mesos', 'formatting.json')));
    await roundTrip(agent);
    assert.not(existsSync(join(volume, 'data')));
    agent.acknowledge(formatting);
    agent.acknowledges = () => true;
    await agent.awaitState('TASK_RUNNING');
    assert.not(existsSync(join(volume, '.kafka-mesos', 'formatting.json')));
  }));

test('no broker is started on a disk that nobody knew of before the agent has the word that it will be', () =>
  inFolder(async (sandbox) => {
    await putData(join(sandbox, 'volume'));
    await onStage(async ({ agent, launch }) => {
      agent.acknowledges = (status) => reportOf(status).phase !== 'starting';
      launch({ storage: { mode: 'find', volumes: [{ name: 'main', path: 'volume' }], initialVoters: [] } });
      const starting = await agent.awaitState('TASK_STARTING', ({ phase }) => phase === 'starting');
      await roundTrip(agent);
      assert.not(existsSync(join(sandbox, 'kafka.out')));
      agent.acknowledge(starting);
      agent.acknowledges = () => true;
      await agent.awaitState('TASK_RUNNING');
    }, sandbox);
  }));

test('killed before that word is through, the next launch formats, even where data are expected', () =>
  inFolder(async (sandbox) => {
    await onStage(async ({ agent, executor, launch, kill }) => {
      agent.acknowledges = (status) => reportOf(status).phase !== 'formatting';
      launch({ storage: { mode: 'join', volumes: [{ name: 'main', path: 'volume' }], initialVoters: [] } });
      await agent.awaitState('TASK_STARTING', ({ phase }) => phase === 'formatting');
      kill();
      await agent.awaitState('TASK_KILLED');
      assert.is(await within(executor.ended, 'the exit'), 0);
    }, sandbox);
    await onStage(async ({ agent, launch }) => {
      launch({ storage: { mode: 'expect', volumes: [{ name: 'main', path: 'volume' }], initialVoters: [] } });
      assert.is(reportOf(await agent.awaitState('TASK_RUNNING')).formatted, true);
    }, sandbox);
  }));

for (const mode of ['expect', 'find'] as const)
  test(`a restart that is to ${mode} its data uses them as they are`, () =>
    inFolder(async (sandbox) => {
      await putData(join(sandbox, 'volume'));
      await onStage(async ({ agent, launch }) => {
        launch({ storage: { mode, volumes: [{ name: 'main', path: 'volume' }], initialVoters: [] } });
        assert.is(reportOf(await agent.awaitState('TASK_RUNNING')).directoryId, directoryId);
        assert.ok(existsSync(join(sandbox, 'volume', 'data', 'topic-0')));
      }, sandbox);
    }));

const failures: [string, Partial<BrokerLaunch>, string, RegExp, ((volume: string) => Promise<void>)?][] = [
  [
    'an empty volume where data are expected',
    { storage: { mode: 'expect', volumes: [{ name: 'main', path: 'volume' }], initialVoters: [] } },
    'empty-storage',
    /has had data, but volume "main" is empty/,
  ],
  [
    'replicas to be found on an empty volume',
    { storage: { mode: 'find', volumes: [{ name: 'main', path: 'volume' }], initialVoters: [] } },
    'never-used',
    /no replica of node \d+ was ever kept here/,
  ],
  [
    'a volume of another cluster',
    {},
    'foreign-storage',
    /of cluster other/,
    (volume) => putData(volume, { clusterId: 'other' }),
  ],
  [
    'a host path that is not there',
    { storage: { mode: 'join', volumes: [{ name: 'main', path: '/not/mounted' }], initialVoters: [] } },
    'storage-unusable',
    /Create or mount/,
  ],
  [
    'a persistent volume that the agent did not put there',
    {
      storage: {
        mode: 'join',
        volumes: [{ name: 'main', path: 'volume', persistent: true }],
        initialVoters: [],
      },
    },
    'storage-unusable',
    /did not put the persistent volume/,
  ],
  [
    'a name that is not ours',
    {
      listeners: [
        {
          name: 'CLIENT',
          protocol: 'PLAINTEXT',
          bindHost: '127.0.0.1',
          port: 1,
          advertisedHost: '192.0.2.1',
          advertisedPort: 1,
        },
      ],
    },
    'address-not-local',
    /resolves to 192.0.2.1, which is not this machine/,
  ],
  [
    'an address that cannot be bound',
    {
      listeners: [
        {
          name: 'CLIENT',
          protocol: 'PLAINTEXT',
          bindHost: '192.0.2.1',
          port: 39111,
          advertisedHost: '127.0.0.1',
          advertisedPort: 1,
        },
      ],
    },
    'address-not-local',
    /does not belong to this machine/,
  ],
  [
    'a broker that dies while starting',
    { environment: { STUB_EXIT_CODE: '3' } },
    'process-exited',
    /exited with code 3; its last words:\nERROR Exiting Kafka .*the stub was told so$/,
  ],
  ['a launch of another protocol', { protocol: 9 as 1 }, 'invalid-launch', /protocol 9/],
];
for (const [name, change, code, message, arrange] of failures) {
  test(`TASK_FAILED with its reason: ${name}`, () =>
    onStage(async ({ agent, executor, launch, volume }) => {
      await arrange?.(volume);
      launch(change);
      const status = await agent.awaitState('TASK_FAILED');
      assert.is(reportOf(status).code, code);
      assert.match(reportOf(status).message ?? '', message);
      assert.is(status.message, reportOf(status).message);
      assert.is(await within(executor.ended, 'the exit'), 0);
    }));
}

test('a taken port is told before anything is started, and nothing is formatted for it', () =>
  onStage(async ({ agent, launch, port, volume }) => {
    const other = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    launch();
    const report = reportOf(await agent.awaitState('TASK_FAILED'));
    other.close();
    assert.is(report.code, 'port-taken');
    assert.match(report.message ?? '', new RegExp(`127.0.0.1:${port} .*in use`));
    assert.is(report.formatted, undefined);
    assert.not(existsSync(join(volume, 'data')));
  }));

test('the last words of a broker are those that may tell why it ended', () => {
  const log = [
    '[2026-11-24 12:00:00,000] INFO KafkaConfig values:',
    '\tadvertised.listeners = null',
    '[2026-11-24 12:00:01,000] ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)',
    'java.lang.IllegalStateException: why',
    '\tat kafka.Kafka$.main(Kafka.scala:1)',
    '[2026-11-24 12:00:02,000] INFO App info kafka.server for 0 unregistered',
    'Terminating due to java.lang.OutOfMemoryError: Java heap space',
  ];
  const kept = [log[2], log[3], log[4], log[6]];
  assert.is(lastWords(log, 1_000), `; its last words:\n${kept.join('\n')}`);
  assert.is(lastWords(log, 70), `; its last words:\n${log[6]}`);
  assert.is(lastWords(log.slice(0, 2), 1_000), '');
});

test('kill -9 of the broker is TASK_FAILED, with the signal', () =>
  onStage(async ({ agent, executor, launch }) => {
    launch();
    const { jvmPid = 0 } = reportOf(await agent.awaitState('TASK_RUNNING'));
    process.kill(jvmPid, 'SIGKILL');
    const report = reportOf(await agent.awaitState('TASK_FAILED'));
    assert.is(report.code, 'process-exited');
    // What it logged before is no reason: it went well.
    assert.is(report.message, 'the broker process was killed by SIGKILL');
    assert.is(report.formatted, true);
    assert.is(await within(executor.ended, 'the exit'), 0);
  }));

test('an executor that is killed in the middle of a format leaves one that is done over', () =>
  inFolder(async (sandbox) => {
    await onStage(async ({ agent, launch, kill, volume }) => {
      launch({ environment: { STUB_FORMAT_MS: '600000' } });
      await agent.awaitState('TASK_STARTING', ({ phase }) => phase === 'formatting');
      while (!existsSync(join(volume, 'data', '__cluster_metadata-0'))) await new Promise(setImmediate);
      kill();
      await agent.awaitState('TASK_KILLED');
      assert.ok(existsSync(join(volume, '.kafka-mesos', 'formatting.json')));
      await writeFile(join(volume, 'data', '__cluster_metadata-0', 'half'), '');
    }, sandbox);
    await onStage(async ({ agent, launch, volume }) => {
      launch({
        storage: { mode: 'expect', volumes: [{ name: 'main', path: 'volume' }], initialVoters: [] },
      });
      await agent.awaitState('TASK_RUNNING');
      assert.not(existsSync(join(volume, 'data', '__cluster_metadata-0', 'half')));
    }, sandbox);
  }));

/** Everything that waits is fifty times as fast. */
const hasty: Clock = {
  nowMs: () => systemClock.nowMs() * 50,
  setTimer: (delayMs, fire) => systemClock.setTimer(delayMs / 50, fire),
};

test('a broker that no longer answers is told as unhealthy, not killed, and told again when it does', () =>
  inFolder((sandbox) =>
    onStage(
      async ({ agent, launch }) => {
        const silence = join(sandbox, 'silence');
        launch({ environment: { STUB_SILENT_FILE: silence } });
        const { jvmPid = 0 } = reportOf(await agent.awaitState('TASK_RUNNING'));
        await writeFile(silence, '');
        const unhealthy = await agent.awaitState('TASK_RUNNING', (_, { healthy }) => healthy === false);
        assert.is(reportOf(unhealthy).code, 'registration-lost');
        assert.match(reportOf(unhealthy).message ?? '', /has not answered for 15 s/);
        await rm(silence);
        await agent.awaitState('TASK_RUNNING', () =>
          agent
            .updates()
            .map(({ healthy }) => healthy)
            .join()
            .endsWith('true,false,true'),
        );
        assert.ok(isAlive(jvmPid));
      },
      sandbox,
      hasty,
    ),
  ));

test('a broker that ignores SIGTERM is killed after the grace of the KILL', () =>
  onStage(async ({ agent, launch, kill }) => {
    launch({ environment: { STUB_IGNORE_TERM: '1' }, stopGraceMs: 600_000 });
    await agent.awaitState('TASK_RUNNING');
    kill(100);
    const report = reportOf(await agent.awaitState('TASK_KILLED'));
    assert.match(report.message ?? '', /^while it was being stopped .* killed by SIGKILL/);
  }));

test('a second KILL with a shorter grace shortens it', () =>
  onStage(async ({ agent, launch, kill }) => {
    launch({ environment: { STUB_IGNORE_TERM: '1' }, stopGraceMs: 600_000 });
    await agent.awaitState('TASK_RUNNING');
    kill();
    await agent.awaitState('TASK_KILLING');
    kill(10);
    await agent.awaitState('TASK_KILLED');
    assert.is(agent.updates().filter(({ state }) => state === 'TASK_KILLING').length, 1);
  }));

test('KILL while it still gets ready, and while it starts', () =>
  inFolder(async (sandbox) => {
    await onStage(async ({ agent, launch, kill }) => {
      launch({ environment: { STUB_PREPARE_MS: '600000' } });
      await agent.awaitState('TASK_STARTING');
      kill();
      await agent.awaitState('TASK_KILLED');
    }, sandbox);
    await onStage(async ({ agent, launch, kill }) => {
      launch({ environment: { STUB_START_MS: '600000' } });
      await agent.awaitState('TASK_STARTING', ({ phase }) => phase === 'starting');
      kill();
      await agent.awaitState('TASK_KILLED');
      assert.is(agent.updates().filter(({ state }) => state === 'TASK_RUNNING').length, 0);
    }, sandbox);
  }));

test('SHUTDOWN stops the broker within the grace period of the executor', () =>
  onStage(async ({ agent, executor, launch }) => {
    launch();
    await agent.awaitState('TASK_RUNNING');
    agent.send({ type: 'SHUTDOWN' });
    assert.is(reportOf(await agent.awaitState('TASK_KILLED')).code, 'shut-down');
    assert.is(await within(executor.ended, 'the exit'), 0);
  }));

test('a second task is refused and the first lives on; the same LAUNCH again is nothing', () =>
  onStage(async ({ agent, launch, kill }) => {
    launch();
    launch();
    const { jvmPid = 0 } = reportOf(await agent.awaitState('TASK_RUNNING'));
    launch({}, 'demo-0-2');
    const refused = await agent.awaitState('TASK_FAILED');
    assert.is(refused.task_id.value, 'demo-0-2');
    assert.ok(isAlive(jvmPid));
    kill();
    await agent.awaitState('TASK_KILLED');
    assert.is(agent.updates().filter(({ state }) => state === 'TASK_RUNNING').length, 1);
  }));

test('a broker lives through an agent that is away, and what happened meanwhile arrives', () =>
  onStage(async ({ agent, launch }) => {
    launch();
    const { jvmPid = 0 } = reportOf(await agent.awaitState('TASK_RUNNING'));
    await agent.stop();
    assert.ok(isAlive(jvmPid));
    process.kill(jvmPid, 'SIGKILL');
    await agent.listen();
    // With the SUBSCRIBE, or after it when the end came later than the agent.
    await agent.awaitCall(
      ({ subscribe, update }) =>
        [update, ...(subscribe?.unacknowledged_updates ?? [])].some(
          (one) => one?.status.state === 'TASK_FAILED',
        ),
      'the end',
    );
    assert.is(agent.updates().filter(({ state }) => state === 'TASK_FAILED').length, 1);
  }));

test('what a killed executor left on the volume is ended before a second one starts', () =>
  inFolder(async (sandbox) => {
    const volume = join(sandbox, 'volume');
    await putData(volume);
    const agent = await startScriptedAgent();
    const port = await freePort();
    const child = spawn(
      process.execPath,
      [...process.execArgv, fileURLToPath(new URL('stub-main.ts', import.meta.url))],
      {
        env: {
          PATH: process.env.PATH,
          MESOS_AGENT_ENDPOINT: `127.0.0.1:${agent.port}`,
          MESOS_FRAMEWORK_ID: 'f-1',
          MESOS_EXECUTOR_ID: 'e-1',
          MESOS_SLAVE_ID: 'agent-1',
          MESOS_SANDBOX: sandbox,
          MESOS_CHECKPOINT: '1',
        },
        stdio: 'ignore',
      },
    );
    const exited = new Promise((resolve) => child.once('exit', resolve));
    await agent.awaitCall(({ type }) => type === 'SUBSCRIBE', 'SUBSCRIBE');
    agent.send({ type: 'LAUNCH', launch: { task: sampleTask(sampleLaunch(port)) } });
    const { jvmPid = 0 } = reportOf(await agent.awaitState('TASK_RUNNING'));
    child.kill('SIGKILL');
    await exited;
    await agent.stop();
    assert.ok(isAlive(jvmPid), 'the orphan of this test');
    try {
      await onStage(async (stage) => {
        // On the orphan's own port: had it not been ended, the port would be taken.
        stage.agent.send({ type: 'LAUNCH', launch: { task: sampleTask(sampleLaunch(port)) } });
        const second = reportOf(await stage.agent.awaitState('TASK_RUNNING'));
        assert.is.not(second.jvmPid, jvmPid);
        assert.not(isAlive(jvmPid));
      }, sandbox);
    } finally {
      if (isAlive(jvmPid)) process.kill(jvmPid, 'SIGKILL');
    }
  }));

test('an output file is rotated and bounded', () =>
  inFolder(async (folder) => {
    const file = createRotatingFile(join(folder, 'out'), { maxBytes: 100, kept: 2 });
    for (let at = 0; at < 100; at++) file.write(`line ${String(at).padStart(4, '0')}\n`);
    file.close();
    assert.equal((await readdir(folder)).sort(), ['out', 'out.1', 'out.2']);
    for (const name of ['out', 'out.1', 'out.2']) {
      assert.ok((await readFile(join(folder, name))).length <= 100, name);
    }
    assert.match(await readFile(join(folder, 'out'), 'utf8'), /line 0099/);
    assert.match(await readFile(join(folder, 'out.1'), 'utf8'), /line 0089/);
  }));

test('the last lines of a process are kept, and a missing program is an exit', () =>
  inFolder(async (folder) => {
    const script = 'for (let i = 0; i < 60; i++) console.log("line", i); process.exitCode = 4';
    const running = startProcess({
      argv: [process.execPath, '-e', script],
      environment: {},
      folder,
      outputPath: join(folder, 'out'),
    });
    assert.equal(await within(running.exited, 'the exit'), { code: 4 });
    assert.is(running.lastLines().length, 40);
    assert.is(running.lastLines().at(-1), 'line 59');
    const missing = startProcess({
      argv: ['/no/such/java'],
      environment: {},
      folder,
      outputPath: join(folder, 'out'),
    });
    assert.match((await within(missing.exited, 'the exit')).error ?? '', /ENOENT/);
    await rm(folder, { recursive: true, force: true });
  }));

test.run();
