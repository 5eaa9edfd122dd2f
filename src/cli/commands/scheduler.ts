import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { isLoopback, type ListenAddress } from '../../api/listen-address.ts';
import type { LogLevel } from '../../sys/logger.ts';
import { parseAgentNodes } from '../agent-files.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../errors.ts';
import type { SchedulerOptions } from '../scheduler-options.ts';

/** As commander parsed them. */
export type SchedulerFlags = {
  readonly master: string;
  readonly store?: string;
  readonly listen: ListenAddress;
  readonly artifactListen: ListenAddress;
  readonly artifactUrl?: string;
  readonly agentNode: readonly string[];
  readonly frameworkName: string;
  readonly role: string;
  readonly principal: string;
  readonly secretFile?: string;
  readonly user?: string;
  readonly failoverTimeout: number;
  readonly logLevel: LogLevel;
  readonly recover?: boolean;
  readonly file: readonly string[];
  readonly frameworkId?: string;
  readonly confirm?: boolean;
};

/** Runs in the foreground until it is told to stop; brokers outlive it. */
export async function scheduler(context: Context, flags: SchedulerFlags): Promise<number> {
  const options = schedulerOptions(context, flags);
  if (flags.recover === true) return (await import('./recover.ts')).recoverStore(context, options, flags);
  if (flags.file.length > 0 || flags.confirm === true || flags.frameworkId !== undefined) {
    throw new UsageError('-f, --confirm and --framework-id go with --recover');
  }
  const { runScheduler } = await import('../compose-scheduler.ts');
  return runScheduler(options);
}

export function schedulerOptions(context: Context, flags: SchedulerFlags): SchedulerOptions {
  if (!isLoopback(flags.listen.host)) {
    throw new UsageError(
      `--listen ${flags.listen.host} is not on loopback`,
      'the API is for this machine: take 127.0.0.1, and an SSH tunnel to reach it from elsewhere',
    );
  }
  if (flags.artifactUrl !== undefined && !/^(https?:\/\/[^/]+|file:($|\/\/\/))/i.test(flags.artifactUrl)) {
    throw new UsageError(
      `--artifact-url ${flags.artifactUrl} is neither http(s)://HOST, file:///DIRECTORY nor file:`,
      'give what stands before /artifacts/ on the mirror; file: alone is for agents on this machine',
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
    storeUri: storeUri(flags.store, context.home.store),
    home: context.home,
    listen: flags.listen,
    artifactListen: flags.artifactListen,
    ...(flags.artifactUrl === undefined ? {} : { artifactUrlBase: flags.artifactUrl }),
    agentNodes: parseAgentNodes(flags.agentNode),
    frameworkName: flags.frameworkName,
    role: flags.role,
    principal: flags.principal,
    ...(flags.secretFile === undefined ? {} : { secretPath: resolve(flags.secretFile) }),
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
  throw new UsageError(
    `--store ${given} is not supported`,
    'give a directory as file:/var/lib/kafka-mesos/store',
  );
}
