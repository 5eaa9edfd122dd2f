import type { ClusterStatus, SchedulerService } from '../../src/model/api.ts';

export const token = 'a-token-of-enough-length';

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

/** A service that knows one cluster and records what it was asked. */
export function fakeService(change: Partial<SchedulerService> = {}) {
  const asked: { method: string; request: unknown }[] = [];
  const record = (method: string, request: unknown) => asked.push({ method, request });
  const service: SchedulerService = {
    scheduler: () => ({
      version: '0.0.0',
      frameworkName: 'kafka',
      role: 'kafka',
      master: '127.0.0.1:5050',
      connected: true,
      startedAtMs: 0,
      pass: 1,
      leadership: { state: 'leading' },
      orphans: [],
    }),
    clusters: () => [clusterStatus()],
    cluster: (name) => (name === 'demo' ? clusterStatus() : undefined),
    spec: async () => undefined,
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
      return { clusterName, revision: 1 };
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
