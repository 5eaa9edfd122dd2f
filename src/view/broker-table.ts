import { type BrokerState, type BrokerStatus, type ClusterStatus, sharedWarnings } from '../model/status.ts';
import { brokerNotes } from './broker-notes.ts';
import { formatAge } from './format.ts';
import type { Canvas } from './layout.ts';
import { fitItems, type Section } from './section.ts';
import type { Glyphs } from './terminal.ts';
import { clip, type Line, padEnd, padStart, type Segment, segment, widthOf } from './text.ts';
import { mostUrgent, toneOf, urgency } from './urgency.ts';

/**
 * A row per broker and below it what it waits for. In the order of ids while all fit; otherwise a
 * window with the brokers that need attention first, or around the chosen one, and a last line that sums up the others.
 * Only what the window may show is looked at closely, so that a thousand cost little more than a screenful. Warnings
 * that several brokers share have a section of their own.
 */
export function brokersSection(status: ClusterStatus, canvas: Canvas, chosenId?: number): Section {
  const all = status.brokers;
  if (all.length === 0) return { wantedLines: 0, leastLines: 0, rank: 2, render: () => [] };
  const isMany = all.length > canvas.height;
  const window = isMany ? windowOf(all, canvas.height, chosenId) : all;
  const shared = sharedWarnings(all);
  const brokers = window.map((broker) =>
    broker.warnings.some((one) => shared.has(one))
      ? { ...broker, warnings: broker.warnings.filter((one) => !shared.has(one)) }
      : broker,
  );
  const table = fitColumns(brokers, canvas);
  const draw = (isCompact: boolean) => (broker: BrokerStatus) =>
    drawBroker(broker, table, isCompact, canvas, broker.id === chosenId);
  const linesWhen = (isCompact: boolean) =>
    brokers.reduce((sum, broker) => sum + draw(isCompact)(broker).length, 1);
  const wantedLines = isMany ? manyLines(brokers, canvas) : linesWhen(false);
  return {
    wantedLines,
    // A third of the screen is theirs whatever else there is to say.
    leastLines: Math.min(isMany ? wantedLines : linesWhen(true), Math.max(4, Math.floor(canvas.height / 3))),
    rank: 2,
    render(height) {
      const title = drawTitle(table);
      if (!isMany && wantedLines <= height) return [title, ...brokers.flatMap(draw(false))];
      if (!isMany && linesWhen(true) <= height) return [title, ...brokers.flatMap(draw(true))];
      const ordered = windowOf(brokers, height, chosenId);
      return [
        title,
        ...fitItems(
          ordered,
          height - 1,
          draw(true),
          (rest) => describeRest(all, ordered.slice(0, ordered.length - rest.length), canvas),
          all.length > ordered.length,
        ),
      ];
    },
  };
}

/** Of many: those that need a look, and half of the screen at most is theirs. */
function manyLines(brokers: readonly BrokerStatus[], canvas: Canvas): number {
  const urgent = brokers.filter((broker) => urgency(broker) < 3).length;
  return Math.min(
    brokers.length + 1,
    Math.max(Math.floor(canvas.height / 2), Math.min(2 * urgent + 2, Math.floor((canvas.height * 2) / 3))),
  );
}

function windowOf(
  brokers: readonly BrokerStatus[],
  height: number,
  chosenId: number | undefined,
): readonly BrokerStatus[] {
  const at = chosenId === undefined ? -1 : brokers.findIndex(({ id }) => id === chosenId);
  if (at === -1) return mostUrgent(brokers, height);
  // A third before it, so that what comes next is in view; a row with its note takes two lines.
  const last = brokers.length - Math.max(1, Math.floor((height - 3) / 2));
  const first = Math.max(0, Math.min(at - Math.floor(height / 3), last));
  return brokers.slice(first, first + height);
}

const maxNotes = 4;

type Column = {
  readonly key:
    | 'id'
    | 'state'
    | 'agent'
    | 'rack'
    | 'endpoint'
    | 'inSync'
    | 'restarts'
    | 'age'
    | 'pool'
    | 'roles';
  readonly title: string;
  /** Kept from the first frame on, so that the table does not move when the first value comes. */
  readonly leastWidth?: number;
  readonly alignRight?: boolean;
  readonly cell: (broker: BrokerStatus, canvas: Canvas) => Segment;
};

