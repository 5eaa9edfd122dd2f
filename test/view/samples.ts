/** Statuses as a scheduler would give them, for the frames of the tests and the demo. */
import type { BrokerStatus, ClusterEvent, ClusterStatus, TopicStatus } from '../../src/model/status.ts';

/** 2026-03-14 12:40:00 UTC. */
export const noonMs = Date.UTC(2026, 2, 14, 12, 40, 0);

const second = 1000;
const minute = 60 * second;
const mib = 1024 * 1024;

export function broker(id: number, changes: Partial<BrokerStatus> = {}): BrokerStatus {
  return {
    id,
    pool: 'main',
    roles: ['broker', 'controller'],
    state: 'running',
    agentId: `5f1c2a3e-S${id}`,
    agent: `agent-${id + 1}`,
    rack: `rack-${String.fromCharCode(97 + (id % 3))}`,
    endpoint: `127.0.0.1:${31_000 + id * 1000}`,
    taskId: `orders-${id}-1`,
    jvmPid: 4000 + id,
    startedAtMs: noonMs - 12 * minute,
    inSync: { inSync: 12, total: 12 },
    restarts: 0,
    failures: 0,
    drift: [],
    warnings: [],
    ...changes,
  };
}

/** A broker that has no place yet. */
const unplaced = (id: number, changes: Partial<BrokerStatus>): BrokerStatus => ({
  id,
  pool: 'main',
  roles: ['broker', 'controller'],
  state: 'waiting',
  restarts: 0,
  failures: 0,
  drift: [],
  warnings: [],
  ...changes,
});

const starting = (id: number, changes: Partial<BrokerStatus>): BrokerStatus =>
  unplaced(id, {
    state: 'starting',
    agent: `agent-${id + 1}`,
    rack: `rack-${String.fromCharCode(97 + (id % 3))}`,
    startedAtMs: noonMs - 9 * second,
    ...changes,
  });

const orders: TopicStatus = { name: 'orders', partitions: 12, replicationFactor: 3, state: 'ready' };

const event = (
  seq: number,
  agoMs: number,
  message: string,
  brokerId?: number,
  severity: ClusterEvent['severity'] = 'info',
): ClusterEvent => ({
  seq,
  atMs: noonMs - agoMs,
  severity,
  message,
  ...(brokerId === undefined ? {} : { brokerId }),
});

export function cluster(changes: Partial<ClusterStatus> = {}): ClusterStatus {
  const brokers = changes.brokers ?? [broker(0), broker(1), broker(2)];
  return {
    name: 'three-brokers',
    labels: {},
    revision: 1,
    digest: 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c',
    phase: 'converged',
    conditions: [],
    kafkaVersion: '4.1.0',
    clusterId: 'MkU3OEVBNTcwNTJENDM2Qg',
    bootstrap: brokers.filter(({ state }) => state === 'running').flatMap(({ endpoint }) => endpoint ?? []),
    brokers,
    topics: [orders],
    steps: [],
    held: [],
    events: [],
    observedAtMs: noonMs,
    ...changes,
  };
}

const formed = [
  event(1, 12 * minute + 31 * second, 'revision 1 applied by alice'),
  event(2, 12 * minute + 30 * second, 'launched on agent-1', 0),
  event(3, 12 * minute + 30 * second, 'launched on agent-2', 1),
  event(4, 12 * minute + 30 * second, 'launched on agent-3', 2),
  event(5, 12 * minute + 4 * second, 'the quorum has formed'),
  event(6, 12 * minute + 2 * second, 'topic orders created'),
];

