/** The cluster of the simulation: three combined nodes in three racks, one topic. */
import type { Desired } from '../../src/model/desired.ts';

export function desiredCluster(name: string, config: Readonly<Record<string, string>>): Desired {
  return {
    name,
    labels: {},
    kafka: { version: '4.0.0' },
    brokers: [0, 1, 2].map((id) => ({
      id,
      pool: 'main',
      roles: ['broker', 'controller'],
      state: 'running',
      cpus: 0.5,
      memoryMiB: 1024,
      heapMiB: 512,
      storage: { kind: 'persistent', volumes: [{ name: 'data', sizeMiB: 1024, disk: 'root' }] },
      listeners: [{ name: 'CLIENT', protocol: 'PLAINTEXT', port: { kind: 'any' } }],
      controllerListener: { name: 'CONTROLLER', protocol: 'PLAINTEXT', port: { kind: 'any' } },
      constraints: [
        { kind: 'unique', attribute: 'hostname' },
        { kind: 'unique', attribute: 'rack' },
      ],
      rack: { kind: 'attribute', name: 'rack' },
      stickinessPeriodMs: 600_000,
      failover: { delayMs: 5_000, maxDelayMs: 60_000 },
      jvmOptions: [],
      environment: {},
      config,
      derivedConfig: {},
      log4j: {},
      stopGraceMs: 30_000,
    })),
    topics: [{ name: 'events', partitions: 3, replicationFactor: 3, config: { 'min.insync.replicas': '2' } }],
    rollout: { allowSingleReplicaOutage: false, paused: false },
    reassignment: { throttleBytesPerSecond: 50_000_000 },
  };
}
