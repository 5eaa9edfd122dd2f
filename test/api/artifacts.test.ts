import { once } from 'node:events';
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ArtifactServer, sha512OfFile, startArtifactServer } from '../../src/api/artifacts.ts';
import { isLoopback, parseListenAddress } from '../../src/api/listen-address.ts';
import { silentLogger } from '../../src/sys/logger.ts';

const folder = mkdtempSync(join(tmpdir(), 'km-artifacts-'));
const path = join(folder, 'kafka 4.tgz');
const content = '0123456789';
writeFileSync(path, content);
writeFileSync(join(folder, 'secret'), 'not registered');
const served: { status: number; bytes: number }[] = [];
let server: ArtifactServer;
let sha512: string;
let uri: string;

test.before(async () => {
  server = await startArtifactServer({
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    observe: (answer) => void served.push(answer),
  });
  sha512 = await sha512OfFile(path);
  uri = server.register({ path, sha512 });
});
test.after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

function raw(target: string, method = 'GET'): Promise<number> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    httpRequest({ hostname, port, path: target, method }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });
}

test('serves a registered file by its digest', async () => {
  assert.is(uri, `${server.url}/artifacts/${sha512}/kafka%204.tgz`);
  const response = await fetch(uri);
  assert.is(response.status, 200);
  assert.is(response.headers.get('content-length'), '10');
  assert.is(response.headers.get('accept-ranges'), 'bytes');
  assert.is(await response.text(), content);
});

test('whoever counts hears of each answer, over one connection too', async () => {
  served.length = 0;
  for (const path of [new URL(uri).pathname, '/nothing']) {
    await (await fetch(`${server.url}${path}`)).text();
  }
  while (served.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(
    served.map(({ status }) => status),
    [200, 404],
  );
  assert.ok(
    served.every(({ bytes }) => bytes > content.length && bytes < 500),
    JSON.stringify(served),
  );
});

test('HEAD has the headers alone', async () => {
  const response = await fetch(uri, { method: 'HEAD' });
  assert.is(response.status, 200);
  assert.is(response.headers.get('content-length'), '10');
  assert.is(await response.text(), '');
});

test('serves ranges', async () => {
  const cases: readonly (readonly [string, number, string, string | null])[] = [
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=4-', 206, '456789', 'bytes 4-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-99', 206, content, 'bytes 0-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=5-2', 200, content, null],
    ['bytes=0-1,4-5', 200, content, null],
    ['lines=1-2', 200, content, null],
    ['bytes=-', 200, content, null],
  ];
  for (const [range, status, text, contentRange] of cases) {
    const response = await fetch(uri, { headers: { range } });
    assert.is(response.status, status, range);
    assert.is(await response.text(), text, range);
    assert.is(response.headers.get('content-range'), contentRange, range);
  }
});

test('a resumed download of other content starts over', async () => {
  const same = await fetch(uri, { headers: { range: 'bytes=4-', 'if-range': `"${sha512}"` } });
  assert.is(same.status, 206);
  await same.text();
  const other = await fetch(uri, { headers: { range: 'bytes=4-', 'if-range': '"other"' } });
  assert.is(other.status, 200);
  assert.is(await other.text(), content);
});

test('nothing but registered digests is served', async () => {
  const digest = `/artifacts/${sha512}`;
  for (const target of [
    '/',
    '/artifacts',
    '/artifacts/',
    digest,
    `${digest}/`,
    `${digest}/../${sha512}/x`,
    `${digest}/a/b`,
    `${digest.toUpperCase()}/x`,
    `/artifacts/${'0'.repeat(128)}/kafka.tgz`,
    `/artifacts/${sha512.slice(1)}/kafka.tgz`,
    '/artifacts/../secret',
    '/..%2fsecret',
    `/artifacts/..%2f..%2f${folder}/secret/x`,
    `${folder}/secret`,
    `${digest}/x?y=z`,
  ]) {
    assert.is(await raw(target), 404, target);
  }
  assert.is(await raw(`${digest}/any-name`), 200);
});

test('read-only', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    assert.is(await raw(new URL(uri).pathname, method), 405, method);
  }
});

test('a file that went away is a 404, an empty one is served', async () => {
  const other = join(folder, 'empty');
  writeFileSync(other, '');
  const otherUri = server.register({ path: other, sha512: await sha512OfFile(other) });
  assert.is((await fetch(otherUri)).headers.get('content-length'), '0');
  unlinkSync(other);
  assert.is((await fetch(otherUri)).status, 404);
});

test('a base of the operator’s choice goes into the URIs', async () => {
  const mirrored = await startArtifactServer({
    listen: { host: '127.0.0.1', port: 0 },
    urlBase: 'http://scheduler.example:7070/',
    logger: silentLogger,
  });
  assert.is(
    mirrored.register({ path, sha512 }),
    `http://scheduler.example:7070/artifacts/${sha512}/kafka%204.tgz`,
  );
  await mirrored.close();
});

test('listen addresses', () => {
  assert.equal(parseListenAddress('127.0.0.1:0'), { host: '127.0.0.1', port: 0 });
  assert.equal(parseListenAddress(':8080'), { host: '127.0.0.1', port: 8080 });
  assert.equal(parseListenAddress('[::1]:80'), { host: '::1', port: 80 });
  for (const text of ['', '80', 'a:', 'a:70000', 'http://a:1', '::1:80']) {
    assert.is(parseListenAddress(text), undefined, text);
  }
  assert.ok(isLoopback('127.3.2.1') && isLoopback('::1') && isLoopback('localhost'));
  assert.not.ok(isLoopback('0.0.0.0') || isLoopback('128.0.0.1') || isLoopback('localhost.example.org'));
});

test('one that asks and does not read is let go, and its file closed', async () => {
  const large = join(folder, 'large');
  writeFileSync(large, Buffer.alloc(32 * 1024 * 1024));
  const ended: unknown[] = [];
  const strict = await startArtifactServer({
    listen: { host: '127.0.0.1', port: 0 },
    logger: { ...silentLogger, warn: (message) => void ended.push(message) },
    idleTimeoutMs: 100,
  });
  const { pathname } = new URL(strict.register({ path: large, sha512: 'a'.repeat(128) }));
  const { hostname, port } = new URL(strict.url);
  const idle = connect(Number(port), hostname);
  const deaf = connect(Number(port), hostname);
  for (const socket of [idle, deaf]) socket.on('error', () => {});
  deaf.pause();
  deaf.write(`GET ${pathname} HTTP/1.1\r\nHost: x\r\n\r\n`);
  idle.resume();
  await once(idle, 'close');
  while (ended.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(ended, ['artifact not served']);
  deaf.destroy();
  await strict.close();
});

test.run();
