/** What is being written is not read as it is, and what has not changed is not read again. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readDirectory } from '../../src/gitops/read-directory.ts';
import { testFolder } from '../test-folder.ts';

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(testFolder, 'read-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a file that has just been written may be half of one, whoever asks', () =>
  inFolder(async (folder) => {
    writeFileSync(join(folder, 'demo.yaml'), 'kind: Kaf');
    const hour = 3_600_000;
    assert.is((await readDirectory(folder, { previous: [], settleMs: hour })).kind, 'unsettled');
    const read = await readDirectory(folder, { previous: [], settleMs: 0 });
    assert.ok(read.kind === 'read');
    assert.is(read.files[0]?.text, 'kind: Kaf');
  }));

test('what changes while it is read is not what it was at one moment', () =>
  inFolder(async (folder) => {
    const put = (n: number, text: string) => writeFileSync(join(folder, `f${n}.yaml`), text);
    for (let n = 0; n < 100; n += 1) put(n, 'a');
    let isOver = false;
    const reading = readDirectory(folder, { previous: [], settleMs: 0 }).finally(() => {
      isOver = true;
    });
    // Another length at each turn: a clock that stands still hides nothing.
    for (let length = 2; !isOver; length += 1) {
      put(99, 'b'.repeat(length));
      await turn();
    }
    assert.is((await reading).kind, 'unsettled');
  }));

test.run();
