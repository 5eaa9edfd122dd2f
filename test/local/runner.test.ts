import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ContainerInput, StartContainer } from '../../src/local/model/io.ts';
import { findMembers, findProcess } from '../../src/local/runner/process-table.ts';
import { type ContainerRecord, createRunner, type Runner } from '../../src/local/runner/runner.ts';
import type { CommandInfo } from '../../src/mesos/types.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { eventually, temporaryDirectory } from './support.ts';

type Rig = {
  readonly runner: Runner;
  readonly reports: ContainerInput[];
  readonly work: string;
  start(id: string, command: CommandInfo, more?: Partial<StartContainer>): string;
  report(id: string, kind: ContainerInput['kind']): Promise<ContainerInput>;
};

const user = os.userInfo().username;

function rig(directory: string): Rig {
  const reports: ContainerInput[] = [];
  const runner = createRunner({
    agentsDirectory: path.join(directory, 'agents'),
    cacheDirectory: path.join(directory, 'cache'),
    clock: systemClock,
    logger: silentLogger,
    report: (report) => void reports.push(report),
  });
  const work = path.join(directory, 'agents', 'agent-1');
  return {
    runner,
    reports,
    work,
    start(id, command, more = {}) {
      const sandboxPath = `slaves/S0/frameworks/F0/executors/e-${id}/runs/${id}`;
      runner.start({
        kind: 'start-container',
        agentName: 'agent-1',
        agentId: 'S0',
        containerId: id,
        frameworkId: 'F0',
        executorId: `e-${id}`,
        role: 'command',
        frameworkInfo: { user, name: 'test' },
        command,
        user,
        environment: { MESOS_EXECUTOR_ID: `e-${id}` },
        sandboxPath,
        volumes: [],
        resources: [],
        ...more,
      });
      return path.join(work, sandboxPath);
    },
    report: (id, kind) =>
      eventually(`${kind} of ${id}`, () =>
        reports.find((report) => report.containerId === id && report.kind === kind),
      ),
  };
}

async function withRig(body: (rig: Rig, directory: string) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const one = rig(directory.path);
  try {
    await body(one, directory.path);
  } finally {
    await one.runner.killAll('agent-1');
    one.runner.close();
    directory.remove();
  }
}

test('a command runs in a sandbox of its own, in its own session, with little but Mesos variables', () =>
  withRig(async ({ start, report, reports }) => {
    process.env.KAFKA_MESOS_TEST_LEAK = 'no';
    const sandbox = start('c1', { value: 'env; echo oops >&2; ps -o pid=,sid= -p $$ > session; exit 3' });
    const ended = await report('c1', 'container-exited');
    assert.equal(ended.kind === 'container-exited' && ended.waitStatus, 3 * 256);
    assert.equal(
      reports.map(({ kind }) => kind),
      ['container-started', 'container-exited'],
    );
    const environment = readFileSync(path.join(sandbox, 'stdout'), 'utf8');
    assert.match(environment, `MESOS_DIRECTORY=${sandbox}\n`);
    assert.match(environment, `MESOS_SANDBOX=${sandbox}\n`);
    assert.match(environment, /^MESOS_EXECUTOR_ID=e-c1$/m);
    assert.match(environment, /^PATH=/m);
    assert.not.match(environment, 'KAFKA_MESOS_TEST_LEAK');
    assert.is(readFileSync(path.join(sandbox, 'stderr'), 'utf8'), 'oops\n');
    assert.is(readlinkSync(path.join(path.dirname(sandbox), 'latest')), sandbox);
    const [pid, session] = readFileSync(path.join(sandbox, 'session'), 'utf8').trim().split(/\s+/);
    assert.is(pid, session);
  }));

test('a death by signal is the raw wait status; a missing program is a process that fails', () =>
  withRig(async ({ start, report }) => {
    start('c1', { value: 'kill -9 $$' });
    start('c2', { shell: false, value: '/no/such/program', arguments: ['program'] });
    start('c3', { shell: false, value: 'sh', arguments: ['sh', '-c', 'test "$0 $1" = "a b"', 'a', 'b'] });
    assert.equal((await report('c1', 'container-exited')) as object, {
      kind: 'container-exited',
      agentName: 'agent-1',
      containerId: 'c1',
      waitStatus: 9,
    });
    const missing = await report('c2', 'container-exited');
    assert.is(missing.kind === 'container-exited' && missing.waitStatus, 127 * 256);
    const given = await report('c3', 'container-exited');
    assert.is(given.kind === 'container-exited' && given.waitStatus, 0);
  }));

