import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Artifact } from '../model/launch.ts';
import type { Clock } from '../sys/clock.ts';
import { BrokerFailure, errorText, Stopped, throwIfStopped } from './failure.ts';
import { untilStopped, waitUpTo } from './wait.ts';

export type FetchProgress = (progress: { doneBytes: number; totalBytes: number }) => void;

/** Takes an artifact as it arrives, before its digest is known: nothing of it may be used until then. */
export type ArtifactSink = {
  /** The next bytes. Throws nothing: what the sink dislikes it tells when all is there. */
  write(chunk: Uint8Array): void;
  /** Forgets what came so far; the artifact comes again from its first byte. */
  restart(): Promise<void>;
};

export type FetchOptions = {
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
/** Of a file; fewer and larger pieces cost less of the processor that the brokers start on. */
const chunkBytes = 2 ** 20;

/**
 * Passes an artifact to `sink` and checks its sha512 while it streams: bytes go over the disk once, and
 * what unpacks them works while the rest is still on its way. A transfer that breaks is continued where
 * it broke.
 *
 * Resolves when the sink has all bytes and they are the right ones.
 * @throws BrokerFailure `fetch-failed` or `digest-mismatch`; Stopped when the signal fires.
 */
export async function fetchArtifact(
  artifact: Artifact,
  sink: ArtifactSink,
  options: FetchOptions,
): Promise<void> {
  const attempts = options.attempts ?? 8;
  const transfer = await beginTransfer(sink);
  let resumed = false;
  for (let failures = 0; ; ) {
    throwIfStopped(options.signal);
    const before = transfer.doneBytes();
    resumed ||= before > 0;
    try {
      await continueTransfer(transfer, artifact.uri, options);
      const digest = transfer.digest();
      if (digest === artifact.sha512) return;
      if (!resumed) throw mismatch(artifact, digest);
      // What was continued may have been another release behind the same URI: once more from the start.
      await transfer.restart();
      resumed = false;
    } catch (error) {
      if (options.signal.aborted) throw new Stopped();
      if (error instanceof BrokerFailure) throw error;
      failures = transfer.doneBytes() > before ? 1 : failures + 1;
      if (failures >= attempts) throw failed(artifact.uri, error);
      await delayOrStop(options, Math.min(15_000, 500 * 2 ** failures));
    }
  }
}

type Transfer = {
  doneBytes(): number;
  add(chunk: Uint8Array): void;
  /** Of all that was added since the last start. */
  digest(): string;
  restart(): Promise<void>;
};

async function beginTransfer(sink: ArtifactSink): Promise<Transfer> {
  let hash = createHash('sha512');
  let doneBytes = 0;
  await sink.restart();
  return {
    doneBytes: () => doneBytes,
    add(chunk) {
      hash.update(chunk);
      doneBytes += chunk.byteLength;
      sink.write(chunk);
    },
    digest: () => hash.copy().digest('hex'),
    async restart() {
      hash = createHash('sha512');
      doneBytes = 0;
      await sink.restart();
    },
  };
}

async function continueTransfer(transfer: Transfer, uri: string, options: FetchOptions): Promise<void> {
  const { body, startBytes, totalBytes, end } = await openSource(uri, transfer.doneBytes(), options);
  try {
    // The server does not continue: the transfer starts over.
    if (startBytes !== transfer.doneBytes()) await transfer.restart();
    for await (const chunk of body) {
      throwIfStopped(options.signal);
      if (transfer.doneBytes() + chunk.byteLength > maxBytes) {
        throw failed(uri, new Error('it is larger than 4 GiB'));
      }
      transfer.add(chunk);
      const doneBytes = transfer.doneBytes();
      options.onProgress({ doneBytes, totalBytes: Math.max(totalBytes, doneBytes) });
    }
  } finally {
    end();
  }
  const doneBytes = transfer.doneBytes();
  if (doneBytes < totalBytes) throw new Error(`it ended after ${doneBytes} of ${totalBytes} bytes`);
}

type Source = {
  readonly body: AsyncIterable<Uint8Array>;
  /** Where `body` begins: where the transfer broke, or 0. */
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
    const stream = createReadStream(path, {
      start: startBytes,
      highWaterMark: chunkBytes,
      signal: options.signal,
    });
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
      // All is here already, or the file is shorter than that: the digest tells.
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
