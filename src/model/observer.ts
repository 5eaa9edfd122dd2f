/** Who looks on at the loop and counts. Nothing follows from it: it never throws, and the loop never waits for it. */
import type { Plan, Step } from './plan.ts';
import type { EndedTask } from './records.ts';

export type LoopObserver = {
  /** A pass begins, or tries to. */
  passBegins(): void;
  /** It is over; absent: it came to no plan, because the store could not be read or written. */
  passEnds(pass?: ObservedPass): void;
  /** The current task of a broker ended, and that is stored. */
  taskEnded(clusterName: string, ended: EndedTask): void;
};

export type ObservedPass = {
  readonly plan: Plan;
  /** The steps that were begun, in order. */
  readonly executed: readonly Step[];
  /** The last of them failed, and the rest was not begun. */
  readonly interrupted: boolean;
  /** Nothing had come since the pass before. */
  readonly isRestless: boolean;
  /** Offers that are kept for the next pass. */
  readonly offersInHand: number;
};
