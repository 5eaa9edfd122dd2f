import { once } from 'node:events';
import { createServer, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createApiClient } from '../../src/api/client.ts';
import { type ApiServer, bodyLimitBytes, startApiServer } from '../../src/api/server.ts';
import type { SchedulerService } from '../../src/model/api.ts';
import {
  ConflictError,
  InvariantError,
  KafkaMesosError,
  ProtocolError,
  SpecError,
  UnavailableError,
  UnsafePlanError,
} from '../../src/model/errors.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { fakeService, specs, token } from './fixtures.ts';

const loopback = { host: '127.0.0.1', port: 0 };

async function withServer(
  change: Partial<SchedulerService>,
  use: (
    server: ApiServer,
    asked: ReturnType<typeof fakeService>['asked'],
    logged: unknown[],
  ) => Promise<void>,
): Promise<void> {
  const { service, asked } = fakeService(change);
  const logged: unknown[] = [];
  const logger = { ...silentLogger, error: (_: string, fields?: unknown) => void logged.push(fields) };
  const server = await startApiServer({
    service,
    specs,
    tokens: { write: token },
    listen: loopback,
    version: '1.2.3',
    logger,
  });
  try {
    await use(server, asked, logged);
  } finally {
    await server.close();
  }
}

/** The path as it is, without the tidying that fetch does. */
function rawGet(server: ApiServer, path: string): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    httpRequest({ hostname, port, path, headers: { authorization: `Bearer ${token}` } }, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    })
      .on('error', reject)
      .end();
  });
}

async function rejection(promise: Promise<unknown>): Promise<KafkaMesosError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, KafkaMesosError);
  return error as KafkaMesosError;
}

test('serves what the service says, and the client reads it', async () => {
  await withServer({}, async (server, asked) => {
    const client = createApiClient({ url: server.url, token });
    assert.equal(await client.health(), { ok: true, version: '1.2.3' });
    assert.is((await client.scheduler()).frameworkName, 'kafka');
    assert.is((await client.clusters())[0]?.name, 'demo');
    assert.is((await client.cluster('demo'))?.brokers[0]?.id, 0);
    assert.is(await client.cluster('other'), undefined);
    assert.is(await client.cluster('../scheduler'), undefined);
    assert.is((await client.spec('demo'))?.revision, 1);
    assert.is(await client.spec('other'), undefined);
    const files = [{ path: 'a.yaml', text: 'kind: KafkaCluster' }];
    await client.apply({ files, author: 'me', expectedRevisions: { demo: 0 } });
    await client.plan({ files });
    const log = await client.readLog({
      clusterName: 'demo',
      brokerId: 0,
      file: 'kafka/logs/server.log',
      bytes: 10,
    });
    assert.is(log?.text, 'hello\n');
    assert.is(
      await client.readLog({ clusterName: 'demo', brokerId: 7, file: 'stdout', bytes: 10 }),
      undefined,
    );
    assert.equal(asked, [
      { method: 'apply', request: { files, author: 'me', expectedRevisions: { demo: 0 } } },
      { method: 'plan', request: { files } },
      {
        method: 'readLog',
        request: { clusterName: 'demo', brokerId: 0, file: 'kafka/logs/server.log', bytes: 10 },
      },
    ]);
  });
});

test('refuses malformed bodies without asking the service', async () => {
  await withServer({}, async (server, asked) => {
    const post = (body: string, type = 'application/json') =>
      fetch(`${server.url}/v1/apply`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': type },
        body,
      });
    const good = { files: [{ path: 'a', text: 'b' }], author: 'me' };
    for (const body of [
      '',
      '{',
      'null',
      '[]',
      '{}',
      JSON.stringify({ ...good, files: [] }),
      JSON.stringify({ ...good, files: [{ path: 'a', text: 1 }] }),
      JSON.stringify({ ...good, author: '' }),
      JSON.stringify({ ...good, surprise: 1 }),
      JSON.stringify({ ...good, expectedRevisions: { demo: '1' } }),
      '{"files":[{"path":"a","text":"b"}],"author":"me","__proto__":{"x":1}}',
    ]) {
      const response = await post(body);
      assert.is(response.status, 400, body);
      assert.is(((await response.json()) as { error: { code: string } }).error.code, 'KM_API_MALFORMED');
    }
    assert.is((await post('files', 'text/plain')).status, 415);
    assert.equal(asked, []);
  });
});

