/**
 * Two schedulers, a real ZooKeeper and real brokers: whatever becomes of the leader, the other one takes over
 * in time and no broker notices.
 */
import { readFileSync } from 'node:fs';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NotLeaderError } from '../../src/model/errors.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { startProxy } from '../zookeeper/proxy.ts';
import { failureOf, openSession, until } from '../zookeeper/support.ts';
import { threeBrokers } from './harness.ts';
import {
  createTwoSchedulers,
  type Scheduler,
  sessionTimeoutMs,
  takeoverMs,
  tickMs,
} from './two-schedulers.ts';
import { readBack, startWriter, type Writer } from './writer.ts';

const world = await createTwoSchedulers();
const { one, two } = world;
const watcher = openSession(world.zookeeper);
let writer: Writer | undefined;
let born: readonly unknown[] = [];

/** What must not change: each broker's task, and its process with its time of birth. */
const identities = (status: ClusterStatus) =>
  status.brokers.map(({ id, taskId, jvmPid, agentId }) => {
    const stat = readFileSync(`/proc/${jvmPid}/stat`, 'utf8');
    return [id, taskId, agentId, jvmPid, stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]];
  });

const statusOf = async (scheduler: Scheduler) => {
  const found = await scheduler.api().cluster('demo');
  if (found === undefined) throw new Error(`${scheduler.name} knows no cluster`);
  return found;
};

const converges = (scheduler: Scheduler, timeoutMs = 60_000) =>
  until(
    `${scheduler.name} sees the cluster converged`,
    () =>
      statusOf(scheduler).then(
        (status) => status.phase === 'converged',
        () => false,
      ),
    timeoutMs,
  );

const logged = (scheduler: Scheduler, message: string) =>
  scheduler
    .log()
    .split('\n')
    .filter((line) => line.includes(`"${message}"`));

/** The node by which the leader leads, seen by a session of our own. */
async function leadersNode() {
  const election = '/kafka-mesos/election';
  const names = (await watcher.getChildren(election)) ?? [];
  const [name] = [...names].sort((a, b) => Number(a.slice(-10)) - Number(b.slice(-10)));
  assert.ok(name, 'nobody stands for election');
  const isThere = async () => (await watcher.stat(`${election}/${name}`)) !== undefined;
  /** Resolves to whether it was still there when `path` had changed: what a session is told, it sees no older. */
  const whenChanged = async (path: string): Promise<() => Promise<boolean>> => {
    let was: boolean | undefined;
    await watcher.getData(path, () => {
      void isThere().then((there) => {
        was = there;
      });
    });
    return async () => {
      await until(`${path} has changed`, () => was !== undefined);
      return was === true;
    };
  };
  const wasThereAtClaim = await whenChanged('/kafka-mesos/epoch');

  return {
    isThere,
    whenGone: () => until('the old leader’s node is gone', async () => !(await isThere())),
    /**
     * Call it when the leader has done its last. No clock of ours can say that its node went in time without failing
     * on a slow machine; ZooKeeper's can: sessions end in the order of its ticks, and one with the timeout that was
     * asked for, heard of a tick later, ends after the leader's.
     */
    async wentInTime(): Promise<void> {
      const proxy = await startProxy(Number(world.zookeeper.split(':')[1]));
      const later = openSession(proxy.address, { sessionTimeoutMs });
      try {
        await later.makePath('/later');
        const made = await later.create('/later/s-', Buffer.from(''), 'ephemeral-sequential');
        assert.is(made.kind, 'done');
        const outlives = await whenChanged(made.kind === 'done' ? made.value : '');
        await wait(tickMs);
        await later.stat('/later');
        assert.is(later.timeoutMs(), sessionTimeoutMs);
        proxy.silence();
        assert.is(await outlives(), false, 'the old leader’s session outlived the session timeout');
        assert.is(
          await wasThereAtClaim(),
          false,
          'the store was claimed before the old leader’s node was gone',
        );
      } finally {
        await proxy.close();
        await later.close();
      }
    },
  };
}

/**
 * Has Mesos say something that a leader answers: an agent where nothing runs comes back as a new one, and is offered.
 */
async function provoke(): Promise<void> {
  const spare = world.mesos.agents().find(({ containers }) => containers.length === 0);
  if (spare === undefined) throw new Error('there is no spare agent');
  await world.mesos.stopAgent(spare.name, 'gone');
  await world.mesos.startAgent(spare.name, true);
}

/** Waits until `next` leads and acts, and says how long after `sinceMs` it was elected. */
async function takesOver(next: Scheduler, sinceMs: number): Promise<void> {
  await world.leads(next);
  const elected = logged(next, 'elected').at(-1) ?? '{}';
  const electedMs = Date.parse((JSON.parse(elected) as { time: string }).time);
  process.stdout.write(
    `  ${next.name} was elected after ${electedMs - sinceMs} ms of at most ${takeoverMs}\n`,
  );
  await converges(next);
  assert.equal(identities(await statusOf(next)), born);
  assert.equal([...(writer?.errors ?? [])], [], 'the open producer noticed');
  assert.is(writer?.disconnects(), 0, 'the open producer lost a connection');
}

