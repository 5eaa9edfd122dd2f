/**
 * Agents with a mirror need nothing of the scheduler's machine: what `dist export` wrote is served by a plain file
 * server, the scheduler is killed once it has sent the launch, and Kafka itself may come from anywhere.
 */
import {
  createReadStream,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { create, extract } from 'tar';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sha512OfFile } from '../../src/api/artifacts.ts';
import { resolveHome } from '../../src/cli/home-layout.ts';
import { defaultKafkaVersion } from '../../src/kafka/distribution.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { bundlePrograms, createWorld, type World } from '../crash/world.ts';
import { testFolder } from '../test-folder.ts';
import { until } from '../zookeeper/support.ts';
import { type FileServer, startFileServer } from './file-server.ts';
import { createWorld as createCli, quickJvm, root } from './harness.ts';

const timeoutMs = 180_000;
const folder = mkdtempSync(join(testFolder, 'kafka-mesos-mirror-'));
const dist = join(process.env.KAFKA_MESOS_HOME ?? join(homedir(), '.kafka-mesos'), 'dist');
// What operators have: the executor of the release, and the Node that runs the scheduler.
const programs = {
  ...(await bundlePrograms('src/executor/main.ts')),
  executor: join(root, 'dist', 'kafka-mesos-executor.mjs'),
  node: process.execPath,
};
let exported: readonly string[] = [];
let mirror: FileServer;

test.before(async () => {
  const cli = createCli('mirror');
  const said = await cli.ok(['dist', 'export', folder, defaultKafkaVersion]);
  rmSync(cli.home, { recursive: true });
  exported = said.split('\n').flatMap((line) => /(\/artifacts\/[0-9a-f]{128}\/\S+)/.exec(line)?.[1] ?? []);
  mirror = await startFileServer(folder);
});
test.before.each(() => {
  mirror.requests.length = 0;
  mirror.hold = Promise.resolve();
  mirror.cuts.clear();
  mirror.replaced.clear();
});
test.after(async () => {
  await mirror.close();
  programs.remove();
  rmSync(folder, { recursive: true });
});

const specOf = (kafka: string): string => `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: one }
spec:
  kafka: ${kafka}
  pools:
    - name: main
      roles: [broker, controller]
      ids: 0..0
      cpus: 0.5
      memory: 768MiB
      heap: 320MiB
      ${quickJvm}
      storage: { size: 1GiB }
`;
const byVersion = specOf(`{ version: ${defaultKafkaVersion} }`);

async function inWorld(
  spec: string,
  artifactUrl: string | undefined,
  use: (world: World) => Promise<void>,
): Promise<void> {
  const world = await createWorld({ programs, spec, ...(artifactUrl === undefined ? {} : { artifactUrl }) });
  mkdirSync(dist, { recursive: true });
  symlinkSync(dist, join(world.home, 'dist'));
  try {
    await use(world);
  } finally {
    await world.close();
  }
}

