import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const launcher = fileURLToPath(new URL('../../bin/kafka-mesos', import.meta.url));

function inFolder(use: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), 'km-launcher-'));
  try {
    mkdirSync(join(root, 'bin'));
    cpSync(launcher, join(root, 'bin', 'kafka-mesos'));
    writeFileSync(join(root, 'bin', 'package.json'), '{"type":"commonjs"}');
    use(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('says what to run when nothing is built', () => {
  inFolder((root) => {
    const run = spawnSync(process.execPath, [join(root, 'bin', 'kafka-mesos')], { encoding: 'utf8' });
    assert.is(run.status, 1);
    assert.match(run.stderr, /^error: kafka-mesos is not built yet\n {2}→ run `node bin\/bootstrap.mjs`/);
  });
});

test('says what is wanted on an old Node', () => {
  inFolder((root) => {
    // As it would see itself there: the rest of the file has to be readable for an old Node too.
    const old = join(root, 'old.cjs');
    writeFileSync(
      old,
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.0' } });",
    );
    const run = spawnSync(process.execPath, ['--require', old, join(root, 'bin', 'kafka-mesos')], {
      encoding: 'utf8',
    });
    assert.is(run.status, 1);
    assert.match(
      run.stderr,
      /^error: kafka-mesos needs Node 22\.22 or later; this is Node 18\.20\.0\n {2}→ run `npx kafka-mesos/,
    );
  });
  const source = readFileSync(launcher, 'utf8').replace(/\/\/.*|'(?:[^'\\]|\\.)*'/g, '');
  assert.not.match(
    source,
    /\b(const|let|class|await)\b|=>|\?\.|\?\?|`/,
    'newer syntax would be all that it says',
  );
});

test.run();
