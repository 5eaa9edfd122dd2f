import { printable, type Style, truncate, widthOf } from './text.ts';

export type Column<Row> = {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly align?: 'right';
  /** May be cut to make the table fit, the last such column first, down to this width. */
  readonly shrinkTo?: number;
  /** Left out when no row has anything in it. */
  readonly optional?: boolean;
  /** Left out, the highest first, where the table would not fit even with all others cut. */
  readonly spare?: number;
  readonly paint?: (row: Row, style: Style) => (text: string) => string;
};

const gap = '  ';

/**
 * Lines of a table no wider than `width` as far as its columns can shrink. Not for machines: a pipe
 * passes `Infinity` and loses nothing.
 */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: { readonly width: number; readonly style: Style },
): readonly string[] {
  const filled = columns
    .map((column) => {
      const cells = rows.map((row) => printable(column.cell(row)).replace(/\s+/g, ' '));
      return { column, cells, width: Math.max(widthOf(column.title), ...cells.map(widthOf)) };
    })
    .filter(({ column, cells }) => column.optional !== true || cells.some((cell) => cell !== ''));
  const used = withoutSpare(filled, options.width);
  const widths = used.map(({ width }) => width);
  let excess = widths.reduce((sum, width) => sum + width, 0) + gap.length * (used.length - 1) - options.width;
  for (let index = used.length - 1; index >= 0 && excess > 0; index -= 1) {
    const { shrinkTo } = used[index]?.column ?? {};
    const width = widths[index] ?? 0;
    if (shrinkTo === undefined || width <= shrinkTo) continue;
    const cut = Math.min(excess, width - shrinkTo);
    widths[index] = width - cut;
    excess -= cut;
  }
  const line = (texts: readonly string[], paint: (index: number) => (text: string) => string) =>
    texts
      .map((text, index) => {
        const width = widths[index] ?? 0;
        const shown = truncate(text, width);
        const padding = ' '.repeat(width - widthOf(shown));
        const painted = paint(index)(shown);
        if (used[index]?.column.align === 'right') return padding + painted;
        return index === texts.length - 1 ? painted : painted + padding;
      })
      .join(gap)
      .trimEnd();
  return [
    line(
      used.map(({ column }) => column.title),
      () => options.style.dim,
    ),
    ...rows.map((row, at) =>
      line(
        used.map(({ cells }) => cells[at] ?? ''),
        (index) => used[index]?.column.paint?.(row, options.style) ?? ((text) => text),
      ),
    ),
  ];
}

/** The columns that fit when each is cut as far as it can be; those that are not spare stay in any case. */
function withoutSpare<
  Used extends { readonly column: Pick<Column<never>, 'spare' | 'shrinkTo'>; readonly width: number },
>(columns: readonly Used[], width: number): readonly Used[] {
  const least = columns.reduce(
    (sum, one) => sum + Math.min(one.width, one.column.shrinkTo ?? one.width),
    gap.length * (columns.length - 1),
  );
  const rank = Math.max(0, ...columns.map(({ column }) => column.spare ?? 0));
  if (least <= width || rank === 0) return columns;
  return withoutSpare(
    columns.filter(({ column }) => column.spare !== rank),
    width,
  );
}
