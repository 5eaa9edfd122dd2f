/** Which faults a seed draws, and how often each fired. A crash point or fault that never fires proves nothing. */
import type { Dice } from './randomness.ts';

/** At a crossing of a port: drawn each time something crosses. */
const crossingFaults = [
  'crash before persist',
  'crash after persist',
  'crash before send',
  'crash after send',
  'call lost',
  'call delayed',
  'call repeated',
  'answer lost',
  'launch taken and not acted on',
  'create refused',
  'grow not done',
  'update lost',
  'update repeated',
  'update delayed',
  'rescind overtakes its offer',
  'store unavailable, not written',
  'store unavailable, written',
  'zookeeper ping lost',
  'kafka change unanswered',
  'start fails',
] as const;

/** In the world, by itself: drawn once in a while. */
const worldFaults = [
  'broker killed',
  'broker flaps',
  'executor crashed',
  'stream broken',
  'rescind storm',
  'agent process restarted',
  'agent rebooted',
  'agent rebooted under another id',
  'agent wiped',
  'agent partitioned',
  'agent partitioned, its broker too',
  'agent partitioned for long',
  'agent marked gone',
  'agent drained',
  'machine maintained',
  'master failover',
  'agent lost in a master failover',
  'scheduler crashed',
  'scheduler paused',
  'second scheduler started',
  'zookeeper session expired',
  'zookeeper unreachable',
  'clock jumped',
  'kafka unreachable',
  'stranger launched',
] as const;

export const faultKinds = [...crossingFaults, ...worldFaults] as const;
export type CrossingFault = (typeof crossingFaults)[number];
export type WorldFault = (typeof worldFaults)[number];
export type FaultKind = (typeof faultKinds)[number];

export const crashPoints = [
  'crash before persist',
  'crash after persist',
  'crash before send',
  'crash after send',
] as const satisfies readonly CrossingFault[];

export type Faults = {
  /** Draws; true when the fault happens now. Counted. */
  strikes(kind: CrossingFault): boolean;
  /** The faults of the world that this seed has. */
  readonly chosen: readonly WorldFault[];
  happened(kind: WorldFault): void;
  heal(): void;
  readonly counts: ReadonlyMap<FaultKind, number>;
};

/** What they can happen to is seldom. */
const often: ReadonlySet<CrossingFault> = new Set([
  'launch taken and not acted on',
  'create refused',
  'grow not done',
  'rescind overtakes its offer',
  'kafka change unanswered',
  'start fails',
]);

/** What passes by, and may happen often without that nothing else does. */
const mild: ReadonlySet<CrossingFault> = new Set([
  'call delayed',
  'call repeated',
  'update lost',
  'update repeated',
  'update delayed',
]);

/**
 * A random subset of the kinds, each with a rate of its own; none after `heal`. `also`: kinds that are among them,
 * with a high rate, or are all where nothing is drawn.
 */
export function drawFaults(
  dice: Dice,
  {
    also = [],
    isAlone = false,
  }: {
    readonly also?: readonly FaultKind[];
    readonly isAlone?: boolean;
  },
): Faults {
  const forced: ReadonlySet<FaultKind> = new Set(also);
  const rates = new Map(
    crossingFaults.map((kind) => {
      const rate = 0.01 + dice.next() * 0.06;
      const isDrawn = dice.chance(0.35) && !isAlone;
      if (forced.has(kind)) return [kind, often.has(kind) ? 0.6 : mild.has(kind) ? 0.25 : 0.06];
      return [kind, isDrawn ? rate * (often.has(kind) ? 5 : 1) : 0];
    }),
  );
  const chosen = worldFaults.filter((kind) => (dice.chance(0.3) && !isAlone) || forced.has(kind));
  const counts = new Map<FaultKind, number>();
  const count = (kind: FaultKind): void => void counts.set(kind, (counts.get(kind) ?? 0) + 1);
  let healed = false;
  return {
    chosen,
    counts,
    happened: count,
    heal() {
      healed = true;
    },
    strikes(kind) {
      const rate = rates.get(kind) ?? 0;
      if (healed || rate === 0 || dice.next() >= rate) return false;
      count(kind);
      return true;
    },
  };
}
