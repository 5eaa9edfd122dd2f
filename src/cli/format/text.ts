import { styleText } from 'node:util';

/** Colours and weights; without colour every function gives its text back. */
export type Style = {
  readonly colour: boolean;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
};

export function createStyle(colour: boolean): Style {
  const paint = (format: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan') => (text: string) =>
    colour && text !== '' ? styleText(format, text, { validateStream: false }) : text;
  return {
    colour,
    bold: paint('bold'),
    dim: paint('dim'),
    red: paint('red'),
    green: paint('green'),
    yellow: paint('yellow'),
    cyan: paint('cyan'),
  };
}

export const plainStyle: Style = createStyle(false);

/** Text from elsewhere, unable to move the cursor or to change the terminal's colours. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}

/** Columns that a plain text takes; wide East Asian characters are not told apart. */
export function widthOf(text: string): number {
  return Array.from(text).length;
}

/** At most `width` columns, with `…` where something was cut off. */
export function truncate(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length <= width) return text;
  return width < 1 ? '' : `${characters.slice(0, width - 1).join('')}…`;
}

/** Breaks at spaces; a word longer than the width stays whole, so that it can be copied. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}

/** `text` wrapped, with `first` before its first line and as many spaces before the others. */
export function hang(first: string, text: string, width: number): readonly string[] {
  const indent = ' '.repeat(widthOf(first));
  return wrap(printable(text), Math.max(20, width - widthOf(first))).map(
    (line, index) => (index === 0 ? first : indent) + line,
  );
}

/** `0..2, 5, 7..999` of ids in any order. */
export function idRanges(ids: readonly number[]): string {
  const sorted = [...new Set(ids)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let at = 0; at < sorted.length; ) {
    let end = at;
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end += 1;
    // Two in a row are no range.
    if (end - at < 2) end = at;
    parts.push(end === at ? `${sorted[at]}` : `${sorted[at]}..${sorted[end]}`);
    at = end + 1;
  }
  return parts.join(', ');
}
