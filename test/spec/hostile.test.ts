import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseSpec } from '../../src/spec/parse.ts';
import { readYaml, yamlLimits } from '../../src/spec/read-yaml.ts';
import { anyText } from '../any-text.ts';
import { documentOf } from './helpers.ts';

const letters = 'abcdefghijklmnop';
const laughs = [...letters]
  .map((letter, index) => {
    const item = index === 0 ? 'lol' : `*${letters[index - 1]}`;
    return `${letter}: &${letter} [${Array(10).fill(item).join(',')}]`;
  })
  .join('\n');

// Each is refused as a whole, by its bound: were the bound not there, most would not end in this century.
const refused: Readonly<Record<string, readonly [text: string, message: RegExp]>> = {
  'a large file': ['a'.repeat(yamlLimits.bytes + 1), /larger than 1024 KiB/],
  'a file large in bytes only': ['é'.repeat(yamlLimits.bytes / 2 + 1), /larger than 1024 KiB/],
  'an alias bomb': [laughs, /stands for more than 100000 values/],
  'an alias bomb in merges': [
    laughs.replaceAll('[', '{<<: [').replaceAll(']', ']}').replaceAll('lol', '{}'),
    /values/,
  ],
  'nested flow lists': ['['.repeat(500_000), /nested more than 64/],
  'nested flow maps': ['{a: '.repeat(200_000), /nested more than 64/],
  'nested block lists': ['- '.repeat(500_000), /nested more than 64/],
  'nested block maps': [Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), /nested/],
  'nesting by aliases': [
    Array.from({ length: 70 }, (_, i) => `a${i}: &a${i} [${i === 0 ? '' : `*a${i - 1}`}]`).join('\n'),
    /nested more than 64/,
  ],
  'many documents': ['---\na: 1\n'.repeat(300), /more than 256 documents/],
  'many keys': [
    Array.from({ length: 140_000 }, (_, i) => `a${i.toString(36)}:`).join('\n'),
    /too many values/,
  ],
  'a long list': [`a: [${'1,'.repeat(10_001)}]`, /more than 10000 entries/],
  'many aliases': [`a: &a [${'1,'.repeat(5000)}]\nb: [${'*a,'.repeat(5000)}]`, /values/],
  'many brackets': [']'.repeat(500_000), /no YAML/],
  'many directives': ['%\n'.repeat(300_000), /no YAML/],
};

for (const [name, [text, message]] of Object.entries(refused)) {
  test(`${name} is refused`, () => {
    const { documents, problems } = readYaml({ path: 'a.yaml', text });
    assert.is(documents.length, 0);
    assert.is(problems.length, 1);
    const isNoYaml = problems[0]?.message === 'this is no YAML';
    assert.is(problems[0]?.code, isNoYaml ? 'KM_SPEC_YAML' : 'KM_SPEC_TOO_LARGE');
    assert.match(problems[0]?.message ?? '', message);
  });
}

test('an ordinary depth and ordinary aliases are not refused', () => {
  const text = `${'['.repeat(60)}${']'.repeat(60)}\n---\na: &a { b: 1 }\nc: [*a, *a, { <<: *a }]`;
  const { documents, problems } = readYaml({ path: 'a.yaml', text });
  assert.is(documents.length, 2);
  assert.equal(problems, []);
});

test('many mistakes are counted, not listed', () => {
  const text = documentOf(Array.from({ length: 500 }, (_, i) => `key${i}: 1`).join('\n'));
  const { problems } = parseSpec([{ path: 'a.yaml', text }]);
  assert.is(problems.length, 101);
  assert.match(problems.at(-1)?.message ?? '', /^there are at least 401 more/);
});

test('ids of a huge range are not counted out', () => {
  const text = documentOf('pools: [ { name: a, ids: 0..2147483647, storage: { size: 1GiB } } ]');
  const { problems } = parseSpec([{ path: 'a.yaml', text }]);
  assert.equal(
    problems.map(({ code }) => code),
    ['KM_SPEC_IDS'],
  );
});

