import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ConflictError,
  type KafkaMesosError,
  ProtocolError,
  UnavailableError,
} from '../../src/model/errors.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { rejects, testStoreConformance } from './conformance.ts';

const temporaryDirectory = () => mkdtemp(join(tmpdir(), 'kafka-mesos-store-'));
const removeDirectory = (directory: string) => rm(directory, { recursive: true, force: true });

testStoreConformance({
  name: 'file store',
  manyWriters: false,
  runs: 30,
  async create() {
    const directory = await temporaryDirectory();
    return { connect: () => openFileStore(directory), dispose: () => removeDirectory(directory) };
  },
});

function inDirectory(what: string, body: (directory: string) => Promise<void>): void {
  test(`file store: ${what}`, async () => {
    const directory = await temporaryDirectory();
    try {
      await body(directory);
    } finally {
      await removeDirectory(directory);
    }
  });
}

const recordFile = (directory: string, name = 'clusters~orders~spec') => join(directory, `${name}.json`);

async function writeOne(directory: string): Promise<number> {
  const store = await openFileStore(directory);
  await store.claim();
  const version = await store.write('clusters/orders/spec', { revision: 1 }, 0);
  await store.close();
  return version;
}

inDirectory('directory 0700, files 0600, also where the directory was open to others', async (directory) => {
  await chmod(directory, 0o755);
  await writeOne(directory);
  assert.is((await stat(directory)).mode & 0o777, 0o700);
  for (const name of await readdir(directory)) {
    assert.is((await stat(join(directory, name))).mode & 0o777, 0o600, name);
  }
  assert.equal((await readdir(directory)).sort(), ['clusters~orders~spec.json', 'epoch']);
});

inDirectory('makes the directories that are missing', async (directory) => {
  const deep = join(directory, 'a', 'b');
  await writeOne(deep);
  assert.is((await stat(deep)).mode & 0o777, 0o700);
});

inDirectory('a damaged record is a ProtocolError with file, cause and remedy', async (directory) => {
  const version = await writeOne(directory);
  const file = recordFile(directory);
  const good = await readFile(file, 'utf8');
  const damages: readonly (readonly [string, RegExp])[] = [
    ['', /it is empty/],
    ['\0'.repeat(64), /it is not JSON/],
    [good.slice(0, -10), /it is not JSON/],
    ['[]', /not a JSON object/],
    [good.replace('"format":1', '"format":2'), /its format is 2, this program reads 1/],
    [good.replace('clusters/orders/spec', 'clusters/Orders/spec'), /holds record "clusters\/Orders\/spec"/],
    [good.replace(`"version":${version}`, '"version":-1'), /its version is -1/],
    [good.replace('"value"', '"other"'), /it has no value/],
    ['x'.repeat(1024 * 1024), /it has 1048576 bytes/],
  ];
  const store = await openFileStore(directory);
  await store.claim();
  for (const [text, cause] of damages) {
    await writeFile(file, text);
    for (const call of [
      () => store.read('clusters/orders/spec'),
      () => store.write('clusters/orders/spec', 2, version),
      () => store.remove('clusters/orders/spec', version),
    ]) {
      const error = (await call().catch((reason: unknown) => reason)) as KafkaMesosError;
      assert.instance(error, ProtocolError);
      assert.ok(error.message.startsWith(file), error.message);
      assert.match(error.message, cause);
      assert.match(error.remedy ?? '', /restore/);
    }
    assert.is(await readFile(file, 'utf8'), text, 'a damaged record is left as it is');
  }
  await store.close();
});

inDirectory('a damaged or missing epoch is refused, for versions would repeat', async (directory) => {
  await writeOne(directory);
  const store = await openFileStore(directory);
  for (const text of ['', '0', '-1', '1.5', 'x'.repeat(100)]) {
    await writeFile(join(directory, 'epoch'), text);
    await rejects(store.claim(), ProtocolError, 'KM_PROTOCOL_STORE_EPOCH');
  }
  await rm(join(directory, 'epoch'));
  await rejects(store.claim(), ProtocolError, 'KM_PROTOCOL_STORE_EPOCH');
  await store.close();
});

