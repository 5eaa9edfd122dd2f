import { inline } from './inline.ts';
import { clusterSchema, definitionName, follow, isLater, laterWords, type Schema } from './schema.ts';

/** A field of the format in words. */
export type Field = {
  /** `spec.pools[].memory`; empty for the document itself. `[]` is any entry, `.NAME` any key of a map. */
  readonly path: string;
  readonly name: string;
  readonly type: string;
  readonly description: string;
  readonly required: boolean;
  readonly default?: string;
  readonly examples: readonly string[];
  /** What a value has to keep, each a phrase: `at least 1`. */
  readonly limits: readonly string[];
  /** Part of the format, refused until it is acted on. */
  readonly later: boolean;
  /** Name of the definition that it shares with other fields. */
  readonly definition?: string;
  readonly children: readonly Field[];
};

/**
 * Looks a field up by its path: `spec.pools.memory`, `spec.pools[].memory` and `spec.pools[0].memory` are
 * the same. The empty path is the document. Children come one level deep.
 */
export function describeField(path: string): Field | undefined {
  const steps = path
    .replace(/\[[^\]]*\]/g, '')
    .split('.')
    .filter((step) => step !== '');
  let use: Schema = clusterSchema;
  let shown = '';
  let required = false;
  for (const step of steps) {
    const inside = insideOf(use);
    const property = inside?.schema.properties?.[step];
    const anyKey = inside?.schema.additionalProperties;
    if (inside === undefined) return undefined;
    if (property !== undefined) {
      shown = joinPath(shown + inside.suffix, step);
      required = inside.schema.required?.includes(step) ?? false;
      use = property;
    } else if (anyKey !== undefined && anyKey !== false) {
      shown = joinPath(shown + inside.suffix, anyName);
      required = false;
      use = anyKey;
    } else {
      return undefined;
    }
  }
  return toField(use, shown, required, true);
}

const anyName = 'NAME';

/** The map that the fields below are in: of a list that of its entries. */
function insideOf(use: Schema): { readonly schema: Schema; readonly suffix: string } | undefined {
  const schema = follow(use);
  if (schema.items !== undefined && schema.properties === undefined) {
    return { schema: follow(schema.items), suffix: '[]' };
  }
  return { schema, suffix: '' };
}

function toField(use: Schema, path: string, required: boolean, withChildren: boolean): Field {
  const schema = follow(use);
  const inside = insideOf(use);
  const below = path + (inside?.suffix ?? '');
  const description = schema.description ?? '';
  const ref = use.$ref ?? schema.items?.$ref;
  const anyKey = inside?.schema.additionalProperties;
  const children = Object.entries(inside?.schema.properties ?? {}).map(([name, property]) =>
    toField(property, joinPath(below, name), inside?.schema.required?.includes(name) ?? false, false),
  );
  if (anyKey !== undefined && anyKey !== false && follow(anyKey).properties !== undefined) {
    children.push(toField(anyKey, joinPath(below, anyName), false, false));
  }
  return {
    path,
    name: path.split('.').at(-1) ?? '',
    type: typeWords(schema),
    description: description.replace(laterWords, ''),
    required,
    ...(schema.default === undefined ? {} : { default: inline(schema.default) }),
    examples: (schema.examples ?? []).map(inline),
    limits: limitsOf(schema),
    later: isLater(use),
    ...(ref === undefined ? {} : { definition: definitionName(ref) }),
    children: withChildren ? children : [],
  };
}

/** A pattern is said by the name of its type, where it has one. */
function limitsOf(schema: Schema): readonly string[] {
  const said = (value: number | undefined, words: (n: number) => string) =>
    value === undefined ? [] : [words(value)];
  return [
    ...said(schema.minimum, (n) => `at least ${n}`),
    ...said(schema.maximum, (n) => `at most ${n}`),
    ...said(schema.minItems, (n) => `at least ${n} of them`),
    ...said(schema.maxItems ?? schema.maxProperties, (n) => `at most ${n} of them`),
    ...(schema.uniqueItems === true ? ['none twice'] : []),
    ...(schema.pattern !== undefined && schema.title === undefined ? [`matching ${schema.pattern}`] : []),
  ];
}

function joinPath(path: string, step: string): string {
  return path === '' ? step : `${path}.${step}`;
}

function typeWords(schema: Schema): string {
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.title !== undefined) return schema.title.replace(/^an? /, '');
  if (schema.type === 'array')
    return `list${schema.items === undefined ? '' : ` of ${typeWords(follow(schema.items))}`}`;
  if (schema.type === 'object') return 'map';
  return [schema.type ?? []].flat().join(' or ');
}
