import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readCheckpoint, writeCheckpoint } from '../../src/local/checkpoint.ts';
import { createEngine } from '../../src/local/engine.ts';
import type { VolumeFacts } from '../../src/local/model/io.ts';
import { defaultSettings, initialState } from '../../src/local/model/step.ts';
import { parsePs, parseStat } from '../../src/local/runner/process-table.ts';
import type { Runner } from '../../src/local/runner/runner.ts';
import { startLocalMesos } from '../../src/local/server.ts';
import type { SchedulerEvent } from '../../src/mesos/types.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { systemRandom } from '../../src/sys/random.ts';
import { temporaryDirectory } from './support.ts';

const runner: Runner = {
  start() {},
  signal() {},
  destroy() {},
  addVolumes() {},
  createVolume() {},
  destroyVolume() {},
  living: () => [],
  records: () => [],
  adopt: () => Promise.resolve(),
  killAll: () => Promise.resolve(0),
  wipe: () => Promise.resolve(),
  close() {},
};
const settings = { ...defaultSettings, masterId: 'M', hostname: '127.0.0.1', ip: '127.0.0.1', port: 0 };
const info = { user: 'root', name: 'x', roles: ['kafka'], capabilities: [{ type: 'MULTI_ROLE' as const }] };
const subscribe = {
  kind: 'subscribe',
  streamId: 's',
  call: { type: 'SUBSCRIBE', subscribe: { framework_info: info } },
} as const;

test('nobody hears of anything before it is durable, and a disk that fails is tried again', async () => {
  const told: string[] = [];
  let release: () => void = () => {};
  let tries = 0;
  let written: (() => void) | undefined;
  const retries: (() => void)[] = [];
  const engine = createEngine({
    state: initialState(settings, 0),
    runner,
    clock: {
      nowMs: () => 0,
      setTimer: (_, fire) => {
        retries.push(fire);
        return { cancel() {} };
      },
    },
    logger: silentLogger,
    write: async ({ state }) => {
      tries += 1;
      if (tries === 1) throw new Error('no space left on device');
      told.push(`write ${Object.keys(state.frameworks).length}`);
      await new Promise<void>((resolve) => {
        release = resolve;
        written?.();
      });
    },
    onStopAgent() {},
    onFatal: (error) => {
      throw error;
    },
  });
  engine.schedulerStreams.set('s', {
    open: () => void told.push('open'),
    send: (event: SchedulerEvent) => void told.push(event.type),
    end: () => void told.push('end'),
    break: () => void told.push('break'),
  });
  const begun = new Promise<void>((resolve) => {
    written = resolve;
  });
  const replied = engine.submit(subscribe).then((reply) => void told.push(`reply ${reply?.status}`));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(told, []);
  assert.is(retries.length, 1);
  retries[0]?.();
  await begun;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(told, ['write 1']);
  release();
  await replied;
  assert.equal(told.slice(0, 3), ['write 1', 'open', 'SUBSCRIBED']);
  assert.is(told.at(-1), 'reply 200');
  await engine.stop();
  assert.is(await engine.submit(subscribe), undefined);
});

test('a checkpoint is read as it was written; a damaged or foreign one is refused', async () => {
  const directory = temporaryDirectory();
  try {
    const file = path.join(directory.path, 'deep', 'checkpoint.json');
    assert.is(await readCheckpoint(file), undefined);
    const checkpoint = {
      formatVersion: 1,
      state: initialState(settings, 5),
      stoppedAgents: { 'agent-2': 'gone' },
      containers: [],
      effects: [],
    } as const;
    await writeCheckpoint(file, checkpoint);
    // As text: the model's tables have no prototype.
    assert.is(JSON.stringify(await readCheckpoint(file)), JSON.stringify(checkpoint));
    for (const bad of ['', '{"formatVersion":1', '{"formatVersion":9}']) {
      writeFileSync(file, bad);
      const error = await readCheckpoint(file).catch((reason: unknown) => reason);
      assert.match((error as Error).message, file);
    }
  } finally {
    directory.remove();
  }
});

test('effects that a crash cut off are carried out by the next start', async () => {
  const directory = temporaryDirectory();
  const volume: VolumeFacts = {
    persistenceId: 'p',
    role: 'kafka',
    volumePath: 'volumes/roles/kafka/p',
    containerPath: 'data',
    mode: 'RW',
  };
  const work = path.join(directory.path, 'agents', 'agent-1');
  const gone = path.join(work, volume.volumePath);
  mkdirSync(gone, { recursive: true });
  writeFileSync(path.join(gone, 'file'), 'old');
  await writeCheckpoint(path.join(directory.path, 'checkpoint.json'), {
    formatVersion: 1,
    state: initialState(settings, 5),
    stoppedAgents: {},
    containers: [],
    effects: [
      { kind: 'destroy-volume', agentName: 'agent-1', volume },
      {
        kind: 'create-volume',
        agentName: 'agent-1',
        volume: { ...volume, volumePath: 'volumes/roles/kafka/q' },
      },
    ],
  });
  const mesos = await startLocalMesos({
    directory: directory.path,
    port: 0,
    agents: [],
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    token: 't',
    onFatal: (error) => {
      throw error;
    },
  });
  assert.not.ok(existsSync(gone));
  assert.ok(existsSync(path.join(work, 'volumes/roles/kafka/q')));
  await mesos.close();
  directory.remove();
});

test('processes are read from /proc, whatever their names, and from ps', () => {
  const fields = `S 10 20 30 0 -1 4194560 ${'0 '.repeat(12)}4711 99 100`;
  assert.equal(parseStat(`42 (a) b) (c) ${fields}`, 'boot'), {
    pid: 42,
    parentPid: 10,
    groupId: 20,
    sessionId: 30,
    startTime: 'boot/4711',
  });
  assert.is(parseStat(`42 (x) ${fields.replace('S', 'Z')}`, 'boot'), undefined);
  assert.is(parseStat('42 (x', 'boot'), undefined);
  const table = parsePs(
    '    1     0     1 Ss   Mon Nov 23 10:00:00 2026\n  501     1   501 S+   Mon Nov  2 10:00:01 2026    \n  502   501   501 Z    Mon Nov 23 10:00:02 2026\nrubbish\n',
  );
  assert.equal([...table.keys()], [1, 501]);
  assert.equal(table.get(501), {
    pid: 501,
    parentPid: 1,
    groupId: 501,
    sessionId: 0,
    startTime: 'Mon Nov  2 10:00:01 2026',
  });
});

test.run();
