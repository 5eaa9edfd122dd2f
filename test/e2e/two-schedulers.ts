/**
 * Two scheduler processes, each behind proxies of its own to one ZooKeeper and to the embedded Mesos, which is in this
 * process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { type ApiClient, createApiClient } from '../../src/api/client.ts';
import { resolveHome } from '../../src/cli/home.ts';
import { claimPortBlock } from '../../src/local/port-block.ts';
import { startLocalMesos } from '../../src/local/server.ts';
import { defaultAgents } from '../../src/local/topology.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { systemRandom } from '../../src/sys/random.ts';
import type { CrashPoint, SchedulerSettings } from '../crash/scheduler-main.ts';
import { bundlePrograms } from '../crash/world.ts';
import { testFolder } from '../test-folder.ts';
import { startProxy, type TcpProxy } from '../zookeeper/proxy.ts';
import { startZooKeeper } from '../zookeeper/real-zookeeper.ts';
import { until } from '../zookeeper/support.ts';

/** Twelve ticks of ZooKeeper. */
export const sessionTimeoutMs = 3_000;
export const tickMs = 250;
/** What is promised: the session timeout, a tick, and a second. */
export const takeoverMs = sessionTimeoutMs + tickMs + 1_000;

export type Scheduler = {
  readonly name: string;
  readonly proxy: TcpProxy;
  readonly home: string;
  process(): ChildProcess;
  start(crash?: CrashPoint): void;
  /** A client that gives up after ten seconds unless said. */
  api(timeoutMs?: number): ApiClient;
  /** What it serves to Prometheus. */
  metrics(): Promise<string>;
  /** `leading`, `standby`, or undefined while it does not answer. */
  state(): Promise<'leading' | 'standby' | undefined>;
  /** Code or signal of its last end. */
  exit(): Promise<number | string>;
  log(): string;
  /** Paths of the writes that it tried, in all its lives. */
  written(): readonly string[];
  /** What the master was sent, in all its lives: each piece as it came. */
  sent(): readonly string[];
};

export async function createTwoSchedulers(
  options: {
    readonly stubBrokers?: number;
    /** The caller's, which both reach without a proxy; absent: one of this world. */
    readonly store?: { readonly address: string; readonly sessionTimeoutMs: number };
    /** As `--specs` of each, absolute. */
    readonly specs?: { readonly one: string; readonly two: string };
  } = {},
) {
  const { stubBrokers, store, specs } = options;
  const folder = mkdtempSync(join(testFolder, 'kafka-mesos-failover-'));
  const dist = join(process.env.KAFKA_MESOS_HOME ?? join(homedir(), '.kafka-mesos'), 'dist');
  mkdirSync(dist, { recursive: true });
  const programs = await bundlePrograms(
    stubBrokers === undefined ? 'src/executor/main.ts' : 'test/executor/stub-main.ts',
    { withKafkaClients: stubBrokers === undefined },
  );
  const zookeeper = store === undefined ? await startZooKeeper(tickMs) : undefined;
  const ports = await claimPortBlock(join(folder, 'ports.json'));
  const mesos = await startLocalMesos({
    directory: join(folder, 'local'),
    port: 0,
    agents: defaultAgents(0, ports.firstPort),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    token: 'x'.repeat(32),
    settings: { allocationIntervalMs: 200 },
    onFatal: (error) => {
      throw error;
    },
  });

  const masterPort = Number(new URL(mesos.masterUrl).port);
  const closers: (() => Promise<void>)[] = [];

  const create = async (name: 'one' | 'two'): Promise<Scheduler> => {
    const home = join(folder, name);
    mkdirSync(home);
    symlinkSync(dist, join(home, 'dist'));
    const layout = resolveHome({ KAFKA_MESOS_HOME: home }, homedir());
    const logFile = join(home, 'log');
    const journal = join(home, 'journal');
    writeFileSync(journal, '');
    const proxy = await startProxy(zookeeper?.port ?? 0);
    const sent: string[] = [];
    const masterProxy = await startProxy(masterPort, (chunk) => sent.push(chunk.toString('latin1')));
    closers.push(proxy.close, masterProxy.close);
    let child: ChildProcess | undefined;
    let exited: Promise<unknown[]> = Promise.resolve([]);
    const scheduler: Scheduler = {
      name,
      proxy,
      home,
      process() {
        if (child === undefined) throw new Error(`${name} was not started`);
        return child;
      },
      start(crash) {
        const settings: SchedulerSettings = {
          home,
          storeUri: `zk://${store?.address ?? proxy.address}/kafka-mesos`,
          sessionTimeoutMs: store?.sessionTimeoutMs ?? sessionTimeoutMs,
          master: masterProxy.address,
          user: userInfo().username,
          agentNodePath: programs.node,
          executorBundle: programs.executor,
          journal,
          ...(crash === undefined ? {} : { crash }),
          ...(specs === undefined ? {} : { specs: specs[name] }),
          ...(stubBrokers === undefined ? {} : { stubBrokers }),
        };
        const log = openSync(logFile, 'a');
        child = spawn(process.execPath, [programs.scheduler], {
          env: { ...process.env, CRASH_SETTINGS: JSON.stringify(settings) },
          stdio: ['ignore', log, log],
        });
        closeSync(log);
        exited = once(child, 'exit');
      },
      api(timeoutMs = 10_000) {
        const { url, pid } = JSON.parse(readFileSync(layout.apiFile, 'utf8')) as { url: string; pid: number };
        if (pid !== child?.pid) throw new Error(`${name} does not serve yet`);
        const token = readFileSync(layout.tokenFile, 'utf8').trim();
        return createApiClient({ url, token, timeoutMs });
      },
      async metrics() {
        const { url } = JSON.parse(readFileSync(layout.apiFile, 'utf8')) as { url: string };
        const authorization = `Bearer ${readFileSync(layout.tokenFile, 'utf8').trim()}`;
        return await (await fetch(`${url}/metrics`, { headers: { authorization } })).text();
      },
      async state() {
        try {
          return (await scheduler.api(3_000).scheduler()).leadership.state;
        } catch {
          // Not there, or stopped.
          return undefined;
        }
      },
      async exit() {
        const [code, signal] = (await exited) as [number | null, string | null];
        return code ?? signal ?? '';
      },
      log: () => readFileSync(logFile, 'utf8'),
      written: () => readFileSync(journal, 'utf8').split('\n').slice(0, -1),
      sent: () => sent,
    };
    return scheduler;
  };
  const one = await create('one');
  const two = await create('two');

  return {
    one,
    two,
    mesos,
    /** `host:port` of the ZooKeeper, past the proxies. */
    zookeeper: store?.address ?? zookeeper?.address ?? '',
    leads: (scheduler: Scheduler, timeoutMs = 60_000) =>
      until(`${scheduler.name} leads`, async () => (await scheduler.state()) === 'leading', timeoutMs),
    standsBy: (scheduler: Scheduler) =>
      until(`${scheduler.name} stands by`, async () => (await scheduler.state()) === 'standby', 60_000),
    async close() {
      for (const { process: child } of [one, two]) {
        try {
          child().kill('SIGKILL');
        } catch {
          // Never started.
        }
      }
      for (const close of closers) await close();
      await mesos.shutdown(0);
      await mesos.close();
      await ports.release();
      await zookeeper?.close();
      programs.remove();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
