/** The scheduler process: every port of the reconciler bound to the real thing. */
import { hostname, userInfo } from 'node:os';
import { inPlace, sha512OfFile, startArtifactServer } from '../api/artifacts.ts';
import { startApiServer } from '../api/server.ts';
import { createFollower, type Follower } from '../gitops/follower.ts';
import { createGit } from '../gitops/git.ts';
import { createKafkaAdmin } from '../kafka/admin.ts';
import { createSchedulerClient, type SchedulerClient } from '../mesos/client.ts';
import { toEvent } from '../mesos/from-wire.ts';
import { detectLeader } from '../mesos/leader.ts';
import { createOperatorClient } from '../mesos/operator.ts';
import { toCall, toSubscribe } from '../mesos/to-wire.ts';
import { createSchedulerMetrics } from '../metrics/scheduler-metrics.ts';
import type { MesosConnection } from '../model/api.ts';
import {
  ConflictError,
  InvariantError,
  type KafkaMesosError,
  SpecError,
  UnavailableError,
} from '../model/errors.ts';
import type { Leader, Leadership } from '../model/leadership.ts';
import type { FrameworkSettings } from '../model/mesos.ts';
import type { Store } from '../model/store.ts';
import { isLeadershipLost, requireLeadership } from '../reconciler/guard.ts';
import type { ConnectKafka } from '../reconciler/kafka-watch.ts';
import { createReconciler, type Reconciler } from '../reconciler/reconciler.ts';
import { monotonicMs, systemClock, type Timer } from '../sys/clock.ts';
import { createLogger, type Logger } from '../sys/logger.ts';
import { systemRandom } from '../sys/random.ts';
import { createSteadyClock } from '../sys/steady-clock.ts';
import { defaultPlatform, executorBundle } from './agent-files.ts';
import { readApiSecrets } from './api-secrets.ts';
import { createDistributions } from './distributions.ts';
import { exitCodes } from './exit-codes.ts';
import { refuseSecondFramework } from './first-subscription.ts';
import { createFollowingService } from './following-service.ts';
import { makeHome, publishApi, retractApi } from './home.ts';
import { foldConnection, tellConnection } from './mesos-connection.ts';
import type { SchedulerOptions } from './scheduler-options.ts';
import { createSchedulerService } from './scheduler-service.ts';
import { logExposed, readSecret } from './secret-files.ts';
import { createServingService } from './serving-service.ts';
import { specChecker, warmUpParser } from './spec-problems.ts';
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

/**
 * Runs the scheduler until SIGTERM or SIGINT, or until it may not lead any more; resolves to the exit code.
 * Serves the API on `options.listen`, says where by `publishApi`, and takes that back when it ends. While
 * another one leads it stands by and only reads. Brokers outlive it.
 */
