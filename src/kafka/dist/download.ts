import { open, rm, stat } from 'node:fs/promises';
import { KafkaMesosError, UnavailableError } from '../../model/errors.ts';
import { type Clock, delay } from '../../sys/clock.ts';
import type { Logger } from '../../sys/logger.ts';
import { diskError, releasePart, takePart } from './cache.ts';
import { digestFile, digestMismatch } from './digest.ts';
import type { Meter } from './progress.ts';

export type DownloadLimits = {
  /** Until the headers of an answer are there; short, because an unreachable host decides for Maven. */
  readonly answerTimeoutMs: number;
  /** Without a byte for this long the connection is given up and resumed. */
  readonly idleTimeoutMs: number;
  /** A longer file is refused. */
  readonly maxBytes: number;
  /** Tries in a row that bring nothing. */
  readonly maxStalls: number;
  readonly retryDelayMs: number;
};

export const defaultDownloadLimits: DownloadLimits = {
  answerTimeoutMs: 5_000,
  idleTimeoutMs: 30_000,
  maxBytes: 1 << 30,
  maxStalls: 4,
  retryDelayMs: 500,
};

type DownloadDeps = {
  readonly cacheDir: string;
  /** Partial files are found again under this key. */
  readonly key: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Meter;
  readonly limits: DownloadLimits;
};

/**
 * Downloads into a part file of the cache and returns its path once the digest is right. What is there of
 * an earlier try is gone on with (HTTP Range); if the whole then has the wrong digest the earlier piece
 * may be at fault, so it is downloaded once more from the start.
 *
 * Errors: `UnavailableError` (the part stays for the next call), `ProtocolError` for a wrong digest.
 */
export async function downloadVerified(url: string, sha512: string, deps: DownloadDeps): Promise<string> {
  const part = await takePart(deps.cacheDir, deps.key);
  try {
    const resumed = (await sizeOf(part)) > 0;
    await downloadAll(url, part, deps);
    let found = await digestFile(part, deps.meter);
    if (found !== sha512 && resumed) {
      deps.logger.warn('a resumed download has the wrong digest, starting over', { url: redactUrl(url) });
      await rm(part, { force: true });
      await downloadAll(url, part, deps);
      found = await digestFile(part, deps.meter);
    }
    if (found !== sha512) {
      await rm(part, { force: true });
      throw digestMismatch(redactUrl(url), sha512, found);
    }
    return part;
  } catch (error) {
    await releasePart(deps.cacheDir, deps.key, part);
    if (error instanceof KafkaMesosError) throw error;
    throw diskError(part, error);
  }
}

async function downloadAll(url: string, part: string, deps: DownloadDeps): Promise<void> {
  let stalls = 0;
  for (;;) {
    const before = await sizeOf(part);
    let failure: unknown;
    try {
      if (await downloadSome(url, part, before, deps)) return;
    } catch (error) {
      if (error instanceof UnavailableError || !isNetworkError(error)) throw error;
      failure = error;
    }
    stalls = (await sizeOf(part)) > before ? 0 : stalls + 1;
    if (stalls >= deps.limits.maxStalls) throw unreachableHost(url, failure);
    deps.logger.debug('download interrupted, resuming', { url: redactUrl(url), stalls });
    await delay(deps.clock, deps.limits.retryDelayMs * 2 ** stalls);
  }
}

/** One request. True when the file is complete, false when it is to be gone on with. */
async function downloadSome(url: string, part: string, have: number, deps: DownloadDeps): Promise<boolean> {
  const { limits, clock, meter } = deps;
  const abort = new AbortController();
  let idle = clock.setTimer(limits.answerTimeoutMs, () => abort.abort(new Error('no answer in time')));
  try {
    const response = await fetch(url, {
      signal: abort.signal,
      headers: { 'accept-encoding': 'identity', ...(have > 0 ? { range: `bytes=${have}-` } : {}) },
    });
    const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
    if (response.status === 416) {
      await response.body?.cancel();
      if (Number(range?.[2]) === have) return true;
      await rm(part, { force: true });
      return false;
    }
    if (response.status >= 500 || response.status === 429) {
      await response.body?.cancel();
      return false;
    }
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw refused(url, response.status);
    }
    const resumed = response.status === 206 && have > 0 && Number(range?.[1]) === have;
    if (response.status === 206 && !resumed) {
      await response.body.cancel();
      await rm(part, { force: true });
      return false;
    }
    let doneBytes = resumed ? have : 0;
    const length = response.headers.get('content-length');
    const totalBytes = length === null ? undefined : doneBytes + Number(length);
    const file = await open(part, resumed ? 'a' : 'w');
    try {
      for await (const chunk of response.body) {
        idle.cancel();
        idle = clock.setTimer(limits.idleTimeoutMs, () => abort.abort(new Error('no bytes in time')));
        doneBytes += chunk.length;
        if (doneBytes > limits.maxBytes) {
          throw new UnavailableError(
            'KM_UNAVAILABLE_TOO_LARGE',
            `${redactUrl(url)} is larger than ${limits.maxBytes} bytes`,
            { remedy: 'Check the URI; a Kafka archive has about 130 MB.' },
          );
        }
        await file.writeFile(chunk);
        meter.report('downloading', doneBytes, totalBytes);
      }
      await file.datasync();
    } finally {
      await file.close();
    }
    return totalBytes === undefined || doneBytes >= totalBytes;
  } finally {
    idle.cancel();
    // Ends the connection of a half-read answer; without it an aborted file would hold its socket.
    abort.abort();
  }
}

/** A small text file, at most 64 KiB. */
export async function fetchText(url: string, clock: Clock, limits: DownloadLimits): Promise<string> {
  const abort = new AbortController();
  const timer = clock.setTimer(limits.answerTimeoutMs, () => abort.abort(new Error('no answer in time')));
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw refused(url, response.status);
    }
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of response.body) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > 65_536) break;
    }
    return text.slice(0, 65_536);
  } catch (error) {
    if (error instanceof KafkaMesosError) throw error;
    throw unreachableHost(url, error);
  } finally {
    timer.cancel();
    abort.abort();
  }
}

/** A URL that may be shown: user, password and query can be secrets. */
export function redactUrl(url: string): string {
  if (!URL.canParse(url)) return 'a malformed URI';
  const parsed = new URL(url);
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}

function refused(url: string, status: number): UnavailableError {
  return new UnavailableError('KM_UNAVAILABLE_DOWNLOAD', `${redactUrl(url)} answers ${status}`, {
    remedy: status === 404 ? 'Check that this version exists.' : 'Check the URI and who may read it.',
  });
}

function unreachableHost(url: string, error: unknown): UnavailableError {
  const host = URL.canParse(url) ? new URL(url).host : url;
  return new UnavailableError('KM_UNAVAILABLE_DOWNLOAD', `${host} cannot be reached (${causeOf(error)})`, {
    cause: error,
    remedy: 'Check the network or a proxy; what was downloaded so far is kept and gone on with.',
  });
}

/** `fetch` says "fetch failed" or "terminated" and hides the reason one level down. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the server answers with errors';
  const cause = error.cause;
  if (cause instanceof Error) return (cause as NodeJS.ErrnoException).code ?? cause.message;
  return error.message;
}

function isNetworkError(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    (error instanceof Error && (error.name === 'AbortError' || error.message.endsWith('in time')))
  );
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}
