import type { DirectoryStatus, RevisionSummary, SourceStatus } from '../../model/source.ts';
import { sourceLine } from '../../model/source-line.ts';
import { type Column, renderTable } from './table.ts';
import { hang, printable, type Style } from './text.ts';
import { dateTime, duration, since } from './time.ts';

type Format = { readonly style: Style; readonly width: number; readonly nowMs: number };

export const sourceText = (source: SourceStatus, nowMs: number): string =>
  printable(sourceLine(source, nowMs));

/** The directory as a whole: what is wrong with it, or where it is. */
export function renderDirectory(specs: DirectoryStatus, { style, width, nowMs }: Format): string {
  const { directory, state, message, commit, readAtMs } = specs;
  const at = commit === undefined ? '' : ` @ ${commit.id.slice(0, 7)}`;
  const when = readAtMs === undefined ? '' : `, read ${since(readAtMs, nowMs)}`;
  const lines = hang('Specs      ', printable(`${directory}${at}: ${message}${when}`), width);
  return (state === 'read' || state === 'reading' ? lines : lines.map(style.yellow)).join('\n');
}

/** `before`: columns that stand first. */
export function renderRevisions<Row extends RevisionSummary>(
  revisions: readonly Row[],
  format: Omit<Format, 'nowMs'> & { readonly wide?: boolean },
  before: readonly Column<Row>[] = [],
): readonly string[] {
  const all: readonly Column<RevisionSummary>[] = [
    { title: 'REV', cell: ({ revision }) => String(revision), align: 'right' },
    { title: 'APPLIED', cell: ({ appliedAtMs }) => dateTime(appliedAtMs) },
    {
      title: 'RESULT',
      cell: resultText,
      paint: ({ outcome }, style) =>
        outcome === undefined ? style.yellow : outcome.kind === 'converged' ? style.green : style.dim,
    },
    {
      title: 'TOOK',
      cell: ({ outcome, appliedAtMs }) => (outcome === undefined ? '' : duration(outcome.atMs - appliedAtMs)),
      spare: 1,
    },
    { title: 'DIGEST', cell: ({ digest }) => (format.wide === true ? digest : digest.slice(0, 8)), spare: 2 },
    { title: 'BY', cell: ({ author }) => (format.wide === true ? author : nameOf(author)), shrinkTo: 8 },
    { title: 'FROM', cell: originText, shrinkTo: 22 },
  ];
  return renderTable([...before, ...all], revisions, format);
}

function resultText({ outcome, isCurrent }: RevisionSummary): string {
  if (outcome !== undefined) return outcome.kind;
  return isCurrent ? 'in progress' : 'unknown';
}

function originText({ source, rollbackOf }: RevisionSummary): string {
  const rolled = rollbackOf === undefined ? '' : `rollback to ${rollbackOf}`;
  if (source === undefined) return rolled === '' ? 'apply' : rolled;
  const { path, commit, uncommitted } = source;
  const at = commit === undefined ? path : `${path} @ ${commit.id.slice(0, 7)}`;
  const changed = uncommitted === true ? ' + changes' : '';
  const subject = commit === undefined || uncommitted === true ? '' : ` ${commit.subject}`;
  return rolled === '' ? `${at}${changed}${subject}` : `${rolled}: ${at}${changed}`;
}

const nameOf = (author: string): string => author.replace(/ <[^>]*>$/, '');
