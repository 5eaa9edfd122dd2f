import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConflictError, ProtocolError, UnavailableError } from '../../src/model/errors.ts';
import { recordPaths, type Store } from '../../src/model/store.ts';
import { openZooKeeperStore } from '../../src/store/zookeeper-store.ts';
import type { ZooKeeperSession } from '../../src/zookeeper/session.ts';
import { rejects, testStoreConformance } from '../store/conformance.ts';
import { startProxy } from './proxy.ts';
import { startZooKeeper } from './real-zookeeper.ts';
import { failureOf, openSession, until } from './support.ts';

const zookeeper = await startZooKeeper();
const proxy = await startProxy(zookeeper.port);
let roots = 0;
const freshRoot = () => {
  roots += 1;
  return `/prod/kafka-mesos-${roots}`;
};

testStoreConformance({
  name: 'ZooKeeper store',
  manyWriters: true,
  runs: 15,
  async create() {
    const root = freshRoot();
    const sessions: ZooKeeperSession[] = [];
    return {
      async connect() {
        const session = openSession(zookeeper.address);
        sessions.push(session);
        return openZooKeeperStore(session, root);
      },
      async dispose() {
        for (const session of sessions) await session.close();
      },
    };
  },
});

async function withStore(
  body: (store: Store, session: ZooKeeperSession, root: string) => Promise<void>,
  options: { readonly address?: string; readonly credentials?: string } = {},
) {
  const root = freshRoot();
  const session = openSession(options.address ?? zookeeper.address, options);
  try {
    await body(await openZooKeeperStore(session, root), session, root);
  } finally {
    await session.close();
  }
}

test('a removed record takes with it the nodes that were only there for it', () =>
  withStore(async (store, session, root) => {
    await store.claim();
    const version = await store.write(recordPaths.broker('orders', 1), {}, 0);
    const kept = await store.write('clusters/orders', {}, 0);
    await store.remove(recordPaths.broker('orders', 1), version);
    assert.equal(await session.getChildren(`${root}/records/clusters/orders`), []);
    await store.remove('clusters/orders', kept);
    assert.equal(await session.getChildren(`${root}/records`), []);
  }));

test('with credentials only their owner reads and writes, and they are in no error', () =>
  withStore(
    async (store, _session, root) => {
      await store.claim();
      const version = await store.write('framework', { secret: 1 }, 0);
      await store.write(recordPaths.spec('orders'), {}, 0);
      for (const credentials of [undefined, 'kafka:wrong', 'other:hunter2']) {
        const stranger = openSession(zookeeper.address, credentials === undefined ? {} : { credentials });
        const theirs = await openZooKeeperStore(stranger, root);
        for (const call of [
          () => theirs.read('framework'),
          () => theirs.list('clusters/orders'),
          () => theirs.claim(),
          () => stranger.setData(`${root}/records/framework`, Buffer.from('x')),
          () => stranger.create(`${root}/records/other`, Buffer.from('x'), 'persistent'),
          () => stranger.remove(`${root}/epoch`),
        ]) {
          const error = await failureOf(call());
          assert.instance(error, ProtocolError);
          assert.is((error as ProtocolError).code, 'KM_PROTOCOL_ZOOKEEPER_ACCESS');
          assert.not.match(String((error as Error).stack), /hunter2|wrong/);
        }
        await stranger.close();
      }
      assert.equal(await store.read('framework'), { value: { secret: 1 }, version });
    },
    { credentials: 'kafka:hunter2' },
  ));

type Answers = { lose(): void; mend(): void };

/** Through the proxy: after `lose()` each change of a node arrives and its answer does not. Looks have theirs until then. */
const withLossyStore = (
  body: (store: Store, answers: Answers, session: ZooKeeperSession, root: string) => Promise<void>,
) =>
  withStore(
    async (_store, session, root) => {
      let losing = false;
      const lossy =
        <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) =>
        (...args: Args) => {
          if (losing) proxy.swallowAnswers();
          return call(...args);
        };
      const changing = { multi: lossy(session.multi), setData: lossy(session.setData) };
      const store = await openZooKeeperStore({ ...session, ...changing }, root);
      const answers: Answers = {
        lose() {
          losing = true;
        },
        mend() {
          losing = false;
          proxy.mend();
        },
      };
      await body(store, answers, session, root);
    },
    { address: proxy.address },
  );

