/**
 * What the API answers. It is described here and not serialised by it: a serialiser that was compiled from schemas would
 * drop what they do not name, and compiling takes longer than a start may.
 */
import type {
  ApplyAnswer,
  ErrorAnswer,
  EventPage,
  FollowAnswer,
  HealthAnswer,
  IntentAnswer,
  LogAnswer,
  PlanAnswer,
  ReadyAnswer,
  ReconcileAnswer,
  SchedulerStatus,
  SpecProblem,
  ValidateAnswer,
} from '../model/api.ts';
import type { Desired } from '../model/desired.ts';
import type { SpecRecord } from '../model/records.ts';
import type { DirectoryStatus, RevisionSummary, SourceStatus } from '../model/source.ts';
import {
  type BrokerStatus,
  brokerStates,
  type ClusterEvent,
  type ClusterStatus,
  conditionTypes,
  type TopicStatus,
} from '../model/status.ts';
import type { TeardownAnswer } from '../model/teardown.ts';
import {
  always,
  atMs,
  type Describes,
  described,
  either,
  flag,
  type Holds,
  integer,
  list,
  map,
  named,
  number,
  object,
  opaque,
  text,
  words,
} from './json-schema.ts';

export const problem = named(
  'SpecProblem',
  object(
    {
      severity: words('error', 'warning'),
      code: text(),
      file: text(),
      line: integer(),
      column: integer(),
      path: text({ description: 'Of the field: `spec.pools[0].cpus`.' }),
      message: text(),
    },
    {
      found: text({ description: 'What stands there.' }),
      allowed: text({ description: 'What may stand there.' }),
      remedy: text(),
    },
  ),
);

const commit = named('GitCommit', object({ id: text(), author: text(), atMs, subject: text() }));
const source = named('SpecSource', object({ path: text() }, { commit, uncommitted: always(true) }));

const suspended = { author: text(), atMs };
const suspension = named(
  'Suspension',
  either(
    object({ ...suspended, kind: always('asked') }, { reason: text() }),
    object({ ...suspended, kind: always('pinned'), revision: integer() }, { reason: text() }),
    object({ ...suspended, kind: always('taken-over') }, { reason: text() }),
  ),
  'Until it is taken back nothing is taken from the file.',
);

export const sourceStatus = named(
  'SourceStatus',
  object(
    {
      state: words(
        'following',
        'suspended',
        'pinned',
        'taken-over',
        'broken',
        'missing',
        'behind',
        'unknown',
      ),
      path: text(),
      message: text(),
    },
    {
      file: described(text(), 'The path for people, with the directory before it.'),
      commit,
      uncommitted: always(true),
      newest: described(commit, 'Of what the file has now, when that is not applied.'),
      aheadCommits: integer(),
      suspension,
      problems: list(problem),
    },
  ),
  'How a cluster stands to the file that owns it.',
);

export const directoryStatus = named(
  'DirectoryStatus',
  object(
    {
      directory: text(),
      state: words('reading', 'read', 'broken', 'emptied', 'unreadable'),
      message: text(),
      files: integer(),
      clusters: integer(),
      problems: list(problem),
    },
    { commit, readAtMs: atMs },
  ),
  'The directory of specs that is followed.',
);

const outcome = either(
  object({ kind: always('converged'), atMs }),
  object({ kind: always('replaced'), atMs }),
);

export const revisionSummary = named(
  'RevisionSummary',
  object(
    { revision: integer(), digest: text(), appliedAtMs: atMs, author: text(), isCurrent: flag() },
    {
      source,
      rollbackOf: integer(),
      outcome: described(outcome, 'Absent: it is being made so.'),
    },
  ),
);

export const specRecord = named(
  'SpecRecord',
  object(
    {
      schema: always(1),
      revision: integer(),
      digest: text(),
      desired: opaque<Desired>('The spec, resolved: defaults, pools and overrides merged, units as numbers.'),
      appliedAtMs: atMs,
      author: text(),
    },
    { source, suspension, rollbackOf: integer() },
  ),
);

const waiting = named(
  'Waiting',
  object({ why: text(), stalled: flag() }, { untilMs: atMs, remedy: text() }),
  'What it waits for, and what a person can do.',
);

export const intentStatus = named(
  'IntentStatus',
  object(
    { kind: words('stop', 'pause', 'restart', 'replace'), author: text(), atMs },
    { reason: text(), expiresAtMs: atMs },
  ),
);

