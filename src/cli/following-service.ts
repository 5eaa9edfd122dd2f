/** Revisions and the directory of specs, as the API has them, over the reconciler. */
import type { FollowingService } from '../model/api.ts';
import { UnavailableError } from '../model/errors.ts';

export function createFollowingService(): FollowingService {
  const later = async (): Promise<never> => {
    throw new UnavailableError('KM_UNAVAILABLE_FOLLOWING', 'this scheduler follows no directory yet');
  };
  return { revisions: later, suspend: later, resume: later, rollback: later, reconcile: later };
}