export async function runScheduler(
  options: SchedulerOptions,
  overrides: SchedulerOverrides = {},
): Promise<number> {
  const logger = createLogger({ level: options.logLevel });
  const closers: Closer[] = [];
  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  let isClosing = false;
  const fail = (error: KafkaMesosError) => {
    // A session that we close ends a leadership, and nothing has failed.
    if (isClosing) return;
    if (error.code === 'KM_CONFLICT_TORN_DOWN') {
      logger.warn('the scheduler ends', { code: error.code, reason: error.message });
      // The answer to whoever asked for it goes out first.
      systemClock.setTimer(1_000, () => end(exitCodes.ok));
      return;
    }
    logger.error('the scheduler ends', {
      code: error.code,
      error: error.message,
      remedy: error.remedy,
      stack: error.code.startsWith('KM_BUG') ? error.stack : undefined,
    });
    end(exitCodeOf(error));
  };
  const stop = (signal: NodeJS.Signals) => {
    logger.info('stopping, the brokers go on', { signal });
    end(exitCodes.ok);
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  try {
    const base = await prepare(options, overrides, logger, closers);
    const { leadership } = base;
    const lost = leadership.lost.then((why) => {
      fail(new ConflictError('KM_CONFLICT_LEADERSHIP_LOST', `this scheduler is out of the election: ${why}`));
    });
    const elected = await Promise.race([
      leadership.elected().then(
        () => true,
        () => lost.then(() => false),
      ),
      ended.then(() => false),
    ]);
    if (elected) await lead(base, options, overrides, { logger, closers, fail, ended });
    return await ended;
  } finally {
    isClosing = true;
    // Whatever is decided from here on, nothing is sent: closing begins with what sends.
    for (const close of closers.reverse()) await closeInTime(close, logger);
  }
}

/** A pass is begun at least this often, as the metric of the last one says. */
const heartbeatMs = 60_000;

type Closer = () => Promise<void> | void;

const closeTimeoutMs = 5_000;

/** A peer that does not answer cannot keep a scheduler that is over. */
async function closeInTime(close: Closer, logger: Logger): Promise<void> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = systemClock.setTimer(closeTimeoutMs, () => reject(new Error(`not within ${closeTimeoutMs} ms`)));
  });
  await Promise.race([Promise.resolve().then(close), late]).catch((error: unknown) =>
    logger.warn('not closed cleanly', { error: String(error) }),
  );
  timer?.cancel();
}

type Base = Awaited<ReturnType<typeof prepare>>;

