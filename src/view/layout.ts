import type { ClusterStatus } from '../model/status.ts';
import { brokersSection } from './broker-table.ts';
import {
  eventsSection,
  headerSection,
  heldSection,
  stepsSection,
  topicsSection,
  warningsSection,
} from './cluster-sections.ts';
import { explanationSection } from './explanation-section.ts';
import { chosenLine, overviewSection, phaseRank } from './overview.ts';
import { type Section, stackSections } from './section.ts';
import { type Glyphs, glyphsFor } from './terminal.ts';
import { cleanText, clipLine, type Line, segment, wrap } from './text.ts';
import { chosenCluster, keyLines, type ViewState } from './view-state.ts';

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
  /** What is looked at; all clusters unless said. */
  readonly view?: ViewState;
};

/** One cluster: header, brokers, what is held, steps, topics, recent events. */
export function layoutCluster(status: ClusterStatus, layout: Layout): readonly Line[] {
  return layoutScreen({ clusters: [status] }, layout);
}

/** Any number of clusters, those that need a person first to get room. */
export function layoutScreen(screen: Screen, layout: Layout): readonly Line[] {
  const { notice, footer, view = {} } = screen;
  const clusters = cleanClusters(screen.clusters, layout.unicode);
  const canvas: Canvas = {
    ...layout,
    width: Math.max(1, layout.width),
    height: Math.max(1, layout.height ?? Number.MAX_SAFE_INTEGER),
    glyphs: glyphsFor(layout.unicode),
  };
  const sections: readonly Section[] = [
    ...(notice === undefined ? [] : [noticeSection(cleanTexts(notice, layout.unicode), canvas)]),
    ...(view.showsKeys === true ? [keysSection()] : clusterSections(clusters, view, canvas)),
    ...(footer === undefined ? [] : [footerSection(cleanTexts(footer, layout.unicode))]),
  ];
  return stackSections(sections, canvas.height).map((line) =>
    clipLine(line, canvas.width, canvas.glyphs.ellipsis),
  );
}

/** One cluster in full; of several a line each, and those in full that are not as declared. */
function clusterSections(
  clusters: readonly ClusterStatus[],
  view: ViewState,
  canvas: Canvas,
): readonly Section[] {
  if (clusters.length === 0) return [];
  const chosen = chosenCluster(view, clusters);
  if (chosen !== undefined) {
    const line = clusters.length === 1 ? [] : [chosenLine(clusters, chosen, canvas)];
    return [
      { wantedLines: line.length, leastLines: 1, rank: 0, render: () => line },
      ...sectionsOf(chosen, canvas, view.brokerId),
    ];
  }
  const worth = clusters.filter(({ phase }) => phase !== 'converged');
  const shown = worth.length === 0 ? clusters : worth;
  return [overviewSection(clusters, canvas), ...shown.map((status) => clusterSection(status, canvas))];
}

function sectionsOf(status: ClusterStatus, canvas: Canvas, brokerId?: number): readonly Section[] {
  return [
    headerSection(status, canvas),
    brokersSection(status, canvas, brokerId),
    ...(brokerId === undefined ? [] : [explanationSection(status, brokerId, canvas)]),
    heldSection(brokerId === undefined ? status : withoutHeldOf(status, brokerId), canvas),
    stepsSection(status, canvas),
    topicsSection(status, canvas),
    warningsSection(status, canvas),
    eventsSection(status, canvas),
  ];
}

/** What is held of a broker is told where that is explained. */
const withoutHeldOf = (status: ClusterStatus, brokerId: number): ClusterStatus => ({
  ...status,
  held: status.held.filter((held) => held.brokerId !== brokerId),
});

/** Less than this of a cluster says no more than its line in the overview. */
const leastClusterLines = 8;

/** One of several clusters: all of it where there is room, else as much as there is, or nothing but its line above. */
function clusterSection(status: ClusterStatus, canvas: Canvas): Section {
  // It can be no higher than the screen; its parts know by that how much they may ask for.
  const wantedLines = stackSections(sectionsOf(status, canvas), canvas.height).length;
  return {
    wantedLines,
    leastLines: Math.min(wantedLines, leastClusterLines),
    rank: phaseRank[status.phase],
    render: (height) => stackSections(sectionsOf(status, { ...canvas, height }), height),
  };
}

function keysSection(): Section {
  const lines: readonly Line[] = [
    [segment('Keys', 'strong')],
    ...keyLines.map((text) => [segment(`  ${text}`)]),
  ];
  return { wantedLines: lines.length, leastLines: 1, rank: 0, render: (height) => lines.slice(0, height) };
}

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

/** Once for each answer: between two of them only the time goes on. */
const cleaned = new WeakMap<readonly ClusterStatus[], Map<boolean, readonly ClusterStatus[]>>();

function cleanClusters(clusters: readonly ClusterStatus[], unicode: boolean): readonly ClusterStatus[] {
  const known = cleaned.get(clusters) ?? new Map<boolean, readonly ClusterStatus[]>();
  cleaned.set(clusters, known);
  const found = known.get(unicode) ?? cleanTexts(clusters, unicode);
  known.set(unicode, found);
  return found;
}

/** Every text made safe to draw, wherever in the value a text is: nothing can be forgotten. What is safe stays as it is. */
function cleanTexts<T>(value: T, unicode: boolean): T {
  const clean = (part: unknown): unknown => {
    if (typeof part === 'string') return cleanText(part, unicode);
    if (typeof part !== 'object' || part === null) return part;
    if (Array.isArray(part)) {
      const members = part.map(clean);
      return members.every((member, at) => member === part[at]) ? part : members;
    }
    let copy: Record<string, unknown> | undefined;
    for (const key of Object.keys(part)) {
      const member = (part as Record<string, unknown>)[key];
      const safe = clean(member);
      if (safe === member) continue;
      copy ??= { ...part };
      copy[key] = safe;
    }
    return copy ?? part;
  };
  return clean(value) as T;
}
