/** What lists are made of: the fields of a row by name, for columns, selectors and sorting alike. */
import type { RevisionSummary } from '../model/source.ts';
import type { BrokerStatus, ClusterEvent, ClusterStatus, TopicStatus } from '../model/status.ts';
import { didYouMean } from '../spec/did-you-mean.ts';
import { UsageError } from './errors.ts';
import { byteSize, dateTime } from './format/time.ts';

/** Of a cluster, so that rows of several can stand in one list. */
export type Of<Row> = Row & { readonly cluster: string };

export type FieldValue = string | number | boolean | readonly string[] | undefined;

export type Field<Row> = {
  readonly value: (row: Row) => FieldValue;
  /** How people read it; the value itself otherwise. */
  readonly text?: (row: Row) => string;
};

export type Fields<Row> = Readonly<Record<string, Field<Row>>>;

function time<Row>(value: (row: Row) => number | undefined): Field<Row> {
  return {
    value,
    text: (row) => {
      const at = value(row);
      return at === undefined ? '' : dateTime(at);
    },
  };
}

export const brokerFields: Fields<Of<BrokerStatus>> = {
  cluster: { value: (b) => b.cluster },
  id: { value: (b) => b.id },
  pool: { value: (b) => b.pool },
  roles: { value: (b) => b.roles },
  state: { value: (b) => b.state },
  phase: { value: (b) => b.phase },
  agent: { value: (b) => b.agent },
  agentId: { value: (b) => b.agentId },
  rack: { value: (b) => b.rack },
  endpoint: { value: (b) => b.endpoint },
  taskId: { value: (b) => b.taskId },
  jvmPid: { value: (b) => b.jvmPid },
  startedAt: time((b) => b.startedAtMs),
  restarts: { value: (b) => b.restarts },
  failures: { value: (b) => b.failures },
  inSync: { value: (b) => b.inSync && `${b.inSync.inSync}/${b.inSync.total}` },
  drift: { value: (b) => b.drift },
  warnings: { value: (b) => b.warnings },
  intent: { value: (b) => b.intent?.kind },
  intentAuthor: { value: (b) => b.intent?.author },
  waiting: { value: (b) => b.waiting?.why },
  waitingUntil: time((b) => b.waiting?.untilMs),
  stalled: { value: (b) => b.waiting?.stalled ?? false },
  disks: { value: (b) => b.disks?.map((d) => d.state) },
  diskFree: {
    value: (b) => (b.disks === undefined ? undefined : Math.min(...b.disks.map((d) => d.freeBytes))),
    text: (b) =>
      b.disks === undefined || b.disks.length === 0
        ? ''
        : byteSize(Math.min(...b.disks.map((d) => d.freeBytes))),
  },
  lastEnd: { value: (b) => b.lastEnd?.why },
  lastEndAt: time((b) => b.lastEnd?.atMs),
};

export const topicFields: Fields<Of<TopicStatus>> = {
  cluster: { value: (t) => t.cluster },
  name: { value: (t) => t.name },
  partitions: { value: (t) => t.partitions },
  replicationFactor: { value: (t) => t.replicationFactor },
  state: { value: (t) => t.state },
  waiting: { value: (t) => t.waiting?.why },
  stalled: { value: (t) => t.waiting?.stalled ?? false },
};

export const clusterFields: Fields<ClusterStatus> = {
  name: { value: (c) => c.name },
  labels: { value: (c) => Object.entries(c.labels).map(([key, value]) => `${key}=${value}`) },
  phase: { value: (c) => c.phase },
  revision: { value: (c) => c.revision },
  digest: { value: (c) => c.digest },
  kafkaVersion: { value: (c) => c.kafkaVersion },
  clusterId: { value: (c) => c.clusterId },
  bootstrap: { value: (c) => c.bootstrap },
  brokers: { value: (c) => c.brokers.length },
  running: { value: (c) => c.brokers.filter((b) => b.state === 'running').length },
  topics: { value: (c) => c.topics.length },
  held: { value: (c) => c.held.filter((h) => h.stalled).length },
  conditions: { value: (c) => c.conditions.filter((one) => one.status).map((one) => one.type) },
  deletion: { value: (c) => c.deletion },
  source: { value: (c) => c.source?.path },
  sourceState: { value: (c) => c.source?.state },
};

export const eventFields: Fields<Of<ClusterEvent>> = {
  cluster: { value: (e) => e.cluster || undefined, text: (e) => e.cluster || '(framework)' },
  seq: { value: (e) => e.seq },
  at: time((e) => e.atMs),
  broker: { value: (e) => e.brokerId },
  severity: { value: (e) => e.severity },
  message: { value: (e) => e.message },
  why: { value: (e) => e.why },
  author: { value: (e) => e.author },
  count: { value: (e) => e.count },
  firstAt: time((e) => e.firstAtMs),
};

export const revisionFields: Fields<Of<RevisionSummary>> = {
  cluster: { value: (r) => r.cluster },
  revision: { value: (r) => r.revision },
  current: { value: (r) => r.isCurrent },
  digest: { value: (r) => r.digest, text: (r) => r.digest.slice(0, 12) },
  at: time((r) => r.appliedAtMs),
  author: { value: (r) => r.author },
  path: { value: (r) => r.source?.path },
  commit: { value: (r) => r.source?.commit?.id, text: (r) => r.source?.commit?.id.slice(0, 12) ?? '' },
  subject: { value: (r) => r.source?.commit?.subject },
  rollbackOf: { value: (r) => r.rollbackOf },
  outcome: { value: (r) => r.outcome?.kind ?? 'in progress' },
  outcomeAt: time((r) => r.outcome?.atMs),
};

/** By the word that follows `get`; nothing for any other. */
export function fieldsOfKind(kind: string): Fields<never> {
  const all: Readonly<Record<string, Fields<never>>> = {
    brokers: brokerFields,
    topics: topicFields,
    clusters: clusterFields,
    events: eventFields,
    revisions: revisionFields,
  };
  return Object.hasOwn(all, kind) ? (all[kind] ?? {}) : {};
}

/** The field of that name, or an error that names the one that was meant, or all of them. */
export function fieldOf<Row>(fields: Fields<Row>, name: string, where: string): Field<Row> {
  const found = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(fields);
  const near = didYouMean(name, names);
  throw new UsageError(
    `there is no field ${JSON.stringify(name)} (${where})`,
    near === undefined ? `there is ${names.join(', ')}` : `did you mean ${near}?`,
  );
}

export function textOf<Row>(field: Field<Row>, row: Row): string {
  if (field.text !== undefined) return field.text(row);
  const value = field.value(row);
  if (value === undefined) return '';
  return typeof value === 'object' ? value.join(',') : String(value);
}

/** Numbers by size, texts by their letters; what is not there comes last. Equal ones keep their order. */
export function sortRows<Row>(rows: readonly Row[], { value }: Field<Row>): readonly Row[] {
  return rows.toSorted((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    if (typeof x === 'number' && typeof y === 'number') return x - y;
    const [left, right] = [String(x), String(y)];
    return left < right ? -1 : left > right ? 1 : 0;
  });
}
