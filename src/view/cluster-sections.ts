import { count } from '../model/count.ts';
import { sourceLine } from '../model/source-line.ts';
import {
  type ClusterPhase,
  type ClusterStatus,
  eventSentence,
  type HeldSummary,
  phaseWords,
  type StepSummary,
  sharedWarnings,
  type TopicStatus,
} from '../model/status.ts';
import { formatDayTime, formatUntil } from './format.ts';
import type { Canvas } from './layout.ts';
import { fitItems, type Section } from './section.ts';
import { clip, type Line, segment, type Tone, widthOf, wrap } from './text.ts';

/** Name, phase and brokers ready; below them revision, version and where clients connect. */
export function headerSection(status: ClusterStatus, canvas: Canvas): Section {
  const lines = [summaryLine(status, canvas), ...originLines(status, canvas), ...sourceLines(status, canvas)];
  return { wantedLines: lines.length, leastLines: lines.length, rank: 0, render: () => lines };
}

/** A cluster in one line. */
export function summaryLine(status: ClusterStatus, { glyphs }: Canvas): Line {
  const wanted = status.brokers.filter(({ state }) => state !== 'stopped');
  const ready = wanted.filter(({ state }) => state === 'running');
  const tone = phaseTone[status.phase];
  const glyph = { ok: glyphs.ok, busy: glyphs.busy, bad: glyphs.attention }[tone];
  return [
    segment(`${glyph} `, tone),
    segment(status.name, 'strong'),
    segment('  '),
    segment(status.phase === 'held' ? 'held: needs a person' : phaseWords(status), tone),
    segment(`  ${ready.length} of ${count(wanted.length, 'broker')} ready`),
  ];
}

export const phaseTone: Readonly<Record<ClusterPhase, 'ok' | 'busy' | 'bad'>> = {
  forming: 'busy',
  converging: 'busy',
  rolling: 'busy',
  held: 'bad',
  converged: 'ok',
};

/** Which file the cluster follows, or why it does not. */
function sourceLines({ source }: ClusterStatus, { width, glyphs, nowMs }: Canvas): readonly Line[] {
  if (source === undefined) return [];
  const text = clip(`spec ${sourceLine(source, nowMs)}`, width - 2, glyphs.ellipsis);
  return [[segment(`  ${text}`, source.state === 'following' ? 'dim' : 'busy')]];
}

/** Clients want the whole bootstrap list: it has a line of its own where it does not fit beside the rest. */
function originLines(status: ClusterStatus, { width, glyphs }: Canvas): readonly Line[] {
  const separator = ` ${glyphs.separator} `;
  const head = `  revision ${status.revision}${separator}Kafka ${status.kafkaVersion}`;
  if (status.bootstrap.length === 0) return [[segment(head, 'dim')]];
  const title = 'bootstrap ';
  const whole = status.bootstrap.join(', ');
  if (widthOf(head) + widthOf(separator) + widthOf(title) + widthOf(whole) <= width) {
    return [[segment(head + separator + title, 'dim'), segment(whole)]];
  }
  const room = width - 2 - widthOf(title);
  return [
    [segment(head, 'dim')],
    [segment(`  ${title}`, 'dim'), segment(fitList(status.bootstrap, room, glyphs.ellipsis))],
  ];
}

/** As many whole entries as fit, then how many more there are. */
function fitList(entries: readonly string[], room: number, ellipsis: string): string {
  let shown = 1;
  let width = 0;
  for (const [at, entry] of entries.entries()) {
    width += widthOf(entry) + (at === 0 ? 0 : 2);
    // A thousand entries are not measured for the ten that fit.
    if (width > room) break;
    const rest = entries.length - at - 1;
    if (width + (rest === 0 ? 0 : `, +${rest}`.length) <= room) shown = at + 1;
  }
  if (shown > 1) {
    const rest = entries.length - shown;
    return entries.slice(0, shown).join(', ') + (rest === 0 ? '' : `, +${rest}`);
  }
  const more = entries.length > 1 ? `, +${entries.length - 1}` : '';
  return clip(entries[0] ?? '', room - more.length, ellipsis) + more;
}

/**
 * What is held and what would let it go on, what needs a person first. Equal reasons are told once.
 * A wait that the row of its broker or topic tells already is not repeated.
 */