const columns: readonly Column[] = [
  {
    key: 'id',
    title: '  ID',
    cell: (broker, { glyphs }) => segment(`${glyphOf(broker, glyphs)} ${broker.id}`, toneOf(broker)),
  },
  {
    key: 'state',
    title: 'STATE',
    leastWidth: 'unreachable'.length,
    cell: (broker) => segment(broker.state, toneOf(broker)),
  },
  { key: 'agent', title: 'AGENT', leastWidth: 7, cell: (broker) => segment(broker.agent ?? '') },
  { key: 'rack', title: 'RACK', cell: (broker) => segment(broker.rack ?? '') },
  {
    key: 'endpoint',
    title: 'ENDPOINT',
    leastWidth: '127.0.0.1:31000'.length,
    cell: (broker) => segment(broker.endpoint ?? ''),
  },
  {
    key: 'inSync',
    title: 'IN SYNC',
    leastWidth: 7,
    alignRight: true,
    cell: (broker) => inSyncCell(broker),
  },
  {
    key: 'restarts',
    title: 'RESTARTS',
    alignRight: true,
    cell: (broker) => segment(String(broker.restarts)),
  },
  {
    key: 'age',
    title: 'AGE',
    leastWidth: 3,
    alignRight: true,
    cell: ({ startedAtMs }, { nowMs }) =>
      segment(startedAtMs === undefined ? '' : formatAge(nowMs - startedAtMs)),
  },
  { key: 'pool', title: 'POOL', cell: (broker) => segment(broker.pool) },
  { key: 'roles', title: 'ROLES', cell: (broker) => segment(broker.roles.join('+')) },
];

function inSyncCell({ inSync }: BrokerStatus): Segment {
  if (inSync === undefined) return segment('');
  return segment(`${inSync.inSync}/${inSync.total}`, inSync.inSync < inSync.total ? 'busy' : undefined);
}

type Table = {
  readonly columns: readonly (Column & { readonly width: number })[];
  /** Room for a note at the end of a row; 0 where notes go below. */
  readonly noteWidth: number;
};

const gap = '  ';
/** Below this a note beside the row would rarely fit. */
const leastNoteWidth = 36;

/** What is given up, in this order, until a row fits: a column dropped, or one shortened to so many cells. */
const sacrifices: readonly { readonly key: Column['key']; readonly width: number }[] = [
  { key: 'roles', width: 0 },
  { key: 'pool', width: 0 },
  { key: 'agent', width: 20 },
  { key: 'endpoint', width: 28 },
  { key: 'rack', width: 12 },
  { key: 'agent', width: 12 },
  { key: 'restarts', width: 0 },
  { key: 'endpoint', width: 20 },
  { key: 'age', width: 0 },
  { key: 'rack', width: 0 },
  { key: 'agent', width: 8 },
  { key: 'endpoint', width: 0 },
  { key: 'inSync', width: 0 },
  { key: 'agent', width: 0 },
];

function fitColumns(brokers: readonly BrokerStatus[], canvas: Canvas): Table {
  const measure = (column: Column) => {
    const widths = brokers.map((broker) => widthOf(column.cell(broker, canvas).text));
    const widest = widths.reduce((most, width) => Math.max(most, width), column.leastWidth ?? 0);
    return { ...column, width: widest === 0 ? 0 : Math.max(widest, column.title.length) };
  };
  // Roles and pool are worth showing only where they tell brokers apart.
  let kept = columns
    .filter(
      ({ key }) =>
        (key !== 'pool' && key !== 'roles') || new Set(brokers.map((b) => String(b[key]))).size > 1,
    )
    .map(measure)
    .filter(({ width }) => width > 0);
  const domain = sharedDomain(brokers);
  if (domain !== '' && rowWidth(kept) + gap.length + leastNoteWidth > canvas.width) {
    const cell = ({ agent = '' }: BrokerStatus) => segment(agent.slice(0, agent.length - domain.length));
    kept = kept.map((column) => (column.key === 'agent' ? measure({ ...column, cell }) : column));
  }
  for (const { key, width } of sacrifices) {
    if (rowWidth(kept) <= canvas.width) break;
    kept = kept
      .map((column) => (column.key === key ? { ...column, width: Math.min(column.width, width) } : column))
      .filter((column) => column.width > 0);
  }
  const noteWidth = canvas.width - rowWidth(kept) - gap.length;
  return { columns: kept, noteWidth: noteWidth < leastNoteWidth ? 0 : noteWidth };
}

