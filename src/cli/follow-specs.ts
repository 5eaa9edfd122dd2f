/** The follower of a directory of specs, bound to the loop. */
import { createFollower, type Follower, type FollowerOptions } from '../gitops/follower.ts';
import type { Reconciler } from '../reconciler/ports.ts';

export function followSpecs(
  reconciler: Reconciler,
  options: Pick<FollowerOptions, 'directory' | 'path' | 'git' | 'clock' | 'logger' | 'timing'>,
): Follower {
  return createFollower({
    ...options,
    known: () => reconciler.memory().map(({ spec }) => spec),
    removed: reconciler.removed,
    onChange: reconciler.sourcesChanged,
    async take({ cluster, source, author }) {
      await reconciler.apply([cluster], author, {}, { kind: 'directory', source });
    },
  });
}
