import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { answersApiVersions } from '../../src/executor/probe.ts';
import { createKafkaAdmin } from '../../src/kafka/admin.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { bundlePrograms, createWorld } from '../crash/world.ts';
import { broker, root, threeBrokers } from '../e2e/harness.ts';
import { type BareBroker, copyBrokers, startBare } from './bare-kafka.ts';
import { median, type Result, result } from './result.ts';

const runs = 3;
const pollMs = 25;
/** Archives are fetched once for all homes of this user. */
const dist = join(process.env.KAFKA_MESOS_HOME ?? join(homedir(), '.kafka-mesos'), 'dist');
const topic = { topic: 'events', numPartitions: 3, replicationFactor: 3 };

/**
 * Three brokers by `apply --wait` on an embedded Mesos that runs already, then the same three by Kafka's
 * own main classes; in both, two of them (not the active controller) killed one after the other.
 */
export async function* measureKafka(): AsyncIterable<Result> {
  const ours = { bringUpMs: [] as number[], restartMs: [] as number[] };
  const bare = { unpackMs: [] as number[], bringUpMs: [] as number[], restartMs: [] as number[] };
  mkdirSync(dist, { recursive: true });
  const bundled = await bundlePrograms('src/executor/main.ts');
  // As in earnest: agents fetch all of Node.
  const programs = { ...bundled, node: process.execPath };
  try {
    for (let run = 1; run <= runs; run += 1) {
      const world = await createWorld({
        programs,
        spec: threeBrokers(),
        allocationIntervalMs: 1_000,
      });
      symlinkSync(dist, join(world.home, 'dist'));
      try {
        world.start();
        await eventually(async () => existsSync(join(world.home, 'scheduler', 'api.json')));
        ours.bringUpMs.push(await timed(() => applyAndWait(world.home)));
        const look = async (): Promise<ClusterStatus> => {
          const status = await world.bringUp(({ phase }) => phase === 'converged', 120_000);
          if (status === 'died') throw new Error(`the scheduler died: ${world.log()}`);
          return status;
        };
        const status = await look();
        const { bootstrap } = status;
        const restarts: number[] = [];
        for (const id of await followersOf(bootstrap)) {
          const { jvmPid = 0, endpoint = '' } = broker(await look(), id);
          restarts.push(await killAndAwait(jvmPid, id, endpoint, bootstrap));
          await eventually(async () => broker(await look(), id).jvmPid !== jvmPid);
        }
        ours.restartMs.push(median(restarts));
        const brokers: readonly BareBroker[] = copyBrokers(world.home, await look());
        await world.stop();

        bare.unpackMs.push(await timed(() => unpackAll(brokers)));
        const startedMs = performance.now();
        const cluster = startBare(brokers);
        try {
          await formBare(bootstrap);
          bare.bringUpMs.push(performance.now() - startedMs);
          const bareRestarts: number[] = [];
          for (const id of await followersOf(bootstrap)) {
            const endpoint = brokers.find((one) => one.id === id)?.endpoint ?? '';
            bareRestarts.push(await killAndAwait(cluster.pidOf(id), id, endpoint, bootstrap));
          }
          bare.restartMs.push(median(bareRestarts));
        } finally {
          await cluster.stop();
        }
      } finally {
        await world.close();
      }
      process.stderr.write(`run ${run} of ${runs}: ${JSON.stringify({ ours, bare })}\n`);
    }
  } finally {
    bundled.remove();
  }
  yield result({
    bench: 'bring-up',
    aim: 1.15,
    ours: ours.bringUpMs,
    reference: bare.bringUpMs,
    meaning:
      'apply --wait until converged on a fresh home (agents fetch executor, Node and Kafka, and unpack it) against formatting and starting the same three brokers at once from unpacked jars, until all are unfenced and the topic is in sync',
  });
  yield result({
    bench: 'bring-up-with-unpacking',
    ours: ours.bringUpMs,
    reference: bare.bringUpMs.map((ms, run) => ms + (bare.unpackMs[run] ?? 0)),
    meaning: 'the same, but the reference also unpacks the archive for each broker, by tar, all at once',
  });
  yield result({
    bench: 'restart',
    aim: 1.2,
    ours: ours.restartMs,
    reference: bare.restartMs,
    meaning:
      'kill -9 of a broker until it serves and is in sync again, against a shell loop around the same broker; each figure the median of two kills',
  });
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
  writeFileSync(spec, threeBrokers());
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
