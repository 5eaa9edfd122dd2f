import type { SourceStatus } from '../model/source.ts';
import type { ClusterStatus, Condition } from '../model/status.ts';

/** Reasons of `Stalled` that have nothing to do with the brokers: what the file wants next waits for a person. */
const stalling: Readonly<Partial<Record<SourceStatus['state'], string>>> = {
  broken: 'SpecBroken',
  behind: 'SpecBehind',
};

/** A cluster's status with how it stands to its file. What stalls the cluster itself goes before what stalls its file. */
export function withSource(status: ClusterStatus, source: SourceStatus | undefined): ClusterStatus {
  if (source === undefined) return status;
  const reason = stalling[source.state];
  const conditions = status.conditions.map(
    (condition): Condition =>
      reason === undefined || condition.type !== 'Stalled' || condition.status
        ? condition
        : { ...condition, status: true, reason, message: source.message },
  );
  return { ...status, conditions, source };
}
