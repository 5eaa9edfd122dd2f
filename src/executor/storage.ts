import { unreachable } from '../model/errors.ts';
import type { QuorumVoter, ReportCode, StorageMode } from '../model/launch.ts';

/** What `meta.properties` of one Kafka log directory says (KIP-631, KIP-858). */
export type MetaProperties = {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly directoryId?: string;
};

export type VolumeContent =
  /** Nothing of anybody: only what we know (`lost+found`, our `.kafka-mesos`) may be there. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'formatted'; readonly meta: MetaProperties; readonly entries: readonly string[] }
  /** Files in our data directory, and no readable `meta.properties` among them. */
  | { readonly kind: 'incomplete'; readonly entries: readonly string[]; readonly cause: string }
  /** Files beside our data directory that are not ours. */
  | { readonly kind: 'occupied'; readonly entries: readonly string[] };

/** How a volume is, or was being, formatted; kept in the volume so that it can be done over. */
export type FormatIntent = {
  readonly mode: 'form' | 'join';
  readonly initialVoters: readonly QuorumVoter[];
};

/** `.kafka-mesos/formatting.json`: written before the format begins, gone when it is whole. */
export type FormatMarker = FormatIntent & {
  readonly taskId: string;
  readonly clusterId: string;
  readonly nodeId: number;
};

/** `.kafka-mesos/formatted.json`: from here on a volume without data is a volume that lost them. */
export type FormattedRecord = { readonly clusterId: string; readonly nodeId: number };

export type StorageFacts = {
  readonly marker?: FormatMarker;
  readonly record?: FormattedRecord;
  /** In the order of the launch: the first holds the metadata log. */
  readonly volumes: readonly { readonly name: string; readonly content: VolumeContent }[];
};

export type StorageWish = {
  readonly mode: StorageMode;
  readonly clusterId: string;
  readonly nodeId: number;
  readonly initialVoters: readonly QuorumVoter[];
};

export type StorageDecision =
  /** `clean`: first remove what an interrupted format left. */
  | { readonly kind: 'format'; readonly intent: FormatIntent; readonly clean: boolean }
  | { readonly kind: 'use'; readonly directoryId?: string }
  | { readonly kind: 'refuse'; readonly code: ReportCode; readonly message: string; readonly remedy: string };

/** All that a format (StorageTool, any 3.x or 4.x) leaves in a log directory before the first start. */
const formatEntries: ReadonlySet<string> = new Set([
  '__cluster_metadata-0',
  'bootstrap.checkpoint',
  'bootstrap.checkpoint.tmp',
  'meta.properties',
  'meta.properties.tmp',
]);

/**
 * Whether to format these volumes, use them as they are, or keep away from them.
 *
 * The rule behind every case: a node that comes back empty under its old id can make others truncate
 * to nothing, so emptiness is believed only where the scheduler says that nothing was ever written,
 * or where our own marker proves that the format was interrupted before any JVM started.
 */
export function decideStorage(wish: StorageWish, facts: StorageFacts): StorageDecision {
  const foreign = foreignIds(wish, facts);
  if (foreign !== undefined) return foreign;
  const unusable = foreignFiles(facts);
  if (unusable !== undefined) return unusable;

  const missing = facts.volumes.filter(({ content }) => content.kind !== 'formatted');
  const finds = wish.mode === 'find';
  if (missing.length === 0) {
    const isUsed = facts.volumes.some(({ content }) => holdsReplicas(content));
    return finds && !isUsed ? neverUsed(wish) : decideFormatted(wish, facts);
  }
  // The record is written after the format and before the first start: with it, the marker is only a leftover.
  if (facts.marker !== undefined && facts.record === undefined) {
    return finds ? neverUsed(wish) : { kind: 'format', intent: intentOf(facts.marker), clean: true };
  }

  const names = missing.map(({ name }) => `"${name}"`).join(', ');
  if (facts.record !== undefined || missing.length < facts.volumes.length) {
    return {
      kind: 'refuse',
      code: 'empty-storage',
      message: `node ${wish.nodeId} was formatted here before, but volume ${names} has no Kafka data any more`,
      remedy:
        'Bring the data back, or replace the broker (its replicas are then copied from the others); an empty disk under the old id could make them truncate.',
    };
  }
  switch (wish.mode) {
    case 'form':
    case 'join':
      return { kind: 'format', intent: intentOf({ ...wish, mode: wish.mode }), clean: false };
    case 'find':
      return neverUsed(wish);
    case 'expect':
      return {
        kind: 'refuse',
        code: 'empty-storage',
        message: `node ${wish.nodeId} of cluster ${wish.clusterId} has had data, but volume ${names} is empty`,
        remedy:
          'Find the volume with the data (it may be on another agent or no longer mounted), or replace the broker by consent.',
      };
    default:
      return unreachable(wish.mode);
  }
}

