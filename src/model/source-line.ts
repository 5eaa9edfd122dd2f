import type { SpecRecord } from './records.ts';
import type { SourceStatus, SpecSource } from './source.ts';

/** `specs/demo.yaml @ 1a2b3c4 by Ann, 2 min ago`; of a file that is not followed just now the reason. */
export function sourceLine(source: SourceStatus, nowMs: number): string {
  const { state, path, file = path, commit, uncommitted, message } = source;
  // What is on its way, or could not be stored, is said in words.
  if (state !== 'following' || source.newest !== undefined) return message;
  if (commit === undefined) return uncommitted === true ? `${file}, not committed` : file;
  const name = commit.author.replace(/ <[^>]*>$/, '');
  const changed = uncommitted === true ? ', with changes that are not committed' : '';
  return `${file} @ ${commit.id.slice(0, 7)} by ${name}, ${ago(nowMs - commit.atMs)}${changed}`;
}

function ago(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 120) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} days ago`;
}

/** Whether it is known which commit has what was read. */
export const isCommitted = (source: Pick<SpecSource, 'commit' | 'uncommitted'> | undefined): boolean =>
  source?.commit !== undefined && source.uncommitted !== true;

export const suspendedStates = { asked: 'suspended', pinned: 'pinned', 'taken-over': 'taken-over' } as const;

/** What a record alone says, for who cannot look at the directory. */
export function sourceFromRecord(record: SpecRecord, why: string): SourceStatus | undefined {
  const { source, suspension, revision } = record;
  if (source === undefined) return undefined;
  return {
    state: suspension === undefined ? 'unknown' : suspendedStates[suspension.kind],
    ...source,
    ...(suspension === undefined ? {} : { suspension }),
    message: `of ${source.path}; ${why}; revision ${revision} holds`,
  };
}
