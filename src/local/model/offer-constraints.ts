/**
 * Offer constraints: of which agents a framework wants offers, by attributes, hostname, region and zone.
 * Facts: src/master/allocator/mesos/offer_constraints_filter.cpp of Apache Mesos, and scenario 23.
 */
import type { AttributeConstraint, OfferConstraints } from '../../mesos/types.ts';
import type { AgentRecord } from './state.ts';

/** Whether the agent may be offered to the role: it meets all of some group, or there are no groups. */
export function meetsConstraints(
  constraints: OfferConstraints | undefined,
  role: string,
  agent: AgentRecord['info'],
): boolean {
  const groups = constraints?.role_constraints?.[role]?.groups;
  if (groups === undefined) return true;
  return groups.some((group) => (group.attribute_constraints ?? []).every((one) => meets(one, agent)));
}

function meets({ selector, predicate }: AttributeConstraint, agent: AgentRecord['info']): boolean {
  const text = selectedText(selector, agent);
  if (predicate.exists !== undefined) return text !== undefined;
  if (predicate.not_exists !== undefined) return text === undefined;
  // An attribute that is no text meets everything that asks for a text.
  if (text === null) return true;
  const { text_equals, text_not_equals, text_matches, text_not_matches } = predicate;
  if (text_equals !== undefined) return text === text_equals.value;
  if (text_not_equals !== undefined) return text !== text_not_equals.value;
  if (text_matches !== undefined) return text !== undefined && matches(text_matches.regex, text);
  return text === undefined || !matches(text_not_matches?.regex ?? '', text);
}

/** Undefined when the agent has no such thing, null when it has it and it is no text. */
function selectedText(
  selector: AttributeConstraint['selector'],
  agent: AgentRecord['info'],
): string | null | undefined {
  switch (selector.pseudoattribute_type) {
    case 'HOSTNAME':
      return agent.hostname;
    case 'REGION':
      return agent.domain?.fault_domain?.region.name;
    case 'ZONE':
      return agent.domain?.fault_domain?.zone.name;
    default: {
      const attribute = agent.attributes?.find(({ name }) => name === selector.attribute_name);
      return attribute === undefined ? undefined : (attribute.text?.value ?? null);
    }
  }
}

/** The whole text, as RE2::FullMatch. */
function matches(pattern: string, text: string): boolean {
  return new RegExp(`^(?:${pattern})$`).test(text);
}

/** What is wrong with them, in Mesos' words, or undefined. */
export function validateConstraints(
  constraints: OfferConstraints | undefined,
  roles: readonly string[],
): string | undefined {
  const ofRoles = Object.entries(constraints?.role_constraints ?? {});
  const foreign = ofRoles.find(([role]) => !roles.includes(role));
  if (foreign !== undefined) {
    return `Offer constraints specify \`role_constraints\` for a role '${foreign[0]}'not contained in the set of roles`;
  }
  for (const [role, { groups = [] }] of ofRoles) {
    const invalid = validateGroups(role, groups);
    if (invalid !== undefined) return `Offer constraints are not valid: ${invalid}`;
  }
  return undefined;
}

type Group = { readonly attribute_constraints?: readonly AttributeConstraint[] };

function validateGroups(role: string, groups: readonly Group[]): string | undefined {
  if (groups.length === 0) {
    return `'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role ${role}`;
  }
  for (const { attribute_constraints: constraints = [] } of groups) {
    if (constraints.length === 0) {
      return `'OfferConstraints::RoleConstraints::groups' for role ${role}contains an empty RoleConstraints::Group`;
    }
    for (const constraint of constraints) {
      const invalid = validateConstraint(constraint);
      if (invalid !== undefined) return `A role ${role} has an invalid 'AttributeConstraint': ${invalid}`;
    }
  }
  return undefined;
}

function validateConstraint({ selector, predicate }: AttributeConstraint): string | undefined {
  if (selector.pseudoattribute_type === 'UNKNOWN') return 'Unknown pseudoattribute type';
  if (selector.pseudoattribute_type === undefined && selector.attribute_name === undefined) {
    return "Exactly one of 'AttributeConstraint::Selector::name' or 'AttributeConstraint::Selector::pseudoattribute_type' must be set";
  }
  if (Object.keys(predicate).length === 0) return 'Unknown predicate type';
  const pattern = predicate.text_matches?.regex ?? predicate.text_not_matches?.regex;
  return pattern === undefined ? undefined : validatePattern(pattern);
}

/** RE2 has neither looks around nor references back; patterns with them are refused there. */
function validatePattern(pattern: string): string | undefined {
  const refused = `Failed to construct regex from pattern '${pattern}'`;
  const foreign = /\(\?(?:<?[=!])|\\[1-9]/.exec(pattern)?.[0];
  if (foreign !== undefined) return `${refused}: invalid perl operator: ${foreign}`;
  try {
    new RegExp(`^(?:${pattern})$`);
    return undefined;
  } catch (error) {
    const reason = String(error);
    return `${refused}: ${/Unterminated group/.test(reason) ? `missing ): ${pattern}` : reason}`;
  }
}