const bringUp = cluster({
  phase: 'forming',
  bootstrap: [],
  brokers: [
    starting(0, { phase: 'formatting' }),
    { ...starting(1, {}), state: 'launching', startedAtMs: noonMs - 2 * second },
    unplaced(2, {
      waiting: {
        why: 'no offer fits: agent-1: cpus 0.5 of 1; mem 512 MiB of 1.5 GiB; and 1 more',
        remedy: 'an agent with cpus 1, mem 1.5 GiB, disk 4 GiB that meets the constraints',
        stalled: false,
      },
    }),
  ],
  topics: [
    {
      ...orders,
      state: 'unknown',
      waiting: { why: 'Kafka cannot be asked: no broker serves yet', stalled: false },
    },
  ],
  steps: [
    { mark: '+', what: 'launch broker 1 on agent-2', why: ['new broker'], brokerId: 1 },
    { mark: '+', what: 'reserve 4 GiB for broker 2 on agent-3', why: ['new broker'], brokerId: 2 },
  ],
  held: [
    {
      brokerId: 2,
      need: 'start broker 2',
      reason: 'no-matching-offer',
      message: 'no offer fits: agent-1: cpus 0.5 of 1; mem 512 MiB of 1.5 GiB; and 1 more',
      remedy: 'an agent with cpus 1, mem 1.5 GiB, disk 4 GiB that meets the constraints',
      stalled: false,
      details: [
        'agent-1: cpus 0.5 of 1; mem 512 MiB of 1.5 GiB',
        'agent-4: rack rack-a is taken by broker 0',
      ],
    },
    {
      need: 'create topic orders',
      reason: 'kafka-unknown',
      message: 'Kafka cannot be asked: no broker serves yet',
      stalled: false,
      details: [],
    },
  ],
  events: [
    event(1, 10 * second, 'revision 1 applied by alice'),
    event(2, 9 * second, 'launched on agent-1', 0),
  ],
});

const fetching = cluster({
  phase: 'forming',
  bootstrap: [],
  brokers: [
    starting(0, {
      progress: {
        label: 'fetching',
        doneBytes: 81 * mib,
        totalBytes: 130.6 * mib,
        bytesPerSecond: 12.1 * mib,
        etaMs: 4100,
      },
    }),
    starting(1, {
      progress: {
        label: 'fetching',
        doneBytes: 3.4 * mib,
        totalBytes: 130.6 * mib,
        bytesPerSecond: 0.8 * mib,
        etaMs: 159_000,
      },
    }),
    starting(2, { progress: { label: 'fetching', doneBytes: 0, totalBytes: 130.6 * mib } }),
  ],
  topics: [{ ...orders, state: 'unknown' }],
  events: [
    event(1, 10 * second, 'revision 1 applied by alice'),
    event(2, 9 * second, 'launched on agent-1', 0),
    event(3, 9 * second, 'launched on agent-2', 1),
    event(4, 9 * second, 'launched on agent-3', 2),
  ],
});

/** All agents are of one make. */
const warnings = ['only 20000 open files, Kafka advises 100000: set LimitNOFILE=100000 for the Mesos agent'];

const rolling = cluster({
  phase: 'rolling',
  revision: 2,
  brokers: [
    broker(0, { restarts: 1, startedAtMs: noonMs - 48 * second, warnings }),
    broker(1, {
      state: 'stopping',
      warnings,
      lastEnd: {
        atMs: noonMs - 90 * minute,
        state: 'TASK_FAILED',
        why: 'exited with code 1',
        ordered: false,
      },
      inSync: { inSync: 9, total: 12 },
      waiting: { why: 'controlled shutdown: 7 partitions still to be led by others', stalled: false },
      drift: ['log.retention.hours', 'num.partitions'],
    }),
    broker(2, {
      drift: ['log.retention.hours', 'num.partitions'],
      warnings: [...warnings, 'its disk is 91% full'],
      waiting: { why: 'one at a time: broker 1 is stopping', stalled: false },
    }),
  ],
  topics: [{ ...orders, state: 'under-replicated' }],
  steps: [
    {
      mark: '~',
      what: 'restart broker 1',
      why: ['log.retention.hours: 168 -> 72', 'num.partitions: 8 -> 16'],
      brokerId: 1,
    },
  ],
  held: [
    {
      brokerId: 2,
      need: 'restart broker 2',
      reason: 'waiting-for-roll',
      message: 'one at a time: broker 1 is stopping',
      stalled: false,
      details: [],
    },
  ],
  events: [
    ...formed,
    event(7, 71 * second, 'revision 2 applied by alice'),
    event(8, 70 * second, 'restarting: log.retention.hours, num.partitions', 0),
    event(9, 44 * second, 'in sync again', 0),
    event(10, 3 * second, 'restarting: log.retention.hours, num.partitions', 1),
  ],
});

