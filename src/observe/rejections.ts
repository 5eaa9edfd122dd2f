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

const maxSilent = 20;

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

/**
 * The plan with what was seen lately among the reasons of what waits for an offer. `known` are hostnames of agents: those
 * that offered nothing are named, since what is not said of them is an answer too.
 */
export function withRejections(plan: Plan, memory: RejectionMemory, known: readonly string[] = []): Plan {
  const recall = (held: Held): Held => {
    const { reason } = held;
    if (reason.kind === 'waiting-for-agent') {
      return { ...held, reason: { ...reason, rejections: seen(held) } };
    }
    if (reason.kind !== 'no-matching-offer') {
      return held;
    }
    const rejections = seen(held);
    const silent = rejections.length < maxAgents ? silentOf(rejections, known) : [];
    return { ...held, reason: { ...reason, rejections, ...(silent.length === 0 ? {} : { silent }) } };
  };
  const seen = (held: Held): readonly OfferRejection[] =>
    (memory.get(keyOf(held)) ?? []).map(({ rejection, atMs }) => ({ ...rejection, atMs }));
  return { ...plan, held: plan.held.map(recall) };
}

function silentOf(rejections: readonly OfferRejection[], known: readonly string[]): readonly string[] {
  const heard = new Set(rejections.map((r) => r.hostname));
  const silent: string[] = [];
  for (const hostname of known) {
    if (silent.length === maxSilent) break;
    if (!heard.has(hostname)) silent.push(hostname);
  }
  return silent;
}

/** By need and reason, since when it is held for that. */
export type HeldSince = ReadonlyMap<string, number>;

export function foldHeldSince(
  memory: HeldSince,
  plan: Plan,
  nowMs: number,
): { readonly since: HeldSince; readonly plan: Plan } {
  const since = new Map<string, number>();
  const held = plan.held.map((one) => {
    const key = `${keyOf(one)}/${one.reason.kind}`;
    const sinceMs = memory.get(key) ?? nowMs;
    since.set(key, sinceMs);
    return { ...one, sinceMs };
  });
  return { since, plan: { ...plan, held } };
}

const keyOf = ({ clusterName, need }: Held): string => `${clusterName}/${need}`;
