/** What tells of a change of the directory as a whole: links that are swapped, directories that are put in its place. */
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { watchDirectory } from '../../src/gitops/watch.ts';
import { type Logger, silentLogger } from '../../src/sys/logger.ts';
import { testFolder } from '../test-folder.ts';

/** Does what is to be noticed again and again, since a watch begins some time after it was asked for. */
async function isTold(directory: string, change: () => void): Promise<void> {
  let tell: () => void = () => {};
  const told = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const watch = watchDirectory(directory, { onHint: () => tell(), logger: silentLogger });
  await watch.aim(realpathSync(directory), []);
  const again = setInterval(change, 50);
  let giveUp: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      told,
      new Promise((_, reject) => {
        giveUp = setTimeout(() => reject(new Error('nothing was told')), 10_000);
      }),
    ]);
  } finally {
    clearInterval(again);
    clearTimeout(giveUp);
    await watch.close();
  }
}

function swap(link: string, target: string): void {
  symlinkSync(target, `${link}.next`);
  renameSync(`${link}.next`, link);
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = realpathSync(mkdtempSync(join(testFolder, 'watch-')));
  for (const name of ['a/specs', 'b/specs', 'beside']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'a/specs/demo.yaml'), 'kind: KafkaCluster\n');
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a link on the way to the directory is swapped', () =>
  inFolder(async (folder) => {
    swap(`${folder}/current`, 'a');
    await isTold(`${folder}/current/specs`, () => swap(`${folder}/current`, 'b'));
  }));

test('a link is swapped that another link leads through', () =>
  inFolder(async (folder) => {
    swap(`${folder}/current`, 'a');
    symlinkSync('../current/specs', `${folder}/beside/specs`);
    await isTold(`${folder}/beside/specs`, () => swap(`${folder}/current`, 'b'));
  }));

test('a work tree that is gone already is no trouble; one that cannot be watched is told', () =>
  inFolder(async (folder) => {
    const warned: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (message) => void warned.push(message) };
    const watch = watchDirectory(folder, { onHint: () => {}, logger });
    await watch.aim(folder, [`${folder}/a/.git/worktrees/before`]);
    assert.equal(warned, []);
    await watch.aim(folder, [`${folder}/a/specs/demo.yaml/.git`]);
    assert.equal(warned, ['the directory of specs cannot be watched whole']);
    await watch.close();
  }));

test.run();
