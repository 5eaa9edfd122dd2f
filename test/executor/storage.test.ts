import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  decideStorage,
  parseMetaProperties,
  type StorageFacts,
  type StorageWish,
  type VolumeContent,
} from '../../src/executor/storage.ts';
import { cleanInterrupted, finishFormat, readStorage, writeMarker } from '../../src/executor/storage-disk.ts';
import { clusterId, directoryId, inFolder } from './helpers.ts';

const voter = { nodeId: 0, host: 'a', port: 1, directoryId };
const wish: StorageWish = { mode: 'expect', clusterId, nodeId: 0, initialVoters: [] };
const meta = { clusterId, nodeId: 0, directoryId };
const marker = { mode: 'form', initialVoters: [voter], taskId: 't', clusterId, nodeId: 0 } as const;
const record = { clusterId, nodeId: 0 };

const empty: VolumeContent = { kind: 'empty' };
const whole: VolumeContent = {
  kind: 'formatted',
  meta,
  entries: ['meta.properties', '__cluster_metadata-0'],
};
const used: VolumeContent = { kind: 'formatted', meta, entries: ['meta.properties', 'topic-0'] };
const half: VolumeContent = { kind: 'incomplete', entries: ['__cluster_metadata-0'], cause: 'it is missing' };
const other = (change: object): VolumeContent => ({ ...whole, meta: { ...meta, ...change } });

function decide(
  mode: StorageWish['mode'],
  contents: VolumeContent[],
  facts: Partial<StorageFacts> = {},
): string {
  const volumes = contents.map((content, index) => ({ name: `v${index}`, content }));
  const decision = decideStorage({ ...wish, mode }, { ...facts, volumes });
  if (decision.kind === 'refuse') return decision.code;
  return decision.kind === 'format'
    ? `format ${decision.intent.mode}${decision.clean ? ' clean' : ''}`
    : 'use';
}

const table: readonly [string, string, string][] = [
  ['an empty volume forms', decide('form', [empty]), 'format form'],
  ['an empty volume joins', decide('join', [empty]), 'format join'],
  ['an empty volume where data are expected', decide('expect', [empty]), 'empty-storage'],
  ['its own data', decide('expect', [used]), 'use'],
  ['replicas to be found, which are there', decide('find', [used], { record }), 'use'],
  ['replicas to be found on an empty volume', decide('find', [empty]), 'never-used'],
  ['replicas to be found on one that was only formatted', decide('find', [whole], { record }), 'never-used'],
  ['replicas to be found where a format was interrupted', decide('find', [half], { marker }), 'never-used'],
  ['replicas to be found that were lost', decide('find', [empty], { record }), 'empty-storage'],
  ['its own data, though the report of it was lost', decide('form', [used]), 'use'],
  [
    'a format whose record is there but whose data are gone',
    decide('form', [empty], { record }),
    'empty-storage',
  ],
  ['the same, joining', decide('join', [empty], { record }), 'empty-storage'],
  ['data of another cluster', decide('join', [other({ clusterId: 'x' })]), 'foreign-storage'],
  ['data of another node', decide('join', [other({ nodeId: 7 })]), 'foreign-storage'],
  ['the second volume of another node', decide('expect', [used, other({ nodeId: 7 })]), 'foreign-storage'],
  ['one of two volumes lost', decide('expect', [used, empty]), 'empty-storage'],
  ['one of two volumes lost, joining', decide('join', [empty, used]), 'empty-storage'],
  ['an interrupted format before its first byte', decide('expect', [empty], { marker }), 'format form clean'],
  ['an interrupted format', decide('expect', [half], { marker }), 'format form clean'],
  ['an interrupted format of two volumes', decide('join', [whole, empty], { marker }), 'format form clean'],
  ['a format that was whole but not recorded', decide('expect', [whole], { marker }), 'use'],
  ['a leftover marker beside the record', decide('expect', [used], { marker, record }), 'use'],
  ['a leftover marker, data lost', decide('form', [empty], { marker, record }), 'empty-storage'],
  ['a marker over topic data', decide('form', [used], { marker }), 'storage-unusable'],
  [
    'a marker of another node',
    decide('form', [empty], { marker: { ...marker, nodeId: 3 } }),
    'foreign-storage',
  ],
  ['data without meta.properties', decide('join', [half]), 'storage-unusable'],
  ['files of others', decide('form', [{ kind: 'occupied', entries: ['photos'] }]), 'storage-unusable'],
];
for (const [name, found, wanted] of table) test(name, () => assert.is(found, wanted));

