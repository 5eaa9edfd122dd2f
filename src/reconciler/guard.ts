/** Which failures end the loop, and which only end what was being done. */
import type { KafkaMesosError } from '../model/errors.ts';
import {
  ConflictError,
  ProtocolError,
  SpecError,
  UnavailableError,
  UnsafePlanError,
} from '../model/errors.ts';
import type { Logger } from '../sys/logger.ts';

/** Runs an effect; false when it failed in a way after which everything must be looked at again. */
export type Attempt = (
  what: string,
  effect: () => Promise<void>,
  onFailure?: (error: KafkaMesosError) => void,
) => Promise<boolean>;

/** The caller may not act any more, whatever it still wants to do: nothing else may be sent. */
export function isLeadershipLost(error: unknown): boolean {
  return (
    error instanceof ConflictError &&
    (error.code === 'KM_CONFLICT_FENCED' || error.code === 'KM_CONFLICT_LEADERSHIP_LOST')
  );
}

/** Nothing was written: what was asked contradicts what is stored. */
export function isRefusal(error: unknown): boolean {
  return (
    error instanceof UnsafePlanError ||
    error instanceof SpecError ||
    (error instanceof ConflictError &&
      [
        'KM_CONFLICT_REVISION',
        'KM_CONFLICT_PLAN',
        'KM_CONFLICT_INTENT',
        'KM_CONFLICT_TEARDOWN',
        'KM_CONFLICT_OWNED',
        'KM_CONFLICT_SUSPENDED',
        'KM_CONFLICT_NOT_FOLLOWED',
      ].includes(error.code))
  );
}

export function requireLeadership(mayAct: () => boolean): void {
  if (!mayAct()) {
    throw new ConflictError('KM_CONFLICT_LEADERSHIP_LOST', 'another scheduler may lead by now', {
      remedy: 'nothing: this one ends, and starts again as a standby',
    });
  }
}

export function createAttempt(logger: Logger): Attempt {
  return async (what, effect, onFailure) => {
    try {
      await effect();
      return true;
    } catch (error) {
      if (isPassing(error)) {
        logger.warn('an effect failed', { what, code: error.code, error: error.message });
        onFailure?.(error);
        return false;
      }
      throw error;
    }
  };
}

function isPassing(error: unknown): error is KafkaMesosError {
  return (
    !isLeadershipLost(error) &&
    (error instanceof UnavailableError || error instanceof ConflictError || error instanceof ProtocolError)
  );
}
