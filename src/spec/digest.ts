import { createHash } from 'node:crypto';
import type { Desired } from '../model/desired.ts';
import { compareText } from './problems.ts';

/** sha256, hex, over the resolved cluster: comments, order and the way to say it do not count. */
export function digestOf(desired: Desired): string {
  return digestOfValue(desired);
}

/** The same of any value that JSON can hold. */
export function digestOfValue(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex');
}

/** JSON with sorted keys; what is `undefined` is left out. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => compareText(a, b))
    .map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`);
  return `{${entries.join(',')}}`;
}
