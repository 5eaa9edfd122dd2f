/** The place that a broker was relocated from, for as long as its data may be there and nowhere else. */
import type { BrokerRecord, Placement } from './records.ts';

/**
 * Kept from the relocation until the broker is known to serve at its new place: the move may never be carried out, and
 * the old process may come back and be the last in sync.
 */
export type OldHome = {
  readonly placement: Placement;
  /** For certain; where it is false nobody goes back, and only the gate is asked. */
  readonly hasData: boolean;
  /** A task at the new place came as far as to start Kafka, or nobody knows how far: it may have served there. */
  readonly mayBeOutdated?: true;
};

/** Nobody can tell any more what a task at the new place did. */
export function doubtOldHome<R extends Pick<BrokerRecord, 'oldHome'>>(record: R): R {
  return record.oldHome === undefined || record.oldHome.mayBeOutdated === true
    ? record
    : { ...record, oldHome: { ...record.oldHome, mayBeOutdated: true } };
}

/** The same of a task that nobody waits for any more: its volumes, which are there, may carry its format. */
export function takenForOver<R extends Pick<BrokerRecord, 'oldHome' | 'formatted'>>(record: R): R {
  const doubted = doubtOldHome(record);
  return doubted.formatted ? doubted : { ...doubted, mayBeFormatted: true, volumesMade: true };
}
