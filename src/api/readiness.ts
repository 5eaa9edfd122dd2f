import type { ReadyAnswer, SchedulerService, SchedulerStatus } from '../model/api.ts';
import { UnavailableError } from '../model/errors.ts';

/** Rejects with `UnavailableError` `KM_UNAVAILABLE_NOT_READY`, which says why not. */
export async function readiness(service: Pick<SchedulerService, 'scheduler'>): Promise<ReadyAnswer> {
  let status: SchedulerStatus;
  try {
    status = await service.scheduler();
  } catch (error) {
    // Whoever asks has no token: no more of the cause than its kind.
    throw notReady('its store cannot be asked', error);
  }
  const { leadership, mesos } = status;
  if (leadership.state === 'leading' && mesos?.state !== 'subscribed') {
    throw notReady('it leads, and is not subscribed to Mesos');
  }
  if (leadership.state === 'standby' && leadership.leader === undefined) {
    throw notReady('it stands by, and nobody leads');
  }
  return { ready: true, leadership: leadership.state };
}

function notReady(why: string, cause?: unknown): UnavailableError {
  return new UnavailableError('KM_UNAVAILABLE_NOT_READY', `the scheduler is not ready: ${why}`, {
    cause,
    remedy: 'its status says more: kafka-mesos status',
  });
}
