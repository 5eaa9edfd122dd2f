/** Revisions and the directory of specs, as the API has them, over the reconciler. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Follower } from '../gitops/follower.ts';
import { withSource } from '../gitops/with-source.ts';
import type { ApplyRequest, FollowAnswer, FollowingService } from '../model/api.ts';
import type { SpecRecord } from '../model/records.ts';
import type { DirectoryStatus, SourceStatus } from '../model/source.ts';
import { sourceFromRecord } from '../model/source-line.ts';
import type { ClusterStatus } from '../model/status.ts';
import type { FollowOrder } from '../reconciler/follow-orders.ts';
import type { Reconciler } from '../reconciler/ports.ts';
import type { SpecOrigin } from '../reconciler/spec-revisions.ts';

/** An answer goes out in time, however long a directory takes to be read: what is stored is stored. */
const patienceMs = 7_000;
/** The same where Kafka is waited for as well. */
const shortPatienceMs = 4_000;

export type Following = FollowingService & {
  /** Undefined: no file owns it. */
  sourceOf(clusterName: string): SourceStatus | undefined;
  /** Those of the reconciler, each with how it stands to its file. */
  statuses(): readonly ClusterStatus[];
  /** Undefined: no directory is followed. */
  directory(): DirectoryStatus | undefined;
  /** By what right a command applies. */
  originOf(request: ApplyRequest): SpecOrigin;
};

/** Without a follower no directory is watched; what files own clusters is in the store all the same. */
export function createFollowingService(reconciler: Reconciler, follower: Follower | undefined): Following {
  const sources = (): ((clusterName: string) => SourceStatus | undefined) => {
    const find =
      follower?.sources() ??
      ((spec: SpecRecord) => sourceFromRecord(spec, 'this scheduler follows no directory'));
    return (clusterName) => {
      const spec = reconciler.spec(clusterName);
      return spec === undefined ? undefined : find(spec);
    };
  };
  const sourceOf = (clusterName: string) => sources()(clusterName);
  const look = async (consent?: string, withinMs = patienceMs): Promise<void> => {
    if (follower === undefined) return;
    const enough = new AbortController();
    await Promise.race([
      follower.look(consent),
      sleep(withinMs, undefined, { signal: enough.signal }).catch(() => {}),
    ]);
    enough.abort();
  };
  const obey = async (clusterName: string, order: FollowOrder): Promise<FollowAnswer> => {
    await reconciler.follow(clusterName, order);
    await look(order.kind === 'resume' ? clusterName : undefined);
    const source = sourceOf(clusterName);
    return {
      clusterName,
      revision: reconciler.spec(clusterName)?.revision ?? 0,
      ...(source === undefined ? {} : { source }),
    };
  };
  const isKnown = (name: string): boolean =>
    reconciler.spec(name) !== undefined || reconciler.removed().has(name);
  return {
    sourceOf,
    statuses() {
      const find = sources();
      return reconciler.statuses().map((status) => withSource(status, find(status.name)));
    },
    directory: () => follower?.status(),
    originOf: ({ takeOver = false }) => ({
      kind: 'command',
      takeOver,
      ...(follower === undefined
        ? {}
        : { isAbandoned: follower.isAbandoned, directory: follower.status().directory }),
    }),
    revisions: (clusterName) => reconciler.revisions(clusterName),
    suspend: (clusterName, request) => obey(clusterName, { kind: 'suspend', ...request }),
    resume: async (clusterName, request) =>
      isKnown(clusterName) ? await obey(clusterName, { kind: 'resume', ...request }) : undefined,
    rollback: (clusterName, request) => obey(clusterName, { kind: 'rollback', ...request }),
    async reconcile({ clusterName }) {
      await look(undefined, shortPatienceMs);
      const pass = await reconciler.reconcileNow(clusterName);
      return { pass, ...(follower === undefined ? {} : { specs: follower.status() }) };
    },
  };
}