inDirectory('a claim made elsewhere fences this writer', async (directory) => {
  const store = await openFileStore(directory);
  const epoch = await store.claim();
  const version = await store.write('framework', 'mine', 0);
  await writeFile(join(directory, 'epoch'), `${epoch + 1}\n`);
  await rejects(store.write('framework', 'late', version), ConflictError, 'KM_CONFLICT_FENCED');
  await rejects(store.remove('framework', version), ConflictError, 'KM_CONFLICT_FENCED');
  assert.equal(await store.read('framework'), { value: 'mine', version });
  await store.claim();
  await store.write('framework', 'mine again', version);
  await store.close();
});

inDirectory('leftovers of interrupted writes go at the next opening', async (directory) => {
  const version = await writeOne(directory);
  await writeFile(`${recordFile(directory)}.4711.tmp`, '{"format":1,"pa');
  const store = await openFileStore(directory);
  assert.equal(
    (await readdir(directory)).filter((name) => name.endsWith('.tmp')),
    [],
  );
  assert.equal(await store.read('clusters/orders/spec'), { value: { revision: 1 }, version });
  assert.equal(await store.list('clusters'), ['orders']);
  await store.close();
});

inDirectory(
  'a write that fails before it is published leaves the old value and no leftover',
  async (directory) => {
    const store = await openFileStore(directory);
    await store.claim();
    const version = await store.write('framework', 'old', 0);
    // A directory in the place of the temporary file: the write fails as on a full disk, also for root.
    const obstacle = `${recordFile(directory, 'framework')}.${process.pid}.tmp`;
    await mkdir(obstacle);
    const error = await store.write('framework', 'new', version).catch((reason: unknown) => reason);
    assert.instance(error, UnavailableError);
    assert.is((error as UnavailableError).outcome, 'not-sent');
    assert.equal(await store.read('framework'), { value: 'old', version });
    await rm(obstacle, { recursive: true });
    await store.write('framework', 'new', version);
    await store.close();
  },
);

inDirectory('a path that is not a directory is refused with its name', async (directory) => {
  const file = join(directory, 'file');
  await writeFile(file, '');
  const error = (await openFileStore(file).catch((reason: unknown) => reason)) as KafkaMesosError;
  assert.instance(error, UnavailableError);
  assert.match(error.message, file);
});

inDirectory('one opening at a time, also within a process', async (directory) => {
  const store = await openFileStore(directory);
  await rejects(openFileStore(directory), UnavailableError, 'KM_UNAVAILABLE_STORE_LOCKED');
  await store.claim();
  await store.write('framework', 1, 0);
  await store.close();
  await (await openFileStore(directory)).close();
});

inDirectory('a living process keeps its lock, a dead one loses it', async (directory) => {
  const holder = spawnWorker('hold', directory);
  try {
    await once(holder.stdout, 'data');
    const error = (await openFileStore(directory).catch((reason: unknown) => reason)) as KafkaMesosError;
    assert.is(error.code, 'KM_UNAVAILABLE_STORE_LOCKED');
    assert.match(error.message, `process ${holder.pid}`);
  } finally {
    holder.kill('SIGKILL');
    await once(holder, 'close');
  }
  assert.is((await readdir(directory)).filter((name) => name.startsWith('lock.')).length, 1);
  const store = await openFileStore(directory);
  assert.equal(
    await readdir(directory),
    (await readdir(directory)).filter((name) => name.startsWith(`lock.${process.pid}.`)),
  );
  await store.close();
});

inDirectory('a living process that has the pid of a dead owner is not taken for it', async (directory) => {
  await writeFile(join(directory, `lock.${process.pid}.0-1`), '');
  await writeFile(join(directory, `lock.${process.ppid}.0-1`), '');
  const store = await openFileStore(directory);
  assert.is((await readdir(directory)).length, 1);
  await store.close();
});