test('a key __proto__ is a key and nothing more', () => {
  const text = documentOf(`pools:
  - name: a
    ids: 0..2
    storage: { size: 1GiB }
    __proto__: { cpus: 7 }
    config: { __proto__: x }
    overrides: { 1: { config: { __proto__: y, constructor: z } } }
    listeners: { constructor: {} }`);
  const { problems } = parseSpec([{ path: 'a.yaml', text }]);
  assert.equal(
    problems.map(({ code, path }) => `${code} ${path}`),
    ['KM_SPEC_UNKNOWN_KEY spec.pools[0].__proto__', 'KM_SPEC_LISTENER spec.pools[0].listeners.constructor'],
  );
  assert.is(Object(Object.prototype).cpus, undefined);
});

const pieces = [
  'apiVersion: kafka-mesos/v1\n',
  'kind: KafkaCluster\n',
  'metadata: { name: a }\n',
  'spec:\n',
  '  pools:\n',
  '    - name: a\n',
  '      ids: 0..2\n',
  '      storage:\n',
  '  topics:\n',
  '    - name: t\n',
  '  config:\n',
  '  listeners:\n',
  '  defaults:\n',
  '- ',
  ': ',
  '[',
  ']',
  '{',
  '}',
  '&a ',
  '*a',
  '<<: ',
  '? ',
  '|\n',
  '!!str ',
  '"',
  "'",
  '\n',
  '  ',
  '---\n',
  '...\n',
  '#',
  '\t',
  '\u0000',
  '💥',
  '1',
  'null',
  ',',
  '%YAML 1.1\n',
];

test('no text makes it throw, and each problem has a place in the text', () => {
  const text = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join('')),
    },
    { weight: 1, arbitrary: anyText(200) },
  );
  fc.assert(
    fc.property(text, (content) => {
      const { problems } = parseSpec([{ path: 'a.yaml', text: content }]);
      const lines = content.split('\n').length;
      for (const { place } of problems) {
        assert.ok(
          place.line >= 1 && place.line <= lines && place.column >= 1,
          JSON.stringify({ content, place }),
        );
      }
    }),
    { numRuns: 1000 },
  );
});

/** A whole document, one value of which is replaced by something of another type. */
test('a value of any type at any place is a problem or a cluster, never an exception', () => {
  const whole = {
    apiVersion: 'kafka-mesos/v1',
    kind: 'KafkaCluster',
    metadata: { name: 'a', labels: { b: 'c' } },
    spec: {
      kafka: { version: '4.3.1' },
      config: { a: 'b' },
      listeners: [{ name: 'CLIENT', port: 9092 }],
      controllerListener: { port: 9093 },
      defaults: { cpus: 1, storage: { size: '1GiB' }, failover: { delay: '1s', maxDelay: '2s' } },
      pools: [
        {
          name: 'a',
          ids: '0..2',
          roles: ['broker', 'controller'],
          listeners: { CLIENT: { port: 1 } },
          constraints: ['hostname unique'],
          storage: { kind: 'persistent', volumes: [{ name: 'a', size: '1GiB' }] },
          rack: { attribute: 'rack' },
          jvmOptions: ['-ea'],
          overrides: { 1: { cpus: 2, config: { c: 'd' } } },
        },
      ],
      topics: [{ name: 't', replicationFactor: 2, config: { 'min.insync.replicas': '1' } }],
      rollout: { paused: false },
    },
  };
  const places: (string | number)[][] = [];
  const visit = (value: unknown, path: (string | number)[]): void => {
    places.push(path);
    if (typeof value !== 'object' || value === null) return;
    for (const [key, child] of Object.entries(value)) visit(child, [...path, key]);
  };
  visit(whole, []);
  assert.equal(parseSpec([{ path: 'a', text: JSON.stringify(whole) }]).problems, []);
  for (const path of places.slice(1)) {
    for (const wrong of [null, 7, -1, 'x', '', true, [], {}, [null], [[1]], { a: null }, { CLIENT: null }]) {
      const copy = structuredClone(whole);
      let parent: Record<string, unknown> = copy as never;
      for (const step of path.slice(0, -1)) parent = parent[String(step)] as Record<string, unknown>;
      parent[String(path.at(-1))] = wrong;
      const { clusters, problems } = parseSpec([{ path: 'a', text: JSON.stringify(copy) }]);
      assert.ok(
        clusters.length === 1 || problems.some(({ severity }) => severity === 'error'),
        path.join('.'),
      );
    }
  }
});

test.run();