/** A shell whose descendants try hard: own session, cleared environment, dead parent, TERM ignored. */
const escapists = `
  trap '' TERM
  setsid sleep 1000 &
  setsid sh -c 'sleep 1001 & sleep 1002' &
  env -i sh -c 'sleep 1003; :' &
  (env -i sleep 1004 &)
  (setsid sleep 1005 &)
  echo up
  sleep 1006`;

async function startEscapists({ start, report }: Rig, id: string): Promise<() => Promise<number>> {
  const sandbox = start(id, { value: escapists });
  const started = await report(id, 'container-started');
  const leader = await findProcess(started.kind === 'container-started' ? started.pid : 0);
  if (!leader) throw new Error('the first process is gone');
  const count = async () => (await findMembers([{ leader, sandbox }])).flat().length;
  // The shell, two inner shells, and seven sleeps.
  await eventually('all descendants', async () => (await count()) === 10);
  return count;
}

test('destroy ends every descendant, whatever it did to hide', () =>
  withRig(async (one) => {
    const count = await startEscapists(one, 'c1');
    one.runner.signal('c1', 'SIGTERM');
    assert.ok((await count()) > 5);
    one.runner.destroy('c1');
    const ended = await one.report('c1', 'container-exited');
    assert.is(ended.kind === 'container-exited' && ended.waitStatus, 9);
    assert.is(await count(), 0);
    assert.equal(one.runner.living('agent-1'), []);
  }));

test('what the first process leaves behind when it ends is ended with it', () =>
  withRig(async (one) => {
    const count = await startEscapists(one, 'c1');
    const [record] = one.runner.records();
    process.kill(record?.leader.pid ?? 0, 'SIGKILL');
    await one.report('c1', 'container-exited');
    assert.is(await count(), 0);
  }));

test('an orphan in a session of its own, without environment, is remembered from when it had a parent', () =>
  withRig(async ({ start, report, runner }) => {
    const sandbox = start('c1', { value: 'env -i setsid sleep 1007 & echo $! > child; wait' });
    await report('c1', 'container-started');
    const seen = await eventually('both are seen', () => {
      const [record] = runner.records();
      return record && record.seen.length >= 2 && record;
    });
    process.kill(seen.leader.pid, 'SIGKILL');
    await report('c1', 'container-exited');
    const child = Number(readFileSync(path.join(sandbox, 'child'), 'utf8'));
    assert.is(await findProcess(child), undefined);
  }));

test('killAll ends all containers of the agent and reports nothing', () =>
  withRig(async (one) => {
    const first = await startEscapists(one, 'c1');
    const second = await startEscapists(one, 'c2');
    const before = one.reports.length;
    assert.is(await one.runner.killAll('agent-1'), 20);
    assert.is((await first()) + (await second()), 0);
    assert.is(one.reports.length, before);
  }));

test('killAll in order: of one that takes too long, what it started goes first, and it still has its last word', () =>
  withRig(async (one) => {
    const sandbox = one.start('c1', {
      value: `trap 'echo asked >> words' TERM; (trap '' TERM; sleep 1008) & echo $! > child
        while kill -0 $!; do wait $!; done; echo "farewell" >> words`,
    });
    await one.report('c1', 'container-started');
    await eventually('it has a child', () => existsSync(path.join(sandbox, 'child')));
    await one.runner.killAll('agent-1', 300);
    assert.equal(readFileSync(path.join(sandbox, 'words'), 'utf8').split('\n'), ['asked', 'farewell', '']);
    assert.is(await findProcess(Number(readFileSync(path.join(sandbox, 'child'), 'utf8'))), undefined);
  }));

