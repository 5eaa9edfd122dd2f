import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LocalMesos } from '../../src/local/local-mesos.ts';
import { findSandboxes } from '../../src/local/runner/process-table.ts';
import { startLocalMesos } from '../../src/local/server.ts';
import { agentResources } from '../../src/local/topology.ts';
import type { Offer } from '../../src/mesos/types.ts';
import { decodeMessage, encodeMessage, messageType } from '../../src/mesos/wire.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { systemRandom } from '../../src/sys/random.ts';
import { type Framework, type Media, register, resources, send, subscribe } from './client.ts';
import { eventually, temporaryDirectory } from './support.ts';

const user = os.userInfo().username;
const token = 'test-token';
const json = { 'Content-Type': 'application/json', Accept: 'application/json' };
const executorScript = fileURLToPath(new URL('executor.mjs', import.meta.url));

function start(directory: string, onShutdown = () => {}): Promise<LocalMesos> {
  return startLocalMesos({
    directory,
    port: 0,
    agents: ['agent-1', 'agent-2'].map((name, index) => ({
      name,
      hostname: name,
      attributes: [{ name: 'rack', type: 'TEXT', text: { value: `r${index}` } }],
      resources: agentResources({
        cpus: 4,
        memoryMiB: 4096,
        diskMiB: 1000,
        firstPort: 31_000 + 100 * index,
        lastPort: 31_099 + 100 * index,
      }),
    })),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    token,
    settings: { allocationIntervalMs: 100 },
    onShutdown,
    onFatal: (error) => {
      throw error;
    },
  });
}

type World = { mesos: LocalMesos; readonly directory: string };

async function withMesos(body: (world: World) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const world: World = { mesos: await start(directory.path), directory: directory.path };
  try {
    await body(world);
  } finally {
    await world.mesos.shutdown(0);
    await world.mesos.close();
    const left = (await findSandboxes()).filter((sandbox) => sandbox.startsWith(directory.path));
    directory.remove();
    assert.equal(left, []);
  }
}

function commandTask(id: string, agentId: object, value: string, more: object = {}): object {
  return {
    name: id,
    task_id: { value: id },
    agent_id: agentId,
    resources: resources(0.1, 64),
    command: { value },
    ...more,
  };
}

function executorTask(id: string, agentId: object, frameworkId: string): object {
  const command = { value: `exec ${process.execPath} ${executorScript}` };
  const executor_id = { value: `e-${id}` };
  const executor = {
    type: 'CUSTOM',
    executor_id,
    framework_id: { value: frameworkId },
    command,
    resources: resources(0.1, 32),
  };
  return { name: id, task_id: { value: id }, agent_id: agentId, resources: resources(0.1, 64), executor };
}

async function launch(
  framework: Framework,
  hostname: string,
  make: (agentId: object) => object,
  before: object[] = [],
  fits?: (offer: Offer) => boolean,
): Promise<void> {
  const offer = await framework.offer(hostname, fits);
  const operations = [...before, { type: 'LAUNCH', launch: { task_infos: [make(offer.agent_id)] } }];
  const accept = { offer_ids: [offer.id], operations, filters: { refuse_seconds: 0 } };
  assert.is(await framework.call({ type: 'ACCEPT', accept }), 202);
}

