/** What must be true of a cluster that was brought up, whatever died on the way. Looks at disks, processes and the master. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import * as assert from 'uvu/assert';
import type { BrokerRecord, ClusterRecord } from '../../src/model/records.ts';
import type { World } from './world.ts';

export type Expected = {
  readonly clusterName: string;
  readonly brokerIds: readonly number[];
  /** Of one broker with its executor. */
  readonly reserved: { readonly cpus: number; readonly mem: number; readonly disk: number };
};

/** Executors that were superseded may still be on their way out: they are given a while. */
export async function checkInvariants(world: World, expected: Expected): Promise<void> {
  const records = new Map(
    expected.brokerIds.map((id) => [
      id,
      readRecord<BrokerRecord>(world, `clusters/${expected.clusterName}/brokers/${id}`),
    ]),
  );
  checkVolumes(world, expected);
  await checkReservations(world, expected);
  const wanted = [...records.values()].map(({ task }) => task?.taskId ?? 'no task').sort();
  const seen = await settled(
    () => executorsOf(world.home),
    (tasks) => tasks.join() === wanted.join(),
  );
  assert.equal(seen, wanted, 'one executor for each broker, that of its task, and no other');
  const brokers = brokerProcessesOf(world.home);
  assert.is(brokers.length, expected.brokerIds.length, 'one broker process for each broker');
  assert.is(new Set(brokers.map(({ volume }) => volume)).size, brokers.length, 'each on its own volume');
  assert.equal(
    await settled(
      () => liveTasks(world),
      (tasks) => tasks.join() === wanted.join(),
    ),
    wanted,
    'one live task for each broker at the master',
  );
}

/** Cluster, node and directory ids of every formatted disk, sorted. */
export function disksOf(world: World): readonly string[] {
  const agents = join(world.home, 'local', 'agents');
  return readdirSync(agents, { recursive: true })
    .map(String)
    .filter((path) => /^[^/]+\/volumes\/.*\/meta\.properties$/.test(path))
    .map((path) => readFileSync(join(agents, path), 'utf8'))
    .sort();
}

function checkVolumes(world: World, { clusterName, brokerIds }: Expected): void {
  const { clusterId } = readRecord<ClusterRecord>(world, `clusters/${clusterName}/cluster`);
  const files = readdirSync(join(world.home, 'local', 'agents'), { recursive: true }).map(String);
  const volumes = new Set(
    files.flatMap((path) => /^([^/]+\/volumes\/roles\/kafka\/[^/]+)$/.exec(path)?.[1] ?? []),
  );
  assert.is(volumes.size, brokerIds.length, `one volume for each broker: ${[...volumes].join(', ')}`);
  const formats = files
    .filter((path) => /^[^/]+\/volumes\/.*\/meta\.properties$/.test(path))
    .map((path) => readFileSync(join(world.home, 'local', 'agents', path), 'utf8'));
  assert.equal(
    formats.map((text) => /^node\.id=(.*)$/m.exec(text)?.[1]).sort(),
    brokerIds.map(String),
    'one formatted disk for each broker',
  );
  for (const text of formats) {
    assert.is(/^cluster\.id=(.*)$/m.exec(text)?.[1], clusterId, 'every disk is of the cluster in the store');
  }
  const formatting = files
    // `runs/latest` leads to one of the others, and a sandbox to the volume.
    .filter((path) => /^[^/]+\/slaves\/.*\/runs\/[^/]+\/stderr$/.test(path) && !path.includes('/latest/'))
    .flatMap((path) => {
      const text = readFileSync(join(world.home, 'local', 'agents', path), 'utf8');
      const times = text.split('\n').filter((line) => line.includes('"phase":"formatting"')).length;
      return Array.from({ length: times }, () => /\/executors\/[^.]+\.(\d+)\./.exec(path)?.[1]);
    });
  assert.equal(formatting.sort(), brokerIds.map(String), 'each disk was formatted once');
}

type Resource = {
  readonly name: string;
  readonly scalar?: { readonly value: number };
  readonly reservations?: readonly {
    readonly labels?: { readonly labels?: readonly { readonly key: string; readonly value?: string }[] };
  }[];
};

/** What was reserved twice is unreserved with a later offer. */
async function checkReservations(world: World, { brokerIds, reserved }: Expected): Promise<void> {
  const expected = Object.fromEntries(brokerIds.map((id) => [String(id), reserved]));
  const found = await settled(
    () => reservationsOf(world),
    (sums) => isDeepStrictEqual(sums, expected),
  );
  assert.equal(found, expected, 'each broker has its reservation once');
}

