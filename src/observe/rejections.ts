/**
 * Why brokers were not placed lately. Offers that fit nobody are given back at once, and the next pass has none
 * in hand: without a memory the answer to "why is broker 3 not placed?" would last for one pass.
 */
import type { Held, OfferRejection, Plan } from '../model/plan.ts';

/** By need (`start broker 3` of a cluster), newest first; the last word of each agent. */
export type RejectionMemory = ReadonlyMap<string, readonly Seen[]>;

type Seen = { readonly rejection: OfferRejection; readonly atMs: number };

/** A thousand brokers that wait before a thousand agents all hear the same. */
const maxAgents = 100;
/** Refusals hold for ten minutes at most: an agent that offered nothing for longer has nothing, or is gone. */
const forgetAfterMs = 15 * 60_000;

/** Only needs that still wait for an offer are remembered. */
export function foldRejections(
  memory: RejectionMemory,
  { held }: Pick<Plan, 'held'>,
  nowMs: number,
): RejectionMemory {
  const next = new Map<string, readonly Seen[]>();
  for (const one of held) {
    if (one.reason.kind === 'no-matching-offer' || one.reason.kind === 'waiting-for-agent') {
      const news = (one.reason.rejections ?? []).map((rejection) => ({ rejection, atMs: nowMs }));
      const heard = new Set(news.map((n) => n.rejection.agentId));
      const known = (memory.get(keyOf(one)) ?? []).filter(
        ({ rejection, atMs }) => nowMs - atMs < forgetAfterMs && !heard.has(rejection.agentId),
      );
      next.set(keyOf(one), [...news, ...known].slice(0, maxAgents));
    }
  }
  return next;
}

/** The plan with what was seen lately among the reasons of what waits for an offer. */
export function withRejections(plan: Plan, memory: RejectionMemory): Plan {
  const recall = (held: Held): Held =>
    held.reason.kind === 'no-matching-offer' || held.reason.kind === 'waiting-for-agent'
      ? { ...held, reason: { ...held.reason, rejections: seen(held) } }
      : held;
  const seen = (held: Held): readonly OfferRejection[] =>
    (memory.get(keyOf(held)) ?? []).map(({ rejection }) => rejection);
  return { ...plan, held: plan.held.map(recall) };
}

const keyOf = ({ clusterName, need }: Held): string => `${clusterName}/${need}`;
