import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAllDocuments } from 'yaml';
import { parseSpec } from '../../src/spec/parse.ts';
import { brokerOf, codesOf, desiredOf, documentOf } from './helpers.ts';

const small = documentOf('pools: [ { name: main, ids: 0..2, storage: { size: 10GiB } } ]');

test('the smallest cluster has the documented defaults', () => {
  const desired = desiredOf(small);
  assert.is(desired.name, 'demo');
  assert.equal(
    desired.brokers.map(({ id }) => id),
    [0, 1, 2],
  );
  const [broker] = desired.brokers;
  assert.equal(broker?.roles, ['broker', 'controller']);
  assert.is(broker?.state, 'running');
  assert.is(broker?.memoryMiB, 2048);
  assert.is(broker?.heapMiB, 1024);
  assert.equal(broker?.storage, {
    kind: 'persistent',
    volumes: [{ name: 'data', sizeMiB: 10_240, disk: 'root' }],
  });
  assert.equal(broker?.listeners, [{ name: 'CLIENT', protocol: 'PLAINTEXT', port: { kind: 'any' } }]);
  assert.is(broker?.controllerListener?.name, 'CONTROLLER');
  assert.equal(broker?.constraints, [{ kind: 'unique', attribute: 'hostname' }]);
  assert.is(broker?.stickinessPeriodMs, 600_000);
  assert.equal(desired.rollout, { allowSingleReplicaOutage: false, paused: false });
  assert.is(desired.reassignment.throttleBytesPerSecond, 50_000_000);
});

test('an override lies over its pool, the pool over the defaults, these over the cluster', () => {
  const text = documentOf(`config: { a: 1, b: 1, c: 1, d: 1 }
defaults:
  cpus: 1
  config: { b: 2, c: 2, d: 2 }
  failover: { delay: 1s, maxTries: 7 }
  jvmOptions: [-Da, -Db]
  storage: { kind: sandbox, size: 1GiB }
  jre: { uri: "file:///a", sha512: ${'a'.repeat(128)} }
pools:
  - name: main
    ids: 0..1
    cpus: 2
    config: { c: 3, d: 3 }
    failover: { delay: 2s }
    jvmOptions: [-Dc]
    overrides:
      1: { cpus: 3, config: { d: 4 }, storage: { size: 2GiB }, jre: { uri: "file:///b", sha512: ${'B'.repeat(128)} } }`);
  const plain = brokerOf(text, 0);
  const special = brokerOf(text, 1);
  const own = (config: Readonly<Record<string, string>>) =>
    ['a', 'b', 'c', 'd'].map((key) => config[key]).join('');
  assert.is(own(plain.config), '1233');
  assert.is(own(special.config), '1234');
  assert.is(special.cpus, 3);
  assert.equal(special.failover, { delayMs: 2000, maxDelayMs: 600_000, maxTries: 7 });
  assert.equal(special.jvmOptions, ['-Dc']);
  assert.equal(special.storage, {
    kind: 'sandbox',
    volumes: [{ name: 'data', sizeMiB: 2048, disk: 'root' }],
  });
  assert.equal(special.jre, { uri: 'file:///b', sha512: 'b'.repeat(128) });
});

test('one volume and several take the place of one another', () => {
  const text = documentOf(`defaults: { storage: { size: 1GiB, disk: mount } }
pools:
  - name: several
    ids: 0
    storage: { volumes: [ { name: a, size: 1GiB }, { name: b, size: 2GiB } ] }
    overrides: { 0: { storage: { size: 3GiB } } }
  - { name: one, ids: 1 }
  - { name: more, ids: 2, storage: { volumes: [ { name: a, size: 1GiB } ] } }`);
  const volumes = (id: number) =>
    brokerOf(text, id).storage.volumes.map(({ name, disk }) => `${name} ${disk}`);
  assert.equal(volumes(0), ['data root']);
  assert.equal(volumes(1), ['data mount']);
  assert.equal(volumes(2), ['a root']);
});

test('$id stands for the id, in values only, and not at the beginning of a longer word', () => {
  const text = documentOf(
    `listeners: [ { name: CLIENT, advertisedHost: kafka-$id.example.com } ]
pools:
  - name: main
    ids: 7
    storage: { kind: hostPath, size: 1GiB, path: /data/$id/$id }
    environment: { A: $id-$idle-$id_ }
    config: { client.$id: x$id }
    jvmOptions: [-Dbroker=$id]`.replace('client.$id', 'client.id'),
  );
  const broker = brokerOf(text, 7);
  assert.is(broker.listeners[0]?.advertisedHost, 'kafka-7.example.com');
  assert.is(broker.storage.volumes[0]?.hostPath, '/data/7/7');
  assert.equal(broker.environment, { A: '7-$idle-$id_' });
  assert.is(broker.config['client.id'], 'x7');
  assert.equal(broker.jvmOptions, ['-Dbroker=7']);
});

