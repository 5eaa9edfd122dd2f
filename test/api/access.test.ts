/** Who may ask what, how often, and from where. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  clientOf,
  costOfWrite,
  createRateLimit,
  failureBucket,
  requestBucket,
} from '../../src/api/rate-limit.ts';
import { routes } from '../../src/api/routes.ts';
import { type ApiServer, type ApiServerOptions, startApiServer } from '../../src/api/server.ts';
import type { ErrorAnswer } from '../../src/model/api.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { createVirtualClock } from '../mesos/virtual-clock.ts';
import { bodyOf, readToken, readyService, specs, token } from './fixtures.ts';

const listen = { host: '127.0.0.1', port: 0 };

async function withServer(
  change: Partial<ApiServerOptions>,
  use: (server: ApiServer, asked: ReturnType<typeof readyService>['asked']) => Promise<void>,
): Promise<void> {
  const { service, asked } = readyService();
  const tokens = { write: token, read: readToken };
  const metrics = { contentType: 'text/plain; version=0.0.4', render: async () => 'up 1\n' };
  const options = { service, specs, tokens, metrics, listen, version: '1', logger: silentLogger, ...change };
  const server = await startApiServer(options);
  try {
    await use(server, asked);
  } finally {
    await server.close();
  }
}

/** Status and code; of what has no error, or goes on for ever, the status alone. */
async function ask(url: string, method: string, path: string, authorization?: string): Promise<string> {
  const body = bodyOf(method, path);
  const ended = new AbortController();
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: ended.signal,
  });
  const { status } = response;
  const code = status < 400 ? '' : ` ${((await response.json()) as ErrorAnswer).error.code}`;
  ended.abort();
  return `${status}${code}`;
}

test('each token may do what its scope says, and nothing does more', async () => {
  // Failures come back faster than this asks.
  const clock = { ...createVirtualClock(), nowMs: () => (nowMs += 10_000) };
  let nowMs = 0;
  await withServer({ clock }, async ({ url }, asked) => {
    for (const { method, path, scope } of [...routes, ...unknownRoutes]) {
      const at = `${method} ${path}`;
      const real = path.replace(':name', 'demo').replace(':id', '0');
      const refused = scope === 'none' ? '200' : '401 KM_API_TOKEN';
      for (const wrong of [
        undefined,
        '',
        'Bearer',
        'Bearer ',
        `Bearer ${token}x`,
        `Bearer ${token.slice(1)}`,
        `Bearer ${token} ${token}`,
        `Bearer ${token}, Bearer ${token}`,
        `Basic ${token}`,
        token,
      ])
        assert.is(await ask(url, method, real, wrong), refused, `${at} with ${wrong}`);
      const good = unknownRoutes.some((one) => one.path === path) ? '404 KM_API_NOT_FOUND' : '200';
      assert.is(await ask(url, method, real, `Bearer ${token}`), good, at);
      asked.length = 0;
      const forReading = scope === 'write' ? '403 KM_API_SCOPE' : good;
      assert.is(await ask(url, method, real, `Bearer ${readToken}`), forReading, `${at} for reading`);
      if (scope === 'write') assert.equal(asked, [], at);
    }
  });
});

const unknownRoutes = [{ method: 'GET', path: '/v1/nothing', scope: 'read' }] as const;

test('whatever is not said to be for writing only looks', () => {
  const readers = routes.filter(({ scope }) => scope !== 'write');
  assert.equal(
    readers.filter(({ method }) => method !== 'GET').map(({ id }) => id),
    ['validate', 'plan'],
  );
});

test('beyond loopback it wants TLS, or the word that plain HTTP is meant', async () => {
  for (const host of ['0.0.0.0', '::', 'example.org', '10.0.0.1', '127.0.0.1.example.org']) {
    const error = await withServer({ listen: { host, port: 0 } }, async () => {}).catch((e: unknown) => e);
    assert.instance(error, RangeError, host);
  }
  await withServer({ listen: { host: '0.0.0.0', port: 0 }, allowPlainHttp: true }, async ({ url }) => {
    assert.not.match(url, '0.0.0.0', 'nobody could go there');
    const here = `http://127.0.0.1:${new URL(url).port}`;
    assert.is(await ask(here, 'GET', '/v1/clusters'), '401 KM_API_TOKEN');
    assert.is(await ask(here, 'GET', '/v1/clusters', `Bearer ${readToken}`), '200');
  });
});

test('tokens that are short, or the same, are refused at the start', async () => {
  for (const tokens of [{ write: 'short' }, { write: token, read: 'short' }, { write: token, read: token }]) {
    assert.instance(await withServer({ tokens }, async () => {}).catch((e: unknown) => e), RangeError);
  }
});