for (const media of ['application/json', 'application/x-protobuf'] as const satisfies Media[]) {
  test(`a command task runs and finishes; its sandbox is read through the files API (${media})`, () =>
    withMesos(async ({ mesos }) => {
      const framework = await register(mesos.masterUrl, media, user);
      assert.is(framework.contentType, media);
      const offer = await framework.offer('agent-1');
      assert.equal(offer.resources?.find(({ name }) => name === 'ports')?.ranges, {
        range: [{ begin: 31000, end: 31099 }],
      });
      await framework.call({
        type: 'DECLINE',
        decline: { offer_ids: [offer.id], filters: { refuse_seconds: 0 } },
      });
      await launch(framework, 'agent-1', (id) =>
        commandTask('t-1', id, 'echo größe; until [ -e go ]; do sleep 0.05; done'),
      );
      await framework.state('t-1', 'TASK_STARTING');
      const running = await framework.state('t-1', 'TASK_RUNNING');
      const agent = mesos.agents().find(({ name }) => name === 'agent-1');
      const state = JSON.parse((await send('GET', `${agent?.url}/state`)).text);
      const [executor] = state.frameworks[0].executors;
      assert.is(executor.container, running.container_status?.container_id?.value);
      assert.ok(existsSync(executor.directory));
      writeFileSync(path.join(executor.directory, 'go'), '');
      await framework.state('t-1', 'TASK_FINISHED');
      for (const directory of [
        executor.directory,
        `/frameworks/${framework.frameworkId}/executors/t-1/runs/latest`,
      ]) {
        const read = await send('GET', `${agent?.url}/files/read?path=${directory}/stdout&offset=0&length=4`);
        // The fourth byte is half of a character.
        assert.equal(JSON.parse(read.text), { data: 'gr\u00f6', offset: 0 });
      }
      await launch(framework, 'agent-2', (id) => commandTask('t-2', id, 'exit 7'));
      assert.is((await framework.state('t-2', 'TASK_FAILED')).message, 'Command exited with status 7');
      await launch(framework, 'agent-2', (id) => commandTask('t-3', id, 'sleep 1000'));
      await framework.state('t-3', 'TASK_RUNNING');
      await framework.call({ type: 'KILL', kill: { task_id: { value: 't-3' } } });
      assert.is(
        (await framework.state('t-3', 'TASK_KILLED')).message,
        'Command terminated with signal Terminated',
      );
      const bad = { command: { value: 'true', uris: [{ value: '/no/such/file' }] } };
      await launch(framework, 'agent-1', (id) => commandTask('t-4', id, '', bad));
      const failed = await framework.state('t-4', 'TASK_FAILED');
      assert.is(failed.reason, 'REASON_CONTAINER_LAUNCH_FAILED');
      assert.match(failed.message ?? '', '/no/such/file');
    }));
}

test('a custom executor runs, outlives the embedded Mesos, and is found again with its task', () =>
  withMesos(async (world) => {
    const first = await register(world.mesos.masterUrl, 'application/json', user);
    await launch(first, 'agent-1', (id) => executorTask('t-1', id, first.frameworkId));
    await first.state('t-1', 'TASK_RUNNING');
    const url = world.mesos.masterUrl;
    const containers = world.mesos.agents().flatMap((agent) => agent.containers);
    assert.is(containers.length, 1);
    await world.mesos.close();
    await eventually('the stream ends', () => first.ended());
    world.mesos = await start(world.directory);
    // The same ports: executors and schedulers come back to where they were.
    assert.is(world.mesos.masterUrl, url);
    assert.equal(
      world.mesos.agents().flatMap((agent) => agent.containers),
      containers,
    );
    const second = await register(url, 'application/json', user, first.frameworkId);
    assert.is(second.frameworkId, first.frameworkId);
    // The agent registers when its executor is back; then it is offered, and knows the task.
    const offer = await second.offer('agent-1');
    await second.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: 't-1' } }] } });
    const known = await second.state('t-1', 'TASK_RUNNING');
    assert.is(known.reason, 'REASON_RECONCILIATION');
    await second.call({ type: 'DECLINE', decline: { offer_ids: [offer.id] } });
    await second.call({ type: 'KILL', kill: { task_id: { value: 't-1' }, agent_id: offer.agent_id } });
    await second.state('t-1', 'TASK_KILLED');
    await eventually('the container ends', () =>
      world.mesos.agents().every((agent) => agent.containers.length === 0),
    );
  }));

test('an executor that is shut down in order with the embedded Mesos has said so when that is back', () =>
  withMesos(async (world) => {
    const first = await register(world.mesos.masterUrl, 'application/json', user);
    await launch(first, 'agent-1', (id) => executorTask('t-1', id, first.frameworkId));
    await first.state('t-1', 'TASK_RUNNING');
    await world.mesos.shutdown(10_000);
    await world.mesos.close();
    world.mesos = await start(world.directory);
    const second = await register(world.mesos.masterUrl, 'application/json', user, first.frameworkId);
    assert.is((await second.state('t-1', 'TASK_KILLED')).source, 'SOURCE_EXECUTOR');
  }));

