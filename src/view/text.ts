/**
 * Text in terminal cells. A line is a list of segments, each with one tone; what a tone looks like is
 * decided where it is drawn. Everything here takes one-line text that `cleanText` has been over.
 */
export type Tone = 'ok' | 'busy' | 'bad' | 'dim' | 'strong';

export type Segment = { readonly text: string; readonly tone?: Tone };

export type Line = readonly Segment[];

export function segment(text: string, tone?: Tone): Segment {
  return tone === undefined ? { text } : { text, tone };
}

/** The lines as they look without colour. */
export function plainText(lines: readonly Line[]): string {
  return lines.map((line) => textOf(line).trimEnd()).join('\n');
}

export const textOf = (line: Line): string => line.map(({ text }) => text).join('');

const printableAscii = /^[\x20-\x7e]*$/;

/**
 * Makes text from elsewhere (messages, host names) safe to draw: no control characters, which could
 * drive the terminal, no invisible or combining ones, which terminals measure differently; in ASCII
 * where the terminal has nothing else. Bounded, so that one message cannot fill the screen.
 */
export function cleanText(text: string, unicode: boolean): string {
  const bounded = text.length > maxTextLength ? `${text.slice(0, maxTextLength)}...` : text;
  if (printableAscii.test(bounded)) return bounded;
  const visible = bounded
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Zs}]+/gu, ' ')
    .replace(/[\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{M}\p{Default_Ignorable_Code_Point}]/gu, '');
  return unicode ? visible : visible.replace(/[^\x20-\x7e]/gu, (char) => asciiFor[char] ?? '?');
}

const maxTextLength = 2000;

/** What our own messages use beyond ASCII. */
const asciiFor: Readonly<Record<string, string>> = {
  '’': "'",
  '‘': "'",
  '“': '"',
  '”': '"',
  '–': '-',
  '—': '-',
  '…': '...',
  '·': '-',
  '×': 'x',
  '→': '->',
};

/** Cells that the text takes. Never fewer than a terminal uses for text that `cleanText` let through. */
export function widthOf(text: string): number {
  if (printableAscii.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += isWide(char.codePointAt(0) ?? 0) ? 2 : 1;
  return width;
}

/** East Asian Width W and F (Unicode Annex 11), in coarse blocks, and emoji. */
function isWide(codePoint: number): boolean {
  if (codePoint < 0x1100) return false;
  return wideBlocks.some(([first, last]) => codePoint >= first && codePoint <= last);
}

const wideBlocks: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2329, 0x232a],
  [0x23e9, 0x23f3],
  [0x25fd, 0x25fe],
  [0x2600, 0x27bf],
  [0x2b1b, 0x2b55],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x3fffd],
];

export const lineWidth = (line: Line): number => line.reduce((sum, { text }) => sum + widthOf(text), 0);

/** The text in at most `width` cells; what does not fit gives way to `ellipsis`. */
export function clip(text: string, width: number, ellipsis: string): string {
  if (widthOf(text) <= width) return text;
  const room = width - widthOf(ellipsis);
  return room < 1 ? takeCells(text, Math.max(0, width)) : `${takeCells(text, room).trimEnd()}${ellipsis}`;
}

function takeCells(text: string, width: number): string {
  let taken = '';
  let cells = 0;
  for (const char of text) {
    cells += widthOf(char);
    if (cells > width) break;
    taken += char;
  }
  return taken;
}

export function clipLine(line: Line, width: number, ellipsis: string): Line {
  if (lineWidth(line) <= width) return line;
  const clipped: Segment[] = [];
  let room = width;
  for (const [index, part] of line.entries()) {
    const rest = lineWidth(line.slice(index));
    const cells = widthOf(part.text);
    // The segment in which the line ends must leave room for the ellipsis of what follows.
    const isLast = rest > room && cells > room - widthOf(ellipsis);
    if (isLast) {
      const text = clip(`${part.text}${textOf(line.slice(index + 1))}`, room, ellipsis);
      clipped.push({ ...part, text });
      return clipped;
    }
    clipped.push(part);
    room -= cells;
  }
  return clipped;
}

export const padEnd = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - widthOf(text)));

export const padStart = (text: string, width: number): string =>
  ' '.repeat(Math.max(0, width - widthOf(text))) + text;

/** The text in lines of at most `width` cells, broken at spaces; the last of `maxLines` is clipped. */
export function wrap(text: string, width: number, maxLines: number, ellipsis: string): readonly string[] {
  const lines: string[] = [];
  let rest = text.trim();
  while (lines.length < maxLines - 1 && widthOf(rest) > width) {
    const head = takeCells(rest, Math.max(1, width));
    const cut = rest[head.length] === ' ' ? head.length : head.lastIndexOf(' ');
    // A word longer than the line is broken where the line ends; at least one character makes progress.
    const end = cut > 0 ? cut : Math.max(head.length, 1);
    lines.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  return [...lines, clip(rest, width, ellipsis)];
}
