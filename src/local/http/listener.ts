import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { UnavailableError } from '../../model/errors.ts';
import type { Logger } from '../../sys/logger.ts';
import { refusal, sendReply } from './exchange.ts';

/** Loopback only: there is no authentication on the Mesos APIs. */
export const listenAddress = '127.0.0.1';

export type Listener = {
  readonly port: number;
  /** Refuses new connections and breaks the open ones, as the end of a process does. */
  close(): Promise<void>;
};

export type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> | void;

/** Throws UnavailableError `KM_UNAVAILABLE_PORT`. `port` 0 takes a free one. */
export async function listen(port: number, handle: Handler, logger: Logger): Promise<Listener> {
  const server = createServer((request, response) => {
    serve(request, response, handle).catch((error: unknown) => {
      logger.error('request failed', { method: request.method, reason: String(error) });
      if (response.headersSent) response.destroy();
      else sendReply(response, refusal(500, 'Internal error; see the log of the embedded Mesos'));
    });
  });
  // Mesos closes no idle connection; a client that keeps one for its calls must not lose it between two.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new UnavailableError(
          'KM_UNAVAILABLE_PORT',
          `Port ${port} of ${listenAddress} cannot be listened on.`,
          {
            cause,
            remedy: 'Another process has it; stop that one, or choose another port.',
          },
        ),
      ),
    );
    server.listen(port, listenAddress, resolve);
  });
  server.on('error', (error) => logger.error('listener failed', { reason: String(error) }));
  return { port: portOf(server), close: () => closeServer(server) };
}

async function serve(request: IncomingMessage, response: ServerResponse, handle: Handler): Promise<void> {
  // Without this, a client that goes away in the middle of an answer would end the process.
  response.on('error', () => {});
  if (!isLoopbackHost(request.headers.host)) {
    // A page in a browser may have its name resolve to 127.0.0.1 and then talk to us.
    return sendReply(response, refusal(403, 'The embedded Mesos answers on loopback names only'));
  }
  const url = URL.parse(`http://${listenAddress}${request.url ?? '/'}`);
  if (!url) return sendReply(response, refusal(400, 'The request target cannot be read'));
  if (url.pathname.length > 1) url.pathname = url.pathname.replace(/\/+$/, '');
  await handle(request, response, url);
}

function isLoopbackHost(host: string | undefined): boolean {
  return host === undefined || /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(host);
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
