import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { countSegments, limitWarnings, readHostLimits } from '../../src/executor/host-limits.ts';
import { inFolder } from './helpers.ts';

const enough = {
  platform: 'linux',
  openFiles: 100_000,
  maxMapCount: 65_530,
  swappiness: 60,
  swapTotalKiB: 0,
} as const;
const modest = { heapMiB: 512, memoryMiB: 1024, segments: 300 } as const;

test('a machine with enough of everything is not warned about', () => {
  assert.equal(limitWarnings(enough, modest), []);
  // Swap that is there and left alone, and limits that could not be read, are no reason either.
  assert.equal(limitWarnings({ ...enough, swapTotalKiB: 4_096, swappiness: 1 }, modest), []);
  assert.equal(limitWarnings({ platform: 'linux' }, { heapMiB: 512, segments: 1e6 }), []);
});

const cases: [string, Partial<typeof enough> | object, Partial<typeof modest> | object, RegExp, RegExp][] = [
  ['open files', { openFiles: 99_999 }, {}, /only 99999 open files/, /LimitNOFILE=100000/],
  [
    'maps for the segments there are',
    {},
    { segments: 20_000 },
    /max_map_count is 65530 and the 20000 log segments here need 40000 maps/,
    /sysctl -w vm\.max_map_count=262144/,
  ],
  ['many more maps', {}, { segments: 200_000 }, /need 400000 maps/, /vm\.max_map_count=1600000/],
  [
    'memory beside the heap',
    {},
    { memoryMiB: 600 },
    /leave 88 MiB beside the heap/,
    /raise memory or lower heap/,
  ],
  ['swap', { swapTotalKiB: 1 }, {}, /vm\.swappiness 60/, /sysctl -w vm\.swappiness=1/],
  ['another system', { platform: 'darwin' }, {}, /are not checked on darwin/, /see to them by hand/],
];
for (const [name, limits, demand, problem, remedy] of cases) {
  test(`warned, with a remedy: ${name}`, () => {
    const warnings = limitWarnings({ ...enough, ...limits }, { ...modest, ...demand });
    assert.is(warnings.length, 1);
    assert.match(warnings[0] ?? '', problem);
    assert.match(warnings[0] ?? '', remedy);
  });
}

test('limits of this machine, and none of a system without /proc', async () => {
  assert.equal(await readHostLimits('darwin'), { platform: 'darwin' });
  if (process.platform !== 'linux') return;
  const limits = await readHostLimits();
  for (const found of [limits.openFiles, limits.maxMapCount, limits.swappiness, limits.swapTotalKiB]) {
    assert.ok(Number.isSafeInteger(found), JSON.stringify(limits));
  }
});

test('segments are counted over all directories and partitions, and a missing directory is none', () =>
  inFolder(async (folder) => {
    for (const name of [
      'one/t-0/00.log',
      'one/t-0/05.log',
      'one/t-0/00.index',
      'two/t-1/00.log',
      'two/meta.log',
    ]) {
      await mkdir(join(folder, name, '..'), { recursive: true });
      await writeFile(join(folder, name), '');
    }
    const places = ['one', 'two', 'gone'].map((name) => join(folder, name));
    assert.is(await countSegments(places), 3);
  }));

test.run();