/** `.example.com` where all agents' names end in it after their first label: it tells none apart. */
function sharedDomain(brokers: readonly BrokerStatus[]): string {
  const domains = new Set<string>();
  for (const { agent } of brokers) {
    if (agent === undefined) continue;
    const dot = agent.indexOf('.');
    domains.add(dot < 1 ? '' : agent.slice(dot));
  }
  const [domain = ''] = domains;
  // Of addresses the first number alone would say nothing.
  return domains.size === 1 && !/\d$/.test(domain) ? domain : '';
}

const rowWidth = (kept: readonly { readonly width: number }[]): number =>
  kept.reduce((sum, { width }) => sum + width, 0) + gap.length * Math.max(0, kept.length - 1);

function drawTitle(table: Table): Line {
  const titles = table.columns.map(({ title, width, alignRight }) =>
    alignRight ? padStart(title, width) : padEnd(title, width),
  );
  return [segment(titles.join(gap), 'dim')];
}

/** The first note stands beside the row where all of it fits, the others below. */
function drawBroker(
  broker: BrokerStatus,
  table: Table,
  isCompact: boolean,
  canvas: Canvas,
  isChosen: boolean,
): readonly Line[] {
  const { glyphs } = canvas;
  const row: Segment[] = [];
  for (const [index, column] of table.columns.entries()) {
    const plain = column.cell(broker, canvas);
    const cell = isChosen && column.key === 'id' ? segment(`> ${broker.id}`, 'strong') : plain;
    const text = clip(cell.text, column.width, glyphs.ellipsis);
    const padded = column.alignRight ? padStart(text, column.width) : padEnd(text, column.width);
    if (index > 0) row.push(segment(gap));
    row.push({ ...cell, text: padded });
  }
  const [beside] = table.noteWidth > 0 ? brokerNotes(broker, canvas, table.noteWidth, 1) : [];
  const isBeside = beside !== undefined && !beside.isShortened;
  const indent = '    ';
  const width = canvas.width - indent.length - glyphs.note.length - 1;
  const notes = brokerNotes(broker, canvas, width, isCompact ? 1 : 2).slice(0, maxNotes);
  const below = notes.slice(isBeside ? 1 : 0);
  // In little room a stalled need is told by the held section alone, and of others the first note.
  const kept = !isCompact ? below : broker.waiting?.stalled || isBeside ? [] : below.slice(0, 1);
  const lines = kept.flatMap((note, index) =>
    note.lines.map((line, lineIndex): Line => {
      const isMarked = lineIndex === 0 && (index === 0 || !note.isRemedy);
      const hanging = note.isRemedy && lineIndex > 0 ? glyphs.remedy.length + 1 : 0;
      const mark = isMarked ? glyphs.note : ' '.repeat(glyphs.note.length + hanging);
      return [segment(`${indent}${mark} `, 'dim'), ...line];
    }),
  );
  return [isBeside ? [...row, segment(gap), ...(beside.lines[0] ?? [])] : row, ...lines];
}

function describeRest(
  all: readonly BrokerStatus[],
  shown: readonly BrokerStatus[],
  { glyphs }: Canvas,
): Line {
  const byState = new Map<BrokerState, number>();
  for (const { state } of all) byState.set(state, (byState.get(state) ?? 0) + 1);
  for (const { state } of shown) byState.set(state, (byState.get(state) ?? 0) - 1);
  const counts = [...byState]
    .filter(([, amount]) => amount > 0)
    .map(([state, amount]) => `${amount} ${state}`);
  return [segment(`${glyphs.ellipsis} ${all.length - shown.length} more: ${counts.join(', ')}`, 'dim')];
}

function glyphOf({ state }: BrokerStatus, glyphs: Glyphs): string {
  switch (state) {
    case 'running':
      return glyphs.ok;
    case 'launching':
    case 'starting':
    case 'stopping':
      return glyphs.busy;
    case 'waiting':
    case 'stopped':
      return glyphs.idle;
    case 'unreachable':
      return glyphs.lost;
    case 'failed':
      return glyphs.failed;
    case 'unknown':
      return glyphs.unknown;
  }
}
