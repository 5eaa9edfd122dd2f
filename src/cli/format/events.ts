import { type ClusterEvent, type ClusterStatus, eventSentence } from '../../model/status.ts';
import { type Column, renderTable } from './table.ts';
import { hang, printable, type Style } from './text.ts';
import { clockTime, dateTime } from './time.ts';

type Format = { readonly style: Style; readonly width: number };

/** A line each: `2026-11-23 12:00:03  demo  broker 1: ended (TASK_FAILED): exit status 1`. */
export function renderEventPage(
  events: readonly (ClusterEvent & { readonly clusterName: string })[],
  format: Format,
): string {
  const lines = events.flatMap((event) =>
    renderEvent(event, `${dateTime(event.atMs)}  ${printable(event.clusterName || '(framework)')}  `, format),
  );
  return lines.map((line) => `${line}\n`).join('');
}

/** A row each: the sentence of `renderEventPage`, cut to the width. `before`: columns that stand first. */
export function renderEventTable<Row extends ClusterEvent>(
  events: readonly Row[],
  format: Format & { readonly wide?: boolean },
  before: readonly Column<Row>[] = [],
): readonly string[] {
  const all: readonly Column<Row>[] = [
    { title: 'AT', cell: ({ atMs }) => dateTime(atMs) },
    {
      title: 'SEVERITY',
      cell: ({ severity }) => severity,
      paint: ({ severity }, style) => painter(severity, style),
    },
    { title: 'TIMES', cell: ({ count = 1 }) => String(count), align: 'right', spare: 1 },
    { title: 'EVENT', cell: eventSentence, shrinkTo: 24 },
  ];
  const seq: Column<Row> = { title: 'SEQ', cell: (event) => String(event.seq) };
  return renderTable([...before, ...(format.wide === true ? [seq] : []), ...all], events, format);
}

/** Below a title, the last ten, newest last; with the day where that is another one than today. */
export function renderEvents(
  events: readonly ClusterEvent[],
  { name, observedAtMs: nowMs }: Pick<ClusterStatus, 'name' | 'observedAtMs'>,
  format: Format,
): readonly string[] {
  const earlier = events.length - shownEvents;
  const all = `kafka-mesos events ${printable(name)} -n 200`;
  return [
    'Events:',
    ...(earlier > 0 ? hang('  ', `${earlier} earlier: ${all}`, format.width).map(format.style.dim) : []),
    ...events
      .slice(-shownEvents)
      .flatMap((event) => renderEvent(event, `  ${recently(event.atMs, nowMs)}  `, format)),
  ];
}

const shownEvents = 10;

function renderEvent(event: ClusterEvent, first: string, { style, width }: Format): readonly string[] {
  const { count, firstAtMs } = event;
  const often = count === undefined ? '' : ` (${count} times since ${recently(firstAtMs ?? 0, event.atMs)})`;
  return hang(first, `${eventSentence(event)}${often}`, width).map(painter(event.severity, style));
}

function painter(severity: ClusterEvent['severity'], style: Style): (text: string) => string {
  return { info: (text: string) => text, warning: style.yellow, error: style.red }[severity];
}

const recently = (atMs: number, nowMs: number): string =>
  Math.abs(nowMs - atMs) < 86_400_000 / 2 ? clockTime(atMs) : dateTime(atMs);
