/** Asked before a store without a framework id subscribes: is that store new, or was one lost? */
import { ConflictError, KafkaMesosError } from '../model/errors.ts';
import type { FrameworkEntry, MesosInventory } from '../model/mesos-inventory.ts';
import { findLostFramework } from '../plan/lost-framework.ts';
import type { Clock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';

/** A master may not have noticed yet that the scheduler before us is gone. */
const conflicts = 5;
const pauseMs = 1_000;
const longestPauseMs = 15_000;
const saidEveryMs = 60_000;

export type FirstSubscription = {
  readonly inventory: () => Promise<MesosInventory>;
  readonly framework: { readonly name: string; readonly role: string };
  /** The framework that the new one takes the place of: what is reserved for it the store knows. */
  readonly removedId?: string | undefined;
  readonly clock: Pick<Clock, 'setTimer'>;
  readonly logger: Logger;
  /** Called once, when the master cannot be asked. */
  readonly onWait: () => Promise<void>;
  /** Nothing is asked any more; what it resolves to then is of no use. */
  readonly signal: AbortSignal;
};

/**
 * The error to end with, if the master knows a framework of our name that the store does not: it would go on
 * without a scheduler, and the second one take its volumes for nobody's. Asked for as long as the master is away:
 * one that cannot be asked cannot be subscribed to either, and may come back with that framework. Only one that
 * does not let us ask is no reason not to start.
 */
export async function refuseSecondFramework(deps: FirstSubscription): Promise<ConflictError | undefined> {
  const { framework, logger, signal } = deps;
  let found = 0;
  let waitMs = pauseMs;
  let sinceSaidMs = Number.POSITIVE_INFINITY;
  while (!signal.aborted) {
    const verdict = await ask(deps);
    if (verdict === undefined) return undefined;
    if (isDenied(verdict)) {
      logger.warn('whether an earlier framework is lost cannot be asked', {
        framework: framework.name,
        code: verdict.code,
        error: verdict.message,
      });
      return undefined;
    }
    if (verdict instanceof ConflictError) {
      found += 1;
      if (found === conflicts) return verdict;
      waitMs = pauseMs;
    } else {
      if (sinceSaidMs === Number.POSITIVE_INFINITY) await deps.onWait();
      if (sinceSaidMs >= saidEveryMs) {
        sinceSaidMs = 0;
        logger.warn('waiting for the master: whether an earlier framework is lost has to be asked first', {
          framework: framework.name,
          code: verdict.code,
          error: verdict.message,
        });
      }
    }
    await pause(deps, waitMs);
    sinceSaidMs += waitMs;
    waitMs = Math.min(longestPauseMs, 2 * waitMs);
  }
  return undefined;
}

/** 401 or 403: the operator API is not for us, and to subscribe may be. */
const isDenied = (error: KafkaMesosError): boolean => error.code === 'KM_PROTOCOL_MESOS_CREDENTIALS';

async function ask({
  inventory,
  framework,
  removedId,
}: FirstSubscription): Promise<KafkaMesosError | undefined> {
  try {
    const known = await inventory();
    // Of an attempt that died before its id was stored there are no tasks, and it runs out by itself.
    const lost = findLostFramework(removedId === undefined ? known : { ...known, agents: [] }, framework);
    return lost === undefined ? undefined : conflictOf(lost, framework, removedId);
  } catch (error) {
    if (error instanceof KafkaMesosError) return error;
    throw error;
  }
}

function conflictOf(
  lost: FrameworkEntry,
  { name, role }: FirstSubscription['framework'],
  removedId: string | undefined,
): ConflictError {
  const what = `the master has framework ${lost.id}, named ${name} with role ${role}${lost.connected ? ' and connected' : ''}`;
  return lost.id === removedId
    ? new ConflictError('KM_CONFLICT_FRAMEWORK_LOST', `${what}, which it had removed before`, {
        remedy: `a master that took over may have forgotten that: end it by the operator call TEARDOWN of ${lost.id}, then start again`,
      })
    : new ConflictError('KM_CONFLICT_FRAMEWORK_LOST', `${what}, and the store does not know it`, {
        remedy:
          'restore the store, or make it again by `kafka-mesos scheduler --recover`, or begin beside it with another --framework-name',
      });
}

function pause({ clock, signal }: FirstSubscription, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.setTimer(signal.aborted ? 0 : delayMs, end);
    signal.addEventListener('abort', end);
  });
}
