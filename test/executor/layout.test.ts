import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { create, Header } from 'tar';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BrokerFailure, Stopped } from '../../src/executor/failure.ts';
import { type LayoutOptions, layOut, pruneLayouts } from '../../src/executor/layout.ts';
import { type Clock, systemClock } from '../../src/sys/clock.ts';
import { inFolder, within } from './helpers.ts';

/** Retries come at once; a silence never ends. */
const impatient: Clock = {
  nowMs: systemClock.nowMs,
  setTimer: (delayMs, fire) => systemClock.setTimer(delayMs >= 30_000 ? 2 ** 30 : 0, fire),
};

function options(volumePath: string, more: Partial<LayoutOptions> = {}): LayoutOptions {
  return {
    volumePath,
    clock: impatient,
    signal: new AbortController().signal,
    onProgress: () => {},
    ...more,
  };
}

async function makeArchive(folder: string, content = 'jar'): Promise<{ path: string; sha512: string }> {
  await mkdir(join(folder, 'kafka', 'libs'), { recursive: true });
  await writeFile(join(folder, 'kafka', 'libs', 'kafka.jar'), content.repeat(50_000));
  await symlink('kafka.jar', join(folder, 'kafka', 'libs', 'latest.jar')).catch(() => {});
  const path = join(folder, `${content}.tgz`);
  await create({ file: path, cwd: folder, gzip: true }, ['kafka']);
  return { path, sha512: await sha512Of(path) };
}

async function sha512Of(path: string): Promise<string> {
  const hash = createHash('sha512');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

async function failure(promise: Promise<unknown>): Promise<BrokerFailure> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof BrokerFailure) return error;
  throw error ?? new Error('it did not fail');
}

async function serving<T>(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  use: (uri: string) => Promise<T>,
): Promise<T> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/kafka.tgz`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test('an archive is laid out by digest, once', () =>
  inFolder(async (folder) => {
    const { path, sha512 } = await makeArchive(folder);
    const volume = join(folder, 'volume');
    const home = await layOut({ uri: path, sha512 }, options(volume));
    assert.is(home, join(volume, '.kafka-mesos', 'dist', sha512.slice(0, 32)));
    assert.equal((await readdir(join(home, 'libs'))).sort(), ['kafka.jar', 'latest.jar']);
    // The second time the source is not even looked at.
    assert.is(
      await layOut({ uri: '/gone.tgz', sha512 }, options(volume, { onProgress: () => assert.unreachable() })),
      home,
    );
    assert.equal(await readdir(join(volume, '.kafka-mesos', 'dist')), [sha512.slice(0, 32)]);
  }));

test('whatever the top folder is called, and however the archive is packed', () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, 'other name-9', 'libs'), { recursive: true });
    await writeFile(join(folder, 'other name-9', 'libs', 'kafka.jar'), 'jar');
    const plain = join(folder, 'plain.bin');
    await create({ file: plain, cwd: folder }, ['other name-9']);
    const bytes = await readFile(plain);
    const packed = { plain: bytes, gzip: gzipSync(bytes), zstd: zstdCompressSync(bytes) };
    for (const [name, content] of Object.entries(packed)) {
      // Its name says nothing of how it is packed.
      const path = join(folder, `${name}.bin`);
      await writeFile(path, content);
      const home = await layOut({ uri: path, sha512: await sha512Of(path) }, options(join(folder, name)));
      assert.equal(await readdir(join(home, 'libs')), ['kafka.jar'], name);
    }
    const path = join(folder, 'archive.tar.xz');
    await writeFile(path, Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), bytes]));
    const error = await failure(layOut({ uri: path, sha512: await sha512Of(path) }, options(folder)));
    assert.match(error.message, /archive\.tar\.xz cannot be unpacked/);
    assert.match(error.remedy ?? '', '.tar.zst');
  }));

test('a wrong digest is refused, and nothing of the archive stays', () =>
  inFolder(async (folder) => {
    const { path } = await makeArchive(folder);
    const error = await failure(layOut({ uri: `file://${path}`, sha512: 'b'.repeat(128) }, options(folder)));
    assert.is(error.reportCode, 'digest-mismatch');
    assert.match(error.message, /expected bbbbbbbb/);
    assert.equal(await readdir(join(folder, '.kafka-mesos', 'dist')), []);
  }));

