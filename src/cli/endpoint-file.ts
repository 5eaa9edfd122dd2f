import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { findProcess } from '../local/runner/process-table.ts';

/** Where a background process listens and which process it is; the content of a small file. */
export type Endpoint = { readonly url: string; readonly pid: number; readonly startTime: string };

/** Tells others where this process listens. To be called once it does. */
export async function publishEndpoint(path: string, url: string): Promise<void> {
  const self = await findProcess(process.pid);
  const endpoint: Endpoint = { url, pid: process.pid, startTime: self?.startTime ?? '' };
  const temporary = `${path}.${process.pid}`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(temporary, `${JSON.stringify(endpoint)}\n`, { mode: 0o600 });
  await rename(temporary, path);
}

/** Takes back what this process said, unless another has said something since. */
export async function retractEndpoint(path: string): Promise<void> {
  if ((await readEndpoint(path))?.pid === process.pid) await rm(path, { force: true });
}

/** Undefined when the process that wrote it does not run, whatever a dead one left behind. */
export async function findEndpoint(path: string): Promise<Endpoint | undefined> {
  const endpoint = await readEndpoint(path);
  if (endpoint === undefined) return undefined;
  return (await findProcess(endpoint.pid))?.startTime === endpoint.startTime ? endpoint : undefined;
}

/**
 * The token in a file for its owner only, made at the first call. Two processes that call at once get
 * the same one: the file appears whole or not at all, and only one can be the first.
 */
export async function ensureTokenFile(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // Made by an earlier run; whoever copied it may have widened its permissions.
    await chmod(path, 0o600);
  } finally {
    await rm(temporary, { force: true });
  }
  return (await readTokenFile(path)) ?? '';
}

/** Undefined when there is no such file. */
export async function readTokenFile(path: string): Promise<string | undefined> {
  return (await readFile(path, 'utf8').catch(absentAsUndefined))?.trim();
}

async function readEndpoint(path: string): Promise<Endpoint | undefined> {
  const text = await readFile(path, 'utf8').catch(absentAsUndefined);
  if (text === undefined) return undefined;
  try {
    const { url, pid, startTime } = JSON.parse(text) as Partial<Endpoint>;
    if (typeof url !== 'string' || !URL.canParse(url)) return undefined;
    if (!Number.isSafeInteger(pid) || typeof startTime !== 'string') return undefined;
    return { url, pid: Number(pid), startTime };
  } catch {
    // Not ours, or not JSON: as good as none.
    return undefined;
  }
}

function absentAsUndefined(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