const disk = named(
  'DiskStatus',
  object(
    {
      path: text(),
      state: words('fine', 'low', 'full', 'failed'),
      totalBytes: number(),
      freeBytes: number(),
    },
    { error: text() },
  ),
);

export const brokerStatus = named(
  'BrokerStatus',
  object(
    {
      id: integer(),
      pool: text(),
      roles: list(text()),
      state: words(...brokerStates),
      restarts: integer(),
      failures: integer(),
      drift: list(text(), { description: 'Differences to the spec that need a restart, one per key.' }),
      warnings: list(text()),
    },
    {
      phase: text({ description: 'What the executor does just now: `fetching`, `formatting`, …' }),
      agentId: text(),
      agent: text(),
      rack: text(),
      endpoint: text(),
      taskId: text(),
      jvmPid: integer(),
      startedAtMs: atMs,
      inSync: described(
        object({ inSync: integer(), total: integer() }),
        'Replicas in sync of those hosted; absent while Kafka cannot be asked.',
      ),
      waiting,
      intent: intentStatus,
      disks: list(disk),
      lastEnd: object({ atMs, state: text(), why: text() }, { ordered: flag() }),
      progress: object(
        { label: text(), doneBytes: number(), totalBytes: number() },
        { bytesPerSecond: number(), etaMs: number() },
      ),
      maintenance: object({ startMs: atMs, accepted: flag(), why: text() }, { endMs: atMs }),
    },
  ),
);

export const topicStatus = named(
  'TopicStatus',
  object(
    {
      name: text(),
      partitions: integer(),
      replicationFactor: integer(),
      state: words('missing', 'ready', 'under-replicated', 'offline', 'differs', 'unknown'),
    },
    { waiting },
  ),
);

const step = named(
  'StepSummary',
  object(
    { mark: text({ description: '`+`, `~` or `-`.' }), what: text(), why: list(text()) },
    { brokerId: integer() },
  ),
);

export const held = named(
  'HeldSummary',
  object(
    {
      need: text(),
      reason: text({ description: 'Its kind, for programs: `no-matching-offer`.' }),
      message: text(),
      stalled: flag({ description: 'A person has to do something.' }),
      details: list(text()),
    },
    {
      brokerId: integer(),
      untilMs: atMs,
      remedy: text(),
      sinceMs: atMs,
      offers: list(
        named(
          'SeenOffer',
          object({ agent: text(), reasons: list(text()) }, { atMs }),
          'What an agent offered lately, and why it did not do.',
        ),
      ),
      silentAgents: list(text()),
    },
  ),
  'What is wanted, is not done, and why.',
);

const eventFields = {
  required: { seq: integer(), atMs, severity: words('info', 'warning', 'error'), message: text() },
  optional: { brokerId: integer(), why: text(), author: text(), count: integer(), firstAtMs: atMs },
};
export const clusterEvent = named('ClusterEvent', object(eventFields.required, eventFields.optional));
const pagedEvent = named(
  'PagedEvent',
  object({ ...eventFields.required, clusterName: text() }, eventFields.optional),
);

export const clusterStatus = named(
  'ClusterStatus',
  object(
    {
      name: text(),
      labels: map(text()),
      revision: integer(),
      digest: text(),
      phase: words('forming', 'converging', 'rolling', 'held', 'converged'),
      conditions: list(
        named(
          'Condition',
          object({
            type: words(...conditionTypes),
            status: flag(),
            reason: text({ description: 'CamelCase word for programs.' }),
            message: text(),
          }),
        ),
      ),
      kafkaVersion: text(),
      bootstrap: list(text(), { description: '`host:port` of the brokers that serve.' }),
      brokers: list(brokerStatus),
      topics: list(topicStatus),
      steps: list(step),
      held: list(held),
      events: list(clusterEvent),
      observedAtMs: atMs,
    },
    { deletion: words('keepData', 'destroy'), clusterId: text(), source: sourceStatus },
  ),
);

const leader = named('Leader', object({ id: text(), host: text(), apiUrl: text() }));

export const schedulerStatus = named(
  'SchedulerStatus',
  object(
    {
      version: text(),
      frameworkName: text(),
      role: text(),
      master: text(),
      connected: flag(),
      startedAtMs: atMs,
      pass: integer(),
      leadership: object(
        { state: words('leading', 'standby') },
        { leader, sinceMs: atMs, standbys: integer() },
      ),
      orphans: list(held, { description: 'Reservations and volumes of ours that no record knows.' }),
    },
    {
      frameworkId: text(),
      mesos: either(
        object({ state: always('subscribed'), sinceMs: atMs, master: text() }),
        object({ state: always('not-subscribed'), sinceMs: atMs }, { why: text() }),
      ),
      lastPassAtMs: atMs,
      specs: directoryStatus,
    },
  ),
);

