/** A build beside others and a bootstrap in one clone: they take turns. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = fileURLToPath(new URL('../../', import.meta.url));
const clone = mkdtempSync(join(tmpdir(), 'kafka-mesos-build-'));

/** With programs of one line, which are built in no time, and the packages of this clone. */
function layOutClone(): void {
  cpSync(join(root, 'bin'), join(clone, 'bin'), { recursive: true });
  for (const path of ['src/cli/main.ts', 'src/cli/demo.ts', 'src/executor/main.ts', 'schema/none']) {
    mkdirSync(dirname(join(clone, path)), { recursive: true });
    writeFileSync(join(clone, path), `console.log('${path}');\n`);
  }
  cpSync(join(root, 'package.json'), join(clone, 'package.json'));
  mkdirSync(join(clone, 'node_modules'));
  for (const name of ['esbuild', '@esbuild']) {
    symlinkSync(join(root, 'node_modules', name), join(clone, 'node_modules', name));
  }
  // The installed packages are no older than what they were installed by.
  writeFileSync(join(clone, 'package-lock.json'), '{}');
  writeFileSync(join(clone, 'node_modules/.package-lock.json'), '{}');
}

function start(script: string) {
  const child = spawn(process.execPath, [join(clone, 'bin', script)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, text }));
  const waits = new Promise<void>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      if (text.includes(`Waiting for process ${process.pid},`)) resolve();
    });
  });
  return { ended, waits: Promise.race([waits, ended.then(({ text: said }) => assert.unreachable(said))]) };
}

test('builds and a bootstrap wait for who installs or builds, and for one another', async () => {
  layOutClone();
  const lock = join(clone, '.bootstrap.lock');
  writeFileSync(lock, `${process.pid}\n`);
  const started = ['build.mjs', 'build.mjs', 'bootstrap.mjs'].map(start);
  await Promise.all(started.map(({ waits }) => waits));
  assert.not(existsSync(join(clone, 'dist')), 'nothing is built meanwhile');
  rmSync(lock);
  for (const { code, text } of await Promise.all(started.map(({ ended }) => ended))) assert.is(code, 0, text);
  const { files } = JSON.parse(readFileSync(join(clone, 'dist/manifest.json'), 'utf8')) as {
    files: string[];
  };
  assert.ok(files.includes('main.js'));
  assert.equal(readdirSync(join(clone, 'dist')).sort(), [...files, 'manifest.json'].sort());
  assert.not(existsSync(lock));
});

test.after(() => rmSync(clone, { recursive: true, force: true }));
test.run();
