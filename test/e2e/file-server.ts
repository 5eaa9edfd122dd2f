/** A plain file server with ranges, as a mirror is, which can be told to hold, to break off and to give something else. */
import { once } from 'node:events';
import { createReadStream, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export type FileServer = {
  /** Without a slash at the end. */
  readonly url: string;
  readonly requests: { readonly path: string; readonly range: string | undefined }[];
  /** No answer begins before it resolves. */
  hold: Promise<unknown>;
  /** Bytes after which the connection is cut, by the end of a path; each holds once. */
  readonly cuts: Map<string, number>;
  /** A file to send in place of another, by the end of a path. */
  readonly replaced: Map<string, string>;
  close(): Promise<void>;
};

export async function startFileServer(folder: string): Promise<FileServer> {
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const files: FileServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    hold: Promise.resolve(),
    cuts: new Map(),
    replaced: new Map(),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url ?? '', files.url).pathname);
    const { range } = request.headers;
    files.requests.push({ path, range });
    await files.hold;
    const ending = (of: ReadonlyMap<string, unknown>) =>
      [...of.keys()].find((one) => path.endsWith(one)) ?? '';
    const file = files.replaced.get(ending(files.replaced)) ?? join(folder, path);
    const size = statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) {
      response.writeHead(404).end();
      return;
    }
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': size - start,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${size - 1}/${size}` } : {}),
    });
    const cutAt = files.cuts.get(ending(files.cuts));
    if (cutAt === undefined) {
      createReadStream(file, { start }).pipe(response);
      return;
    }
    files.cuts.delete(ending(files.cuts));
    const part = createReadStream(file, { start, end: start + cutAt - 1 });
    part.on('data', (chunk) => response.write(chunk));
    // What was written is on its way by then.
    part.on('end', () => response.write('', () => response.destroy()));
  }
  return files;
}
