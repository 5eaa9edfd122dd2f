/** Mistakes in spec files. */
import type { SpecProblem, ValidateAnswer } from '../../model/api.ts';
import {
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

export const validateAnswer = named(
  'ValidateAnswer',
  object({ valid: flag(), clusters: list(text()), problems: list(problem) }),
);

/** A schema that says something else than its type is a type error here. */
export type Checked = [
  Holds<Describes<typeof problem, SpecProblem>>,
  Holds<Describes<typeof validateAnswer, ValidateAnswer>>,
];