const unreachable = cluster({
  phase: 'converging',
  brokers: [
    broker(0),
    broker(1, {
      state: 'unreachable',
      inSync: { inSync: 0, total: 12 },
      waiting: {
        why: 'agent-2 is unreachable and the broker may still serve there; it is waited for',
        untilMs: noonMs + 8 * minute + 42 * second,
        remedy:
          'bring agent-2 back; after the stickiness period it may be relocated if no data is lost by it',
        stalled: false,
      },
    }),
    broker(2),
  ],
  topics: [{ ...orders, state: 'under-replicated' }],
  held: [
    {
      brokerId: 1,
      need: 'relocate broker 1',
      reason: 'agent-unreachable',
      message: 'agent-2 is unreachable and the broker may still serve there; it is waited for',
      untilMs: noonMs + 8 * minute + 42 * second,
      remedy: 'bring agent-2 back; after the stickiness period it may be relocated if no data is lost by it',
      stalled: false,
      details: [],
    },
  ],
  events: [...formed, event(7, 78 * second, 'agent-2 is unreachable', 1, 'warning')],
});

const held = cluster({
  phase: 'held',
  brokers: [
    broker(0),
    unplaced(1, {
      state: 'failed',
      agent: 'agent-2',
      rack: 'rack-b',
      restarts: 2,
      failures: 3,
      inSync: { inSync: 0, total: 12 },
      waiting: {
        why: 'must not be relocated: it holds the last in-sync replica (audit-3, audit-7 and 2 more)',
        remedy: 'bring its agent back',
        stalled: true,
      },
      lastEnd: { atMs: noonMs - 16 * minute, state: 'TASK_LOST', why: 'the agent was removed' },
    }),
    broker(2, { warnings: ['open files are limited to 1024; Kafka wants 100000'] }),
  ],
  topics: [
    orders,
    { name: 'audit', partitions: 8, replicationFactor: 1, state: 'offline' },
    { name: 'payments', partitions: 6, replicationFactor: 3, state: 'ready' },
  ],
  held: [
    {
      brokerId: 1,
      need: 'relocate broker 1',
      reason: 'relocation-unsafe',
      message: 'must not be relocated: it holds the last in-sync replica (audit-3, audit-7 and 2 more)',
      remedy:
        'bring its agent back, or give these partitions up by name: `kafka-mesos broker replace ID --accept-loss …`',
      stalled: true,
      details: [],
    },
  ],
  events: [
    ...formed,
    event(7, 16 * minute, 'agent-2 was removed', 1, 'error'),
    event(8, 6 * minute, 'the stickiness period is over', 1, 'warning'),
  ],
});

const thousand = cluster({
  name: 'fleet',
  phase: 'held',
  revision: 17,
  brokers: Array.from({ length: 1000 }, (_, id) => {
    const place = {
      agent: `ip-10-0-${id >> 8}-${id & 255}.eu-west-1.compute.internal`,
      endpoint: `10.0.${id >> 8}.${id & 255}:9092`,
    };
    if (id === 404) {
      const waiting = {
        why: 'gave up after 5 failures in a row: exit 1: no space left on device',
        remedy: 'change the spec, or raise failover.maxTries',
        stalled: true,
      };
      return broker(id, { ...place, state: 'failed', failures: 5, waiting });
    }
    if (id === 77 || id === 78) {
      const waiting = {
        why: `${place.agent} is unreachable and the broker may still serve there; it is waited for`,
        untilMs: noonMs + 93 * second,
        stalled: false,
      };
      return broker(id, { ...place, state: 'unreachable', waiting });
    }
    if (id === 512) return broker(id, { ...place, state: 'starting', phase: 'recovering logs' });
    return broker(id, {
      ...place,
      startedAtMs: noonMs - (id + 1) * 40 * minute,
      inSync: { inSync: 380 + (id % 40), total: 380 + (id % 40) },
    });
  }),
  topics: Array.from({ length: 40 }, (_, index) => ({
    name: `stream-${index}`,
    partitions: 500,
    replicationFactor: 3,
    state: 'ready' as const,
  })),
  steps: [{ mark: '~', what: 'restart broker 512', why: ['num.partitions: 8 -> 16'], brokerId: 512 }],
  held: [
    {
      brokerId: 404,
      need: 'start broker 404',
      reason: 'gave-up',
      message: 'gave up after 5 failures in a row: exit 1: no space left on device',
      remedy: 'change the spec, or raise failover.maxTries',
      stalled: true,
      details: [],
    },
  ],
  events: [
    event(1, 90 * second, 'restarting: num.partitions', 512),
    event(2, 40 * second, 'gave up after 5 failures in a row', 404, 'error'),
  ],
});

const converged = cluster({ events: formed });

/** By the name of their golden files. */
export const samples = { bringUp, fetching, converged, rolling, unreachable, held, thousand } as const;