test('an executor that is killed takes its descendants along and is reported', () =>
  withMesos(async ({ mesos }) => {
    const framework = await register(mesos.masterUrl, 'application/x-protobuf', user);
    await launch(framework, 'agent-1', (id) => executorTask('t-1', id, framework.frameworkId));
    await framework.state('t-1', 'TASK_RUNNING');
    const agent = mesos.agents()[0];
    const state = JSON.parse((await send('GET', `${agent?.url}/state`)).text);
    const log = readFileSync(path.join(state.frameworks[0].executors[0].directory, 'executor.log'), 'utf8');
    const child = Number(/child (\d+)/.exec(log)?.[1]);
    assert.ok(isAlive(child));
    const { value } = { value: 'e-t-1' };
    await framework.call({
      type: 'SHUTDOWN',
      shutdown: { executor_id: { value }, agent_id: { value: state.id } },
    });
    await framework.state('t-1', 'TASK_FAILED');
    await eventually('the child of its own session ends', () => !isAlive(child));
  }));

test('reservations and volumes outlive tasks and restarts of the embedded process', () =>
  withMesos(async (world) => {
    const reservation = { type: 'DYNAMIC', role: 'kafka', principal: 'kafka' };
    const disk = { name: 'disk', type: 'SCALAR', scalar: { value: 100 }, reservations: [reservation] };
    const allocated = { ...disk, allocation_info: { role: 'kafka' } };
    const volume = {
      ...allocated,
      disk: {
        persistence: { id: 'broker-0', principal: 'kafka' },
        volume: { container_path: 'data', mode: 'RW' },
      },
    };
    const first = await register(world.mesos.masterUrl, 'application/json', user);
    await launch(
      first,
      'agent-2',
      (id) => commandTask('t-1', id, 'echo kept > data/file', { resources: [...resources(0.1, 64), volume] }),
      [
        { type: 'RESERVE', reserve: { resources: [allocated] } },
        { type: 'CREATE', create: { volumes: [volume] } },
      ],
    );
    await first.state('t-1', 'TASK_FINISHED');
    await world.mesos.close();
    world.mesos = await start(world.directory);
    const second = await register(world.mesos.masterUrl, 'application/json', user, first.frameworkId);
    await launch(
      second,
      'agent-2',
      (id) => commandTask('t-2', id, 'grep kept data/file', { resources: [...resources(0.1, 64), volume] }),
      [],
      hasVolume,
    );
    await second.state('t-2', 'TASK_FINISHED');
    const offer = await second.offer('agent-2', hasVolume);
    const destroy = { type: 'DESTROY', destroy: { volumes: [volume] } };
    const operations = [destroy, { type: 'CREATE', create: { volumes: [volume] } }];
    await second.call({
      type: 'ACCEPT',
      accept: { offer_ids: [offer.id], operations, filters: { refuse_seconds: 0 } },
    });
    await launch(
      second,
      'agent-2',
      (id) => commandTask('t-3', id, 'test ! -e data/file', { resources: [...resources(0.1, 64), volume] }),
      [],
      hasVolume,
    );
    await second.state('t-3', 'TASK_FINISHED');
  }));

