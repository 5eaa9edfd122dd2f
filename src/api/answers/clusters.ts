/** A cluster with all that is known of it. */
import { type ClusterStatus, conditionTypes } from '../../model/status.ts';
import {
  atMs,
  type Describes,
  flag,
  type Holds,
  integer,
  list,
  map,
  named,
  object,
  text,
  words,
} from '../json-schema.ts';
import { brokerStatus } from './brokers.ts';
import { clusterEvent } from './events.ts';
import { held, step } from './plans.ts';
import { sourceStatus } from './sources.ts';
import { topicStatus } from './topics.ts';

export const clusterStatus = named(
  'ClusterStatus',
  object(
    {
      name: text(),
      labels: map(text()),
      revision: integer(),
      digest: text(),
      phase: words('forming', 'converging', 'rolling', 'held', 'converged'),
      conditions: list(
        named(
          'Condition',
          object({
            type: words(...conditionTypes),
            status: flag(),
            reason: text({ description: 'CamelCase word for programs.' }),
            message: text(),
          }),
        ),
      ),
      kafkaVersion: text(),
      bootstrap: list(text(), { description: '`host:port` of the brokers that serve.' }),
      brokers: list(brokerStatus),
      topics: list(topicStatus),
      steps: list(step),
      held: list(held),
      events: list(clusterEvent),
      observedAtMs: atMs,
    },
    { deletion: words('keepData', 'destroy'), clusterId: text(), source: sourceStatus },
  ),
);

/** A schema that says something else than its type is a type error here. */
export type Checked = [Holds<Describes<typeof clusterStatus, ClusterStatus>>];
