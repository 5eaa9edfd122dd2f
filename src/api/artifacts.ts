import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import type { Logger } from '../sys/logger.ts';
import { type ListenAddress, urlOf } from './listen-address.ts';
import { parseRange } from './range.ts';

export type ArtifactServer = {
  /** `http://127.0.0.1:41235`: what `register` builds on unless it was given another base. */
  readonly url: string;
  /** Lets agents fetch this file; idempotent. Returns its URI. */
  register(file: ArtifactFile): string;
  close(): Promise<void>;
};

export type ArtifactFile = {
  readonly path: string;
  /** Lower-case hex of the content; agents check it, this server does not. */
  readonly sha512: string;
};

export type ArtifactServerOptions = {
  /** Loopback unless the operator says otherwise: agents on other machines must reach it. */
  readonly listen: ListenAddress;
  /**
   * What URIs begin with, when agents reach this server by another name than it listens on, or a mirror.
   * `file:` alone: agents see the disk of this machine and take the files where they lie.
   */
  readonly urlBase?: string;
  readonly logger: Logger;
  /** How long a connection may take and send nothing. */
  readonly idleTimeoutMs?: number;
  /** After each answer, whole or broken off; `bytes` with its headers. */
  readonly observe?: (served: { readonly status: number; readonly bytes: number }) => void;
};

/**
 * The read-only listener that agents fetch from, apart from the API: no token, no writes, and only
 * files registered by digest, at `/artifacts/<sha512>/<file name>`. The digest alone selects the
 * file; the name is there for Mesos' fetcher, which takes it for the name on the agent.
 */
export async function startArtifactServer(options: ArtifactServerOptions): Promise<ArtifactServer> {
  const files = new Map<string, string>();
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    const { socket } = request;
    const before = socket.bytesWritten;
    response.once('close', () =>
      options.observe?.({ status: response.statusCode, bytes: socket.bytesWritten - before }),
    );
    serve(files, request, response).catch((error: unknown) => {
      // The agent went away or the disk failed under us; its fetcher tries again or says so.
      options.logger.warn('artifact not served', { url: request.url, error: String(error) });
      if (!response.headersSent) answer(response, 500);
      response.destroy();
    });
  });
  server.maxConnections = 512;
  // Who asks and does not read would keep connection and file, and has no token to be known by.
  server.setTimeout(options.idleTimeoutMs ?? 120_000);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.listen.port, options.listen.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  const url = urlOf({ host: options.listen.host, port });
  const { urlBase = url } = options;
  return {
    url,
    register({ path, sha512 }) {
      if (!/^[0-9a-f]{128}$/.test(sha512)) throw new RangeError('not a lower-case hex sha512');
      files.set(sha512, path);
      return urlBase === inPlace
        ? pathToFileURL(path).href
        : `${urlBase.replace(/\/+$/, '')}/${artifactPath({ path, sha512 })}`;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The `urlBase` for agents on this machine. */
export const inPlace = 'file:';

/** Where a mirror has a file, below its base: the layout of our own listener. */
export function artifactPath({ path, sha512 }: ArtifactFile): string {
  return `artifacts/${sha512}/${encodeURIComponent(basename(path))}`;
}

/** Lower-case hex sha512 of a file's content, read in pieces. */
export async function sha512OfFile(path: string): Promise<string> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(path, { highWaterMark: chunkBytes }), hash);
  return hash.digest('hex');
}

/** Fewer and larger pieces cost the process that also runs the loop less. */
const chunkBytes = 2 ** 20;

async function serve(
  files: ReadonlyMap<string, string>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return answer(response, 405, { allow: 'GET, HEAD' });
  }
  const sha512 = /^\/artifacts\/([0-9a-f]{128})\/[^/?#]{1,255}$/.exec(request.url ?? '')?.[1];
  const path = sha512 === undefined ? undefined : files.get(sha512);
  const file = path === undefined ? undefined : await openRegularFile(path);
  if (file === undefined) return answer(response, 404);
  try {
    await send(file, `"${sha512}"`, request, response);
  } finally {
    await file.handle.close();
  }
}

async function send(
  file: { readonly handle: FileHandle; readonly sizeBytes: number },
  etag: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const ifRange = request.headers['if-range'];
  const range =
    ifRange === undefined || ifRange === etag
      ? parseRange(request.headers.range, file.sizeBytes)
      : ({ kind: 'whole' } as const);
  const headers = { 'accept-ranges': 'bytes', etag, 'content-type': 'application/octet-stream' };
  if (range.kind === 'unsatisfiable') {
    return answer(response, 416, { ...headers, 'content-range': `bytes */${file.sizeBytes}` });
  }
  const { start, end } = range.kind === 'part' ? range : { start: 0, end: file.sizeBytes - 1 };
  response.writeHead(range.kind === 'part' ? 206 : 200, {
    ...headers,
    'content-length': end - start + 1,
    ...(range.kind === 'part' ? { 'content-range': `bytes ${start}-${end}/${file.sizeBytes}` } : {}),
  });
  if (request.method === 'HEAD' || end < start) {
    response.end();
    return;
  }
  await pipeline(
    file.handle.createReadStream({ start, end, autoClose: false, highWaterMark: chunkBytes }),
    response,
  );
}

/** Undefined when it is gone since it was registered, or is no file. */
async function openRegularFile(path: string) {
  const handle = await open(path).catch(() => undefined);
  if (handle === undefined) return undefined;
  const stats = await handle.stat();
  if (stats.isFile()) return { handle, sizeBytes: stats.size };
  await handle.close();
  return undefined;
}

function answer(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { ...headers, 'content-length': 0 }).end();
}
