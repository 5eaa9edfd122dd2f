import {
  type BrokerStatus,
  type ClusterEvent,
  type ClusterPhase,
  type ClusterStatus,
  type IntentStatus,
  phaseWords,
  sharedWarnings,
  type TopicStatus,
} from '../../model/status.ts';
import { renderEvents } from './events.ts';
import { renderOpen } from './plan.ts';
import { sourceText } from './source.ts';
import { type Column, renderTable } from './table.ts';
import { hang, idRanges, printable, type Style } from './text.ts';
import { byteSize, clockTime, dateTime, duration } from './time.ts';

export type StatusFormat = {
  readonly style: Style;
  readonly width: number;
  /** More columns: pool, roles, task, pid. */
  readonly wide?: boolean;
};

/** Several in a table, and below it those in full that are not as declared; all of them in full when `wide`. */
export function renderStatuses(clusters: readonly ClusterStatus[], format: StatusFormat): string {
  if (clusters.length < 2) return clusters.map((cluster) => renderStatus(cluster, format)).join('');
  const shown = format.wide === true ? clusters : clusters.filter(({ phase }) => phase !== 'converged');
  return [
    `${renderClusters(clusters, format).join('\n')}\n`,
    ...shown.map((cluster) => renderStatus(cluster, format)),
  ].join('\n');
}

