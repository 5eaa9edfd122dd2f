import type { ClusterPhase, ClusterStatus } from '../model/status.ts';
import { brokersSection } from './broker-table.ts';
import {
  eventsSection,
  headerSection,
  heldSection,
  stepsSection,
  summaryLine,
  topicsSection,
  warningsSection,
} from './cluster-sections.ts';
import { type Section, stackSections } from './section.ts';
import { type Glyphs, glyphsFor } from './terminal.ts';
import { cleanText, clipLine, type Line, segment, wrap } from './text.ts';

/** The room a frame has and the time it shows; the same layout and status give the same frame. */
export type Layout = {
  /** Cells; no line is wider. */
  readonly width: number;
  /** Lines; without it as many as it takes. */
  readonly height?: number;
  /** Ages and countdowns are counted from here. */
  readonly nowMs: number;
  /** Of the times of day shown. */
  readonly utcOffsetMinutes: number;
  /** Otherwise ASCII only. */
  readonly unicode: boolean;
};

/** What the sections draw with: a layout, its height resolved. */
export type Canvas = Omit<Layout, 'height'> & { readonly height: number; readonly glyphs: Glyphs };

export type Screen = {
  readonly clusters: readonly ClusterStatus[];
  /** Shown above everything: why what follows may be old, and what to do; in red if there is something to do. */
  readonly notice?: { readonly message: string; readonly remedy?: string };
  /** Lines shown below everything, dimmed. */
  readonly footer?: readonly string[];
};

/** One cluster: header, brokers, what is held, steps, topics, recent events. */
export function layoutCluster(status: ClusterStatus, layout: Layout): readonly Line[] {
  return layoutScreen({ clusters: [status] }, layout);
}

/** Any number of clusters, those that need a person first to get room. */
export function layoutScreen(screen: Screen, layout: Layout): readonly Line[] {
  const { clusters, notice, footer } = cleanTexts(screen, layout.unicode);
  const canvas: Canvas = {
    ...layout,
    width: Math.max(1, layout.width),
    height: Math.max(1, layout.height ?? Number.MAX_SAFE_INTEGER),
    glyphs: glyphsFor(layout.unicode),
  };
  const sections: readonly Section[] = [
    ...(notice === undefined ? [] : [noticeSection(notice, canvas)]),
    ...clusterSections(clusters, canvas),
    ...(footer === undefined ? [] : [footerSection(footer)]),
  ];
  return stackSections(sections, canvas.height).map((line) =>
    clipLine(line, canvas.width, canvas.glyphs.ellipsis),
  );
}

function clusterSections(clusters: readonly ClusterStatus[], canvas: Canvas): readonly Section[] {
  const [first, ...others] = clusters;
  if (first === undefined) return [];
  return others.length === 0
    ? sectionsOf(first, canvas)
    : clusters.map((status) => clusterSection(status, canvas));
}

function sectionsOf(status: ClusterStatus, canvas: Canvas): readonly Section[] {
  return [
    headerSection(status, canvas),
    brokersSection(status, canvas),
    heldSection(status, canvas),
    stepsSection(status, canvas),
    topicsSection(status, canvas),
    warningsSection(status, canvas),
    eventsSection(status, canvas),
  ];
}

/** One of several clusters: all of it where there is room, one line otherwise. */
function clusterSection(status: ClusterStatus, canvas: Canvas): Section {
  const wantedLines = stackSections(sectionsOf(status, canvas), Number.MAX_SAFE_INTEGER).length;
  return {
    wantedLines,
    leastLines: 1,
    rank: phaseRank[status.phase],
    render: (height) =>
      height < Math.min(wantedLines, 6)
        ? [summaryLine(status, canvas)]
        : stackSections(sectionsOf(status, { ...canvas, height }), height),
  };
}

const phaseRank: Readonly<Record<ClusterPhase, number>> = {
  held: 1,
  rolling: 2,
  forming: 3,
  converging: 4,
  converged: 5,
};

function noticeSection(notice: NonNullable<Screen['notice']>, { width, glyphs }: Canvas): Section {
  const [glyph, tone] =
    notice.remedy === undefined ? ([glyphs.busy, 'busy'] as const) : ([glyphs.attention, 'bad'] as const);
  const lines: Line[] = wrap(notice.message, width - 2, 3, glyphs.ellipsis).map((text, index) => [
    segment(`${index === 0 ? glyph : ' '} ${text}`, tone),
  ]);
  if (notice.remedy !== undefined) {
    const indent = `${glyphs.remedy} `;
    for (const [index, text] of wrap(notice.remedy, width - 4, 3, glyphs.ellipsis).entries()) {
      lines.push([segment(`  ${index === 0 ? indent : ' '.repeat(indent.length)}${text}`)]);
    }
  }
  return { wantedLines: lines.length, leastLines: 1, rank: -1, render: () => lines };
}

function footerSection(footer: readonly string[]): Section {
  const lines = footer.map((text): Line => [segment(text, 'dim')]);
  // The last one is how to leave.
  return { wantedLines: lines.length, leastLines: 1, rank: 1, render: (height) => lines.slice(-height) };
}

/** Every text of the screen made safe to draw, wherever in it a text is: nothing can be forgotten. */
function cleanTexts<T>(value: T, unicode: boolean): T {
  const clean = (part: unknown): unknown => {
    if (typeof part === 'string') return cleanText(part, unicode);
    if (Array.isArray(part)) return part.map(clean);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, member]) => [key, clean(member)]));
  };
  return clean(value) as T;
}
