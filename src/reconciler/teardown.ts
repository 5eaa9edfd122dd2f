/** The end of the framework with all of its clusters, in two steps: asked for and stored, then done and forgotten. */
import { ConflictError, type KafkaMesosError, UnavailableError, UnsafePlanError } from '../model/errors.ts';
import type { Memory } from './memory.ts';

/** Stores that it is wanted; false when it was already. */
export async function storeTeardown(memory: Memory, author: string, nowMs: number): Promise<boolean> {
  const framework = memory.framework();
  if (framework === undefined || framework.removed !== undefined) {
    throw new UnavailableError('KM_UNAVAILABLE_FRAMEWORK', 'there is no framework yet', {
      remedy: 'wait until the scheduler has subscribed',
    });
  }
  if (framework.teardown !== undefined) {
    return false;
  }
  await memory.writeFramework({ ...framework, teardown: { atMs: nowMs, author } });
  return true;
}

/** Mesos forgets the framework, then the store does. Rejects while clusters are left, unless they are abandoned. */
export async function carryOutTeardown(
  memory: Memory,
  {
    abandon,
    isGone,
    tellMesos,
    nowMs,
  }: {
    readonly abandon: boolean;
    /** Whether the master says so. */
    readonly isGone: () => Promise<boolean>;
    /** May fail: a master ends the stream before it answers. */
    readonly tellMesos: () => Promise<unknown>;
    readonly nowMs: number;
  },
): Promise<void> {
  if (memory.framework()?.teardown === undefined || (memory.clusters().length > 0 && !abandon)) {
    throw new UnsafePlanError('KM_UNSAFE_TEARDOWN', 'there is something left to tear down');
  }
  await tellMesos();
  if (!(await isGone())) {
    throw new UnavailableError('KM_UNAVAILABLE_TEARDOWN', 'the master still knows the framework', {
      outcome: 'unknown',
      remedy: 'run the teardown again',
    });
  }
  // Whoever dies from here on is told by Mesos that the framework was removed.
  for (const { spec, brokers } of memory.clusters()) {
    for (const record of [...brokers.values()]) {
      await memory.removeBroker(record);
    }
    await memory.removeCluster(spec.desired.name, { keepSpec: false, nowMs });
  }
  await memory.removeFramework();
}

/** Nothing of a framework that was removed as asked is left: true when it was its last scheduler that died. */
export const isTornDown = (memory: Memory): boolean =>
  memory.framework()?.teardown !== undefined && memory.clusters().length === 0;

export function tornDown(): KafkaMesosError {
  return new ConflictError('KM_CONFLICT_TORN_DOWN', 'the framework was torn down as it was asked for', {
    remedy: 'nothing; a scheduler that is started again registers anew',
  });
}
