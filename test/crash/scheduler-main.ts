/** The scheduler as a process of its own that dies at a chosen write. Settings come by `CRASH_SETTINGS`. */
import { appendFileSync } from 'node:fs';
import { defaultPlatform } from '../../src/cli/agent-files.ts';
import { resolveHome } from '../../src/cli/home.ts';
import { runScheduler } from '../../src/cli/run-scheduler.ts';
import { UnavailableError } from '../../src/model/errors.ts';
import type { KafkaAdmin } from '../../src/model/kafka.ts';
import type { Store } from '../../src/model/store.ts';
import type { ConnectKafka } from '../../src/reconciler/kafka-watch.ts';

/** `count` counts from 1 those writes whose path and value match; `claim` is a write too. */
export type CrashPoint = {
  readonly side: 'before' | 'after';
  readonly count: number;
  /** A regular expression over `PATH VALUE`; any write when absent. */
  readonly matching?: string;
  /** It is stopped there (SIGSTOP) instead, and makes the write once it goes on. */
  readonly isStop?: true;
};

export type SchedulerSettings = {
  readonly home: string;
  /** The home's store when absent. */
  readonly storeUri?: string;
  readonly sessionTimeoutMs?: number;
  /** host:port */
  readonly master: string;
  readonly user: string;
  /** An executable that runs Node. */
  readonly agentNodePath: string;
  readonly executorBundle: string;
  /** As `--artifact-url`. */
  readonly artifactUrl?: string;
  /** One line for each write, before it is made. */
  readonly journal: string;
  readonly crash?: CrashPoint;
  /** As `--register-anew`. */
  readonly registerAnew?: string;
  /** As `--specs`, absolute. */
  readonly specs?: string;
  /** Brokers that are no Kafka: how many serve when the cluster is whole. */
  readonly stubBrokers?: number;
};

const settings = JSON.parse(process.env.CRASH_SETTINGS ?? '{}') as SchedulerSettings;
const home = resolveHome({ KAFKA_MESOS_HOME: settings.home }, settings.home);
const loopback = { host: '127.0.0.1', port: 0 };

process.exit(
  await runScheduler(
    {
      master: settings.master,
      store: {
        uri: settings.storeUri ?? `file:${home.store}`,
        sessionTimeoutMs: settings.sessionTimeoutMs ?? 10_000,
      },
      home,
      listen: loopback,
      artifactListen: loopback,
      ...(settings.artifactUrl === undefined ? {} : { artifactUrlBase: settings.artifactUrl }),
      agentNodes: { [defaultPlatform]: settings.agentNodePath },
      frameworkName: 'kafka-mesos',
      role: 'kafka',
      principal: 'kafka-mesos',
      user: settings.user,
      failoverTimeoutMs: 7 * 86_400_000,
      ...(settings.registerAnew === undefined ? {} : { registerAnew: settings.registerAnew }),
      ...(settings.specs === undefined ? {} : { specs: { directory: settings.specs, path: settings.specs } }),
      logLevel: 'info',
      version: '0.0.0-test',
    },
    {
      wrapStore,
      executorBundle: settings.executorBundle,
      ...(settings.stubBrokers === undefined ? {} : { connectKafka: stubKafka(settings.stubBrokers) }),
    },
  ),
);

function wrapStore(store: Store): Store {
  let matched = 0;
  async function watched<T>(what: string, write: () => Promise<T>): Promise<T> {
    appendFileSync(settings.journal, `${what.slice(0, what.indexOf(' '))}\n`);
    const { crash } = settings;
    const hit =
      crash !== undefined &&
      (crash.matching === undefined || new RegExp(crash.matching).test(what)) &&
      ++matched === crash.count;
    const end = async () => (crash?.isStop === true ? process.kill(process.pid, 'SIGSTOP') : die());
    if (hit && crash.side === 'before') await end();
    const done = await write();
    if (hit && crash.side === 'after') await end();
    return done;
  }
  return {
    ...store,
    claim: () => watched('claim ', () => store.claim()),
    write: (path, value, version) =>
      watched(`${path} ${JSON.stringify(value)}`, () => store.write(path, value, version)),
    remove: (path, version) => watched(`${path} removed`, () => store.remove(path, version)),
  };
}

/** As a power cut: nothing of ours runs after it. */
function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}

/** A quorum of the first brokers that is seen to be alive when they serve, and no topics. */
function stubKafka(brokers: number): ConnectKafka {
  const nothing = async () => {};
  return (_clusterName, bootstrap): KafkaAdmin => ({
    async observe() {
      const endpoints = bootstrap();
      if (endpoints.length < brokers) throw new UnavailableError('KM_UNAVAILABLE_KAFKA', 'not all serve yet');
      const ids = endpoints.map((_, id) => id);
      const nowMs = Date.now();
      return {
        observedAtMs: nowMs,
        tookMs: 1,
        clusterId: 'stub',
        brokers: ids.map((id) => ({ id, fenced: false, host: '127.0.0.1', port: 1 })),
        topics: [],
        quorum: {
          leaderId: 0,
          voters: ids.slice(0, brokers).map((nodeId) => ({ nodeId, logEndOffset: 1, lastCaughtUpMs: nowMs })),
          observers: [],
        },
      };
    },
    createTopic: nothing,
    createPartitions: nothing,
    describeConfigs: async () => [],
    alterConfigs: nothing,
    unregisterBroker: nothing,
    describeClientQuotas: async () => [],
    alterClientQuotas: async () => {},
    describeLogDirs: async () => [],
    close: nothing,
  });
}
