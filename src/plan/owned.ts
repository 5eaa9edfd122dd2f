/** Whose a reserved resource is, as its labels say: what ownership is recognised by, records aside. */
import type { Resource } from '../model/mesos.ts';
import type { OldHome } from '../model/old-home.ts';
import type { BrokerRecord, LeftBehind } from '../model/records.ts';
import { type BrokerIdentity, parseIdentity } from '../model/task-labels.ts';

/** All that one agent offers of one incarnation of one broker. */
export type Owned = { readonly owner: BrokerIdentity; readonly resources: readonly Resource[] };

/** By owner; what this framework has not reserved for a broker is left out: it is never touched. */
export function groupByOwner(
  resources: readonly Resource[],
  framework: { readonly name: string; readonly role: string },
): readonly Owned[] {
  const groups = new Map<string, { owner: BrokerIdentity; resources: Resource[] }>();
  for (const resource of resources) {
    const reservation = resource.reservations.at(-1);
    const owner =
      reservation?.kind === 'dynamic' && reservation.role === framework.role
        ? parseIdentity(reservation.labels)
        : undefined;
    if (owner?.framework === framework.name) {
      const key = `${owner.cluster}/${owner.broker}/${owner.incarnation}`;
      const group = groups.get(key) ?? { owner, resources: [] };
      group.resources.push(resource);
      groups.set(key, group);
    }
  }
  return [...groups.values()];
}

export function hasVolume(resources: readonly Resource[]): boolean {
  return resources.some((r) => r.disk?.volume !== undefined);
}

/** What a volume is once it is destroyed: an exact copy is wanted, and a plain disk of the agent has no `disk` at all. */
export function withoutVolume(resource: Resource): Resource {
  const { disk, ...plain } = resource;
  return disk === undefined || disk.source.kind === 'root'
    ? plain
    : { ...plain, disk: { source: disk.source } };
}

export const isOrMayBeFormatted = ({ formatted, mayBeFormatted }: BrokerRecord): boolean =>
  formatted || mayBeFormatted === true;

/** Its data may be on volumes that were made: where these are not, they are lost, and no empty ones take their place. */
export const isOnItsVolumes = (record: BrokerRecord): boolean =>
  record.formatted || (record.mayBeFormatted === true && record.volumesMade === true);

/**
 * The record once its place is given up: what is there is remembered until it is seen to be gone. For one that
 * leaves for good, what it had left before goes too.
 */
export function leavePlace(record: BrokerRecord, cause: LeftBehind['cause'], nowMs: number): BrokerRecord {
  const { placement, mayBeFormatted: _place, volumesMade: _volumes, oldHome: _before, ...kept } = record;
  // Of a task out of reach it may be that nobody heard it.
  const formatted = isOrMayBeFormatted(record) || record.task !== undefined;
  const { last } = record;
  // An agent that was marked gone never comes back, and nobody could tell what became of anything there.
  const isGone =
    record.task === undefined &&
    last?.state === 'TASK_GONE_BY_OPERATOR' &&
    last.agentId === placement?.agentId;
  const left: readonly LeftBehind[] =
    placement === undefined || isGone
      ? []
      : [
          {
            incarnation: placement.incarnation,
            agentId: placement.agentId,
            hostname: placement.hostname,
            ...(placement.agentUrl === undefined ? {} : { agentUrl: placement.agentUrl }),
            sinceMs: nowMs,
            cause,
            formatted: formatted && placement.volumes.some((v) => v.kind === 'persistent'),
          },
        ];
  const leftBehind = [...(record.leftBehind ?? []), ...left];
  const oldHome = cause === 'removed' ? undefined : oldHomeOf(record);
  return {
    ...kept,
    formatted: false,
    ...(oldHome === undefined ? {} : { oldHome }),
    ...(leftBehind.length === 0
      ? {}
      : { leftBehind: cause === 'removed' ? leftBehind.map((l) => ({ ...l, cause })) : leftBehind }),
  };
}

/** Of a record that gives its place up: where its data is, or may be. */
function oldHomeOf(record: BrokerRecord): OldHome | undefined {
  const { placement, oldHome: before, task } = record;
  if (before !== undefined && !isOrMayBeFormatted(record) && task === undefined) {
    return before;
  }
  const mayHaveData = isOrMayBeFormatted(record) || task !== undefined;
  // A sandbox goes with its task.
  const isKept = placement?.volumes.some((v) => v.kind !== 'sandbox') === true;
  return mayHaveData && isKept ? { placement, hasData: record.formatted && before === undefined } : before;
}

/** The record back at the place that it left, and the other one left behind in turn, with whatever may be there. */
export function goBack(record: BrokerRecord, { placement }: OldHome, nowMs: number): BrokerRecord {
  const { oldHome: _reached, leftBehind = [], ...left } = leavePlace(record, 'relocated', nowMs);
  const others = leftBehind
    .filter((l) => l.incarnation !== placement.incarnation)
    .map((l) => (l.incarnation === record.placement?.incarnation ? { ...l, formatted: true } : l));
  return {
    ...left,
    placement,
    formatted: true,
    ...(others.length === 0 ? {} : { leftBehind: others }),
  };
}
