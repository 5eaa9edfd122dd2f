import type { ClusterStatus } from '../model/status.ts';

/** Where a cluster is on its way to a revision. */
export type Convergence = 'converged' | 'held' | 'converging';

/**
 * `converged`: this revision or a later one is reached. `held`: a person has to act, and nothing
 * else is under way that could change that. A cluster that is to be removed has converged when it is gone.
 */
export function convergence(
  status: ClusterStatus | undefined,
  revision: number,
  isRemoved?: boolean,
): Convergence {
  if (status === undefined && isRemoved === true) return 'converged';
  if (status === undefined || status.revision < revision) return 'converging';
  if (status.phase === 'converged') return 'converged';
  return status.phase === 'held' && !isMoving(status) ? 'held' : 'converging';
}

/** Whether a broker is on its way up or down. */
export function isMoving({ brokers }: ClusterStatus): boolean {
  return brokers.some(({ state }) => ['launching', 'starting', 'stopping'].includes(state));
}

/** The cluster that keeps all of them from being converged, if any does. */
export function worstOf(all: readonly Convergence[]): Convergence {
  if (all.includes('converging')) return 'converging';
  return all.includes('held') ? 'held' : 'converged';
}
