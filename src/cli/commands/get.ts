import type { RevisionSummary } from '../../model/source.ts';
import type { ClusterStatus } from '../../model/status.ts';
import { chosenColumns, customColumns } from '../columns.ts';
import { type ClientOptions, type Connection, connect, pickCluster } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError, UsageError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import {
  brokerFields,
  clusterFields,
  eventFields,
  type Fields,
  fieldOf,
  type Of,
  revisionFields,
  sortRows,
  textOf,
  topicFields,
} from '../fields.ts';
import { renderEventTable } from '../format/events.ts';
import { renderRevisions } from '../format/source.ts';
import { renderBrokers, renderClusters, renderTopics } from '../format/status.ts';
import { type Column, renderTable } from '../format/table.ts';
import { keptEvents } from '../kept-events.ts';
import { print } from '../output.ts';
import { matches, parseSelector } from '../select.ts';

export type GetOptions = ClientOptions & {
  /** `json`, `yaml`, `wide`, `name` or `custom-columns=…`. */
  readonly output?: string;
  readonly cluster?: string;
  /** How a cluster is named to the command; by --cluster unless said. */
  readonly how?: string;
  readonly allClusters?: boolean;
  readonly selector?: string;
  readonly columns?: string;
  readonly sortBy?: string;
  /** False: `--no-headers`. */
  readonly headers?: boolean;
};

export const getKinds = ['brokers', 'topics', 'clusters', 'events', 'revisions'] as const;
export type GetKind = (typeof getKinds)[number];

export async function get(context: Context, kind: GetKind, options: GetOptions): Promise<ExitCode> {
  switch (kind) {
    case 'brokers':
      return list(context, options, {
        fields: brokerFields,
        key: 'id',
        read: (client) => rowsOf(client, options, (c) => c.brokers),
        render: (rows, format, before) => renderBrokers(rows, format, true, before),
      });
    case 'topics':
      return list(context, options, {
        fields: topicFields,
        key: 'name',
        read: (client) => rowsOf(client, options, (c) => c.topics),
        render: (rows, format, before) => renderTopics(rows, format, before),
      });
    case 'events':
      return list(context, options, {
        fields: eventFields,
        key: 'seq',
        read: async (client) => {
          const cluster = await chosenCluster(client, options);
          const events = await keptEvents(client, cluster?.name);
          return events.map(({ clusterName, ...event }) => ({ ...event, cluster: clusterName }));
        },
        render: renderEventTable,
      });
    case 'revisions':
      return list(context, options, {
        fields: revisionFields,
        key: 'revision',
        read: (client) => rowsOf(client, options, (c) => revisionsOf(client, c.name)),
        render: renderRevisions,
      });
    case 'clusters':
      return list(context, options, {
        fields: clusterFields,
        key: 'name',
        labels: (cluster) => cluster.labels,
        read: (client) => client.clusters(),
        render: (rows, format) => renderClusters(rows, format),
      });
  }
}

type Format = Context['io'] & { readonly wide: boolean };

type Listing<Row> = {
  readonly fields: Fields<Row>;
  /** The field that tells one from another. */
  readonly key: string;
  /** What a selector may name beside the fields. */
  readonly labels?: (row: Row) => Readonly<Record<string, string>>;
  readonly read: (client: Connection) => Promise<readonly Row[]>;
  /** Where no columns are chosen; `before` stand first. */
  readonly render: (
    rows: readonly Row[],
    format: Format,
    before: readonly Column<Row>[],
  ) => readonly string[];
};

