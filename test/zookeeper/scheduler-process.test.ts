/** The scheduler as its users start it, on a real ZooKeeper: exit codes, where credentials do not go, and whom it follows. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Home } from '../../src/cli/home-layout.ts';
import { startLocalMesos } from '../../src/local/server.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { systemRandom } from '../../src/sys/random.ts';
import { builtCli, runCli, withHome } from '../cli/run-cli.ts';
import { startProxy } from './proxy.ts';
import { startZooKeeper } from './real-zookeeper.ts';
import { openSession, registerMaster } from './support.ts';

const zookeeper = await startZooKeeper();
const credentials = 'kafka:hunter2';
await builtCli();

const args = (root: string) => [
  'scheduler',
  // No Mesos: what is tested comes before it, or does not need it.
  ...['--master', '127.0.0.1:1'],
  ...['--store', `zk://${zookeeper.address}${root}`],
  ...['--session-timeout', '2s'],
];

/** Without a master it goes no further than that, on a store that is new. */
const isLeading = (text: string): boolean => text.includes('"waiting for the master');

function secretFile(home: Home, text: string): string {
  const path = join(home.directory, 'secret');
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

test('it leads, and told to stop it leaves the election at once', () =>
  withHome(async (home) => {
    const file = secretFile(home, `${credentials}\n`);
    const run = await runCli([...args('/told'), '--store-credentials-file', file], {
      home,
      interruptWhen: (text) => isLeading(text),
    });
    assert.is(run.exitCode, 0, run.stderr);
    assert.not.match(run.stdout + run.stderr, 'hunter2');
    assert.not.match(run.stderr, '"level":"error"', 'an end that was asked for is no failure');
    const stranger = openSession(zookeeper.address);
    await stranger.getChildren('/told/election').then(
      () => assert.unreachable('anybody may read it'),
      () => {},
    );
    await stranger.close();
    const owner = openSession(zookeeper.address, { credentials });
    assert.equal(await owner.getChildren('/told/election'), []);
    assert.is((await owner.stat('/told/epoch'))?.version, 1);
    await owner.close();
  }));

test('deposed, it ends with 75 by itself', () =>
  withHome(async (home) => {
    const session = openSession(zookeeper.address);
    const depose = async () => {
      const [name] = (await session.getChildren('/deposed/election')) ?? [];
      await session.remove(`/deposed/election/${name}`);
    };
    let deposing: Promise<void> | undefined;
    const run = await runCli(args('/deposed'), {
      home,
      interruptWhen: (text) => {
        if (isLeading(text)) deposing ??= depose();
        return false;
      },
    });
    assert.is(run.exitCode, 75, run.stderr);
    assert.match(run.stderr, 'KM_CONFLICT_LEADERSHIP_LOST');
    await deposing;
    await session.close();
  }));

test('credentials come by the environment too; what cannot be used is 78, and shows nothing of it', () =>
  withHome(async (home) => {
    const good = await runCli(args('/env'), {
      home,
      env: { KAFKA_MESOS_STORE_CREDENTIALS: credentials },
      interruptWhen: (text) => isLeading(text),
    });
    assert.is(good.exitCode, 0, good.stderr);
    for (const [run, code] of [
      [await runCli(args('/bad'), { home, env: { KAFKA_MESOS_STORE_CREDENTIALS: 'hunter2' } }), 78],
      [await runCli([...args('/bad'), '--store-credentials-file', '/nonexistent'], { home }), 78],
      [await runCli([...args('/bad'), '--config', '/nonexistent'], { home }), 78],
      [await runCli([...args('/bad'), '--store', 'zk://user:hunter2@z1/bad'], { home }), 64],
      [await runCli(args('/env'), { home, env: { KAFKA_MESOS_STORE_CREDENTIALS: 'other:hunter2' } }), 1],
    ] as const) {
      assert.is(run.exitCode, code, run.stderr);
      assert.not.match(run.stdout + run.stderr, 'hunter2');
      assert.match(run.stderr, '→');
    }
  }));

test('it finds the master by ZooKeeper, and follows when another one leads', () =>
  withHome(async (home) => {
    const mesos = await startLocalMesos({
      directory: join(home.directory, 'mesos'),
      port: 0,
      agents: [],
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      token: 'x'.repeat(32),
      onFatal: (error) => {
        throw error;
      },
    });
    // The same master by another way: what comes by it was sent to whom the second node names.
    let sentToSecond = '';
    const port = Number(new URL(mesos.masterUrl).port);
    const second = await startProxy(port, (chunk) => {
      sentToSecond += chunk.toString('latin1');
    });
    const session = openSession(zookeeper.address);
    try {
      const first = await registerMaster(session, '/found/mesos', { ip: '127.0.0.1', port });
      assert.is(first, '/found/mesos/json.info_0000000000');
      const fails = async () => {
        await registerMaster(session, '/found/mesos', { ip: '127.0.0.1', port: second.port });
        await session.remove(first);
      };
      let failing: Promise<void> | undefined;
      const run = await runCli(
        [...args('/found/store'), '--master', `zk://${zookeeper.address}/found/mesos`],
        {
          home,
          interruptWhen: (text) => {
            const subscriptions = text.match(/"msg":"subscribed"/g)?.length ?? 0;
            if (subscriptions === 1) failing ??= fails();
            return subscriptions > 1;
          },
        },
      );
      await failing;
      assert.is(run.exitCode, 0, run.stderr);
      assert.match(sentToSecond, 'POST /api/v1/scheduler');
      const ids = [...run.stderr.matchAll(/"frameworkId":"([^"]+)","msg":"subscribed"/g)].map(([, id]) => id);
      assert.is(ids.length, 2);
      assert.is(ids[0], ids[1], 'it is the same framework');
    } finally {
      await session.close();
      await second.close();
      await mesos.close();
    }
  }));

test.after(() => zookeeper.close());
test.run();
