/** What the API accepts. */
import type {
  ApplyRequest,
  FollowBody,
  IntentBody,
  ReconcileBody,
  RollbackBody,
  SpecRequest,
} from '../model/api.ts';
import type { TeardownRequest } from '../model/teardown.ts';
import {
  closed,
  type Describes,
  described,
  flag,
  type Holds,
  integer,
  list,
  map,
  named,
  object,
  text,
  words,
} from './json-schema.ts';

const files = list(closed(object({ path: text({ maxLength: 4096 }), text: text() })), {
  minItems: 1,
  maxItems: 1000,
  description: 'Spec files; problems name them by `path`, which is opened nowhere.',
});
const author = text({ minLength: 1, maxLength: 256, description: 'Who wants it, for people.' });
const reason = text({ minLength: 1, maxLength: 500 });
const revision = (minimum: number) => integer({ minimum, maximum: Number.MAX_SAFE_INTEGER });

export const specRequest = named('SpecRequest', closed(object({ files })));

export const applyRequest = named(
  'ApplyRequest',
  closed(
    object(
      { files, author },
      {
        expectedRevisions: map(revision(0), {
          maxProperties: 1000,
          description:
            'By cluster: refused with `KM_CONFLICT_REVISION` when its spec has another revision; 0: it must not exist yet.',
        }),
        expectedIndexes: map(text({ maxLength: 1024 * 1024 }), {
          maxProperties: 1000,
          description:
            'By cluster, `index` of the plan that was looked at: refused with `KM_CONFLICT_PLAN` when it would be another one now, or when it names some of the clusters in the files and not all.',
        }),
        takeOver: flag({
          description:
            'Also of clusters that a file of the directory of specs owns: it is not followed any more until `resume`.',
        }),
      },
    ),
  ),
);

export const intentBody = named(
  'IntentBody',
  closed(
    object(
      { kind: words('stop', 'pause', 'restart', 'replace'), author },
      {
        reason,
        expiresInMs: integer({ minimum: 1_000, maximum: 366 * 86_400_000 }),
        acceptLoss: list(text({ pattern: '^[A-Za-z0-9._-]{1,249}-[0-9]{1,9}$' }), {
          maxItems: 10_000,
          description: 'For `replace`: partitions (`events-3`) that may be lost by it.',
        }),
        withoutKafka: flag({
          description:
            'For `restart` and `stop`: also where Kafka has not answered for minutes, and cannot say whether the broker can be spared. An answer of Kafka goes before it.',
        }),
      },
    ),
  ),
);

export const teardownRequest = named(
  'TeardownRequest',
  closed(
    object({
      confirm: text({ minLength: 1, maxLength: 256, description: "The framework's name." }),
      author,
      abandon: flag({ description: 'Let Mesos forget the framework although something of it is left.' }),
    }),
  ),
);

export const followBody = named('FollowBody', closed(object({ author }, { reason })));
export const rollbackBody = named(
  'RollbackBody',
  closed(object({ author, revision: revision(1) }, { reason })),
);
export const reconcileBody = named(
  'ReconcileBody',
  closed(object({}, { clusterName: text({ minLength: 1, maxLength: 256 }) })),
);

/** A schema that says something else than its type is a type error here. */
export type Checked = [
  Holds<Describes<typeof specRequest, SpecRequest>>,
  Holds<Describes<typeof applyRequest, ApplyRequest>>,
  Holds<Describes<typeof intentBody, IntentBody>>,
  Holds<Describes<typeof teardownRequest, TeardownRequest>>,
  Holds<Describes<typeof followBody, FollowBody>>,
  Holds<Describes<typeof rollbackBody, RollbackBody>>,
  Holds<Describes<typeof reconcileBody, ReconcileBody>>,
];

/** The most of a log that one answer carries. */
export const maxLogBytes = 1024 * 1024;

export const maxPage = 1000;
const limit = integer({ minimum: 1, maximum: maxPage });
/** As the spec has it: nothing else is ever a part of a record's path. */
export const clusterNamePattern = '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$';
const clusterName = text({ pattern: clusterNamePattern, description: 'Only of this cluster.' });

/** Query parameters by name; each is optional, one that is not here is refused. */
export const queries = {
  /** Without `limit` it is everything: there are few clusters. */
  clusters: {
    limit: described(limit, 'How many at most; everything otherwise.'),
    after: text({
      minLength: 1,
      maxLength: 256,
      description: 'Only clusters whose name comes after this one.',
    }),
  },
  brokers: {
    limit: { ...limit, default: 100 },
    after: integer({ minimum: 0, maximum: 2 ** 31, description: 'Only brokers with a larger id.' }),
  },
  topics: {
    limit: { ...limit, default: 100 },
    after: text({
      minLength: 1,
      maxLength: 256,
      description: 'Only topics whose name comes after this one.',
    }),
  },
  revisions: {
    limit: { ...limit, default: 100 },
    after: integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Only revisions before this one.',
    }),
  },
  events: {
    cluster: clusterName,
    after: integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Only what came after the event of this `seq`, oldest first; the newest ones otherwise.',
    }),
    limit: { ...limit, default: 100 },
  },
  clearIntent: { author: described(author, 'Who takes it back, for the events.') },
  logs: {
    file: text({
      minLength: 1,
      maxLength: 1024,
      description: '`kafka-server.log`, `stderr` of the executor, or a path below the sandbox.',
      default: 'kafka-server.log',
    }),
    bytes: integer({
      minimum: 1,
      maximum: maxLogBytes,
      default: 65_536,
      description: 'How much of its end.',
    }),
  },
  watch: {
    cluster: described(clusterName, 'Only this cluster, which need not be there yet.'),
    after: integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'First the events after this `seq`. The header `Last-Event-ID` says the same, and wins.',
    }),
  },
} as const;

const clusterNames = new RegExp(clusterNamePattern);

/** Whether a cluster can have this name. */
export function isClusterName(name: string): boolean {
  return clusterNames.test(name);
}

/** The way out of the sandbox is closed here and again where the path is built. */
export function isSandboxPath(file: string): boolean {
  if (file.startsWith('/')) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f\\]/.test(file)) return false;
  return file.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}
