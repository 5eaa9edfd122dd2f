import { hostname } from 'node:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createApiClient } from '../../src/api/client.ts';
import { startApiServer } from '../../src/api/server.ts';
import { followLeader } from '../../src/cli/follow-leader.ts';
import type { SchedulerService } from '../../src/model/api.ts';
import { ConflictError, NotLeaderError } from '../../src/model/errors.ts';
import type { Leader } from '../../src/model/leadership.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { clusterStatus, fakeService, specs, token } from '../api/fixtures.ts';

async function serve(change: Partial<SchedulerService>) {
  const { service, asked } = fakeService(change);
  const server = await startApiServer({
    service,
    specs,
    tokens: { write: token },
    listen: { host: '127.0.0.1', port: 0 },
    version: '1.2.3',
    logger: silentLogger,
  });
  return { server, asked };
}

const refusing = (leader: Leader | undefined): Partial<SchedulerService> => ({
  clusters: () => [clusterStatus({ name: 'as-the-standby-reads' })],
  apply: async () => {
    throw new NotLeaderError('this scheduler stands by', leader, 'ask the leader');
  },
});

const request = { files: [{ path: 'a.yaml', text: '' }], author: 'test' };

test('a write goes on to the leader, and so does what is asked after it', async () => {
  const leader = await serve({});
  const standby = await serve(refusing({ id: 'a', host: hostname(), apiUrl: leader.server.url }));
  const client = followLeader(createApiClient({ url: standby.server.url, token }), { token });
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
    const client = followLeader(createApiClient({ url: standby.server.url, token }), { token });
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

test.run();
