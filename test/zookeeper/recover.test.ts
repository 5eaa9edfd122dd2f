/** A lost store made again in a real ZooKeeper: what was written is what a scheduler then reads. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Recovery, writeRecovery } from '../../src/cli/recover-store.ts';
import { ConflictError, UnavailableError } from '../../src/model/errors.ts';
import { recordPaths, type Store } from '../../src/model/store.ts';
import { loadMemory } from '../../src/reconciler/memory.ts';
import { openZooKeeperStore } from '../../src/store/zookeeper-store.ts';
import { makeCluster, makeDesired, makeRecord, makeSpec } from '../plan/builders.ts';
import { startZooKeeper } from './real-zookeeper.ts';
import { failureOf, openSession } from './support.ts';

const zookeeper = await startZooKeeper();
const desired = makeDesired();
const recovery: Recovery = {
  recovered: {
    framework: { schema: 1, frameworkId: 'F' },
    clusters: [
      {
        spec: makeSpec(desired),
        cluster: makeCluster(desired),
        brokers: desired.brokers.map((broker) => makeRecord(desired, broker)),
      },
    ],
    problems: [],
    notes: [],
  },
  plan: { clusters: [], warnings: [] },
};

async function withStores(root: string, body: (open: () => Promise<Store>) => Promise<void>) {
  const sessions = [0, 1, 2].map(() => openSession(zookeeper.address));
  let opened = 0;
  try {
    await body(() => {
      const session = sessions[opened];
      opened += 1;
      if (session === undefined) throw new Error('there are three sessions');
      return openZooKeeperStore(session, root);
    });
  } finally {
    for (const session of sessions) await session.close();
  }
}

async function holdsAll(store: Store): Promise<void> {
  const memory = await loadMemory(store);
  assert.is(memory.framework()?.frameworkId, 'F');
  const [cluster] = memory.clusters();
  const [made] = recovery.recovered.clusters;
  assert.equal(cluster?.spec, made?.spec);
  assert.equal(cluster?.cluster, made?.cluster);
  assert.equal([...(cluster?.brokers.values() ?? [])], made?.brokers);
}

test('it is written once, and the next scheduler reads all of it', () =>
  withStores('/recover/whole', async (open) => {
    await writeRecovery(await open(), recovery);
    await holdsAll(await open());
    const again = await failureOf(writeRecovery(await open(), recovery));
    assert.instance(again, ConflictError);
    assert.match((again as Error).message, /the store is not empty/);
  }));

test('a recovery that dies half way keeps every scheduler out, and is done over', () =>
  withStores('/recover/half', async (open) => {
    const store = await open();
    const dying: Store = {
      ...store,
      async write(path, value, version) {
        if (path === recordPaths.broker('demo', 1)) {
          throw new UnavailableError('KM_UNAVAILABLE_STORE', 'it died');
        }
        return await store.write(path, value, version);
      },
    };
    await failureOf(writeRecovery(dying, recovery));
    const next = await open();
    assert.match(String(await failureOf(loadMemory(next))), /recover/i);
    await writeRecovery(next, recovery);
    await holdsAll(await open());
  }));

test('a scheduler that still has the store open is fenced by it', () =>
  withStores('/recover/fenced', async (open) => {
    const old = await open();
    await old.claim();
    await writeRecovery(await open(), recovery);
    const fenced = await failureOf(old.write(recordPaths.framework, { schema: 1, frameworkId: 'G' }, 1));
    assert.instance(fenced, ConflictError);
    await holdsAll(await open());
  }));

test.after(() => zookeeper.close());
test.run();
