/**
 * An ExecutorInfo as protobuf's text format prints it, which is how Mesos shows it in errors.
 * Fields stand in the order of their numbers in mesos.proto.
 */
import type { ExecutorInfo } from '../../mesos/types.ts';

const order: Readonly<Record<string, readonly string[]>> = {
  '': [
    'executor_id',
    'data',
    'resources',
    'command',
    'framework_id',
    'name',
    'source',
    'container',
    'discovery',
    'shutdown_grace_period',
    'labels',
    'type',
  ],
  resources: ['name', 'type', 'scalar', 'ranges', 'set', 'disk', 'reservations', 'allocation_info'],
  command: ['uris', 'environment', 'value', 'user', 'shell', 'arguments'],
  uris: ['value', 'executable', 'extract', 'cache', 'output_file'],
  variables: ['name', 'value'],
};

const enumFields: ReadonlySet<string> = new Set(['type', 'mode', 'network', 'visibility']);

export function executorInfoText(info: ExecutorInfo): string {
  return fields('', info as Record<string, unknown>, 0);
}

function fields(message: string, value: Record<string, unknown>, depth: number): string {
  const known = order[message] ?? [];
  const rest = Object.keys(value).filter((name) => !known.includes(name));
  const hidden = message === 'variables' ? ['type'] : [];
  return [...known, ...rest]
    .filter((name) => value[name] !== undefined && !hidden.includes(name))
    .flatMap((name) => {
      const inner = value[name];
      return (Array.isArray(inner) ? inner : [inner]).map((one) => field(name, one, depth));
    })
    .join('');
}

function field(name: string, value: unknown, depth: number): string {
  const indent = '  '.repeat(depth);
  if (value !== null && typeof value === 'object') {
    const inner = fields(name, value as Record<string, unknown>, depth + 1);
    return `${indent}${name} {\n${inner}${indent}}\n`;
  }
  if (typeof value !== 'string' || enumFields.has(name)) return `${indent}${name}: ${value}\n`;
  const text = name === 'data' ? Buffer.from(value, 'base64').toString('latin1') : value;
  return `${indent}${name}: ${JSON.stringify(text)}\n`;
}