test('an interrupted download is continued where it broke', () =>
  inFolder(async (folder) => {
    const { path, sha512 } = await makeArchive(folder);
    const bytes = await readFile(path);
    const ranges: (string | undefined)[] = [];
    let lastProgress = { doneBytes: 0, totalBytes: 0 };
    let cut = () => {};
    await serving(
      (request, response) => {
        ranges.push(request.headers.range);
        const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
        const rest = bytes.subarray(from);
        response.writeHead(from > 0 ? 206 : 200, {
          'content-length': rest.length,
          'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
        });
        if (ranges.length > 2) response.end(rest);
        else response.write(rest.subarray(0, 100));
        cut = () => response.destroy();
      },
      (uri) =>
        layOut(
          { uri, sha512 },
          options(folder, {
            onProgress: (progress) => {
              lastProgress = progress;
              if (progress.doneBytes <= 200) cut();
            },
          }),
        ),
    );
    assert.equal(ranges, [undefined, 'bytes=100-', 'bytes=200-']);
    assert.equal(lastProgress, { doneBytes: bytes.length, totalBytes: bytes.length });
  }));

test('what was continued from another file is thrown away and fetched whole', () =>
  inFolder(async (folder) => {
    const { path, sha512 } = await makeArchive(folder);
    const bytes = await readFile(path);
    const ranges: (string | undefined)[] = [];
    let cut = () => {};
    const home = await serving(
      (request, response) => {
        ranges.push(request.headers.range);
        const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
        response.writeHead(from > 0 ? 206 : 200, { 'content-range': `bytes ${from}-/${bytes.length}` });
        // Another release stood behind the URI when the transfer broke.
        if (ranges.length === 1) response.write(Buffer.alloc(50, 1));
        else response.end(bytes.subarray(from));
        cut = () => response.destroy();
      },
      (uri) =>
        layOut(
          { uri, sha512 },
          options(folder, { onProgress: ({ doneBytes }) => doneBytes === 50 && cut() }),
        ),
    );
    assert.equal(ranges, [undefined, 'bytes=50-', undefined]);
    assert.ok((await stat(join(home, 'libs'))).isDirectory());
  }));

test('a server that does not continue sends it whole', () =>
  inFolder(async (folder) => {
    const { path, sha512 } = await makeArchive(folder);
    const bytes = await readFile(path);
    let calls = 0;
    let cut = () => {};
    const home = await serving(
      (_, response) => {
        calls += 1;
        response.writeHead(200, { 'content-length': bytes.length });
        if (calls === 1) response.write(bytes.subarray(0, 100));
        else response.end(bytes);
        cut = () => response.destroy();
      },
      (uri) =>
        layOut(
          { uri, sha512 },
          options(folder, { onProgress: ({ doneBytes }) => doneBytes === 100 && cut() }),
        ),
    );
    assert.is(calls, 2);
    assert.equal((await readdir(join(home, 'libs'))).sort(), ['kafka.jar', 'latest.jar']);
  }));

test('what is no archive is told by its digest first', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'login.tgz');
    await writeFile(path, '<html>please log in</html>'.repeat(100));
    const wrong = await failure(layOut({ uri: path, sha512: 'd'.repeat(128) }, options(folder)));
    assert.is(wrong.reportCode, 'digest-mismatch');
    const right = await failure(layOut({ uri: path, sha512: await sha512Of(path) }, options(folder)));
    assert.match(right.message, /cannot be unpacked/);
    assert.equal(await readdir(join(folder, '.kafka-mesos', 'dist')), []);
  }));

test('a server that does not know the file is an error at once, one in trouble is tried again', () =>
  inFolder(async (folder) => {
    const { path, sha512 } = await makeArchive(folder);
    let calls = 0;
    const missing = await serving(
      (_, response) => {
        calls += 1;
        response.writeHead(404).end();
      },
      (uri) => failure(layOut({ uri: uri.replace('//', '//me:secret@'), sha512 }, options(folder))),
    );
    assert.is(missing.reportCode, 'fetch-failed');
    assert.match(missing.message, /HTTP 404/);
    assert.not.match(missing.message, /secret/);
    assert.is(calls, 1);
    await serving(
      (_, response) => {
        calls += 1;
        if (calls < 4) response.writeHead(503).end();
        else createReadStream(path).pipe(response.writeHead(200));
      },
      (uri) => layOut({ uri, sha512 }, options(folder)),
    );
    assert.is(calls, 4);
  }));

