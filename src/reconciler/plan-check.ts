/** Whether a plan that was looked at would be the same now. */
import type { ClusterPlan } from '../model/api.ts';
import type { Desired } from '../model/desired.ts';
import { ConflictError } from '../model/errors.ts';
import type { PlanInput } from '../model/observed.ts';
import type { ClusterMemory, SpecRecord } from '../model/records.ts';
import type { ClusterStatus } from '../model/status.ts';
import { plan } from '../plan/plan.ts';
import { describeMoved, formatIndex, movedParts, planParts } from '../plan/plan-index.ts';
import { previewCluster } from '../plan/preview.ts';
import { digestOfValue } from '../spec/digest.ts';
import { withProposed } from './spec-revisions.ts';

/** What `kafka-mesos plan` shows of these clusters, each with the index of what it was made from. */
export function previewClusters(
  stored: readonly ClusterMemory[],
  desireds: readonly Desired[],
  inputOf: (clusters: readonly ClusterMemory[]) => PlanInput,
): readonly ClusterPlan[] {
  const { proposed, others } = withProposed(stored, desireds);
  const input = inputOf([...others, ...proposed]);
  const made = plan(input);
  return proposed.map((cluster) => {
    const shown = previewCluster(input, cluster, made);
    const parts = planParts(input, cluster, storedSpec(stored, shown.name), shown);
    return { ...shown, index: formatIndex(parts, digestOfValue) };
  });
}

/**
 * Throws `ConflictError` `KM_CONFLICT_PLAN` unless every cluster of the files has its plan, and that as it was; it names
 * what has moved on.
 */
export function requirePlans(
  expected: Readonly<Record<string, string>>,
  now: {
    readonly stored: readonly ClusterMemory[];
    readonly plans: readonly ClusterPlan[];
    readonly statuses: () => readonly ClusterStatus[];
    readonly kafka: PlanInput['kafka'];
  },
): void {
  let isKafkaUnknown = false;
  const moved = Object.entries(expected).flatMap(([name, index]) => {
    const found = now.plans.find((p) => p.name === name);
    if (found === undefined) return [`cluster ${name}: the spec files do not have it`];
    const parts = movedParts(index, found.index ?? '');
    if (parts.length === 0) return [];
    const kafka = now.kafka.get(name);
    isKafkaUnknown ||= parts.includes('kafka') && kafka?.known !== true;
    const words = describeMoved(parts, {
      stored: storedSpec(now.stored, name),
      status: now.statuses().find((s) => s.name === name),
      kafka: kafka?.known === true ? kafka.value : undefined,
    });
    return [`cluster ${name}: ${words.join('; ')}`];
  });
  // Nobody has looked at what would become of it.
  const unseen = now.plans.filter(({ name }) => !Object.hasOwn(expected, name)).map(({ name }) => name);
  if (unseen.length > 0) {
    throw new ConflictError(
      'KM_CONFLICT_PLAN',
      `the spec files have ${unseen.map((name) => `cluster ${name}`).join(', ')}, of which the plan says nothing`,
      { remedy: 'nothing was applied; plan again with all of these files, look at it, and apply that' },
    );
  }
  if (moved.length === 0) return;
  throw new ConflictError('KM_CONFLICT_PLAN', `the plan is out of date; ${moved.join('; ')}`, {
    // Just after a failover, say: nothing may have moved at all.
    remedy: isKafkaUnknown
      ? 'nothing was applied; try it again in a moment, and plan again where it stays so'
      : 'nothing was applied; plan again, look at it, and apply that',
  });
}

function storedSpec(stored: readonly ClusterMemory[], name: string): SpecRecord | undefined {
  return stored.find((c) => c.spec.desired.name === name)?.spec;
}
