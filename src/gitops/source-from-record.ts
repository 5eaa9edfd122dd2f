import type { SpecRecord } from '../model/records.ts';
import type { SourceStatus } from '../model/source.ts';

/** What a record alone says, for who cannot look at the directory. */
export function sourceFromRecord(record: SpecRecord, why: string): SourceStatus | undefined {
  const { source, suspension, revision } = record;
  if (source === undefined) return undefined;
  const states = { asked: 'suspended', pinned: 'pinned', 'taken-over': 'taken-over' } as const;
  return {
    state: suspension === undefined ? 'unknown' : states[suspension.kind],
    ...source,
    ...(suspension === undefined ? {} : { suspension }),
    message: `of ${source.path}; ${why}; revision ${revision} holds`,
  };
}