async function reservationsOf(world: World): Promise<Readonly<Record<string, Record<string, number>>>> {
  const { get_agents: answer } = (await operator(world, 'GET_AGENTS')) as {
    get_agents: { agents: readonly { total_resources: readonly Resource[] }[] };
  };
  const sums = new Map<string, Record<string, number>>();
  for (const { name, scalar, reservations } of answer.agents.flatMap((agent) => agent.total_resources)) {
    const labels = reservations?.at(-1)?.labels?.labels ?? [];
    const broker = labels.find(({ key }) => key === 'broker')?.value;
    if (broker === undefined || scalar === undefined) continue;
    const sum = sums.get(broker) ?? { cpus: 0, mem: 0, disk: 0 };
    sum[name] = Math.round(((sum[name] ?? 0) + scalar.value) * 1000) / 1000;
    sums.set(broker, sum);
  }
  return Object.fromEntries(sums);
}

/** Nothing of the framework is left on any agent, in any volume, in any process, or in the store but its own id. */
export async function checkNothingLeft(world: World): Promise<void> {
  const { get_agents: answer } = (await operator(world, 'GET_AGENTS')) as {
    get_agents: { agents: readonly { total_resources: readonly Resource[] }[] };
  };
  const reserved = answer.agents.flatMap((agent) =>
    agent.total_resources.filter(({ reservations }) => reservations !== undefined),
  );
  assert.equal(reserved, [], 'nothing is reserved');
  assert.equal(await liveTasks(world), [], 'no task');
  const volumes = readdirSync(join(world.home, 'local', 'agents'), { recursive: true })
    .map(String)
    .filter((path) => /^[^/]+\/volumes\/roles\/kafka\/[^/]+$/.test(path));
  assert.equal(volumes, [], 'no volume');
  assert.equal(brokerProcessesOf(world.home), [], 'no broker');
  const records = readdirSync(join(world.home, 'scheduler', 'store')).filter((name) =>
    name.includes('clusters'),
  );
  assert.equal(records, [], 'no record');
}

async function liveTasks(world: World): Promise<readonly string[]> {
  const { get_tasks: answer } = (await operator(world, 'GET_TASKS')) as {
    get_tasks: { tasks?: readonly { task_id: { value: string } }[] };
  };
  return (answer.tasks ?? []).map((task) => task.task_id.value).sort();
}

async function operator(world: World, type: string): Promise<unknown> {
  const response = await fetch(`${world.mesos.masterUrl}/api/v1`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ type }),
  });
  if (!response.ok) throw new Error(`${type}: ${response.status} ${await response.text()}`);
  return response.json();
}

function readRecord<T>(world: World, path: string): T {
  const file = join(world.home, 'scheduler', 'store', `${path.replaceAll('/', '~')}.json`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { value: T }).value;
}

/** Task ids of the executors that run, by the sandbox in their environment. */
function executorsOf(home: string): readonly string[] {
  return processes()
    .filter(({ argv }) => argv.some((arg) => arg.endsWith('kafka-mesos-executor.mjs')))
    .flatMap(({ environment }) => {
      const sandbox = environment.find((one) => one.startsWith(`MESOS_DIRECTORY=${home}/`)) ?? '';
      return /\/executors\/([^/]+)\/runs\//.exec(sandbox)?.[1] ?? [];
    })
    .sort();
}

/** Broker processes that run, and the volume of each. A format runs on its volume too, but as another class. */
export function brokerProcessesOf(
  home: string,
): readonly { readonly pid: number; readonly volume: string }[] {
  const token = `-Dkafka.mesos.volume=${home}/`;
  return processes().flatMap(({ pid, argv }) => {
    const volume = argv.find((arg) => arg.startsWith(token));
    return volume === undefined || argv.includes('kafka.tools.StorageTool') ? [] : [{ pid, volume }];
  });
}

function processes(): readonly {
  readonly pid: number;
  readonly argv: readonly string[];
  readonly environment: readonly string[];
}[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      try {
        const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8').split('\0');
        return [{ pid: Number(pid), argv: read('cmdline'), environment: read('environ') }];
      } catch {
        // It ended just now.
        return [];
      }
    });
}

/** What `look` says once it is as wanted, or in the end. */
async function settled<T>(look: () => T | Promise<T>, wanted: (value: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    const value = await look();
    if (wanted(value) || tries === 2_400) return value;
    await sleep(25);
  }
}
