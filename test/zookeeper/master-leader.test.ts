/** Detection of the leading master against a real ZooKeeper, with nodes as Mesos makes them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { detectLeader, type LeaderDetector } from '../../src/mesos/leader.ts';
import { ProtocolError, UnavailableError } from '../../src/model/errors.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import type { ZooKeeperSession } from '../../src/zookeeper/session.ts';
import { startProxy } from './proxy.ts';
import { startZooKeeper } from './real-zookeeper.ts';
import { failureOf, openSession, registerMaster, until } from './support.ts';

const zookeeper = await startZooKeeper();
const proxy = await startProxy(zookeeper.port);

const register = (session: ZooKeeperSession, path: string, ip: string) =>
  registerMaster(session, path, { ip });

const detect = (address: string, path: string): LeaderDetector =>
  detectLeader(`zk://${address}${path}`, { logger: silentLogger, sessionTimeoutMs: 1_000 });

/** The leader that it told of last. */
function follow(detector: LeaderDetector): () => string | undefined {
  let last: string | undefined;
  detector.onChange(({ host, port }) => {
    last = `${host}:${port}`;
  });
  return () => last;
}

test('the master with the lowest number leads; when it goes, the next does', async () => {
  const [one, two] = [openSession(zookeeper.address), openSession(zookeeper.address)];
  const detector = detect(zookeeper.address, '/prod/mesos');
  const leader = follow(detector);
  const none = await failureOf(detector.current());
  assert.instance(none, UnavailableError);
  assert.match((none as Error).message, 'no master leads under /prod/mesos');

  await one.makePath('/prod/mesos/log_replicas');
  const first = await register(one, '/prod/mesos', '10.0.0.1');
  assert.match(first, /^\/prod\/mesos\/json\.info_\d{10}$/);
  await register(two, '/prod/mesos', '10.0.0.2');
  assert.equal(await detector.current(), { host: '10.0.0.1', port: 5050 });

  await one.close();
  await until('it was told of the second', () => leader() === '10.0.0.2:5050');
  assert.equal(await detector.current(), { host: '10.0.0.2', port: 5050 });
  await two.close();
  await until('nobody leads', async () =>
    detector.current().then(
      () => false,
      () => true,
    ),
  );
  detector.close();
});

test('it follows over ZooKeeper’s end and return, and over the end of its own session', async () => {
  const masters = openSession(zookeeper.address, { sessionTimeoutMs: 5_000 });
  await register(masters, '/mesos', '10.0.0.1');
  const detector = detect(proxy.address, '/mesos');
  const leader = follow(detector);
  await until('it has found the first', () => leader() === '10.0.0.1:5050');

  await zookeeper.kill();
  await zookeeper.start();
  const others = openSession(zookeeper.address, { sessionTimeoutMs: 5_000 });
  await register(others, '/mesos', '10.0.0.2');
  await masters.close();
  await until('the watch has outlived the connection', () => leader() === '10.0.0.2:5050');

  // Its session ends while nothing gets through, and the leader changes meanwhile.
  proxy.silence();
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  const third = openSession(zookeeper.address);
  await register(third, '/mesos', '10.0.0.3');
  await others.close();
  proxy.mend();
  await until('a new session has found the third', () => leader() === '10.0.0.3:5050');
  detector.close();
  await third.close();
});

test('credentials that may read are needed where the masters set an ACL, and are in no error', async () => {
  const master = openSession(zookeeper.address, { credentials: 'mesos:hunter2' });
  await register(master, '/secured', '10.0.0.1');
  const allowed = detect(`mesos:hunter2@${zookeeper.address}`, '/secured');
  assert.equal(await allowed.current(), { host: '10.0.0.1', port: 5050 });
  allowed.close();
  for (const credentials of ['', 'mesos:wrong@']) {
    const refused = detect(credentials + zookeeper.address, '/secured');
    const error = await failureOf(refused.current());
    assert.instance(error, ProtocolError);
    assert.match((error as Error).message, 'ZooKeeper forbids reading /secured');
    assert.not.match(String((error as Error).stack), 'wrong');
    refused.close();
  }
  await master.close();
});

test('an entry that is no master is a ProtocolError', async () => {
  const session = openSession(zookeeper.address);
  await session.makePath('/odd');
  await session.create('/odd/json.info_', Buffer.from('{}'), 'ephemeral-sequential');
  const detector = detect(zookeeper.address, '/odd');
  assert.instance(await failureOf(detector.current()), ProtocolError);
  detector.close();
  await session.close();
});

test.after(async () => {
  await proxy.close();
  await zookeeper.close();
});
test.run();
