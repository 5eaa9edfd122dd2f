import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BrokerRecord } from '../../src/model/records.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import type { Disk } from './kafka-model.ts';
import { isStuckForGood, type Truth } from './truth.ts';

const place = { agentId: 'a2', volumes: [{ name: 'data', kind: 'persistent', persistenceId: 'here' }] };
const record = {
  clusterName: 'sim',
  id: 3,
  superseded: [],
  placement: place,
  leftBehind: [{ incarnation: 'there' }],
} as unknown as BrokerRecord;
const status = {
  name: 'sim',
  clusterId: 'c',
  phase: 'held',
  brokers: [{ id: 3, state: 'unreachable' }],
  held: [{ brokerId: 3, reason: 'relocation-unsafe' }],
} as unknown as ClusterStatus;

/** Broker 3 has a place of its own and has left another one; `volumes` have a disk of it each. */
function truth(...volumes: readonly string[]): Truth {
  const disks = new Map<string, Disk>(
    volumes.map((id) => [id, { clusterId: 'c', nodeId: 3, logs: new Map() }]),
  );
  return {
    durable: new Map([['clusters/sim/brokers/3', record]]),
    cluster: {
      executors: () => [],
      disks: () => [...disks.values()],
      diskOf: (id: string) => disks.get(id),
      state: { agents: {} },
    },
  } as unknown as Truth;
}

test('a broker whose disk is there is not stuck for good', () => {
  assert.not(isStuckForGood(truth('here', 'there'), status));
});

test('a broker whose disk is gone is, whatever it has left elsewhere', () => {
  assert.ok(isStuckForGood(truth(), status));
  assert.ok(isStuckForGood(truth('there'), status));
});

test.run();