test('values of Kafka settings are passed on as they are written', () => {
  const text = documentOf(`config:
  big: 9223372036854775807
  decimal: 1.0
  yes: true
  quoted: "007"
  list: a,b
pools: [ { name: main, ids: 0..2, storage: { size: 1GiB } } ]`);
  const { config } = brokerOf(text, 0);
  const { big, decimal, yes, quoted, list } = config;
  assert.equal([big, decimal, yes, quoted, list], ['9223372036854775807', '1.0', 'true', '007', 'a,b']);
});

test("Kafka's internal topics fit the brokers there are, unless said otherwise", () => {
  const factors = (count: number, config = '{}') => {
    const pools = `pools: [ { name: a, ids: 1..${count}, storage: { size: 1GiB } }, { name: c, roles: [controller], ids: 100, storage: { size: 1GiB } } ]`;
    const broker = brokerOf(documentOf(`config: ${config}\n${pools}`), 1);
    const rendered = { ...broker.derivedConfig, ...broker.config };
    return [
      rendered['offsets.topic.replication.factor'],
      rendered['transaction.state.log.replication.factor'],
      rendered['transaction.state.log.min.isr'],
    ].join(' ');
  };
  assert.is(factors(1), '1 1 1');
  assert.is(factors(2), '2 2 1');
  assert.is(factors(3), '3 3 2');
  assert.is(factors(9), '3 3 2');
  assert.is(factors(3, '{ offsets.topic.replication.factor: 1 }'), '1 3 2');
});

test('listeners can differ by pool and broker, and controllers have none for clients', () => {
  const text = documentOf(`listeners: [ { name: A, port: 9092, bindHost: 0.0.0.0 }, { name: B } ]
controllerListener: { port: 9093 }
defaults: { storage: { size: 1GiB }, listeners: { A: { advertisedPort: 1 } } }
pools:
  - { name: brokers, roles: [broker], ids: 0..1, listeners: { A: { port: 9094 } }, overrides: { 1: { listeners: { A: { advertisedHost: x } } } } }
  - { name: controllers, roles: [controller], ids: 2, controllerListener: { port: 9095 } }`);
  assert.equal(brokerOf(text, 1).listeners[0], {
    name: 'A',
    protocol: 'PLAINTEXT',
    port: { kind: 'fixed', port: 9094 },
    advertisedHost: 'x',
    advertisedPort: 1,
    bindHost: '0.0.0.0',
  });
  assert.is(brokerOf(text, 1).controllerListener, undefined);
  assert.equal(brokerOf(text, 2).listeners, []);
  assert.equal(brokerOf(text, 2).controllerListener?.port, { kind: 'fixed', port: 9095 });
});

test('hostname unique holds unless a rule says how hosts are shared', () => {
  const rules = (constraints: string) => {
    const pool = `{ name: a, ids: 0, storage: { size: 1GiB }, constraints: ${constraints} }`;
    return brokerOf(documentOf(`pools: [ ${pool} ]`), 0).constraints.map(
      ({ kind, attribute }) => `${attribute} ${kind}`,
    );
  };
  assert.equal(rules('[]'), ['hostname unique']);
  assert.equal(rules('[rack groupBy 3]'), ['hostname unique', 'rack groupBy']);
  assert.equal(rules('[hostname like a.*]'), ['hostname unique', 'hostname like']);
  assert.equal(rules('[hostname any]'), []);
  assert.equal(rules('[hostname groupBy]'), ['hostname groupBy']);
  assert.equal(rules('[hostname unique]'), ['hostname unique']);
});

test('the order of keys and of pools means nothing', () => {
  const document = {
    apiVersion: 'kafka-mesos/v1',
    kind: 'KafkaCluster',
    metadata: { name: 'a', labels: { x: '1', y: '2' } },
    spec: {
      config: { b: '1', a: '2' },
      defaults: { storage: { kind: 'sandbox', size: '1GiB' }, environment: { A: '1', B: '2' } },
      pools: [
        { name: 'p', ids: '0..3', overrides: { 1: { cpus: 2 }, 2: { config: { a: '3', c: '4' } } } },
        { name: 'q', ids: [9, 5], roles: ['controller', 'broker'], logLevels: { a: 'INFO', b: 'WARN' } },
      ],
      topics: [{ name: 't', config: { d: '1', c: '2' } }, { name: 's' }],
    },
  };
  const shuffled = (value: unknown, key = ''): fc.Arbitrary<unknown> => {
    if (Array.isArray(value)) {
      const items = fc.tuple(...value.map((item) => shuffled(item)));
      // Pools, topics and roles are sets; other lists have an order that counts.
      return ['pools', 'topics', 'ids', 'roles'].includes(key)
        ? items.chain((list) => fc.shuffledSubarray(list, { minLength: list.length }))
        : items;
    }
    if (typeof value !== 'object' || value === null) return fc.constant(value);
    const entries = Object.entries(value).map(([name, item]) =>
      shuffled(item, name).map((made) => [name, made] as const),
    );
    return fc
      .tuple(...entries)
      .chain((list) => fc.shuffledSubarray(list, { minLength: list.length }))
      .map((list) => Object.fromEntries(list));
  };
  const parse = (value: unknown) => parseSpec([{ path: 'a', text: JSON.stringify(value) }]).clusters[0];
  const expected = parse(document);
  assert.ok(expected);
  fc.assert(
    fc.property(shuffled(document), (value) => {
      const made = parse(value);
      assert.is(JSON.stringify(made?.desired), JSON.stringify(expected?.desired));
      assert.is(made?.digest, expected?.digest);
    }),
    { numRuns: 50 },
  );
});

