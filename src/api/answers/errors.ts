/** What was refused. */
import type { ErrorAnswer } from '../../model/api.ts';
import { type Describes, described, type Holds, list, named, object, text } from '../json-schema.ts';
import { problem } from './problems.ts';
import { leader } from './scheduler.ts';

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
export type Checked = [Holds<Describes<typeof errorAnswer, ErrorAnswer>>];
