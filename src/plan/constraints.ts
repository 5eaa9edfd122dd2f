/** Placement rules over `hostname` and agent attributes, against the brokers placed already. */
import type { Constraint } from '../model/desired.ts';

type Attributes = Readonly<Record<string, string>>;

/** Why the agent breaks the rules, one phrase a rule; empty when it is fine. */
export function brokenConstraints(
  constraints: readonly Constraint[],
  agent: Attributes,
  others: readonly Attributes[],
): readonly string[] {
  return constraints.flatMap((constraint) => {
    const broken = check(
      constraint,
      agent[constraint.attribute],
      others.flatMap((o) => o[constraint.attribute] ?? []),
    );
    return broken === undefined ? [] : [broken];
  });
}

function check(
  constraint: Constraint,
  value: string | undefined,
  inUse: readonly string[],
): string | undefined {
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
      return inUse.includes(value) ? `${attribute} ${value} has a broker already` : undefined;
    case 'cluster': {
      const wanted = constraint.value ?? inUse[0];
      return wanted === undefined || wanted === value ? undefined : `${attribute} ${value} is not ${wanted}`;
    }
    case 'groupBy':
      return checkGroups(attribute, value, inUse, constraint.minimum ?? 1);
  }
}

/** Until `minimum` distinct values are in use only a new one will do; then only one of those used least. */
function checkGroups(
  attribute: string,
  value: string,
  inUse: readonly string[],
  minimum: number,
): string | undefined {
  const counts = new Map<string, number>();
  for (const used of inUse) {
    counts.set(used, (counts.get(used) ?? 0) + 1);
  }
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
