import {
  type BrokerStatus,
  type ClusterEvent,
  type ClusterPhase,
  type ClusterStatus,
  type HeldSummary,
  type IntentStatus,
  phaseWords,
  sharedWarnings,
  type TopicStatus,
} from '../../model/status.ts';
import { renderHeld } from './plan.ts';
import { type Column, renderTable } from './table.ts';
import { hang, printable, type Style } from './text.ts';
import { byteSize, clockTime, dateTime, duration } from './time.ts';

export type StatusFormat = {
  readonly style: Style;
  readonly width: number;
  /** More columns: pool, roles, task, pid. */
  readonly wide?: boolean;
};

/** One cluster on a page: head, brokers, topics, what is held and why. */
export function renderStatus(cluster: ClusterStatus, format: StatusFormat): string {
  const { style, width } = format;
  const sections = [renderHead(cluster, style)];
  if (cluster.brokers.length > 0)
    sections.push([...renderBrokers(cluster.brokers, format, false), ...renderNotes(cluster.brokers, width)]);
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

/** What a person has to look at, and below it what time and events will do. */
function renderOpen(open: readonly HeldSummary[], style: Style, width: number): readonly string[][] {
  return [
    { title: 'Held, a person has to act:', of: open.filter((one) => one.stalled) },
    { title: 'Waiting:', of: open.filter((one) => !one.stalled) },
  ]
    .filter(({ of }) => of.length > 0)
    .map(({ title, of }) => [title, ...of.flatMap((one) => renderHeld(one, style, width))]);
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

/** Everything about a cluster: status, conditions and recent events. */
export function renderClusterDescription(cluster: ClusterStatus, format: StatusFormat): string {
  const { style, width } = format;
  const sections = [renderStatus(cluster, format).trimEnd()];
  const conditions = cluster.conditions.flatMap((condition) =>
    hang(
      `  ${condition.type.padEnd(12)}${condition.status ? 'yes' : 'no '}  `,
      `${condition.reason}: ${condition.message}`,
      width,
    ),
  );
  if (conditions.length > 0) sections.push(['Conditions:', ...conditions].join('\n'));
  if (cluster.events.length > 0) sections.push(renderEvents(cluster.events, style, width));
  return `${sections.join('\n\n')}\n`;
}

/** Everything about one broker: where it is, why it waits, what it differs in, how it last ended. */
export function renderBrokerDescription(
  cluster: ClusterStatus,
  broker: BrokerStatus,
  format: StatusFormat,
): string {
  const { style, width } = format;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['State', broker.state + (broker.phase === undefined ? '' : ` (${broker.phase})`)],
    ['Roles', broker.roles.join(', ')],
    ['Pool', broker.pool],
    [
      'Agent',
      broker.agent === undefined
        ? undefined
        : `${broker.agent}${broker.agentId === undefined ? '' : ` (${broker.agentId})`}`,
    ],
    ['Asked', broker.intent && intentText(broker.intent)],
    ['Rack', broker.rack],
    ['Endpoint', broker.endpoint],
    ['Task', broker.taskId],
    ['JVM pid', broker.jvmPid?.toString()],
    ['Started', broker.startedAtMs === undefined ? undefined : dateTime(broker.startedAtMs)],
    ['In sync', inSyncText(broker)],
    ['Planned', maintenanceText(broker)],
    ['Restarts', String(broker.restarts)],
    ['Failures', broker.failures === 0 ? undefined : `${broker.failures} in a row`],
    ['Progress', progressText(broker)],
    [
      'Last end',
      broker.lastEnd && `${dateTime(broker.lastEnd.atMs)} ${broker.lastEnd.state}: ${broker.lastEnd.why}`,
    ],
  ];
  const sections = [
    [
      style.bold(`Broker ${broker.id} of cluster ${printable(cluster.name)}`),
      ...facts.flatMap(([name, value]) =>
        value === undefined ? [] : hang(`  ${name.padEnd(10)}`, value, width),
      ),
    ],
  ];
  if (broker.waiting !== undefined) {
    const { why, untilMs, remedy } = broker.waiting;
    sections.push([
      'Waits:',
      ...hang('  ', untilMs === undefined ? why : `${why} (until ${clockTime(untilMs)})`, width),
      ...(remedy === undefined ? [] : hang('  → ', remedy, width)),
    ]);
  }
  if (broker.drift.length > 0) {
    sections.push([
      'Differs from the spec (taken up by a restart):',
      ...broker.drift.flatMap((one) => hang('  ~ ', one, width)),
    ]);
  }
  if (broker.warnings.length > 0) {
    sections.push(['Warnings:', ...broker.warnings.flatMap((warning) => hang('  ', warning, width))]);
  }
  const open = cluster.held.filter(
    (one) =>
      one.brokerId === broker.id &&
      one.reason !== 'task-in-progress' &&
      // Said by what it waits for; offers that did not fit are only told here.
      (one.message !== broker.waiting?.why || one.details.length > 0),
  );
  sections.push(...renderOpen(open, style, width));
  const events = cluster.events.filter((event) => event.brokerId === broker.id);
  if (events.length > 0) sections.push([renderEvents(events, style, width)]);
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

export function paintPhase(phase: ClusterPhase, style: Style): (text: string) => string {
  if (phase === 'converged') return style.green;
  return phase === 'held' ? style.red : style.yellow;
}

function renderHead(cluster: ClusterStatus, style: Style): readonly string[] {
  const lines = [
    [
      style.bold(`Cluster ${printable(cluster.name)}`),
      paintPhase(cluster.phase, style)(phaseWords(cluster)),
      `revision ${cluster.revision}`,
      `Kafka ${printable(cluster.kafkaVersion)}`,
    ].join('  '),
  ];
  if (cluster.bootstrap.length > 0) lines.push(`Bootstrap ${printable(cluster.bootstrap.join(','))}`);
  return lines;
}

function renderEvents(events: readonly ClusterEvent[], style: Style, width: number): string {
  const paint = { info: (text: string) => text, warning: style.yellow, error: style.red };
  return [
    'Events:',
    ...events.flatMap((event) => {
      const subject = `broker ${event.brokerId}`;
      const who = event.brokerId === undefined || event.message.includes(subject) ? '' : `${subject}: `;
      return hang(`  ${clockTime(event.atMs)} `, who + event.message, width).map(paint[event.severity]);
    }),
  ].join('\n');
}

function intentText({ kind, author, reason, atMs, expiresAtMs }: IntentStatus): string {
  const why = reason === undefined ? '' : `: ${reason}`;
  const until = expiresAtMs === undefined ? '' : `, until ${dateTime(expiresAtMs)}`;
  return `${kind} by ${author} at ${dateTime(atMs)}${why}${until}`;
}

function inSyncText({ inSync, taskId }: BrokerStatus): string | undefined {
  if (inSync !== undefined) return `${inSync.inSync} of ${inSync.total} replicas`;
  return taskId === undefined ? undefined : 'unknown';
}

function progressText({ progress }: BrokerStatus): string | undefined {
  if (progress === undefined) return undefined;
  const { label, doneBytes, totalBytes, bytesPerSecond, etaMs } = progress;
  const percent = totalBytes > 0 ? ` ${Math.floor((doneBytes / totalBytes) * 100)}%` : '';
  const rate = bytesPerSecond === undefined ? '' : `, ${byteSize(bytesPerSecond)}/s`;
  const eta = etaMs === undefined ? '' : `, ${duration(etaMs)} left`;
  return `${label}${percent} (${byteSize(doneBytes)} of ${byteSize(totalBytes)}${rate}${eta})`;
}

function maintenanceText({ maintenance }: BrokerStatus): string | undefined {
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

function renderNotes(brokers: readonly BrokerStatus[], width: number): readonly string[] {
  const shared = sharedWarnings(brokers);
  const lines = [
    ...brokers.flatMap((one) => [
      ...[...brokerNotes(one), ...one.warnings.filter((warning) => !shared.has(warning))].flatMap(
        (note, index) => hang(index === 0 ? `  broker ${one.id}: ` : '    ', note, width),
      ),
      ...(one.waiting?.remedy === undefined ? [] : hang('    → ', one.waiting.remedy, width)),
    ]),
    ...[...shared].flatMap(([warning, ids]) =>
      hang(
        ids.length === brokers.length ? '  all brokers: ' : `  brokers ${ids.join(', ')}: `,
        warning,
        width,
      ),
    ),
  ];
  return lines.length === 0 ? [] : ['', ...lines];
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
