import type { Problem } from './problems.ts';
import type { SpecFile } from './read-yaml.ts';

export type RenderOptions = {
  /** ANSI colours; none unless said. */
  readonly colour?: boolean;
  /** What problems are in: their lines are shown. A file that is not here is named only. */
  readonly files: readonly SpecFile[];
};

/**
 * Problems for people: what is wrong, where, the line with a caret under it, and what to do.
 *
 * ```
 * error: `spec.pools[0]` has no `memroy`  KM_SPEC_UNKNOWN_KEY
 *   --> demo.yaml:12:7
 *    |
 * 12 |       memroy: 1GiB
 *    |       ^^^^^^
 *    = help: Did you mean `memory`?
 * ```
 *
 * Ends with a line of counts; empty for no problems.
 */
export function renderProblems(problems: readonly Problem[], options: RenderOptions): string {
  if (problems.length === 0) return '';
  const lines = new Map(options.files.map((file) => [file.path, file.text.split(/\r\n|\r|\n/)]));
  const paint = options.colour === true ? painted : plain;
  const blocks = problems.map((problem) => {
    const line = lines.get(problem.place.file)?.[problem.place.line - 1];
    return renderProblem(problem, line, paint);
  });
  return `${blocks.join('\n')}\n${counts(problems)}\n`;
}

function renderProblem(problem: Problem, sourceLine: string | undefined, paint: Paint): string {
  const { severity, place, code } = problem;
  const mark = severity === 'error' ? paint.error : paint.warning;
  const gutter = ' '.repeat(String(place.line).length);
  const where = `${printable(place.file)}:${place.line}:${place.column}`;
  const path = problem.path === '' ? '' : `  (${printable(problem.path)})`;
  const lines = [
    `${mark(severity)}${paint.bold(`: ${printable(problem.message)}`)}  ${paint.dim(code)}`,
    `${gutter}${paint.frame('-->')} ${where}${path}`,
  ];
  if (sourceLine !== undefined && sourceLine.trim() !== '') {
    const { text, begin, length } = excerpt(sourceLine, place.column - 1, problem.found);
    lines.push(
      `${gutter} ${paint.frame('|')}`,
      `${paint.frame(`${place.line} |`)} ${text}`,
      `${gutter} ${paint.frame('|')} ${' '.repeat(begin)}${mark('^'.repeat(length))}`,
    );
  }
  const notes: readonly (readonly [string, string | undefined])[] = [
    ['found', problem.found],
    ['allowed', problem.allowed],
    ['help', problem.remedy],
  ];
  for (const [word, note] of notes) {
    if (note !== undefined) lines.push(`${gutter} ${paint.frame('=')} ${word}: ${printable(note)}`);
  }
  return `${lines.join('\n')}\n`;
}

const widest = 100;

/** The part of the line around the column, and how much of it is meant: a word, or what is in quotes. */
function excerpt(
  line: string,
  column: number,
  found: string | undefined,
): { text: string; begin: number; length: number } {
  const from = column > widest - 20 ? column - 20 : 0;
  const head = from === 0 ? '' : '...';
  const text = `${head}${printable(line.slice(from, from + widest))}`;
  const begin = column - from + head.length;
  const quoted = found?.startsWith('"') ? found.slice(1, -1) : undefined;
  if (quoted !== undefined && text.startsWith(quoted, begin)) {
    return { text: text.trimEnd(), begin, length: Math.max(1, quoted.length) };
  }
  const token = /^(?:"[^"]*"|'[^']*'|[^\s,\]}:]+(?::[^\s,\]}:]+)*)/.exec(text.slice(begin))?.[0] ?? '';
  return { text: text.trimEnd(), begin, length: Math.max(1, token.length) };
}

/** Control and format characters of a spec, which a terminal would obey, become blanks: columns stay. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, ' ');
}

function counts(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const words = [
    ...(errors > 0 ? [`${errors} ${errors === 1 ? 'error' : 'errors'}`] : []),
    ...(warnings > 0 ? [`${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`] : []),
  ];
  return words.join(', ');
}

type Paint = Readonly<Record<'error' | 'warning' | 'bold' | 'dim' | 'frame', (text: string) => string>>;

const ansi = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`;
const asIs = (text: string) => text;
const painted: Paint = { error: ansi(31), warning: ansi(33), bold: ansi(1), dim: ansi(2), frame: ansi(34) };
const plain: Paint = { error: asIs, warning: asIs, bold: asIs, dim: asIs, frame: asIs };