test('refuses a body above the limit', async () => {
  await withServer({}, async (server, asked) => {
    const client = createApiClient({ url: server.url, token });
    const files = [{ path: 'a.yaml', text: 'x'.repeat(bodyLimitBytes) }];
    const error = await rejection(client.apply({ files, author: 'me' }));
    assert.instance(error, SpecError);
    assert.is(error.code, 'KM_SPEC_TOO_LARGE');
    assert.equal(asked, []);
  });
});

test('log files stay below the sandbox', async () => {
  await withServer({}, async (server, asked) => {
    for (const file of [
      '../x',
      '..',
      '/etc/passwd',
      'a/../../b',
      'a//b',
      './a',
      '',
      'a\\..\\b',
      'a%00b',
      'a%0ab',
    ]) {
      const encoded = file.includes('%') ? file : encodeURIComponent(file);
      const answer = await rawGet(server, `/v1/clusters/demo/brokers/0/logs?file=${encoded}`);
      assert.is(answer.status, 400, file);
    }
    for (const query of ['bytes=0', 'bytes=-1', 'bytes=99999999', 'bytes=1e3', 'file=a&file=b', 'other=1']) {
      assert.is((await rawGet(server, `/v1/clusters/demo/brokers/0/logs?${query}`)).status, 400, query);
    }
    for (const path of [
      '/v1/clusters/demo/brokers/00/logs',
      '/v1/clusters/%2e%2e/brokers/0/logs',
      '/../etc/passwd',
    ]) {
      assert.is((await rawGet(server, path)).status, 404, path);
    }
    assert.is((await rawGet(server, '/v1/clusters/%zz')).status, 400);
    assert.equal(asked, []);
  });
});

test('errors of the service arrive as the same errors', async () => {
  const problem = {
    severity: 'error' as const,
    code: 'KM_SPEC_UNKNOWN_KEY',
    file: 'a.yaml',
    line: 3,
    column: 5,
    path: 'spec.brokerz',
    message: 'unknown key',
  };
  const cases = [
    new SpecError('KM_SPEC_INVALID', 'one problem', { problems: [problem], remedy: 'edit' }),
    new ConflictError('KM_CONFLICT_REVISION', 'revision is 4, not 3', { remedy: 'look again' }),
    new UnsafePlanError('KM_UNSAFE_EMPTY', 'would delete all'),
    new UnavailableError('KM_UNAVAILABLE_MASTER', 'no master'),
  ];
  for (const thrown of cases) {
    await withServer({ plan: () => Promise.reject(thrown) }, async (server) => {
      const client = createApiClient({ url: server.url, token });
      const error = await rejection(client.plan({ files: [{ path: 'a', text: '' }] }));
      assert.is(error.constructor, thrown.constructor);
      assert.is(error.code, thrown.code);
      assert.is(error.message, thrown.message);
      assert.is(error.remedy, thrown.remedy);
      if (error instanceof SpecError)
        assert.equal(error.problems, thrown instanceof SpecError ? thrown.problems : []);
    });
  }
});

test('a bug shows an id and never its text', async () => {
  const bug = new Error('secret detail at /home/x');
  await withServer({ plan: () => Promise.reject(bug) }, async (server, _, logged) => {
    const client = createApiClient({ url: server.url, token });
    const error = await rejection(client.plan({ files: [{ path: 'a', text: '' }] }));
    assert.instance(error, InvariantError);
    assert.not.match(`${error.message}${error.remedy}`, 'secret');
    const id = /error ([0-9a-f]{8})/.exec(error.message)?.[1];
    assert.is((logged[0] as { errorId: string }).errorId, id);
    assert.match((logged[0] as { error: string }).error, 'secret detail');
  });
});

