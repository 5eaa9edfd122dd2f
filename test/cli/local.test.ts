import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ensureToken, findRunningApi, type Home } from '../../src/cli/home.ts';
import { ensureScheduler } from '../../src/cli/scheduler-process.ts';
import { findRunning } from '../../src/local/processes.ts';
import { findProcess } from '../../src/local/runner/process-table.ts';
import { type CliRun, runCli, testContext, withHome } from './run-cli.ts';

async function withLocal(
  use: (home: Home, run: (...args: string[]) => Promise<CliRun>) => Promise<void>,
): Promise<void> {
  await withHome(async (home) => {
    const run = (...args: string[]) => runCli(args, { home });
    try {
      await use(home, run);
    } finally {
      await run('local', 'down', '--purge');
    }
  });
}

/** A scheduler on an empty store does not join the one that runs. */
async function registersNoSecondFramework(masterUrl: string): Promise<void> {
  await withHome(async (other) => {
    const second = await runCli(['scheduler', '--master', new URL(masterUrl).host], { home: other });
    assert.is(second.exitCode, 78, second.stderr);
    assert.match(second.stderr + second.stdout, 'KM_CONFLICT_FRAMEWORK_LOST');
    assert.is(await findRunningApi(other), undefined);
  });
  const asked = await fetch(new URL('/api/v1', masterUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ type: 'GET_FRAMEWORKS' }),
  });
  const { get_frameworks: known } = (await asked.json()) as {
    get_frameworks: { frameworks: readonly object[]; completed_frameworks?: readonly object[] };
  };
  assert.is(known.frameworks.length + (known.completed_frameworks ?? []).length, 1);
}

async function isGone(pid: number): Promise<boolean> {
  return (await findProcess(pid)) === undefined;
}

test('local up starts both once, for one framework; down stops both; purge deletes and names what', async () => {
  await withLocal(async (home, run) => {
    const up = await run('local', 'up');
    assert.is(up.exitCode, 0, up.stderr);
    assert.match(up.stderr, 'Scheduler started.');
    const [mesos, scheduler] = [await findRunning(home.directory), await findRunningApi(home)];
    assert.ok(mesos !== undefined && scheduler !== undefined);

    const again = await run('status', '--local');
    assert.is(again.exitCode, 0, again.stderr);
    assert.not.match(again.stderr, 'started');
    assert.is((await findRunningApi(home))?.pid, scheduler.pid);

    const status = await run('local', 'status', '-o', 'json');
    const { agents } = JSON.parse(status.stdout);
    assert.equal(
      agents.map((agent: { name: string }) => agent.name),
      ['agent-1', 'agent-2', 'agent-3', 'agent-4'],
    );

    await registersNoSecondFramework(mesos.masterUrl);

    const down = await run('local', 'down');
    assert.is(down.exitCode, 0, down.stderr);
    assert.ok((await isGone(mesos.pid)) && (await isGone(scheduler.pid)));
    assert.ok(existsSync(home.local));
    assert.is(existsSync(home.apiFile), false, 'a scheduler that ends in order says so');

    const purged = await run('local', 'down', '--purge');
    assert.match(purged.stdout, home.localStore);
    assert.is(existsSync(home.local), false);
    assert.is((await run('local', 'down')).exitCode, 0, 'nothing left to do is no error');
  });
});

test('apply --local starts both and plans from nothing; what died is started again where it was', async () => {
  await withLocal(async (home, run) => {
    const example = new URL('../../examples/three-brokers.yaml', import.meta.url).pathname;
    const planned = await run('apply', '-f', example, '--local', '--dry-run');
    assert.is(planned.exitCode, 0, planned.stderr);
    assert.match(planned.stdout, /Plan: 3 to start, 0 to restart, 0 to stop/);
    const mesos = await findRunning(home.directory);
    const first = await findRunningApi(home);
    assert.ok(mesos !== undefined && first !== undefined);
    process.kill(first.pid, 'SIGKILL');
    process.kill(mesos.pid, 'SIGKILL');
    const none = await run('status');
    assert.is(none.exitCode, 1);
    assert.match(none.stderr, 'no scheduler is running');

    // Two at once: one starts each, and both find it.
    const [one, two] = await Promise.all([run('local', 'up'), run('local', 'up')]);
    assert.is(one.exitCode, 0, one.stderr);
    assert.is(two.exitCode, 0, two.stderr);
    assert.is(one.stdout, two.stdout);
    assert.is((await findRunning(home.directory))?.masterUrl, mesos.masterUrl);

    const stopped = await run('local', 'agent', 'stop', 'agent-2');
    assert.is(stopped.stdout, 'agent-2 stopped; its tasks run on.\n');
    assert.is((await run('local', 'agent', 'stop', 'agent-9')).exitCode, 1);
    assert.is((await run('local', 'agent', 'start', 'agent-2', '--wiped')).exitCode, 0);
  });
});

test('a scheduler that cannot start says why, and leaves nothing running', async () => {
  await withHome(async (home) => {
    const run = await runCli(['scheduler', '--master', '127.0.0.1:1', '--secret-file', '/nonexistent'], {
      home,
    });
    assert.is(run.exitCode, 78);
    assert.match(run.stderr, 'the secret file /nonexistent cannot be read');
    assert.is(await findRunningApi(home), undefined);
    // What may be over in a moment is no bad configuration: a supervisor is to start it again.
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const taken = await runCli(['scheduler', '--master', '127.0.0.1:1', '--listen', `127.0.0.1:${port}`], {
      home,
    });
    other.close();
    assert.is(taken.exitCode, 1, taken.stderr);
    assert.match(taken.stderr, `--listen 127.0.0.1:${port} cannot be used: the port is taken`);
    assert.is(await findRunningApi(home), undefined);
  });
});

test('a scheduler that dies while it is asked is as good as none: another one is started', async () => {
  await withHome(async (home) => {
    await ensureToken(home);
    const dying = spawn(process.execPath, [
      '-e',
      `const server = require('node:net').createServer((socket) => {
        socket.resetAndDestroy();
        server.close();
        setTimeout(() => {}, 300);
      });
      server.listen(0, '127.0.0.1', () => console.log(server.address().port));`,
    ]);
    const [port] = await once(dying.stdout, 'data');
    const ref = await findProcess(dying.pid ?? 0);
    writeFileSync(home.apiFile, JSON.stringify({ ...ref, url: `http://127.0.0.1:${Number(port)}` }));
    // What is started in its place ends at once, and says its arguments.
    const self = {
      command: process.execPath,
      args: ['-e', 'console.log(process.argv.slice(1).join(" "))', '--'],
    };
    const wanted = { master: '127.0.0.1:5050', specs: undefined };
    const error = await ensureScheduler(testContext({ home, self }), wanted, []).catch((thrown) => thrown);
    assert.is(error.code, 'KM_UNAVAILABLE_START', String(error));
    assert.match(error.message, 'scheduler --master 127.0.0.1:5050');
    assert.is(dying.exitCode, 0);
  });
});

test.run();
