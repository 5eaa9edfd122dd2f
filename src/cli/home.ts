import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { findProcess } from '../local/runner/process-table.ts';
import type { Home } from './home-layout.ts';

export { type Home, resolveHome } from './home-layout.ts';

/** Where a scheduler listens and which process it is. */
export type RunningApi = { readonly url: string; readonly pid: number; readonly startTime: string };

/** Makes the home and the scheduler's folder, for this user only. */
export async function makeHome(home: Home): Promise<void> {
  await mkdir(home.scheduler, { recursive: true, mode: 0o700 });
}

/**
 * The API's token, made at the first call. Two processes that call at once get the same one: the file
 * appears whole or not at all, and only one can be the first.
 */
export async function ensureToken(home: Home): Promise<string> {
  await makeHome(home);
  const temporary = `${home.tokenFile}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    await link(temporary, home.tokenFile);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // Made by an earlier run; whoever copied it may have widened its permissions.
    await chmod(home.tokenFile, 0o600);
  } finally {
    await rm(temporary, { force: true });
  }
  return (await readToken(home.tokenFile)) ?? '';
}

/** Undefined when there is no such file. */
export async function readToken(path: string): Promise<string | undefined> {
  return (await readFile(path, 'utf8').catch(absentAsUndefined))?.trim();
}

/** Tells clients where this process serves the API. To be called once it listens. */
export async function publishApi(home: Home, url: string): Promise<void> {
  await makeHome(home);
  const self = await findProcess(process.pid);
  const api: RunningApi = { url, pid: process.pid, startTime: self?.startTime ?? '' };
  const temporary = `${home.apiFile}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(api)}\n`, { mode: 0o600 });
  await rename(temporary, home.apiFile);
}

/** Takes back what `publishApi` said, unless another process has said something since. */
export async function retractApi(home: Home): Promise<void> {
  if ((await readPublishedApi(home))?.pid === process.pid) await rm(home.apiFile, { force: true });
}

/** The scheduler of this home; undefined when none runs, whatever a dead one left behind. */
export async function findRunningApi(home: Home): Promise<RunningApi | undefined> {
  const api = await readPublishedApi(home);
  if (api === undefined) return undefined;
  return (await findProcess(api.pid))?.startTime === api.startTime ? api : undefined;
}

async function readPublishedApi(home: Home): Promise<RunningApi | undefined> {
  const text = await readFile(home.apiFile, 'utf8').catch(absentAsUndefined);
  if (text === undefined) return undefined;
  try {
    const { url, pid, startTime } = JSON.parse(text) as Partial<RunningApi>;
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
