/**
 * Writes what follows from the schema: `schema/README.md` for people and `src/spec/document.ts` for the
 * compiler; `schema/scheduler-config.schema.json` from the scheduler's options; `docs/metrics.md` from the catalog of
 * metrics; `docs/rest.md` from the routes of the API; and `docs/cli.md` and `docs/exit-codes.md` from the program itself.
 * Run it after a change of any; a test fails while they differ.
 *
 *     npx node schema/generate.ts
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeField, type Field } from '../src/spec/explain.ts';
import { clusterSchema, definitionName, type Schema } from '../src/spec/schema.ts';
import { cliReference, exitCodeReference } from './cli-reference.ts';
import { metricsPage } from './metrics.ts';
import { restPage } from './rest.ts';
import { schedulerConfigSchema } from './scheduler-config.ts';

/** By path from the top of the repository: what the file has to be. */
export function generated(): Readonly<Record<string, string>> {
  return {
    'docs/metrics.md': metricsPage(),
    'docs/rest.md': restPage(),
    'docs/cli.md': cliReference(),
    'docs/exit-codes.md': exitCodeReference(),
    'schema/README.md': reference(),
    'schema/scheduler-config.schema.json': schedulerConfigSchema(),
    'src/spec/document.ts': types(),
  };
}

function types(): string {
  const definitions = Object.entries(clusterSchema.$defs).filter(([, schema]) => isNamed(schema));
  const all: readonly (readonly [string, Schema])[] = [['kafkaCluster', clusterSchema], ...definitions];
  const blocks = all.map(([name, schema]) => {
    if (schema.properties === undefined) return `export type ${typeName(name)} = ${typeOf(schema)};\n`;
    const required = new Set(schema.required);
    const lines = Object.entries(schema.properties ?? {}).map(
      ([key, property]) => `  readonly ${key}${required.has(key) ? '' : '?'}: ${typeOf(property)};`,
    );
    return `export type ${typeName(name)} = {\n${lines.join('\n')}\n};\n`;
  });
  return `/** A document of the schema's shape. Made from the schema by schema/generate.ts. */\n${blocks.join('\n')}`;
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const name = definitionName(schema.$ref);
    const target = clusterSchema.$defs[name];
    return target !== undefined && isNamed(target) ? typeName(name) : typeOf(target ?? {});
  }
  if (schema.const !== undefined) return `'${schema.const}'`;
  if (schema.enum !== undefined) return schema.enum.map((value) => `'${value}'`).join(' | ');
  const names = [schema.type ?? []].flat().map((type) => {
    if (type === 'integer') return 'number';
    if (type === 'array') return `readonly ${bracketed(typeOf(schema.items ?? {}))}[]`;
    if (type === 'object') return `Readonly<Record<string, ${typeOf(schema.additionalProperties || {})}>>`;
    return type;
  });
  return [...new Set(names)].join(' | ');
}

/** Maps with known fields and sets of words have a type of their own; the rest is written out. */
function isNamed(schema: Schema): boolean {
  return schema.properties !== undefined || schema.enum !== undefined;
}

function bracketed(type: string): string {
  return type.includes('|') ? `(${type})` : type;
}

function typeName(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function reference(): string {
  const sections: string[] = [];
  const seen = new Set<string>();
  const visit = (path: string): void => {
    const field = describeField(path);
    if (field === undefined || field.children.length === 0) return;
    // What looks the same in three places is told at the first of them.
    const key = field.definition ?? path;
    if (seen.has(key)) return;
    seen.add(key);
    sections.push(section(field));
    for (const child of field.children) visit(child.path);
  };
  visit('');
  return `${head}\n${sections.join('\n')}`;
}

const head = `# The spec of a Kafka cluster

Made from \`kafka-cluster.schema.json\` by \`schema/generate.ts\`. The schema itself is for editors: begin a
file with

\`\`\`yaml
# yaml-language-server: $schema=../schema/kafka-cluster.schema.json
\`\`\`

and an editor with yaml-language-server completes and explains. Examples are in \`examples/\`. What
\`kafka-mesos scheduler --config\` reads has a schema too, \`scheduler-config.schema.json\`.

- A file holds one document or several, divided by \`---\`. Anchors, aliases and merge keys (\`<<\`) may be used within a document.
- A broker's settings are \`spec.defaults\` under its pool under its entry in \`overrides\`. Maps merge per key, and so do settings with parts (\`storage\`, \`failover\`, \`listeners\`, ...); lists, \`rack\` and \`jre\` replace. Storage of another kind replaces; of the same kind, \`size\` replaces \`volumes\` and the other way round.
- Kafka configuration lies in this order: \`spec.config\`, \`spec.defaults.config\`, the pool's, the broker's.
- \`$id\` stands for the broker's id in \`config\`, \`environment\`, \`jvmOptions\`, advertised hosts and host paths.
- Fields marked *later* are part of the format and refused by name until they are acted on.
`;

function section(field: Field): string {
  const title = field.path === '' ? 'KafkaCluster' : field.path;
  const rows = field.children.map((child) => {
    const cells = [
      `\`${child.name}\`${child.required ? ' *' : ''}`,
      child.type,
      child.default === undefined ? '' : `\`${child.default}\``,
      (child.later ? `*later* ` : '') + child.description.replaceAll('|', '\\|'),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    `## ${title}`,
    '',
    field.description,
    '',
    '| Field (* required) | Type | Default | |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of Object.entries(generated())) {
    writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), text);
  }
}
