/** What the session guards the library against, seen on a real ZooKeeper and on a peer that misbehaves. */
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { InvariantError, UnavailableError } from '../../src/model/errors.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { openZooKeeperSession } from '../../src/zookeeper/open-session.ts';
import { startProxy } from './proxy.ts';
import { startZooKeeper } from './real-zookeeper.ts';
import { failureOf, openSession, until } from './support.ts';

const zookeeper = await startZooKeeper();
const proxy = await startProxy(zookeeper.port);
const text = (value: string) => Buffer.from(value);

test('a transaction is done whole or not at all, and says which operation was refused', async () => {
  const session = openSession(zookeeper.address);
  await session.makePath('/multi/deep');
  const create = (path: string) => ({ kind: 'create', path, data: text('x') }) as const;
  assert.equal(await session.multi([create('/multi/a'), create('/multi/deep'), create('/multi/b')]), {
    kind: 'refused',
    at: 1,
    refusal: 'node-exists',
  });
  assert.equal(await session.getChildren('/multi'), ['deep']);
  const missing = { kind: 'remove', path: '/multi/none', version: 'any' } as const;
  assert.equal(await session.multi([create('/multi/a'), missing]), {
    kind: 'refused',
    at: 1,
    refusal: 'no-node',
  });
  const done = await session.multi([
    create('/multi/a'),
    { kind: 'set', path: '/multi/a', data: text('y'), version: 'any' },
  ]);
  assert.is(done.kind, 'done');
  const stat = await session.stat('/multi/a');
  assert.equal(done.kind === 'done' && done.stats[1], stat);
  assert.is(stat?.version, 1);
  assert.equal(await session.multi([{ kind: 'check', path: '/multi/a', version: 2 }]), {
    kind: 'refused',
    at: 0,
    refusal: 'bad-version',
  });
  // The library would take it for "any version".
  assert.instance(
    await failureOf(session.multi([{ kind: 'check', path: '/multi/a', version: 0 }])),
    InvariantError,
  );
  await session.close();
});

test('what a peer never answers fails in time, and the certainty of the session runs out before it can end', async () => {
  const session = openSession(proxy.address);
  await until('it is certain', () => session.certainForMs() > 0);
  assert.ok(session.certainForMs() <= (session.timeoutMs() * 2) / 3);
  proxy.silence();
  const error = await failureOf(session.getData('/'));
  assert.instance(error, UnavailableError);
  await until('no certainty is left', () => session.certainForMs() === 0);
  proxy.mend();
  await Promise.race([until('it is certain again', () => session.certainForMs() > 0), session.ended]);
  await session.close();
});

test('a frozen server is left for one that answers', async () => {
  const frozen = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
  await once(frozen, 'listening');
  const { port } = frozen.address() as AddressInfo;
  // In either order of the servers.
  for (let round = 0; round < 4; round += 1) {
    const session = openSession(`127.0.0.1:${port},${zookeeper.address}`);
    await until('it has found the other server', () => session.certainForMs() > 0);
    await session.close();
  }
  frozen.close();
});

test('a server that closes without a session owes none: nobody is said to be silent', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.destroy());
    // Only one connection; every later one is refused.
    server.close();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const closed = once(server, 'close');
  const warnings: string[] = [];
  let round: () => void = () => {};
  const session = openZooKeeperSession(
    { servers: [{ host: '127.0.0.1', port }], path: '/x' },
    {
      logger: { ...silentLogger, warn: (message) => void warnings.push(message) },
      clock: {
        ...systemClock,
        setTimer(_, next) {
          round = next;
          return { cancel() {} };
        },
      },
    },
  );
  await closed;
  let rounds = 0;
  await until('the watchdog has looked often enough', () => {
    round();
    rounds += 1;
    return rounds >= 20;
  });
  assert.equal(warnings, []);
  await session.close();
});

test('a server that speaks nonsense costs a connection, not the process', async () => {
  const sockets: Socket[] = [];
  let asked = 0;
  // A length without end, an answer to nobody, a cut-off connect response.
  const speeches = ['7fffffff', '0000000400000000', '00000010ffffffffffffffffffffffffffffffff', ''];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    const speech = Buffer.from(speeches[sockets.length % speeches.length] ?? '', 'hex');
    socket.once('data', () => {
      asked += 1;
      socket.end(speech);
    });
  })
    .listen(0, '127.0.0.1')
    // Where this test fails, the process ends nevertheless.
    .unref();
  await once(server, 'listening');
  const session = openSession(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  await until('it has tried again and again', () => sockets.length > 6);
  assert.is(session.certainForMs(), 0);
  await session.close();
  const before = asked;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  // What was on its way may have been read only then.
  assert.ok(asked - before <= 1, `it goes on after its end: ${asked - before} more`);
  server.close();
});

test('half an answer of one connection is not taken for the beginning of the next', async () => {
  let connections = 0;
  const server = createServer((near) => {
    connections += 1;
    near.on('error', () => {});
    if (connections === 1) {
      near.once('data', () => near.end(Buffer.from('0000002500000000', 'hex')));
      return;
    }
    const far = createConnection({ host: '127.0.0.1', port: zookeeper.port });
    far.on('error', () => {});
    near.pipe(far).pipe(near);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = openSession(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  assert.ok(await session.stat('/'));
  assert.is(connections, 2);
  await session.close();
  server.close();
});

test('closed, it answers nothing more, keeps no connection, and its ephemeral nodes are gone', async () => {
  const session = openSession(zookeeper.address);
  const watcher = openSession(zookeeper.address);
  await session.makePath('/closed');
  await session.create('/closed/c-', text(''), 'ephemeral-sequential');
  const waiting = failureOf(session.getData('/'));
  await session.close();
  await session.close();
  assert.instance(await waiting, UnavailableError);
  assert.is((await session.ended).kind, 'closed');
  assert.instance(await failureOf(session.getData('/')), UnavailableError);
  await until('the node is gone', async () => (await watcher.getChildren('/closed'))?.length === 0);
  await watcher.close();
  // Without a server at all, too.
  const lonely = openSession('127.0.0.1:1');
  await lonely.close();
});

test('a name for this machine and an IPv6 address are servers too', async () => {
  for (const address of [`localhost:${zookeeper.port}`, `[::1]:1,127.0.0.1:${zookeeper.port}`]) {
    const session = openSession(address);
    assert.ok(await session.stat('/'), address);
    await session.close();
  }
});

test.after(async () => {
  await proxy.close();
  await zookeeper.close();
});
test.run();
