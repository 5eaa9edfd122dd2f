/** What the scheduler's API says over the loop and a directory of specs. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createFollowingService } from '../../src/cli/following-service.ts';
import { keepStatuses } from '../../src/cli/kept-statuses.ts';
import { createSchedulerService } from '../../src/cli/scheduler-service.ts';
import type { Reconciler } from '../../src/reconciler/ports.ts';
import { settle } from '../reconciler/harness.ts';
import { subscribed } from '../reconciler/stages.ts';

const text = `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: demo }
spec:
  pools: [{ name: main, ids: 0, cpus: 0.5, memory: 512MiB, storage: { size: 1GiB } }]
  rollout: { allowSingleReplicaOutage: true }
`;

const serviceOf = (reconciler: Reconciler) =>
  createSchedulerService({
    reconciler,
    identity: { version: '1', frameworkName: 'kafka', role: 'kafka', master: 'm', startedAtMs: 0 },
    self: { id: 'a', host: 'a', apiUrl: 'http://127.0.0.1:1' },
    leadsSinceMs: 0,
    standbys: async () => 0,
    connection: () => ({ state: 'not-subscribed', sinceMs: 0 }),
    recallKafka: async () => {},
    following: createFollowingService(reconciler, undefined),
    inventory: () => Promise.reject(new Error('nobody asks the master')),
  });

test('a plan names the file that owns the cluster', async () => {
  const { reconciler } = await subscribed();
  const service = serviceOf(reconciler);
  const request = { files: [{ path: 'demo.yaml', text }] };
  assert.is((await service.plan(request)).clusters[0]?.source, undefined);
  await service.apply({ ...request, author: 'ann' });
  const [known] = reconciler.memory();
  assert.ok(known);
  await reconciler.apply([known.spec], 'ann', {}, { kind: 'directory', source: { path: 'demo.yaml' } });
  assert.is((await service.plan(request)).clusters[0]?.source?.path, 'demo.yaml');
});

test('all who look at once get one look, and whoever ordered something sees it', async () => {
  const { reconciler } = await subscribed();
  let looks = 0;
  const service = serviceOf({
    ...reconciler,
    statuses() {
      looks += 1;
      return reconciler.statuses();
    },
  });
  assert.equal(await service.clusters(), []);
  const before = looks;
  for (let i = 0; i < 50; i += 1) await service.cluster('demo');
  assert.ok(looks - before < 10, `${looks - before} looks`);
  await service.apply({ files: [{ path: 'demo.yaml', text }], author: 'ann' });
  assert.is((await service.cluster('demo'))?.revision, 1);
  await service.setIntent({ clusterName: 'demo', brokerId: 0, intent: { kind: 'pause', author: 'bob' } });
  assert.is((await service.cluster('demo'))?.brokers[0]?.intent?.author, 'bob');
  await settle();
  await service.cluster('demo');
  const calm = looks;
  reconciler.onMesosEvent({ kind: 'offers', offers: [] });
  await settle();
  await service.cluster('demo');
  assert.is(looks, calm + 1, 'a pass may have changed it');
});

test('what is kept is looked at again after a while', () => {
  let nowMs = 0;
  let looks = 0;
  const kept = keepStatuses(
    () => {
      looks += 1;
      return [];
    },
    () => nowMs,
  );
  for (nowMs = 0; nowMs < 1_000; nowMs += 10) kept.get();
  assert.is(looks, 10);
});

test.run();