test('requests are refused as a real master does (12-bad-requests, 20-custom-executor)', () =>
  withMesos(async ({ mesos }) => {
    const framework = await register(mesos.masterUrl, 'application/json', user);
    const framework_id = { value: framework.frameworkId };
    const revive = JSON.stringify({ type: 'REVIVE', framework_id });
    const stream = { 'Mesos-Stream-Id': framework.streamId };
    const scheduler = '/api/v1/scheduler';
    const info = { user, name: 'other', roles: ['kafka'], capabilities: [{ type: 'MULTI_ROLE' }] };
    const subscribeCall = JSON.stringify({ type: 'SUBSCRIBE', subscribe: { framework_info: info } });
    const proto = { 'Content-Type': 'application/x-protobuf', ...stream };
    const prefix = 'Failed to convert JSON into Call protobuf: ';
    type Case = readonly [string, string, string, Record<string, string>, string, number, string | RegExp];
    const cases: readonly Case[] = [
      [
        'no Content-Type',
        'POST',
        scheduler,
        { ...stream },
        revive,
        400,
        "Expecting 'Content-Type' to be present",
      ],
      [
        'text/plain',
        'POST',
        scheduler,
        { ...stream, 'Content-Type': 'text/plain' },
        revive,
        415,
        /^Expecting 'Content-Type' of/,
      ],
      [
        'charset',
        'POST',
        scheduler,
        { ...stream, 'Content-Type': 'application/json; charset=utf-8' },
        revive,
        415,
        /^Expecting/,
      ],
      [
        'upper case',
        'POST',
        scheduler,
        { ...stream, 'Content-Type': 'Application/JSON' },
        revive,
        415,
        /^Expecting/,
      ],
      ['Accept on a call', 'POST', scheduler, { ...json, ...stream, Accept: 'text/html' }, revive, 202, ''],
      [
        'Accept on SUBSCRIBE',
        'POST',
        scheduler,
        { ...json, Accept: 'text/html' },
        subscribeCall,
        406,
        "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
      ],
      [
        'garbage',
        'POST',
        scheduler,
        { ...json, ...stream },
        '{"type": "REVIVE",',
        400,
        /^Failed to parse body into JSON: /,
      ],
      [
        'an array',
        'POST',
        scheduler,
        { ...json, ...stream },
        '[1, 2]',
        400,
        `${prefix}Expecting a JSON object`,
      ],
      ['empty', 'POST', scheduler, { ...json, ...stream }, '', 400, /^Failed to parse body into JSON: /],
      ['JSON as protobuf', 'POST', scheduler, proto, revive, 400, 'Failed to parse body into Call protobuf'],
      [
        'no type',
        'POST',
        scheduler,
        { ...json, ...stream },
        JSON.stringify({ framework_id }),
        400,
        "Failed to validate scheduler::Call: Expecting 'type' to be present",
      ],
      [
        'unknown type',
        'POST',
        scheduler,
        { ...json, ...stream },
        JSON.stringify({ type: 'NO', framework_id }),
        400,
        "Failed to validate scheduler::Call: Expecting 'type' to be present",
      ],
      [
        'type UNKNOWN',
        'POST',
        scheduler,
        { ...json, ...stream },
        JSON.stringify({ type: 'UNKNOWN', framework_id }),
        400,
        /./,
      ],
      [
        'number as type',
        'POST',
        scheduler,
        { ...json, ...stream },
        JSON.stringify({ type: 11, framework_id }),
        400,
        `${prefix}Not expecting a JSON number for field 'type'`,
      ],
      [
        'unknown field',
        'POST',
        scheduler,
        { ...json, ...stream },
        JSON.stringify({ type: 'REVIVE', framework_id, nonsense: 1 }),
        202,
        '',
      ],
      [
        'missing field',
        'POST',
        scheduler,
        { ...json, ...stream },
        JSON.stringify({ type: 'KILL', framework_id, kill: {} }),
        400,
        `${prefix}Missing required fields: kill.task_id`,
      ],
      [
        'missing message',
        'POST',
        scheduler,
        { ...json, ...stream },
        JSON.stringify({ type: 'KILL', framework_id }),
        400,
        "Failed to validate scheduler::Call: Expecting 'kill' to be present",
      ],
      [
        'no framework',
        'POST',
        scheduler,
        json,
        JSON.stringify({ type: 'REVIVE' }),
        400,
        "Failed to validate scheduler::Call: Expecting 'framework_id' to be present",
      ],
      [
        'unknown framework',
        'POST',
        scheduler,
        { ...json, ...stream },
        JSON.stringify({ type: 'REVIVE', framework_id: { value: 'x' } }),
        400,
        'Framework cannot be found',
      ],
      [
        'no stream id',
        'POST',
        scheduler,
        json,
        revive,
        400,
        "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
      ],
      [
        'wrong stream id',
        'POST',
        scheduler,
        { ...json, 'Mesos-Stream-Id': 'x' },
        revive,
        400,
        /^The stream ID 'x' included in this request didn't match/,
      ],
      [
        'SUBSCRIBE with stream id',
        'POST',
        scheduler,
        { ...json, ...stream },
        subscribeCall,
        400,
        "Subscribe calls should not include the 'Mesos-Stream-Id' header",
      ],
      [
        'GET',
        'GET',
        scheduler,
        {},
        '',
        405,
        "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'.",
      ],
      ['no such path', 'POST', '/api/v2/scheduler', json, revive, 404, '404 Not Found.'],
      ['trailing slash', 'POST', `${scheduler}/`, { ...json, ...stream }, revive, 202, ''],
      ['/master', 'POST', `/master${scheduler}`, { ...json, ...stream }, revive, 202, ''],
      [
        'long body',
        'POST',
        scheduler,
        { ...json, ...stream },
        ' '.repeat(33 * 1024 * 1024),
        413,
        /longer than/,
      ],
      [
        'foreign Host',
        'POST',
        scheduler,
        { ...json, ...stream, Host: 'evil.example' },
        revive,
        403,
        /loopback/,
      ],
      [
        'operator, no type',
        'POST',
        '/api/v1',
        json,
        '{}',
        400,
        "Failed to validate master::Call: Expecting 'type' to be present",
      ],
      ['operator, unknown type', 'POST', '/api/v1', json, '{"type":"NO_SUCH"}', 400, /./],
      ['operator, GET', 'GET', '/api/v1', {}, '', 405, /^405/],
      ['health', 'GET', '/health', {}, '', 200, ''],
      ['health of /master', 'GET', '/master/health', {}, '', 200, ''],
    ];
    for (const [what, method, target, headers, body, status, text] of cases) {
      const answer = await send(method, mesos.masterUrl + target, headers, body);
      assert.is(answer.status, status, `${what}: ${answer.text}`);
      if (typeof text === 'string') assert.is(answer.text, text, what);
      else assert.match(answer.text, text);
      if (status === 405) assert.is(answer.headers.allow, 'POST');
    }
    const agent = mesos.agents()[0];
    const executor = `${agent?.url}/api/v1/executor`;
    const stranger = {
      executor_id: { value: 'nope' },
      framework_id: { value: 'nope' },
      type: 'SUBSCRIBE',
      subscribe: {},
    };
    assert.is(
      (await send('POST', executor, json, JSON.stringify(stranger))).text,
      'Framework cannot be found',
    );
    const prefixed = `${agent?.url}/slave(1)/api/v1/executor`;
    assert.is((await send('POST', prefixed, json, JSON.stringify(stranger))).status, 400);
    assert.is((await send('GET', executor)).status, 405);
    assert.is((await send('POST', executor, { 'Content-Type': 'text/plain' }, 'x')).status, 415);
    // JSON wherever Accept allows it.
    for (const accept of [undefined, '*/*', 'application/*', 'application/x-protobuf, application/json']) {
      const headers = {
        'Content-Type': 'application/json',
        ...(accept === undefined ? {} : { Accept: accept }),
      };
      const stream = await import('./client.ts').then(({ open }) =>
        open('POST', mesos.masterUrl + scheduler, headers, subscribeCall),
      );
      assert.is(stream.headers['content-type'], 'application/json');
      assert.is(stream.headers['transfer-encoding'], 'chunked');
      stream.destroy();
    }
  }));

