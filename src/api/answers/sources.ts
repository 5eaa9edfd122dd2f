/** The files that own clusters, and their directory. */
import type { DirectoryStatus, SourceStatus } from '../../model/source.ts';
import {
  always,
  atMs,
  type Describes,
  described,
  either,
  type Holds,
  integer,
  list,
  named,
  object,
  text,
  words,
} from '../json-schema.ts';
import { problem } from './problems.ts';

const commit = named('GitCommit', object({ id: text(), author: text(), atMs, subject: text() }));

export const source = named('SpecSource', object({ path: text() }, { commit, uncommitted: always(true) }));

const suspended = { author: text(), atMs };

export const suspension = named(
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

/** A schema that says something else than its type is a type error here. */
export type Checked = [
  Holds<Describes<typeof sourceStatus, SourceStatus>>,
  Holds<Describes<typeof directoryStatus, DirectoryStatus>>,
];
