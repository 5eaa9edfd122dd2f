/** What the API accepts: JSON Schemas of the bodies, and the reading of query strings. */
import type { LogRequest } from '../model/api.ts';

const files = {
  type: 'array',
  minItems: 1,
  maxItems: 1000,
  items: {
    type: 'object',
    required: ['path', 'text'],
    additionalProperties: false,
    properties: { path: { type: 'string', maxLength: 4096 }, text: { type: 'string' } },
  },
} as const;

/** `SpecRequest` */
export const specSchema = {
  type: 'object',
  required: ['files'],
  additionalProperties: false,
  properties: { files },
} as const;

/** `ApplyRequest` */
export const applySchema = {
  type: 'object',
  required: ['files', 'author'],
  additionalProperties: false,
  properties: {
    files,
    author: { type: 'string', minLength: 1, maxLength: 256 },
    expectedRevisions: {
      type: 'object',
      maxProperties: 1000,
      additionalProperties: { type: 'integer', minimum: 0 },
    },
    expectedIndexes: {
      type: 'object',
      maxProperties: 1000,
      additionalProperties: { type: 'string', maxLength: 1024 * 1024 },
    },
  },
} as const;

/** `IntentBody` */
export const intentSchema = {
  type: 'object',
  required: ['kind', 'author'],
  additionalProperties: false,
  properties: {
    kind: { enum: ['stop', 'pause', 'restart', 'replace'] },
    author: { type: 'string', minLength: 1, maxLength: 256 },
    reason: { type: 'string', minLength: 1, maxLength: 500 },
    expiresInMs: { type: 'integer', minimum: 1_000, maximum: 366 * 86_400_000 },
    acceptLoss: {
      type: 'array',
      maxItems: 10_000,
      items: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,249}-[0-9]{1,9}$' },
    },
  },
} as const;

/** `TeardownRequest` */
export const teardownSchema = {
  type: 'object',
  required: ['confirm', 'author', 'abandon'],
  additionalProperties: false,
  properties: {
    confirm: { type: 'string', minLength: 1, maxLength: 256 },
    author: { type: 'string', minLength: 1, maxLength: 256 },
    abandon: { type: 'boolean' },
  },
} as const;

/** The most of a log that one answer carries. */
export const maxLogBytes = 1024 * 1024;

/**
 * `?file=kafka-server.log&bytes=65536`, both optional. A string is what is wrong with it. The file is a path
 * below the sandbox; the way out of it is closed here and again where the path is built.
 */
export function logQuery(query: unknown): Pick<LogRequest, 'file' | 'bytes'> | string {
  const { file = 'kafka-server.log', bytes = '65536', ...rest } = query as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return `unknown parameter ${unknown.slice(0, 64)}; allowed are file and bytes`;
  if (typeof file !== 'string' || !isSandboxPath(file)) {
    return 'file must be a path below the sandbox, such as kafka-server.log or stderr';
  }
  if (
    typeof bytes !== 'string' ||
    !/^\d{1,7}$/.test(bytes) ||
    Number(bytes) < 1 ||
    Number(bytes) > maxLogBytes
  ) {
    return `bytes must be a number from 1 to ${maxLogBytes}`;
  }
  return { file, bytes: Number(bytes) };
}

function isSandboxPath(file: string): boolean {
  if (file.length === 0 || file.length > 1024 || file.startsWith('/')) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f\\]/.test(file)) return false;
  return file.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}
