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
};

/** Of a task that nobody waits for any more: its volumes, which are there, may carry its format. */
export function takenForOver<R extends Pick<BrokerRecord, 'formatted'>>(record: R): R {
  return record.formatted ? record : { ...record, mayBeFormatted: true, volumesMade: true };
}
