import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generated } from '../../schema/generate.ts';
import { defaultKafkaVersion } from '../../src/kafka/distribution.ts';
import { jvmOverheadMiB } from '../../src/model/desired.ts';
import { ownedConfig } from '../../src/model/owned-config.ts';
import { defaults } from '../../src/spec/defaults.ts';
import { describeField, type Field } from '../../src/spec/explain.ts';
import { type SpecNode, toPlain } from '../../src/spec/node.ts';
import { notYet } from '../../src/spec/not-yet.ts';
import { parseSpec } from '../../src/spec/parse.ts';
import { readYaml } from '../../src/spec/read-yaml.ts';
import { clusterSchema, isLater, type Schema } from '../../src/spec/schema.ts';
import { documentOf } from './helpers.ts';

test('the schema is a JSON Schema of 2020-12, and its examples and defaults are of its shape', () => {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  ajv.compile(clusterSchema);
  for (const [name, definition] of Object.entries(clusterSchema.$defs)) {
    const check = ajv.getSchema(`urn:kafka-mesos:v1:KafkaCluster#/$defs/${name}`);
    for (const example of definition.examples ?? []) {
      assert.ok(check?.(example), `${name}: ${JSON.stringify(example)} ${ajv.errorsText(check?.errors)}`);
    }
  }
});

function everySchema(schema: Schema, path: string, visit: (schema: Schema, path: string) => void): void {
  visit(schema, path);
  const { properties, items, additionalProperties } = schema;
  for (const [name, property] of Object.entries(properties ?? {}))
    everySchema(property, `${path}.${name}`, visit);
  if (items !== undefined) everySchema(items, `${path}[]`, visit);
  if (additionalProperties) everySchema(additionalProperties, `${path}.*`, visit);
}

test('everything has a description, and every map is closed or says what is in it', () => {
  for (const [name, definition] of [...Object.entries(clusterSchema.$defs), ['', clusterSchema] as const]) {
    everySchema(definition, name, (schema, path) => {
      if (schema.$ref !== undefined) return;
      assert.ok((schema.description?.length ?? 0) > 8, `${path} has no description`);
      if (schema.type === 'object') assert.ok(schema.additionalProperties !== undefined, `${path} is open`);
    });
  }
});

test('defaults, pools and overrides have the same fields', () => {
  const { defaults: forAll, pool, override } = clusterSchema.$defs;
  const { roles: _, ...broker } = forAll?.properties ?? {};
  assert.equal(override?.properties, broker);
  const { name, ids, overrides, autoscale, ...fields } = pool?.properties ?? {};
  assert.ok(name && ids && overrides && autoscale);
  assert.equal(fields, forAll?.properties);
});

test('README and types are made from the schema as it is', () => {
  for (const [path, text] of Object.entries(generated())) {
    const found = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
    assert.is(found, text, `${path} is old: run npx node schema/generate.ts`);
  }
});

test('the defaults in the schema are those of resolve', () => {
  const said = (path: string): string | undefined => describeField(path)?.default;
  assert.is(said('spec.kafka.version'), defaults.kafkaVersion);
  assert.is(defaults.kafkaVersion, defaultKafkaVersion);
  for (const place of ['spec.defaults', 'spec.pools[]', 'spec.pools[].overrides.NAME']) {
    assert.is(said(`${place}.cpus`), String(defaults.cpus));
    assert.is(said(`${place}.memory`), defaults.memory);
    assert.is(said(`${place}.stopGrace`), defaults.stopGrace);
    assert.is(said(`${place}.stickiness.period`), defaults.stickinessPeriod);
    assert.is(said(`${place}.failover.delay`), defaults.failoverDelay);
    assert.is(said(`${place}.failover.maxDelay`), defaults.failoverMaxDelay);
  }
  assert.is(said('spec.pools[].roles'), `[${defaults.roles.join(', ')}]`);
  assert.is(said('spec.reassignment.throttle'), defaults.throttle);
  assert.is(said('spec.topics[].partitions'), String(defaults.partitions));
  assert.match(describeField('spec.pools[].memory')?.description ?? '', `at least ${jvmOverheadMiB}MiB`);
  assert.match(
    describeField('spec.pools[].heap')?.description ?? '',
    `at most ${defaults.heapLimitMiB / 1024}GiB`,
  );
  assert.match(describeField('spec.listeners')?.description ?? '', `named ${defaults.listener},`);
});

/** Paths of the fields of the format in the words of not-yet.ts; `later` ones are not looked into. */
function everyField(path: string, visit: (field: Field, path: string) => void): void {
  for (const child of describeField(path)?.children ?? []) {
    visit(child, child.path.replaceAll('[]', '.*').replaceAll('NAME', '*'));
    if (!child.later) everyField(child.path, visit);
  }
}

