/** Revisions of specs: what is stored when one is applied, and what a plan of one would look at. */
import type { ApplyAnswer } from '../model/api.ts';
import type { Desired } from '../model/desired.ts';
import { ConflictError } from '../model/errors.ts';
import type { ClusterMemory, SpecRecord } from '../model/records.ts';
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
    const wanted = expected[desired.name];
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

/** Stores the spec as the next revision unless it says the same as the one that is stored. */
export async function applySpec(
  memory: Memory,
  { desired, digest }: ProposedSpec,
  by: { readonly author: string; readonly nowMs: number },
): Promise<AppliedCluster> {
  const { name } = desired;
  const known = memory.cluster(name)?.spec;
  const revision = known?.revision ?? 0;
  const removal = desired.deletion === undefined ? {} : { isRemoved: true as const };
  // A cluster that is not there is removed already: the file may stay where it is.
  if (known?.digest === digest || (known === undefined && desired.deletion !== undefined)) {
    return { name, revision, changed: false, ...removal };
  }
  await memory.writeSpec({
    schema: 1,
    revision: revision + 1,
    digest,
    desired,
    appliedAtMs: by.nowMs,
    author: by.author,
  });
  return { name, revision: revision + 1, changed: true, ...removal };
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
