/** What somebody who may only commit, or only configure the repository, cannot make of us. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createGit } from '../../src/gitops/git.ts';
import { testFolder } from '../test-folder.ts';

const author = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.org'];

const newFolder = () => mkdtempSync(join(testFolder, 'git-'));

function makeRepository(folder: string): (...args: readonly string[]) => string {
  const git = (...args: readonly string[]) =>
    execFileSync('git', [...author, ...args], { cwd: folder, encoding: 'utf8' }).trim();
  git('init', '-q');
  mkdirSync(join(folder, 'specs'));
  writeFileSync(join(folder, 'specs/demo.yaml'), 'kind: KafkaCluster\n');
  git('add', '-A');
  git('commit', '-q', '-m', 'Declare demo');
  return git;
}

test('what was committed in the shape of a repository is none', async () => {
  const folder = newFolder();
  const git = makeRepository(folder);
  const planted = join(folder, 'specs/planted');
  git('clone', '-q', '--bare', folder, planted);
  assert.ok(await createGit().tree(join(folder, 'specs'), undefined));
  assert.is(await createGit().tree(planted, undefined), undefined);
  rmSync(folder, { recursive: true });
});

test('a configuration that has objects fetched by a program runs nothing', async () => {
  const folder = newFolder();
  const git = makeRepository(folder);
  const mark = join(folder, 'mark');
  const tree = git('rev-parse', 'HEAD:specs');
  rmSync(join(folder, '.git/objects', tree.slice(0, 2), tree.slice(2)));
  for (const [key, value] of [
    ['core.repositoryFormatVersion', '1'],
    ['extensions.partialClone', 'origin'],
    ['remote.origin.promisor', 'true'],
    ['remote.origin.url', `ext::touch ${mark}`],
    ['protocol.ext.allow', 'always'],
  ] as const) {
    git('config', key, value);
  }
  await createGit().tree(folder, undefined);
  assert.not(existsSync(mark));
  rmSync(folder, { recursive: true });
});

test('a signed commit is asked about without the program that would check it', async () => {
  const folder = newFolder();
  const git = makeRepository(folder);
  const mark = join(folder, 'mark');
  const trap = join(folder, 'trap');
  writeFileSync(trap, `#!/bin/sh\ntouch '${mark}'\n`, { mode: 0o755 });
  git('config', 'log.showSignature', 'true');
  git('config', 'gpg.program', trap);
  const signature = 'gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n';
  const signed = join(folder, 'signed');
  writeFileSync(signed, `${git('cat-file', 'commit', 'HEAD').replace('\n\n', `\n${signature}\n`)}\n`);
  git('update-ref', 'HEAD', git('hash-object', '-t', 'commit', '-w', signed));
  git('log', '-1');
  assert.ok(existsSync(mark), 'whoever has not overruled it runs the program');
  rmSync(mark);
  const asked = createGit();
  const tree = await asked.tree(join(folder, 'specs'), undefined);
  assert.ok(typeof tree === 'object');
  assert.is(tree.head.subject, 'Declare demo');
  assert.ok((await asked.lastCommits(tree, ['demo.yaml'])).commits.has('demo.yaml'));
  assert.not(existsSync(mark));
  rmSync(folder, { recursive: true });
});

test.run();
