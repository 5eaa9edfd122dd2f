/** Placement rules over `hostname` and agent attributes, against the brokers placed already. */
import type { Constraint } from '../model/desired.ts';

type Attributes = Readonly<Record<string, string>>;

/**
 * Tells of an agent why it breaks the rules, one phrase a rule; nothing when it is fine. What the
 * other brokers use is counted once, not once an agent.
 */
export function judgeAgents(
  constraints: readonly Constraint[],
  others: readonly Attributes[],
): (agent: Attributes) => readonly string[] {
  const rules = constraints.map((constraint) => ({
    constraint,
    inUse: countValues(others.flatMap((o) => o[constraint.attribute] ?? [])),
  }));
  return (agent) =>
    rules.flatMap(({ constraint, inUse }) => check(constraint, agent[constraint.attribute], inUse) ?? []);
}

/** How many brokers have each value, in the order in which the values were first seen. */
type Counts = ReadonlyMap<string, number>;

function countValues(values: readonly string[]): Counts {
  const counts = new Map<string, number>();
  for (const value of values) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

function check(constraint: Constraint, value: string | undefined, inUse: Counts): string | undefined {
  const { attribute } = constraint;
  if (value === undefined) {
    return `agent has no attribute ${attribute}`;
  }
  switch (constraint.kind) {
    case 'like':
      return matches(constraint.pattern, value)
        ? undefined
        : `${attribute} ${value} is not like ${constraint.pattern}`;
    case 'unlike':
      return matches(constraint.pattern, value)
        ? `${attribute} ${value} is like ${constraint.pattern}`
        : undefined;
    case 'unique':
      return inUse.has(value) ? `${attribute} ${value} has a broker already` : undefined;
    case 'cluster': {
      const [first] = inUse.keys();
      const wanted = constraint.value ?? first;
      return wanted === undefined || wanted === value ? undefined : `${attribute} ${value} is not ${wanted}`;
    }
    case 'groupBy':
      return checkGroups(attribute, value, inUse, constraint.minimum ?? 1);
  }
}

/** Until `minimum` distinct values are in use only a new one will do; then only one of those used least. */
function checkGroups(attribute: string, value: string, counts: Counts, minimum: number): string | undefined {
  const mine = counts.get(value) ?? 0;
  if (mine === 0) {
    return undefined;
  }
  if (counts.size < minimum) {
    return `${attribute} ${value} is in use and ${minimum} different ones are wanted`;
  }
  const least = Math.min(...counts.values());
  return mine === least ? undefined : `${attribute} ${value} has ${mine} brokers, another has ${least}`;
}

function matches(pattern: string, value: string): boolean {
  return new RegExp(`^(?:${pattern})$`, 'u').test(value);
}
