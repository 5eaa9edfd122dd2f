/**
 * Two schedulers on a real ensemble of three, brokers that are no Kafka: what a scheduler notices of members
 * that die is nothing as long as a majority lives, and a whole leadership when none does.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UnavailableError } from '../../src/model/errors.ts';
import { type RealZooKeeper, startEnsemble } from '../zookeeper/real-zookeeper.ts';
import { failureOf, openSession, until } from '../zookeeper/support.ts';
import { createTwoSchedulers, type Scheduler } from './two-schedulers.ts';

/** Much longer than an ensemble takes to elect its leader anew, on a busy machine too. */
const sessionTimeoutMs = 18_000;
const spec = `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: demo }
spec:
  # Stub brokers: nothing is fetched.
  kafka: { distribution: { uri: 'http://127.0.0.1:1/kafka.tgz', sha512: '${'0'.repeat(128)}' } }
  pools:
    - { name: main, roles: [broker, controller], ids: 0..2, cpus: 0.5, memory: 768MiB, heap: 320MiB, storage: { size: 1GiB } }
`;

const members = await startEnsemble();
const address = members.map((one) => one.address).join(',');
const world = await createTwoSchedulers({ stubBrokers: 3, store: { address, sessionTimeoutMs } });
const { one, two } = world;

const lines = (scheduler: Scheduler) =>
  scheduler
    .log()
    .split('\n')
    .filter((line) => line !== '')
    .map(
      (line) => JSON.parse(line) as { readonly level: string; readonly msg: string; readonly error?: string },
    );
const count = (scheduler: Scheduler, message: string) =>
  lines(scheduler).filter(({ msg }) => msg === message).length;
const complaints = (scheduler: Scheduler) =>
  lines(scheduler).filter(({ level }) => level === 'warn' || level === 'error');

const epoch = async () => {
  const session = openSession(address, { sessionTimeoutMs });
  try {
    return (await session.stat('/kafka-mesos/epoch'))?.version;
  } finally {
    await session.close();
  }
};

/** Tasks and processes of the brokers, as the leader knows them. */
const brokersOf = async (scheduler: Scheduler) =>
  ((await scheduler.api().cluster('demo'))?.brokers ?? []).map(({ id, state, taskId, jvmPid, agentId }) => ({
    id,
    state,
    taskId,
    jvmPid,
    agentId,
  }));

const firstSaying = async (mark: RegExp | string, command: 'srvr' | 'cons' | 'dump') => {
  for (const member of members) if ((await member.tell(command)).match(mark) !== null) return member;
  return undefined;
};

/** The session that holds the lowest candidate's node, as ZooKeeper says it: `0x1000…`. */
async function leaderSession(): Promise<string> {
  const dump = (await (await firstSaying('candidate-', 'dump'))?.tell('dump')) ?? '';
  const candidates = [...dump.matchAll(/^(0x[0-9a-f]+):\n((?:\t\S+\n)+)/gm)].flatMap(([, session, nodes]) =>
    [...(nodes ?? '').matchAll(/candidate-\S+-(\d{10})$/gm)].map(([, number]) => ({
      session: session ?? '',
      number: Number(number),
    })),
  );
  const [first] = candidates.sort((a, b) => a.number - b.number);
  if (first === undefined) throw new Error(`nobody stands for election: ${dump}`);
  return first.session;
}

const holderOf = (session: string) => firstSaying(`sid=${session},`, 'cons');
const ensembleLeader = () => firstSaying('Mode: leader', 'srvr');

let born: Awaited<ReturnType<typeof brokersOf>> = [];

test('a cluster runs, one scheduler leads and one stands by', async () => {
  one.start();
  await world.leads(one);
  two.start();
  await world.standsBy(two);
  await one.api().apply({ files: [{ path: 'demo.yaml', text: spec }], author: 'test' });
  await until(
    'the brokers run',
    async () => (await one.api().cluster('demo'))?.phase === 'converged',
    120_000,
  );
  born = await brokersOf(one);
  assert.equal(
    born.map(({ state }) => state),
    ['running', 'running', 'running'],
  );
});

for (const [which, choose] of [
  ['the member that the leader’s session is on', async () => holderOf(await leaderSession())],
  ['the member that leads the ensemble', ensembleLeader],
] as const) {
  test(`${which} dies: the session moves on, and nothing else happens`, async () => {
    const before = {
      session: await leaderSession(),
      epoch: await epoch(),
      pids: [one.process().pid, two.process().pid],
      subscribed: count(one, 'subscribed'),
      elected: count(one, 'elected') + count(two, 'elected'),
    };
    const doomed = (await choose()) as RealZooKeeper;
    await doomed.kill();
    await until('another member has the session', async () => {
      const holder = await holderOf(before.session);
      return holder !== undefined && holder !== doomed;
    });
    await until('a majority serves', async () => (await ensembleLeader()) !== undefined);
    // The store is written by who leads, under the epoch of before.
    await one.api().setIntent({
      clusterName: 'demo',
      brokerId: 1,
      intent: { kind: 'pause', author: 'test' },
    });
    await one.api().setIntent({ clusterName: 'demo', brokerId: 1 });

    assert.is(await one.state(), 'leading');
    assert.is(await two.state(), 'standby');
    assert.equal(
      {
        session: await leaderSession(),
        epoch: await epoch(),
        pids: [one.process().pid, two.process().pid],
        subscribed: count(one, 'subscribed'),
        elected: count(one, 'elected') + count(two, 'elected'),
      },
      before,
    );
    assert.equal([one.process().exitCode, two.process().exitCode], [null, null]);
    assert.equal(await brokersOf(one), born);
    assert.equal(complaints(one), [], 'a call was refused, or something failed');
    await doomed.start();
  });
}

test('a majority dies: nobody leads, the leader ends by 75; a majority is back: one leads again', async () => {
  const before = await epoch();
  const [first, second] = members as [RealZooKeeper, RealZooKeeper];
  await Promise.all([first.kill(), second.kill()]);
  await until('the leader has ended', () => one.process().exitCode !== null, 60_000);
  assert.is(one.process().exitCode, 75);
  const end = lines(one).findLast(({ msg }) => msg === 'the scheduler ends');
  // By its own count: ZooKeeper had nobody who could have ended the session.
  assert.match(end?.error ?? '', 'so long that the session may be over');
  // The standby lives on, leads nobody, and says whom it misses.
  const unknown = await failureOf(two.api(30_000).clusters());
  assert.instance(unknown, UnavailableError);
  assert.is((unknown as UnavailableError).code, 'KM_UNAVAILABLE_ZOOKEEPER');
  assert.is(two.process().exitCode, null);
  assert.is(count(two, 'elected'), 0);
  assert.equal(complaints(two), []);

  await Promise.all([first.start(), second.start()]);
  await world.leads(two);
  one.start();
  await world.standsBy(one);
  assert.is(await epoch(), (before ?? 0) + 1);
  await until(
    'the new leader has asked about every broker',
    async () => (await two.api().cluster('demo'))?.phase === 'converged',
  );
  assert.equal(await brokersOf(two), born);
  assert.is(count(two, 'subscribed'), 1);
});

test.after(async () => {
  await world.close();
  for (const member of members) await member.close();
});
test.run();
