/** The API's service over the reconciler. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readSandboxTail } from '../mesos/sandbox.ts';
import type {
  ApplyAnswer,
  ApplyRequest,
  IntentAnswer,
  IntentRequest,
  LogRequest,
  MesosConnection,
  PlanAnswer,
  SchedulerService,
  SchedulerStatus,
  SpecRequest,
} from '../model/api.ts';
import { UnavailableError, UnsafePlanError } from '../model/errors.ts';
import type { Leader } from '../model/leadership.ts';
import type { MesosInventory } from '../model/mesos-inventory.ts';
import type { TeardownAnswer, TeardownRequest } from '../model/teardown.ts';
import { findLeftovers } from '../plan/leftovers.ts';
import type { Reconciler } from '../reconciler/ports.ts';
import type { ParsedSpec } from '../spec/parse.ts';
import type { Following } from './following-service.ts';
import { keepStatuses } from './kept-statuses.ts';
import { readSpec } from './read-spec.ts';
import { validOf, warningsOf } from './spec-problems.ts';

export function createSchedulerService(deps: {
  readonly reconciler: Reconciler;
  readonly identity: Pick<SchedulerStatus, 'version' | 'frameworkName' | 'role' | 'master' | 'startedAtMs'>;
  readonly self: Leader;
  readonly leadsSinceMs: number;
  readonly standbys: () => Promise<number>;
  readonly connection: () => MesosConnection;
  readonly credential?: { readonly principal: string; readonly secret: string };
  /** Finds a version of Kafka that is here already. */
  readonly recallKafka: (version: string) => Promise<void>;
  readonly following: Following;
  /** What the master knows; asked by the teardown only. */
  readonly inventory: () => Promise<MesosInventory>;
}): SchedulerService {
  const { reconciler } = deps;
  const { sourceOf, statuses, directory, originOf, revisions, ...orders } = deps.following;
  const kept = keepStatuses(statuses);
  reconciler.onChange(kept.forget);
  /** Whoever ordered something and looks then sees it. */
  const forgetting =
    <Args extends readonly unknown[], Answer>(order: (...args: Args) => Promise<Answer>) =>
    (...args: Args): Promise<Answer> =>
      order(...args).finally(kept.forget);
  return {
    scheduler: async () => {
      const frameworkId = reconciler.frameworkId();
      const standbys = await deps.standbys().catch(() => undefined);
      const specs = directory();
      return {
        ...deps.identity,
        ...(frameworkId === undefined ? {} : { frameworkId }),
        ...reconciler.counters(),
        mesos: deps.connection(),
        ...(specs === undefined ? {} : { specs }),
        leadership: {
          state: 'leading',
          leader: deps.self,
          sinceMs: deps.leadsSinceMs,
          ...(standbys === undefined ? {} : { standbys }),
        },
      };
    },
    clusters: kept.get,
    cluster: (name) => kept.get().find((c) => c.name === name),
    spec: async (name) => reconciler.spec(name),
    async plan(request: SpecRequest): Promise<PlanAnswer> {
      const parsed = validOf(await readSpec(request.files));
      await recallKafka(parsed);
      const clusters = reconciler.preview(parsed.clusters.map((c) => c.desired)).map((plan) => {
        const source = sourceOf(plan.name);
        return source === undefined ? plan : { ...plan, source };
      });
      return { clusters, warnings: warningsOf(parsed) };
    },
    apply: forgetting(async (request: ApplyRequest): Promise<ApplyAnswer> => {
      const parsed = validOf(await readSpec(request.files));
      const { author, expectedRevisions, expectedIndexes } = request;
      // What the plan looked at, so that the same is looked at again.
      if (expectedIndexes !== undefined) await recallKafka(parsed);
      const clusters = await reconciler.apply(
        parsed.clusters,
        author,
        expectedRevisions,
        originOf(request),
        expectedIndexes,
      );
      return { clusters, warnings: warningsOf(parsed) };
    }),
    setIntent: forgetting(async (request: IntentRequest): Promise<IntentAnswer> => {
      const { clusterName, brokerId, intent, author } = request;
      await reconciler.setIntent(clusterName, brokerId, intent, author);
      const status = reconciler.statuses().find((c) => c.name === clusterName);
      const now = status?.brokers.find((b) => b.id === brokerId)?.intent;
      return { brokerId, ...(now === undefined ? {} : { intent: now }) };
    }),
    teardown: forgetting(teardown),
    readLog: (request) => readLog(request),
    revisions,
    suspend: forgetting(orders.suspend),
    resume: forgetting(orders.resume),
    rollback: forgetting(orders.rollback),
    reconcile: forgetting(orders.reconcile),
    events: async (query) => reconciler.events(query),
    onChange: reconciler.onChange,
  };

  async function recallKafka({ clusters }: ParsedSpec): Promise<void> {
    await Promise.all(
      clusters
        .filter(({ desired }) => desired.kafka.distribution === undefined)
        .map(({ desired }) => deps.recallKafka(desired.kafka.version)),
    );
  }

  async function teardown({ confirm, author, abandon }: TeardownRequest): Promise<TeardownAnswer> {
    const { frameworkName } = deps.identity;
    if (confirm !== frameworkName) {
      throw new UnsafePlanError(
        'KM_UNSAFE_CONFIRM',
        `the teardown of ${frameworkName} is confirmed by its name, not by ${confirm}`,
        { remedy: `nothing was done; say --confirm ${frameworkName} if that is the framework to end` },
      );
    }
    await reconciler.beginTeardown(author);
    const memory = reconciler.memory();
    const clusters = memory.map((c) => c.spec.desired.name);
    const left = findLeftovers(
      await deps.inventory(),
      { name: frameworkName, id: reconciler.frameworkId() },
      memory,
    );
    if (!abandon && (clusters.length > 0 || left.length > 0)) {
      return { done: false, clusters, left };
    }
    await reconciler.finishTeardown({ abandon, isGone });
    return { done: true, clusters: [], left };
  }

  /** Asked a few times, since the master takes a moment. */
  async function isGone(): Promise<boolean> {
    for (let tries = 0; tries < 20; tries += 1) {
      const { frameworks } = await deps.inventory();
      if (!frameworks.some((f) => f.id === reconciler.frameworkId() && !f.completed)) return true;
      await sleep(250);
    }
    return false;
  }

  async function readLog({ clusterName, brokerId, file, bytes }: LogRequest) {
    const record = reconciler
      .memory()
      .find((c) => c.spec.desired.name === clusterName)
      ?.brokers.get(brokerId);
    const taskId = record?.task?.taskId ?? record?.last?.taskId;
    const agentUrl = record?.placement?.agentUrl;
    const frameworkId = reconciler.frameworkId();
    if (record === undefined || taskId === undefined || agentUrl === undefined || frameworkId === undefined) {
      throw new UnavailableError(
        'KM_UNAVAILABLE_LOG',
        `broker ${brokerId} of ${clusterName} was never launched, so it has no log`,
        {
          remedy: `see why by \`kafka-mesos describe broker ${brokerId}\``,
        },
      );
    }
    const tail = await readSandboxTail({
      agentUrl: agentUrl.replace(/\/slave\(\d+\)$/, ''),
      frameworkId,
      executorId: taskId,
      file,
      bytes,
      ...(deps.credential === undefined ? {} : { credential: deps.credential }),
    });
    return { ...tail, agent: record.placement?.hostname ?? '' };
  }
}
