/** Whether the offers in hand come from where a broker's disk is. */
import type { Offer } from '../model/mesos.ts';
import type { ObservedMesos } from '../model/observed.ts';
import type { BrokerRecord, Placement } from '../model/records.ts';
import { newsMs } from './left-places.ts';
import { isOnItsVolumes } from './owned.ts';

type Placed = Pick<BrokerRecord, 'placement'>;

type Offered = {
  readonly agentIds: ReadonlySet<string>;
  readonly hostnames: ReadonlySet<string>;
  readonly persistenceIds: ReadonlySet<string>;
};

/** Every broker asks, and offers are many: they are looked through once. */
const offeredBy = new WeakMap<readonly Offer[], Offered>();

function offeredIn(mesos: ObservedMesos): Offered {
  const known = offeredBy.get(mesos.offers);
  if (known !== undefined) {
    return known;
  }
  const made: Offered = {
    agentIds: new Set(mesos.offers.map((o) => o.agentId)),
    hostnames: new Set(mesos.offers.map((o) => o.hostname)),
    persistenceIds: new Set(
      mesos.offers.flatMap((o) => o.resources.flatMap((r) => r.disk?.volume?.persistenceId ?? [])),
    ),
  };
  offeredBy.set(mesos.offers, made);
  return made;
}

/** All of the broker's persistent volumes are in offers; false when it has none. */
export function volumesOffered({ placement }: Placed, mesos: ObservedMesos): boolean {
  const ids = (placement?.volumes ?? []).flatMap((v) => v.persistenceId ?? []);
  return ids.length > 0 && ids.every((id) => offeredIn(mesos).persistenceIds.has(id));
}

/**
 * The agent of its place offers, and none of its volumes: they were never made. Only an offer tells that has all that
 * there is: one beside another, or from when a task may still have had them, does not.
 */
export function isOfferedWithoutVolumes(
  { placement, last }: Pick<BrokerRecord, 'placement' | 'last'>,
  { offers, answeredOffers, subscribedAtMs = 0 }: ObservedMesos,
): boolean {
  const ids = new Set((placement?.volumes ?? []).flatMap((v) => v.persistenceId ?? []));
  const there = offers.filter((o) => o.agentId === placement?.agentId);
  const sinceMs =
    Math.max(answeredOffers.get(placement?.agentId ?? '') ?? 0, subscribedAtMs, last?.endedAtMs ?? 0) +
    newsMs;
  return (
    ids.size > 0 &&
    there.some((o) => o.receivedAtMs >= sinceMs) &&
    !there.some((o) => o.resources.some((r) => ids.has(r.disk?.volume?.persistenceId ?? '')))
  );
}

/**
 * Whether offers come from where the broker's disk is. A reboot may give the agent a new id, so a
 * volume of ours says more than the id does; and an agent without a volume that was formatted is no
 * home any more.
 */
export function homeOffered(record: BrokerRecord, mesos: ObservedMesos): boolean {
  const { placement } = record;
  if (placement === undefined) {
    return false;
  }
  const offered = offeredIn(mesos);
  if (isOnItsVolumes(record) && placement.volumes.some((v) => v.kind === 'persistent')) {
    return volumesOffered(record, mesos);
  }
  return (
    volumesOffered(record, mesos) ||
    offered.agentIds.has(placement.agentId) ||
    (isBoundToHost(placement, isOnItsVolumes(record)) && offered.hostnames.has(placement.hostname))
  );
}

/**
 * The host counts, whatever id its agent has by now: for a host path, and for a disk on which nothing was
 * written yet. A first voter can start nowhere else, and its volume may not even be made.
 */
export function isBoundToHost(placement: Placement, formatted: boolean): boolean {
  return !formatted || placement.volumes.some((v) => v.kind === 'hostPath');
}
