/** How the directory of specs and its revisions are shown. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderDirectory, renderRevisions, sourceText } from '../../src/cli/format/source.ts';
import { plainStyle } from '../../src/cli/format/text.ts';
import type { RevisionSummary, SourceStatus } from '../../src/model/source.ts';

const nowMs = Date.UTC(2026, 10, 27, 12);
const commit = {
  id: '1a2b3c4d'.repeat(5),
  author: 'Ann Smith <ann@example.org>',
  atMs: nowMs - 125_000,
  subject: 'Give events more partitions',
};
const following: SourceStatus = {
  state: 'following',
  path: 'demo.yaml',
  file: 'specs/demo.yaml',
  commit,
  message: 'follows specs/demo.yaml',
};

test('a cluster’s file in a line', () => {
  assert.is(sourceText(following, nowMs), 'specs/demo.yaml @ 1a2b3c4 by Ann Smith, 2 min ago');
  assert.is(
    sourceText({ ...following, uncommitted: true }, nowMs),
    'specs/demo.yaml @ 1a2b3c4 by Ann Smith, 2 min ago, with changes that are not committed',
  );
  const { commit: _none, ...bare } = following;
  assert.is(sourceText(bare, nowMs), 'specs/demo.yaml');
  const evil = { ...commit, author: 'E\u001b[2Jve <e>' };
  assert.not.match(sourceText({ ...following, commit: evil }, nowMs), '\u001b');
  const message = 'pinned to revision 5, git is 3 commits ahead';
  assert.is(sourceText({ ...following, state: 'pinned', message }, nowMs), message);
});

test('revisions at 80 columns', () => {
  const base = { digest: 'd'.repeat(64), author: commit.author, isCurrent: false };
  const revisions: readonly RevisionSummary[] = [
    {
      ...base,
      revision: 12,
      appliedAtMs: nowMs,
      rollbackOf: 9,
      source: { path: 'demo.yaml', commit },
      isCurrent: true,
    },
    {
      ...base,
      revision: 11,
      appliedAtMs: nowMs,
      source: { path: 'demo.yaml', commit },
      outcome: { kind: 'converged', atMs: nowMs + 200_000 },
    },
    { ...base, revision: 10, appliedAtMs: nowMs, outcome: { kind: 'replaced', atMs: nowMs + 5_000 } },
  ];
  const lines = renderRevisions(revisions, { style: plainStyle, width: 80 });
  assert.ok(lines.every((line) => line.length <= 80));
  assert.match(lines[1] ?? '', /^ +12 .* in progress .* rollback to 9: demo/);
  assert.match(lines[2] ?? '', /^ +11 .* converged +3m 20s .* demo\.yaml @ 1a2b3c4/);
  assert.match(lines[3] ?? '', /^ +10 .* replaced +5s .* apply/);
});

test('the directory above all clusters', () => {
  const text = renderDirectory(
    {
      directory: 'specs',
      state: 'emptied',
      message: 'it had specs and has none now',
      files: 0,
      clusters: 0,
      problems: [],
      commit,
    },
    { style: plainStyle, width: 80, nowMs },
  );
  assert.is(text, 'Specs      specs @ 1a2b3c4: it had specs and has none now');
});

test.run();