/** All that does not act: the store, the artifacts, the API as a standby, and the candidature. */
async function prepare(
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

/** Takes over: claims the store, reads it, subscribes. */
async function lead(
  base: Base,
  options: SchedulerOptions,
  overrides: SchedulerOverrides,
  run: {
    readonly logger: Logger;
    readonly closers: Closer[];
    readonly fail: (error: KafkaMesosError) => void;
    readonly ended: Promise<number>;
  },
): Promise<void> {
  const { framework, secret, store, artifactServer, executor, node, leadership, metrics } = base;
  const { logger, closers, fail } = run;
  // What decides by stored times, and what its readings are compared with.
  const clock = createSteadyClock(systemClock, () => performance.now());
  let client: SchedulerClient | undefined;
  const leadsSinceMs = systemClock.nowMs();
  let connection: MesosConnection = { state: 'not-subscribed', sinceMs: leadsSinceMs };
  const mesos = metrics.watchMesos({
    send: async (call) => {
      if (client === undefined)
        throw new InvariantError('KM_BUG_NO_CLIENT', 'a call before the client was made');
      await client.call(toCall(call, framework));
    },
  });
  const reconciler: Reconciler = createReconciler({
    clock,
    random: systemRandom,
    logger,
    store,
    mesos,
    connectKafka:
      overrides.connectKafka ??
      ((clusterName, bootstrap) =>
        createKafkaAdmin({
          bootstrap,
          clientId: `kafka-mesos-${clusterName}`,
          clusterId: () =>
            reconciler.memory().find((c) => c.spec.desired.name === clusterName)?.cluster?.clusterId,
          clock,
          logger,
        })),
    framework,
    self: base.self.id,
    artifacts: () => {
      for (const { spec } of reconciler.memory()) {
        if (spec.desired.kafka.distribution === undefined) distributions.want(spec.desired.kafka.version);
      }
      return { executor, node, kafka: distributions.kafka(), kafkaMissing: distributions.kafkaMissing() };
    },
    mayAct: leadership.mayAct,
    onFatal: fail,
    observer: metrics.observer,
  });
  const distributions = createDistributions({
    cacheDir: options.home.dist,
    artifacts: artifactServer,
    clock: systemClock,
    logger,
    onChange: () => reconciler.wake(),
  });
  closers.push(() => reconciler.stop());
  try {
    await reconciler.start({ registerAnew: options.registerAnew });
  } catch (error) {
    // What a supervisor can tell by its exit code ends it as it would later on.
    if (error instanceof ConflictError && exitCodeOf(error) !== exitCodes.failed) return fail(error);
    throw error;
  }

  const detector = detectLeader(options.master, { logger });
  closers.push(() => detector.close());
  const credentials = secret === undefined ? undefined : { principal: options.principal, secret };
  const operator = createOperatorClient({ detector, ...(credentials === undefined ? {} : { credentials }) });
  client = createSchedulerClient({
    detector,
    clock: systemClock,
    random: systemRandom,
    logger,
    ...(credentials === undefined ? {} : { credentials }),
    subscription: () => {
      // A subscription of the past throws out the scheduler that has taken over since.
      requireLeadership(leadership.mayAct);
      return toSubscribe(framework, reconciler.frameworkId());
    },
    onEvent: (event) => {
      const translated = toEvent(event, framework.role, clock.nowMs());
      if (translated === undefined) return;
      metrics.mesosEvent(translated);
      reconciler.onMesosEvent(translated);
    },
    onConnection: (news) => {
      connection = foldConnection(connection, news, systemClock.nowMs());
      tellConnection(reconciler, news, logger);
    },
  });
  closers.push(() => client?.close());
  void leadership.lost.then(() => client?.close());

  const follower = options.specs === undefined ? undefined : follow(options.specs, reconciler, logger);
  closers.push(() => follower?.close());
  const following = createFollowingService(reconciler, follower);
  metrics.lead(() => ({
    clusters: following.statuses(),
    kafka: reconciler.readings(),
    appliedAtMs: new Map(reconciler.memory().map(({ spec }) => [spec.desired.name, spec.appliedAtMs])),
  }));
  base.serveAs(
    createSchedulerService({
      reconciler,
      following,
      identity: base.identity,
      self: base.self,
      leadsSinceMs,
      standbys: () => leadership.standbys(),
      connection: () => connection,
      recallKafka: distributions.recall,
      ...(credentials === undefined ? {} : { credential: credentials }),
      inventory: () => operator.inventory(),
    }),
  );
  if (reconciler.frameworkId() === undefined) {
    const asking = new AbortController();
    closers.push(() => asking.abort());
    const refusal = await Promise.race([
      refuseSecondFramework({
        inventory: () => operator.inventory(),
        framework,
        removedId: reconciler.removedFrameworkId(),
        clock: systemClock,
        logger,
        // It may take long: who asks is told that Mesos is not there.
        onWait: () => publishApi(options.home, base.api.url),
        signal: asking.signal,
      }),
      run.ended,
    ]);
    if (typeof refusal === 'number') return;
    if (refusal !== undefined) return fail(refusal);
  }
  client.start();
  // What is calm passes seldom, and whoever watches has to tell it from what hangs.
  const heartbeat = setInterval(reconciler.wake, heartbeatMs);
  closers.push(() => clearInterval(heartbeat));
  await publishApi(options.home, base.api.url);
  logger.info('scheduler started', {
    api: base.api.url,
    artifacts: options.artifactUrlBase ?? artifactServer.url,
    master: base.identity.master,
  });
  void follower?.look();
  // What comes next is the first spec, and it need not wait until the schema is compiled (100 ms).
  if (reconciler.memory().length === 0) setImmediate(warmUpParser);
}

function follow(
  specs: NonNullable<SchedulerOptions['specs']>,
  reconciler: Reconciler,
  logger: Logger,
): Follower {
  return createFollower({
    ...specs,
    git: createGit(),
    known: () => reconciler.memory().map(({ spec }) => spec),
    async take({ cluster, source, author }) {
      await reconciler.apply([cluster], author, {}, { kind: 'directory', source });
    },
    clock: systemClock,
    logger,
  });
}

function exitCodeOf(error: KafkaMesosError): number {
  if (isLeadershipLost(error) || error.code === 'KM_CONFLICT_FAILED_OVER') return exitCodes.lostLeadership;
  if (error.code === 'KM_CONFLICT_FRAMEWORK_REMOVED') return exitCodes.frameworkRemoved;
  if (error.code === 'KM_CONFLICT_FRAMEWORK_LOST') return exitCodes.badConfig;
  return exitCodes.failed;
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
