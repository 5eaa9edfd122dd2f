/** One POST to a master, headers and body as they are given, each on a connection of its own. */
import http from 'node:http';
import { formatHostPort, type HostPort, parseRedirect } from '../../src/mesos/master-address.ts';
import { basic, type Credentials } from '../../src/mesos/scheduler-http.ts';
import { Failure } from './report.ts';

export type Answer = {
  readonly status: number;
  readonly text: string;
  readonly location?: HostPort | undefined;
};

const timeoutMs = 20_000;

/** Rejects with Failure when there is no answer. */
export function post(options: {
  readonly master: HostPort;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly credentials: Credentials | undefined;
}): Promise<Answer> {
  const { master, path, headers, body, credentials } = options;
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(new Failure(`master ${formatHostPort(master)} cannot be asked: ${error.message}`));
    const request = http.request(
      {
        host: master.host,
        port: master.port,
        method: 'POST',
        path,
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          ...headers,
          'Content-Length': body.length,
          ...(credentials === undefined ? {} : { Authorization: basic(credentials) }),
        },
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', fail);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(parts).toString('utf8'),
            location: parseRedirect(response.headers.location),
          }),
        );
      },
    );
    request.on('error', fail);
    request.end(body);
  });
}