test('a container outlives its runner; the next one finds it, sees its end, and ends what nobody knows', () =>
  withRig(async (one, directory) => {
    const count = await startEscapists(one, 'c1');
    one.start('c2', { value: 'sleep 1000' });
    one.start('c3', { value: 'sleep 1000' });
    await one.report('c2', 'container-started');
    await one.report('c3', 'container-started');
    const records = one.runner.records();
    one.runner.close();
    // c3 was started but not remembered; c4's pid is another process's by now.
    const known = records.filter(({ containerId }) => containerId !== 'c3');
    const stranger: ContainerRecord = {
      agentName: 'agent-1',
      containerId: 'c4',
      sandbox: path.join(one.work, 'none'),
      leader: { pid: process.pid, startTime: 'long ago' },
      seen: [],
      ending: false,
    };
    const next = rig(directory);
    await next.runner.adopt([...known, stranger]);
    assert.equal([...next.runner.living('agent-1')].sort(), ['c1', 'c2']);
    const third = records.find(({ containerId }) => containerId === 'c3');
    assert.is(await findProcess(third?.leader.pid ?? 0), undefined);
    next.runner.destroy('c1');
    await next.report('c1', 'container-exited');
    assert.is(await count(), 0);
    const second = records.find(({ containerId }) => containerId === 'c2');
    process.kill(second?.leader.pid ?? 0, 'SIGTERM');
    const ended = await next.report('c2', 'container-exited');
    assert.is(ended.kind === 'container-exited' && ended.waitStatus, -1);
    next.runner.close();
  }));

test('a start that comes twice starts once', () =>
  withRig(async ({ start, report, reports }) => {
    start('c1', { value: 'sleep 1000' });
    start('c1', { value: 'sleep 1000' });
    await report('c1', 'container-started');
    start('c1', { value: 'sleep 1000' });
    assert.is(reports.length, 1);
  }));

test('a user that is not ours and cannot be had is refused by name', () =>
  withRig(async ({ start, report }) => {
    start('c1', { value: 'true' }, { user: 'no-such-user-here' });
    const failed = await report('c1', 'container-failed');
    assert.match(failed.kind === 'container-failed' ? failed.message : '', 'no-such-user-here');
  }));

test('volumes outlive containers and are linked into sandboxes; destroyed ones come back empty', () =>
  withRig(async ({ start, report, runner, work }) => {
    const volume = {
      persistenceId: 'broker-0',
      role: 'kafka',
      volumePath: 'volumes/roles/kafka/broker-0',
      containerPath: 'log',
      mode: 'RW' as const,
    };
    runner.createVolume('agent-1', volume);
    const sandbox = start('c1', { value: 'echo kept > log/file' }, { volumes: [volume] });
    await report('c1', 'container-exited');
    assert.ok(lstatSync(path.join(sandbox, 'log')).isSymbolicLink());
    start('c2', { value: 'cat log/file > seen' }, { volumes: [volume] });
    await report('c2', 'container-exited');
    assert.is(
      readFileSync(path.join(work, 'slaves/S0/frameworks/F0/executors/e-c2/runs/c2/seen'), 'utf8'),
      'kept\n',
    );
    runner.destroyVolume('agent-1', volume);
    runner.createVolume('agent-1', volume);
    start('c3', { value: 'ls log | wc -l > seen' }, { volumes: [volume] });
    await report('c3', 'container-exited');
    assert.is(
      readFileSync(path.join(work, 'slaves/S0/frameworks/F0/executors/e-c3/runs/c3/seen'), 'utf8').trim(),
      '0',
    );
    // An agent leaves a nested path out, logs that, and runs the container all the same.
    for (const [id, containerPath] of [
      ['c4', 'nested/log'],
      ['c5', '../../out'],
    ] as const) {
      const other = start(id, { value: 'true' }, { volumes: [{ ...volume, containerPath }] });
      await report(id, 'container-exited');
      assert.not(existsSync(path.join(other, containerPath)));
    }
    start('c6', { value: 'true' }, { volumes: [{ ...volume, containerPath: '..' }] });
    assert.is((await report('c6', 'container-failed')).kind, 'container-failed');
  }));

