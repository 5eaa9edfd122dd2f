/** The topics that a spec declares. */
import type { TopicStatus } from '../../model/status.ts';
import { type Describes, type Holds, integer, named, object, text, words } from '../json-schema.ts';
import { waiting } from './brokers.ts';

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

/** A schema that says something else than its type is a type error here. */
export type Checked = [Holds<Describes<typeof topicStatus, TopicStatus>>];
