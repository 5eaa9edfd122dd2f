/** One unpacked Kafka for the volumes of this disk, and everything that must keep it from being used. */
import { createHash } from 'node:crypto';
import {
  chmod,
  cp,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { create } from 'tar';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { layOut, pruneLayouts } from '../../src/executor/layout.ts';
import type { Artifact } from '../../src/model/launch.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { inFolder } from './helpers.ts';

type Cached = Artifact & { readonly path: string; readonly shared: string };

/** An archive in `<folder>/dist`, named as the cache names it. */
async function cacheArchive(
  folder: string,
  content: string,
  change = async (_kafka: string) => {},
): Promise<Cached> {
  const kafka = join(folder, `source-${content}`, 'kafka');
  await mkdir(join(kafka, 'libs'), { recursive: true });
  await writeFile(join(kafka, 'libs', 'kafka.jar'), content.repeat(1_000), { mode: 0o664 });
  await writeFile(join(kafka, 'LICENSE'), content);
  await change(kafka);
  const cache = join(folder, 'dist');
  await mkdir(cache, { recursive: true, mode: 0o755 });
  const made = join(cache, `${content}.part`);
  await create({ file: made, cwd: join(folder, `source-${content}`), gzip: true }, ['kafka']);
  const sha512 = createHash('sha512')
    .update(await readFile(made))
    .digest('hex');
  const path = join(cache, `kafka-4.3.1-${sha512.slice(0, 16)}.tgz`);
  await cp(made, path);
  await rm(made);
  return { uri: pathToFileURL(path).href, sha512, path, shared: `${path}.unpacked` };
}

function layOutIn(folder: string, volume: string, artifact: Artifact): Promise<string> {
  return layOut(artifact, {
    volumePath: join(folder, volume),
    clock: systemClock,
    signal: new AbortController().signal,
    onProgress: () => {},
  });
}

const jarOf = (home: string) => stat(join(home, 'libs', 'kafka.jar'));

test('a second volume gets links instead of files, and the archive is not read for it', () =>
  inFolder(async (folder) => {
    const kafka = await cacheArchive(folder, 'one');
    const first = await layOutIn(folder, 'a', kafka);
    await rm(kafka.path);
    const second = await layOutIn(folder, 'b', kafka);
    assert.is((await jarOf(second)).ino, (await jarOf(first)).ino);
    assert.is((await jarOf(second)).mode & 0o222, 0, 'nobody changes the other volume in passing');
    assert.equal((await readdir(second)).sort(), ['LICENSE', 'libs'], 'our own list stays outside');
    assert.equal(await readdir(join(folder, 'b', '.kafka-mesos', 'dist')), [kafka.sha512.slice(0, 32)]);
    assert.is((await stat(kafka.shared)).mode & 0o022, 0);
    // Volumes stand on their own.
    await rm(kafka.shared, { recursive: true });
    assert.is(await readFile(join(second, 'LICENSE'), 'utf8'), 'one');
  }));

test('what was being unpacked or shared when an executor died is in nobody’s way', () =>
  inFolder(async (folder) => {
    const kafka = await cacheArchive(folder, 'one');
    await layOutIn(folder, 'a', kafka);
    const dist = join(folder, 'b', '.kafka-mesos', 'dist');
    for (const left of ['unpacking', 'sharing']) {
      await mkdir(join(dist, `${kafka.sha512.slice(0, 32)}.${left}`, 'libs'), { recursive: true });
    }
    const home = await layOutIn(folder, 'b', kafka);
    assert.equal((await readdir(home)).sort(), ['LICENSE', 'libs']);
    await pruneLayouts(join(folder, 'b'), [kafka]);
    assert.equal((await readdir(dist)).sort(), [kafka.sha512.slice(0, 32), 'used.json']);
  }));

async function changeList(shared: string, change: (list: string) => string): Promise<void> {
  const path = join(shared, '.files.json');
  const list = await readFile(path, 'utf8');
  assert.is.not(change(list), list);
  await writeFile(path, change(list));
}

const doubts: Readonly<Record<string, (shared: string) => Promise<void>>> = {
  'a file that others may write': (shared) => chmod(join(shared, 'libs', 'kafka.jar'), 0o464),
  'a list that others may write': (shared) => chmod(join(shared, '.files.json'), 0o646),
  'a folder that others may write': (shared) => chmod(join(shared, 'libs'), 0o775),
  'a root that others may write': (shared) => chmod(shared, 0o777),
  'a missing file': (shared) => rm(join(shared, 'LICENSE')),
  'a file too many': (shared) => writeFile(join(shared, 'libs', 'evil.jar'), 'x'),
  'a missing list': (shared) => rm(join(shared, '.files.json')),
  'a list of other files': (shared) =>
    changeList(shared, (list) => list.replace('libs/kafka.jar', 'libs/other.jar')),
  'a list of another archive': (shared) =>
    changeList(shared, (list) => list.replace(/"sha512":"(.{16})[^"]*"/, `"sha512":"$1${'0'.repeat(112)}"`)),
  'a link': async (shared) => {
    await rm(join(shared, 'LICENSE'));
    await symlink('/etc/hostname', join(shared, 'LICENSE'));
  },
  'another folder behind a link': async (shared) => {
    await cp(shared, `${shared}.elsewhere`, { recursive: true });
    await rm(shared, { recursive: true });
    await symlink(`${shared}.elsewhere`, shared);
  },
};
for (const [what, spoil] of Object.entries(doubts)) {
  test(`${what}: the archive is unpacked, and shared anew`, () =>
    inFolder(async (folder) => {
      const kafka = await cacheArchive(folder, 'one');
      const first = await layOutIn(folder, 'a', kafka);
      await spoil(kafka.shared);
      const second = await layOutIn(folder, 'b', kafka);
      assert.is.not((await jarOf(second)).ino, (await jarOf(first)).ino);
      assert.equal(await readdir(join(second, 'libs')), ['kafka.jar']);
      assert.is(await readFile(join(second, 'LICENSE'), 'utf8'), 'one');
      const third = await layOutIn(folder, 'c', kafka);
      assert.is((await jarOf(third)).ino, (await jarOf(second)).ino);
    }));
}

test('a file that was cut short is noticed', () =>
  inFolder(async (folder) => {
    const kafka = await cacheArchive(folder, 'one');
    await layOutIn(folder, 'a', kafka);
    const jar = join(kafka.shared, 'libs', 'kafka.jar');
    await chmod(jar, 0o644);
    await truncate(jar, 100);
    assert.is((await jarOf(await layOutIn(folder, 'b', kafka))).size, 3_000);
  }));

test('in a folder where others may put files, nothing is shared and nothing believed', () =>
  inFolder(async (folder) => {
    const kafka = await cacheArchive(folder, 'one');
    const first = await layOutIn(folder, 'a', kafka);
    await chmod(join(folder, 'dist'), 0o775);
    const second = await layOutIn(folder, 'b', kafka);
    assert.is.not((await jarOf(second)).ino, (await jarOf(first)).ino);
    await rm(kafka.shared, { recursive: true });
    await layOutIn(folder, 'c', kafka);
    assert.equal(await readdir(join(folder, 'dist')), [kafka.path.split('/').at(-1)]);
  }));

test('nothing is put beside an archive that is not in the cache, or that holds more than files and folders', () =>
  inFolder(async (folder) => {
    const kafka = await cacheArchive(folder, 'one');
    const mine = join(folder, 'dist', 'kafka-4.3.1.tgz');
    await cp(kafka.path, mine);
    await layOutIn(folder, 'a', { uri: pathToFileURL(mine).href, sha512: kafka.sha512 });
    await rm(mine);
    const linked = await cacheArchive(folder, 'two', (home) =>
      symlink('kafka.jar', join(home, 'libs', 'latest.jar')),
    );
    await layOutIn(folder, 'b', linked);
    assert.equal(
      (await readdir(join(folder, 'dist'))).sort(),
      [kafka.path, linked.path].map((one) => one.split('/').at(-1)).sort(),
    );
  }));

test('executors at once get in nobody’s way', () =>
  inFolder(async (folder) => {
    const kafka = await cacheArchive(folder, 'one');
    for (let round = 0; round < 5; round += 1) {
      await rm(kafka.shared, { recursive: true, force: true });
      const volumes = ['a', 'b', 'c', 'd'].map((name) => `${name}${round}`);
      const homes = await Promise.all(volumes.map((volume) => layOutIn(folder, volume, kafka)));
      for (const home of homes) assert.is((await jarOf(home)).size, 3_000);
      for (const volume of volumes) {
        const dist = join(folder, volume, '.kafka-mesos', 'dist');
        assert.equal(await readdir(dist), [kafka.sha512.slice(0, 32)]);
      }
      assert.is((await readdir(join(folder, 'dist'))).length, 2);
      assert.is((await readdir(kafka.shared)).length, 3);
    }
  }));

test('the space of what no volume uses any more is given back', () =>
  inFolder(async (folder) => {
    const [one, two, three] = [
      await cacheArchive(folder, 'one'),
      await cacheArchive(folder, 'two'),
      await cacheArchive(folder, 'three'),
    ];
    await layOutIn(folder, 'a', one);
    await layOutIn(folder, 'b', two);
    await rm(join(folder, 'a'), { recursive: true });
    await layOutIn(folder, 'c', three);
    const left = (await readdir(join(folder, 'dist'))).filter((name) => name.endsWith('.unpacked'));
    assert.equal(left.sort(), [two, three].map(({ shared }) => shared.split('/').at(-1)).sort());
  }));

test.run();
