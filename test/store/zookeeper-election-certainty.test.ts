/** What a real ZooKeeper does not do when asked to: it answers so late that the session may be over. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { standForElection } from '../../src/store/zookeeper-election.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import type { ZooKeeperSession } from '../../src/zookeeper/session.ts';
import { createVirtualClock } from '../mesos/virtual-clock.ts';

test('who is first and not certain of its session leads once it is', async () => {
  const clock = createVirtualClock();
  const nodes: string[] = [];
  let certainForMs = 0;
  const session = {
    servers: 'zk',
    timeoutMs: () => 10_000,
    certainForMs: () => certainForMs,
    makePath: async () => {},
    ended: new Promise<never>(() => {}),
    onConnected: () => () => {},
    getChildren: async () => nodes,
    getData: async () => ({ data: Buffer.from('{}'), stat: {} }),
    create: async (path: string) => {
      nodes.push(`${path.split('/').at(-1)}0000000001`);
      return { kind: 'done', value: nodes[0] };
    },
  } as unknown as ZooKeeperSession;
  const self = { id: 'a', host: 'h', apiUrl: 'u', nonce: 'abc' };
  const { elected } = await standForElection(session, '/r', self, { logger: silentLogger, clock });
  let leads = false;
  const whenElected = elected().then(() => {
    leads = true;
  });
  for (let turns = 0; turns < 100; turns += 1) await new Promise(setImmediate);
  assert.not(leads, 'it may be that nobody knows of its session any more');
  certainForMs = 6_000;
  assert.equal(clock.pending(), [1_000], 'it looks again by itself');
  clock.advance(1_000);
  await whenElected;
});

test.run();
