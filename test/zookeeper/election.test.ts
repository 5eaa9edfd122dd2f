import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConflictError } from '../../src/model/errors.ts';
import type { Leadership } from '../../src/model/leadership.ts';
import { standForElection } from '../../src/store/zookeeper-election.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import type { ZooKeeperSession } from '../../src/zookeeper/session.ts';
import { startProxy } from './proxy.ts';
import { startZooKeeper } from './real-zookeeper.ts';
import { failureOf, openSession, until } from './support.ts';

const zookeeper = await startZooKeeper();
const proxy = await startProxy(zookeeper.port);
let roots = 0;
const freshRoot = () => {
  roots += 1;
  return `/election-${roots}`;
};

type Candidate = Leadership & { readonly id: string; readonly session: ZooKeeperSession };

async function stand(root: string, id: string, address = zookeeper.address): Promise<Candidate> {
  const session = openSession(address);
  const self = { id, host: 'h', apiUrl: `http://127.0.0.1/${id}`, nonce: id };
  return { id, session, ...(await standForElection(session, root, self, { logger: silentLogger })) };
}

const isElected = (candidate: Leadership) =>
  Promise.race([
    candidate.elected().then(() => true),
    new Promise((resolve) => setTimeout(resolve, 50, false)),
  ]);

test('one leads, whoever came first; each end lets the next one lead', async () => {
  const root = freshRoot();
  const all: Candidate[] = [];
  for (const id of ['a', 'b', 'c', 'd']) all.push(await stand(root, id));
  const [a, b, c, d] = all as [Candidate, Candidate, Candidate, Candidate];
  await a.elected();
  assert.ok(a.mayAct());
  assert.equal(
    [b, c, d].map((one) => one.mayAct()),
    [false, false, false],
  );
  assert.equal(await d.leader(), { id: 'a', host: 'h', apiUrl: 'http://127.0.0.1/a' });

  assert.is(await d.standbys(), 3);

  // One in the middle goes: nobody is elected by that, and the order stays.
  await c.session.close();
  assert.is(await isElected(d), false);
  assert.instance(await failureOf(c.elected()), ConflictError);

  await a.resign();
  assert.not.ok(a.mayAct());
  assert.is(await a.lost, 'it was given up');
  await b.elected();
  assert.is((await d.leader())?.id, 'b');
  assert.is(await b.standbys(), 1);
  assert.is(await isElected(d), false);
  await b.session.close();
  assert.not.ok(b.mayAct());
  await d.elected();
  for (const one of [a, d]) await one.session.close();
});

test('a leader that is cut off may not act any more before the next one is elected', async () => {
  const root = freshRoot();
  const first = await stand(root, 'first', proxy.address);
  await first.elected();
  const second = await stand(root, 'second');
  proxy.silence();
  let wereBoth = false;
  const watch = setInterval(() => {
    wereBoth ||= first.mayAct() && second.mayAct();
  }, 1);
  await second.elected();
  assert.not.ok(first.mayAct());
  assert.match(await first.lost, 'the session may be over');
  clearInterval(watch);
  assert.not.ok(wereBoth, 'two might act at once');
  // It finds out that its session is over, and stays out.
  proxy.mend();
  assert.is((await first.session.ended).kind, 'expired');
  assert.not.ok(first.mayAct());
  await second.session.close();
});

test('a leader that was stopped for a while may not act from its first instruction on', async () => {
  const leader = await stand(freshRoot(), 'stopped');
  await leader.elected();
  assert.ok(leader.mayAct());
  // Nothing of this process runs meanwhile: no timer, no socket.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, leader.session.timeoutMs());
  assert.not.ok(leader.mayAct());
  await leader.session.close();
});

test('a standby that is cut off for a moment stays a candidate', async () => {
  const root = freshRoot();
  const first = await stand(root, 'first');
  const second = await stand(root, 'second', proxy.address);
  proxy.cut();
  await first.session.close();
  proxy.mend();
  await second.elected();
  await second.session.close();
});

test('a candidature whose answer is lost does not stand twice', async () => {
  const root = freshRoot();
  const watcher = openSession(zookeeper.address);
  await watcher.makePath(`${root}/election`);
  const session = openSession(proxy.address);
  await new Promise<void>((resolve) => session.onConnected(resolve));
  const original = session.create;
  let swallowed = 0;
  const lossy: ZooKeeperSession = {
    ...session,
    create: (...args) => {
      swallowed += 1;
      if (swallowed === 1) {
        proxy.swallowAnswers();
        // It arrives; its answer, and every one after it, does not until the connection is cut.
        setTimeout(() => proxy.mend(), 200);
      }
      return original(...args);
    },
  };
  const self = { id: 'x', host: 'h', apiUrl: 'u', nonce: 'x' };
  const candidate = await standForElection(lossy, root, self, { logger: silentLogger });
  await candidate.elected();
  assert.is(swallowed, 1);
  assert.is((await watcher.getChildren(`${root}/election`))?.length, 1);
  await session.close();
  await watcher.close();
});

test('who removes the leader’s node deposes it', async () => {
  const root = freshRoot();
  const candidate = await stand(root, 'x');
  await candidate.elected();
  const [name] = (await candidate.session.getChildren(`${root}/election`)) ?? [];
  await candidate.session.remove(`${root}/election/${name}`);
  assert.is(await candidate.lost, 'its node was removed');
  assert.not.ok(candidate.mayAct());
  await candidate.session.close();
});

test('a short restart of ZooKeeper changes nothing', async () => {
  const root = freshRoot();
  const first = await stand(root, 'first');
  const second = await stand(root, 'second');
  await first.elected();
  await zookeeper.kill();
  await zookeeper.start();
  await until('one of them may act', () => first.mayAct() || second.mayAct());
  // On a slow machine the restart may take longer than the session is certain: then it is lost, and one of
  // them leads all the same, never both.
  assert.not.ok(first.mayAct() && second.mayAct());
  await first.session.close();
  await second.session.close();
});

test.after(async () => {
  await proxy.close();
  await zookeeper.close();
});
test.run();
