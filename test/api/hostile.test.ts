/** What somebody who means harm sends: from a browser that is led here, by many connections, with tokens where they leak. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { routes } from '../../src/api/routes.ts';
import { type ApiServer, maxConnectionsOfOne, startApiServer } from '../../src/api/server.ts';
import { bodyOf, readToken, readyService, specs, token } from './fixtures.ts';

async function withServer(
  use: (
    server: ApiServer,
    seen: { readonly asked: readonly unknown[]; readonly logged: unknown[] },
  ) => Promise<void>,
): Promise<void> {
  const { service, asked } = readyService({
    plan: () => Promise.reject(new Error('a bug')),
  });
  const logged: unknown[] = [];
  const log = (...said: readonly unknown[]) => void logged.push(said);
  const server = await startApiServer({
    service,
    specs,
    tokens: { write: token, read: readToken },
    listen: { host: '127.0.0.1', port: 0 },
    version: '1',
    logger: { debug: log, info: log, warn: log, error: log },
    observe: log,
  });
  try {
    await use(server, { asked, logged });
  } finally {
    await server.close();
  }
}

/** One request as it is; what was answered, headers and all. */
async function send({ url }: ApiServer, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    answer += part;
  });
  socket.on('error', () => {});
  socket.write(text);
  // `once` of a connection that is reset would throw.
  await new Promise((resolve) => socket.on('close', resolve));
  return answer;
}

const request = (method: string, path: string, headers: readonly string[], body = '') =>
  [
    `${method} ${path} HTTP/1.1`,
    'Connection: close',
    ...headers,
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');

test('a page from elsewhere gets nothing by the browser of somebody who is here', () =>
  withServer(async (server, { asked }) => {
    // A name that was rebound to loopback, or a form: no token comes by itself, whatever else a browser adds.
    const fromElsewhere = [
      'Host: evil.example',
      'Origin: http://evil.example',
      `Cookie: token=${token}`,
      `Proxy-Authorization: Bearer ${token}`,
    ];
    for (const { method, path, scope } of routes) {
      const real = path.replace(':name', 'demo').replace(':id', '0');
      const body = JSON.stringify(bodyOf(method, real) ?? {});
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json']) {
        const answer = await send(
          server,
          request(method, real, [...fromElsewhere, `Content-Type: ${type}`], body),
        );
        if (scope !== 'none') assert.match(answer, /^HTTP\/1\.1 (401|429) /, `${method} ${path}`);
        assert.not.match(answer, /access-control-/i, `${method} ${path}`);
        assert.not.match(answer, /set-cookie/i);
      }
      const preflight = await send(
        server,
        request('OPTIONS', real, [
          ...fromElsewhere,
          `Access-Control-Request-Method: ${method}`,
          'Access-Control-Request-Headers: authorization',
          'Access-Control-Request-Private-Network: true',
        ]),
      );
      assert.match(preflight, /^HTTP\/1\.1 4\d\d /, path);
      assert.not.match(preflight, /access-control-/i);
    }
    assert.equal(asked, []);
  }));

test('a token is taken from its header only, and is never said again', () =>
  withServer(async (server, { logged }) => {
    const good = ['Host: x', `Authorization: Bearer ${token}`, 'Content-Type: application/json'];
    const answers = [
      await send(server, request('GET', `/v1/clusters?token=${token}`, ['Host: x'])),
      await send(server, request('GET', `/v1/clusters?access_token=${token}`, ['Host: x'])),
      await send(server, request('GET', '/v1/clusters', ['Host: x', `X-Api-Key: ${token}`])),
      await send(
        server,
        request('GET', '/v1/clusters', [
          'Host: x',
          'Authorization: Bearer no',
          `Authorization: Bearer ${token}`,
        ]),
      ),
    ];
    for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 (400|401) /);
    const failing = [
      await send(server, request('POST', '/v1/plan', good, JSON.stringify(bodyOf('POST', '/v1/plan')))),
      await send(server, request('POST', '/v1/plan', good, '{"files": nonsense')),
      await send(server, request('GET', '/v1/clusters/none', good)),
      await send(server, request('GET', '/nothing', good)),
    ];
    assert.match(failing[0] ?? '', /^HTTP\/1\.1 500 /);
    assert.ok(logged.length > 0);
    for (const said of [...failing, ...answers.slice(2), JSON.stringify(logged)]) {
      assert.not.ok(said.includes(token), said);
    }
  }));

test('one address holds so many connections and no more, and who lets go is served again', () =>
  withServer(async (server) => {
    const { hostname, port } = new URL(server.url);
    const idle = await Promise.all(
      Array.from({ length: maxConnectionsOfOne }, async () => {
        const socket = connect(Number(port), hostname);
        socket.on('error', () => {});
        await once(socket, 'connect');
        return socket;
      }),
    );
    const ask = () => send(server, request('GET', '/v1/health', ['Host: x']));
    assert.is(await ask(), '');
    const [first] = idle;
    first?.destroy();
    while ((await ask()) === '') await new Promise((resolve) => setImmediate(resolve));
    assert.match(await ask(), /^HTTP\/1\.1 200 /);
    for (const socket of idle) socket.destroy();
  }));

test('what is too large is refused before anything is made of it', () =>
  withServer(async (server, { asked }) => {
    const good = ['Host: x', `Authorization: Bearer ${token}`];
    const long = 'x'.repeat(20_000);
    const status = async (text: string) => /^HTTP\/1\.1 (\d+)/.exec(await send(server, text))?.[1];
    assert.is(await status(request('GET', `/v1/events?cluster=${long}`, good)), '431');
    assert.is(await status(request('GET', '/v1/events', [...good, `X-Long: ${long}`])), '431');
    const many = Array.from({ length: 3_000 }, (_, i) => `a${i}:b`);
    assert.is(await status(request('GET', '/v1/events', [...good, ...many])), '431');
    const queries = Array.from({ length: 2_000 }, (_, i) => `${i}=`).join('&');
    assert.is(await status(request('GET', `/v1/events?${queries}`, good)), '400');
    assert.is(await status(request('GET', '/v1/events?limit=5&limit=6', good)), '400');
    assert.is(await status(request('GET', '/v1/events?__proto__=1', good)), '400');
    const deep = `{"files":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    const json = [...good, 'Content-Type: application/json'];
    assert.is(await status(request('POST', '/v1/apply', json, deep)), '400');
    assert.is(
      await status(request('POST', '/v1/apply', json, '{"__proto__":{"files":[]},"author":"a"}')),
      '400',
    );
    assert.equal(asked, []);
  }));

test.run();
