import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { constants, createWriteStream } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { CommandUri } from '../../mesos/types.ts';
import { KafkaMesosError, UnavailableError } from '../../model/errors.ts';

/*
 * The fetcher, by the rules of Mesos' own (docs/fetcher.md, src/launcher/fetcher.cpp): http, https, file and
 * absolute paths; the file is named by the URI's last path component or `output_file`; `executable` sets the
 * mode and excludes extraction; archives are known by their extension, and one that was downloaded without
 * `cache` stays beside its contents. The cache is never revalidated: URIs have to be versioned.
 */

export type FetchOptions = {
  readonly sandbox: string;
  /** Shared by the agents; what lies there stays until it is deleted. */
  readonly cacheDirectory: string;
  readonly signal: AbortSignal;
  /** No byte for this long ends a download. Default 1 min, as Mesos. */
  readonly stallTimeoutMs?: number;
};

/** Throws UnavailableError `KM_UNAVAILABLE_FETCH`, whose message names the URI and the reason. */
export async function fetchUri(uri: CommandUri, options: FetchOptions): Promise<void> {
  try {
    const name = uri.output_file ?? baseName(uri.value);
    const target = path.resolve(options.sandbox, name);
    if (!target.startsWith(options.sandbox + path.sep)) {
      throw failed(`its file name ${JSON.stringify(name)} leaves the sandbox`);
    }
    await mkdir(path.dirname(target), { recursive: true });
    const extract = uri.executable !== true && uri.extract !== false && extractorOf(target) !== undefined;
    if (uri.cache === true) {
      const cached = await fetchCached(uri.value, options);
      if (extract) return await extractArchive(cached, target, options);
      // A copy on write where the file system can; the cached file must not change with the sandbox's.
      await copyFile(cached, target, constants.COPYFILE_FICLONE);
    } else {
      await copyToFile(uri.value, target, options);
      if (extract) return await extractArchive(target, target, options);
    }
    if (uri.executable === true) await chmod(target, 0o755);
  } catch (error) {
    throw failed(reasonOf(error), uri.value, error);
  }
}

/** Twice what a Mesos agent keeps, for four agents. */
const maxCacheBytes = 4 * 1024 ** 3;
const spareCacheMs = 60 * 60_000;

/** Downloads in progress by cache file, so that four agents starting at once fetch a bundle once. */
const inProgress = new Map<string, Promise<void>>();

async function fetchCached(uri: string, options: FetchOptions): Promise<string> {
  const digest = createHash('sha256').update(uri).digest('hex');
  const cached = path.join(options.cacheDirectory, digest);
  if (await markUsed(cached)) return cached;
  let download = inProgress.get(cached);
  if (!download) {
    download = downloadToCache(uri, cached, options).finally(() => inProgress.delete(cached));
    inProgress.set(cached, download);
  }
  await Promise.race([download, aborted(options.signal)]);
  return cached;
}

async function downloadToCache(uri: string, cached: string, options: FetchOptions): Promise<void> {
  await mkdir(path.dirname(cached), { recursive: true });
  const partial = `${cached}.${randomUUID()}.part`;
  try {
    // Others may wait for the same download: the end of one container does not stop it.
    await copyToFile(uri, partial, { ...options, signal: new AbortController().signal });
    await rename(partial, cached);
    await collectCache(path.dirname(cached));
  } finally {
    await rm(partial, { force: true });
  }
}

