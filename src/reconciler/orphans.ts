/**
 * What agents have of ours that no record knows, as their last offers showed it: an offer is declined and gone
 * with the pass, and what it showed is not.
 */
import type { Offer } from '../model/mesos.ts';
import type { Plan } from '../model/plan.ts';
import type { HeldSummary } from '../model/status.ts';
import { describeHeld } from '../plan/describe-held.ts';

export type Orphans = {
  /** `offers`: those that the plan was made from. */
  fold(plan: Plan, offers: readonly Offer[]): void;
  current(): readonly HeldSummary[];
};

export function createOrphans(): Orphans {
  const byAgent = new Map<string, readonly HeldSummary[]>();
  return {
    fold(plan, offers) {
      for (const { agentId } of offers) {
        byAgent.delete(agentId);
      }
      for (const held of plan.held) {
        if (held.reason.kind === 'orphaned') {
          const { agentId } = held.reason;
          byAgent.set(agentId, [...(byAgent.get(agentId) ?? []), describeHeld(held)]);
        }
      }
    },
    current: () => [...byAgent.values()].flat(),
  };
}
