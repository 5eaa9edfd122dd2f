/** The scheduler as an operator runs it: the built command line, in the foreground, in a home of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createApiClient } from '../../src/api/client.ts';
import { resolveHome } from '../../src/cli/home.ts';
import { formatHostPort } from '../../src/mesos/master-address.ts';
import type { SchedulerStatus } from '../../src/model/api.ts';
import { KafkaMesosError } from '../../src/model/errors.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { root } from '../e2e/harness.ts';
import type { Chapter } from './conformance.ts';
import { Failure, until } from './report.ts';

export type Scheduler = {
  readonly logFile: string;
  /** Resolves when it is subscribed with the master. */
  start(): Promise<void>;
  /** Resolves when it has ended. */
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Its exit status, once it has ended by itself; undefined when it does not within the time. */
  ended(withinMs: number): Promise<number | undefined>;
  scheduler(): Promise<SchedulerStatus | undefined>;
  /** Undefined while it cannot be asked, or there is no such cluster. */
  cluster(name: string): Promise<ClusterStatus | undefined>;
  /** The end of what it logged, warnings and errors only. */
  complaints(): string;
};

export function createScheduler(home: string, { settings, ground, name }: Chapter): Scheduler {
  const layout = resolveHome({ KAFKA_MESOS_HOME: home }, homedir());
  const logFile = join(home, 'scheduler.log');
  const { listen, host } = ground.artifacts;
  const args = [
    ...['scheduler', '--framework-name', name, '--role', settings.role, '--principal', settings.principal],
    ...['--user', settings.user, '--artifact-listen', formatHostPort(listen)],
    ...(settings.secretPath === undefined ? [] : ['--secret-file', settings.secretPath]),
    ...(host === listen.host
      ? []
      : listen.port === 0
        ? []
        : ['--artifact-url', `http://${formatHostPort({ host, port: listen.port })}`]),
  ];
  let child: ChildProcess | undefined;
  let ended: Promise<unknown> = Promise.resolve();
  const isDead = (): boolean => child === undefined || child.exitCode !== null || child.signalCode !== null;

  const ask = async <Answer>(
    question: (client: ReturnType<typeof createApiClient>) => Promise<Answer | undefined>,
  ): Promise<Answer | undefined> => {
    if (isDead()) return undefined;
    try {
      const { url, pid } = JSON.parse(readFileSync(layout.apiFile, 'utf8')) as { url: string; pid: number };
      if (pid !== child?.pid) return undefined;
      return await question(createApiClient({ url, token: readFileSync(layout.tokenFile, 'utf8').trim() }));
    } catch (error) {
      // Not published yet, or it is busy or just starting; a bug of ours is to be seen.
      if (error instanceof KafkaMesosError && !error.code.startsWith('KM_UNAVAILABLE')) throw error;
      if (error instanceof KafkaMesosError || (error as NodeJS.ErrnoException).code === 'ENOENT')
        return undefined;
      throw error;
    }
  };
  const self: Scheduler = {
    logFile,
    async start() {
      const log = openSync(logFile, 'a');
      child = spawn(process.execPath, [join(root, 'bin', 'kafka-mesos'), ...args], {
        cwd: root,
        // A master address may carry credentials, and arguments are seen by everyone.
        env: { ...process.env, KAFKA_MESOS_HOME: home, KAFKA_MESOS_MASTER: settings.master, NO_COLOR: '1' },
        stdio: ['ignore', log, log],
      });
      closeSync(log);
      ended = once(child, 'exit');
      await until(
        'the scheduler is subscribed with the master',
        settings.waitMs,
        async () => {
          if (isDead())
            throw new Failure(`the scheduler ended with ${child?.exitCode}\n${self.complaints()}`);
          return (await self.scheduler())?.connected === true;
        },
        self.complaints,
      );
    },
    async kill(signal) {
      if (!isDead()) child?.kill(signal);
      await ended;
    },
    async ended(withinMs) {
      const over = new AbortController();
      await Promise.race([ended, delay(withinMs, undefined, { signal: over.signal }).catch(() => {})]);
      over.abort();
      return child?.exitCode ?? undefined;
    },
    scheduler: () => ask((client) => client.scheduler()),
    cluster: (cluster) => ask((client) => client.cluster(cluster)),
    complaints() {
      const lines = readFileSync(logFile, 'utf8').split('\n');
      const bad = lines.filter((line) => line !== '' && !/"level":("info"|"debug"|20|30)/.test(line));
      return [`the scheduler's last warnings (all of it: ${logFile}):`, ...bad.slice(-12)].join('\n');
    },
  };
  return self;
}
