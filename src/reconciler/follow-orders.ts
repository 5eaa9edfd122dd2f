/** Stores whether a cluster follows its file, and goes back to earlier revisions. */
import { ConflictError, SpecError, UnsafePlanError } from '../model/errors.ts';
import type { SpecRecord } from '../model/records.ts';
import type { Memory } from './memory.ts';
import { withoutFollowing } from './spec-revisions.ts';

export type FollowOrder = { readonly author: string; readonly reason?: string } & (
  | { readonly kind: 'suspend' | 'resume' }
  | { readonly kind: 'rollback'; readonly revision: number }
);

export type FollowedOrder =
  | {
      readonly kind: 'stored';
      readonly spec: SpecRecord;
      /** Brokers have something to do. */
      readonly isNewRevision: boolean;
      /** For the events; absent: nothing changed. */
      readonly news?: string;
    }
  /** There is no such cluster any more; its file may form it anew. */
  | { readonly kind: 'removed'; readonly news: string };

/**
 * Errors: `ConflictError` `KM_CONFLICT_NOT_FOLLOWED` where no file owns the cluster or there is no such cluster,
 * `SpecError` `KM_SPEC_REVISION` for a revision that is not kept, `UnsafePlanError` for one that removes the cluster.
 */
export async function storeFollowOrder(
  memory: Memory,
  clusterName: string,
  order: FollowOrder,
  nowMs: number,
): Promise<FollowedOrder> {
  const known = memory.cluster(clusterName)?.spec;
  if (known === undefined) {
    const removed = memory.removed().get(clusterName);
    if (removed !== undefined && order.kind === 'resume') {
      await memory.forgetRemoved(clusterName);
      return {
        kind: 'removed',
        news: `following ${removed.source.path} resumed: cluster ${clusterName}, which was removed, may be formed anew`,
      };
    }
    throw new ConflictError('KM_CONFLICT_NOT_FOLLOWED', `there is no cluster ${clusterName}`, {
      remedy: 'look at `kafka-mesos get clusters`',
    });
  }
  if (order.kind === 'rollback') return rollBack(memory, known, order, nowMs);
  if (known.source === undefined) {
    throw new ConflictError(
      'KM_CONFLICT_NOT_FOLLOWED',
      `cluster ${clusterName} belongs to no file of a directory: it changes by \`kafka-mesos apply\` only`,
      { remedy: 'nothing has to be suspended or resumed' },
    );
  }
  const { author, reason } = order;
  const why = reason === undefined ? '' : `: ${reason}`;
  if (order.kind === 'suspend') {
    if (known.suspension !== undefined) return { kind: 'stored', spec: known, isNewRevision: false };
    const spec: SpecRecord = {
      ...known,
      suspension: { kind: 'asked', author, atMs: nowMs, ...(reason === undefined ? {} : { reason }) },
    };
    await memory.writeSpec(spec);
    return {
      kind: 'stored',
      spec,
      isNewRevision: false,
      news: `following ${known.source.path} suspended${why}`,
    };
  }
  if (known.suspension === undefined) return { kind: 'stored', spec: known, isNewRevision: false };
  const spec: SpecRecord = { ...withoutFollowing(known), source: known.source };
  await memory.writeSpec(spec);
  return { kind: 'stored', spec, isNewRevision: false, news: `following ${known.source.path} resumed${why}` };
}

async function rollBack(
  memory: Memory,
  known: SpecRecord,
  { revision, author, reason }: FollowOrder & { readonly kind: 'rollback' },
  nowMs: number,
): Promise<FollowedOrder> {
  const { name } = known.desired;
  const target = await memory.readRevision(name, revision);
  if (target === undefined) {
    const { kept } = memory.history(name);
    throw new SpecError('KM_SPEC_REVISION', `revision ${revision} of ${name} is not kept`, {
      remedy:
        kept.length === 0
          ? 'none is kept yet'
          : `there are ${kept.join(', ')}; see \`kafka-mesos history ${name}\``,
    });
  }
  if (target.desired.deletion !== undefined) {
    throw new UnsafePlanError('KM_UNSAFE_ROLLBACK', `revision ${revision} of ${name} removes the cluster`, {
      remedy: 'to remove it, say so in its file',
    });
  }
  const isNewRevision = target.digest !== known.digest;
  // Of a cluster that nobody follows there is nothing to suspend.
  const following: Pick<SpecRecord, 'source' | 'suspension'> =
    known.source === undefined
      ? {}
      : {
          source: isNewRevision ? { ...target.source, path: known.source.path } : known.source,
          suspension: {
            kind: 'pinned',
            revision,
            author,
            atMs: nowMs,
            ...(reason === undefined ? {} : { reason }),
          },
        };
  const spec: SpecRecord = isNewRevision
    ? {
        schema: 1,
        revision: known.revision + 1,
        digest: target.digest,
        desired: target.desired,
        appliedAtMs: nowMs,
        author,
        ...following,
        rollbackOf: revision,
      }
    : { ...withoutFollowing(known), ...following };
  if (!isNewRevision && known.source === undefined) return { kind: 'stored', spec: known, isNewRevision };
  await memory.writeSpec(spec);
  const as = isNewRevision ? `, as revision ${spec.revision}` : '';
  const why = reason === undefined ? '' : `: ${reason}`;
  return { kind: 'stored', spec, isNewRevision, news: `rolled back to revision ${revision}${as}${why}` };
}
