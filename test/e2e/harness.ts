/** A home of its own, the built command line as a subprocess, and real processes on loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import * as assert from 'uvu/assert';
import { createApiClient } from '../../src/api/client.ts';
import { findRunningApi, readToken, resolveHome } from '../../src/cli/home.ts';
import { KafkaMesosError } from '../../src/model/errors.ts';
import type { BrokerStatus, ClusterStatus } from '../../src/model/status.ts';
import { testFolder } from '../test-folder.ts';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type World = {
  readonly home: string;
  /** `kafka-mesos ARGS`, or another program of bin/; never rejects. */
  run(
    args: readonly string[],
    options?: { readonly input?: string; readonly timeoutMs?: number; readonly program?: string },
  ): Promise<Ran>;
  /** As `run`, and fails unless the exit code is 0. */
  ok(
    args: readonly string[],
    options?: { readonly input?: string; readonly timeoutMs?: number },
  ): Promise<string>;
  /** Writes a spec below the home and returns its path. */
  spec(name: string, text: string): string;
  status(cluster: string): Promise<ClusterStatus>;
  /** Asks until it holds; fails with the last status, at once when there is no scheduler to ask. */
  until(
    cluster: string,
    what: string,
    holds: (status: ClusterStatus) => boolean,
    timeoutMs?: number,
  ): Promise<ClusterStatus>;
  /** Stops everything and deletes the home. */
  close(): Promise<void>;
};

export function createWorld(name: string): World {
  const home = mkdtempSync(join(testFolder, `kafka-mesos-${name}-`));
  // Archives are fetched once for all homes of this user.
  const dist = join(process.env.KAFKA_MESOS_HOME ?? join(homedir(), '.kafka-mesos'), 'dist');
  mkdirSync(dist, { recursive: true });
  symlinkSync(dist, join(home, 'dist'));

  const run: World['run'] = (args, options = {}) =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [join(root, 'bin', options.program ?? 'kafka-mesos'), ...args], {
        cwd: root,
        env: {
          ...process.env,
          KAFKA_MESOS_HOME: home,
          KAFKA_MESOS_LOCAL_AGENT_TIMEOUT: '15s',
          NO_COLOR: '1',
        },
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
      child.stdin.end(options.input ?? '');
      const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 420_000);
      child.on('close', (code) => {
        clearTimeout(timer);
        resolve({
          code: code ?? 1,
          stdout: Buffer.concat(out).toString(),
          stderr: Buffer.concat(err).toString(),
        });
      });
    });
  const ok: World['ok'] = async (args, options) => {
    const { code, stdout, stderr } = await run(args, options);
    if (code !== 0) throw new Error(`kafka-mesos ${args.join(' ')} ended with ${code}\n${stdout}\n${stderr}`);
    return stdout;
  };
  const layout = resolveHome({ KAFKA_MESOS_HOME: home }, homedir());
  // As the command `status` asks, without a process for each of hundreds of looks.
  const status: World['status'] = async (cluster) => {
    const { url } = (await findRunningApi(layout)) ?? {};
    if (url === undefined) throw new Error(`no scheduler is running in ${home}`);
    const token = (await readToken(layout.tokenFile)) ?? '';
    const found = await createApiClient({ url, token }).cluster(cluster);
    if (found === undefined) throw new Error(`the scheduler knows no cluster ${cluster}`);
    return found;
  };
  return {
    home,
    run,
    ok,
    spec(file, text) {
      const path = join(home, `${file}.yaml`);
      writeFileSync(path, text);
      return path;
    },
    status,
    async until(cluster, what, holds, timeoutMs = 180_000) {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const now = await status(cluster).catch((error: unknown) => {
          // A machine that is busy with starting brokers may be late once.
          const isLate = error instanceof KafkaMesosError && error.code.startsWith('KM_UNAVAILABLE');
          if (!isLate || Date.now() > deadline) throw error;
          return undefined;
        });
        if (now !== undefined && holds(now)) return now;
        if (Date.now() > deadline)
          throw new Error(`not in ${timeoutMs / 1000} s: ${what}\n${JSON.stringify(now, null, 1)}`);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    },
    async close() {
      const { code, stdout, stderr } = await run(['local', 'down', '--purge']);
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
      if (code !== 0) throw new Error(`local down ended with ${code}\n${stdout}\n${stderr}`);
    },
  };
}

