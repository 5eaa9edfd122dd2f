import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { answersApiVersions } from '../../src/executor/probe.ts';
import { createKafkaAdmin } from '../../src/kafka/admin.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { bundlePrograms, createWorld, type Programs, type World, type WorldOptions } from '../crash/world.ts';
import { broker, root, threeBrokers } from '../e2e/harness.ts';
import { type BareBroker, copyBrokers, startBare } from './bare-kafka.ts';
import { cpuMs } from './cpu.ts';
import { median, type Result, result } from './result.ts';

const runs = 3;
const pollMs = 25;
/** Archives are fetched once for all homes of this user. */
const dist = join(process.env.KAFKA_MESOS_HOME ?? join(homedir(), '.kafka-mesos'), 'dist');
/** What agents are given, of the build: test bundles have loaded it differently. */
const executor = join(root, 'dist', 'kafka-mesos-executor.mjs');
const topic = { topic: 'events', numPartitions: 3, replicationFactor: 3 };

/**
 * Three brokers by `apply --wait` on an embedded Mesos and a scheduler that run already, then the same three
 * by Kafka's own main classes, both timed until all are unfenced and the topic is in sync. Agents take their
 * files where they lie, as with `local up`, the first time and again; or from the scheduler's listener, as in earnest.
 */
export async function* measureBringUp(): AsyncIterable<Result> {
  const again: number[] = [];
  const first: number[] = [];
  const overHttp: number[] = [];
  const bare: number[] = [];
  const unpack: number[] = [];
  const cpu = { ours: [] as number[], kafka: [] as number[] };
  const bundled = await bundlePrograms('src/executor/main.ts');
  try {
    for (let run = 1; run <= runs; run += 1) {
      await inWorld(bundled, {}, async ({ bringUpMs }) => {
        overHttp.push(bringUpMs);
      });
      dropUnpacked();
      await inWorld(bundled, { artifactUrl: 'file:' }, async ({ bringUpMs }) => {
        first.push(bringUpMs);
      });
      await inWorld(bundled, { artifactUrl: 'file:' }, async ({ world, bringUpMs, bringUpCpuMs, look }) => {
        again.push(bringUpMs);
        cpu.ours.push(bringUpCpuMs);
        const { bootstrap } = await look();
        const brokers = copyBrokers(world.home, await look());
        await world.stop();
        unpack.push(await timed(() => unpackAll(brokers)));
        const startedMs = performance.now();
        const before = cpuMs();
        const cluster = startBare(brokers);
        try {
          await formBare(bootstrap);
          bare.push(performance.now() - startedMs);
          cpu.kafka.push(cpuMs().kafka - before.kafka);
        } finally {
          await cluster.stop();
        }
      });
      process.stderr.write(
        `run ${run} of ${runs}: ${JSON.stringify({ again, first, overHttp, bare, unpack, cpu })}\n`,
      );
    }
  } finally {
    bundled.remove();
  }
  const what =
    'apply --wait until converged on a fresh home against formatting and starting the same three brokers at once from unpacked jars, until all are unfenced and the topic is in sync';
  yield result({
    bench: 'bring-up',
    aim: 1.15,
    ours: again,
    reference: bare,
    meaning: `${what}; agents on this machine: Node runs where it lies, and Kafka is shared as an earlier bring-up unpacked it`,
  });
  yield result({
    bench: 'bring-up-cpu',
    ours: cpu.ours,
    reference: cpu.kafka,
    meaning:
      'time of the processor in bring-up: executors, scheduler, embedded Mesos and command line by the JVMs of the reference',
  });
  yield result({
    bench: 'bring-up-over-http',
    ours: overHttp,
    reference: bare,
    meaning: `${what}; agents fetch executor, Node and Kafka from the scheduler`,
  });
  yield result({
    bench: 'bring-up-first',
    ours: first,
    reference: bare.map((ms, run) => ms + (unpack[run] ?? 0)),
    meaning: 'as bring-up, but both unpack the archive for each broker, the reference by tar, all at once',
  });
}

/** Two brokers that are not the active controller, killed one after the other; ours and in shell loops. */
export async function* measureRestart(): AsyncIterable<Result> {
  const ours: number[] = [];
  const bare: number[] = [];
  const bundled = await bundlePrograms('src/executor/main.ts');
  try {
    for (let run = 1; run <= runs; run += 1) {
      await inWorld(bundled, { artifactUrl: 'file:' }, async ({ world, look }) => {
        const { bootstrap } = await look();
        const restarts: number[] = [];
        for (const id of await followersOf(bootstrap)) {
          const { jvmPid = 0, endpoint = '' } = broker(await look(), id);
          restarts.push(await killAndAwait(jvmPid, id, endpoint, bootstrap));
          await eventually(async () => broker(await look(), id).jvmPid !== jvmPid);
        }
        ours.push(median(restarts));
        const brokers = copyBrokers(world.home, await look());
        await world.stop();
        const cluster = startBare(brokers);
        try {
          await formBare(bootstrap);
          const bareRestarts: number[] = [];
          for (const id of await followersOf(bootstrap)) {
            const endpoint = brokers.find((one) => one.id === id)?.endpoint ?? '';
            bareRestarts.push(await killAndAwait(cluster.pidOf(id), id, endpoint, bootstrap));
          }
          bare.push(median(bareRestarts));
        } finally {
          await cluster.stop();
        }
      });
      process.stderr.write(`run ${run} of ${runs}: ${JSON.stringify({ ours, bare })}\n`);
    }
  } finally {
    bundled.remove();
  }
  yield result({
    bench: 'restart',
    aim: 1.2,
    ours,
    reference: bare,
    meaning:
      'kill -9 of a broker until it serves and is in sync again, against a shell loop around the same broker; each figure the median of two kills',
  });
}

