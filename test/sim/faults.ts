/** Which faults a seed draws, and how often each fired. A crash point or fault that never fires proves nothing. */
import type { Dice } from './randomness.ts';

/** Where a scheduler dies: around each write, and around each call to Mesos or change to Kafka. */
export const crashPoints = [
  'crash before persist',
  'crash after persist',
  'crash before send',
  'crash after send',
] as const;
export type CrashPoint = (typeof crashPoints)[number];

/** At a crossing of a port: drawn each time something crosses. */
const crossingFaults = [
  ...crashPoints,
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

/** What is written, and what is sent: a scheduler has to have died before and after each. */
const writes = [
  'claim',
  'framework',
  'spec',
  'revision',
  'cluster',
  'broker',
  'events',
  'removal of spec',
  'removal of revision',
  'removal of events',
  'removal of cluster',
  'removal of broker',
] as const;
const sends = [
  'accept',
  'decline',
  'answer-inverse-offer',
  'revive',
  'suppress',
  'kill',
  'acknowledge',
  'acknowledge-operation',
  'reconcile-operations',
  'reconcile-tasks',
  'create topic',
  'grow topic',
  'configure',
  'unregister',
] as const;
export type Crossing = (typeof writes | typeof sends)[number];

/** All that `Faults.crashes` has to have counted. */
export const crashes: readonly string[] = [
  ...writes.flatMap((what) => [`crash before persist: ${what}`, `crash after persist: ${what}`]),
  ...sends.flatMap((what) => [`crash before send: ${what}`, `crash after send: ${what}`]),
];

export type Faults = {
  /** Draws; true when the fault happens now. Counted. */
  strikes(kind: Exclude<CrossingFault, CrashPoint>): boolean;
  /** The same of a crash, of which is counted too what was just crossing. */
  crashes(point: CrashPoint, what: string): boolean;
  /** The faults of the world that this seed has. */
  readonly chosen: readonly WorldFault[];
  happened(kind: WorldFault): void;
  heal(): void;
  readonly counts: ReadonlyMap<FaultKind, number>;
  /** By point and what was crossing: `crash before send: kill`. */
  readonly crashCounts: ReadonlyMap<string, number>;
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
    crashesEverywhere = false,
  }: {
    readonly also?: readonly FaultKind[];
    readonly isAlone?: boolean;
    /** At what crosses for the first time in this seed a crash is likely, and at nothing else. */
    readonly crashesEverywhere?: boolean;
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
  const crashCounts = new Map<string, number>();
  const crossed = new Set<string>();
  let healed = false;
  const strikes = (kind: CrossingFault): boolean => {
    const rate = rates.get(kind) ?? 0;
    if (healed || rate === 0 || dice.next() >= rate) return false;
    count(kind);
    return true;
  };
  /** Once at most in a seed, so that what comes after it is reached too. */
  const strikesFirst = (point: CrashPoint, key: string): boolean => {
    if (healed || crossed.has(key)) return false;
    crossed.add(key);
    if (!dice.chance(0.5)) return false;
    count(point);
    return true;
  };
  return {
    chosen,
    counts,
    crashCounts,
    happened: count,
    heal() {
      healed = true;
    },
    strikes,
    crashes(point, what) {
      const key = `${point}: ${what}`;
      if (!(crashesEverywhere ? strikesFirst(point, key) : strikes(point))) return false;
      crashCounts.set(key, (crashCounts.get(key) ?? 0) + 1);
      return true;
    },
  };
}
