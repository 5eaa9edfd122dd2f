import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { executorResources } from '../../src/model/desired.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { checkInvariants } from '../crash/invariants.ts';
import { bundlePrograms, createWorld } from '../crash/world.ts';

const spec = `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: crash }
spec:
  # Stub brokers: nothing is fetched.
  kafka: { distribution: { uri: 'http://127.0.0.1:1/kafka.tgz', sha512: '${'0'.repeat(128)}' } }
  pools:
    - name: main
      roles: [broker, controller]
      ids: 0..2
      cpus: 0.5
      memory: 768MiB
      heap: 320MiB
      storage: { size: 1GiB }
`;
const expected = {
  clusterName: 'crash',
  brokerIds: [0, 1, 2],
  reserved: { cpus: 0.5 + executorResources.cpus, mem: 768 + executorResources.memoryMiB, disk: 1024 },
};
const timeoutMs = 180_000;

const converged = ({ phase, brokers }: ClusterStatus) =>
  phase === 'converged' && brokers.every(({ state }) => state === 'running');

const programs = await bundlePrograms('test/executor/stub-main.ts', { withKafkaClients: false });
test.after(() => programs.remove());
let writes: readonly string[] = [];

test('an undisturbed bring-up', async () => {
  const world = await createWorld({ programs, spec, stubBrokers: 3 });
  try {
    world.start();
    assert.is.not(await world.bringUp(converged, timeoutMs), 'died', world.log());
    await checkInvariants(world, expected);
    writes = world.written();
    assert.ok(writes.length > 15, `it writes more than this: ${writes.join(' ')}`);
  } finally {
    await world.close();
  }
});

test('the scheduler killed before and after each of its writes', async () => {
  const points = writes.flatMap((_, index) =>
    (['before', 'after'] as const).map((side) => ({ count: index + 1, side })),
  );
  const next = points[Symbol.iterator]();
  let deaths = 0;
  const lane = async (): Promise<void> => {
    for (const crash of next) {
      const world = await createWorld({ programs, spec, stubBrokers: 3 });
      try {
        world.start(crash);
        if ((await world.bringUp(converged, timeoutMs)) === 'died') {
          deaths += 1;
          world.start();
          assert.is.not(await world.bringUp(converged, timeoutMs), 'died', 'the second one lives');
        }
        await checkInvariants(world, expected);
      } catch (error) {
        const at = `${crash.side} write ${crash.count} of ${world.written().join(' ')}`;
        throw new Error(`killed ${at}: ${(error as Error).stack}\n${world.log().slice(-6_000)}`);
      } finally {
        await world.close();
      }
    }
  };
  await Promise.all([lane(), lane(), lane()]);
  // How many updates are stored on the way varies a little, so that the last points may not be reached.
  assert.ok(deaths >= points.length * 0.8, `${deaths} deaths at ${points.length} points`);
});

test.run();