function neverUsed({ nodeId }: StorageWish): StorageDecision {
  return {
    kind: 'refuse',
    code: 'never-used',
    message: `no replica of node ${nodeId} was ever kept here`,
    remedy: 'Nothing to do: the scheduler starts it where its data is, or waits for that.',
  };
}

/** Kafka keeps a replica in a directory `TOPIC-PARTITION`; the metadata log, which is one too, a format makes. */
function holdsReplicas(content: VolumeContent): boolean {
  return (
    content.kind === 'formatted' &&
    content.entries.some((name) => /-\d+$/.test(name) && name !== '__cluster_metadata-0')
  );
}

function intentOf(from: FormatIntent): FormatIntent {
  return { mode: from.mode, initialVoters: from.initialVoters };
}

function foreignIds(wish: StorageWish, facts: StorageFacts): StorageDecision | undefined {
  const claims: { place: string; clusterId: string; nodeId: number }[] = [];
  for (const { name, content } of facts.volumes) {
    if (content.kind === 'formatted') claims.push({ place: `volume "${name}"`, ...content.meta });
  }
  if (facts.record !== undefined) claims.push({ place: 'formatted.json', ...facts.record });
  if (facts.marker !== undefined) claims.push({ place: 'formatting.json', ...facts.marker });
  const other = claims.find(
    ({ clusterId, nodeId }) => clusterId !== wish.clusterId || nodeId !== wish.nodeId,
  );
  if (other === undefined) return undefined;
  return {
    kind: 'refuse',
    code: 'foreign-storage',
    message: `${other.place} belongs to node ${other.nodeId} of cluster ${other.clusterId}, not to node ${wish.nodeId} of cluster ${wish.clusterId}`,
    remedy: 'Give the broker the volume it had, or an empty one; nothing was touched.',
  };
}

function foreignFiles(facts: StorageFacts): StorageDecision | undefined {
  for (const { name, content } of facts.volumes) {
    const refuse = (what: string, entries: readonly string[]): StorageDecision => ({
      kind: 'refuse',
      code: 'storage-unusable',
      message: `volume "${name}" ${what}: ${listNames(entries)}`,
      remedy: 'Move these files away, or give the broker another volume; nothing was touched.',
    });
    if (content.kind === 'occupied') return refuse('holds files that are not ours', content.entries);
    if (content.kind === 'empty') continue;
    const interrupted = facts.marker !== undefined && facts.record === undefined;
    // A marker allows the cleaning of what a format makes, never of topic data, however they got there.
    const strange = content.entries.filter((entry) => !formatEntries.has(entry));
    if (interrupted && strange.length > 0) {
      return refuse('is marked as being formatted but holds more than a format makes', strange);
    }
    if (!interrupted && content.kind === 'incomplete') {
      return refuse(`has Kafka data without a usable meta.properties (${content.cause})`, content.entries);
    }
  }
  return undefined;
}

function decideFormatted(wish: StorageWish, facts: StorageFacts): StorageDecision {
  const content = facts.volumes[0]?.content;
  const directoryId = content?.kind === 'formatted' ? content.meta.directoryId : undefined;
  const voter = wish.initialVoters.find(({ nodeId }) => nodeId === wish.nodeId);
  if (voter !== undefined && voter.directoryId !== directoryId) {
    return {
      kind: 'refuse',
      code: 'foreign-storage',
      message: `the metadata volume has directory id ${directoryId ?? '(none)'}, but the quorum knows node ${wish.nodeId} by ${voter.directoryId}`,
      remedy: 'This is not the disk that voted: give the node the volume it had.',
    };
  }
  return directoryId === undefined ? { kind: 'use' } : { kind: 'use', directoryId };
}

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

/** Reads Kafka's `meta.properties` (Java properties; only what Kafka writes there). */
export function parseMetaProperties(text: string): MetaProperties | undefined {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([^#!\s=:][^=:\s]*)\s*[=:]\s*(.*?)\s*$/.exec(line);
    if (match !== null) values.set(match[1] ?? '', match[2] ?? '');
  }
  const clusterId = values.get('cluster.id');
  const nodeId = values.get('node.id');
  const directoryId = values.get('directory.id');
  if (clusterId === undefined || clusterId === '' || nodeId === undefined || !/^\d+$/.test(nodeId)) {
    return undefined;
  }
  return { clusterId, nodeId: Number(nodeId), ...(directoryId ? { directoryId } : {}) };
}
