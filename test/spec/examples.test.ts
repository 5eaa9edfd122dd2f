import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseSpec } from '../../src/spec/parse.ts';
import { renderProblems } from '../../src/spec/render-problems.ts';

const folder = new URL('../../examples/', import.meta.url);
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .map((path) => ({ path, text: readFileSync(new URL(path, folder), 'utf8') }));

for (const file of files) {
  test(`${file.path} is valid and names the schema`, () => {
    const { problems, clusters } = parseSpec([file]);
    // One node is one controller: that warning is the only one an example may have.
    const unexpected = problems.filter(
      ({ code }) => !(file.path === 'single.yaml' && code === 'KM_SPEC_QUORUM'),
    );
    assert.is(renderProblems(unexpected, { files: [file] }), '');
    assert.ok(clusters.length > 0);
    assert.ok(file.text.startsWith('# yaml-language-server: $schema=../schema/kafka-cluster.schema.json\n'));
  });
}

test('the examples can be applied together', () => {
  const { clusters, problems } = parseSpec(files);
  assert.not.ok(problems.some(({ severity }) => severity === 'error'));
  assert.equal(
    clusters.map(({ desired }) => desired.name),
    ['clicks', 'demo', 'orders', 'production', 'single'],
  );
});

test('the demo is what the README says', () => {
  const demo = parseSpec(files).clusters.find(({ desired }) => desired.name === 'demo')?.desired;
  assert.equal(
    demo?.brokers.map(({ id, cpus, memoryMiB, heapMiB, rack }) => ({ id, cpus, memoryMiB, heapMiB, rack })),
    [0, 1, 2].map((id) => ({
      id,
      cpus: 0.5,
      memoryMiB: 768,
      heapMiB: 320,
      rack: { kind: 'attribute', name: 'rack' },
    })),
  );
  assert.equal(demo?.topics, [
    { name: 'events', partitions: 3, replicationFactor: 3, config: { 'min.insync.replicas': '2' } },
  ]);
});

test.run();
