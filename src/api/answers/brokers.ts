/** Brokers, what was asked of them, and their logs. */
import type { IntentAnswer, LogAnswer } from '../../model/api.ts';
import { type BrokerStatus, brokerStates } from '../../model/status.ts';
import {
  always,
  atMs,
  type Describes,
  described,
  flag,
  type Holds,
  integer,
  list,
  named,
  number,
  object,
  text,
  words,
} from '../json-schema.ts';

export const waiting = named(
  'Waiting',
  object({ why: text(), stalled: flag() }, { untilMs: atMs, remedy: text() }),
  'What it waits for, and what a person can do.',
);

export const intentStatus = named(
  'IntentStatus',
  object(
    { kind: words('stop', 'pause', 'restart', 'replace'), author: text(), atMs },
    {
      reason: text(),
      expiresAtMs: atMs,
      withoutKafka: always(true, {
        description: 'Consented to also where Kafka has not answered for minutes.',
      }),
    },
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

export const intentAnswer = named(
  'IntentAnswer',
  object({ brokerId: integer() }, { intent: described(intentStatus, 'Absent: none.') }),
);

export const logAnswer = named(
  'LogAnswer',
  object({ text: text(), path: text(), agent: text(), totalBytes: integer() }),
);

/** A schema that says something else than its type is a type error here. */
export type Checked = [
  Holds<Describes<typeof brokerStatus, BrokerStatus>>,
  Holds<Describes<typeof intentAnswer, IntentAnswer>>,
  Holds<Describes<typeof logAnswer, LogAnswer>>,
];
