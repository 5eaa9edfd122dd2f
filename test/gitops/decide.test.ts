/** What follows from a directory of specs, without one. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type DecideInput, decide, type FileFacts } from '../../src/gitops/decide/decide.ts';
import type { Relation } from '../../src/gitops/git.ts';
import type { SpecRecord } from '../../src/model/records.ts';
import type { GitCommit, Suspension } from '../../src/model/source.ts';
import { parseSpecFile } from '../../src/spec/parse.ts';

const commit = (n: number): GitCommit => ({
  id: String(n).repeat(40).slice(0, 40),
  author: 'Ann <ann@example.org>',
  atMs: n * 60_000,
  subject: `change ${n}`,
});

const text = (name: string, cpus: number, more = ''): string => `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: ${name} }
spec:
  pools: [ { name: main, ids: 0..2, cpus: ${cpus}, storage: { size: 1GiB } } ]
${more}`;

const file = (path: string, content: string, facts: Partial<FileFacts> = {}): FileFacts => ({
  path,
  parsed: parseSpecFile({ path: `specs/${path}`, text: content }),
  ...facts,
});

function record(name: string, cpus: number, changes: Partial<SpecRecord> = {}): SpecRecord {
  const [cluster] = parseSpecFile({ path: 'x', text: text(name, cpus) }).clusters;
  if (cluster === undefined) throw new Error('no cluster');
  const { desired, digest } = cluster;
  return { schema: 1, revision: 4, digest, desired, appliedAtMs: 0, author: 'ann', ...changes };
}

const owned = (path: string, n?: number): Pick<SpecRecord, 'source'> => ({
  source: { path, ...(n === undefined ? {} : { commit: commit(n) }) },
});

function decided(input: Partial<DecideInput>, relation: Relation = { kind: 'unknown' }) {
  return decide({
    directory: 'specs',
    files: [],
    known: [],
    removed: new Map(),
    relationOf: () => relation,
    consented: new Set(),
    hadSpecs: false,
    ...input,
  });
}

const broken = text('demo', 1).replace('cpus', 'cqus');

test('what is new, changed or adopted is taken; what is the same is not', () => {
  const files = ['new', 'changed', 'same', 'adopted'].map((name) => file(`${name}.yaml`, text(name, 2)));
  const { taking, sources } = decided({
    files,
    known: [
      record('changed', 1, owned('changed.yaml')),
      record('same', 2, owned('same.yaml')),
      record('adopted', 2),
    ],
  });
  assert.equal(
    taking.map(({ cluster, source, author }) => [cluster.desired.name, source.path, author]),
    [
      ['adopted', 'adopted.yaml', 'specs'],
      ['changed', 'changed.yaml', 'specs'],
      ['new', 'new.yaml', 'specs'],
    ],
  );
  assert.is(sources.get('same')?.message, 'follows specs/same.yaml');
});

test('the commit’s author is who applies, unless what was read is in no commit', () => {
  const authorOf = (facts: Partial<FileFacts>) =>
    decided({ files: [file('demo.yaml', text('demo', 1), facts)] }).taking[0]?.author;
  assert.is(authorOf({ commit: commit(1) }), 'Ann <ann@example.org>');
  assert.is(authorOf({ commit: commit(1), uncommitted: true }), 'specs');
});

test('no suspension is overcome by whatever the file says', () => {
  const who = { author: 'bob', atMs: 0 };
  const suspensions: readonly Suspension[] = [
    { kind: 'asked', ...who },
    { kind: 'pinned', revision: 2, ...who },
    { kind: 'taken-over', ...who },
  ];
  const messages = suspensions.flatMap((suspension) =>
    [text('demo', 2), broken].map((content) => {
      const { taking, sources } = decided(
        {
          files: [file('demo.yaml', content, { commit: commit(5) })],
          known: [record('demo', 1, { ...owned('demo.yaml', 2), suspension })],
          consented: new Set(['demo']),
        },
        { kind: 'newer', commits: 3 },
      );
      assert.equal(taking, []);
      assert.is(sources.get('demo')?.aheadCommits, 3);
      assert.is(sources.get('demo')?.newest?.id, commit(5).id);
      return sources.get('demo')?.message;
    }),
  );
  assert.equal(messages, [
    'suspended by bob, git is 3 commits ahead',
    'suspended by bob, git is 3 commits ahead',
    'pinned to revision 2, git is 3 commits ahead',
    'pinned to revision 2, git is 3 commits ahead',
    'taken over from specs/demo.yaml by bob, git is 3 commits ahead',
    'taken over from specs/demo.yaml by bob, git is 3 commits ahead',
  ]);
});

test('a broken owner keeps its cluster from another file, and from being abandoned', () => {
  const other = file('other.yaml', text('demo', 2));
  const known = [record('demo', 1, owned('demo.yaml'))];
  // What it declares cannot be read, so that nobody can say it is declared twice.
  const unreadable = file('demo.yaml', 'kind: [');
  const kept = decided({ files: [unreadable, other], known });
  assert.equal(kept.taking, []);
  assert.is(kept.sources.get('demo')?.state, 'broken');
  assert.is(kept.sources.get('demo')?.path, 'demo.yaml');
  assert.equal([...kept.abandoned], []);
  const moved = decided({ files: [other], known });
  assert.equal(
    moved.taking.map(({ source }) => source.path),
    ['other.yaml'],
  );
});

test('of a file with an error nothing is taken, be it new or applied by hand', () => {
  const content = `${text('new', 1)}---\n${text('byhand', 2)}---\n${broken}`;
  const { taking, sources } = decided({ files: [file('all.yaml', content)], known: [record('byhand', 1)] });
  assert.equal(taking, []);
  assert.is(sources.get('byhand'), undefined, 'it does not own it yet');
});

test('only of a file that is gone from a directory with others in it is a cluster abandoned', () => {
  const known = [record('demo', 1, owned('demo.yaml'))];
  const gone = decided({ files: [file('other.yaml', text('other', 1))], known });
  assert.equal([...gone.abandoned], ['demo']);
  assert.is(
    gone.sources.get('demo')?.message,
    'specs/demo.yaml is not there, from which nothing follows; revision 4 holds',
  );
  const emptied = decided({ known });
  assert.equal([...emptied.abandoned], []);
  assert.is(emptied.directory.state, 'emptied');
  assert.equal(emptied.taking, []);
  assert.is(decided({}).directory.state, 'read', 'one that never had any is not emptied');
});

test('an older commit is taken only by consent; where history is unknown the times decide', () => {
  const known = [record('demo', 1, owned('demo.yaml', 5))];
  const stateOf = (n: number, relation: Relation, consented: readonly string[] = []) =>
    decided(
      {
        files: [file('demo.yaml', text('demo', 2), { commit: commit(n) })],
        known,
        consented: new Set(consented),
      },
      relation,
    ).sources.get('demo')?.state;
  assert.is(stateOf(4, { kind: 'older' }), 'behind');
  assert.is(
    stateOf(9, { kind: 'older' }),
    'behind',
    'clocks of committers do not count where history is known',
  );
  assert.is(stateOf(4, { kind: 'older' }, ['demo']), 'following');
  assert.is(stateOf(4, { kind: 'newer' }), 'following');
  assert.is(stateOf(4, { kind: 'diverged' }), 'following');
  assert.is(stateOf(4, { kind: 'unknown' }), 'behind');
  assert.is(stateOf(6, { kind: 'unknown' }), 'following');
});

test('the problems of a directory: errors first, at most a hundred', () => {
  const files = Array.from({ length: 150 }, (_, n) => file(`f${n}.yaml`, broken.replace('demo', `c${n}`)));
  const { directory } = decided({ files: [file('a.yaml', text('a', 1)), ...files] });
  assert.is(directory.problems.length, 100);
  assert.ok(directory.problems.every(({ severity }) => severity === 'error'));
  assert.match(
    directory.message,
    /^specs\/f0\.yaml:5:37 .* \(150 of 151 files have errors; what they declare stays as it is\)$/,
  );
});

test('an older checkout in which the file has another name does not take the cluster back', () => {
  const known = [record('demo', 1, owned('new-name.yaml', 5))];
  const old = file('old-name.yaml', text('demo', 1), { commit: commit(4) });
  for (const relation of [{ kind: 'older' }, { kind: 'unknown' }] as const) {
    const { taking, sources } = decided({ known, files: [old] }, relation);
    assert.equal(taking, []);
    assert.is(sources.get('demo')?.state, 'behind');
  }
  const renamed = decided(
    { known, files: [file('third-name.yaml', text('demo', 1), { commit: commit(6) })] },
    { kind: 'newer' },
  );
  assert.equal(
    renamed.taking.map(({ source }) => source.path),
    ['third-name.yaml'],
  );
  const consented = decided({ known, files: [old], consented: new Set(['demo']) }, { kind: 'older' });
  assert.is(consented.taking.length, 1);
});

test('a file that is missing in an older checkout is given up by nobody', () => {
  const known = [record('demo', 1, owned('demo.yaml', 5))];
  const files = [file('other.yaml', text('other', 1), { commit: commit(4) })];
  for (const [head, isAbandoned] of [
    [commit(4), false],
    [commit(5), true],
    [commit(6), true],
    [undefined, true],
  ] as const) {
    const { sources, abandoned } = decided({ known, files, head });
    assert.is(sources.get('demo')?.state, 'missing');
    assert.is(abandoned.has('demo'), isAbandoned, String(head?.subject));
  }
});

test.run();