/**
 * Looks until it is as expected; fails with what it was last. For what one broker says: each of them reads what the
 * controllers decided in the metadata log, when it comes to it.
 */
export async function becomes<T>(look: () => Promise<T>, expected: T, what?: string): Promise<void> {
  const deadlineMs = Date.now() + 60_000;
  for (;;) {
    const isLast = Date.now() > deadlineMs;
    try {
      const found = await look();
      if (isDeepStrictEqual(found, expected)) return;
      if (isLast) assert.equal(found, expected, what);
    } catch (error) {
      if (isLast) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export function broker(status: ClusterStatus, id: number): BrokerStatus {
  const found = status.brokers.find((b) => b.id === id);
  if (found === undefined) throw new Error(`no broker ${id}`);
  return found;
}

/** Processes whose command line or environment names this home. */
export function processesOf(home: string): readonly number[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(home) ||
          readFileSync(`/proc/${pid}/environ`, 'utf8').includes(home)
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** The jars that a broker of this home was started from. */
export function libsOf(home: string): string {
  const found = readdirSync(join(home, 'local'), { recursive: true, withFileTypes: true }).find(
    (e) => e.isDirectory() && e.name === 'libs' && e.parentPath.includes('.kafka-mesos'),
  );
  if (found === undefined) throw new Error('no unpacked Kafka');
  return join(found.parentPath, found.name);
}

/** Data directories of a broker on the disks of the embedded agents, each with its agent's name. */
export function dataDirectories(
  home: string,
  cluster: string,
  id: number,
): readonly { readonly agent: string; readonly path: string }[] {
  const agents = join(home, 'local', 'agents');
  return readdirSync(agents).flatMap((agent) => {
    const volumes = join(agents, agent, 'volumes', 'roles', 'kafka');
    return list(volumes)
      .filter((name) => name.startsWith(`${cluster}-${id}-`))
      .map((name) => ({ agent, path: join(volumes, name, 'data') }))
      .filter(({ path }) => list(path).includes('meta.properties'));
  });
}

/** Of the broker's only data directory, from its meta.properties. */
export function directoryId(home: string, cluster: string, id: number): string {
  const [found, ...others] = dataDirectories(home, cluster, id);
  if (found === undefined || others.length > 0) throw new Error(`broker ${id} has not one data directory`);
  const text = readFileSync(join(found.path, 'meta.properties'), 'utf8');
  return /^directory\.id=(.+)$/m.exec(text)?.[1] ?? '';
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** A Java main class of the distribution that the broker itself runs on. */
export function kafkaTool(libs: string, mainClass: string, args: readonly string[]): ChildProcess {
  const jvm = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  return spawn('java', [...jvm, '-cp', `${libs}/*`, mainClass, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** The JVM's second compiler costs more in the short life of a test's broker than it saves. */
export const quickJvm = 'jvmOptions: [-XX:TieredStopAtLevel=1]';

export function threeBrokers(
  options: {
    readonly name?: string;
    readonly config?: string;
    /** Another line than `quickJvm`; none when empty. */
    readonly jvm?: string;
    readonly topics?: string;
    readonly more?: string;
  } = {},
): string {
  return `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: ${options.name ?? 'demo'} }
spec:
  config: { ${options.config ?? ''} }
  pools:
    - name: main
      roles: [broker, controller]
      ids: 0..2
      cpus: 0.5
      memory: 768MiB
      heap: 320MiB
      ${options.jvm ?? quickJvm}
      storage: { size: 1GiB }
      rack: { attribute: rack }
${options.more ?? ''}
  rollout: { allowSingleReplicaOutage: true }
  topics:
${options.topics ?? "    - { name: events, partitions: 3, replicationFactor: 3, config: { min.insync.replicas: '2' } }"}
`;
}
