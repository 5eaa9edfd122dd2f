import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { didYouMean } from './did-you-mean.ts';
import { inline } from './inline.ts';
import { nodeAt, type SpecNode, toPlain } from './node.ts';
import { findNotYet } from './not-yet.ts';
import { isBelow, type Path } from './path.ts';
import { describeNode, type Finding } from './problems.ts';
import { clusterSchema, follow, isLater, type Schema } from './schema.ts';

/** Nobody reads more; putting each into words costs something. */
const maxFindings = 1000;

/**
 * Everything in which a document is not of the schema's shape, in words of ours, one finding a mistake.
 * A field that is not acted on yet is only that, whatever else is wrong inside of it.
 */
export function checkShape(root: SpecNode): readonly Finding[] {
  if (root.kind !== 'map') {
    return [
      {
        code: 'KM_SPEC_TYPE',
        path: [],
        message: 'this is no KafkaCluster',
        found: describeNode(root),
        allowed: 'a map with apiVersion, kind, metadata and spec',
      },
    ];
  }
  const kind = root.entries.get('kind')?.value;
  if (kind?.kind === 'scalar' && kind.text !== 'KafkaCluster') {
    // Of another kind nothing else can be judged.
    return [wrongValue(['kind'], kind, ['KafkaCluster'])];
  }
  const notYet = findNotYet(root).slice(0, maxFindings);
  const check = getValidator();
  check(toPlain(root));
  const findings = (check.errors ?? [])
    .slice(0, maxFindings)
    .flatMap((error) => toFinding(error, root) ?? []);
  return [
    ...notYet,
    ...findings.filter(({ path }) => !notYet.some((finding) => isBelow(path, finding.path))),
  ];
}

let validator: ValidateFunction | undefined;

/**
 * Compiled on first use (about 50 ms), for commands that read no spec. A test checks the schema against its
 * own meta-schema, so that no start has to: that would take as long again.
 */
function getValidator(): ValidateFunction {
  validator ??= new Ajv2020({
    allErrors: true,
    verbose: true,
    allowUnionTypes: true,
    meta: false,
    validateSchema: false,
    code: { optimize: false },
  }).compile(clusterSchema);
  return validator;
}

function toFinding(error: ErrorObject, root: SpecNode): Finding | undefined {
  const path = toPath(error.instancePath, root);
  const node = nodeAt(root, path);
  const schema = (error.parentSchema ?? {}) as Schema;
  if (node === undefined) return undefined;
  if (error.propertyName !== undefined) {
    return {
      code: 'KM_SPEC_KEY',
      path: [...path, error.propertyName],
      on: 'key',
      message: `${quote(error.propertyName)} is not ${schema.title ?? 'a key that can stand here'}`,
    };
  }
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(path, String(error.params.additionalProperty), schema);
    case 'required':
      return missingKey(path, String(error.params.missingProperty), schema);
    case 'const':
      return wrongValue(path, node, [String(error.params.allowedValue)]);
    case 'enum':
      return wrongValue(path, node, (error.params.allowedValues as readonly unknown[]).map(String));
    case 'type':
      return wrongType(path, node, schema);
    // The error of the name itself says it.
    case 'propertyNames':
      return undefined;
    case 'pattern':
      return wrongText(path, node, schema);
    case 'minimum':
    case 'maximum':
      return {
        code: 'KM_SPEC_RANGE',
        path,
        message: `${named(path)} is too ${error.keyword === 'minimum' ? 'small' : 'large'}`,
        found: describeNode(node),
        allowed: range(schema),
      };
    case 'minItems':
    case 'maxItems':
    case 'maxProperties':
      return {
        code: 'KM_SPEC_RANGE',
        path,
        on: 'key',
        message: `${named(path)} has too ${error.keyword === 'minItems' ? 'few' : 'many'} entries`,
        allowed: `at ${error.keyword === 'minItems' ? 'least' : 'most'} ${error.params.limit}`,
      };
    case 'uniqueItems':
      return { code: 'KM_SPEC_TWICE', path, on: 'key', message: `${named(path)} names something twice` };
    default:
      return {
        code: 'KM_SPEC_VALUE',
        path,
        message: `${named(path)} is not valid`,
        found: describeNode(node),
      };
  }
}

function unknownKey(path: Path, key: string, schema: Schema): Finding {
  const properties = Object.entries(schema.properties ?? {});
  const known = properties.filter(([, property]) => !isLater(property)).map(([name]) => name);
  const meant = didYouMean(
    key,
    properties.map(([name]) => name),
  );
  const elsewhere = placesOf(key);
  const remedies: string[] = [];
  if (meant !== undefined) remedies.push(`Did you mean \`${meant}\`?`);
  else if (elsewhere.length > 0)
    remedies.push(`\`${key}\` belongs to ${elsewhere.slice(0, 3).join(' or ')}.`);
  return {
    code: 'KM_SPEC_UNKNOWN_KEY',
    path: [...path, key],
    on: 'key',
    message: `${path.length === 0 ? 'a KafkaCluster' : named(path)} has no ${quote(key)}`,
    allowed: meant === undefined ? known.join(', ') : undefined,
    remedy: remedies[0],
    meant: meant === undefined ? placesNear(path, key, schema) : [[...path, meant]],
  };
}

/** A field of that name one level further in, or on a level further out: the key may only be indented wrongly. */
function placesNear(path: Path, key: string, schema: Schema): readonly Path[] {
  const inner = Object.entries(schema.properties ?? {}).filter(([, property]) => {
    const { properties, items, additionalProperties } = follow(property);
    const parts = [properties, items && follow(items).properties];
    if (typeof additionalProperties === 'object') parts.push(follow(additionalProperties).properties);
    return parts.some((names) => names !== undefined && Object.hasOwn(names, key));
  });
  return [
    ...inner.map(([name]) => [...path, name]),
    ...path.map((_, index) => [...path.slice(0, index), key]),
  ];
}

