/** The other side of `watch.ts`: server-sent events (WHATWG HTML, 9.2), as far as that writes them. */
import type { IncomingMessage } from 'node:http';
import type { ClusterStatus, EventPage, SchedulerStatus } from '../model/api.ts';
import { ProtocolError } from '../model/errors.ts';
import type { ApiClientOptions } from './client.ts';
import { brokenOff, errorFrom, late, readJson, unreachable } from './client-errors.ts';

/** Absent: all clusters. */
export type WatchQuery = { readonly clusterName?: string };

export type WatchMessage =
  | { readonly event: 'scheduler'; readonly data: SchedulerStatus }
  | { readonly event: 'cluster'; readonly data: ClusterStatus }
  | { readonly event: 'removed'; readonly data: { readonly name: string } }
  | { readonly event: 'event'; readonly data: EventPage['events'][number] }
  /** The state is not known just now; `data` is an `ErrorAnswer`. */
  | { readonly event: 'unavailable'; readonly data: unknown }
  /** Everything as it is was told; what follows are changes. */
  | { readonly event: 'synced'; readonly data: unknown };

/** A comment comes every 15 s: longer silence is that of a connection whose other end is gone. */
const silenceMs = 25_000;
/** The statuses of a thousand brokers take a few MiB; what goes on without an end is no message. */
const maxMessageChars = 256 * 1024 * 1024;

/** Messages that came together are given together; none at all where only a sign of life came. */
export async function openWatch(
  options: ApiClientOptions,
  { clusterName }: WatchQuery,
  signal: AbortSignal,
  quietMs = silenceMs,
): Promise<AsyncIterable<readonly WatchMessage[]>> {
  const query = clusterName === undefined ? '' : `?${new URLSearchParams({ cluster: clusterName })}`;
  const incoming = await connect(options, `/v1/watch${query}`, signal, quietMs);
  const { statusCode = 0, headers } = incoming;
  if (statusCode !== 200) {
    incoming.setEncoding('utf8');
    let text = '';
    for await (const part of incoming) text += part;
    throw errorFrom(statusCode, readJson(text, options.url), options.url) ?? noWatch(options.url);
  }
  if (!headers['content-type']?.startsWith('text/event-stream')) {
    incoming.destroy();
    throw noWatch(options.url);
  }
  return messages(incoming, options.url, signal);
}

/** An earlier scheduler, or something in between that lets no stream through. */
function noWatch(url: string): ProtocolError {
  return new ProtocolError('KM_PROTOCOL_WATCH', `the scheduler at ${url} has no stream of what changes`, {
    remedy: 'the scheduler is of another version than this command: restart it',
  });
}

function connect(
  { url, token, ca, timeoutMs = 10_000 }: ApiClientOptions,
  path: string,
  signal: AbortSignal,
  quietMs: number,
): Promise<IncomingMessage> {
  const { request } = process.getBuiltinModule(url.startsWith('https:') ? 'node:https' : 'node:http');
  return new Promise((resolve, reject) => {
    let isLate = false;
    const outgoing = request(
      `${url}${path}`,
      {
        headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
        agent: false,
        ...(ca === undefined ? {} : { ca }),
        signal,
      },
      (incoming) => {
        clearTimeout(timer);
        // Its fate is that of the socket, which is heard of by whoever reads.
        outgoing.setTimeout(quietMs, () => incoming.destroy());
        resolve(incoming);
      },
    );
    const timer = setTimeout(() => {
      isLate = true;
      outgoing.destroy();
    }, timeoutMs);
    outgoing.on('error', (error) => {
      clearTimeout(timer);
      reject(isLate ? late(error, url, timeoutMs) : unreachable(error, url));
    });
    outgoing.end();
  });
}

async function* messages(
  incoming: IncomingMessage,
  url: string,
  signal: AbortSignal,
): AsyncGenerator<readonly WatchMessage[]> {
  incoming.setEncoding('utf8');
  let cause = new Error('the stream ended');
  let parts: string[] = [];
  let length = 0;
  try {
    for await (const part of incoming as AsyncIterable<string>) {
      parts.push(part);
      length += part.length;
      // What ends a message may be split between two parts.
      if (length > maxMessageChars) throw new Error('a message without an end');
      if (!part.includes('\n')) continue;
      const whole = parts.join('').split('\n\n');
      const rest = whole.pop() ?? '';
      parts = [rest];
      length = rest.length;
      yield whole.flatMap((text) => parseMessage(text, url));
    }
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    cause = error as Error;
  } finally {
    incoming.destroy();
  }
  signal.throwIfAborted();
  throw brokenOff(cause, url);
}

const known: ReadonlySet<string> = new Set<WatchMessage['event']>([
  'scheduler',
  'cluster',
  'removed',
  'event',
  'unavailable',
  'synced',
]);

/** One at most: comments are none, and what a later release tells is passed over. */
function parseMessage(text: string, url: string): readonly WatchMessage[] {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(': ');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2));
  }
  const event = fields.get('event');
  const data = fields.get('data');
  if (event === undefined || data === undefined || !known.has(event)) return [];
  return [{ event, data: readJson(data, url) } as WatchMessage];
}
