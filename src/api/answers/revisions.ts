/** What is applied, and was. */
import type { Desired } from '../../model/desired.ts';
import type { SpecRecord } from '../../model/records.ts';
import type { RevisionSummary } from '../../model/source.ts';
import {
  always,
  atMs,
  type Describes,
  described,
  either,
  flag,
  type Holds,
  integer,
  named,
  object,
  opaque,
  text,
} from '../json-schema.ts';
import { source, suspension } from './sources.ts';

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

/** A schema that says something else than its type is a type error here. */
export type Checked = [
  Holds<Describes<typeof revisionSummary, RevisionSummary>>,
  Holds<Describes<typeof specRecord, SpecRecord>>,
];
