import type { ClusterStatus } from '../model/status.ts';
import type { Context } from './context.ts';
import { renderHeld } from './format/plan.ts';
import { hang } from './format/text.ts';

/** What keeps clusters from being as declared, each with its next step, on stderr. */
export function reportHeld({ io }: Context, statuses: readonly ClusterStatus[], head: string): void {
  const width = Number.isFinite(io.width) ? io.width : 100;
  const lines = statuses.flatMap((status) =>
    status.held.flatMap((held) => renderHeld(held, io.errorStyle, width)),
  );
  io.err(`${[...hang('', head, io.width), ...lines].join('\n')}\n`);
}
