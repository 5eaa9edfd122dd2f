import type { SpecChecker } from '../../src/api/route.ts';
import type { ClusterStatus, SchedulerService, SchedulerStatus } from '../../src/model/api.ts';
import type { SpecRecord } from '../../src/model/records.ts';

export const specs: SpecChecker = {
  validate: ({ files }) => ({ valid: true, clusters: files.map(({ path }) => path), problems: [] }),
  schema: () => ({ title: 'KafkaCluster' }),
};

export const token = 'a-token-of-enough-length';
export const readToken = 'a-token-that-only-reads';

/** A body that the route takes, where it wants one. */
export function bodyOf(method: string, path: string): object | undefined {
  if (method.toUpperCase() !== 'POST') return undefined;
  const files = [{ path: 'a.yaml', text: 'kind: KafkaCluster' }];
  switch (path.split('/').at(-1)) {
    case 'validate':
    case 'plan':
      return { files };
    case 'intent':
      return { kind: 'stop', author: 'ann' };
    case 'apply':
      return { files, author: 'ann' };
    case 'suspend':
    case 'resume':
      return { author: 'ann' };
    case 'rollback':
      return { author: 'ann', revision: 1 };
    case 'reconcile':
      return {};
    case 'teardown':
      return { confirm: 'kafka', author: 'ann', abandon: false };
    default:
      return undefined;
  }
}

export function clusterStatus(change: Partial<ClusterStatus> = {}): ClusterStatus {
  return {
    name: 'demo',
    labels: {},
    revision: 1,
    digest: 'd'.repeat(64),
    phase: 'converged',
    conditions: [{ type: 'Ready', status: true, reason: 'Converged', message: 'as declared' }],
    kafkaVersion: '4.1.0',
    bootstrap: ['127.0.0.1:31000'],
    brokers: [
      {
        id: 0,
        pool: 'brokers',
        roles: ['broker'],
        state: 'running',
        restarts: 0,
        failures: 0,
        drift: [],
        warnings: [],
      },
    ],
    topics: [],
    steps: [],
    held: [],
    events: [],
    observedAtMs: 0,
    ...change,
  };
}

/** A broker that no agent has room for. */
export const unplaced: ClusterStatus['held'][number] = {
  brokerId: 0,
  need: 'start broker 0',
  reason: 'no-matching-offer',
  message: 'no offer has room',
  stalled: true,
  remedy: 'add an agent',
  details: [],
};

const schedulerStatus: SchedulerStatus = {
  version: '0.0.0',
  frameworkName: 'kafka',
  role: 'kafka',
  master: '127.0.0.1:5050',
  connected: true,
  startedAtMs: 0,
  pass: 1,
  leadership: { state: 'leading' },
  orphans: [],
};

const specRecord: SpecRecord = {
  schema: 1,
  revision: 1,
  digest: 'd'.repeat(64),
  desired: {
    name: 'demo',
    labels: {},
    kafka: { version: '4.1.0' },
    brokers: [],
    topics: [],
  } as unknown as SpecRecord['desired'],
  appliedAtMs: 0,
  author: 'ann',
};

/** A service that is ready. */
export function readyService(change: Partial<SchedulerService> = {}) {
  const scheduler: SchedulerStatus = {
    ...schedulerStatus,
    mesos: { state: 'subscribed', sinceMs: 0, master: '127.0.0.1:5050' },
  };
  return fakeService({ scheduler: () => scheduler, ...change });
}

/** A service that knows one cluster and records what it was asked. */
export function fakeService(change: Partial<SchedulerService> = {}) {
  const asked: { method: string; request: unknown }[] = [];
  const record = (method: string, request: unknown) => asked.push({ method, request });
  const service: SchedulerService = {
    scheduler: () => schedulerStatus,
    clusters: () => [clusterStatus()],
    cluster: (name) => (name === 'demo' ? clusterStatus() : undefined),
    spec: async (name) => (name === 'demo' ? specRecord : undefined),
    plan: async (request) => {
      record('plan', request);
      return { clusters: [], warnings: [] };
    },
    setIntent: async (request) => {
      record('setIntent', request);
      return { brokerId: request.brokerId };
    },
    apply: async (request) => {
      record('apply', request);
      return { clusters: [{ name: 'demo', revision: 1, changed: true }], warnings: [] };
    },
    teardown: async (request) => {
      record('teardown', request);
      return { done: false, clusters: ['demo'], left: [] };
    },
    readLog: async (request) => {
      record('readLog', request);
      return { text: 'hello\n', path: `/x/${request.file}`, agent: 'agent-1', totalBytes: 6 };
    },
    revisions: async (name) => (name === 'demo' ? [] : undefined),
    suspend: async (clusterName, request) => {
      record('suspend', { clusterName, ...request });
      return { clusterName, revision: 1 };
    },
    resume: async (clusterName, request) => {
      record('resume', { clusterName, ...request });
      return clusterName === 'demo' ? { clusterName, revision: 1 } : undefined;
    },
    rollback: async (clusterName, request) => {
      record('rollback', { clusterName, ...request });
      return { clusterName, revision: 2 };
    },
    reconcile: async (request) => {
      record('reconcile', request);
      return { pass: 1 };
    },
    events: async () => ({ events: [] }),
    onChange: () => () => {},
    ...change,
  };
  return { service, asked };
}