test('an invalid subscription is a stream with an error', () =>
  withMesos(async ({ mesos }) => {
    const info = { user, name: 'x', roles: ['a', 'a'], capabilities: [{ type: 'MULTI_ROLE' }] };
    const call = { type: 'SUBSCRIBE', subscribe: { framework_info: info } };
    const stream = await subscribe(`${mesos.masterUrl}/api/v1/scheduler`, call, 'application/json');
    await stream.waitFor('ERROR', (event) => event.type === 'ERROR');
    await eventually('the end of the stream', () => stream.ended());
  }));

test('the files API serves sandboxes and volumes, and nothing else', () =>
  withMesos(async ({ mesos, directory }) => {
    writeFileSync(path.join(directory, 'secret'), 'secret');
    const framework = await register(mesos.masterUrl, 'application/json', user);
    await launch(framework, 'agent-1', (id) =>
      commandTask('t-1', id, 'mkdir sub; echo x > sub/file; mkfifo pipe; sleep 1000'),
    );
    await framework.state('t-1', 'TASK_RUNNING');
    const agent = mesos.agents()[0];
    const { directory: sandbox } = JSON.parse((await send('GET', `${agent?.url}/state`)).text).frameworks[0]
      .executors[0];
    await eventually('the pipe', () => existsSync(path.join(sandbox, 'pipe')));
    symlinkSync('/etc/passwd', path.join(sandbox, 'passwd'));
    symlinkSync(directory, path.join(sandbox, 'up'));
    const get = async (call: string, file: string, query = '') =>
      await send('GET', `${agent?.url}/files/${call}?path=${encodeURIComponent(file)}${query}`);
    const browsed = JSON.parse((await get('browse', sandbox)).text);
    assert.ok(
      browsed.some(
        (one: { path: string; mode: string }) => one.path === `${sandbox}/sub` && one.mode.startsWith('d'),
      ),
    );
    assert.equal(JSON.parse((await get('read', `${sandbox}/sub/file`)).text), { data: '', offset: 2 });
    assert.is((await get('download', `${sandbox}/sub/file`)).text, 'x\n');
    const latest = path.join(path.dirname(sandbox), 'latest');
    const listed = JSON.parse((await get('browse', latest)).text).map((one: { path: string }) => one.path);
    assert.ok(listed.includes(`${latest}/stdout`));
    const refused = [
      `${sandbox}/passwd`,
      `${sandbox}/up/secret`,
      `${sandbox}/../../../../../../../../../../secret`,
      `${sandbox}/nope`,
      '/etc/passwd',
      `${directory}/secret`,
      `${directory}/checkpoint.json`,
      `${agent?.workDirectory}/slaves/..`,
      '/frameworks/../../../../checkpoint.json',
      `${sandbox}/stdout\0`,
      `${sandbox}/pipe`,
      '',
    ];
    for (const file of refused) {
      for (const call of ['read', 'download']) {
        const answer = await get(call, file, '&offset=0');
        assert.ok(answer.status === 404 || answer.status === 400, `${call} ${file}: ${answer.status}`);
        assert.not.match(answer.text, /secret|root:/);
      }
    }
    assert.equal(JSON.parse((await get('browse', `${sandbox}/sub/file`)).text), []);
    assert.is((await send('GET', `${agent?.url}/files/read`)).text, "Expecting 'path=value' in query.\n");
    assert.is((await get('read', `${sandbox}/stdout`, '&offset=x')).status, 400);
  }));

