import { setTimeout as wait } from 'node:timers/promises';
import { SpecError } from '../../src/model/errors.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { parseZooKeeperAddress } from '../../src/zookeeper/address.ts';
import { openZooKeeperSession } from '../../src/zookeeper/open-session.ts';
import type { ZooKeeperSession } from '../../src/zookeeper/session.ts';

/** A session with `host:port`; four seconds unless said, the longest being twenty ticks of 250 ms. */
export function openSession(
  address: string,
  options: { readonly credentials?: string; readonly sessionTimeoutMs?: number } = {},
): ZooKeeperSession {
  const text = `zk://${options.credentials === undefined ? '' : `${options.credentials}@`}${address}/x`;
  const parsed = parseZooKeeperAddress(
    text,
    (shown, reason) => new SpecError('KM_SPEC_TEST', shown + reason),
  );
  return openZooKeeperSession(parsed, {
    logger: silentLogger,
    sessionTimeoutMs: options.sessionTimeoutMs ?? 4_000,
    // Longer than a connection that is silent is kept: what it ends with is the end of that.
    requestTimeoutMs: 6_000,
  });
}

/** Asks until it holds; the time is only there so that a test that fails ends. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 60_000) {
  const deadlineMs = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadlineMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await wait(20);
  }
}

/** What the call rejects with; throws when it resolves. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  const value = await call.then(
    (resolved) => ({ resolved }),
    (error: unknown) => ({ error }),
  );
  if ('error' in value) return value.error;
  throw new Error(`it resolved with ${JSON.stringify(value.resolved)}`);
}

/** What a Mesos master registers: an ephemeral node each, the lowest number leads (contender.cpp). Gives its path. */
export async function registerMaster(
  session: ZooKeeperSession,
  path: string,
  { ip, port = 5050 }: { readonly ip: string; readonly port?: number },
): Promise<string> {
  const info = {
    address: { hostname: `${ip}.example`, ip, port },
    hostname: `${ip}.example`,
    id: `master-of-${ip}`,
    ip: 16_777_343,
    pid: `master@${ip}:${port}`,
    port,
    version: '1.11.0',
  };
  await session.makePath(path);
  const made = await session.create(
    `${path}/json.info_`,
    Buffer.from(JSON.stringify(info)),
    'ephemeral-sequential',
  );
  if (made.kind !== 'done') throw new Error(`a master cannot register under ${path}: ${made.refusal}`);
  return made.value;
}
