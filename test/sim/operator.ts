/** Applies specs until one scheduler has taken them, as a person or a pipeline would. */
import type { Desired } from '../../src/model/desired.ts';
import type { VirtualClock } from './clock.ts';
import type { Dice } from './randomness.ts';
import type { Schedulers } from './schedulers.ts';
import type { Workload } from './workload.ts';

export type Operator = {
  /** The edits of a while, at times of their own. */
  begin(untilMs: number): void;
  apply(desired: Desired): void;
  wanted(): Desired;
  /** The spec wanted now is stored, and whoever applied it was told so. */
  isDone(): boolean;
};

export function createOperator(deps: {
  readonly clock: VirtualClock;
  readonly dice: Dice;
  readonly schedulers: Schedulers;
  readonly workload: Workload;
  readonly note: (line: string) => void;
}): Operator {
  const { clock, dice, schedulers, workload, note } = deps;
  let wanted = workload.first;
  let revision = 0;
  let done = true;

  function attempt(mine: number): void {
    if (mine !== revision || done) return;
    const reconciler = schedulers.leader()?.reconciler();
    let answered = false;
    const again = (): void => {
      if (!answered) clock.setTimer(dice.between(500, 3_000), () => attempt(mine));
      answered = true;
    };
    // Whoever was asked may be gone by now.
    clock.setTimer(10_000, again);
    reconciler?.apply([{ desired: wanted, digest: JSON.stringify(wanted) }], 'sim').then(() => {
      if (mine === revision) done = true;
      answered = true;
    }, again);
  }
  function apply(desired: Desired): void {
    wanted = desired;
    revision += 1;
    done = false;
    attempt(revision);
  }
  return {
    apply,
    wanted: () => wanted,
    isDone: () => done,
    begin(untilMs) {
      const edits = dice.between(1, 6);
      for (let i = 0; i < edits; i += 1) {
        clock.setTimer(dice.between(12_000, untilMs), () => {
          const { what, desired } = workload.edit(wanted);
          note(`edit: ${what}`);
          apply(desired);
        });
      }
    },
  };
}
