import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { isLoopback, type ListenAddress } from '../../api/listen-address.ts';
import { SpecError } from '../../model/errors.ts';
import type { LogLevel } from '../../sys/logger.ts';
import { parseAgentNodes } from '../agent-files.ts';
import type { Context } from '../context.ts';
import { describeFailure, UsageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { applySchedulerConfig } from '../scheduler-config.ts';
import type { SchedulerOptions } from '../scheduler-options.ts';

/** As commander parsed them. */
export type SchedulerFlags = {
  readonly master?: string;
  readonly config?: string;
  readonly store?: string;
  readonly listen: ListenAddress;
  readonly artifactListen: ListenAddress;
  readonly artifactUrl?: string;
  readonly agentNode: readonly string[];
  readonly frameworkName: string;
  readonly role: string;
  readonly principal: string;
  readonly secretFile?: string;
  readonly tokenFile?: string;
  readonly storeCredentialsFile?: string;
  readonly sessionTimeout: number;
  readonly user?: string;
  readonly failoverTimeout: number;
  readonly logLevel: LogLevel;
  readonly recover?: boolean;
  readonly file: readonly string[];
  readonly frameworkId?: string;
  readonly confirm?: boolean;
};

/** Runs in the foreground until it is told to stop; brokers outlive it. */
export async function scheduler(context: Context, command: Command): Promise<number> {
  try {
    const { config } = command.opts<SchedulerFlags>();
    if (config !== undefined) await applySchedulerConfig(command, config);
    refuseVisibleCredentials(command);
    const flags = command.opts<SchedulerFlags>();
    const options = schedulerOptions(context, flags);
    if (flags.recover === true)
      return await (await import('./recover.ts')).recoverStore(context, options, flags);
    if (flags.file.length > 0 || flags.confirm === true || flags.frameworkId !== undefined) {
      throw new UsageError('-f, --confirm and --framework-id go with --recover');
    }
    const { runScheduler } = await import('../compose-scheduler.ts');
    return await runScheduler(options);
  } catch (error) {
    // What the operator wrote cannot be used: to start again does not help, and supervisors can tell.
    if (!(error instanceof SpecError)) throw error;
    context.io.err(describeFailure(error, { id: '', logPath: context.home.cliLog }).text);
    return exitCodes.badConfig;
  }
}

/** Arguments are seen by everyone on the machine, and a configuration file is passed on and checked in. */
function refuseVisibleCredentials(command: Command): void {
  for (const [name, remedy] of [
    ['master', 'put the whole address into KAFKA_MESOS_MASTER'],
    ['store', 'put user:password into the file of --store-credentials-file'],
  ] as const) {
    const value: unknown = command.getOptionValue(name);
    const source = command.getOptionValueSource(name);
    if (source === 'env' || typeof value !== 'string' || !/^zk:\/\/[^/]*@/.test(value)) continue;
    throw new UsageError(`--${name} carries a password, which others could read`, remedy);
  }
}

export function schedulerOptions(context: Context, flags: SchedulerFlags): SchedulerOptions {
  if (flags.master === undefined) {
    throw new UsageError(
      'the address of Mesos is missing',
      'give it by --master, KAFKA_MESOS_MASTER or in the file of --config',
    );
  }
  if (!isLoopback(flags.listen.host)) {
    throw new UsageError(
      `--listen ${flags.listen.host} is not on loopback`,
      'the API is for this machine: take 127.0.0.1, and an SSH tunnel to reach it from elsewhere',
    );
  }
  if (flags.artifactUrl !== undefined && /^[^/]*\/\/[^/]*@/.test(flags.artifactUrl)) {
    throw new UsageError(
      '--artifact-url carries credentials, which every agent, launch and log would show',
      'let the mirror be read without: what it has is public, and agents check its digests',
    );
  }
  if (flags.artifactUrl !== undefined && !/^(https?:\/\/[^/]+|file:($|\/\/\/))/i.test(flags.artifactUrl)) {
    throw new UsageError(
      `--artifact-url ${flags.artifactUrl} is neither http(s)://HOST, file:///DIRECTORY nor file:`,
      'give what stands before /artifacts/ on the mirror; file: alone is for agents on this machine',
    );
  }
  if (flags.sessionTimeout < 2_000 || flags.sessionTimeout > 60_000) {
    throw new UsageError(
      '--session-timeout must be from 2s to 60s',
      'a standby takes over after it; ZooKeeper grants two to twenty of its ticks',
    );
  }
  const day = 86_400_000;
  if (flags.failoverTimeout < day || flags.failoverTimeout > 60 * day) {
    throw new UsageError(
      '--failover-timeout must be from 1d to 60d',
      'after that time without a scheduler Mesos kills every broker: one to four weeks are sensible',
    );
  }
  return {
    master: flags.master,
    store: {
      uri: storeUri(flags.store, context.home.store),
      ...(context.env.KAFKA_MESOS_STORE_CREDENTIALS
        ? { credentials: context.env.KAFKA_MESOS_STORE_CREDENTIALS }
        : {}),
      ...(flags.storeCredentialsFile === undefined
        ? {}
        : { credentialsPath: resolve(flags.storeCredentialsFile) }),
      sessionTimeoutMs: flags.sessionTimeout,
    },
    home: context.home,
    listen: flags.listen,
    artifactListen: flags.artifactListen,
    ...(flags.artifactUrl === undefined ? {} : { artifactUrlBase: flags.artifactUrl }),
    agentNodes: parseAgentNodes(flags.agentNode),
    frameworkName: flags.frameworkName,
    role: flags.role,
    principal: flags.principal,
    ...(context.env.KAFKA_MESOS_SECRET ? { secret: context.env.KAFKA_MESOS_SECRET } : {}),
    ...(flags.secretFile === undefined ? {} : { secretPath: resolve(flags.secretFile) }),
    ...(flags.tokenFile === undefined ? {} : { tokenPath: resolve(flags.tokenFile) }),
    user: flags.user ?? userInfo().username,
    failoverTimeoutMs: flags.failoverTimeout,
    logLevel: flags.logLevel,
    version: context.version,
  };
}

function storeUri(given: string | undefined, fallback: string): string {
  if (given === undefined) return `file:${fallback}`;
  const path = /^file:(?:\/\/)?(.+)$/.exec(given)?.[1];
  if (path !== undefined) return `file:${resolve(path)}`;
  if (given.startsWith('zk://')) return given;
  throw new UsageError(
    'this kind of --store is not known',
    'write zk://host:2181,host:2181/kafka-mesos, or file:/var/lib/kafka-mesos/store',
  );
}