export const health = named('HealthAnswer', object({ ok: always(true), version: text() }));
export const ready = named(
  'ReadyAnswer',
  object({ ready: always(true), leadership: words('leading', 'standby') }),
);

export const validateAnswer = named(
  'ValidateAnswer',
  object({ valid: flag(), clusters: list(text()), problems: list(problem) }),
);

export const planAnswer = named(
  'PlanAnswer',
  object({
    clusters: list(
      named(
        'ClusterPlan',
        object(
          {
            name: text(),
            revision: integer({ description: '0 while the cluster is new.' }),
            steps: list(step),
            held: list(held),
            executors: object({ cpus: number(), memoryMiB: number(), count: integer() }),
          },
          {
            index: text({ description: 'Digest of what the plan was made from, for `expectedIndexes`.' }),
            source: sourceStatus,
          },
        ),
      ),
    ),
    warnings: list(problem),
  }),
);

export const applyAnswer = named(
  'ApplyAnswer',
  object({
    clusters: list(
      object({ name: text(), revision: integer(), changed: flag() }, { isRemoved: always(true) }),
    ),
    warnings: list(problem),
  }),
);

export const followAnswer = named(
  'FollowAnswer',
  object({ clusterName: text(), revision: integer() }, { source: sourceStatus }),
);
export const reconcileAnswer = named(
  'ReconcileAnswer',
  object({ pass: integer() }, { specs: directoryStatus }),
);
export const eventPage = named('EventPage', object({ events: list(pagedEvent) }, { lastSeq: integer() }));
export const intentAnswer = named(
  'IntentAnswer',
  object({ brokerId: integer() }, { intent: described(intentStatus, 'Absent: none.') }),
);
export const logAnswer = named(
  'LogAnswer',
  object({ text: text(), path: text(), agent: text(), totalBytes: integer() }),
);

export const teardownAnswer = named(
  'TeardownAnswer',
  object({
    done: flag({ description: 'Mesos has forgotten the framework, and the scheduler ends.' }),
    clusters: list(text(), { description: 'Those that still have records.' }),
    left: list(
      object({
        kind: words('task', 'unreachable-task', 'reservation', 'volume', 'unseen-agent', 'record'),
        agentId: text(),
        hostname: text(),
        what: text(),
      }),
    ),
  }),
);

export const errorAnswer = named(
  'ErrorAnswer',
  object({
    error: object(
      { code: text({ pattern: '^KM_[A-Z0-9_]+$' }), message: text() },
      {
        remedy: text(),
        problems: list(problem),
        leader: described(leader, 'Of `KM_CONFLICT_NOT_LEADER`.'),
      },
    ),
  }),
);

/** A schema that says something else than its type is a type error here. */
export type Checked = [
  Holds<Describes<typeof problem, SpecProblem>>,
  Holds<Describes<typeof sourceStatus, SourceStatus>>,
  Holds<Describes<typeof directoryStatus, DirectoryStatus>>,
  Holds<Describes<typeof revisionSummary, RevisionSummary>>,
  Holds<Describes<typeof specRecord, SpecRecord>>,
  Holds<Describes<typeof brokerStatus, BrokerStatus>>,
  Holds<Describes<typeof topicStatus, TopicStatus>>,
  Holds<Describes<typeof clusterEvent, ClusterEvent>>,
  Holds<Describes<typeof clusterStatus, ClusterStatus>>,
  Holds<Describes<typeof schedulerStatus, SchedulerStatus>>,
  Holds<Describes<typeof health, HealthAnswer>>,
  Holds<Describes<typeof ready, ReadyAnswer>>,
  Holds<Describes<typeof validateAnswer, ValidateAnswer>>,
  Holds<Describes<typeof planAnswer, PlanAnswer>>,
  Holds<Describes<typeof applyAnswer, ApplyAnswer>>,
  Holds<Describes<typeof followAnswer, FollowAnswer>>,
  Holds<Describes<typeof reconcileAnswer, ReconcileAnswer>>,
  Holds<Describes<typeof eventPage, EventPage>>,
  Holds<Describes<typeof intentAnswer, IntentAnswer>>,
  Holds<Describes<typeof logAnswer, LogAnswer>>,
  Holds<Describes<typeof teardownAnswer, TeardownAnswer>>,
  Holds<Describes<typeof errorAnswer, ErrorAnswer>>,
];
