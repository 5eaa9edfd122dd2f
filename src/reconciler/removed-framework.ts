/** A framework that Mesos has removed without being asked by us, and how its data is gone on with under a new one. */
import { ConflictError } from '../model/errors.ts';
import type { FrameworkRecord } from '../model/records.ts';
import { foldRemoval } from '../observe/fold-removal.ts';
import { policyOf } from './fold-into-memory.ts';
import type { Attempt } from './guard.ts';
import type { Memory } from './memory.ts';

/** Stores that Mesos said so, and makes the error to end with. Where it cannot be stored, Mesos says it again. */
export async function rememberRemoval(
  memory: Memory,
  message: string,
  { attempt, nowMs }: { readonly attempt: Attempt; readonly nowMs: number },
): Promise<ConflictError> {
  const known = memory.framework();
  // Another one, of which no record was made yet, holds nothing.
  if (known === undefined || known.removed !== undefined) {
    return frameworkRemoved(known, message);
  }
  if (known.teardown === undefined) {
    await attempt('remember that the framework was removed', () =>
      memory.writeFramework({ ...known, removed: { atMs: nowMs, message } }),
    );
  }
  return frameworkRemoved(known, message);
}

/**
 * Before the first subscription: of a framework that was removed the tasks become former instances. Its record stays
 * until that of the next one takes its place, so that whoever dies on the way begins here again.
 *
 * Errors: `ConflictError` `KM_CONFLICT_FRAMEWORK_REMOVED` without the consent to just that.
 */
export async function leaveRemoved(
  memory: Memory,
  { consent, nowMs }: { readonly consent: string | undefined; readonly nowMs: number },
): Promise<void> {
  const framework = memory.framework();
  if (framework?.removed === undefined) {
    return;
  }
  if (consent !== framework.frameworkId) {
    throw frameworkRemoved(framework, framework.removed.message);
  }
  for (const { brokers } of memory.clusters()) {
    for (const record of [...brokers.values()]) {
      await memory.writeBroker(foldRemoval(record, framework.frameworkId, policyOf(memory, record), nowMs));
    }
  }
}

function frameworkRemoved(
  framework: FrameworkRecord | undefined,
  message = 'it gave no reason',
): ConflictError {
  const id = framework?.frameworkId;
  return new ConflictError(
    'KM_CONFLICT_FRAMEWORK_REMOVED',
    `Mesos has removed the framework${id === undefined ? '' : ` ${id}`}: ${message}`,
    {
      remedy:
        id === undefined
          ? 'nothing was begun as it; a scheduler that is started again registers anew'
          : framework?.teardown === undefined
            ? `its tasks have ended, its volumes are kept: to go on with them as a new framework, start the scheduler once with --register-anew ${id}`
            : 'a teardown was under way: empty the store, start the scheduler, and run the teardown again; it releases what is left',
    },
  );
}