test('the client says what to do when nobody is there, or somebody else, or the token is another', async () => {
  let url = '';
  await withServer({}, async (server) => {
    url = server.url;
    const error = await rejection(createApiClient({ url, token: 'another-token-of-length' }).scheduler());
    assert.is(error.code, 'KM_UNAVAILABLE_TOKEN');
    assert.match(error.remedy ?? '', 'KAFKA_MESOS_HOME');
  });
  const gone = await rejection(createApiClient({ url, token }).clusters());
  assert.is(gone.code, 'KM_UNAVAILABLE_SCHEDULER');
  assert.match(gone.message, 'no scheduler is running');
  assert.match(gone.remedy ?? '', 'kafka-mesos local up');
});

test('the client gives up on a scheduler that does not answer', async () => {
  await withServer({ apply: () => new Promise(() => {}) }, async (server) => {
    const client = createApiClient({ url: server.url, token, timeoutMs: 50 });
    const error = await rejection(client.apply({ files: [{ path: 'a', text: '' }], author: 'me' }));
    assert.instance(error, UnavailableError);
    assert.is((error as UnavailableError).outcome, 'unknown');
  });
});

test('the client tells an answer that breaks off, or stands still, from one that is not ours', async () => {
  const cases: Readonly<Record<string, (response: ServerResponse) => void>> = {
    'broke off its answer': (response) =>
      response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy()),
    'did not answer within 0.2 s': (response) =>
      response.writeHead(200, { 'content-length': 100 }).write('{'),
    // Before it has begun, too.
    'broke off': (response) => response.destroy(),
    'cannot be reached: HPE_INVALID_CONSTANT': (response) => response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n'),
    'is no kafka-mesos scheduler': (response) =>
      response.writeHead(302, { location: '/login' }).end('<html>'),
  };
  for (const [said, answer] of Object.entries(cases)) {
    const server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // Only where nothing more comes may the time be what ends it.
    const timeoutMs = said.startsWith('did not answer') ? 200 : 20_000;
    const error = await rejection(createApiClient({ url, token, timeoutMs }).clusters());
    server.closeAllConnections();
    server.close();
    assert.match(error.message, said);
    assert.instance(error, said.endsWith('scheduler') ? ProtocolError : UnavailableError, said);
    if (error instanceof UnavailableError) assert.is(error.outcome, 'unknown', said);
  }
});

test('a cluster that is not there is not reconciled', () =>
  withServer({}, async (server, asked) => {
    const client = createApiClient({ url: server.url, token });
    assert.is(await client.reconcile({ clusterName: 'dmo' }), undefined);
    assert.equal(asked, []);
    assert.equal(await client.reconcile({ clusterName: 'demo' }), { pass: 1 });
  }));

test('what is asked of a broker arrives as it was said; what is no such thing is refused', () =>
  withServer({}, async (server, asked) => {
    const client = createApiClient({ url: server.url, token });
    const intent = { kind: 'replace', author: 'ann', expiresInMs: 5_000, acceptLoss: ['events-3'] } as const;
    await client.setIntent({ clusterName: 'demo', brokerId: 0, intent });
    await client.setIntent({ clusterName: 'demo', brokerId: 0 });
    assert.equal(asked, [
      { method: 'setIntent', request: { clusterName: 'demo', brokerId: 0, intent } },
      { method: 'setIntent', request: { clusterName: 'demo', brokerId: 0 } },
    ]);
    assert.is(await client.setIntent({ clusterName: 'demo', brokerId: 77 }), undefined);
    const post = async (body: unknown) =>
      (
        await fetch(`${server.url}/v1/clusters/demo/brokers/0/intent`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
      ).status;
    for (const body of [
      { kind: 'destroy', author: 'ann' },
      { kind: 'stop' },
      { kind: 'stop', author: 'ann', expiresInMs: -1 },
      { kind: 'replace', author: 'ann', acceptLoss: ['../etc'] },
      { kind: 'stop', author: 'ann', more: 1 },
      { kind: 'stop', author: 'ann', withoutKafka: 'yes' },
    ])
      assert.is(await post(body), 400, JSON.stringify(body));
    assert.is(asked.length, 2);
  }));

test.run();
