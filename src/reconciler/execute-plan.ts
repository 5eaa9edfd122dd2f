/** The steps of one plan to effects, in order; a record that no store can take stops its own cluster only. */
import { type Effects, executeStep } from '../execute/execute.ts';
import { frameworkLog } from '../model/api.ts';
import { SpecError } from '../model/errors.ts';
import type { Plan, Step } from '../model/plan.ts';
import { summariseWhy } from '../plan/kill.ts';
import type { Logger } from '../sys/logger.ts';
import type { EventLog } from './event-log.ts';
import type { Attempt } from './guard.ts';

export type Executed = {
  readonly steps: readonly Step[];
  /** A call or a write failed: the next pass decides from what is then known, nothing is repeated from here. */
  readonly interrupted: boolean;
};

export async function executePlan(
  plan: Plan,
  deps: {
    readonly effects: (step: Step) => Effects;
    readonly attempt: Attempt;
    readonly events: EventLog;
    readonly logger: Logger;
    readonly nowMs: number;
  },
): Promise<Executed> {
  const { attempt, events, logger, nowMs } = deps;
  const unstorable = new Set<string>();
  const steps: Step[] = [];
  for (const step of plan.steps) {
    const { clusterName } = step;
    if (clusterName !== undefined && unstorable.has(clusterName)) {
      continue;
    }
    let done: boolean;
    try {
      done = await attempt(step.what, () => executeStep(step, deps.effects(step)));
    } catch (error) {
      if (!(error instanceof SpecError) || clusterName === undefined) {
        throw error;
      }
      unstorable.add(clusterName);
      logger.error('a record cannot be stored', { clusterName, error: error.message });
      events.add(clusterName, { atMs: nowMs, severity: 'error', message: error.message });
      continue;
    }
    steps.push(step);
    if (!done) {
      return { steps, interrupted: true };
    }
    if (clusterName !== undefined && step.mark !== '·') {
      // The events of a cluster go with its records.
      const isLast = step.action.kind === 'remove-cluster' && !step.action.keepSpec;
      events.add(isLast ? frameworkLog : clusterName, {
        atMs: nowMs,
        severity: 'info',
        message: step.what,
        // What is started is news by itself; what is changed or ended was there, and wants its reason.
        ...(step.mark === '+' || step.why.length === 0 ? {} : { why: summariseWhy(step.why) }),
        ...(step.brokerId === undefined ? {} : { brokerId: step.brokerId }),
      });
    }
  }
  return { steps, interrupted: false };
}
