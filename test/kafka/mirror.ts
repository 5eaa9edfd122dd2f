import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { writeArchive } from '../../src/kafka/dist/archive.ts';

export type Behaviour = 'serve' | 'cut' | 'ignore-range' | 'corrupt' | 'hang' | 'server-error' | 'stall';

export type Mirror = {
  readonly url: string;
  readonly requests: { readonly path: string; readonly range: string | undefined }[];
  behaviour: Behaviour;
  close(): Promise<void>;
};

export const version = '4.3.1';

/** A mirror in Apache's layout with one archive, which can misbehave. */
export async function startMirror(archive: Buffer): Promise<Mirror> {
  const requests: Mirror['requests'] = [];
  const sum = createHash('sha512').update(archive).digest('hex').toUpperCase();
  const groups = sum.match(/.{8}/g)?.join(' ') ?? '';
  const name = `/${version}/kafka_2.13-${version}.tgz`;
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://mirror').pathname;
    requests.push({ path, range: request.headers.range });
    if (mirror.behaviour === 'hang') return;
    if (path === `${name}.sha512`) {
      response.end(`kafka_2.13-${version}.tgz: ${groups.slice(0, 71)}\n ${groups.slice(72)}\n`);
    } else if (path === name) {
      answer(mirror.behaviour, archive, request, response);
    } else {
      response.writeHead(404).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const mirror: Mirror = {
    url: `http://127.0.0.1:${port}`,
    requests,
    behaviour: 'serve',
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return mirror;
}

function answer(behaviour: Behaviour, archive: Buffer, request: IncomingMessage, response: ServerResponse) {
  if (behaviour === 'server-error') {
    response.writeHead(503).end();
    return;
  }
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const ranged = from > 0 && behaviour !== 'ignore-range';
  if (ranged && from >= archive.length) {
    response.writeHead(416, { 'content-range': `bytes */${archive.length}` }).end();
    return;
  }
  const body = Buffer.from(archive.subarray(ranged ? from : 0));
  if (behaviour === 'corrupt') body.writeUInt8((body.readUInt8(body.length - 1) + 1) % 256, body.length - 1);
  response.writeHead(ranged ? 206 : 200, {
    'content-length': body.length,
    ...(ranged ? { 'content-range': `bytes ${from}-${archive.length - 1}/${archive.length}` } : {}),
  });
  if (behaviour === 'cut' || behaviour === 'stall') {
    // Half of what is left, then the connection breaks (or goes silent).
    response.write(body.subarray(0, Math.ceil(body.length / 2)), () => {
      if (behaviour === 'cut') response.destroy();
    });
  } else {
    response.end(body);
  }
}

/** A tiny archive with Kafka's layout; returns its bytes. */
export async function makeArchive(folder: string, seed = 1): Promise<Buffer> {
  const jar = join(folder, `seed-${seed}.jar`);
  const content = Buffer.alloc(200_000);
  for (let at = 0; at < content.length; at++) content[at] = (at * 31 * seed) % 251;
  await writeFile(jar, content);
  const path = join(folder, `archive-${seed}.tgz`);
  await writeArchive(path, [
    { name: `kafka_2.13-${version}/libs/kafka-clients-${version}.jar`, path: jar },
    { name: `kafka_2.13-${version}/libs/kafka_2.13-${version}.jar`, path: jar },
  ]);
  return readFile(path);
}
