/** Why the broker that is looked at does not run, or that it does: the same answer as `describe broker` gives. */
import { explainBroker } from '../model/explanation.ts';
import { type ClusterStatus, eventSentence } from '../model/status.ts';
import { formatDayTime, formatDuration, formatUntil } from './format.ts';
import type { Canvas } from './layout.ts';
import type { Section } from './section.ts';
import { type Line, segment, type Tone, wrap } from './text.ts';

const mostOffers = 4;
const mostEvents = 4;

export function explanationSection(status: ClusterStatus, brokerId: number, canvas: Canvas): Section {
  const lines = explanationLines(status, brokerId, canvas);
  return {
    wantedLines: lines.length,
    // It was asked for: worth more than blank lines between the others.
    leastLines: Math.min(lines.length, Math.max(4, Math.floor(canvas.height / 3))),
    rank: 1,
    render: (height) => lines.slice(0, height),
  };
}

function explanationLines(status: ClusterStatus, brokerId: number, canvas: Canvas): readonly Line[] {
  const { glyphs, width, nowMs, utcOffsetMinutes } = canvas;
  const time = (atMs: number) => formatDayTime(atMs, nowMs, utcOffsetMinutes);
  const explanation = explainBroker(status, brokerId, time);
  if (explanation === undefined) return [];
  const { answer, wait, offers } = explanation;
  const paragraph = (first: string, text: string, tone?: Tone): readonly Line[] =>
    wrap(text, width - first.length, 4, glyphs.ellipsis).map((line, index) => [
      segment(`${index === 0 ? first : ' '.repeat(first.length)}${line}`, tone),
    ]);
  const times = [
    ...(wait?.sinceMs === undefined || nowMs - wait.sinceMs < 1_000
      ? []
      : [`for ${formatDuration(nowMs - wait.sinceMs)}`]),
    ...(wait?.untilMs === undefined ? [] : [formatUntil(wait.untilMs, nowMs, utcOffsetMinutes)]),
  ];
  const events = status.events.filter((event) => event.brokerId === brokerId).slice(-mostEvents);
  return [
    ...paragraph('', answer, 'strong'),
    ...(times.length === 0 ? [] : paragraph('  ', `waiting ${times.join(', ')}`)),
    ...(wait?.remedy === undefined ? [] : paragraph(`  ${glyphs.remedy} `, wait.remedy)),
    ...offers
      .slice(0, mostOffers)
      .flatMap(({ agent, atMs, reasons }) =>
        paragraph(
          `  ${glyphs.separator} `,
          `${agent}${atMs === undefined ? '' : ` at ${time(atMs)}`}: ${reasons.join('; ')}`,
        ),
      ),
    ...events.flatMap((event) =>
      paragraph(`  ${time(event.atMs)}  `, withoutSubject(eventSentence(event), brokerId), 'dim'),
    ),
  ];
}

/** Whose events these are stands above them. */
function withoutSubject(sentence: string, brokerId: number): string {
  const subject = `broker ${brokerId}: `;
  return sentence.startsWith(subject) ? sentence.slice(subject.length) : sentence;
}