export function heldSection(status: ClusterStatus, canvas: Canvas): Section {
  const told = new Set([
    ...status.brokers.flatMap(({ id, waiting }) => (waiting === undefined ? [] : `${id} ${waiting.why}`)),
    ...status.topics.flatMap(({ name, waiting }) =>
      waiting === undefined ? [] : `topic ${name} ${waiting.why}`,
    ),
  ]);
  const isTold = ({ brokerId, need, reason, message }: HeldSummary) =>
    reason === 'task-in-progress' ||
    (brokerId === undefined
      ? told.has(`${/topic \S+$/.exec(need)?.[0]} ${message}`)
      : told.has(`${brokerId} ${message}`));
  const groups = groupHeld(status.held.filter((held) => held.stalled || !isTold(held)));
  const drawn = groups.map((group) => drawHeld(group, canvas));
  const lines = drawn.reduce((sum, group) => sum + group.length, 0);
  return titledList({
    // Held, as the word is used for a phase, is what a person has to look at.
    title: groups[0]?.[0]?.stalled ? 'Held' : 'Waiting',
    items: drawn,
    draw: (group) => group,
    noun: 'need',
    lines,
    // Half of the screen at most: the brokers themselves should stay in view.
    mostLines: Math.max(5, Math.floor(canvas.height / 2)),
    // What needs a person is told with its remedy, however low the screen.
    leastLines: groups[0]?.[0]?.stalled
      ? 1 + (drawn[0]?.length ?? 0) + (groups.length > 1 ? 1 : 0)
      : Math.min(3, lines + 1),
    rank: 1,
    canvas,
  });
}

/** What several brokers warn of alike: once and in a line, `describe` has the rest. */
export function warningsSection({ brokers }: ClusterStatus, canvas: Canvas): Section {
  const { glyphs, width } = canvas;
  const lines = [...sharedWarnings(brokers)].map(([warning, ids]): Line => {
    const who =
      ids.length === brokers.length
        ? 'all brokers'
        : `brokers ${fitList(ids.map(String), 24, glyphs.ellipsis)}`;
    return [
      segment(`  ${glyphs.attention} `, 'busy'),
      segment(clip(`${who}: ${warning}`, width - 4, glyphs.ellipsis)),
    ];
  });
  return { wantedLines: lines.length, leastLines: 1, rank: 6, render: () => lines };
}