test('what the schema calls later is what is refused by name', () => {
  const later: string[] = [];
  everyField('', (field, path) => {
    if (field.later) later.push(path);
  });
  const table = notYet.filter(({ values }) => values === undefined).map(({ path }) => path);
  assert.equal(later.sort(), table.toSorted());
  for (const { path, values } of notYet) {
    if (values === undefined) continue;
    const field = describeField(path.replaceAll('*', '').replaceAll('..', '.'));
    assert.ok(
      values.every((value) => field?.type.includes(value)),
      path,
    );
    assert.match(field?.description ?? '', 'acts on');
  }
});

test('the definitions inside of what comes later say so too', () => {
  const named = ['autoscale', 'authorization', 'container', 'discovery', 'extraFile', 'quota', 'scaleIn'];
  for (const name of named) assert.ok(isLater(clusterSchema.$defs[name] ?? {}), name);
});

test('each row of the table refuses what it names', () => {
  const base = 'pools: [ { name: a, ids: 0..2, storage: { size: 1GiB } } ]';
  for (const { path, values } of notYet) {
    const steps = path.split('.').slice(1);
    const document = toPlain(readRoot(documentOf(base))) as Record<string, unknown>;
    put(document.spec as Record<string, unknown>, steps, values?.[0] ?? {});
    const { problems } = parseSpec([{ path: 'a', text: JSON.stringify(document) }]);
    const own = problems.filter(({ code }) => code === 'KM_SPEC_NOT_YET');
    assert.is(own.length, 1, path);
    assert.match(own[0]?.message ?? '', 'not acted on by this version');
  }
});

function put(target: Record<string, unknown>, steps: readonly string[], value: unknown): void {
  const [step = '', next, ...rest] = steps;
  if (next === undefined) {
    target[step] = value;
  } else if (next === '*' && step !== 'overrides') {
    target[step] ??= [{ name: step === 'listeners' ? 'CLIENT' : 'a' }];
    put((target[step] as Record<string, unknown>[])[0] ?? {}, rest, value);
  } else {
    target[step] ??= next === '*' ? { 1: {} } : {};
    const inner = target[step] as Record<string, unknown>;
    if (next === '*') put(inner['1'] as Record<string, unknown>, rest, value);
    else put(inner, [next, ...rest], value);
  }
}

function readRoot(text: string): SpecNode {
  const [document] = readYaml({ path: 'full.yaml', text }).documents;
  if (document === undefined) throw new Error('no document');
  return document.root;
}

test('every field that is acted on changes the cluster: none is dead, and full.yaml has them all', () => {
  const text = readFileSync(new URL('./full.yaml', import.meta.url), 'utf8');
  const { problems } = parseSpec([{ path: 'full.yaml', text }]);
  const errors = problems.filter(({ severity }) => severity === 'error');
  assert.equal(errors, []);
  const documents = readYaml({ path: 'full.yaml', text }).documents.map(({ root }) => toPlain(root));
  const digestOf = (document: unknown) =>
    parseSpec([{ path: 'full.yaml', text: JSON.stringify(document) }]).clusters[0]?.digest;
  const whole = documents.map(digestOf);
  // PLAINTEXT is the only protocol, and one node with all roles is the default: without them is the same.
  const onlyChoice = ['spec.listeners.*.protocol', 'spec.defaults.roles'];
  let fields = 0;
  everyField('', (field, path) => {
    // It says whether the file is followed, and nothing about the cluster.
    if (field.later || field.name === 'NAME' || path === 'spec.suspend' || onlyChoice.includes(path)) return;
    fields += 1;
    const changes = documents.flatMap((document, index) => {
      const copy = structuredClone(document);
      // A required field that is missing is an error; any other makes another cluster.
      return removeAll(copy, path.split('.')) > 0 ? [digestOf(copy) !== whole[index]] : [];
    });
    assert.ok(changes.length > 0, `full.yaml lacks ${path}`);
    assert.ok(changes.includes(true), `${path} is dead`);
  });
  assert.ok(fields > 150, String(fields));
});

function removeAll(value: unknown, steps: readonly string[]): number {
  const [step = '', ...rest] = steps;
  if (typeof value !== 'object' || value === null) return 0;
  const map = value as Record<string, unknown>;
  const keys = step === '*' ? Object.keys(map) : Object.hasOwn(map, step) ? [step] : [];
  if (rest.length > 0) return keys.reduce((count, key) => count + removeAll(map[key], rest), 0);
  for (const key of keys) delete map[key];
  return keys.length;
}

test('every field that the list of owned settings names exists', () => {
  for (const [key, words] of Object.entries(ownedConfig)) {
    const path = /^[\w.[\]]+/.exec(words)?.[0] ?? '';
    assert.ok(describeField(path) !== undefined, `${key}: ${path}`);
  }
});

test('explain finds a field by any way to write its path', () => {
  for (const path of ['spec.pools.memory', 'spec.pools[].memory', 'spec.pools[0].memory']) {
    const field = describeField(path);
    assert.is(field?.path, 'spec.pools[].memory');
    assert.is(field?.default, '2GiB');
    assert.is(field?.type, 'size');
  }
  assert.ok(describeField('spec.pools')?.required);
  assert.is(describeField('spec.pools[].overrides.7.cpus')?.default, '1');
  assert.is(describeField('spec.pool'), undefined);
});

test.run();
