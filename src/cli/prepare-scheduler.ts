/** All of a scheduler that does not act: the store, the artifacts, the API as a standby, and the candidature. */
import { hostname, userInfo } from 'node:os';
import { inPlace, sha512OfFile, startArtifactServer } from '../api/artifacts.ts';
import { startApiServer } from '../api/server.ts';
import { createSchedulerMetrics } from '../metrics/scheduler-metrics.ts';
import { SpecError, UnavailableError } from '../model/errors.ts';
import type { Leader, Leadership } from '../model/leadership.ts';
import type { FrameworkSettings } from '../model/mesos.ts';
import type { Store } from '../model/store.ts';
import type { ConnectKafka } from '../reconciler/kafka-watch.ts';
import { monotonicMs, systemClock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { defaultPlatform, executorBundle } from './agent-files.ts';
import { readApiSecrets } from './api-secrets.ts';
import { makeHome, publishApi, retractApi } from './home.ts';
import type { SchedulerOptions } from './scheduler-options.ts';
import { logExposed, readSecret } from './secret-files.ts';
import { createServingService } from './serving-service.ts';
import { specChecker } from './spec-problems.ts';
import { createStandbyService } from './standby-service.ts';
import { openStoreBacking } from './store-backing.ts';
import { webUrlOf } from './web-url.ts';

/** What a test puts in the place of the real thing. */
export type SchedulerOverrides = {
  /** Around the store, to see each write or to die at one. */
  readonly wrapStore?: (store: Store) => Store;
  /** Path of another executor, in one file. */
  readonly executorBundle?: string;
  /** For brokers that are no Kafka. */
  readonly connectKafka?: ConnectKafka;
};

export type Closer = () => Promise<void> | void;

export type Base = Awaited<ReturnType<typeof prepare>>;

/** All that does not act: the store, the artifacts, the API as a standby, and the candidature. */
export async function prepare(
  options: SchedulerOptions,
  overrides: SchedulerOverrides,
  logger: Logger,
  closers: Closer[],
) {
  await makeHome(options.home);
  const framework = frameworkOf(options);
  const secret =
    options.secretPath === undefined
      ? options.secret
      : await readSecret(options.secretPath, '--secret-file', logExposed(logger));
  const { tokens, tls } = await readApiSecrets(options, logger);
  const host = hostname();
  const id = `${host}:${process.pid}`;
  const backing = await openStoreBacking(options.store, { logger, self: id });
  closers.push(() => backing.close());
  const metrics = createSchedulerMetrics({
    version: options.version,
    logger,
    monotonicMs,
    wallMs: systemClock.nowMs,
    scheduler: () => service.scheduler(),
  });
  const store = metrics.watchStore(overrides.wrapStore?.(backing.store) ?? backing.store);
  const artifactServer = await startArtifactServer({
    listen: options.artifactListen,
    ...(options.artifactUrlBase === undefined ? {} : { urlBase: options.artifactUrlBase }),
    logger,
    observe: metrics.artifactServed,
  }).catch(cannotListen('--artifact-listen', options.artifactListen));
  closers.push(() => artifactServer.close());
  const serve = async (path: string) => {
    const sha512 = await sha512OfFile(path).catch((cause: unknown) => {
      throw new SpecError('KM_SPEC_AGENT_FILE', `${path}, which agents are to be given, cannot be read`, {
        cause,
        remedy: 'check --agent-node',
      });
    });
    return { uri: artifactServer.register({ path, sha512 }), sha512 };
  };
  const executor = await serve(overrides.executorBundle ?? executorBundle);
  // Our own runs as we speak; tasks of another user may not reach it.
  const seesOurs = options.artifactUrlBase === inPlace && framework.user === userInfo().username;
  const byPlatform = Object.fromEntries(
    await Promise.all(
      Object.entries(options.agentNodes).map(
        async ([platform, path]) =>
          [
            platform,
            { ...(await serve(path)), ...(seesOurs && path === process.execPath ? { path } : {}) },
          ] as const,
      ),
    ),
  );
  const node = { byPlatform, defaultPlatform };

  const identity = {
    version: options.version,
    frameworkName: framework.name,
    role: framework.role,
    master: withoutPassword(options.master),
    startedAtMs: systemClock.nowMs(),
  };
  let standing: Leadership | undefined;
  let self: Leader | undefined;
  const { service, serveAs } = createServingService(
    createStandbyService({
      store,
      leadership: () => standing,
      self: () => self,
      framework,
      clock: systemClock,
      logger,
      identity,
    }),
  );
  const api = await startApiServer({
    service,
    specs: specChecker,
    tokens,
    listen: options.listen,
    ...(tls === undefined ? {} : { tls }),
    allowPlainHttp: options.allowPlainHttp === true,
    version: options.version,
    logger,
    metrics,
    observe: metrics.apiRequest,
  }).catch(cannotListen('--listen', options.listen));
  closers.push(() => api.close());
  closers.push(() => retractApi(options.home));
  self = { id, host, apiUrl: api.url };
  const leadership = await backing.stand(self);
  standing = leadership;
  const leader = await leadership.leader();
  if (leader !== undefined && leader.id !== id) {
    await publishApi(options.home, api.url);
    logger.info('standing by', { leader: leader.id, api: api.url });
  }
  const webuiUrl = webUrlOf(options, api.url);
  return {
    framework: { ...framework, ...(webuiUrl === undefined ? {} : { webuiUrl }) },
    secret,
    store,
    artifactServer,
    executor,
    node,
    identity,
    api,
    self,
    leadership,
    metrics,
    serveAs,
  };
}

/**
 * The operator's, not bugs of ours. A port that is taken and an address that is not there yet (a machine that boots) may
 * pass, and whoever supervises us tries again; what this user must not, or a token that is too short, does not pass.
 */
function cannotListen(flag: string, { host, port }: SchedulerOptions['listen']): (error: unknown) => never {
  return (error) => {
    if (error instanceof RangeError) {
      throw new SpecError('KM_SPEC_LISTEN', error.message, {
        cause: error,
        remedy: `check ${flag} and --token-file`,
      });
    }
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const why = code === 'EADDRINUSE' ? 'the port is taken' : `this machine cannot listen there (${code})`;
    const message = `${flag} ${host}:${port} cannot be used: ${why}`;
    const options = { cause: error, remedy: 'name another port or address; port 0 takes a free one' };
    if (code === 'EACCES') throw new SpecError('KM_SPEC_LISTEN', message, options);
    if (!['EADDRINUSE', 'EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'].includes(code)) throw error;
    throw new UnavailableError('KM_UNAVAILABLE_LISTEN', message, options);
  };
}

function frameworkOf(options: SchedulerOptions): FrameworkSettings {
  return {
    name: options.frameworkName,
    user: options.user,
    role: options.role,
    principal: options.principal,
    failoverTimeoutMs: options.failoverTimeoutMs,
  };
}

/** `zk://user:password@…` without the password, for people and logs. */
function withoutPassword(master: string): string {
  return master.replace(/^(zk:\/\/[^:@/]+):[^@/]*@/, '$1@');
}
