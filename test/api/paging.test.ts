/** Lists in pages, and queries that are not as they should be. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startApiServer } from '../../src/api/server.ts';
import type { ErrorAnswer, SchedulerService } from '../../src/model/api.ts';
import { UnavailableError } from '../../src/model/errors.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { broker as sampleBroker, cluster as sampleCluster } from '../view/samples.ts';
import { clusterStatus, fakeService, readyService, specs, token } from './fixtures.ts';

type Got = {
  readonly status: number;
  readonly body: unknown;
  readonly next?: string;
  readonly code?: string;
};

async function withServer(
  change: Partial<SchedulerService>,
  use: (get: (path: string) => Promise<Got>) => Promise<void>,
  serviceOf = fakeService,
): Promise<void> {
  const server = await startApiServer({
    service: serviceOf(change).service,
    specs,
    tokens: { write: token },
    listen: { host: '127.0.0.1', port: 0 },
    version: '1',
    logger: silentLogger,
  });
  try {
    await use(async (path) => {
      const response = await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
      const next = /^<(.*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
      const body = await response.json();
      const { code } = (body as Partial<ErrorAnswer>).error ?? {};
      return {
        status: response.status,
        body,
        ...(next === undefined ? {} : { next }),
        ...(code === undefined ? {} : { code }),
      };
    });
  } finally {
    await server.close();
  }
}

/** Every page from `path` on. */
async function pages(get: (path: string) => Promise<Got>, path: string): Promise<readonly unknown[][]> {
  const found: unknown[][] = [];
  for (let at: string | undefined = path; at !== undefined; ) {
    const { body, next }: Got = await get(at);
    found.push(body as unknown[]);
    at = next;
  }
  return found;
}

const named = (names: readonly string[]) => names.map((name) => clusterStatus({ name }));
const namesOf = (page: readonly unknown[]) => page.map((one) => (one as { name: string }).name);

test('clusters come whole unless a page is asked for; then by name, each once', () =>
  withServer({ clusters: () => named(['c', 'a', 'e', 'b', 'd']) }, async (get) => {
    assert.equal(namesOf((await get('/v1/clusters')).body as unknown[]), ['c', 'a', 'e', 'b', 'd']);
    const found = await pages(get, '/v1/clusters?limit=2');
    assert.equal(found.map(namesOf), [['a', 'b'], ['c', 'd'], ['e']]);
    assert.equal(namesOf((await get('/v1/clusters?after=c')).body as unknown[]), ['d', 'e']);
    // One that is gone is as good a place as any.
    assert.equal(namesOf((await get('/v1/clusters?limit=1&after=bb')).body as unknown[]), ['c']);
    assert.equal(await get('/v1/clusters?after=z'), { status: 200, body: [] });
  }));

test('brokers by id, topics by name, a hundred at a time; one broker by itself', () => {
  const brokers = Array.from({ length: 250 }, (_, id) => sampleBroker(id));
  const topics = Array.from({ length: 3 }, (_, i) => ({
    name: `t${i}`,
    partitions: 1,
    replicationFactor: 1,
    state: 'ready' as const,
  }));
  const status = { ...sampleCluster(), name: 'demo', brokers, topics };
  return withServer({ cluster: (name) => (name === 'demo' ? status : undefined) }, async (get) => {
    const found = await pages(get, '/v1/clusters/demo/brokers');
    assert.equal(
      found.map(({ length }) => length),
      [100, 100, 50],
    );
    assert.equal(
      found.flat().map((one) => (one as { id: number }).id),
      brokers.map(({ id }) => id),
    );
    assert.equal((await pages(get, '/v1/clusters/demo/topics?limit=2')).map(namesOf), [['t0', 't1'], ['t2']]);
    assert.is(((await get('/v1/clusters/demo/brokers/249')).body as { id: number }).id, 249);
    for (const path of [
      'demo/brokers/250',
      'demo/brokers/00',
      'other/brokers',
      'other/topics',
      'other/revisions',
    ]) {
      assert.is((await get(`/v1/clusters/${path}`)).code, 'KM_API_NOT_FOUND', path);
    }
  });
});

test('revisions go back in time', () => {
  const revisions = [9, 8, 7].map((revision) => ({
    revision,
    digest: 'd',
    appliedAtMs: 0,
    author: 'ann',
    isCurrent: revision === 9,
  }));
  return withServer({ revisions: async () => revisions }, async (get) => {
    const found = await pages(get, '/v1/clusters/demo/revisions?limit=2');
    assert.equal(found, [revisions.slice(0, 2), revisions.slice(2)]);
  });
});

test('a query that is not as the document has it is refused, and names what is wrong', () =>
  withServer({}, async (get) => {
    for (const [path, wrong] of [
      ['/v1/clusters?limit=0', 'limit'],
      ['/v1/clusters?limit=1001', 'limit'],
      ['/v1/clusters?limit=1e2', 'limit'],
      ['/v1/clusters?limit=', 'limit'],
      ['/v1/clusters?limit=1&limit=2', 'limit'],
      ['/v1/clusters?lmit=1', 'lmit'],
      ['/v1/clusters?__proto__=1', '__proto__'],
      ['/v1/scheduler?pretty=1', 'pretty'],
      ['/v1/clusters/demo/brokers?after=-1', 'after'],
      ['/v1/events?after=x', 'after'],
      ['/v1/watch?after=1.5', 'after'],
    ] as const) {
      const { status, code, body } = await get(path);
      assert.equal([status, code], [400, 'KM_API_MALFORMED'], path);
      assert.match((body as ErrorAnswer).error.message, wrong, path);
    }
  }));

test('it is ready when it leads and is subscribed, or stands by for one that leads', async () => {
  const answer = (change: Partial<SchedulerService>) => {
    let got: Got | undefined;
    return withServer(change, async (get) => {
      got = await get('/v1/ready');
    }).then(() => got);
  };
  const { service } = readyService();
  const leading = await service.scheduler();
  assert.equal(await answer({ scheduler: () => leading }), {
    status: 200,
    body: { ready: true, leadership: 'leading' },
  });
  const cut = { state: 'not-subscribed', sinceMs: 0, why: 'secret detail' } as const;
  const leader = { id: 'a', host: 'b', apiUrl: 'http://127.0.0.1:1' };
  const standby = { ...leading, leadership: { state: 'standby', leader } } as const;
  assert.is((await answer({ scheduler: () => standby }))?.status, 200);
  for (const scheduler of [
    () => ({ ...leading, mesos: cut }),
    () => ({ ...leading, leadership: { state: 'standby' } as const }),
    () => Promise.reject(new UnavailableError('KM_UNAVAILABLE_STORE', 'secret detail')),
  ]) {
    const got = await answer({ scheduler });
    assert.equal([got?.status, got?.code], [503, 'KM_UNAVAILABLE_NOT_READY']);
    assert.not.match(JSON.stringify(got), 'secret');
  }
});

test.run();