/** Requests that the scheduler's own artifact listener has had, as its metrics say. */
async function askedOfScheduler(world: World): Promise<number> {
  const layout = resolveHome({ KAFKA_MESOS_HOME: world.home }, homedir());
  const { url } = JSON.parse(readFileSync(layout.apiFile, 'utf8')) as { url: string };
  const authorization = `Bearer ${readFileSync(layout.tokenFile, 'utf8').trim()}`;
  const page = await (await fetch(`${url}/metrics`, { headers: { authorization } })).text();
  assert.match(page, /^kafka_mesos_leading 1$/m);
  return [...page.matchAll(/^kafka_mesos_artifact_requests_total\S* (\d+)$/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
}

type Tasks = {
  readonly frameworks: readonly {
    readonly tasks: readonly { readonly id: string; readonly state: string }[];
  }[];
};

const tasksOf = async (world: World) =>
  ((await (await fetch(`${world.mesos.masterUrl}/state`)).json()) as Tasks).frameworks.flatMap(
    (f) => f.tasks,
  );

const ended = ({ brokers }: ClusterStatus): boolean => brokers[0]?.lastEnd !== undefined;
const converged = ({ phase }: ClusterStatus): boolean => phase === 'converged';

async function alive(status: Promise<'died' | ClusterStatus>, world: World): Promise<ClusterStatus> {
  const found = await status;
  if (found === 'died') throw new Error(world.log());
  return found;
}

test('what was accepted launches although the scheduler is gone, over a connection that breaks', () =>
  inWorld(byVersion, mirror.url, async (world) => {
    let release = () => {};
    mirror.hold = new Promise<void>((resolve) => {
      release = resolve;
    });
    mirror.cuts.set('.tgz', 20_000_000);
    world.start();
    await alive(
      world.bringUp(() => mirror.requests.length > 0, timeoutMs),
      world,
    );
    assert.is(await askedOfScheduler(world), 0);
    await world.stopScheduler();
    release();
    await until(
      'the broker runs without a scheduler',
      async () => (await tasksOf(world)).some(({ state }) => state === 'TASK_RUNNING'),
      timeoutMs,
    );
    const [task] = await tasksOf(world);
    world.start();
    const status = await alive(world.bringUp(converged, timeoutMs), world);
    assert.is(status.brokers[0]?.taskId, task?.id, 'the one that was launched');
    assert.is(await askedOfScheduler(world), 0);
    assert.equal(
      [...new Set(mirror.requests.map(({ path }) => path))].toSorted(),
      exported.toSorted(),
      'all that was exported was fetched, and nothing else asked for',
    );
    const archive = mirror.requests.filter(({ path }) => path.endsWith('.tgz'));
    assert.is(archive.length, 2);
    assert.match(archive[1]?.range ?? '', /^bytes=[1-9]\d*-$/, 'it went on where it broke');
  }));

test('a wrong file on the mirror is refused by its digest, and where it came from is said', async () => {
  const wrong = join(folder, 'wrong');
  writeFileSync(wrong, '#!/bin/sh\necho it ran >&2\n', { mode: 0o755 });
  mirror.replaced.set('/kafka-mesos-executor.mjs', wrong);
  await inWorld(byVersion, mirror.url, async (world) => {
    world.start();
    const { brokers } = await alive(world.bringUp(ended, timeoutMs), world);
    assert.match(brokers[0]?.lastEnd?.why ?? '', 'does not have the expected sha512');
    assert.match(brokers[0]?.lastEnd?.why ?? '', '--artifact-url');
    const agents = join(world.home, 'local', 'agents');
    const said = globSync('**/stderr', { cwd: agents })
      .map((path) => readFileSync(join(agents, path), 'utf8'))
      .join('');
    const [, sha512] = /(\w+)\/kafka-mesos-executor.mjs/.exec(exported.join(' ')) ?? [];
    assert.match(said, `kafka-mesos-executor.mjs: its sha512 is not ${sha512}`);
    assert.not.match(said, 'it ran');
  });
});

test('a wrong archive is refused by its digest, and its address is named', async () => {
  mirror.replaced.set('.tgz', process.execPath);
  await inWorld(byVersion, mirror.url, async (world) => {
    world.start();
    const { brokers } = await alive(world.bringUp(ended, timeoutMs), world);
    const why = brokers[0]?.lastEnd?.why ?? '';
    assert.match(why, `${mirror.url}/artifacts/`);
    assert.match(why, /\.tgz has sha512 [0-9a-f]{16}…, expected [0-9a-f]{16}…; nothing of it was used/);
  });
});

test('a mirror that is down is said with what to do', async () => {
  const down = await startFileServer(folder);
  await down.close();
  await inWorld(byVersion, down.url, async (world) => {
    world.start();
    const { brokers } = await alive(world.bringUp(ended, timeoutMs), world);
    assert.match(brokers[0]?.lastEnd?.why ?? '', down.url);
    assert.match(brokers[0]?.lastEnd?.why ?? '', /check that the mirror behind --artifact-url.* is up/);
  });
});

test('Kafka comes from anywhere, under another name and packed in another way', async () => {
  const unpacked = join(folder, 'unpacked', 'some-other-name');
  mkdirSync(unpacked, { recursive: true });
  const source = exported.find((path) => path.endsWith('.tgz')) ?? '';
  await pipeline(createReadStream(join(folder, source)), extract({ cwd: unpacked, strip: 1 }));
  const file = join(folder, 'elsewhere.bin');
  await create({ cwd: join(folder, 'unpacked'), file, gzip: false }, ['some-other-name']);
  const sha512 = await sha512OfFile(file);
  const spec = specOf(`{ distribution: { uri: '${mirror.url}/elsewhere.bin', sha512: '${sha512}' } }`);
  await inWorld(spec, undefined, async (world) => {
    world.start();
    await alive(world.bringUp(converged, timeoutMs), world);
    assert.is(await askedOfScheduler(world), 2, 'executor and Node, as there is no mirror');
    assert.equal(
      mirror.requests.map(({ path }) => path),
      ['/elsewhere.bin'],
    );
  });
});

test.run();
