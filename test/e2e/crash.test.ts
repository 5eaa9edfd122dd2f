import { mkdirSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { executorResources } from '../../src/model/desired.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { brokerProcessesOf, checkInvariants } from '../crash/invariants.ts';
import type { CrashPoint } from '../crash/scheduler-main.ts';
import { bundlePrograms, createWorld } from '../crash/world.ts';
import { threeBrokers } from './harness.ts';

const expected = {
  clusterName: 'demo',
  brokerIds: [0, 1, 2],
  reserved: { cpus: 0.5 + executorResources.cpus, mem: 768 + executorResources.memoryMiB, disk: 1024 },
};

const converged = ({ phase, brokers, topics }: ClusterStatus) =>
  phase === 'converged' &&
  brokers.every(({ state }) => state === 'running') &&
  topics.every(({ state }) => state === 'ready');

/** Archives are fetched once for all homes of this user. */
const dist = join(process.env.KAFKA_MESOS_HOME ?? join(homedir(), '.kafka-mesos'), 'dist');
mkdirSync(dist, { recursive: true });

const programs = await bundlePrograms('src/executor/main.ts');
test.after(() => programs.remove());

const points: Readonly<Record<string, CrashPoint>> = {
  'after the cluster record': { side: 'after', count: 1, matching: '^clusters/demo/cluster ' },
  'after the second broker’s launch intent': {
    side: 'after',
    count: 2,
    matching: '^clusters/demo/brokers/.*"launches":1,.*"seen":false',
  },
  'after the first RUNNING was stored': {
    side: 'after',
    count: 1,
    matching: '^clusters/demo/brokers/.*"task":.*"state":"TASK_RUNNING"',
  },
};

for (const [when, crash] of Object.entries(points)) {
  test(`the scheduler killed ${when}, with real Kafka`, async () => {
    const world = await createWorld({ programs, spec: threeBrokers() });
    symlinkSync(dist, join(world.home, 'dist'));
    try {
      world.start(crash);
      assert.is(await world.bringUp(converged, 240_000), 'died');
      const before = brokerProcessesOf(world.home);
      world.start();
      const status = await world.bringUp(converged, 240_000);
      if (status === 'died') throw new Error('the second scheduler died');
      await checkInvariants(world, expected);
      const after = new Set(brokerProcessesOf(world.home).map(({ pid }) => pid));
      for (const { pid, volume } of before) {
        assert.ok(after.has(pid), `the broker that ran on ${volume} still runs as ${pid}`);
      }
      assert.equal(
        new Set(status.brokers.map(({ jvmPid }) => jvmPid)),
        after,
        'the processes that the scheduler knows are those that run',
      );
    } catch (error) {
      throw new Error(
        `${(error as Error).stack}\n${world.written().join(' ')}\n${world.log().slice(-8_000)}`,
      );
    } finally {
      await world.close();
    }
  });
}

test.run();
