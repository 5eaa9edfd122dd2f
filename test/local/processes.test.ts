import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LocalInfo } from '../../src/local/home.ts';
import { callControl, down, findRunning, startInBackground } from '../../src/local/processes.ts';
import { findProcess, findSandboxes } from '../../src/local/runner/process-table.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { type Framework, register, resources, send } from './client.ts';
import { eventually, temporaryDirectory } from './support.ts';

const clock = systemClock;
const user = os.userInfo().username;
const executorScript = fileURLToPath(new URL('executor.mjs', import.meta.url));
const runScript = fileURLToPath(new URL('run-local.ts', import.meta.url));
const command = (home: string): string[] => [process.execPath, ...process.execArgv, runScript, home];

async function withHome(body: (home: string) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  try {
    await body(directory.path);
  } finally {
    await down(directory.path, { purge: true, clock, graceMs: 0 });
    directory.remove();
  }
}

const up = (home: string): Promise<LocalInfo> => startInBackground(home, { command: command(home), clock });

/** A custom executor on agent-3 with a child; both pids. */
async function launchExecutor(
  framework: Framework,
  info: LocalInfo,
): Promise<{ sandbox: string; child: number }> {
  const offer = await framework.offer('agent-3');
  const executor = {
    type: 'CUSTOM',
    executor_id: { value: 'e-1' },
    framework_id: { value: framework.frameworkId },
    command: { value: `exec ${process.execPath} ${executorScript}` },
    resources: resources(0.1, 32),
  };
  const task = {
    name: 't-1',
    task_id: { value: 't-1' },
    agent_id: offer.agent_id,
    resources: resources(0.1, 64),
    executor,
  };
  const operations = [{ type: 'LAUNCH', launch: { task_infos: [task] } }];
  await framework.call({ type: 'ACCEPT', accept: { offer_ids: [offer.id], operations } });
  await framework.state('t-1', 'TASK_RUNNING');
  const agent = info.agents.find(({ name }) => name === 'agent-3');
  const state = JSON.parse((await send('GET', `${agent?.url}/state`)).text);
  const sandbox = state.frameworks[0].executors[0].directory;
  const child = Number(/child (\d+)/.exec(readFileSync(path.join(sandbox, 'executor.log'), 'utf8'))?.[1]);
  return { sandbox, child };
}

async function processesUnder(home: string): Promise<number> {
  return (await findSandboxes()).filter((sandbox) => sandbox.startsWith(home)).length;
}

async function kill9(info: LocalInfo): Promise<void> {
  process.kill(info.pid, 'SIGKILL');
  await eventually('the end of the embedded Mesos', async () => (await findProcess(info.pid)) === undefined);
}

test('starts once in the background, says where, and keeps its secrets', () =>
  withHome(async (home) => {
    const info = await up(home);
    assert.equal(await up(home), info);
    assert.equal(await findRunning(home), info);
    const local = path.join(home, 'local');
    assert.equal(JSON.parse(readFileSync(path.join(local, 'mesos.json'), 'utf8')), info);
    for (const name of ['token', 'checkpoint.json', 'mesos.log', 'mesos.json']) {
      assert.is(statSync(path.join(local, name)).mode & 0o077, 0, name);
    }
    for (const line of readFileSync(path.join(local, 'mesos.log'), 'utf8').trim().split('\n'))
      JSON.parse(line);
    const second = spawnSync(process.execPath, command(home).slice(1), { encoding: 'utf8' });
    assert.is(second.status, 1);
    assert.match(second.stderr, 'runs in');
    assert.equal(await findRunning(home), info);
    const { agents } = (await callControl(home, 'GET', '/local/agents')) as { agents: { name: string }[] };
    assert.equal(
      agents.map(({ name }) => name),
      ['agent-1', 'agent-2', 'agent-3', 'agent-4'],
    );
    const report = await down(home, { purge: false, clock });
    assert.equal(report, { mesos: 'stopped', containers: 0, processes: 0, deleted: [] });
    assert.is(await findRunning(home), undefined);
    assert.ok(existsSync(path.join(local, 'checkpoint.json')));
    assert.not.ok(existsSync(path.join(local, 'mesos.json')));
    assert.is((await down(home, { purge: false, clock })).mesos, 'not-running');
    // Nothing runs that would look for the old port, so another's taking it is no obstacle.
    const taker = createServer();
    await new Promise<void>((resolve) =>
      taker.listen(Number(new URL(info.masterUrl).port), '127.0.0.1', resolve),
    );
    const moved = await up(home);
    assert.is.not(moved.masterUrl, info.masterUrl);
    assert.equal(moved.agents, info.agents);
    taker.close();
  }));

test('one that does not come up says why', () =>
  withHome(async (home) => {
    const broken = ['/bin/sh', '-c', 'echo "no such option" >&2; exit 64'];
    const error = await startInBackground(home, { command: broken, clock }).then(
      () => undefined,
      (reason) => reason,
    );
    assert.match(error?.message, /status 64/);
    assert.match(error?.message, /no such option/);
  }));

test('kill -9 of the embedded Mesos: its executor lives on, and the next one has it and its task', () =>
  withHome(async (home) => {
    const first = await up(home);
    const framework = await register(first.masterUrl, 'application/x-protobuf', user);
    const { sandbox, child } = await launchExecutor(framework, first);
    await kill9(first);
    assert.is(await findRunning(home), undefined);
    assert.ok(await findProcess(child));
    const second = await up(home);
    assert.is(second.masterUrl, first.masterUrl);
    assert.equal(second.agents, first.agents);
    const again = await register(second.masterUrl, 'application/x-protobuf', user, framework.frameworkId);
    await again.offer('agent-3');
    await again.call({ type: 'RECONCILE', reconcile: { tasks: [] } });
    assert.is((await again.state('t-1', 'TASK_RUNNING')).reason, 'REASON_RECONCILIATION');
    const log = readFileSync(path.join(sandbox, 'executor.log'), 'utf8');
    assert.is(log.match(/^child/gm)?.length, 1);
    assert.is(log.match(/^SUBSCRIBED$/gm)?.length, 2);
    // SIGTERM is a restart too: nothing of the tasks ends.
    process.kill(second.pid, 'SIGTERM');
    await eventually(
      'the end of the embedded Mesos',
      async () => (await findProcess(second.pid)) === undefined,
    );
    assert.ok(await findProcess(child));
    await up(home);
    const report = await down(home, { purge: false, clock, graceMs: 500 });
    assert.is(report.mesos, 'stopped');
    assert.is(report.containers, 1);
    assert.ok(report.processes >= 2);
    assert.is(await findProcess(child), undefined);
    assert.is(await processesUnder(home), 0);
  }));

test('down ends what a killed embedded Mesos left behind, and purge deletes its data by name', () =>
  withHome(async (home) => {
    const info = await up(home);
    const framework = await register(info.masterUrl, 'application/json', user);
    const { child } = await launchExecutor(framework, info);
    await kill9(info);
    const report = await down(home, { purge: true, clock, graceMs: 500 });
    assert.is(report.mesos, 'not-running');
    assert.is(report.containers, 1);
    assert.ok(report.processes >= 2);
    assert.is(await findProcess(child), undefined);
    assert.is(await processesUnder(home), 0);
    assert.ok(report.deleted.includes(path.join(home, 'local', 'agents')));
    assert.not.ok(existsSync(path.join(home, 'local')));
  }));

test.run();