inDirectory('an owner that was killed but not yet waited for is dead', async (directory) => {
  // Only a parent that does not wait leaves such a process behind: `sleep` in the place of a shell.
  const script = '"$0" "$1" hold "$2" & exec sleep 60 >/dev/null';
  const parent = spawn('sh', ['-c', script, process.execPath, workerFile, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(parent.stdout, 'data');
    const pid = Number((await readdir(directory)).find((name) => name.startsWith('lock.'))?.split('.')[1]);
    process.kill(pid, 'SIGKILL');
    await once(parent.stdout, 'end');
    await (await openFileStore(directory)).close();
  } finally {
    parent.kill();
    await once(parent, 'exit');
  }
});

inDirectory(
  'of many processes that come at once, over a dead lock, one at a time owns',
  async (directory) => {
    const contenders = Array.from({ length: 4 }, () => spawnWorker('contend', directory));
    const outputs = await Promise.all(
      contenders.map(async (contender) => {
        let text = '';
        contender.stdout.on('data', (chunk: Buffer) => {
          text += chunk;
        });
        await once(contender, 'close');
        return text;
      }),
    );
    const spans = outputs
      .flatMap((text) => text.split('\n'))
      .filter((line) => line !== '')
      .map((line) => line.split(' ').map(BigInt))
      .sort(([a = 0n], [b = 0n]) => (a < b ? -1 : 1));
    assert.ok(spans.length >= contenders.length, `only ${spans.length} ownerships`);
    spans.reduce((previousEnd, [start = 0n, end = 0n]) => {
      assert.ok(start >= previousEnd, 'two owners at one time');
      return end;
    }, 0n);
  },
);

const workerFile = join(import.meta.dirname, 'file-store-worker.ts');

/** The child runs TypeScript as Node 24 does, without a loader: it starts in a tenth of the time. */
function spawnWorker(mode: string, directory: string) {
  return spawn(process.execPath, [...process.execArgv, workerFile, mode, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

const rounds = Number(process.env.CRASH_ROUNDS ?? 12);

inDirectory('SIGKILL at any moment leaves each record old or new', async (directory) => {
  /** By path: what the last acknowledged write put there, and what a write that was not answered would have. */
  const known = new Map<string, { readonly acknowledged: number; readonly begun: number }>();
  let midWrite = 0;
  let leftovers = 0;
  let taken = 0;
  for (let round = 0; round < rounds; round += 1) {
    const writer = spawnWorker('write', directory);
    let text = '';
    let begun = 0;
    // Killed somewhere after a random one of its own steps: a write here takes about a millisecond.
    const killAt = 3 + Math.floor(Math.random() * 60);
    writer.stdout.on('data', (chunk: Buffer) => {
      text += chunk;
      begun += chunk.toString().split('begin').length - 1;
      if (begun >= killAt) setTimeout(() => writer.kill('SIGKILL'), Math.random() * 8);
    });
    const [, signal] = (await once(writer, 'close')) as [number | null, string | null];
    assert.is(signal, 'SIGKILL', 'the writer ended by itself');
    const open = new Set<string>();
    for (const line of text.split('\n')) {
      const [event, path, number] = line.split(' ');
      if (path === undefined || number === undefined) continue;
      const before = known.get(path) ?? { acknowledged: 0, begun: 0 };
      if (event === 'begin') {
        known.set(path, { ...before, begun: Number(number) });
        open.add(path);
      } else {
        known.set(path, { acknowledged: Number(number), begun: Number(number) });
        open.delete(path);
      }
    }
    if (open.size > 0) midWrite += 1;
    const names = await readdir(directory);
    if (names.some((name) => name.endsWith('.tmp'))) leftovers += 1;
    if (names.some((name) => name.startsWith(`lock.${writer.pid}.`))) taken += 1;

    const store = await openFileStore(directory);
    for (const [path, { acknowledged, begun: latest }] of known) {
      const value = (await store.read(path))?.value as { number: number; filling: string } | undefined;
      const number = value?.number ?? 0;
      assert.ok(
        number === acknowledged || number === latest,
        `${path}: ${number}, not ${acknowledged} or ${latest}`,
      );
      if (value !== undefined) assert.is(value.filling, String(number % 10).repeat(value.filling.length));
      known.set(path, { acknowledged: number, begun: number });
    }
    await store.close();
  }
  process.stdout.write(
    `  kills ${rounds}: in mid-write ${midWrite}, leaving a temporary file ${leftovers}, a lock ${taken}\n`,
  );
  assert.ok(midWrite > 0 && taken === rounds, 'no kill came in mid-write');
});

test.run();
