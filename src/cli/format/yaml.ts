import { stringify } from 'yaml';

/**
 * A module of its own for the sake of loading late: esbuild gives a dynamically imported CommonJS package
 * as `default` only.
 */
export function renderYaml(data: unknown): string {
  return stringify(data, { aliasDuplicateObjects: false });
}