type Measured = {
  readonly world: World;
  readonly bringUpMs: number;
  /** Of the processor, without the JVMs. */
  readonly bringUpCpuMs: number;
  /** The status once it is converged. */
  look(): Promise<ClusterStatus>;
};

/** A world with three brokers that have just been brought up. */
async function inWorld(
  bundled: Programs,
  options: Pick<WorldOptions, 'artifactUrl'>,
  use: (measured: Measured) => Promise<void>,
): Promise<void> {
  mkdirSync(dist, { recursive: true });
  const world = await createWorld({
    // As in earnest: agents get all of Node.
    programs: { ...bundled, executor, node: process.execPath },
    spec: threeBrokers({ jvm: '' }),
    allocationIntervalMs: 1_000,
    ...options,
  });
  symlinkSync(dist, join(world.home, 'dist'));
  try {
    world.start();
    await eventually(async () => existsSync(join(world.home, 'scheduler', 'api.json')));
    const before = cpuMs();
    const bringUpMs = await timed(() => applyAndWait(world.home));
    const bringUpCpuMs = cpuMs().ours - before.ours;
    await use({
      world,
      bringUpMs,
      bringUpCpuMs,
      look: async () => {
        const status = await world.bringUp(({ phase }) => phase === 'converged', 120_000);
        if (status === 'died') throw new Error(`the scheduler died: ${world.log()}`);
        return status;
      },
    });
  } finally {
    await world.close();
  }
}

/** As on a machine where Kafka was fetched and never run. */
function dropUnpacked(): void {
  mkdirSync(dist, { recursive: true });
  for (const name of readdirSync(dist)) {
    if (name.endsWith('.unpacked')) rmSync(join(dist, name), { recursive: true });
  }
}

async function unpackAll(brokers: readonly BareBroker[]): Promise<void> {
  const name = readdirSync(dist).find((one) => one.endsWith('.tgz')) ?? '';
  await Promise.all(
    brokers.map(async ({ folder }) => {
      const tar = spawn('tar', ['-xf', join(dist, name), '-C', folder], { stdio: 'inherit' });
      const [code] = await once(tar, 'exit');
      if (code !== 0) throw new Error(`tar ended with ${code}`);
    }),
  );
}

function applyAndWait(home: string): Promise<void> {
  const spec = join(home, 'demo.yaml');
  writeFileSync(spec, threeBrokers({ jvm: '' }));
  const child = spawn(
    process.execPath,
    [join(root, 'bin', 'kafka-mesos'), 'apply', '-f', spec, '--wait', '--timeout', '5m'],
    {
      env: { ...process.env, KAFKA_MESOS_HOME: home, NO_COLOR: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  return once(child, 'exit').then(([code]) => {
    if (code !== 0) throw new Error(`apply ended with ${code}`);
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

function clientOf(bootstrap: readonly string[]): Kafka {
  return new Kafka({
    clientId: 'bench',
    brokers: [...bootstrap],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    retry: { retries: 0 },
  });
}

/** All three unfenced (only such ones are in Metadata), the topic made and in sync. */
async function formBare(bootstrap: readonly string[]): Promise<void> {
  const admin = clientOf(bootstrap).admin();
  await eventually(async () => {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length === 3;
  });
  await admin.createTopics({ topics: [topic], waitForLeaders: false });
  await eventually(async () => (await isrsOf(admin)).every((isr) => isr.length === 3));
  await admin.disconnect();
}

async function killAndAwait(
  pid: number,
  id: number,
  endpoint: string,
  bootstrap: readonly string[],
): Promise<number> {
  const admin = clientOf(bootstrap.filter((one) => one !== endpoint)).admin();
  await admin.connect();
  const startedMs = performance.now();
  process.kill(pid, 'SIGKILL');
  // Until its memory is given back its ports still answer to nobody.
  while (existsSync(`/proc/${pid}/fd/0`)) await sleep(5);
  const port = Number(endpoint.split(':').at(-1));
  const listener = { name: '', protocol: 'PLAINTEXT', bindHost: '127.0.0.1', port } as const;
  const probe = { ...listener, advertisedHost: '127.0.0.1', advertisedPort: port };
  // It answers only when it is unfenced; by then the controller has taken it out of every ISR.
  await eventually(() => answersApiVersions(probe, systemClock, 1_000));
  await eventually(async () => (await isrsOf(admin)).every((isr) => isr.includes(id)));
  const ms = performance.now() - startedMs;
  await admin.disconnect();
  return ms;
}

async function isrsOf(admin: ReturnType<Kafka['admin']>): Promise<readonly (readonly number[])[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic.topic] });
  const isrs = topics.flatMap(({ partitions }) => partitions.map(({ isr }) => isr));
  if (isrs.length !== topic.numPartitions) throw new Error('not known yet');
  return isrs;
}

/** Two brokers that are not the active controller: its loss is an election too. */
async function followersOf(bootstrap: readonly string[]): Promise<readonly number[]> {
  const admin = createKafkaAdmin({
    bootstrap: () => bootstrap,
    clientId: 'bench',
    clusterId: () => undefined,
    clock: systemClock,
    logger: silentLogger,
  });
  try {
    const { brokers, quorum } = await admin.observe();
    return brokers.map(({ id }) => id).filter((id) => id !== quorum.leaderId);
  } finally {
    await admin.close();
  }
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 120_000;
  let last: unknown;
  while (performance.now() < deadlineMs) {
    try {
      if (await holds()) return;
    } catch (error) {
      last = error;
    }
    await sleep(pollMs);
  }
  throw new Error('not within two minutes', { cause: last });
}
