/** What follows a scheduler is woken by it, and goes on whatever becomes of the stream. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createApiClient } from '../../src/api/client.ts';
import type { ApiServer } from '../../src/api/server.ts';
import { openWatch } from '../../src/api/watch-client.ts';
import { type Look, watchStatuses } from '../../src/cli/watch-statuses.ts';
import type { ClusterStatus } from '../../src/model/api.ts';
import { UnavailableError } from '../../src/model/errors.ts';
import { clusterStatus, fakeService, token } from '../api/fixtures.ts';
import { serveFake } from './run-cli.ts';

/** A scheduler that tells of its changes, and counts how often it was asked. */
function scheduler() {
  const listeners = new Set<() => void>();
  let clusters: readonly ClusterStatus[] = [clusterStatus()];
  let failure: Error | undefined;
  let looks = 0;
  const { service } = fakeService({
    clusters: () => {
      looks += 1;
      if (failure !== undefined) throw failure;
      return clusters;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  return {
    looks: () => looks,
    listeners: () => listeners.size,
    set(next: readonly ClusterStatus[], error?: Error) {
      clusters = next;
      failure = error;
      for (const listener of listeners) listener();
    },
    serve: (port?: number): Promise<ApiServer> => serveFake(service, token, port),
  };
}

function watch(url: string, options: { readonly clusterName?: string; readonly firstWordMs?: number } = {}) {
  const leaving = new AbortController();
  const looks = watchStatuses(createApiClient({ url, token }), { ...options, signal: leaving.signal });
  return {
    /** The next one of that kind. */
    async next<Kind extends Look['kind']>(kind: Kind): Promise<Extract<Look, { readonly kind: Kind }>> {
      for (;;) {
        const { value, done } = await looks.next();
        if (done === true) throw new Error('it ended');
        if (value.kind === kind) return value as Extract<Look, { readonly kind: Kind }>;
      }
    },
    async leave() {
      leaving.abort();
      // What had been heard by then may still come.
      for await (const _late of looks);
    },
  };
}

const names = ({ statuses }: { readonly statuses: readonly ClusterStatus[] }) =>
  statuses.map(({ name, phase }) => `${name} ${phase}`);

test('it is woken by the stream, and asks for nothing meanwhile', async () => {
  const world = scheduler();
  const server = await world.serve();
  const all = watch(server.url);
  const one = watch(server.url, { clusterName: 'orders' });
  const first = await all.next('statuses');
  assert.equal(names(first), ['demo converged']);
  assert.is(first.scheduler.leadership.state, 'leading');
  assert.equal(names(await one.next('statuses')), []);
  const before = world.looks();
  world.set([clusterStatus({ phase: 'rolling' }), clusterStatus({ name: 'orders' })]);
  assert.equal(names(await one.next('statuses')), ['orders converged']);
  // One look for both, and messages that come one by one are all heard.
  let seen = names(await all.next('statuses'));
  if (seen.length === 1) seen = names(await all.next('statuses'));
  assert.equal(seen, ['demo rolling', 'orders converged']);
  assert.is(world.looks(), before + 1);
  world.set([clusterStatus({ phase: 'rolling' })]);
  assert.equal(names(await one.next('statuses')), []);
  await all.leave();
  await one.leave();
  while (world.listeners() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(server.streams(), 0);
  await server.close();
});

test('a scheduler that dies is told as away, and followed again when it is back', async () => {
  const world = scheduler();
  const server = await world.serve();
  const looks = watch(server.url);
  await looks.next('statuses');
  await server.close();
  const { error } = await looks.next('away');
  assert.match(error.message, 'broke off its answer');
  assert.match((await looks.next('away')).error.message, 'no scheduler is running at');
  world.set([clusterStatus({ phase: 'held' })]);
  const again = await world.serve(Number(new URL(server.url).port));
  assert.equal(names(await looks.next('statuses')), ['demo held']);
  await looks.leave();
  await again.close();
});

test('what the scheduler cannot say is told as away, until it can, though all is as before', async () => {
  const world = scheduler();
  const server = await world.serve();
  const looks = watch(server.url);
  await looks.next('statuses');
  world.set([clusterStatus()], new UnavailableError('KM_UNAVAILABLE_STORE', 'the store is away'));
  assert.match((await looks.next('away')).error.message, 'the store is away');
  world.set([clusterStatus()]);
  assert.equal(names(await looks.next('statuses')), ['demo converged']);
  await looks.leave();
  await server.close();
});

async function withServer(answer: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('where there is no stream, or none comes through, the scheduler is asked again and again', async () => {
  for (const onWatch of ['not found', 'no event-stream', 'nothing'] as const) {
    let asked = 0;
    const answer: RequestListener = ({ url }, response) => {
      const json = (status: number, body: unknown) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      if (url === '/v1/clusters') {
        asked += 1;
        return json(200, asked === 1 ? [clusterStatus()] : [clusterStatus({ phase: 'held' })]);
      }
      if (url === '/v1/scheduler') return json(200, { leadership: { state: 'leading' } });
      if (onWatch === 'not found') return json(404, { error: { code: 'KM_API_NOT_FOUND', message: '' } });
      if (onWatch === 'no event-stream') return json(200, {});
      return response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    };
    await withServer(answer, async (url) => {
      const looks = watch(url, { firstWordMs: 50 });
      assert.equal(names(await looks.next('statuses')), ['demo converged'], onWatch);
      if (onWatch === 'not found') assert.equal(names(await looks.next('statuses')), ['demo held']);
      await looks.leave();
    });
  }
});

test('the stream is read however it is cut, and its silence ends it', async () => {
  const bytes = Buffer.from(
    `: still here\n\nevent: later\ndata: {}\n\nevent: cluster\nid: 7\ndata: ${JSON.stringify({ name: 'ü' })}\n\nevent: synced\ndata: {}\n\n`,
  );
  const answer: RequestListener = async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const byte of bytes) {
      response.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
  };
  await withServer(answer, async (url) => {
    const heard: unknown[] = [];
    try {
      const stream = await openWatch({ url, token }, {}, new AbortController().signal, 200);
      for await (const messages of stream) heard.push(...messages);
      assert.unreachable('it ended well');
    } catch (error) {
      assert.instance(error, UnavailableError);
      assert.match((error as Error).message, 'broke off its answer');
    }
    assert.equal(heard, [
      { event: 'cluster', data: { name: 'ü' } },
      { event: 'synced', data: {} },
    ]);
  });
});

test('a token that is refused is said as such', async () => {
  const world = scheduler();
  const server = await world.serve();
  const client = createApiClient({ url: server.url, token: 'another-token-of-length' });
  const error = await client.watch({}, new AbortController().signal).catch((reason: unknown) => reason);
  assert.is((error as UnavailableError).code, 'KM_UNAVAILABLE_TOKEN');
  await server.close();
});

test.run();
