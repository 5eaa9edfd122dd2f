/** Several clusters in a line each. */
import { type ClusterStatus, phaseWords } from '../model/status.ts';
import { phaseTone } from './cluster-sections.ts';
import type { Canvas } from './layout.ts';
import { fitItems, type Section } from './section.ts';
import { clip, type Line, padEnd, padStart, segment, widthOf } from './text.ts';

const widestName = 28;

/** In their order while all fit, else those first that need a look. */
export function overviewSection(clusters: readonly ClusterStatus[], canvas: Canvas): Section {
  const { glyphs } = canvas;
  const nameWidth = Math.min(widestName, Math.max(...clusters.map(({ name }) => widthOf(name))));
  const phaseWidth = Math.max(...clusters.map((status) => widthOf(phaseWords(status))));
  const readyWidth = Math.max(
    ...clusters.map((status) => {
      const { ready, wanted } = countOf(status);
      return `${ready}/${wanted}`.length;
    }),
  );
  const draw = (status: ClusterStatus): Line => {
    const tone = phaseTone[status.phase];
    const { ready, wanted } = countOf(status);
    const stalled = status.held.filter((one) => one.stalled).length;
    const waiting = status.held.length - stalled;
    return [
      segment(`${{ ok: glyphs.ok, busy: glyphs.busy, bad: glyphs.attention }[tone]} `, tone),
      segment(padEnd(clip(status.name, nameWidth, glyphs.ellipsis), nameWidth), 'strong'),
      segment(`  ${padEnd(phaseWords(status), phaseWidth)}`, tone),
      segment(`  ${padStart(`${ready}/${wanted}`, readyWidth)} ready`),
      ...(stalled === 0 ? [] : [segment(`  ${stalled} held`, 'bad')]),
      ...(waiting === 0 ? [] : [segment(`  ${waiting} waiting`, 'busy')]),
      segment(`  revision ${status.revision}  Kafka ${status.kafkaVersion}`, 'dim'),
    ];
  };
  return {
    wantedLines: clusters.length,
    leastLines: Math.min(clusters.length, Math.max(2, Math.floor(canvas.height / 3))),
    rank: 0,
    render(height) {
      const shown =
        clusters.length <= height ? clusters : [...clusters].sort((a, b) => rankOf(a) - rankOf(b));
      return fitItems(
        shown,
        height,
        (status) => [draw(status)],
        (rest) => [segment(`${glyphs.ellipsis} ${rest.length} more: ${phaseCounts(rest)}`, 'dim')],
      );
    },
  };
}

/** The clusters by name, the one that has the screen marked. */
export function chosenLine(
  clusters: readonly ClusterStatus[],
  chosen: ClusterStatus,
  { glyphs }: Canvas,
): Line {
  const at = clusters.indexOf(chosen);
  const next = clusters[(at + 1) % clusters.length];
  return [
    segment(`cluster ${at + 1} of ${clusters.length}`, 'dim'),
    segment(
      ` ${glyphs.separator} tab: ${next === undefined || at === clusters.length - 1 ? 'all' : next.name}`,
      'dim',
    ),
  ];
}

export const phaseRank: Readonly<Record<ClusterStatus['phase'], number>> = {
  held: 1,
  rolling: 2,
  forming: 3,
  converging: 4,
  converged: 5,
};

const rankOf = ({ phase }: ClusterStatus): number => phaseRank[phase];

/** Of those that are to run. */
function countOf({ brokers }: ClusterStatus): { readonly ready: number; readonly wanted: number } {
  let ready = 0;
  let wanted = 0;
  for (const { state } of brokers) {
    if (state === 'running') ready += 1;
    if (state !== 'stopped') wanted += 1;
  }
  return { ready, wanted };
}

function phaseCounts(clusters: readonly ClusterStatus[]): string {
  const counts = new Map<string, number>();
  for (const status of clusters) {
    const words = phaseWords(status);
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  return [...counts].map(([words, amount]) => `${amount} ${words}`).join(', ');
}
