/** Says when to look at a directory again. What it says may come too often, late or never: whoever is told looks for himself. */
import { type FSWatcher as NodeWatcher, watch as watchNode } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { watch as watchTree } from 'chokidar';
import type { Logger } from '../sys/logger.ts';

export type Watch = {
  /**
   * Where the directory leads to now, and what else tells of a change: the directories of git repositories. Cheap when
   * nothing is different from before.
   */
  aim(real: string, gitDirs: readonly string[]): Promise<void>;
  close(): Promise<void>;
};

export function watchDirectory(
  directory: string,
  { onHint, logger }: { readonly onHint: () => void; readonly logger: Logger },
): Watch {
  let aimedAt = '';
  let tree: ReturnType<typeof watchTree> | undefined;
  let others: readonly NodeWatcher[] = [];
  const tell = (error: unknown) =>
    // Too many watches, say: what is not told is found by looking from time to time.
    logger.warn('the directory of specs cannot be watched whole', { directory, error: String(error) });

  async function release(): Promise<void> {
    for (const watcher of others) watcher.close();
    others = [];
    await tree?.close();
    tree = undefined;
  }

  return {
    async aim(real, gitDirs) {
      // The directory itself, because a name with a dot in it may be a link that others lead through.
      const beside = [...new Set([real, ...(await linksOn(directory)), ...gitDirs])];
      const target = JSON.stringify([real, beside]);
      if (target === aimedAt) return;
      await release();
      aimedAt = target;
      others = beside.flatMap((path) => {
        try {
          return [watchNode(path, { persistent: false }, onHint).on('error', tell)];
        } catch (error) {
          tell(error);
          return [];
        }
      });
      tree = watchTree(real, {
        ignoreInitial: true,
        persistent: false,
        ignored: (path, stats) =>
          (path !== real && /(^|\/)\.[^/]*$/.test(path)) ||
          (stats?.isFile() === true && !/\.ya?ml$/.test(path)),
      })
        .on('all', onHint)
        .on('error', tell);
    },
    close: release,
  };
}

/** The directories that hold the symbolic links of a path: to swap one is to change what is in its directory. */
async function linksOn(directory: string): Promise<readonly string[]> {
  const steps = directory.split(sep).filter((step) => step !== '');
  const found: string[] = [];
  let at: string = sep;
  for (const step of steps) {
    at = join(at, step);
    const seen = await lstat(at).catch(() => undefined);
    if (seen === undefined) break;
    if (seen.isSymbolicLink()) found.push(dirname(at));
  }
  return found;
}