function missingKey(path: Path, key: string, schema: Schema): Finding {
  const property = follow(schema.properties?.[key] ?? {});
  const example = property.const ?? property.examples?.[0] ?? property.default;
  return {
    code: 'KM_SPEC_MISSING',
    path: [...path, key],
    on: 'key',
    message: `${path.length === 0 ? 'the document' : named(path)} lacks \`${key}\``,
    remedy: example === undefined ? undefined : `For example \`${key}: ${inline(example)}\`.`,
  };
}

function wrongValue(path: Path, node: SpecNode, allowed: readonly string[]): Finding {
  const meant = node.kind === 'scalar' ? didYouMean(node.text, allowed) : undefined;
  return {
    code: 'KM_SPEC_VALUE',
    path,
    message: `${named(path)} cannot be ${describeNode(node)}`,
    allowed: allowed.join(', '),
    remedy: meant === undefined ? undefined : `Did you mean \`${meant}\`?`,
  };
}

function wrongType(path: Path, node: SpecNode, schema: Schema): Finding {
  const wanted = phrase(schema);
  return {
    code: 'KM_SPEC_TYPE',
    path,
    message: `${named(path)} has to be ${wanted}`,
    found: describeNode(node),
    allowed: examples(schema),
    remedy: typeRemedy(node, schema),
  };
}

function typeRemedy(node: SpecNode, schema: Schema): string | undefined {
  if (node.kind !== 'scalar') return undefined;
  const types = [schema.type ?? []].flat();
  const isNumber = types.includes('number') || types.includes('integer');
  if (typeof node.value === 'string' && isNumber && /^-?[0-9]+(\.[0-9]+)?$/.test(node.text)) {
    return 'Leave out the quotes.';
  }
  if (typeof node.value === 'number' && schema.title === 'a size') return `Add a unit: \`${node.text}GiB\`.`;
  if (typeof node.value === 'number' && schema.title === 'a duration')
    return `Add a unit: \`${node.text}s\`.`;
  if (typeof node.value === 'number' && schema.title === 'a rate') return `Add a unit: \`${node.text}MB/s\`.`;
  return undefined;
}

function wrongText(path: Path, node: SpecNode, schema: Schema): Finding {
  const text = node.kind === 'scalar' ? node.text : '';
  // As Kubernetes, Docker and the JVM write sizes.
  const size = schema.title === 'a size' ? /^([0-9]+(?:\.[0-9]+)?) *([kmgt])i?b?$/i.exec(text) : null;
  const rule = schema.description?.split(/(?<=\.) /)[0];
  return {
    code: 'KM_SPEC_FORMAT',
    path,
    message: `${named(path)} has to be ${phrase(schema)}`,
    // It may be refused for the password in it.
    found: schema.title === 'a URI' ? undefined : describeNode(node),
    allowed: examples(schema),
    remedy: size === null ? rule : `Write \`${size[1]}${size[2]?.toUpperCase()}iB\`.`,
  };
}

function phrase(schema: Schema): string {
  if (schema.title !== undefined) return schema.title;
  const words: Readonly<Record<string, string>> = {
    string: 'a text',
    integer: 'a whole number',
    number: 'a number',
    boolean: 'true or false',
    array: 'a list',
    object: 'a map',
  };
  return [schema.type ?? []]
    .flat()
    .map((type) => words[type] ?? type)
    .join(' or ');
}

function examples(schema: Schema): string | undefined {
  if (schema.enum !== undefined) return schema.enum.join(', ');
  const shown = schema.examples?.slice(0, 4).map(inline).join(', ');
  return shown === undefined ? range(schema) : `for example ${shown}`;
}

function range(schema: Schema): string | undefined {
  if (schema.minimum === undefined) return undefined;
  return schema.maximum === undefined
    ? `${schema.minimum} or more`
    : `${schema.minimum} to ${schema.maximum}`;
}

/** The field as a reader would call it: its key, or the list's for an entry. */
function named(path: Path): string {
  const last = path.at(-1);
  if (typeof last !== 'number') return `\`${last ?? 'the document'}\``;
  return `\`${path.at(-2)}[${last}]\``;
}

function quote(key: string): string {
  return `\`${key.length > 60 ? `${key.slice(0, 57)}...` : key}\``;
}

/** JSON pointer to path; whether a step is an index is for the node to say. */
function toPath(pointer: string, root: SpecNode): Path {
  const steps: (string | number)[] = [];
  for (const part of pointer.split('/').slice(1)) {
    const step = part.replaceAll('~1', '/').replaceAll('~0', '~');
    steps.push(nodeAt(root, steps)?.kind === 'list' ? Number(step) : step);
  }
  return steps;
}

let places: ReadonlyMap<string, readonly string[]> | undefined;

/** Where else in the format a key of that name can stand. */
function placesOf(key: string): readonly string[] {
  places ??= indexKeys();
  return places.get(key) ?? [];
}

function indexKeys(): ReadonlyMap<string, readonly string[]> {
  const index = new Map<string, string[]>();
  const visit = (schema: Schema, path: string): void => {
    const { properties, items } = follow(schema);
    for (const [name, property] of Object.entries(properties ?? {})) {
      if (path !== '') index.set(name, [...(index.get(name) ?? []), `\`${path}\``]);
      visit(property, path === '' ? name : `${path}.${name}`);
    }
    if (items !== undefined) visit(items, `${path}[]`);
  };
  visit(clusterSchema, '');
  return index;
}
