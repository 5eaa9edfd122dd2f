/** Virtual time: timers fire in order of their time, then of their making. */
import type { Clock, Timer } from '../../src/sys/clock.ts';

export type VirtualClock = Clock & {
  /** Fires all that is due up to `untilMs`, letting promises settle between two timers; ends early when told to. */
  run(untilMs: number, isOver: () => boolean): Promise<void>;
  readonly fired: () => number;
};

/** What a timer may return when nothing came of it that a promise could wait for. */
export const quiet = Symbol('quiet');

type Entry = { readonly atMs: number; readonly order: number; readonly fire: () => void; cancelled: boolean };

export function createVirtualClock(startMs: number): VirtualClock {
  let nowMs = startMs;
  let order = 0;
  let fired = 0;
  const heap: Entry[] = [];
  const before = (a: Entry, b: Entry): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  const swap = (i: number, j: number): void => {
    [heap[i], heap[j]] = [heap[j] as Entry, heap[i] as Entry];
  };
  const push = (entry: Entry): void => {
    heap.push(entry);
    let i = heap.length - 1;
    while (i > 0 && before(heap[i] as Entry, heap[(i - 1) >> 1] as Entry)) {
      swap(i, (i - 1) >> 1);
      i = (i - 1) >> 1;
    }
  };
  const pop = (): Entry | undefined => {
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) {
      return top;
    }
    heap[0] = last;
    for (let i = 0; ; ) {
      const left = 2 * i + 1;
      const right = left + 1;
      let least = i;
      if (left < heap.length && before(heap[left] as Entry, heap[least] as Entry)) least = left;
      if (right < heap.length && before(heap[right] as Entry, heap[least] as Entry)) least = right;
      if (least === i) return top;
      swap(i, least);
      i = least;
    }
  };
  return {
    nowMs: () => nowMs,
    fired: () => fired,
    setTimer(delayMs, fire): Timer {
      if (!Number.isFinite(delayMs)) throw new Error(`a timer in ${delayMs} ms`);
      order += 1;
      const entry: Entry = { atMs: nowMs + Math.max(0, delayMs), order, fire, cancelled: false };
      push(entry);
      return {
        cancel() {
          entry.cancelled = true;
        },
      };
    },
    async run(untilMs, isOver) {
      await settle();
      for (let next = heap[0]; next !== undefined && next.atMs <= untilMs; next = heap[0]) {
        pop();
        if (next.cancelled) continue;
        nowMs = Math.max(nowMs, next.atMs);
        fired += 1;
        // What woke nobody has nothing to settle.
        if ((next.fire as () => unknown)() !== quiet) await settle();
        if (isOver()) return;
      }
      nowMs = Math.max(nowMs, untilMs);
    },
  };
}

/** A tick comes when no promise has anything left to run; nothing in the simulation waits on anything else. */
function settle(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