test('fetches from http, files and paths; extracts, caches, marks executable', () =>
  withRig(async ({ start, report }, directory) => {
    const source = path.join(directory, 'source');
    mkdirSync(path.join(source, 'inside'), { recursive: true });
    writeFileSync(path.join(source, 'inside', 'hello'), 'hello\n');
    writeFileSync(path.join(source, 'run.sh'), '#!/bin/sh\necho ran\n');
    for (const [flag, name] of [
      ['-cf', 'a.tar'],
      ['-czf', 'b.tar.gz'],
      ['-czf', 'c.tgz'],
    ] as const) {
      execFileSync('tar', [flag, path.join(source, name), '-C', source, 'inside']);
    }
    const hasZip = spawnSync('zip', ['-qr', 'd.zip', 'inside'], { cwd: source }).status === 0;
    let requests = 0;
    const server = createServer((request, response) => {
      requests += 1;
      const file = path.join(source, path.basename((request.url ?? '').replace(/\?.*/, '')));
      if (!existsSync(file)) response.writeHead(404).end();
      else response.end(readFileSync(file));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const look = 'cat inside/hello && ls *.t* *.zip > files 2>/dev/null; cat files';
      start('tar', { value: look, uris: [{ value: `${base}/a.tar` }] });
      start('gz', { value: look, uris: [{ value: `file://${source}/b.tar.gz` }] });
      start('tgz', { value: look, uris: [{ value: path.join(source, 'c.tgz') }] });
      start('raw', { value: 'test ! -e inside', uris: [{ value: `${base}/c.tgz`, extract: false }] });
      start('run', {
        value: './tool && test ! -e run.sh',
        uris: [{ value: `${base}/run.sh`, executable: true, output_file: 'tool' }],
      });
      if (hasZip) start('zip', { value: look, uris: [{ value: `${base}/d.zip` }] });
      for (const id of ['tar', 'gz', 'tgz', 'raw', 'run', ...(hasZip ? ['zip'] : [])]) {
        const ended = await report(id, 'container-exited');
        assert.is(ended.kind === 'container-exited' && ended.waitStatus, 0, id);
      }
      const before = requests;
      for (const id of ['k1', 'k2']) {
        start(id, {
          value: 'cat inside/hello',
          uris: [{ value: `${base}/c.tgz?v=1`, cache: true, output_file: 'x.tgz' }],
        });
      }
      await report('k1', 'container-exited');
      await report('k2', 'container-exited');
      start('k3', {
        value: 'cat inside/hello',
        uris: [{ value: `${base}/c.tgz?v=1`, cache: true, output_file: 'x.tgz' }],
      });
      const third = await report('k3', 'container-exited');
      assert.is(third.kind === 'container-exited' && third.waitStatus, 0);
      assert.is(requests, before + 1);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }));

test('a failed fetch says what and why; secrets of the URI are not repeated', () =>
  withRig(async ({ start, report }, directory) => {
    const server = createServer((_, response) => void response.writeHead(404).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    writeFileSync(path.join(directory, 'bad.tgz'), 'no archive');
    const cases: readonly (readonly [string, string, RegExp])[] = [
      ['c1', `http://me:secret@127.0.0.1:${port}/x?sig=secret`, /127\.0\.0\.1:\d+\/x.*/],
      ['c2', '/no/such/file', /\/no\/such\/file.*ENOENT/],
      ['c3', 'hdfs://there/x', /hdfs:\/\/there\/x: it is neither/],
      ['c4', path.join(directory, 'bad.tgz'), /bad\.tgz: tar ended with/],
      ['c5', `http://127.0.0.1:${port}/x`, /the server answered 404/],
    ];
    for (const [id, value] of cases) start(id, { value: 'true', uris: [{ value }] });
    for (const [id, , pattern] of cases) {
      const failed = await report(id, 'container-failed');
      const message = failed.kind === 'container-failed' ? failed.message : '';
      assert.match(message, pattern);
      assert.not.match(message, 'secret');
    }
    start('c6', { value: 'true', uris: [{ value: '/etc/hostname', output_file: '../../x' }] });
    const failed = await report('c6', 'container-failed');
    assert.match(failed.kind === 'container-failed' ? failed.message : '', 'leaves the sandbox');
    server.closeAllConnections();
    server.close();
  }));

test('of ended containers the newest few sandboxes are kept, of running ones all', () =>
  withRig(async ({ start, report }) => {
    const running = start('c0', { value: 'sleep 1000' });
    await report('c0', 'container-started');
    const ended: string[] = [];
    for (let index = 1; index <= 8; index += 1) {
      ended.push(start(`c${index}`, { value: 'true' }));
      await report(`c${index}`, 'container-exited');
    }
    // The directory of an executor without sandboxes goes too.
    const left = () => ended.map((sandbox) => existsSync(path.dirname(sandbox)));
    await eventually('three are gone', () => left().filter(Boolean).length === 5);
    assert.equal(left(), [false, false, false, true, true, true, true, true]);
    assert.ok(existsSync(running));
  }));

test('a container that still fetches can be destroyed', () =>
  withRig(async ({ start, report, runner }) => {
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const asked = new Promise((resolve) => server.once('request', resolve));
    start('c1', { value: 'true', uris: [{ value: `http://127.0.0.1:${port}/never` }] });
    await asked;
    runner.destroy('c1');
    assert.is((await report('c1', 'container-exited')).kind, 'container-exited');
    server.closeAllConnections();
    server.close();
  }));

test.run();
