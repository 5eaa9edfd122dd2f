/** The scheduler itself. */
import type { HealthAnswer, ReadyAnswer, SchedulerStatus } from '../../model/api.ts';
import {
  always,
  atMs,
  type Describes,
  either,
  flag,
  type Holds,
  integer,
  list,
  named,
  object,
  text,
  words,
} from '../json-schema.ts';
import { held } from './plans.ts';
import { directoryStatus } from './sources.ts';

export const leader = named('Leader', object({ id: text(), host: text(), apiUrl: text() }));

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

export const healthAnswer = named('HealthAnswer', object({ ok: always(true), version: text() }));

export const readyAnswer = named(
  'ReadyAnswer',
  object({ ready: always(true), leadership: words('leading', 'standby') }),
);

/** A schema that says something else than its type is a type error here. */
export type Checked = [
  Holds<Describes<typeof schedulerStatus, SchedulerStatus>>,
  Holds<Describes<typeof healthAnswer, HealthAnswer>>,
  Holds<Describes<typeof readyAnswer, ReadyAnswer>>,
];