test('a fetch that is stopped ends', () =>
  inFolder(async (folder) => {
    const stop = new AbortController();
    await serving(
      (_, response) => {
        response.writeHead(200);
        response.write('some', () => stop.abort());
      },
      async (uri) => {
        const fetching = layOut({ uri, sha512: 'c'.repeat(128) }, options(folder, { signal: stop.signal }));
        const error = await within(
          fetching.catch((cause: unknown) => cause),
          'the fetch to stop',
        );
        assert.instance(error, Stopped);
      },
    );
  }));

/** A tar archive of raw headers, as no honest program writes it. */
function hostileArchive(
  entries: { path: string; type: 'File' | 'SymbolicLink' | 'Link' | 'FIFO'; linkpath?: string }[],
): Buffer {
  const blocks = entries.map((entry) => {
    const block = Buffer.alloc(512);
    new Header({ mode: 0o644, size: 0, mtime: new Date(0), ...entry }).encode(block, 0);
    return block;
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const hostile: [string, Parameters<typeof hostileArchive>[0]][] = [
  ['a path with ..', [{ path: 'kafka/../../escaped', type: 'File' }]],
  ['a link to an absolute place', [{ path: 'kafka/link', type: 'SymbolicLink', linkpath: '/etc' }]],
  ['a link that climbs out', [{ path: 'kafka/libs/link', type: 'SymbolicLink', linkpath: '../../../out' }]],
  ['a hard link that climbs out', [{ path: 'kafka/link', type: 'Link', linkpath: '../other' }]],
  ['a pipe', [{ path: 'kafka/pipe', type: 'FIFO' }]],
];
for (const [name, entries] of hostile) {
  test(`an archive with ${name} is refused and leaves nothing`, () =>
    inFolder(async (folder) => {
      const path = join(folder, 'hostile.tar');
      await writeFile(path, hostileArchive([{ path: 'kafka/libs/ok', type: 'File' }, ...entries]));
      const volume = join(folder, 'volume');
      const error = await failure(layOut({ uri: path, sha512: await sha512Of(path) }, options(volume)));
      assert.is(error.reportCode, 'fetch-failed');
      assert.match(error.message, /cannot be unpacked/);
      assert.equal(await readdir(join(volume, '.kafka-mesos', 'dist')), []);
      assert.equal((await readdir(folder)).sort(), ['hostile.tar', 'volume']);
    }));
}

test('an absolute path in an archive stays below the folder', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'absolute.tar');
    await writeFile(path, hostileArchive([{ path: join(folder, 'escaped'), type: 'File' }]));
    const home = await layOut({ uri: path, sha512: await sha512Of(path) }, options(join(folder, 'volume')));
    assert.equal((await readdir(folder)).sort(), ['absolute.tar', 'volume']);
    assert.is((await readdir(home)).length, 1);
  }));

test('an extraction that died in the middle is done over', () =>
  inFolder(async (folder) => {
    const { path, sha512 } = await makeArchive(folder);
    const left = join(folder, '.kafka-mesos', 'dist', `${sha512.slice(0, 32)}.unpacking`);
    await mkdir(left, { recursive: true });
    await writeFile(join(left, 'garbage'), '');
    assert.equal(await readdir(await layOut({ uri: path, sha512 }, options(folder))), ['libs']);
  }));

test('the current and the previous distribution are kept', () =>
  inFolder(async (folder) => {
    const artifacts = [];
    for (const content of ['one', 'two', 'three']) {
      const { path, sha512 } = await makeArchive(folder, content);
      artifacts.push({ uri: path, sha512 });
      await layOut({ uri: path, sha512 }, options(folder));
      await pruneLayouts(folder, artifacts.slice(-1));
      // A restart with the same one does not push the previous out.
      await pruneLayouts(folder, artifacts.slice(-1));
    }
    const kept = artifacts.slice(1).map(({ sha512 }) => sha512.slice(0, 32));
    assert.equal((await readdir(join(folder, '.kafka-mesos', 'dist'))).sort(), [...kept, 'used.json'].sort());
  }));

test.run();
