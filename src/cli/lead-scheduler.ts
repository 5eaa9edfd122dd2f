/** A scheduler that leads: the loop, bound to Mesos, Kafka, the directory of specs and the API. */
import { createGit } from '../gitops/git.ts';
import { createKafkaAdmin } from '../kafka/admin.ts';
import { createSchedulerClient, type SchedulerClient } from '../mesos/client.ts';
import { toEvent } from '../mesos/from-wire.ts';
import { detectLeader } from '../mesos/leader.ts';
import { createOperatorClient } from '../mesos/operator.ts';
import { toCall, toSubscribe } from '../mesos/to-wire.ts';
import type { MesosConnection } from '../model/api.ts';
import { ConflictError, InvariantError, type KafkaMesosError } from '../model/errors.ts';
import { isLeadershipLost, requireLeadership } from '../reconciler/guard.ts';
import type { Reconciler } from '../reconciler/ports.ts';
import { createReconciler } from '../reconciler/reconciler.ts';
import { systemClock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { systemRandom } from '../sys/random.ts';
import { createSteadyClock } from '../sys/steady-clock.ts';
import { createDistributions } from './distributions.ts';
import { exitCodes } from './exit-codes.ts';
import { refuseSecondFramework } from './first-subscription.ts';
import { followSpecs } from './follow-specs.ts';
import { createFollowingService } from './following-service.ts';
import { publishApi } from './home.ts';
import { foldConnection, tellConnection } from './mesos-connection.ts';
import type { Base, Closer, SchedulerOverrides } from './prepare-scheduler.ts';
import type { SchedulerOptions } from './scheduler-options.ts';
import { createSchedulerService } from './scheduler-service.ts';
import { warmUpParser } from './spec-problems.ts';

/** A pass is begun at least this often, as the metric of the last one says. */
const heartbeatMs = 60_000;

/** Takes over: claims the store, reads it, subscribes. */
export async function lead(
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
    onFatal: (error) => {
      // The master ends the stream of who tears down; subscribed again, by a store that knows no id, it would be another
      // framework, and left behind.
      client?.close();
      fail(error);
    },
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
    // The lease was asked for when the loop sent it; behind a slow answer it may have run out since.
    beforeCall: () => requireLeadership(leadership.mayAct),
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

  const follower =
    options.specs === undefined
      ? undefined
      : followSpecs(reconciler, { ...options.specs, git: createGit(), clock: systemClock, logger });
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

export function exitCodeOf(error: KafkaMesosError): number {
  if (isLeadershipLost(error) || error.code === 'KM_CONFLICT_FAILED_OVER') return exitCodes.lostLeadership;
  if (error.code === 'KM_CONFLICT_FRAMEWORK_REMOVED') return exitCodes.frameworkRemoved;
  if (error.code === 'KM_CONFLICT_FRAMEWORK_LOST') return exitCodes.badConfig;
  return exitCodes.failed;
}
