/** What happened. */
import type { EventPage } from '../../model/api.ts';
import type { ClusterEvent } from '../../model/status.ts';
import {
  atMs,
  type Describes,
  type Holds,
  integer,
  list,
  named,
  object,
  text,
  words,
} from '../json-schema.ts';

const eventFields = {
  required: { seq: integer(), atMs, severity: words('info', 'warning', 'error'), message: text() },
  optional: { brokerId: integer(), why: text(), author: text(), count: integer(), firstAtMs: atMs },
};

export const clusterEvent = named('ClusterEvent', object(eventFields.required, eventFields.optional));

const pagedEvent = named(
  'PagedEvent',
  object({ ...eventFields.required, clusterName: text() }, eventFields.optional),
);

export const eventPage = named('EventPage', object({ events: list(pagedEvent) }, { lastSeq: integer() }));

/** A schema that says something else than its type is a type error here. */
export type Checked = [
  Holds<Describes<typeof clusterEvent, ClusterEvent>>,
  Holds<Describes<typeof eventPage, EventPage>>,
];