test('a voter on a disk with another directory id is refused, naming both', () => {
  const decision = decideStorage(
    { ...wish, initialVoters: [{ ...voter, directoryId: 'somethingElse' }] },
    { volumes: [{ name: 'main', content: used }] },
  );
  assert.is(decision.kind, 'refuse');
  assert.match(JSON.stringify(decision), /somethingElse/);
  assert.match(JSON.stringify(decision), new RegExp(directoryId));
});

test('nothing with data of anybody is ever formatted, whatever else is found', () => {
  const content = fc.constantFrom(empty, used, whole, half, other({ nodeId: 9 }), other({ clusterId: 'z' }), {
    kind: 'occupied',
    entries: ['x'],
  } as const);
  fc.assert(
    fc.property(
      fc.constantFrom('form', 'join', 'expect', 'find' as const),
      fc.array(content, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      fc.boolean(),
      (mode, contents, marked, recorded) => {
        const facts = { ...(marked ? { marker } : {}), ...(recorded ? { record } : {}) };
        const decision = decide(mode as StorageWish['mode'], contents, facts);
        if (!decision.startsWith('format')) return;
        assert.not(recorded, 'a recorded format was done over');
        assert.ok(contents.every((one) => one === empty || (marked && (one === half || one === whole))));
        assert.ok(mode !== 'expect' || marked);
        assert.is.not(mode, 'find');
      },
    ),
  );
});

test('meta.properties is read as Kafka writes it', () => {
  const text = '#\n#Mon Nov 23\nnode.id=1\ndirectory.id=abc\nversion=1\ncluster.id=xyz\n';
  assert.equal(parseMetaProperties(text), { clusterId: 'xyz', nodeId: 1, directoryId: 'abc' });
  assert.is(parseMetaProperties('node.id=1\n'), undefined);
  assert.is(parseMetaProperties(''), undefined);
});

test('a volume goes from empty over the marker to the record, on a real disk', () =>
  inFolder(async (path) => {
    const volumes = [{ name: 'main', path }];
    await mkdir(join(path, 'lost+found'));
    await mkdir(join(path, '.kafka-mesos', 'dist'), { recursive: true });
    assert.equal(await readStorage(volumes), { volumes: [{ name: 'main', content: empty }] });

    await writeMarker(volumes, marker);
    await mkdir(join(path, 'data', '__cluster_metadata-0'), { recursive: true });
    assert.is((await readStorage(volumes)).volumes[0]?.content.kind, 'incomplete');
    assert.equal((await readStorage(volumes)).marker, marker);
    await cleanInterrupted(volumes);
    assert.is((await readStorage(volumes)).volumes[0]?.content.kind, 'empty');

    await mkdir(join(path, 'data'));
    await writeFile(join(path, 'data', 'meta.properties'), `cluster.id=${clusterId}\nnode.id=0\n`);
    await finishFormat(volumes, record);
    const done = await readStorage(volumes);
    assert.is(done.volumes[0]?.content.kind, 'formatted');
    assert.equal([done.marker, done.record], [undefined, record]);
    assert.match(await readFile(join(path, '.kafka-mesos', 'formatted.json'), 'utf8'), clusterId);

    await writeFile(join(path, 'photo.jpg'), '');
    assert.equal((await readStorage(volumes)).volumes[0]?.content, {
      kind: 'occupied',
      entries: ['photo.jpg'],
    });
  }));

test.run();
