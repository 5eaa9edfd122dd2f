/** What the scheduler's API says over the loop and a directory of specs. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createFollowingService } from '../../src/cli/following-service.ts';
import { createSchedulerService } from '../../src/cli/scheduler-service.ts';
import { subscribed } from '../reconciler/stages.ts';

const text = `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: demo }
spec:
  pools: [{ name: main, ids: 0, cpus: 0.5, memory: 512MiB, storage: { size: 1GiB } }]
  rollout: { allowSingleReplicaOutage: true }
`;

test('a plan names the file that owns the cluster', async () => {
  const { reconciler } = await subscribed();
  const service = createSchedulerService({
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
  const request = { files: [{ path: 'demo.yaml', text }] };
  assert.is((await service.plan(request)).clusters[0]?.source, undefined);
  await service.apply({ ...request, author: 'ann' });
  const [known] = reconciler.memory();
  assert.ok(known);
  await reconciler.apply([known.spec], 'ann', {}, { kind: 'directory', source: { path: 'demo.yaml' } });
  assert.is((await service.plan(request)).clusters[0]?.source?.path, 'demo.yaml');
});

test.run();
