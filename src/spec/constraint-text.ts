import type { Constraint } from '../model/desired.ts';

/**
 * Reads `ATTRIBUTE RULE [ARGUMENT]`. `any` makes no rule: it is there to lift the `hostname unique` that
 * otherwise holds. Errors come as text for the reader.
 */
export function parseConstraint(text: string): Constraint | 'any' | { readonly wrong: string } {
  const match = /^([A-Za-z0-9_.-]+) +([A-Za-z]+)(?: +(.*))?$/.exec(text.trim());
  const attribute = match?.[1] ?? '';
  const argument = match?.[3]?.trim();
  // They would be part of the value, and match nothing.
  if (/^(["']).*\1$/.test(argument ?? '')) return { wrong: 'its argument wants no quotes' };
  switch (match?.[2]) {
    case 'any':
      return 'any';
    case 'unique':
      return { kind: 'unique', attribute };
    case 'like':
    case 'unlike': {
      const pattern = argument ?? '';
      const wrong = wrongPattern(pattern);
      return wrong === undefined ? { kind: match[2], attribute, pattern } : { wrong };
    }
    case 'cluster':
      return { kind: 'cluster', attribute, ...(argument === undefined ? {} : { value: argument }) };
    case 'groupBy':
      return { kind: 'groupBy', attribute, ...(argument === undefined ? {} : { minimum: Number(argument) }) };
    default:
      return { wrong: 'it is not `ATTRIBUTE RULE [ARGUMENT]`' };
  }
}

/** As `parseConstraint` reads it. */
export function formatConstraint(constraint: Constraint): string {
  const { attribute, kind } = constraint;
  switch (kind) {
    case 'unique':
      return `${attribute} unique`;
    case 'like':
    case 'unlike':
      return `${attribute} ${kind} ${constraint.pattern}`;
    case 'cluster':
      return constraint.value === undefined
        ? `${attribute} cluster`
        : `${attribute} cluster ${constraint.value}`;
    case 'groupBy':
      return constraint.minimum === undefined
        ? `${attribute} groupBy`
        : `${attribute} groupBy ${constraint.minimum}`;
  }
}

/** The rules of a list, with `hostname unique` unless the list says how brokers share a host. */
export function parseConstraints(texts: readonly string[]): readonly Constraint[] {
  const parsed = texts.map((text) => ({ text, constraint: parseConstraint(text) }));
  const constraints = parsed.flatMap(({ constraint }) =>
    constraint === 'any' || 'wrong' in constraint ? [] : [constraint],
  );
  const saysHowHostsAreShared =
    parsed.some(({ text, constraint }) => constraint === 'any' && /^hostname\s/.test(text.trim())) ||
    constraints.some(
      ({ attribute, kind }) => attribute === 'hostname' && ['unique', 'cluster', 'groupBy'].includes(kind),
    );
  return saysHowHostsAreShared ? constraints : [{ kind: 'unique', attribute: 'hostname' }, ...constraints];
}

function wrongPattern(pattern: string): string | undefined {
  try {
    // As placement will: the whole value has to match.
    new RegExp(`^(?:${pattern})$`, 'u');
    return undefined;
  } catch {
    return 'its pattern is not a regular expression';
  }
}
