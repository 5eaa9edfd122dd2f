import type { BrokerStatus, Progress, Waiting } from '../model/status.ts';
import { formatBytes, formatDuration, formatTime, formatUntil } from './format.ts';
import type { Canvas } from './layout.ts';
import { clip, type Line, padStart, type Segment, segment, type Tone, widthOf, wrap } from './text.ts';

/** Something to say about a broker, beside or below its row. */
export type Note = {
  readonly lines: readonly Line[];
  /** It belongs to the note before it. */
  readonly isRemedy: boolean;
  /** Something had to be left out for the width. */
  readonly isShortened: boolean;
};

/**
 * What there is to say about a broker, most pressing first: its progress, what it waits for and what
 * would help, how it last ended, what a restart will change, warnings. What needs a person is told in
 * full, with its remedy, by the held section; here only why.
 */
export function brokerNotes(
  broker: BrokerStatus,
  canvas: Canvas,
  width: number,
  maxLines: number,
): readonly Note[] {
  const notes: Note[] = [];
  const { intent, progress, waiting, phase, lastEnd, maintenance, drift, warnings } = broker;
  const add = (text: string, tone?: Tone) => notes.push(textNote(text, tone, canvas, width, maxLines));

  if (intent !== undefined)
    add(
      `${intent.kind} ${intent.withoutKafka === true ? 'without Kafka ' : ''}${intent.reason === undefined ? '' : `(${intent.reason}) `}by ${intent.author}`,
    );
  if (progress !== undefined) notes.push(progressNote(progress, canvas, width));
  else if (phase !== undefined && phase !== broker.state) add(phase);
  if (waiting !== undefined) notes.push(...waitingNotes(waiting, canvas, width, maxLines));
  if (lastEnd !== undefined && isEndWorthAWord(broker) && !waiting?.why.includes(lastEnd.why)) {
    add(`ended ${formatTime(lastEnd.atMs, canvas.utcOffsetMinutes)}: ${lastEnd.why}`, 'dim');
  }
  if (maintenance !== undefined) {
    const said = maintenance.accepted ? 'accepted' : `declined: ${maintenance.why}`;
    add(`agent maintained from ${formatTime(maintenance.startMs, canvas.utcOffsetMinutes)}, ${said}`);
  }
  if (drift.length > 0) add(`to restart for: ${drift.join(', ')}`);
  for (const warning of warnings) add(`warning: ${warning}`, 'busy');
  return notes;
}

/** How it ended before, while that may be why it does not run. What we ordered is no news. */
function isEndWorthAWord({ state, lastEnd }: BrokerStatus): boolean {
  return state !== 'running' && state !== 'stopping' && lastEnd?.ordered !== true;
}

function waitingNotes(waiting: Waiting, canvas: Canvas, width: number, maxLines: number): readonly Note[] {
  const { why, untilMs, remedy, stalled } = waiting;
  const tone = stalled ? 'bad' : undefined;
  const notes: Note[] = [];
  if (untilMs === undefined) {
    notes.push(textNote(why, tone, canvas, width, maxLines));
  } else {
    const until = `, ${formatUntil(untilMs, canvas.nowMs, canvas.utcOffsetMinutes)}`;
    // Until when is worth more than the end of a long reason.
    const room = maxLines === 1 ? Math.max(8, width - widthOf(until)) : Number.MAX_SAFE_INTEGER;
    const reason = clip(why, room, canvas.glyphs.ellipsis);
    const note = textNote(reason + until, tone, canvas, width, maxLines);
    notes.push({ ...note, isShortened: note.isShortened || reason !== why });
  }
  if (remedy !== undefined && !stalled) {
    const text = `${canvas.glyphs.remedy} ${remedy}`;
    notes.push({ ...textNote(text, 'dim', canvas, width, maxLines), isRemedy: true });
  }
  return notes;
}

function textNote(
  text: string,
  tone: Tone | undefined,
  { glyphs }: Canvas,
  width: number,
  maxLines: number,
): Note {
  const wrapped = wrap(text, width, maxLines, glyphs.ellipsis);
  return {
    lines: wrapped.map((line) => [segment(line, tone)]),
    isRemedy: false,
    isShortened: wrapped.length > 1 || wrapped[0] !== text.trim(),
  };
}

const leastBar = 8;
const mostBar = 30;

/**
 * `fetching ━━━━━━─────  62%  81.0 MiB of 131 MiB  12.1 MiB/s  4s left`. Each field has its width
 * whether it is known or not, so that the bars of several brokers stand in line.
 */
function progressNote(progress: Progress, { glyphs }: Canvas, width: number): Note {
  const { label, doneBytes, totalBytes, bytesPerSecond, etaMs } = progress;
  const isTotalKnown = totalBytes > 0;
  const share = isTotalKnown ? Math.min(1, Math.max(0, doneBytes / totalBytes)) : 0;
  const bytes = isTotalKnown
    ? `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`
    : formatBytes(doneBytes);
  const fields = [
    padStart(isTotalKnown ? `${Math.floor(share * 100)}%` : '', 5),
    padStart(bytes, 22),
    padStart(bytesPerSecond === undefined ? '' : `${formatBytes(bytesPerSecond)}/s`, 12),
    padStart(etaMs === undefined ? '' : `${formatDuration(etaMs)} left`, 13),
  ];
  const room = () => width - widthOf(label) - 1 - widthOf(fields.join(''));
  // The bytes are the first that a bar in a narrow place does without, then the rate.
  const total = fields.length;
  while (fields.length > 1 && room() < leastBar) fields.splice(1, 1);
  const cells = isTotalKnown ? Math.max(0, Math.min(mostBar, room())) : 0;
  const done = Math.round(share * cells);
  const line: Segment[] = [
    segment(`${label} `),
    segment(glyphs.barDone.repeat(done), 'busy'),
    segment(glyphs.barLeft.repeat(cells - done), 'dim'),
    segment(fields.join('').trimEnd()),
  ];
  return { lines: [line], isRemedy: false, isShortened: fields.length < total };
}