test('who guesses tokens is held up; on loopback nobody is shut out by it', async () => {
  const clock = createVirtualClock();
  await withServer({ clock }, async ({ url }) => {
    const answers = [];
    for (let i = 0; i <= failureBucket.tokens; i += 1) {
      answers.push(await ask(url, 'GET', '/v1/clusters', `Bearer guess-${i}`));
    }
    assert.is(answers.at(-2), '401 KM_API_TOKEN');
    assert.is(answers.at(-1), '429 KM_API_RATE');
    assert.is(await ask(url, 'GET', '/v1/clusters', `Bearer ${token}`), '200');
    clock.advance(failureBucket.refillMs);
    assert.is(await ask(url, 'GET', '/v1/clusters', 'Bearer guess'), '401 KM_API_TOKEN');
  });
  const wide = { clock, listen: { host: '0.0.0.0', port: 0 }, allowPlainHttp: true };
  await withServer(wide, async (server) => {
    const url = `http://127.0.0.1:${new URL(server.url).port}`;
    for (let i = 0; i < failureBucket.tokens; i += 1) {
      await ask(url, 'GET', '/v1/clusters', `Bearer guess-${i}`);
    }
    assert.is(
      await ask(url, 'GET', '/v1/clusters', `Bearer ${token}`),
      '429 KM_API_RATE',
      'or guessing went on',
    );
    assert.is(await ask(url, 'GET', '/v1/health'), '200');
  });
});

test('too many requests are told when to come again', async () => {
  const clock = createVirtualClock();
  await withServer({ clock }, async ({ url }) => {
    const burst = requestBucket.tokens / 10;
    const header = `Bearer ${token}`;
    for (let i = 0; i < burst; i += 1) {
      assert.is(await ask(url, 'POST', '/v1/plan', header), '200');
    }
    const response = await fetch(`${url}/v1/clusters`, { headers: { authorization: header } });
    assert.is(response.status, 429);
    assert.is(response.headers.get('retry-after'), '1');
    assert.is(await ask(url, 'GET', '/v1/health'), '200', 'whoever has no token is counted apart');
    clock.advance(1_000);
    assert.is(await ask(url, 'GET', '/v1/clusters', header), '200');
  });
});

test('streams, logs and metrics count as writes do', async () => {
  for (const path of ['/v1/watch', '/v1/clusters/demo/brokers/0/logs', '/metrics']) {
    await withServer({ clock: createVirtualClock() }, async ({ url }) => {
      const answers = new Map<string, number>();
      for (let i = 0; i < requestBucket.tokens / costOfWrite + 5; i += 1) {
        const answer = await ask(url, 'GET', path, `Bearer ${readToken}`);
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
      assert.equal(Object.fromEntries(answers), {
        200: requestBucket.tokens / costOfWrite,
        '429 KM_API_RATE': 5,
      });
    });
  }
});

test('who has no token cannot use up the requests of who has one', async () => {
  const clock = createVirtualClock();
  await withServer({ clock }, async ({ url }) => {
    for (let i = 0; i < requestBucket.tokens / 10; i += 1) await ask(url, 'POST', '/v1/plan');
    assert.is(await ask(url, 'POST', '/v1/plan'), '429 KM_API_RATE');
    assert.is(await ask(url, 'GET', '/v1/clusters', `Bearer ${token}`), '200');
    assert.is(await ask(url, 'GET', '/v1/health'), '200', 'nor what probes ask');
  });
});

test('a machine has one bucket, whatever address of its own it takes, and buckets are bounded', () => {
  assert.is(clientOf('::ffff:10.0.0.1'), '10.0.0.1');
  assert.is(clientOf('10.0.0.1'), '10.0.0.1');
  assert.is(clientOf('2001:db8:1:2:3:4:5:6'), clientOf('2001:db8:1:2::9'));
  assert.is.not(clientOf('2001:db8:1:2::9'), clientOf('2001:db8:1:3::9'));
  assert.is(clientOf('::1'), '0:0:0:0');
  assert.is(clientOf('fe80::1%eth0'), clientOf('fe80::2'));
  const limit = createRateLimit({ tokens: 2, refillMs: 1_000 });
  assert.is(limit.take('a', 2, 0), undefined);
  assert.is(limit.take('a', 1, 0), 1_000);
  for (let i = 0; i < 10_000; i += 1) limit.take(`other-${i}`, 1, 0);
  assert.is(limit.take('a', 2, 0), undefined, 'the oldest was forgotten');
});

test.run();
