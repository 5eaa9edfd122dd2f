import { mkdir } from 'node:fs/promises';
import {
  type Endpoint,
  ensureTokenFile,
  findEndpoint,
  publishEndpoint,
  readTokenFile,
  retractEndpoint,
} from './endpoint-file.ts';
import type { Home } from './home-layout.ts';

export { type Home, resolveHome } from './home-layout.ts';

/** Makes the home and the scheduler's folder, for this user only. */
export async function makeHome(home: Home): Promise<void> {
  await mkdir(home.scheduler, { recursive: true, mode: 0o700 });
}

/** The API's token, made at the first call. */
export function ensureToken(home: Home): Promise<string> {
  return ensureTokenFile(home.tokenFile);
}

/** Undefined when there is no such file. */
export function readToken(path: string): Promise<string | undefined> {
  return readTokenFile(path);
}

/** Tells clients where this process serves the API. To be called once it listens. */
export function publishApi(home: Home, url: string): Promise<void> {
  return publishEndpoint(home.apiFile, url);
}

/** Takes back what `publishApi` said, unless another process has said something since. */
export function retractApi(home: Home): Promise<void> {
  return retractEndpoint(home.apiFile);
}

/** The scheduler of this home; undefined when none runs. */
export function findRunningApi(home: Home): Promise<Endpoint | undefined> {
  return findEndpoint(home.apiFile);
}
