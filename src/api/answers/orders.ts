/** What became of what was asked for. */
import type { ApplyAnswer, FollowAnswer, ReconcileAnswer } from '../../model/api.ts';
import type { TeardownAnswer } from '../../model/teardown.ts';
import {
  always,
  type Describes,
  flag,
  type Holds,
  integer,
  list,
  named,
  object,
  text,
  words,
} from '../json-schema.ts';
import { problem } from './problems.ts';
import { directoryStatus, sourceStatus } from './sources.ts';

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

/** A schema that says something else than its type is a type error here. */
export type Checked = [
  Holds<Describes<typeof applyAnswer, ApplyAnswer>>,
  Holds<Describes<typeof followAnswer, FollowAnswer>>,
  Holds<Describes<typeof reconcileAnswer, ReconcileAnswer>>,
  Holds<Describes<typeof teardownAnswer, TeardownAnswer>>,
];