test('the control API wants its token', () =>
  withMesos(async ({ mesos }) => {
    const url = `${mesos.masterUrl}/local/agents`;
    assert.is((await send('GET', url)).status, 401);
    assert.is((await send('GET', url, { Authorization: 'Bearer wrong' })).status, 401);
    const answer = await send('GET', url, { Authorization: `Bearer ${token}` });
    assert.equal(
      JSON.parse(answer.text).agents.map(({ name }: { name: string }) => name),
      ['agent-1', 'agent-2'],
    );
  }));

test('an agent stops with or without its executors, and comes back, wiped or not', () =>
  withMesos(async ({ mesos }) => {
    const control = async (call: string, body: object) => {
      const headers = { ...json, Authorization: `Bearer ${token}` };
      return await send('POST', `${mesos.masterUrl}/local/${call}`, headers, JSON.stringify(body));
    };
    const framework = await register(mesos.masterUrl, 'application/json', user);
    await launch(framework, 'agent-1', (id) => executorTask('t-1', id, framework.frameworkId));
    await framework.state('t-1', 'TASK_RUNNING');
    const containers = () => mesos.agents()[0]?.containers.length;
    assert.is((await control('stop-agent', { name: 'agent-9', executors: 'running' })).status, 409);
    assert.is((await control('stop-agent', { name: 'agent-1' })).status, 400);
    assert.is((await control('stop-agent', { name: 'agent-1', executors: 'running' })).status, 200);
    assert.is(containers(), 1);
    const url = mesos.agents()[0]?.url;
    assert.is(
      await send('GET', `${url}/health`).then(
        () => 'up',
        () => 'refused',
      ),
      'refused',
    );
    assert.is((await control('start-agent', { name: 'agent-1' })).status, 200);
    assert.is((await control('start-agent', { name: 'agent-1' })).status, 409);
    assert.is(mesos.agents()[0]?.url, url);
    assert.is((await control('partition', { name: 'agent-1' })).status, 200);
    assert.is((await control('heal', { name: 'agent-1' })).status, 200);
    const offer = await framework.offer('agent-1');
    const directory = mesos.agents()[0]?.workDirectory ?? '';
    assert.is((await control('stop-agent', { name: 'agent-1', executors: 'gone' })).status, 200);
    assert.is(containers(), 0);
    assert.equal(
      (await findSandboxes()).filter((sandbox) => sandbox.startsWith(directory)),
      [],
    );
    assert.is((await control('start-agent', { name: 'agent-1', wiped: true })).status, 200);
    assert.not.ok(existsSync(path.join(directory, 'slaves', offer.agent_id.value)));
    const other = await eventually('an offer of the new agent', async () => {
      const next = await framework.offer('agent-1');
      return next.agent_id.value !== offer.agent_id.value && next;
    });
    assert.is(other.hostname, 'agent-1');
  }));