function groupHeld(held: readonly HeldSummary[]): readonly (readonly HeldSummary[])[] {
  const groups = new Map<string, HeldSummary[]>();
  for (const one of [...held].sort((a, b) => Number(b.stalled) - Number(a.stalled))) {
    const key = JSON.stringify([one.stalled, one.reason, one.message, one.remedy, one.details]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()];
}

const maxDetails = 4;

function drawHeld(group: readonly HeldSummary[], canvas: Canvas): readonly Line[] {
  const [first] = group;
  if (first === undefined) return [];
  const { glyphs, width, nowMs, utcOffsetMinutes } = canvas;
  const tone = first.stalled ? 'bad' : undefined;
  const glyph = first.stalled ? glyphs.attention : glyphs.idle;
  const others = group.length > 1 ? ` (and ${group.length - 1} more)` : '';
  const until = first.untilMs === undefined ? '' : `, ${formatUntil(first.untilMs, nowMs, utcOffsetMinutes)}`;
  const sentence = `${first.need}${others}: ${first.message}${until}`;
  const [head = '', ...tail] = wrap(sentence, width - 4, 3, glyphs.ellipsis);
  const lines: Line[] = [[segment(`  ${glyph} `, tone ?? 'busy'), segment(head, tone)]];
  for (const text of tail) lines.push([segment(`    ${text}`, tone)]);
  // With one offer turned down the message says it all.
  if (first.details.length > 1) {
    for (const detail of first.details.slice(0, maxDetails))
      lines.push([segment(`    ${glyphs.separator} ${detail}`)]);
    const rest = first.details.length - maxDetails;
    if (rest > 0) lines.push([segment(`    ${glyphs.ellipsis} ${rest} more`, 'dim')]);
  }
  if (first.remedy !== undefined) {
    const arrow = `${glyphs.remedy} `;
    const remedy = wrap(first.remedy, width - 4 - arrow.length, 2, glyphs.ellipsis);
    for (const [index, text] of remedy.entries()) {
      lines.push([segment(`    ${index === 0 ? arrow : ' '.repeat(arrow.length)}${text}`)]);
    }
  }
  return lines;
}

/** Steps of the pass in progress; housekeeping (`·`) is left out. */
export function stepsSection(status: ClusterStatus, canvas: Canvas): Section {
  const steps = status.steps.filter(({ mark }) => mark !== '·');
  return titledList({
    title: 'Steps',
    items: steps,
    draw: (step) => [drawStep(step)],
    noun: 'step',
    lines: steps.length,
    mostLines: Math.max(4, Math.floor(canvas.height / 4)),
    leastLines: Math.min(3, steps.length + 1),
    rank: 3,
    canvas,
  });
}

const markTone: Readonly<Record<string, Tone>> = { '+': 'ok', '~': 'busy', '-': 'bad' };

function drawStep({ mark, what, why }: StepSummary): Line {
  const reason = why.length === 0 ? [] : [segment(`  ${why.join('; ')}`, 'dim')];
  return [segment(`  ${mark} `, markTone[mark]), segment(what), ...reason];
}

/** Topics that are not as declared, each with its reason, then the ready ones in one line. */
export function topicsSection(status: ClusterStatus, canvas: Canvas): Section {
  const open = status.topics.filter(({ state }) => state !== 'ready');
  const ready = status.topics.filter(({ state }) => state === 'ready');
  const readyLines = ready.length === 0 ? [] : [drawReadyTopics(ready, canvas)];
  const nameWidth = Math.min(32, Math.max(0, ...open.slice(0, 100).map(({ name }) => widthOf(name))));
  const drawn: Line[] = [...open.map((topic) => drawTopic(topic, nameWidth, canvas)), ...readyLines];
  return titledList({
    title: 'Topics',
    items: drawn,
    draw: (line) => [line],
    noun: 'topic',
    lines: drawn.length,
    mostLines: Math.max(4, Math.floor(canvas.height / 5)),
    leastLines: Math.min(3, drawn.length + 1),
    rank: 4,
    canvas,
  });
}

function drawReadyTopics(ready: readonly TopicStatus[], { width, glyphs }: Canvas): Line {
  const head = `  ${glyphs.ok} ready  `;
  const names = ready.map(
    ({ name, partitions, replicationFactor }) =>
      `${name} (${partitions} ${glyphs.times} ${replicationFactor})`,
  );
  return [segment(head, 'ok'), segment(fitList(names, width - widthOf(head), glyphs.ellipsis))];
}

function drawTopic(topic: TopicStatus, nameWidth: number, canvas: Canvas): Line {
  const { glyphs, nowMs, utcOffsetMinutes } = canvas;
  const { name, state, partitions, replicationFactor, waiting } = topic;
  const tone = state === 'offline' || waiting?.stalled ? 'bad' : 'busy';
  const until =
    waiting?.untilMs === undefined ? '' : `, ${formatUntil(waiting.untilMs, nowMs, utcOffsetMinutes)}`;
  const clippedName = clip(name, nameWidth, glyphs.ellipsis);
  return [
    segment(`  ${state === 'offline' ? glyphs.failed : glyphs.idle} `, tone),
    segment(clippedName + ' '.repeat(Math.max(0, nameWidth - widthOf(clippedName)))),
    segment(`  ${state}`, tone),
    segment(`  ${partitions} ${glyphs.times} ${replicationFactor}`, 'dim'),
    ...(waiting === undefined ? [] : [segment(`  ${waiting.why}${until}`)]),
  ];
}

const mostEvents = 8;

/** The newest events, the latest last. */
export function eventsSection({ events }: ClusterStatus, canvas: Canvas): Section {
  const recent = events.slice(-mostEvents);
  const wantedLines = recent.length === 0 ? 0 : recent.length + 1;
  return {
    wantedLines,
    leastLines: Math.min(2, wantedLines),
    rank: 5,
    render: (height) => [
      heading('Recent'),
      ...recent.slice(recent.length - Math.min(recent.length, height - 1)).map((event): Line => {
        const tone = event.severity === 'error' ? 'bad' : event.severity === 'warning' ? 'busy' : undefined;
        const time = formatDayTime(event.atMs, canvas.nowMs, canvas.utcOffsetMinutes);
        const often = event.count === undefined ? '' : `${event.count}${canvas.glyphs.times} `;
        return [segment(`  ${time}  `, 'dim'), segment(`${often}${eventSentence(event)}`, tone)];
      }),
    ],
  };
}

const heading = (title: string): Line => [segment(title, 'strong')];

/** A title and items below it, cut off with a count where there are more than fit. */
function titledList<Item>(list: {
  readonly title: string;
  readonly items: readonly Item[];
  readonly draw: (item: Item) => readonly Line[];
  readonly noun: string;
  /** All items together. */
  readonly lines: number;
  readonly mostLines: number;
  readonly leastLines: number;
  readonly rank: number;
  readonly canvas: Canvas;
}): Section {
  const { items, canvas } = list;
  const { ellipsis } = canvas.glyphs;
  return {
    wantedLines: items.length === 0 ? 0 : Math.min(list.lines, list.mostLines) + 1,
    leastLines: list.leastLines,
    rank: list.rank,
    render: (height) => [
      heading(list.title),
      ...fitItems(items, height - 1, list.draw, (rest) => [
        segment(`  ${ellipsis} ${count(rest.length, `more ${list.noun}`)}`, 'dim'),
      ]),
    ],
  };
}
