import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Artifact } from '../model/launch.ts';
import type { Clock } from '../sys/clock.ts';
import { BrokerFailure, errorText, Stopped, systemCode, throwIfStopped } from './failure.ts';
import { untilStopped, waitUpTo } from './wait.ts';

export type FetchProgress = (progress: { doneBytes: number; totalBytes: number }) => void;

export type FetchOptions = {
  /** Where the unfinished and the finished file live; its name follows from the digest. */
  readonly folder: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: FetchProgress;
  /** Tries without a single new byte in a row before it is given up. */
  readonly attempts?: number;
  /** A connection that is silent for this long is dropped and tried again. */
  readonly idleMs?: number;
};

/** Larger than any Kafka or JRE; keeps a wrong URI from filling the disk. */
const maxBytes = 4 * 2 ** 30;

/**
 * Gets an artifact into `folder` and checks its sha512 while it streams. Interrupted downloads are
 * continued, by this call or a later one, since the partial file is named by the digest.
 *
 * @returns the path of the complete, checked file.
 * @throws BrokerFailure `fetch-failed` or `digest-mismatch`; Stopped when the signal fires.
 */
export async function fetchArtifact(artifact: Artifact, options: FetchOptions): Promise<string> {
  await mkdir(options.folder, { recursive: true });
  const path = join(options.folder, `${artifact.sha512.slice(0, 32)}.part`);
  const attempts = options.attempts ?? 8;
  let resumed = false;
  for (let failures = 0; ; ) {
    throwIfStopped(options.signal);
    const before = await sizeOf(path);
    resumed ||= before > 0;
    try {
      const digest = await continueInto(path, artifact.uri, options);
      if (digest === artifact.sha512) return path;
      await rm(path, { force: true });
      if (!resumed) throw mismatch(artifact, digest);
      // What was continued may have been another release behind the same URI: once more from the start.
      resumed = false;
    } catch (error) {
      if (options.signal.aborted) throw new Stopped();
      if (error instanceof BrokerFailure) throw error;
      failures = (await sizeOf(path)) > before ? 1 : failures + 1;
      if (failures >= attempts) throw failed(artifact.uri, error);
      await delayOrStop(options, Math.min(15_000, 500 * 2 ** failures));
    }
  }
}

async function continueInto(path: string, uri: string, options: FetchOptions): Promise<string> {
  let hash = createHash('sha512');
  let doneBytes = await hashFile(path, hash, options.signal);
  const { body, startBytes, totalBytes, end } = await openSource(uri, doneBytes, options);
  if (startBytes !== doneBytes) {
    // The server does not continue: the file starts over.
    await rm(path, { force: true });
    hash = createHash('sha512');
    doneBytes = startBytes;
  }
  const file = await open(path, 'a', 0o644);
  try {
    for await (const chunk of body) {
      throwIfStopped(options.signal);
      doneBytes += chunk.byteLength;
      if (doneBytes > maxBytes) throw failed(uri, new Error('it is larger than 4 GiB'));
      hash.update(chunk);
      await file.writeFile(chunk);
      options.onProgress({ doneBytes, totalBytes: Math.max(totalBytes, doneBytes) });
    }
    await file.sync();
  } finally {
    end();
    await file.close();
  }
  if (doneBytes < totalBytes) throw new Error(`it ended after ${doneBytes} of ${totalBytes} bytes`);
  return hash.digest('hex');
}

type Source = {
  readonly body: AsyncIterable<Uint8Array>;
  /** Where `body` begins: where the file ended, or 0. */
  readonly startBytes: number;
  readonly totalBytes: number;
  end(): void;
};

