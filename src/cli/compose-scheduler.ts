/** The scheduler process: every port of the reconciler bound to the real thing. */
import { sha512OfFile, startArtifactServer } from '../api/artifacts.ts';
import { startApiServer } from '../api/server.ts';
import { createKafkaAdmin } from '../kafka/admin.ts';
import { createSchedulerClient, type SchedulerClient } from '../mesos/client.ts';
import { detectLeader } from '../mesos/leader.ts';
import { createOperatorClient } from '../mesos/operator.ts';
import { toCall, toEvent, toSubscribe } from '../mesos/translate.ts';
import { InvariantError } from '../model/errors.ts';
import type { FrameworkSettings, MesosPort } from '../model/mesos.ts';
import type { Store } from '../model/store.ts';
import type { ConnectKafka } from '../reconciler/kafka-watch.ts';
import { createReconciler, type Reconciler } from '../reconciler/reconciler.ts';
import { systemClock } from '../sys/clock.ts';
import { createLogger, type Logger } from '../sys/logger.ts';
import { systemRandom } from '../sys/random.ts';
import { defaultPlatform, executorBundle } from './agent-files.ts';
import { createDistributions } from './distributions.ts';
import { exitCodes } from './exit-codes.ts';
import { ensureToken, makeHome, publishApi, retractApi } from './home.ts';
import type { SchedulerOptions } from './scheduler-options.ts';
import { createSchedulerService } from './scheduler-service.ts';
import { openStore, readSecret } from './store-and-secret.ts';

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
 * Runs the scheduler until SIGTERM or SIGINT; resolves to the exit code. Serves the API on
 * `options.listen`, says where by `publishApi`, and takes that back when it ends. Brokers outlive it.
 */
export async function runScheduler(
  options: SchedulerOptions,
  overrides: SchedulerOverrides = {},
): Promise<number> {
  const logger = createLogger({ level: options.logLevel });
  const startedAtMs = systemClock.nowMs();
  const closers: (() => Promise<void> | void)[] = [];
  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  try {
    await makeHome(options.home);
    const framework = frameworkOf(options);
    const secret = options.secretPath === undefined ? undefined : await readSecret(options.secretPath);
    const opened = await openStore(options.storeUri);
    closers.push(() => opened.close());
    const store = overrides.wrapStore?.(opened) ?? opened;
    const artifactServer = await startArtifactServer({
      listen: options.artifactListen,
      ...(options.artifactUrlBase === undefined ? {} : { urlBase: options.artifactUrlBase }),
      logger,
    });
    closers.push(() => artifactServer.close());
    const serve = async (path: string) => {
      const sha512 = await sha512OfFile(path);
      return { uri: artifactServer.register({ path, sha512 }), sha512 };
    };
    const executor = await serve(overrides.executorBundle ?? executorBundle);
    const byPlatform = Object.fromEntries(
      await Promise.all(
        Object.entries(options.agentNodes).map(
          async ([platform, path]) => [platform, await serve(path)] as const,
        ),
      ),
    );
    const node = { byPlatform, defaultPlatform };

    let client: SchedulerClient | undefined;
    const mesos: MesosPort = {
      send: async (call) => {
        if (client === undefined)
          throw new InvariantError('KM_BUG_NO_CLIENT', 'a call before the client was made');
        await client.call(toCall(call, framework));
      },
    };
    const reconciler: Reconciler = createReconciler({
      clock: systemClock,
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
            clock: systemClock,
            logger,
          })),
      framework,
      artifacts: () => {
        for (const { spec } of reconciler.memory()) {
          if (spec.desired.kafka.distribution === undefined) distributions.want(spec.desired.kafka.version);
        }
        return { executor, node, kafka: distributions.kafka(), kafkaMissing: distributions.kafkaMissing() };
      },
      // The directory lock of the store makes this process the only one.
      mayAct: () => true,
      onFatal: (error) => {
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
        end(exitCodes.failed);
      },
    });
    const distributions = createDistributions({
      cacheDir: options.home.dist,
      artifacts: artifactServer,
      clock: systemClock,
      logger,
      onChange: () => reconciler.wake(),
    });
    await reconciler.start();
    closers.push(() => reconciler.stop());

    const detector = detectLeader(options.master, { logger });
    closers.push(() => detector.close());
    const operator = createOperatorClient({
      detector,
      ...(secret === undefined ? {} : { credentials: { principal: options.principal, secret } }),
    });
    client = createSchedulerClient({
      detector,
      clock: systemClock,
      random: systemRandom,
      logger,
      ...(secret === undefined ? {} : { credentials: { principal: options.principal, secret } }),
      subscription: () => toSubscribe(framework, reconciler.frameworkId()),
      onEvent: (event) => {
        const translated = toEvent(event, framework.role, systemClock.nowMs());
        if (translated !== undefined) reconciler.onMesosEvent(translated);
      },
      onConnection: (connection) => tellConnection(reconciler, connection, logger),
    });
    closers.push(() => client?.close());

    const token = await ensureToken(options.home);
    const api = await startApiServer({
      service: createSchedulerService({
        reconciler,
        identity: {
          version: options.version,
          frameworkName: framework.name,
          role: framework.role,
          master: withoutPassword(options.master),
          startedAtMs,
        },
        ...(secret === undefined ? {} : { credential: { principal: options.principal, secret } }),
        inventory: () => operator.inventory(),
      }),
      token,
      listen: options.listen,
      version: options.version,
      logger,
    });
    closers.push(() => api.close());
    client.start();
    await publishApi(options.home, api.url);
    closers.push(() => retractApi(options.home));
    logger.info('scheduler started', {
      api: api.url,
      artifacts: artifactServer.url,
      master: withoutPassword(options.master),
    });

    const stop = (signal: NodeJS.Signals) => {
      logger.info('stopping, the brokers go on', { signal });
      end(0);
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    return await ended;
  } finally {
    for (const close of closers.reverse()) {
      await Promise.resolve(close()).catch((error: unknown) =>
        logger.warn('not closed cleanly', { error: String(error) }),
      );
    }
  }
}

function tellConnection(
  reconciler: Reconciler,
  connection: ReturnType<SchedulerClient['connection']>,
  logger: Logger,
): void {
  switch (connection.kind) {
    case 'disconnected':
      logger.warn('disconnected from mesos', {
        error: connection.error.message,
        retryAtMs: connection.retryAtMs,
      });
      reconciler.onMesosEvent({ kind: 'disconnected' });
      return;
    case 'failed-over':
      reconciler.onMesosEvent({ kind: 'failed-over' });
      return;
    case 'removed':
      reconciler.onMesosEvent({
        kind: 'framework-removed',
        message: 'it was torn down, or away for longer than its failover timeout',
      });
      return;
    case 'connecting':
    case 'subscribed':
    case 'closed':
      return;
  }
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