async function list<Row>(context: Context, options: GetOptions, listing: Listing<Row>): Promise<ExitCode> {
  // What is wrong with the question is said before anybody is asked.
  const shape = shapeOf(options, listing);
  const select = selection(options, listing);
  const sortBy =
    options.sortBy === undefined ? undefined : fieldOf(listing.fields, options.sortBy, '--sort-by');
  const read = (await listing.read(await connect(context, options))).filter(select);
  const rows = sortBy === undefined ? read : sortRows(read, sortBy);
  const { io } = context;
  if (shape.kind === 'data') {
    await print(context, { output: shape.format }, rows, () => '');
    return exitCodes.ok;
  }
  if (rows.length === 0) {
    if (options.selector !== undefined) io.err(`None of them is selected by ${options.selector}.\n`);
    if (shape.kind === 'names') return exitCodes.ok;
  }
  if (shape.kind === 'names') {
    io.out(rows.map((row) => `${shape.name(row)}\n`).join(''));
    return exitCodes.ok;
  }
  const format: Format = { ...io, wide: shape.kind === 'default' && shape.wide };
  const cluster = options.allClusters === true ? chosenColumns(listing.fields, 'cluster') : [];
  const lines =
    shape.kind === 'columns'
      ? renderTable(shape.columns, rows, format)
      : listing.render(rows, format, cluster);
  const shown = options.headers === false ? lines.slice(1) : lines;
  if (shown.length > 0) io.out(`${shown.join('\n')}\n`);
  return exitCodes.ok;
}

type Shape<Row> =
  | { readonly kind: 'data'; readonly format: 'json' | 'yaml' }
  | { readonly kind: 'names'; readonly name: (row: Row) => string }
  | { readonly kind: 'columns'; readonly columns: readonly Column<Row>[] }
  | { readonly kind: 'default'; readonly wide: boolean };

const customColumnsPrefix = 'custom-columns=';

function shapeOf<Row>(
  { output, columns, allClusters }: GetOptions,
  { fields, key }: Listing<Row>,
): Shape<Row> {
  if (columns !== undefined && output !== undefined && output !== 'wide') {
    throw new UsageError('--columns and --output exclude one another', 'leave one of them out');
  }
  if (columns !== undefined) return { kind: 'columns', columns: chosenColumns(fields, columns) };
  if (output?.startsWith(customColumnsPrefix)) {
    return { kind: 'columns', columns: customColumns(fields, output.slice(customColumnsPrefix.length)) };
  }
  switch (output) {
    case undefined:
    case 'wide':
      return { kind: 'default', wide: output === 'wide' };
    case 'json':
    case 'yaml':
      return { kind: 'data', format: output };
    case 'name': {
      const field = fieldOf(fields, key, '-o name');
      const cluster = allClusters === true ? fields.cluster : undefined;
      return {
        kind: 'names',
        name: (row) => (cluster === undefined ? '' : `${textOf(cluster, row)}/`) + textOf(field, row),
      };
    }
    default:
      throw new UsageError(
        `there is no output ${output}`,
        'there is json, yaml, wide, name and custom-columns=NAME:.field,…',
      );
  }
}

function selection<Row>({ selector }: GetOptions, { fields, labels }: Listing<Row>): (row: Row) => boolean {
  if (selector === undefined) return () => true;
  const requirements = parseSelector(selector);
  // Of clusters, every key that is no field is one of their labels, which are anything.
  if (labels === undefined) for (const { key } of requirements) fieldOf(fields, key, '--selector');
  return (row) =>
    matches(requirements, (key) =>
      Object.hasOwn(fields, key) ? fields[key]?.value(row) : labels?.(row)[key],
    );
}

async function revisionsOf(client: Connection, name: string): Promise<readonly RevisionSummary[]> {
  const found = await client.revisions(name);
  if (found !== undefined) return found;
  throw new CommandError('KM_CLI_NO_REVISIONS', `this scheduler tells no revisions of ${name}`, {
    remedy: 'it is older than this command: update it; or the cluster was removed just now',
  });
}

async function rowsOf<Row extends object>(
  client: Connection,
  options: GetOptions,
  pick: (cluster: ClusterStatus) => readonly Row[] | Promise<readonly Row[]>,
): Promise<readonly Of<Row>[]> {
  const one = await chosenCluster(client, options);
  const chosen = one === undefined ? await client.clusters() : [one];
  const found = chosen.map(async (each) => (await pick(each)).map((row) => ({ ...row, cluster: each.name })));
  return (await Promise.all(found)).flat();
}

/** Undefined: all of them. */
async function chosenCluster(
  client: Connection,
  { cluster, how, allClusters }: GetOptions,
): Promise<ClusterStatus | undefined> {
  if (allClusters === true && cluster !== undefined) {
    throw new UsageError('--all-clusters and --cluster exclude one another', 'leave one of them out');
  }
  return allClusters === true ? undefined : pickCluster(client, cluster, how);
}
