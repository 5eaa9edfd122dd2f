/** The last revisions of each cluster's spec, and what became of them: for `history`, and to go back to. */
import { SpecError } from '../model/errors.ts';
import type { ClusterMemory, RevisionRecord, SpecRecord } from '../model/records.ts';
import type { RevisionOutcome, RevisionSummary } from '../model/source.ts';
import { recordPaths, type Store } from '../model/store.ts';
import type { Memory } from './memory.ts';

const most = 10;

/**
 * Keeps the revision that is current, where it is not yet: after an apply, and again by the loop, since the scheduler may
 * have died between the two writes. The one before did not converge any more; what is too old goes first, and what a
 * store that was restored has of a later time.
 */
export async function keepRevision(memory: Memory, name: string, nowMs: number): Promise<void> {
  const spec = memory.cluster(name)?.spec;
  const { kept } = memory.history(name);
  if (spec === undefined || kept.includes(spec.revision)) return;
  const earlier = kept.filter((revision) => revision < spec.revision);
  const before = earlier.at(-1);
  if (before !== undefined) await close(memory, name, before, { kind: 'replaced', atMs: nowMs });
  const staying = new Set(earlier.slice(1 - most));
  for (const revision of kept.filter((one) => !staying.has(one))) await memory.removeRevision(name, revision);
  const { source, suspension, ...record } = spec;
  // What was put in the place of a file's spec did not come from there.
  const isOfFile = source !== undefined && suspension?.kind !== 'taken-over';
  await tryToWrite(memory, isOfFile ? { ...record, source } : record);
}

/** That the cluster is as declared, once. */
async function closeRevision(memory: Memory, name: string, nowMs: number): Promise<void> {
  const revision = memory.cluster(name)?.spec.revision;
  if (revision !== undefined) await close(memory, name, revision, { kind: 'converged', atMs: nowMs });
}

async function close(
  memory: Memory,
  name: string,
  revision: number,
  outcome: RevisionOutcome,
): Promise<void> {
  const record = await memory.readRevision(name, revision);
  if (record !== undefined && record.outcome === undefined) await tryToWrite(memory, { ...record, outcome });
}

/** A spec may be as large as a record can be; then there is no room for what became of it, and nothing hangs on that. */
async function tryToWrite(memory: Memory, record: RevisionRecord): Promise<void> {
  try {
    await memory.writeRevision(record);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    memory.skipRevision(record.desired.name, record.revision);
  }
}

/** Newest first; undefined: no such cluster. */
export async function readRevisions(
  store: Store,
  clusterName: string,
): Promise<readonly RevisionSummary[] | undefined> {
  const current = (await store.read(recordPaths.spec(clusterName)))?.value as SpecRecord | undefined;
  if (current === undefined) return undefined;
  const numbers = (await store.list(recordPaths.revisions(clusterName))).map(Number).sort((a, b) => b - a);
  const records: RevisionRecord[] = [];
  // One that is not kept yet is shown from the spec itself.
  if (!numbers.includes(current.revision)) records.push(current);
  for (const revision of numbers) {
    const record = (await store.read(recordPaths.revision(clusterName, revision)))?.value;
    if (record !== undefined) records.push(record as RevisionRecord);
  }
  return records.map(({ revision, digest, appliedAtMs, author, source, rollbackOf, outcome }) => ({
    revision,
    digest,
    appliedAtMs,
    author,
    ...(source === undefined ? {} : { source }),
    ...(rollbackOf === undefined ? {} : { rollbackOf }),
    ...(outcome === undefined ? {} : { outcome }),
    isCurrent: revision === current.revision,
  }));
}

/**
 * What an apply could not write, and what became of each revision; false when one could not be written. Nothing is left
 * to write once all is calm.
 */
export async function keepRevisions(
  memory: Memory,
  by: {
    readonly write: (what: string, effect: () => Promise<void>) => Promise<boolean>;
    readonly isCalm: (cluster: ClusterMemory) => boolean;
    readonly nowMs: number;
  },
): Promise<boolean> {
  for (const cluster of memory.clusters()) {
    const { name } = cluster.spec.desired;
    const { kept, isOpen } = memory.history(name);
    const isKept = kept.includes(cluster.spec.revision);
    if (isKept && !(isOpen && by.isCalm(cluster))) continue;
    const keep = isKept ? closeRevision : keepRevision;
    if (!(await by.write(`keep revision ${cluster.spec.revision}`, () => keep(memory, name, by.nowMs)))) {
      return false;
    }
  }
  return true;
}