test('a write whose answer is lost has an unknown outcome; it is there, and is not done twice', () =>
  withLossyStore(async (store, answers) => {
    await store.claim();
    const first = await store.write('framework', 'first', 0);
    answers.lose();
    const error = await failureOf(store.write('framework', 'second', first));
    answers.mend();
    assert.instance(error, UnavailableError);
    assert.is((error as UnavailableError).outcome, 'unknown');
    const written = await store.read('framework');
    assert.is(written?.value, 'second');
    await rejects(store.write('framework', 'again', first), ConflictError, 'KM_CONFLICT_VERSION');
    assert.equal(await store.read('framework'), written);
  }));

test('a claim whose answer is lost is there, and gives nothing: the writer has to claim again', () =>
  withLossyStore(async (store, answers, session, root) => {
    const epoch = await store.claim();
    const version = await store.write('framework', 1, 0);
    answers.lose();
    const error = await failureOf(store.claim());
    answers.mend();
    assert.instance(error, UnavailableError);
    assert.is((error as UnavailableError).outcome, 'unknown');
    assert.is((await session.stat(`${root}/epoch`))?.version, epoch + 1);
    await rejects(store.write('framework', 2, version), ConflictError, 'KM_CONFLICT_FENCED');
    assert.equal(await store.read('framework'), { value: 1, version });
    assert.is(await store.claim(), epoch + 2);
    await store.write('framework', 3, version);
  }));

test('what was asked while there is no connection is refused as not sent, and is not sent later', () =>
  withStore(
    async (store, session) => {
      await store.claim();
      const version = await store.write('framework', 'before', 0);
      proxy.cut();
      const error = await failureOf(store.write('framework', 'while cut', version));
      assert.instance(error, UnavailableError);
      const back = new Promise<void>((resolve) => session.onConnected(resolve));
      proxy.mend();
      await Promise.race([back, session.ended]);
      const direct = openSession(zookeeper.address);
      const reader = await openZooKeeperStore(direct, `/prod/kafka-mesos-${roots}`);
      assert.equal(await reader.read('framework'), { value: 'before', version });
      await direct.close();
    },
    { address: proxy.address },
  ));

test('when the session has expired every call fails, for good', () =>
  withStore(
    async (store, session, root) => {
      await store.claim();
      const version = await store.write('framework', 'before', 0);
      const watcher = openSession(zookeeper.address);
      await watcher.makePath(`${root}-alive`);
      await session.create(`${root}-alive/s-`, Buffer.from(''), 'ephemeral-sequential');
      proxy.silence();
      await until(
        'the server has forgotten the session',
        async () => (await watcher.getChildren(`${root}-alive`))?.length === 0,
      );
      assert.is(session.certainForMs(), 0);
      proxy.mend();
      assert.is((await session.ended).kind, 'expired');
      const code = 'KM_UNAVAILABLE_ZOOKEEPER_SESSION';
      await rejects(store.write('framework', 'after', version), UnavailableError, code);
      await rejects(store.read('framework'), UnavailableError, code);
      await rejects(store.claim(), UnavailableError, code);
      const next = await openZooKeeperStore(watcher, root);
      await rejects(next.write('framework', 'after', version), ConflictError, 'KM_CONFLICT_FENCED');
      await next.claim();
      await next.write('framework', 'after', version);
      await watcher.close();
    },
    { address: proxy.address },
  ));

test('records outlive ZooKeeper, and so do session and epoch when it is quick', () =>
  withStore(async (store) => {
    await store.claim();
    const version = await store.write('framework', 'kept', 0);
    await zookeeper.kill();
    await zookeeper.start();
    await until('it answers again', () =>
      store.read('framework').then(
        () => true,
        () => false,
      ),
    );
    assert.equal(await store.read('framework'), { value: 'kept', version });
    await store.write('framework', 'more', version);
  }));

test('an epoch that is missing beside records is not begun anew', () =>
  withStore(async (store, session, root) => {
    await store.claim();
    await store.write('framework', 1, 0);
    await session.remove(`${root}/epoch`);
    await rejects(store.claim(), ProtocolError, 'KM_PROTOCOL_STORE_EPOCH');
  }));

test('a node that holds no record is told by its name', () =>
  withStore(async (store, session, root) => {
    await store.claim();
    await store.write('framework', 1, 0);
    await session.setData(`${root}/records/framework`, Buffer.from('{"format":9}'));
    const error = await failureOf(store.read('framework'));
    assert.instance(error, ProtocolError);
    assert.match((error as Error).message, `${root}/records/framework cannot be used: its format is 9`);
  }));

test.after(async () => {
  await proxy.close();
  await zookeeper.close();
});
test.run();
