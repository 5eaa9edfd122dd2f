/** What is new about the directory and the clusters' files since it was last told. Pure. */
import type { DirectoryStatus, SourceStatus } from '../../model/source.ts';

export type SourceNews = {
  /** Absent: of the directory as a whole. */
  readonly clusterName?: string;
  readonly severity: 'info' | 'warning';
  readonly message: string;
};

type Line = { readonly text: string; readonly isTrouble: boolean };

/** By cluster name, the directory under the empty one. */
export type ToldSources = ReadonlyMap<string, Line>;

/** In these the file is not followed, though nobody asked for that. */
const troubles: ReadonlySet<SourceStatus['state']> = new Set(['broken', 'missing', 'behind']);

/**
 * A trouble is told when it begins and whenever its words change, and once when it is over; the rest is no news, but
 * whoever looks on may want to see it (`hasChanged`). `refused`: clusters whose new spec could not be stored.
 */
export function foldSourceNews(
  before: ToldSources,
  directory: DirectoryStatus,
  sources: ReadonlyMap<string, SourceStatus>,
  refused: ReadonlySet<string>,
): { readonly told: ToldSources; readonly news: readonly SourceNews[]; readonly hasChanged: boolean } {
  const lines = new Map<string, Line>();
  const isDirectoryWell = directory.state === 'read' || directory.state === 'reading';
  lines.set('', {
    text: `the directory ${directory.directory}: ${directory.message}`,
    isTrouble: !isDirectoryWell,
  });
  // Of a directory that has no file, or cannot be read, every cluster would say the same.
  const isWholeAway = directory.state === 'emptied' || directory.state === 'unreadable';
  for (const [name, { state, message }] of sources) {
    const isTrouble = (troubles.has(state) && !isWholeAway) || refused.has(name);
    lines.set(name, { text: message, isTrouble });
  }
  const news: SourceNews[] = [];
  let hasChanged = before.size !== lines.size;
  for (const [name, line] of lines) {
    const known = before.get(name);
    if (known?.text === line.text && known.isTrouble === line.isTrouble) continue;
    hasChanged = true;
    const whose = name === '' ? {} : { clusterName: name };
    if (line.isTrouble) {
      news.push({ ...whose, severity: 'warning', message: line.text });
    } else if (known?.isTrouble === true && isFollowed(name, isDirectoryWell, sources)) {
      news.push({ ...whose, severity: 'info', message: `in order again: ${line.text}` });
    }
  }
  return { told: lines, news, hasChanged };
}

function isFollowed(
  name: string,
  isDirectoryWell: boolean,
  sources: ReadonlyMap<string, SourceStatus>,
): boolean {
  return name === '' ? isDirectoryWell : sources.get(name)?.state === 'following';
}
