/** What would be done, what is held and why. */
import type { PlanAnswer } from '../../model/api.ts';
import {
  atMs,
  type Describes,
  flag,
  type Holds,
  integer,
  list,
  named,
  number,
  object,
  text,
} from '../json-schema.ts';
import { problem } from './problems.ts';
import { sourceStatus } from './sources.ts';

export const step = named(
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

/** A schema that says something else than its type is a type error here. */
export type Checked = [Holds<Describes<typeof planAnswer, PlanAnswer>>];
