/** That the store takes or gives nothing just now is a reason like any other, for every cluster. */
import { type KafkaMesosError, UnavailableError } from '../model/errors.ts';
import type { Held } from '../model/plan.ts';

/** Shorter ones are nobody's to mend. */
const patienceMs = 30_000;

export type StoreTrouble = {
  failed(doing: string, error: KafkaMesosError, nowMs: number): void;
  wasWritten(): void;
  /** Everything was read again: what had an unknown outcome is known. What was not written for sure is still to be written. */
  wasRead(): void;
  /** Undefined while there is none. */
  heldFor(clusterName: string, nowMs: number): Held | undefined;
};

/** `onOver` is called when one has ended. */
export function createStoreTrouble(
  onOver: (trouble: { readonly sinceMs: number; readonly error: KafkaMesosError }) => void = () => {},
): StoreTrouble {
  let trouble:
    | { readonly sinceMs: number; readonly doing: string; readonly error: KafkaMesosError }
    | undefined;
  const isUnwritten = (): boolean =>
    trouble?.error instanceof UnavailableError &&
    trouble.error.outcome === 'not-sent' &&
    trouble.doing !== 'read the store';
  const end = (): void => {
    const ended = trouble;
    trouble = undefined;
    if (ended !== undefined) onOver(ended);
  };
  return {
    failed(doing, error, nowMs) {
      trouble = { sinceMs: trouble?.sinceMs ?? nowMs, doing, error };
    },
    wasWritten: end,
    wasRead() {
      if (!isUnwritten()) end();
    },
    heldFor(clusterName, nowMs) {
      if (trouble === undefined) return undefined;
      const { sinceMs, doing, error } = trouble;
      return {
        clusterName,
        need: doing,
        reason: {
          kind: 'store-unavailable',
          detail: `${error.message} (${error.code})`,
          sinceMs,
          ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
        },
        stalled: nowMs - sinceMs >= patienceMs,
      };
    },
  };
}
