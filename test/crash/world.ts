/** An embedded Mesos in this process, the scheduler in another that can be made to die, and what is left of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { type ApiClient, createApiClient } from '../../src/api/client.ts';
import { resolveHome } from '../../src/cli/home.ts';
import { claimPortBlock } from '../../src/local/port-block.ts';
import { type LocalMesos, startLocalMesos } from '../../src/local/server.ts';
import { defaultAgents } from '../../src/local/topology.ts';
import { KafkaMesosError } from '../../src/model/errors.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { createLogger } from '../../src/sys/logger.ts';
import { systemRandom } from '../../src/sys/random.ts';
import { testFolder } from '../test-folder.ts';
import type { CrashPoint, SchedulerSettings } from './scheduler-main.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export type Programs = {
  readonly scheduler: string;
  readonly executor: string;
  /** Stands for the 120 MB of Node that an agent would fetch, and runs them where they are. */
  readonly node: string;
  remove(): void;
};

/**
 * Bundles scheduler and executor to one file each: they start several times faster than from the sources. Loading
 * the Kafka clients is most of what is left of it, and of no use where the brokers are stubs.
 */
export async function bundlePrograms(
  executorEntry: string,
  options: { readonly withKafkaClients: boolean } = { withKafkaClients: true },
): Promise<Programs> {
  // Below node_modules, so that packages which are not bundled are found from there.
  const cache = join(root, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'crash-'));
  const bundle = async (name: string, entry: string, define: Record<string, string>) => {
    const outfile = join(folder, name);
    await build({
      absWorkingDir: root,
      entryPoints: [entry],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node22',
      define,
      external: ['@platformatic/*'],
      plugins: options.withKafkaClients ? [] : [noKafkaClients],
      banner: {
        js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);",
      },
      logLevel: 'error',
    });
    return outfile;
  };
  const node = join(folder, 'node.sh');
  writeFileSync(node, `#!/bin/sh\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 });
  // What the stub looks for beside its own source is still there when it runs in a sandbox.
  const beside = pathToFileURL(join(root, 'test', 'executor', 'stub-programs.ts')).href;
  return {
    scheduler: await bundle('scheduler.mjs', 'test/crash/scheduler-main.ts', {}),
    executor: await bundle('kafka-mesos-executor.mjs', executorEntry, {
      'import.meta.url': JSON.stringify(beside),
    }),
    node,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const noKafkaClients: Plugin = {
  name: 'no Kafka clients',
  setup(bundle) {
    bundle.onLoad({ filter: /\/src\/kafka\/admin\.ts$/ }, () => ({
      contents: "export function createKafkaAdmin() { throw new Error('the brokers are stubs'); }",
    }));
  },
};

export type WorldOptions = {
  readonly programs: Programs;
  readonly spec: string;
  readonly stubBrokers?: number;
  /** Of the master; short unless said, to lose no time in tests. */
  readonly allocationIntervalMs?: number;
  /** As `--artifact-url`: how agents get their files; from the scheduler's own listener unless said. */
  readonly artifactUrl?: string;
};

export type World = {
  readonly home: string;
  readonly mesos: LocalMesos;
  /** Starts the scheduler; one at a time. */
  start(crash?: CrashPoint, registerAnew?: string): void;
  /** Applies the spec and waits; resolves when the scheduler died or the cluster is as wanted. */
  bringUp(wanted: (status: ClusterStatus) => boolean, timeoutMs: number): Promise<'died' | ClusterStatus>;
  /** Applies the spec and waits; resolves when the scheduler died or all clusters are as wanted. */
  follow(
    spec: string,
    wanted: (statuses: readonly ClusterStatus[]) => boolean,
    timeoutMs: number,
  ): Promise<'died' | readonly ClusterStatus[]>;
  /** The paths written so far, by all schedulers of this world. */
  written(): readonly string[];
  log(): string;
  /** Kills the scheduler; tasks live on. */
  stopScheduler(): Promise<void>;
  /** Resolves to its exit code when the scheduler has ended by itself. */
  schedulerEnd(): Promise<number | null>;
  /** Ends the scheduler and all tasks, and leaves everything where it is. */
  stop(): Promise<void>;
  /** Stops what runs, and deletes everything. */
  close(): Promise<void>;
};

export async function createWorld(options: WorldOptions): Promise<World> {
  const home = mkdtempSync(join(testFolder, 'kafka-mesos-crash-'));
  const layout = resolveHome({ KAFKA_MESOS_HOME: home }, homedir());
  const journal = join(home, 'journal');
  const logFile = join(home, 'scheduler.log');
  writeFileSync(journal, '');
  const mesosLog = openSync(join(home, 'mesos.log'), 'a');
  const ports = await claimPortBlock(join(home, 'ports.json'));
  const mesos = await startLocalMesos({
    directory: layout.local,
    port: 0,
    agents: defaultAgents(0, ports.firstPort),
    clock: systemClock,
    random: systemRandom,
    logger: createLogger({ destination: { write: (line) => void writeFileSync(mesosLog, line) } }),
    token: 'x'.repeat(32),
    settings: { allocationIntervalMs: options.allocationIntervalMs ?? 100 },
    onFatal: (error) => {
      throw error;
    },
  });
  let scheduler: ChildProcess | undefined;
  let exited: Promise<unknown> = Promise.resolve();

  const api = async (): Promise<ApiClient | undefined> => {
    try {
      const { url, pid } = JSON.parse(readFileSync(layout.apiFile, 'utf8')) as { url: string; pid: number };
      if (pid !== scheduler?.pid) return undefined;
      return createApiClient({ url, token: readFileSync(layout.tokenFile, 'utf8').trim() });
    } catch {
      // Not published yet.
      return undefined;
    }
  };
  const isDead = () => scheduler?.exitCode !== null || scheduler.signalCode !== null;

  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    if (!isDead()) scheduler?.kill('SIGKILL');
    await exited;
    await mesos.shutdown(0);
    await mesos.close();
    await ports.release();
    closeSync(mesosLog);
  };
  const stopOnce = (): Promise<void> => {
    stopped ??= stop();
    return stopped;
  };

  async function follow(
    spec: string,
    wanted: (statuses: readonly ClusterStatus[]) => boolean,
    timeoutMs: number,
  ): Promise<'died' | readonly ClusterStatus[]> {
    const deadlineMs = Date.now() + timeoutMs;
    let applied = false;
    let last: readonly ClusterStatus[] = [];
    while (Date.now() < deadlineMs) {
      if (isDead()) return 'died';
      try {
        const client = await api();
        if (client !== undefined && !applied) {
          await client.apply({ files: [{ path: 'crash.yaml', text: spec }], author: 'test' });
          applied = true;
        }
        if (client !== undefined) last = await client.clusters();
        if (client !== undefined && wanted(last)) return last;
      } catch (error) {
        // It may have died just now; anything else is ours to see.
        if (!(error instanceof KafkaMesosError && error.code.startsWith('KM_UNAVAILABLE'))) throw error;
      }
      await Promise.race([exited, sleep(25)]);
    }
    throw new Error(`not as wanted in ${timeoutMs / 1000} s: ${JSON.stringify(last, null, 1)}`);
  }

  return {
    home,
    mesos,
    start(crash, registerAnew) {
      const settings: SchedulerSettings = {
        home,
        master: new URL(mesos.masterUrl).host,
        user: userInfo().username,
        agentNodePath: options.programs.node,
        executorBundle: options.programs.executor,
        journal,
        ...(options.artifactUrl === undefined ? {} : { artifactUrl: options.artifactUrl }),
        ...(crash === undefined ? {} : { crash }),
        ...(registerAnew === undefined ? {} : { registerAnew }),
        ...(options.stubBrokers === undefined ? {} : { stubBrokers: options.stubBrokers }),
      };
      const log = openSync(logFile, 'a');
      scheduler = spawn(process.execPath, [options.programs.scheduler], {
        env: { ...process.env, CRASH_SETTINGS: JSON.stringify(settings) },
        stdio: ['ignore', log, log],
      });
      closeSync(log);
      exited = once(scheduler, 'exit');
    },
    async bringUp(wanted, timeoutMs) {
      const end = await follow(options.spec, ([first]) => first !== undefined && wanted(first), timeoutMs);
      const [first] = end === 'died' ? [] : end;
      return first ?? 'died';
    },
    follow,
    written: () => readFileSync(journal, 'utf8').split('\n').filter(Boolean),
    log: () => readFileSync(logFile, 'utf8'),
    async stopScheduler() {
      if (!isDead()) scheduler?.kill('SIGKILL');
      await exited;
    },
    async schedulerEnd() {
      await exited;
      return scheduler?.exitCode ?? null;
    },
    stop: stopOnce,
    async close() {
      await stopOnce();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** A cluster of stub brokers: nothing of Kafka is fetched. `ids` as in a pool. */
export function stubSpec(name: string, ids: string): string {
  return `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: ${name} }
spec:
  kafka: { distribution: { uri: 'http://127.0.0.1:1/kafka.tgz', sha512: '${'0'.repeat(128)}' } }
  pools:
    - name: main
      roles: [broker, controller]
      ids: ${ids}
      cpus: 0.5
      memory: 768MiB
      heap: 320MiB
      storage: { size: 1GiB }
`;
}
