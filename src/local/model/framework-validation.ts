/**
 * What a SUBSCRIBE may say of a framework, in Mesos' own order and words.
 * Facts: src/master/validation.cpp, src/common/roles.cpp, and scenario 12.
 */
import type { FrameworkInfo, Subscribe } from '../../mesos/types.ts';
import { validateConstraints } from './offer-constraints.ts';

const longestFailoverSeconds = 9_223_372_036;

/** The ERROR event's message, or undefined. */
export function validateFramework(subscribe: Subscribe): string | undefined {
  const info = subscribe.framework_info;
  const id = info.id?.value ?? '';
  return (
    validateRoles(info) ??
    (id === '' ? undefined : validateId(id)) ??
    validateFailoverTimeout(info.failover_timeout ?? 0) ??
    validateSuppressedRoles(info, subscribe.suppressed_roles ?? []) ??
    validateConstraints(subscribe.offer_constraints, info.roles ?? [info.role ?? '*'])
  );
}

/** Ids become path names: frameworks', tasks', executors' and persistent volumes'. */
export function validateId(id: string): string | undefined {
  if (id === '') return 'ID must not be empty';
  if (Buffer.byteLength(id) > 255) return 'ID must not be greater than 255 characters';
  if (id === '.' || id === '..') return `'${id}' is disallowed`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f/\\]/.test(id)) return `'${id}' contains invalid characters`;
  return undefined;
}

function validateRoles(info: FrameworkInfo): string | undefined {
  const multiRole = (info.capabilities ?? []).some((one) => one.type === 'MULTI_ROLE');
  const roles = info.roles ?? [];
  if (!multiRole) {
    if (roles.length > 0) {
      return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable";
    }
    const invalid = info.role === undefined ? undefined : validateRole(info.role);
    return invalid === undefined ? undefined : `'FrameworkInfo.role' is not a valid role: ${invalid}`;
  }
  if (info.role !== undefined) {
    return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable";
  }
  const repeated = roles.filter((role, index) => roles.indexOf(role) !== index);
  if (repeated.length > 0) {
    return `'FrameworkInfo.roles' contains duplicate items: { ${[...new Set(repeated)].join(', ')} }`;
  }
  for (const role of roles) {
    const invalid = validateRole(role);
    if (invalid !== undefined) return `'FrameworkInfo.roles' contains invalid role: ${invalid}`;
  }
  return undefined;
}

function validateRole(role: string): string | undefined {
  if (role === '*') return undefined;
  if (role.startsWith('/')) return `Role '${role}' cannot start with a slash`;
  if (role.endsWith('/')) return `Role '${role}' cannot end with a slash`;
  if (role.includes('//')) return `Role '${role}' cannot contain two adjacent slashes`;
  if (role === '') return 'Role names cannot be the empty string';
  for (const component of role.split('/')) {
    for (const forbidden of ['.', '..', '*']) {
      if (component === forbidden) return `Role '${role}' cannot include '${forbidden}' as a component`;
    }
    if (component.startsWith('-')) {
      return `Role component '${component}' is invalid because it starts with a dash`;
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    if (/[\u0008\s\u007f]/.test(component)) {
      return `Role component '${component}' is invalid because it contains backspace or whitespace`;
    }
  }
  return undefined;
}

/** A negative time is accepted, as by Mesos; one beyond the range of its durations is not. */
function validateFailoverTimeout(seconds: number): string | undefined {
  if (Math.abs(seconds) <= longestFailoverSeconds) return undefined;
  return `The framework failover_timeout (${seconds}) is invalid`;
}

function validateSuppressedRoles(info: FrameworkInfo, suppressed: readonly string[]): string | undefined {
  const roles = info.roles ?? [info.role ?? '*'];
  const foreign = suppressed.filter((role) => !roles.includes(role));
  if (foreign.length === 0) return undefined;
  return `Suppressed roles { ${foreign.join(', ')} } are not contained in the set of roles`;
}
