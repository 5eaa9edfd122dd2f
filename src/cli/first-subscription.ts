/** Asked once, before a store without a framework id subscribes: is that store new, or was one lost? */
import { ConflictError, KafkaMesosError, UnavailableError } from '../model/errors.ts';
import type { MesosInventory } from '../model/mesos-inventory.ts';
import { findLostFramework } from '../plan/lost-framework.ts';
import type { Clock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';

const attempts = 5;
const pauseMs = 1_000;

/**
 * The error to end with, if the master knows a framework of our name that the store does not: it would go on
 * without a scheduler, and the second one take its volumes for nobody's. Asked a few times, as a master may be on its
 * way, and may not have noticed yet that the scheduler before us is gone. A master that cannot be asked is no reason
 * not to start.
 */
export async function refuseSecondFramework(deps: {
  readonly inventory: () => Promise<MesosInventory>;
  readonly framework: { readonly name: string; readonly role: string };
  readonly clock: Pick<Clock, 'setTimer'>;
  readonly logger: Logger;
}): Promise<ConflictError | undefined> {
  const { framework, logger } = deps;
  for (let attempt = 1; ; attempt += 1) {
    const verdict = await ask(deps);
    if (verdict === undefined) return undefined;
    if (attempt < attempts && !isFinal(verdict)) {
      await new Promise<void>((resolve) => deps.clock.setTimer(pauseMs, resolve));
      continue;
    }
    if (verdict instanceof ConflictError) return verdict;
    logger.warn('whether an earlier framework is lost cannot be asked', {
      framework: framework.name,
      code: verdict.code,
      error: verdict.message,
    });
    return undefined;
  }
}

const isFinal = (error: KafkaMesosError): boolean =>
  !(error instanceof ConflictError || error instanceof UnavailableError);

async function ask({
  inventory,
  framework,
}: Parameters<typeof refuseSecondFramework>[0]): Promise<KafkaMesosError | undefined> {
  try {
    const lost = findLostFramework(await inventory(), framework);
    return lost === undefined
      ? undefined
      : new ConflictError(
          'KM_CONFLICT_FRAMEWORK_LOST',
          `the master has framework ${lost.id}, named ${framework.name} with role ${framework.role}${lost.connected ? ' and connected' : ''}, and the store does not know it`,
          {
            remedy:
              'restore the store, or make it again by `kafka-mesos scheduler --recover`, or begin beside it with another --framework-name',
          },
        );
  } catch (error) {
    if (error instanceof KafkaMesosError) return error;
    throw error;
  }
}
