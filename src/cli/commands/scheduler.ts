import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ListenAddress } from '../../api/listen-address.ts';
import { SpecError } from '../../model/errors.ts';
import type { LogLevel } from '../../sys/logger.ts';
import { parseAgentNodes } from '../agent-files.ts';
import type { Context } from '../context.ts';
import { describeFailure, UsageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { applySchedulerConfig } from '../scheduler-config.ts';
import { refuseMistakes } from '../scheduler-mistakes.ts';
import type { SchedulerOptions } from '../scheduler-options.ts';

/** As commander parsed them. */
export type SchedulerFlags = {
  readonly master?: string;
  readonly config?: string;
  readonly store?: string;
  readonly specs?: string;
  readonly listen: ListenAddress;
  readonly artifactListen: ListenAddress;
  readonly artifactUrl?: string;
  readonly agentNode: readonly string[];
  readonly frameworkName: string;
  readonly role: string;
  readonly principal: string;
  readonly secretFile?: string;
  readonly tokenFile?: string;
  readonly readTokenFile?: string;
  readonly tlsCertFile?: string;
  readonly tlsKeyFile?: string;
  readonly allowPlainHttp?: boolean;
  readonly webUrl?: string;
  readonly storeCredentialsFile?: string;
  readonly sessionTimeout: number;
  readonly user?: string;
  readonly failoverTimeout: number;
  readonly logLevel: LogLevel;
  readonly registerAnew?: string;
  readonly recover?: boolean;
  readonly file: readonly string[];
  readonly frameworkId?: string;
  readonly confirm?: boolean;
};

/** Runs in the foreground until it is told to stop; brokers outlive it. */
export async function scheduler(context: Context, command: Command): Promise<number> {
  try {
    const { config } = command.opts<SchedulerFlags>();
    const places = config === undefined ? new Map() : await applySchedulerConfig(command, config);
    const flags = command.opts<SchedulerFlags>();
    refuseMistakes(command, flags, places);
    const options = schedulerOptions(context, flags);
    if (flags.recover === true && flags.registerAnew !== undefined) {
      throw new UsageError(
        '--register-anew goes with a store that is there, --recover with one that is lost',
      );
    }
    if (flags.recover === true)
      return await (await import('./recover.ts')).recoverStore(context, options, flags);
    if (flags.file.length > 0 || flags.confirm === true || flags.frameworkId !== undefined) {
      throw new UsageError('-f, --confirm and --framework-id go with --recover');
    }
    const { runScheduler } = await import('../run-scheduler.ts');
    return await runScheduler(options);
  } catch (error) {
    // What the operator wrote cannot be used: to start again does not help, and supervisors can tell.
    if (!(error instanceof SpecError)) throw error;
    context.io.err(describeFailure(error, { id: '', logPath: context.home.cliLog }).text);
    return exitCodes.badConfig;
  }
}

/** Of flags without mistakes. */
function schedulerOptions(context: Context, flags: SchedulerFlags): SchedulerOptions {
  if (flags.master === undefined) {
    throw new UsageError(
      'the address of Mesos is missing',
      'give it by --master, KAFKA_MESOS_MASTER or in the file of --config',
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
    ...(flags.specs === undefined ? {} : { specs: { directory: flags.specs, path: resolve(flags.specs) } }),
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
    ...(flags.readTokenFile === undefined ? {} : { readTokenPath: resolve(flags.readTokenFile) }),
    ...(flags.tlsCertFile === undefined || flags.tlsKeyFile === undefined
      ? {}
      : { tls: { certPath: resolve(flags.tlsCertFile), keyPath: resolve(flags.tlsKeyFile) } }),
    ...(flags.allowPlainHttp === undefined ? {} : { allowPlainHttp: flags.allowPlainHttp }),
    ...(flags.webUrl === undefined ? {} : { webUrl: flags.webUrl }),
    user: flags.user ?? userInfo().username,
    failoverTimeoutMs: flags.failoverTimeout,
    ...(flags.registerAnew === undefined ? {} : { registerAnew: flags.registerAnew }),
    logLevel: flags.logLevel,
    version: context.version,
  };
}

function storeUri(given: string | undefined, fallback: string): string {
  const path = given === undefined ? fallback : /^file:(?:\/\/)?(.+)$/.exec(given)?.[1];
  return path === undefined ? (given ?? '') : `file:${resolve(path)}`;
}
