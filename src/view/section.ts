import type { Line } from './text.ts';

/** A part of the screen that can be drawn in more or fewer lines. */
export type Section = {
  /** Lines it would take if there were room. */
  readonly wantedLines: number;
  /** Below this it is left out; at least 1. */
  readonly leastLines: number;
  /** Who gets room first: the lower. */
  readonly rank: number;
  /** At most `height` lines. */
  render(height: number): readonly Line[];
};

/**
 * Stacks sections in at most `height` lines. When they do not all fit, each gets its least in order of
 * rank, then there are blank lines between them if there is room for all of those, then each gets what
 * it wants.
 */
export function stackSections(sections: readonly Section[], height: number): readonly Line[] {
  const given = new Map<Section, number>();
  const byRank = [...sections].sort((a, b) => a.rank - b.rank);
  let left = height;
  for (const section of byRank) {
    if (section.wantedLines === 0 || section.leastLines > left) continue;
    given.set(section, section.leastLines);
    left -= section.leastLines;
  }
  const gaps = Math.max(0, given.size - 1);
  const isSpaced = gaps <= left;
  if (isSpaced) left -= gaps;
  for (const section of byRank) {
    const least = given.get(section);
    if (least === undefined) continue;
    const more = Math.min(section.wantedLines - least, left);
    given.set(section, least + more);
    left -= more;
  }

  const lines: Line[] = [];
  for (const section of sections) {
    const room = given.get(section) ?? 0;
    if (room === 0) continue;
    if (lines.length > 0 && isSpaced) lines.push([]);
    lines.push(...section.render(room).slice(0, room));
  }
  return lines;
}

/**
 * As many items as fit in `height` lines, and in the last line what became of the others. Items are
 * drawn only as far as they fit, so that a thousand cost no more than a screenful.
 */
export function fitItems<Item>(
  items: readonly Item[],
  height: number,
  draw: (item: Item) => readonly Line[],
  describeRest: (rest: readonly Item[]) => Line,
  /** There are others that are not among the items. */
  hasMore = false,
): readonly Line[] {
  const lines: Line[] = [];
  // Where each item ended while one line was still free after it: there the list can be cut.
  let cut = { items: 0, lines: 0 };
  for (const [index, item] of items.entries()) {
    const drawn = draw(item);
    if (lines.length + drawn.length > height) {
      // Of one that is too high for all the room its beginning is worth more than nothing of it.
      if (cut.items === 0 && (height > 1 || items.length === 1)) {
        const rest = items.slice(1);
        const more = rest.length === 0 ? [] : [describeRest(rest)];
        return [...drawn.slice(0, height - more.length), ...more];
      }
      return [...lines.slice(0, cut.lines), describeRest(items.slice(cut.items))];
    }
    lines.push(...drawn);
    if (lines.length < height) cut = { items: index + 1, lines: lines.length };
  }
  if (hasMore) return [...lines.slice(0, cut.lines), describeRest(items.slice(cut.items))];
  return lines;
}
