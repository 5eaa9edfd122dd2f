/** Placement rules over `hostname` and agent attributes, against the brokers placed already. */
import type { Constraint } from '../model/desired.ts';

type Attributes = Readonly<Record<string, string>>;

/**
 * Tells of an agent why it breaks the rules, one phrase a rule; nothing when it is fine. What the
 * other brokers use is counted once, not once an agent.
 */
export function judgeAgents(
  constraints: readonly Constraint[],
  others: readonly { readonly id: number; readonly attributes: Attributes }[],
): (agent: Attributes) => readonly string[] {
  const rules = constraints.map((constraint) => ({
    constraint,
    inUse: usersOf(constraint.attribute, others),
  }));
  return (agent) =>
    rules.flatMap(({ constraint, inUse }) => check(constraint, agent[constraint.attribute], inUse) ?? []);
}

/** The brokers that have each value, in the order in which the values were first seen. */
type Users = ReadonlyMap<string, readonly number[]>;

function usersOf(
  attribute: string,
  others: readonly { readonly id: number; readonly attributes: Attributes }[],
): Users {
  const users = new Map<string, number[]>();
  for (const { id, attributes } of others) {
    const value = attributes[attribute];
    if (value === undefined) continue;
    const known = users.get(value);
    if (known === undefined) users.set(value, [id]);
    else known.push(id);
  }
  return users;
}

function check(constraint: Constraint, value: string | undefined, inUse: Users): string | undefined {
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
      return inUse.has(value)
        ? `${attribute} ${value} is used by ${named(inUse.get(value))}, and is to be used once`
        : undefined;
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
function checkGroups(attribute: string, value: string, users: Users, minimum: number): string | undefined {
  const mine = users.get(value)?.length ?? 0;
  if (mine === 0) {
    return undefined;
  }
  const used = `${attribute} ${value} is used by ${named(users.get(value))}`;
  if (users.size < minimum) {
    return `${used}, and ${minimum} different ones are wanted`;
  }
  // Thousands of them would be too many arguments.
  const [least, ids] = [...users].reduce((a, b) => (b[1].length < a[1].length ? b : a));
  return mine === ids.length ? undefined : `${used}, and ${least} by ${ids.length} only`;
}

const mostNamed = 5;

function named(ids: readonly number[] = []): string {
  const more = ids.length - mostNamed;
  return `broker${ids.length === 1 ? '' : 's'} ${ids.slice(0, mostNamed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function matches(pattern: string, value: string): boolean {
  return new RegExp(`^(?:${pattern})$`, 'u').test(value);
}
