import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskInfo } from '../../src/mesos/types.ts';
import type { BrokerLaunch } from '../../src/model/launch.ts';
import { freePorts } from '../free-ports.ts';

export const clusterId = 'Y2x1c3Rlci1pZC0wMDAwMQ';
export const directoryId = 'ZGlyZWN0b3J5LWlkLTAwMQ';

/** Runs `use` with a folder of its own, removed afterwards. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-mesos-executor-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

export function sampleLaunch(port: number, change: Partial<BrokerLaunch> = {}): BrokerLaunch {
  return {
    protocol: 1,
    clusterName: 'demo',
    clusterId,
    nodeId: 0,
    roles: ['broker'],
    kafkaVersion: '4.4.0',
    kafka: { uri: '/nowhere', sha512: 'a'.repeat(128) },
    storage: { mode: 'join', volumes: [{ name: 'main', path: 'volume' }], initialVoters: [] },
    bootstrapControllers: ['127.0.0.1:9093'],
    listeners: [
      {
        name: 'CLIENT',
        protocol: 'PLAINTEXT',
        bindHost: '127.0.0.1',
        port,
        advertisedHost: '127.0.0.1',
        advertisedPort: port,
      },
    ],
    config: {},
    log4j: {},
    heapMiB: 256,
    jvmOptions: [],
    environment: {},
    stopGraceMs: 10_000,
    ...change,
  };
}

export function sampleTask(launch: BrokerLaunch, taskId = 'demo-0-1'): TaskInfo {
  return {
    name: 'broker-0',
    task_id: { value: taskId },
    agent_id: { value: 'agent-1' },
    resources: [{ name: 'mem', type: 'SCALAR', scalar: { value: 1024 } }],
    data: Buffer.from(JSON.stringify(launch)).toString('base64'),
  };
}

/** Rejects with `what` when the promise takes longer than a machine under load would need. */
export async function within<T>(promise: Promise<T>, what: string, timeoutMs = 60_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out: ${what}`)), timeoutMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