test('one leads and brings the cluster up; the other stands by, reads, and names the leader', async () => {
  one.start();
  await world.leads(one);
  two.start();
  await world.standsBy(two);
  const files = [{ path: 'demo.yaml', text: threeBrokers() }];
  const refused = await failureOf(two.api().apply({ files, author: 'test' }));
  assert.instance(refused, NotLeaderError);
  const { api } = JSON.parse(logged(one, 'scheduler started').at(-1) ?? '{}') as { api: string };
  assert.is((refused as NotLeaderError).leader?.apiUrl, api);

  await one.api().apply({ files, author: 'test' });
  await converges(one, 240_000);
  const status = await statusOf(one);
  born = identities(status);
  // What Prometheus sums over both is not summed twice.
  const [led, stood] = [await one.metrics(), await two.metrics()];
  for (const page of [led, stood]) assert.match(page, /^kafka_mesos_standbys 1$/m);
  assert.match(led, /^kafka_mesos_leading 1$/m);
  assert.match(led, /^kafka_mesos_brokers{cluster="demo",state="running"} 3$/m);
  assert.match(led, /^kafka_mesos_partitions_offline{cluster="demo"} 0$/m);
  assert.match(led, /^kafka_mesos_starts_total{cluster="demo",kind="first"} 3$/m);
  assert.match(stood, /^kafka_mesos_leading 0$/m);
  assert.match(stood, /^kafka_mesos_store_operations_total{operation="read",result="ok"} \d+$/m);
  assert.not.match(stood, 'cluster="demo"');
  await until('the standby has read what the leader stored', async () => {
    const read = await statusOf(two);
    return read.brokers.every(({ state }) => state === 'running');
  });
  const read = await statusOf(two);
  assert.is(read.revision, status.revision);
  assert.equal(
    read.brokers.map(({ id, taskId, jvmPid }) => [id, taskId, jvmPid]),
    status.brokers.map(({ id, taskId, jvmPid }) => [id, taskId, jvmPid]),
  );
  assert.ok(
    read.conditions.every(({ reason, message }) => reason === 'Unknown' && message.includes('leads')),
  );
  assert.equal(
    read.topics.map(({ state }) => state),
    ['unknown'],
  );
  assert.is((await two.api().spec('demo'))?.revision, status.revision);
  writer = await startWriter(status.bootstrap, 'events', 3);
  const sent = one.sent().length;
  await provoke();
  await until('the leader answers an offer', () => one.sent().length > sent);
});

test('the leader is killed', async () => {
  const old = await leadersNode();
  const atMs = Date.now();
  one.process().kill('SIGKILL');
  await Promise.all([old.wentInTime(), takesOver(two, atMs)]);
  one.start();
  await world.standsBy(one);
});

test('the leader is stopped, and goes on later: it ends without a call', async () => {
  const old = await leadersNode();
  const atMs = Date.now();
  two.process().kill('SIGSTOP');
  // What it finds when it goes on, before the word that another one has subscribed.
  await provoke();
  await Promise.all([old.wentInTime(), takesOver(one, atMs)]);
  const subscribed = logged(one, 'subscribed').length;
  const sent = two.sent().length;
  two.process().kill('SIGCONT');
  assert.is(await two.exit(), 75);
  assert.equal(two.sent().slice(sent), [], 'it called Mesos all the same');
  assert.is(await one.state(), 'leading');
  assert.is(logged(one, 'subscribed').length, subscribed);
  await converges(one);
  assert.equal(identities(await statusOf(one)), born);
  two.start();
  await world.standsBy(two);
});

test('the leader is cut from ZooKeeper, in silence', async () => {
  const old = await leadersNode();
  const atMs = Date.now();
  one.proxy.silence();
  const ended = one.exit();
  let goesOn = true;
  /** It has something to answer all the time. */
  const provoked = (async () => {
    while (goesOn) {
      await provoke();
      await wait(tickMs);
    }
  })();
  const saysNothingMore = async () => {
    try {
      await old.whenGone();
      // What had come by then is read in this turn.
      await turn();
      const sent = one.sent().length;
      assert.is(await ended, 75);
      assert.equal(one.sent().slice(sent), [], 'it called Mesos after the end of its session');
    } finally {
      goesOn = false;
      await provoked;
    }
  };
  await Promise.all([old.wentInTime(), saysNothingMore(), takesOver(two, atMs)]);
  assert.is(await two.state(), 'leading');
  one.proxy.mend();
  one.start();
  await world.standsBy(one);
});

test('the leader is told to stop: the other one leads at once', async () => {
  const old = await leadersNode();
  const atMs = Date.now();
  two.process().kill('SIGTERM');
  assert.is(await two.exit(), 0);
  assert.not.ok(await old.isThere(), 'it left its node to the session timeout');
  await takesOver(one, atMs);
});

test('every acknowledged record is there', async () => {
  const acknowledged = writer?.acknowledged ?? new Set();
  await writer?.stop();
  const { bootstrap } = await statusOf(one);
  const found = new Set(await readBack(bootstrap, 'events'));
  assert.ok(acknowledged.size > 100);
  assert.equal(
    [...acknowledged].filter((value) => !found.has(value)),
    [],
  );
});

test('a broker that is killed is seen in the connections of an open producer', async () => {
  const { bootstrap, brokers } = await statusOf(one);
  const witness = await startWriter(bootstrap, 'events', 3);
  try {
    assert.is(witness.disconnects(), 0);
    process.kill(brokers[0]?.jvmPid ?? 0, 'SIGKILL');
    await until('a connection is over', () => witness.disconnects() > 0);
  } finally {
    await witness.stop({ giveUp: true });
  }
});

test.after(async () => {
  await watcher.close();
  await world.close();
});
test.run();
