/** The scheduler as its users start it, on a real ZooKeeper: exit codes, and where credentials do not go. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Home } from '../../src/cli/home-layout.ts';
import { builtCli, runCli, withHome } from '../cli/run-cli.ts';
import { startZooKeeper } from './real-zookeeper.ts';
import { openSession } from './support.ts';

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

test.after(() => zookeeper.close());
test.run();
