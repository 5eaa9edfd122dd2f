/** What a terminal can show, from its environment. Pure; the caller passes the environment. */

export type Environment = Readonly<Record<string, string | undefined>>;

/** NO_COLOR (no-color.org) and FORCE_COLOR (force-color.org) before what the terminal says of itself. */
export function wantsColor(environment: Environment, isTerminal: boolean): boolean {
  const { NO_COLOR: none, FORCE_COLOR: force, TERM: terminal } = environment;
  if (none !== undefined && none !== '') return false;
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false';
  return isTerminal && terminal !== 'dumb';
}

/** Whether the locale's encoding is UTF-8: the first of LC_ALL, LC_CTYPE and LANG that is set decides (POSIX). */
export function speaksUnicode(environment: Environment): boolean {
  const locale = [environment.LC_ALL, environment.LC_CTYPE, environment.LANG].find((value) => value);
  return /utf-?8/i.test(locale ?? '');
}

export type Glyphs = {
  readonly unicode: boolean;
  readonly ok: string;
  readonly busy: string;
  readonly idle: string;
  readonly lost: string;
  readonly failed: string;
  readonly unknown: string;
  readonly attention: string;
  readonly remedy: string;
  readonly note: string;
  readonly separator: string;
  readonly times: string;
  readonly ellipsis: string;
  readonly barDone: string;
  readonly barLeft: string;
};

export function glyphsFor(unicode: boolean): Glyphs {
  return unicode ? unicodeGlyphs : asciiGlyphs;
}

const unicodeGlyphs: Glyphs = {
  unicode: true,
  ok: '●',
  busy: '◐',
  idle: '○',
  lost: '◌',
  failed: '×',
  unknown: '?',
  attention: '!',
  remedy: '→',
  note: '└',
  separator: '·',
  times: '×',
  ellipsis: '…',
  barDone: '━',
  barLeft: '─',
};

const asciiGlyphs: Glyphs = {
  unicode: false,
  ok: '*',
  busy: '~',
  idle: 'o',
  lost: '%',
  failed: 'x',
  unknown: '?',
  attention: '!',
  remedy: '->',
  note: '`',
  separator: '|',
  times: 'x',
  ellipsis: '...',
  barDone: '#',
  barLeft: '.',
};
