/** Two bootstraps at once in one clone: they take turns, and what a dead one left stops nobody. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const { withLock } = (await import(new URL('../../bin/lock.mjs', import.meta.url).href)) as {
  withLock<T>(path: string, work: () => Promise<T>, onWait?: (pid: number) => void): Promise<T>;
};
const folder = mkdtempSync(join(tmpdir(), 'kafka-mesos-lock-'));
const path = join(folder, '.bootstrap.lock');

test('one at a time; who waits is told for whom', async () => {
  const seen: string[] = [];
  const work = (name: string) => async (): Promise<string> => {
    seen.push(`${name} begins`);
    assert.is(readFileSync(path, 'utf8'), `${process.pid}\n`);
    for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
    seen.push(`${name} ends`);
    return name;
  };
  const waited: number[] = [];
  const names = ['a', 'b', 'c'];
  const done = await Promise.all(names.map((name) => withLock(path, work(name), (pid) => waited.push(pid))));
  assert.equal(done, names);
  for (const [index, line] of seen.entries()) {
    assert.is(line, `${seen[index - (index % 2)]?.[0]} ${index % 2 === 0 ? 'begins' : 'ends'}`, seen.join());
  }
  assert.equal(waited, [process.pid, process.pid]);
  assert.equal(readdirSync(folder), [], 'and nothing is left');
});

test('given back when the work fails', async () => {
  const failed = await withLock(path, () => Promise.reject(new Error('no network'))).catch((e: Error) => e);
  assert.is(failed.message, 'no network');
  assert.not(existsSync(path));
});

test('a lock of a process that ended, of none, and one that is too old are taken over', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  for (const [content, isOld] of [
    [`${pid}\n`, false],
    ['', false],
    [`${process.pid}\n`, true],
  ] as const) {
    writeFileSync(path, content);
    if (isOld) utimesSync(path, new Date(0), new Date(0));
    const waited = () => assert.unreachable('nobody is waited for');
    assert.is(await withLock(path, async () => 'done', waited), 'done');
  }
  assert.equal(readdirSync(folder), []);
});

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
