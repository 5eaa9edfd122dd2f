import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError } from './durable-file.ts';

export type FileListing = {
  /** Direct children of a record's path, sorted; a record deeper down counts as its ancestors. */
  childrenOf(parent: string): Promise<readonly string[]>;
  /** Something was written or removed. */
  changed(): void;
};

/**
 * Reads a directory of records once for many questions: whoever loads a store of ten thousand clusters asks three of each.
 * What another process writes is seen by the directory's time; what this one does may fall within one tick of the file
 * system's clock, and is said by `changed`.
 *
 * Errors: the directory's, as those of the port.
 */
export function createFileListing(root: string): FileListing {
  type Read = { readonly atNs: bigint; readonly children: Promise<ReadonlyMap<string, readonly string[]>> };
  let read: Read | undefined;
  return {
    async childrenOf(parent) {
      const { mtimeNs } = await stat(root, { bigint: true }).catch(cannotList(root));
      if (read?.atNs !== mtimeNs) {
        const children = recordPathsIn(root).then(childrenByParent);
        read = { atNs: mtimeNs, children };
        // A failure is not kept.
        children.catch(() => {
          read = undefined;
        });
      }
      return (await read.children).get(parent) ?? [];
    },
    changed() {
      read = undefined;
    },
  };
}

function childrenByParent(paths: Iterable<string>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>();
  for (const path of paths) {
    let end = path.length;
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', end - 1)) {
      const parent = path.slice(0, slash);
      const names = found.get(parent) ?? new Set();
      found.set(parent, names.add(path.slice(slash + 1, end)));
      end = slash;
    }
  }
  return new Map([...found].map(([parent, names]) => [parent, [...names].sort()]));
}

const recordSuffix = '.json';
/** Not among the characters of a segment, so that each path has a file name of its own. */
const separator = '~';

export const fileOf = (root: string, path: string) =>
  join(root, `${path.replaceAll('/', separator)}${recordSuffix}`);

export async function recordPathsIn(root: string): Promise<readonly string[]> {
  const names = await readdir(root).catch(cannotList(root));
  return names
    .filter((name) => name.endsWith(recordSuffix))
    .map((name) => name.slice(0, -recordSuffix.length).replaceAll(separator, '/'));
}

const cannotList = (root: string) => (error: unknown) => {
  throw fileError('cannot list', root, error);
};