test('the operator reads the same in JSON and in protobuf', () =>
  withMesos(async ({ mesos }) => {
    const framework = await register(mesos.masterUrl, 'application/json', user);
    await launch(framework, 'agent-1', (id) => executorTask('t-1', id, framework.frameworkId));
    await framework.state('t-1', 'TASK_RUNNING');
    for (const type of ['GET_TASKS', 'GET_EXECUTORS', 'GET_AGENTS', 'GET_OPERATIONS', 'GET_MASTER']) {
      const ask = async (media: string, body: Uint8Array | string) => {
        const headers = { 'Content-Type': media, Accept: media };
        const answer = await fetch(`${mesos.masterUrl}/api/v1`, {
          method: 'POST',
          headers,
          body: body as never,
        });
        assert.equal([answer.status, answer.headers.get('content-type')], [200, media], type);
        return Buffer.from(await answer.arrayBuffer());
      };
      const inJson = JSON.parse((await ask('application/json', JSON.stringify({ type }))).toString());
      const call = encodeMessage(messageType('master.Call'), { type });
      const bytes = await ask('application/x-protobuf', call);
      const inProtobuf = decodeMessage(messageType('master.Response'), bytes);
      assert.equal(inProtobuf, withoutEmpty(inJson), type);
    }
  }));

/** Protobuf knows no difference between an empty list and none. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, one]) => !(Array.isArray(one) && one.length === 0));
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutEmpty(one)]));
}

test('a master failover breaks the stream; agent and task come back to the framework with its old id', () =>
  withMesos(async ({ mesos }) => {
    const framework = await register(mesos.masterUrl, 'application/x-protobuf', user);
    await launch(framework, 'agent-1', (id) => executorTask('t-1', id, framework.frameworkId));
    const before = await framework.state('t-1', 'TASK_RUNNING');
    const headers = { ...json, Authorization: `Bearer ${token}` };
    const answer = await send('POST', `${mesos.masterUrl}/local/restart-master`, headers, '{}');
    assert.is(answer.status, 200);
    await eventually('the end of the stream', () => framework.ended());
    const { frameworkId } = framework;
    const again = await register(mesos.masterUrl, 'application/x-protobuf', user, frameworkId);
    const subscribed = again.events.find((event) => event.type === 'SUBSCRIBED');
    assert.not(frameworkId.startsWith(subscribed?.subscribed.master_info?.id ?? ''));
    await again.offer('agent-1');
    await again.call({ type: 'RECONCILE', reconcile: { tasks: [] } });
    assert.equal((await again.state('t-1', 'TASK_RUNNING')).agent_id, before.agent_id);
  }));

function hasVolume(offer: Offer): boolean {
  return (offer.resources ?? []).some(({ disk }) => disk?.persistence !== undefined);
}

function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

test.run();
