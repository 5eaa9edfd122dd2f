import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ApiClient, createApiClient } from '../../src/api/client.ts';
import { connect } from '../../src/cli/connect.ts';
import { makeHome } from '../../src/cli/home.ts';
import { askLeading } from '../../src/cli/several-schedulers.ts';
import type { SchedulerService, SchedulerStatus } from '../../src/model/api.ts';
import {
  ConflictError,
  type KafkaMesosError,
  NotLeaderError,
  UnavailableError,
} from '../../src/model/errors.ts';
import type { Leader } from '../../src/model/leadership.ts';
import { clusterStatus, fakeService, token } from '../api/fixtures.ts';
import { serveFake, testContext, withHome } from './run-cli.ts';

async function serve(change: Partial<SchedulerService>) {
  const { service, asked } = fakeService(change);
  return { server: await serveFake(service, token), asked };
}

const refusing = (leader: Leader | undefined): Partial<SchedulerService> => ({
  clusters: () => [clusterStatus({ name: 'as-the-standby-reads' })],
  apply: async () => {
    throw new NotLeaderError('this scheduler stands by', leader, 'ask the leader');
  },
});

/** As for one `--api` address. */
const clientFor = (first: string, clientOf = (url: string): ApiClient => createApiClient({ url, token })) =>
  askLeading(async () => [first], { first, clientOf });

const request = { files: [{ path: 'a.yaml', text: '' }], author: 'test' };

test('a write goes on to the leader, and so does what is asked after it', async () => {
  const leader = await serve({});
  const standby = await serve(refusing({ id: 'a', host: hostname(), apiUrl: leader.server.url }));
  const client = clientFor(standby.server.url);
  assert.equal(
    (await client.clusters()).map(({ name }) => name),
    ['as-the-standby-reads'],
  );
  assert.is((await client.apply(request)).clusters[0]?.name, 'demo');
  assert.equal(
    leader.asked.map(({ method }) => method),
    ['apply'],
  );
  assert.equal(
    (await client.clusters()).map(({ name }) => name),
    ['demo'],
  );
  await leader.server.close();
  await standby.server.close();
});

test('a leader elsewhere, or none, is named and not followed', async () => {
  const trap = await serve({});
  for (const leader of [
    { id: 'a', host: 'another-machine', apiUrl: trap.server.url },
    { id: 'a', host: hostname(), apiUrl: 'http://192.0.2.1:1' },
    { id: 'a', host: hostname(), apiUrl: 'nonsense' },
    undefined,
  ]) {
    const standby = await serve(refusing(leader));
    const client = clientFor(standby.server.url);
    const error = await client.apply(request).then(
      () => assert.unreachable('it was applied'),
      (reason: unknown) => reason,
    );
    assert.instance(error, ConflictError);
    assert.is((error as ConflictError).code, 'KM_CONFLICT_NOT_LEADER');
    assert.equal((error as NotLeaderError).leader, leader);
    await standby.server.close();
  }
  assert.equal(trap.asked, []);
  await trap.server.close();
});

const standsBy: Pick<SchedulerService, 'scheduler'> = {
  scheduler: async () => ({ leadership: { state: 'standby' } }) as SchedulerStatus,
};

test('when the leader it went over to dies, the first address is asked who leads now', async () => {
  const old = await serve({});
  const next = await serve({});
  let leader: Leader | undefined = { id: 'old', host: hostname(), apiUrl: old.server.url };
  const standby = await serve({
    ...standsBy,
    clusters: () => [clusterStatus({ name: 'as-the-standby-reads' })],
    apply: async () => {
      throw new NotLeaderError('this scheduler stands by', leader, 'ask the leader');
    },
  });
  const client = clientFor(standby.server.url);
  await client.apply(request);
  await old.server.close();
  // Nobody has noticed yet: the one that is said to lead is the one that is away.
  const away = await client.apply(request).catch((error: unknown) => error);
  assert.instance(away, UnavailableError);
  assert.match((away as Error).message, `no scheduler is running at ${old.server.url}`);
  leader = undefined;
  const nobody = await client.apply(request).catch((error: unknown) => error);
  assert.instance(nobody, NotLeaderError);
  assert.is((await client.clusters())[0]?.name, 'as-the-standby-reads');
  leader = { id: 'next', host: hostname(), apiUrl: next.server.url };
  await client.apply(request);
  assert.is((await client.clusters())[0]?.name, 'demo');
  await next.server.close();
  await standby.server.close();
  const gone = (await client.clusters().catch((error: unknown) => error)) as KafkaMesosError;
  assert.match(gone.message, `none of the schedulers answers: no scheduler is running at ${next.server.url}`);
});

