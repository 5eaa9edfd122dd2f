/** What Kafka refused a moment ago is held with its words, and holds up nothing else. */
import type { PlanInput } from '../model/observed.ts';
import type { Held, Step } from '../model/plan.ts';

/** By what the step was to do; none that has run out. */
export type Refusals = ReadonlyMap<string, { readonly why: string; readonly untilMs: number }>;

export const noRefusals: Refusals = new Map();

export function refusalsOf(input: PlanInput, clusterName: string): Refusals {
  const known = input.kafkaRefusals.get(clusterName) ?? noRefusals;
  return new Map([...known].filter(([, { untilMs }]) => untilMs > input.nowMs));
}

/**
 * Kafka takes the changes of one resource all or not at all, so they are tried together first. Once that was
 * refused each goes by itself: what is right is taken, and what is wrong is refused by its own name.
 */
export function splitRefused<Value>(
  what: string,
  changes: Readonly<Record<string, Value>>,
  refusals: Refusals,
): readonly { readonly what: string; readonly changes: Readonly<Record<string, Value>> }[] {
  const entries = Object.entries(changes);
  if (entries.length === 0) return [];
  return entries.length === 1 || !refusals.has(what)
    ? [{ what, changes }]
    : entries.map(([key, value]) => ({ what: `${what}: ${key}`, changes: { [key]: value } }));
}

/** The steps without those refused, which are held. */
export function holdRefused(
  planned: readonly { readonly steps: readonly Step[]; readonly held: readonly Held[] }[],
  clusterName: string,
  refusals: Refusals,
): { readonly steps: readonly Step[]; readonly held: readonly Held[] } {
  const steps: Step[] = [];
  const held = planned.flatMap((p) => p.held);
  for (const step of planned.flatMap((p) => p.steps)) {
    const refusal = refusals.get(step.what);
    if (refusal === undefined) {
      steps.push(step);
    } else {
      held.push({
        clusterName,
        ...(step.brokerId === undefined ? {} : { brokerId: step.brokerId }),
        need: step.what,
        reason: { kind: 'refused-by-kafka', detail: refusal.why, untilMs: refusal.untilMs },
        stalled: true,
      });
    }
  }
  return { steps, held };
}