async function copyToFile(uri: string, target: string, options: FetchOptions): Promise<void> {
  if (/^https?:\/\//i.test(uri)) return await download(uri, target, options);
  const source = uri.startsWith('file://') ? fileUriPath(uri) : uri;
  if (!path.isAbsolute(source)) {
    throw failed(
      'it is neither http://, https:// nor file:// and no absolute path (this agent has no frameworks_home)',
    );
  }
  if (!(await stat(source)).isFile()) throw failed('it is not a regular file');
  await copyFile(source, target, constants.COPYFILE_FICLONE);
}

async function download(uri: string, target: string, options: FetchOptions): Promise<void> {
  const stall = new AbortController();
  const stallTimeoutMs = options.stallTimeoutMs ?? 60_000;
  const watch = (): NodeJS.Timeout =>
    setTimeout(() => stall.abort(failed(`no data for ${stallTimeoutMs} ms`)), stallTimeoutMs);
  let timer = watch();
  try {
    const signal = AbortSignal.any([options.signal, stall.signal]);
    const { url, headers } = requestOf(uri);
    const response = await fetch(url, { signal, headers });
    if (!response.ok) throw failed(`the server answered ${response.status}`);
    const body = Readable.fromWeb(response.body ?? new ReadableStream());
    body.on('data', () => {
      clearTimeout(timer);
      timer = watch();
    });
    await pipeline(body, createWriteStream(target), { signal });
  } finally {
    clearTimeout(timer);
  }
}

/** User information in the URI is sent as Basic authentication; fetch() itself refuses it. */
function requestOf(uri: string): { readonly url: string; readonly headers: Record<string, string> } {
  const url = URL.parse(uri);
  if (!url) throw failed('it is no URL');
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (url.username !== '' || url.password !== '') {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
    url.username = '';
    url.password = '';
  }
  return { url: url.href, headers };
}

type Extractor = (archive: string) => { readonly command: string; readonly args: readonly string[] };

/** By extension, as Mesos: the file name decides, not the content. */
function extractorOf(name: string): Extractor | undefined {
  if (/\.(tar|tar\.gz|tgz|tar\.bz2|tbz2|tar\.xz|txz)$/.test(name)) {
    return (archive) => ({ command: 'tar', args: ['-xf', archive] });
  }
  if (name.endsWith('.zip')) {
    return (archive) => ({ command: 'unzip', args: ['-o', '-q', archive] });
  }
  return undefined;
}

/** `archive` may be named by its digest in the cache; `named` has the name that tells its kind. */
async function extractArchive(archive: string, named: string, options: FetchOptions): Promise<void> {
  const extractor = extractorOf(named);
  if (!extractor) return;
  const { command, args } = extractor(archive);
  await new Promise<void>((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: path.dirname(named),
      stdio: ['ignore', 'ignore', 'pipe'],
      signal: options.signal,
    });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-500);
    });
    child.on('error', (error) =>
      reject(failed(`it cannot be extracted: ${command} did not start (${reasonOf(error)})`)),
    );
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(failed(`${command} ended with ${code}: ${complaint.trim()}`)),
    );
  });
}

function baseName(uri: string): string {
  const name = path.posix.basename(uri.replace(/^[a-z]+:\/\/[^/]*/i, ''));
  if (name === '' || name === '.' || name === '..') throw failed('it names no file');
  return name;
}

function fileUriPath(uri: string): string {
  // Mesos takes what follows as it is; percent-encoding is only undone where it parses as a URL.
  try {
    return fileURLToPath(uri);
  } catch {
    return uri.replace(/^file:\/\/(localhost)?/, '');
  }
}

/** Whether the cache has it. */
async function markUsed(cached: string): Promise<boolean> {
  const now = new Date();
  return utimes(cached, now, now).then(
    () => true,
    () => false,
  );
}

/** Deletes what was not used for longest while the cache is too large, sparing what is just being copied. */
async function collectCache(directory: string): Promise<void> {
  const files = await Promise.all(
    (await readdir(directory)).map(async (name) => {
      const file = path.join(directory, name);
      const facts = await stat(file).catch(() => undefined);
      return { file, size: facts?.size ?? 0, usedMs: facts?.mtimeMs ?? 0 };
    }),
  );
  files.sort((one, other) => other.usedMs - one.usedMs);
  const newestMs = files[0]?.usedMs ?? 0;
  let total = 0;
  for (const { file, size, usedMs } of files) {
    total += size;
    if (total > maxCacheBytes && newestMs - usedMs > spareCacheMs) await rm(file, { force: true });
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function failed(reason: string, uri?: string, cause?: unknown): UnavailableError {
  const message = uri === undefined ? reason : `Failed to fetch ${withoutSecrets(uri)}: ${reason}`;
  return new UnavailableError('KM_UNAVAILABLE_FETCH', message, { cause });
}

/** User information and queries may be credentials. */
function withoutSecrets(uri: string): string {
  return uri.replace(/:\/\/[^/@]*@/, '://').replace(/\?.*$/, '?…');
}

function reasonOf(error: unknown): string {
  if (error instanceof KafkaMesosError) return error.message;
  if (!(error instanceof Error)) return String(error);
  // fetch() says "fetch failed" and hides why in the cause.
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}
