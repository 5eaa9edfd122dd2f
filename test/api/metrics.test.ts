/** `GET /metrics` of the API, and what is told of each request. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ApiServerOptions, startApiServer } from '../../src/api/server.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { fakeService, specs, token } from './fixtures.ts';

type Observed = Parameters<NonNullable<ApiServerOptions['observe']>>[0];

const authorization = { authorization: `Bearer ${token}` };

async function withServer(
  change: Partial<ApiServerOptions>,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server = await startApiServer({
    service: fakeService().service,
    specs,
    tokens: { write: token },
    listen: { host: '127.0.0.1', port: 0 },
    version: '0.0.0',
    logger: silentLogger,
    ...change,
  });
  try {
    await use(server.url);
  } finally {
    await server.close();
  }
}

test('the page comes with the token only, and with its type', () =>
  withServer(
    { metrics: { contentType: 'text/plain; version=0.0.4', render: async () => 'up 1\n' } },
    async (url) => {
      assert.is((await fetch(`${url}/metrics`)).status, 401);
      const answer = await fetch(`${url}/metrics`, { headers: authorization });
      assert.is(answer.headers.get('content-type'), 'text/plain; version=0.0.4');
      assert.is(await answer.text(), 'up 1\n');
    },
  ));

test('without metrics there is no page', () =>
  withServer({}, async (url) => {
    assert.is((await fetch(`${url}/metrics`, { headers: authorization })).status, 404);
  }));

test('each request is told of by its route, never by what a client made up', async () => {
  const observed: Observed[] = [];
  await withServer({ observe: (request) => void observed.push(request) }, async (url) => {
    for (const path of ['/v1/clusters/demo', '/v1/clusters/other', '/v1/made-up']) {
      await (await fetch(url + path, { headers: authorization })).text();
    }
    await (await fetch(`${url}/v1/clusters`)).text();
    while (observed.length < 4) await new Promise((resolve) => setImmediate(resolve));
  });
  assert.equal(
    observed.map(({ route, method, status }) => [method, route, status]),
    [
      ['GET', '/v1/clusters/:name', 200],
      ['GET', '/v1/clusters/:name', 404],
      ['GET', undefined, 404],
      ['GET', '/v1/clusters', 401],
    ],
  );
  assert.ok(observed.every(({ durationMs }) => durationMs > 0));
});

test.run();