async function openSource(uri: string, fromBytes: number, options: FetchOptions): Promise<Source> {
  if (/^https?:\/\//i.test(uri)) return openHttp(uri, fromBytes, options);
  const path = localPath(uri);
  try {
    const { size } = await stat(path);
    const startBytes = fromBytes <= size ? fromBytes : 0;
    const stream = createReadStream(path, { start: startBytes, signal: options.signal });
    return { body: stream, startBytes, totalBytes: size, end: () => stream.destroy() };
  } catch (error) {
    throw failed(uri, error);
  }
}

function localPath(uri: string): string {
  if (uri.startsWith('/')) return uri;
  if (/^file:\/\//i.test(uri)) return fileURLToPath(uri);
  throw new BrokerFailure(
    'fetch-failed',
    `${withoutSecrets(uri)} is neither http(s), file:// nor an absolute path`,
  );
}

async function openHttp(uri: string, fromBytes: number, options: FetchOptions): Promise<Source> {
  const silence = new AbortController();
  const idleMs = options.idleMs ?? 30_000;
  const watch = () =>
    options.clock.setTimer(idleMs, () => silence.abort(new Error(`no bytes for ${idleMs / 1000} s`)));
  let timer = watch();
  const end = () => timer.cancel();
  // fetch refuses a URI with a user in it, and quotes it in full.
  const url = new URL(uri);
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  try {
    const response = await fetch(url, {
      headers: {
        'user-agent': 'kafka-mesos',
        ...(user === ':' ? {} : { authorization: `Basic ${Buffer.from(user).toString('base64')}` }),
        ...(fromBytes > 0 ? { range: `bytes=${fromBytes}-` } : {}),
      },
      signal: AbortSignal.any([options.signal, silence.signal]),
    });
    const length = Number(response.headers.get('content-length') ?? 0);
    if (response.status === 416 && fromBytes > 0) {
      // The file is complete already, or shorter than ours: the digest tells.
      const total = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
      await response.body?.cancel();
      if (total !== undefined && Number(total) === fromBytes) {
        return { body: Readable.from([]), startBytes: fromBytes, totalBytes: fromBytes, end };
      }
      end();
      return openHttp(uri, 0, options);
    }
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      const refusal = new Error(`HTTP ${response.status}`);
      const forGood =
        response.status >= 400 && response.status < 500 && ![408, 425, 429].includes(response.status);
      throw forGood ? failed(uri, refusal) : refusal;
    }
    const startBytes = response.status === 206 ? fromBytes : 0;
    const range = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
    if (response.status === 206 && Number(range) !== fromBytes) throw new Error(`it continues at ${range}`);
    async function* watched(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
      for await (const chunk of chunks) {
        timer.cancel();
        timer = watch();
        yield chunk;
      }
    }
    return {
      body: watched(response.body),
      startBytes,
      totalBytes: length === 0 ? 0 : startBytes + length,
      end,
    };
  } catch (error) {
    end();
    throw error;
  }
}

async function hashFile(path: string, hash: Hash, signal: AbortSignal): Promise<number> {
  const bytes = await sizeOf(path);
  if (bytes === 0) return 0;
  for await (const chunk of createReadStream(path, { end: bytes - 1, signal }))
    hash.update(chunk as Uint8Array);
  return bytes;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw error;
  }
}

async function delayOrStop({ clock, signal }: FetchOptions, delayMs: number): Promise<void> {
  await waitUpTo(clock, delayMs, untilStopped(signal));
  throwIfStopped(signal);
}

function failed(uri: string, cause: unknown): BrokerFailure {
  return new BrokerFailure(
    'fetch-failed',
    `${withoutSecrets(uri)} could not be fetched: ${errorText(cause)}`,
    {
      cause,
      remedy: 'Check that this agent reaches the address, or serve the archive from a place that it reaches.',
    },
  );
}

function mismatch(artifact: Artifact, digest: string): BrokerFailure {
  return new BrokerFailure(
    'digest-mismatch',
    `${withoutSecrets(artifact.uri)} has sha512 ${digest.slice(0, 16)}…, expected ${artifact.sha512.slice(0, 16)}…; nothing of it was used`,
    { remedy: 'Compare the sha512 in the spec with the one published for this archive.' },
  );
}

/** A URI may carry a user, a password or a signed query: none of them belongs into a report. */
export function withoutSecrets(uri: string): string {
  return uri.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1').replace(/\?.*$/s, '');
}
