/** Revisions of specs: what is stored when one is applied, and what a plan of one would look at. */
import type { ApplyAnswer } from '../model/api.ts';
import type { Desired } from '../model/desired.ts';
import { ConflictError } from '../model/errors.ts';
import type { ClusterMemory, RemovedRecord, SpecRecord } from '../model/records.ts';
import type { SpecSource, Suspension } from '../model/source.ts';
import { isCommitted } from '../model/source-line.ts';
import type { ClusterEvent } from '../model/status.ts';
import type { Memory } from './memory.ts';

export type ProposedSpec = { readonly desired: Desired; readonly digest: string };

export type AppliedCluster = ApplyAnswer['clusters'][number];

/** Of all clusters of a demand, before the first is stored: either all of them are changed or none. */
export function requireRevisions(
  memory: Memory,
  proposed: readonly ProposedSpec[],
  expected: Readonly<Record<string, number>>,
): void {
  for (const { desired } of proposed) {
    const wanted = Object.hasOwn(expected, desired.name) ? expected[desired.name] : undefined;
    const revision = memory.cluster(desired.name)?.spec.revision ?? 0;
    if (wanted !== undefined && wanted !== revision) {
      throw new ConflictError(
        'KM_CONFLICT_REVISION',
        `cluster ${desired.name} is at revision ${revision}, not ${wanted}`,
        { remedy: 'look at the change that came between, then apply again' },
      );
    }
  }
}

/** Where a spec comes from, and by what right it changes a cluster. */
export type SpecOrigin =
  | {
      readonly kind: 'command';
      /** Of clusters that a file owns too: it is not followed from then on. */
      readonly takeOver?: boolean;
      /** Whether the file that owned a cluster is gone; absent: nobody looks. */
      readonly isAbandoned?: (clusterName: string) => boolean;
      /** The directory that is followed, for messages. */
      readonly directory?: string;
    }
  | { readonly kind: 'directory'; readonly source: SpecSource };

/** Errors: `ConflictError` `KM_CONFLICT_OWNED` of a command, `KM_CONFLICT_SUSPENDED` of the directory. */
export function requireRight(memory: Memory, proposed: readonly ProposedSpec[], origin: SpecOrigin): void {
  for (const { desired } of proposed) {
    const { name } = desired;
    const known = memory.cluster(name)?.spec;
    if (origin.kind === 'directory') {
      if ((known ?? memory.removed().get(name))?.suspension === undefined) continue;
      throw new ConflictError('KM_CONFLICT_SUSPENDED', `cluster ${name} does not follow its file just now`);
    }
    if (known === undefined || !isOwned(known, origin) || origin.takeOver === true) continue;
    const path =
      origin.directory === undefined ? known.source?.path : `${origin.directory}/${known.source?.path}`;
    throw new ConflictError('KM_CONFLICT_OWNED', `cluster ${name} belongs to the file ${path}`, {
      remedy: 'change that file; or say --take-over, and the file is not followed until `kafka-mesos resume`',
    });
  }
}

/** Not the one that was taken over: whoever did that goes on. */
function isOwned(known: SpecRecord, { isAbandoned }: SpecOrigin & { readonly kind: 'command' }): boolean {
  return (
    known.source !== undefined &&
    known.suspension?.kind !== 'taken-over' &&
    isAbandoned?.(known.desired.name) !== true
  );
}

/** Stores the spec as the next revision unless it says the same as the one that is stored. */
export async function applySpec(
  memory: Memory,
  { desired, digest }: ProposedSpec,
  by: { readonly author: string; readonly nowMs: number; readonly origin?: SpecOrigin },
): Promise<AppliedCluster> {
  const { name } = desired;
  const known = memory.cluster(name)?.spec;
  const revision = known?.revision ?? 0;
  const removal = desired.deletion === undefined ? {} : { isRemoved: true as const };
  const following = followingAfter(known, memory.removed().get(name), by);
  if (known !== undefined && known.digest === digest) {
    const isLearnt = !isCommitted(known.source) && isCommitted(following.source);
    if (isLearnt || hasOtherOwner(known, following))
      await memory.writeSpec({ ...withoutFollowing(known), ...following });
    return { name, revision, changed: false, ...removal };
  }
  // A cluster that is not there is removed already: the file may stay where it is.
  if (known === undefined && desired.deletion !== undefined)
    return { name, revision, changed: false, ...removal };
  await memory.writeSpec({
    schema: 1,
    revision: revision + 1,
    digest,
    desired,
    appliedAtMs: by.nowMs,
    author: by.author,
    ...following,
  });
  await memory.forgetRemoved(name);
  return { name, revision: revision + 1, changed: true, ...removal };
}

type Following = Pick<SpecRecord, 'source' | 'suspension'>;

/** Whether one revision is followed in another way. */
export function hasOtherOwner(before: Following, after: Following): boolean {
  return before.source?.path !== after.source?.path || before.suspension?.kind !== after.suspension?.kind;
}

function followingAfter(
  known: SpecRecord | undefined,
  removed: RemovedRecord | undefined,
  { author, nowMs, origin = { kind: 'command' } }: Parameters<typeof applySpec>[2],
): Following {
  if (origin.kind === 'directory') return { source: origin.source };
  const suspension: Suspension = { kind: 'taken-over', author, atMs: nowMs };
  // Its file was not followed when it was removed, and is not because it is there again.
  if (known === undefined) return removed === undefined ? {} : { source: removed.source, suspension };
  const { source } = known;
  if (source === undefined) return {};
  if (known.suspension?.kind === 'taken-over') return { source, suspension: known.suspension };
  // Also of a file that is gone: it may be on its way to another name.
  return origin.takeOver === true ? { source, suspension } : {};
}

/** The record of a spec that nobody follows. */
export function withoutFollowing({
  source: _source,
  suspension: _suspension,
  ...rest
}: SpecRecord): SpecRecord {
  return rest;
}

/** The memory as it would be with these specs in it, those first that are proposed. */
export function withProposed(
  stored: readonly ClusterMemory[],
  desireds: readonly Desired[],
): { readonly proposed: readonly ClusterMemory[]; readonly others: readonly ClusterMemory[] } {
  const proposed = desireds.map((desired): ClusterMemory => {
    const known = stored.find((c) => c.spec.desired.name === desired.name);
    const spec: SpecRecord = {
      schema: 1,
      revision: known?.spec.revision ?? 0,
      digest: '',
      desired,
      appliedAtMs: 0,
      author: '',
    };
    return known === undefined ? { spec, brokers: new Map() } : { ...known, spec };
  });
  return {
    proposed,
    others: stored.filter((c) => !desireds.some((d) => d.name === c.spec.desired.name)),
  };
}

/** `demo.yaml @ 1a2b3c4: Give topic events more partitions` */
export function describeOrigin(origin: SpecOrigin): Pick<ClusterEvent, 'why'> {
  if (origin.kind === 'command') return origin.takeOver === true ? { why: 'taken over from its file' } : {};
  const { path, commit, uncommitted } = origin.source;
  const at = commit === undefined ? '' : ` @ ${commit.id.slice(0, 7)}`;
  return { why: `${path}${at}${uncommitted === true || commit === undefined ? '' : `: ${commit.subject}`}` };
}
