/** The runner of the tests on files with a mistake each: none passes in silence, also where a process is shared. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = fileURLToPath(new URL('../../', import.meta.url));
const clone = mkdtempSync(join(tmpdir(), 'kafka-mesos-run-'));

const files: Readonly<Record<string, string>> = {
  'red/a-good': "test('1', () => {}); test.run();",
  'red/b-fails': "test('1', () => {}); test('2', () => { throw new Error('2'); }); test.run();",
  'red/c-hook': "test.before(() => { throw new Error('before'); }); test('1', () => {}); test.run();",
  'red/d-empty': 'test.run();',
  'red/e-not-run': "test('1', () => {});",
  'red/f-skips': "test.skip('1'); test('2', () => {}); test.run();",
  'red/g-ends': "test('1', () => {}); process.exit(0); test.run();",
  'red/h-behind': "test('1', () => {}); test.run();",
  'rejected/a':
    "test('1', () => { Promise.reject(5); }); test('2', () => new Promise(setImmediate)); test.run();",
  'hangs/a': "test('1', () => new Promise(() => {})); test.run();",
  'exit-code/a': "process.on('exit', () => { process.exitCode = 3; }); test('1', () => {}); test.run();",
  'exit-code/b': "test('1', () => {}); test.run();",
};

test('every mistake is told, counted, and makes the run fail', () => {
  mkdirSync(join(clone, 'test'));
  for (const name of ['run.mjs', 'run-files.mjs', 'setup.mjs', 'skips.json'])
    cpSync(join(root, 'test', name), join(clone, 'test', name));
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
  for (const [name, text] of Object.entries(files)) {
    const path = join(clone, 'test', `${name}.test.ts`);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, `import { test } from 'uvu';\n${text}\n`);
  }
  // With a part of a name, the checks are left out.
  const run = spawnSync(process.execPath, [join(clone, 'test/run.mjs'), '--fast', 'test/'], {
    encoding: 'utf8',
  });
  const lines = run.stdout.trim().split('\n');
  assert.equal(lines.filter((line) => line.startsWith('failed: ')).sort(), [
    'failed: test/exit-code/a.test.ts, test/exit-code/b.test.ts: exit code 3 without a failed test',
    'failed: test/hangs/a.test.ts: its process ended with 13 before it was done',
    'failed: test/red/b-fails.test.ts: 1 of 2 failed',
    'failed: test/red/c-hook.test.ts: 1 of 1 failed',
    'failed: test/red/d-empty.test.ts: it ran no test',
    'failed: test/red/e-not-run.test.ts: it never calls .run(), so it asserts nothing',
    'failed: test/red/f-skips.test.ts: 1 skipped, which test/skips.json does not name',
    'failed: test/red/g-ends.test.ts: its process ended with 0 before it was done',
    'failed: test/red/h-behind.test.ts: it did not run, because its process ended with 0 in a file before it',
    'failed: test/rejected/a.test.ts: its process ended with 1 before it was done',
  ]);
  assert.is(lines.at(-1), '5 passed, 10 failed, 1 skipped');
  assert.is(run.status, 1);
});

test.after(() => rmSync(clone, { recursive: true, force: true }));
test.run();
