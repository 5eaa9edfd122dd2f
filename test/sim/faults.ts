/** Which faults a seed draws, and how often each fired. A crash point or fault that never fires proves nothing. */
import type { Random } from '../../src/sys/random.ts';

export const faultKinds = [
  'crash before persist',
  'crash after persist',
  'crash before send',
  'crash after send',
  'call lost',
  'answer lost',
  'call repeated',
  'update repeated',
  'store unavailable, not written',
  'store unavailable, written',
  'broker killed',
] as const;

export type FaultKind = (typeof faultKinds)[number];

export type Faults = {
  /** Draws; true when the fault happens now. Counted. */
  strikes(kind: FaultKind): boolean;
  heal(): void;
  readonly counts: ReadonlyMap<FaultKind, number>;
};

/** A random subset of the kinds, each with a rate of its own; none after `heal`. */
export function drawFaults(random: Random): Faults {
  const rates = new Map<FaultKind, number>(
    faultKinds.map((kind) => [kind, random.next() < 0.5 ? 0.01 + random.next() * 0.08 : 0]),
  );
  const counts = new Map<FaultKind, number>();
  let healed = false;
  return {
    counts,
    heal() {
      healed = true;
    },
    strikes(kind) {
      if (healed || random.next() >= (rates.get(kind) ?? 0)) return false;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      return true;
    },
  };
}
