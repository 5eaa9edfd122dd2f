import { ConflictError, UnavailableError } from '../model/errors.ts';

/** The refusals that every kind of store words alike. Version 0 stands for "does not exist". */
export function versionConflict(path: string, expected: number, found: number): ConflictError {
  const say = (version: number) => (version === 0 ? 'no record' : `version ${version}`);
  return new ConflictError(
    'KM_CONFLICT_VERSION',
    `record ${path}: expected ${say(expected)}, found ${say(found)}`,
  );
}

export function fencedConflict(ownEpoch: number, newestEpoch: number): ConflictError {
  return new ConflictError(
    'KM_CONFLICT_FENCED',
    ownEpoch === 0
      ? 'this writer has not claimed the store'
      : `this writer's epoch ${ownEpoch} is over: the store was claimed again (epoch ${newestEpoch})`,
    { remedy: 'Another scheduler has taken over; this one stops writing.' },
  );
}

export function closedStore(): UnavailableError {
  return new UnavailableError('KM_UNAVAILABLE_STORE_CLOSED', 'the store is closed');
}
