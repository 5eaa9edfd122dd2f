import type { ClusterStatus } from '../model/status.ts';

/** Shorter than anybody looks again. */
const keptForMs = 100;

export type KeptStatuses = {
  get(): readonly ClusterStatus[];
  /** They are others now. */
  forget(): void;
};

/**
 * One look for all who look at once: at a thousand brokers it takes the loop's process 15 ms, and a few clients, or one
 * that asks as often as it may, would leave the loop no time.
 */
export function keepStatuses(
  look: () => readonly ClusterStatus[],
  nowMs: () => number = () => performance.now(),
): KeptStatuses {
  let kept: { readonly statuses: readonly ClusterStatus[]; readonly atMs: number } | undefined;
  return {
    get() {
      const atMs = nowMs();
      if (kept === undefined || atMs - kept.atMs >= keptForMs) kept = { statuses: look(), atMs };
      return kept.statuses;
    },
    forget() {
      kept = undefined;
    },
  };
}
