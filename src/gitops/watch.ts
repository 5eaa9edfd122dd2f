/** Says when to look at a directory again. What it says may come too often, late or never: whoever is told looks for himself. */
import { type FSWatcher as NodeWatcher, watch as watchNode } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';
import { watch as watchTree } from 'chokidar';
import type { Logger } from '../sys/logger.ts';
import { codeOf } from './walk-directory.ts';

export type Watch = {
  /**
   * Where the directory leads to now, and what else tells of a change: the directories of git repositories. Cheap when
   * nothing is different from before.
   */
  aim(real: string, gitDirs: readonly string[]): Promise<void>;
  close(): Promise<void>;
};

/** As many as a system follows before it takes them for a loop. */
const maxLinks = 40;

export function watchDirectory(
  directory: string,
  { onHint, logger }: { readonly onHint: () => void; readonly logger: Logger },
): Watch {
  let aimedAt = '';
  let tree: ReturnType<typeof watchTree> | undefined;
  let others: readonly NodeWatcher[] = [];
  const tell = (error: unknown) => {
    // A work tree that git-sync has put another one in the place of: the next look aims at that.
    if (codeOf(error) === 'ENOENT') return;
    // Too many watches, say: what is not told is found by looking from time to time.
    logger.warn('the directory of specs cannot be watched whole', { directory, error: String(error) });
  };

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

/**
 * The directories that hold the symbolic links which a path leads through, one behind the other too: to swap one is to
 * change what is in its directory.
 */
async function linksOn(directory: string): Promise<readonly string[]> {
  const found: string[] = [];
  let at: string = sep;
  let rest = directory.split(sep);
  while (rest.length > 0 && found.length < maxLinks) {
    const [step = '', ...after] = rest;
    rest = after;
    const next = join(at, step);
    const target = await readlink(next).catch(() => undefined);
    if (target === undefined) at = next;
    else {
      found.push(at);
      if (isAbsolute(target)) at = sep;
      rest = [...target.split(sep), ...after];
    }
  }
  return found;
}