test('comments, anchors and units do not change the digest; a value does', () => {
  const digest = (text: string) => parseSpec([{ path: 'a', text }]).clusters[0]?.digest;
  const other = small.replace('10GiB', '10240MiB').replace('spec:', '# a word\nspec:');
  assert.is(digest(other), digest(small));
  assert.match(digest(small) ?? '', /^[0-9a-f]{64}$/);
  assert.is.not(digest(small.replace('10GiB', '11GiB')), digest(small));
});

test('a cluster named twice counts nowhere, and both places are told', () => {
  const files = [
    { path: 'a.yaml', text: small },
    {
      path: 'b.yaml',
      text: `${documentOf('pools: [ { name: a, ids: 0, storage: { size: 1GiB } } ]', 'other')}---\n${small}`,
    },
  ];
  const { clusters, problems } = parseSpec(files);
  assert.equal(
    clusters.map(({ desired }) => desired.name),
    ['other'],
  );
  const [problem] = problems.filter(({ severity }) => severity === 'error');
  assert.equal(problem?.place, { file: 'b.yaml', line: 9, column: 19 });
  assert.match(problem?.message ?? '', 'a.yaml:3');
});

test('a document with errors does not take away its neighbours', () => {
  const broken = documentOf('pools: [ { name: a, ids: 0, storage: { size: 1 } } ]', 'broken');
  const { clusters, problems } = parseSpec([{ path: 'a', text: `${broken}---\n${small}` }]);
  assert.equal(
    clusters.map(({ desired, source }) => [desired.name, source.line]),
    [['demo', 7]],
  );
  // One controller is a warning, in spite of the error.
  assert.equal(
    problems.map(({ severity, code }) => [severity, code]),
    [
      ['warning', 'KM_SPEC_QUORUM'],
      ['error', 'KM_SPEC_TYPE'],
    ],
  );
});

test('places are right with CRLF and a byte order mark', () => {
  const text = `\ufeff${small.replaceAll('\n', '\r\n').replace('storage', 'storag')}`;
  const [problem] = parseSpec([{ path: 'a', text }]).problems;
  assert.equal([problem?.place.line, problem?.place.column], [5, 37]);
});

test('a mistake in one pool does not hide those in another, nor make new ones', () => {
  const text = documentOf(`defaults: { storage: { size: 1GiB } }
pools:
  - { name: a, ids: 0..2, memroy: 9GiB, heap: 8GiB }
  - { name: b, ids: 2..3, heap: 8GiB }
  - { name: c, ids: 5, heap: 8GiB }
topics: [ { name: t, replicationFactor: 9 } ]`);
  assert.equal(codesOf(text), [
    'KM_SPEC_UNKNOWN_KEY spec.pools[0].memroy',
    'KM_SPEC_DUPLICATE_ID spec.pools[1].ids',
    'KM_SPEC_MEMORY spec.pools[1].heap',
    'KM_SPEC_MEMORY spec.pools[2].heap',
  ]);
});

test('each key of a valid document, misspelt, is one error and makes no other', () => {
  const text = readFileSync(new URL('./full.yaml', import.meta.url), 'utf8');
  const free = new Set(['config', 'environment', 'labels', 'logLevels', 'overrides', 'listeners']);
  // Through JSON, so that what an alias stands for is there more than once.
  const documents = parseAllDocuments(text, { merge: true }).map(
    (document) => JSON.parse(JSON.stringify(document)) as { spec: unknown },
  );
  let document = documents[0];
  let count = 0;
  const judge = (map: Record<string, unknown>, key: string, name: string): void => {
    const { [key]: value, ...others } = map;
    delete map[key];
    map[name] = value;
    const { problems } = parseSpec([{ path: 'full.yaml', text: JSON.stringify(document) }]);
    const errors = problems.filter(({ severity }) => severity === 'error').map(({ code }) => code);
    assert.equal(errors, ['KM_SPEC_UNKNOWN_KEY'], `${name} for ${key}: ${errors.join()}`);
    delete map[name];
    Object.assign(map, others, { [key]: value });
    count += 1;
  };
  const visit = (value: unknown, isFree: boolean): void => {
    if (Array.isArray(value)) for (const item of value) visit(item, false);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    const map = value as Record<string, unknown>;
    for (const key of Object.keys(map)) {
      if (!isFree) judge(map, key, key.slice(0, -1));
      visit(map[key], free.has(key) && !Array.isArray(map[key]));
    }
  };
  for (document of documents) visit(document.spec, false);
  assert.ok(count > 80, `${count} keys`);
});

test('a file that declares nothing is a warning', () => {
  assert.equal(codesOf('# nothing\n---\n'), ['KM_SPEC_EMPTY ']);
  assert.equal(codesOf(), []);
});

test.run();