/** One cluster on a page: head, brokers, topics, what is held and why. */
export function renderStatus(cluster: ClusterStatus, format: StatusFormat): string {
  const { style, width } = format;
  const sections = [renderHead(cluster, format)];
  if (cluster.brokers.length > 0) {
    const { shown, rest } = rollUp(cluster.brokers, format);
    sections.push([
      ...(shown.length === 0 ? [] : renderBrokers(shown, format, false)),
      ...rest,
      ...renderNotes(cluster.brokers, width),
    ]);
  }
  if (cluster.topics.length > 0) sections.push(renderTopics(cluster.topics, format));
  // What a broker merely waits for is said below the table already.
  const waiting = new Set(cluster.brokers.filter((one) => one.waiting !== undefined).map((one) => one.id));
  const open = cluster.held.filter(
    (one) =>
      one.reason !== 'task-in-progress' &&
      (one.stalled || one.brokerId === undefined || !waiting.has(one.brokerId)),
  );
  sections.push(...renderOpen(open, style, width));
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/**
 * `notes`: what each broker waits for as the last column, cut to what is left of the width. `before`: columns that
 * stand first.
 */
export function renderBrokers<Row extends BrokerStatus>(
  brokers: readonly Row[],
  format: StatusFormat,
  notes = true,
  before: readonly Column<Row>[] = [],
): readonly string[] {
  const columns = [...before, ...(format.wide === true ? wideBrokerColumns : brokerColumns)];
  return renderTable(notes ? [...columns, noteColumn(brokers)] : columns, brokers, format);
}

export function renderTopics<Row extends TopicStatus>(
  topics: readonly Row[],
  format: StatusFormat,
  before: readonly Column<Row>[] = [],
): readonly string[] {
  return renderTable([...before, ...topicColumns], topics, format);
}

export function renderClusters(clusters: readonly ClusterStatus[], format: StatusFormat): readonly string[] {
  return renderTable(clusterColumns, clusters, format);
}

/** Everything about a cluster: status, conditions and the last of its `events`. */
export function renderClusterDescription(
  cluster: ClusterStatus,
  events: readonly ClusterEvent[],
  format: StatusFormat,
): string {
  const { width } = format;
  const sections = [renderStatus(cluster, format).trimEnd()];
  const conditions = cluster.conditions.flatMap((condition) =>
    hang(
      `  ${condition.type.padEnd(12)}${condition.status ? 'yes' : 'no '}  `,
      `${condition.reason}: ${condition.message}`,
      width,
    ),
  );
  if (conditions.length > 0) sections.push(['Conditions:', ...conditions].join('\n'));
  const mistakes = (cluster.source?.problems ?? []).filter(({ severity }) => severity === 'error');
  if (mistakes.length > 0) {
    const lines = mistakes.flatMap(({ file, line, column, message, remedy }) => [
      ...hang('  ', printable(`${file}:${line}:${column} ${message}`), width),
      ...(remedy === undefined ? [] : hang('    → ', printable(remedy), width)),
    ]);
    sections.push(['Mistakes in its file:', ...lines].join('\n'));
  }
  if (events.length > 0) {
    sections.push(renderEvents(events, cluster, format).join('\n'));
  }
  return `${sections.join('\n\n')}\n`;
}

export function paintPhase(phase: ClusterPhase, style: Style): (text: string) => string {
  if (phase === 'converged') return style.green;
  return phase === 'held' ? style.red : style.yellow;
}

function renderHead(cluster: ClusterStatus, { style, width }: StatusFormat): readonly string[] {
  const lines = [
    [
      style.bold(`Cluster ${printable(cluster.name)}`),
      paintPhase(cluster.phase, style)(phaseWords(cluster)),
      `revision ${cluster.revision}`,
      `Kafka ${printable(cluster.kafkaVersion)}`,
    ].join('  '),
  ];
  if (cluster.bootstrap.length > 0) lines.push(`Bootstrap ${printable(cluster.bootstrap.join(','))}`);
  if (cluster.source !== undefined) {
    const { source, observedAtMs } = cluster;
    const paint = source.state === 'following' ? (line: string) => line : style.yellow;
    lines.push(...hang('Spec      ', sourceText(source, observedAtMs), width).map(paint));
  }
  return lines;
}

export function intentText(intent: IntentStatus): string {
  const { kind, author, reason, atMs, expiresAtMs, withoutKafka } = intent;
  const what = withoutKafka === true ? `${kind} without Kafka` : kind;
  const why = reason === undefined ? '' : `: ${reason}`;
  const until = expiresAtMs === undefined ? '' : `, until ${dateTime(expiresAtMs)}`;
  return `${what} by ${author} at ${dateTime(atMs)}${why}${until}`;
}

export function inSyncText({ inSync, taskId }: BrokerStatus): string | undefined {
  if (inSync !== undefined) return `${inSync.inSync} of ${inSync.total} replicas`;
  return taskId === undefined ? undefined : 'unknown';
}

export function progressText({ progress }: BrokerStatus): string | undefined {
  if (progress === undefined) return undefined;
  const { label, doneBytes, totalBytes, bytesPerSecond, etaMs } = progress;
  const percent = totalBytes > 0 ? ` ${Math.floor((doneBytes / totalBytes) * 100)}%` : '';
  const rate = bytesPerSecond === undefined ? '' : `, ${byteSize(bytesPerSecond)}/s`;
  const eta = etaMs === undefined ? '' : `, ${duration(etaMs)} left`;
  return `${label}${percent} (${byteSize(doneBytes)} of ${byteSize(totalBytes)}${rate}${eta})`;
}

export function maintenanceText({ maintenance }: BrokerStatus): string | undefined {
  if (maintenance === undefined) return undefined;
  const { startMs, endMs, accepted, why } = maintenance;
  const until = endMs === undefined ? '' : ` to ${dateTime(endMs)}`;
  return `maintenance of its agent ${dateTime(startMs)}${until}: ${accepted ? 'accepted' : 'declined'}, ${why}`;
}

/** What there is to say of a broker, the most pressing first; its warnings apart. */
function brokerNotes(broker: BrokerStatus): readonly string[] {
  const { waiting, phase, drift } = broker;
  const notes: string[] = [];
  if (broker.intent !== undefined) notes.push(intentText(broker.intent));
  if (waiting !== undefined) {
    notes.push(
      waiting.untilMs === undefined ? waiting.why : `${waiting.why} (until ${clockTime(waiting.untilMs)})`,
    );
  }
  const progress = progressText(broker);
  if (progress !== undefined) notes.push(progress);
  else if (phase !== undefined && broker.state !== 'running' && phase !== broker.state) notes.push(phase);
  const maintenance = maintenanceText(broker);
  if (maintenance !== undefined) notes.push(maintenance);
  if (drift.length > 0) notes.push(`restart due: ${drift.join(', ')}`);
  return notes;
}

/** More than a few screens of rows are nobody's to read. */
const mostRows = 50;

/** Of many brokers those that are not just running, and in a line of each state the others. `-o wide` has all. */
function rollUp(
  brokers: readonly BrokerStatus[],
  { wide, width, style }: StatusFormat,
): { readonly shown: readonly BrokerStatus[]; readonly rest: readonly string[] } {
  if (wide === true || brokers.length <= mostRows) return { shown: brokers, rest: [] };
  const isCalm = (one: BrokerStatus): boolean =>
    one.state === 'running' && one.waiting === undefined && one.drift.length === 0;
  const shown = brokers.filter((one) => !isCalm(one)).slice(0, mostRows);
  const known = new Set(shown);
  const byState = Map.groupBy(
    brokers.filter((one) => !known.has(one)),
    (one) => one.state,
  );
  const rest = [...byState].flatMap(([state, some]) =>
    hang(`${some.length} ${state}: `, idRanges(some.map((one) => one.id)), width),
  );
  return { shown, rest: [...rest, style.dim('(-o wide shows every broker)')] };
}

/** What is said alike of several brokers is said once, with their ids. */
function renderNotes(brokers: readonly BrokerStatus[], width: number): readonly string[] {
  const shared = sharedWarnings(brokers);
  const told = brokers.map((one) => ({
    id: one.id,
    notes: [...brokerNotes(one), ...one.warnings.filter((warning) => !shared.has(warning))],
    remedy: one.waiting?.remedy,
  }));
  const groups = Map.groupBy(
    told.filter(({ notes, remedy }) => notes.length > 0 || remedy !== undefined),
    ({ notes, remedy }) => JSON.stringify([notes, remedy]),
  );
  const lines = [
    ...[...groups.values()].slice(0, mostRows).flatMap((group) => {
      const { notes = [], remedy } = group[0] ?? {};
      return [
        ...notes.flatMap((note, index) => hang(index === 0 ? subjects(group, brokers) : '    ', note, width)),
        ...(remedy === undefined ? [] : hang('    → ', remedy, width)),
      ];
    }),
    ...(groups.size > mostRows ? [`  and ${groups.size - mostRows} more, as -o json or describe tells`] : []),
    ...[...shared].flatMap(([warning, ids]) =>
      hang(
        subjects(
          ids.map((id) => ({ id })),
          brokers,
        ),
        warning,
        width,
      ),
    ),
  ];
  return lines.length === 0 ? [] : ['', ...lines];
}

function subjects(some: readonly { readonly id: number }[], all: readonly BrokerStatus[]): string {
  if (some.length === 1) return `  broker ${some[0]?.id}: `;
  if (some.length === all.length) return '  all brokers: ';
  const ranges = idRanges(some.map(({ id }) => id));
  return ranges.length > 40
    ? `  ${some.length} brokers (${ranges.slice(0, 30)}…): `
    : `  brokers ${ranges}: `;
}

function paintState(broker: BrokerStatus, style: Style): (text: string) => string {
  if (broker.state === 'running') return style.green;
  if (broker.state === 'failed' || broker.waiting?.stalled === true) return style.red;
  return broker.state === 'stopped' ? style.dim : style.yellow;
}

const broker = {
  id: { title: 'BROKER', cell: (one: BrokerStatus) => String(one.id) },
  state: {
    title: 'STATE',
    cell: (one: BrokerStatus) => one.state,
    paint: paintState,
  },
  agent: { title: 'AGENT', cell: (one: BrokerStatus) => one.agent ?? '-', shrinkTo: 12 },
  rack: { title: 'RACK', cell: (one: BrokerStatus) => one.rack ?? '', optional: true, spare: 1 },
  endpoint: { title: 'ENDPOINT', cell: (one: BrokerStatus) => one.endpoint ?? '-', shrinkTo: 15 },
  inSync: {
    title: 'IN SYNC',
    cell: (one: BrokerStatus) =>
      one.inSync === undefined ? '-' : `${one.inSync.inSync}/${one.inSync.total}`,
  },
  restarts: {
    title: 'RESTARTS',
    cell: (one: BrokerStatus) => String(one.restarts),
    align: 'right',
    spare: 2,
  },
} satisfies Record<string, Column<BrokerStatus>>;

const brokerColumns: readonly Column<BrokerStatus>[] = Object.values(broker);

/** What is most pressing; a warning that all give alike is told by status and describe. */
function noteColumn(brokers: readonly BrokerStatus[]): Column<BrokerStatus> {
  const shared = sharedWarnings(brokers);
  return {
    title: 'NOTE',
    cell: (one) => brokerNotes(one)[0] ?? one.warnings.find((warning) => !shared.has(warning)) ?? '',
    shrinkTo: 10,
    optional: true,
  };
}

const wideBrokerColumns: readonly Column<BrokerStatus>[] = [
  broker.id,
  { title: 'POOL', cell: (one) => one.pool, spare: 2 },
  { title: 'ROLES', cell: (one) => one.roles.join('+'), spare: 3 },
  broker.state,
  broker.agent,
  broker.rack,
  broker.endpoint,
  broker.inSync,
  broker.restarts,
  { title: 'PID', cell: (one) => one.jvmPid?.toString() ?? '', optional: true },
  { title: 'TASK', cell: (one) => one.taskId ?? '', optional: true, shrinkTo: 12, spare: 1 },
];

const topicColumns: readonly Column<TopicStatus>[] = [
  { title: 'TOPIC', cell: (topic) => topic.name, shrinkTo: 12 },
  { title: 'PARTITIONS', cell: (topic) => String(topic.partitions), align: 'right' },
  { title: 'REPLICATION', cell: (topic) => String(topic.replicationFactor), align: 'right' },
  {
    title: 'STATE',
    cell: (topic) => topic.state,
    paint: (topic, style) =>
      topic.state === 'ready' ? style.green : topic.state === 'offline' ? style.red : style.yellow,
  },
  { title: 'NOTE', cell: (topic) => topic.waiting?.why ?? '', shrinkTo: 10, optional: true },
];

const clusterColumns: readonly Column<ClusterStatus>[] = [
  { title: 'CLUSTER', cell: (cluster) => cluster.name },
  {
    title: 'PHASE',
    cell: (cluster) => phaseWords(cluster),
    paint: (cluster, style) => paintPhase(cluster.phase, style),
  },
  { title: 'REVISION', cell: (cluster) => String(cluster.revision), align: 'right' },
  { title: 'KAFKA', cell: (cluster) => cluster.kafkaVersion },
  {
    title: 'RUNNING',
    cell: ({ brokers }) => `${brokers.filter((one) => one.state === 'running').length}/${brokers.length}`,
  },
  {
    title: 'HELD',
    cell: (cluster) => String(cluster.held.filter((one) => one.stalled).length),
    align: 'right',
  },
  { title: 'BOOTSTRAP', cell: (cluster) => cluster.bootstrap.join(','), shrinkTo: 15, optional: true },
];