test('the leader gets the patience that was asked for', async () => {
  const leader = await serve({ apply: () => new Promise(() => {}) });
  const standby = await serve(refusing({ id: 'a', host: hostname(), apiUrl: leader.server.url }));
  await withHome(async (home) => {
    await makeHome(home);
    await writeFile(home.tokenFile, token, { mode: 0o600 });
    const client = await connect(testContext({ home }), { api: standby.server.url, timeoutMs: 100 });
    const late = await client.apply(request).catch((error: unknown) => error);
    assert.match((late as Error).message, `${leader.server.url} did not answer within 0.1 s`);
  });
  await standby.server.close();
  await leader.server.close();
});

test('the first address may lead by then, and a write that may have been done is not repeated', async () => {
  let isLeading = false;
  const first = await serve({
    scheduler: async () => ({ leadership: { state: isLeading ? 'leading' : 'standby' } }) as SchedulerStatus,
    apply: async () => {
      if (isLeading) return { clusters: [], warnings: [] };
      throw new NotLeaderError(
        'this scheduler stands by',
        { id: 'a', host: hostname(), apiUrl: leader.server.url },
        'ask the leader',
      );
    },
  });
  let isDying = false;
  const asked: string[] = [];
  const leader = await serve({
    apply: async () => {
      if (isDying) await leader.server.close();
      return { clusters: [], warnings: [] };
    },
  });
  const client = clientFor(first.server.url, (url) => {
    asked.push(url);
    return createApiClient({ url, token });
  });
  await client.apply(request);
  [isDying, isLeading] = [true, true];
  const lost = await client.apply(request).catch((error: unknown) => error);
  assert.instance(lost, UnavailableError);
  assert.is((lost as UnavailableError).outcome, 'unknown');
  assert.is(asked.at(-1), leader.server.url);
  await client.apply(request);
  assert.is(asked.at(-1), first.server.url);
  await first.server.close();
});

type Fake = { state: 'leading' | 'standby' | 'away'; writes: number; reads: number };

function fakeClient(fake: Fake, onWrite: () => void = () => {}): ApiClient {
  const away = () => new UnavailableError('KM_UNAVAILABLE_SCHEDULER', 'away', { outcome: 'not-sent' });
  return {
    scheduler: async () => {
      if (fake.state === 'away') throw away();
      return { leadership: { state: fake.state } } as SchedulerStatus;
    },
    clusters: async () => {
      if (fake.state === 'away') throw away();
      fake.reads += 1;
      return [];
    },
    apply: async () => {
      if (fake.state === 'away') throw away();
      onWrite();
      if (fake.state === 'standby') throw new NotLeaderError('stands by', undefined, 'ask the leader');
      fake.writes += 1;
      return { clusters: [], warnings: [] };
    },
  } as unknown as ApiClient;
}

test('of several schedulers the one that leads is asked, and the next one when it is gone', async () => {
  const a: Fake = { state: 'standby', writes: 0, reads: 0 };
  const b: Fake = { state: 'leading', writes: 0, reads: 0 };
  const chosen: string[] = [];
  const client = askLeading(async () => ['a', 'b'], {
    clientOf: (url) => fakeClient(url === 'a' ? a : b),
    chosen: (url) => chosen.push(url),
  });
  const request = { files: [], author: 'ann' };
  await client.clusters();
  await client.apply(request);
  assert.equal([a.writes, a.reads, b.writes, b.reads], [0, 0, 1, 1]);
  [a.state, b.state] = ['leading', 'away'];
  await client.apply(request);
  await client.clusters();
  assert.equal([a.writes, a.reads], [1, 1]);
  // One that hands over says so, and what it refused is asked of the other one.
  [a.state, b.state] = ['standby', 'leading'];
  await client.apply(request);
  assert.is(b.writes, 2);
  // Nobody leads: what is stored can be read, and nothing is written.
  b.state = 'standby';
  await client.clusters();
  const refused = await client.apply(request).catch((error: unknown) => error);
  assert.instance(refused, NotLeaderError);
  [a.state, b.state] = ['away', 'away'];
  const away = await client.clusters().catch((error: KafkaMesosError) => error);
  assert.match((away as KafkaMesosError).message, 'none of the schedulers answers: away; away');
  assert.equal(chosen.slice(0, 3), ['b', 'a', 'b']);
});

test('a write that may have been done is not repeated', async () => {
  const a: Fake = { state: 'leading', writes: 0, reads: 0 };
  const b: Fake = { state: 'leading', writes: 0, reads: 0 };
  let tries = 0;
  const lost = () => {
    tries += 1;
    throw new UnavailableError('KM_UNAVAILABLE_SCHEDULER', 'broke off', { outcome: 'unknown' });
  };
  const client = askLeading(async () => ['a', 'b'], {
    clientOf: (url) => (url === 'a' ? fakeClient(a, lost) : fakeClient(b)),
  });
  const error = await client.apply({ files: [], author: 'ann' }).catch((reason: unknown) => reason);
  assert.instance(error, UnavailableError);
  assert.equal([tries, b.writes], [1, 0]);
});

test.run();
