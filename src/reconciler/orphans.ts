/**
 * What Mesos has of ours that no record knows: tasks of clusters that are not in the store, and what agents have, as
 * their last offers showed it. An offer is declined and gone with the pass, and what it showed is not.
 */
import type { Offer } from '../model/mesos.ts';
import type { Plan } from '../model/plan.ts';
import type { HeldSummary } from '../model/status.ts';
import { describeHeld } from '../plan/describe-held.ts';

export type Orphans = {
  /** `offers`: those that the plan was made from. `clusters`: names of those that have a status of their own. */
  fold(plan: Plan, offers: readonly Offer[], clusters: ReadonlySet<string>): void;
  current(): readonly HeldSummary[];
};

export function createOrphans(): Orphans {
  const byAgent = new Map<string, readonly HeldSummary[]>();
  let tasks: readonly HeldSummary[] = [];
  return {
    fold(plan, offers, clusters) {
      for (const { agentId } of offers) {
        byAgent.delete(agentId);
      }
      for (const held of plan.held) {
        if (held.reason.kind === 'orphaned') {
          const { agentId } = held.reason;
          byAgent.set(agentId, [...(byAgent.get(agentId) ?? []), describeHeld(held)]);
        }
      }
      tasks = plan.held
        .filter((h) => h.reason.kind === 'store-outdated' && !clusters.has(h.clusterName))
        .map((held) => describeHeld(held));
    },
    current: () => [...byAgent.values(), tasks].flat(),
  };
}
