/** Finds the spec files below a directory, through symbolic links, without reading them. */
import type { Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SpecError } from '../model/errors.ts';
import { compareText } from '../spec/problems.ts';
import { isSpecFileName } from '../spec/spec-files.ts';

export type FoundFile = {
  /** Below the directory, with `/`. */
  readonly path: string;
  /** Where it really lies: an absolute directory that no link leads through, and the path below that. */
  readonly base: string;
  readonly below: string;
  /** Becomes another one when the content does, within what a file system's clock can tell apart. */
  readonly stamp: string;
  /** When content or name last changed, by the file system's clock. */
  readonly changedAtMs: number;
  readonly size: number;
  /** It cannot be asked about, as a link that leads nowhere cannot. */
  readonly failure?: string;
};

export const directoryLimits = { files: 20_000, entries: 200_000, depth: 32 } as const;

/**
 * Files that are called as specs are, sorted by path. A directory that several ways lead to is looked at once.
 *
 * Errors: Node's own when the directory itself cannot be read; `SpecError` `KM_SPEC_DIRECTORY` beyond the limits.
 */
export async function walkDirectory(directory: string): Promise<readonly FoundFile[]> {
  const found: FoundFile[] = [];
  const visited = new Set<string>();
  let entriesLeft: number = directoryLimits.entries;
  const root = await realpath(directory);

  async function visit(at: Place, depth: number): Promise<void> {
    const real = join(at.base, at.below);
    if (visited.has(real)) return;
    visited.add(real);
    const entries = (await readdir(real, { withFileTypes: true }))
      .filter(({ name }) => !name.startsWith('.'))
      .sort((a, b) => compareText(a.name, b.name));
    entriesLeft -= entries.length;
    if (entriesLeft < 0) throw tooMuch(directory, `${directoryLimits.entries} entries`);
    const files: Promise<FoundFile | undefined>[] = [];
    for (const entry of entries) {
      const inside = { ...at, path: below(at.path, entry.name), below: below(at.below, entry.name) };
      const isNamed = isSpecFileName(entry.name);
      if (entry.isDirectory()) {
        if (depth >= directoryLimits.depth)
          throw tooMuch(directory, `${directoryLimits.depth} directories inside one another`);
        // One that vanished meanwhile is seen by who looks twice.
        await visit(inside, depth + 1).catch(ignoreVanished);
      } else if (entry.isSymbolicLink()) {
        const target = await follow(inside);
        if (target !== undefined && !isBelow(root, target.place)) {
          // Whoever may commit a link must not have us read what only we may.
          if (isNamed) files.push(Promise.resolve(outside(inside)));
        } else if (target?.isDirectory === true) {
          if (depth < directoryLimits.depth) await visit(target.place, depth + 1).catch(ignoreVanished);
        } else if (isNamed) files.push(look(target?.place ?? inside));
      } else if (isNamed) files.push(look(inside));
    }
    for (const file of await Promise.all(files)) if (file !== undefined) found.push(file);
    if (found.length > directoryLimits.files) throw tooMuch(directory, `${directoryLimits.files} files`);
  }

  await visit({ path: '', base: root, below: '' }, 0);
  return found.sort((a, b) => compareText(a.path, b.path));
}

type Place = Pick<FoundFile, 'path' | 'base' | 'below'>;

/** What a link leads to: a tree of its own, as far as git is concerned. Undefined: nothing. */
async function follow(
  link: Place,
): Promise<{ readonly place: Place; readonly isDirectory: boolean } | undefined> {
  try {
    const real = await realpath(join(link.base, link.below));
    const isDirectory = (await stat(real)).isDirectory();
    const place = isDirectory
      ? { path: link.path, base: real, below: '' }
      : { path: link.path, base: dirname(real), below: real.slice(dirname(real).length).replace(/^\/+/, '') };
    return { place, isDirectory };
  } catch {
    return undefined;
  }
}

function isBelow(root: string, { base, below }: Place): boolean {
  return root === '/' || `${join(base, below)}/`.startsWith(`${root}/`);
}

function outside(place: Place): FoundFile {
  const failure = 'it is a link that leads out of the directory';
  return { ...place, stamp: 'outside', changedAtMs: 0, size: 0, failure };
}

async function look(place: Place): Promise<FoundFile> {
  try {
    const seen = await stat(join(place.base, place.below));
    return {
      ...place,
      stamp: stampOf(seen),
      changedAtMs: Math.max(seen.mtimeMs, seen.ctimeMs),
      size: seen.size,
      ...(seen.isFile() ? {} : { failure: 'it is no regular file' }),
    };
  } catch (error) {
    const code = codeOf(error);
    return { ...place, stamp: code, changedAtMs: 0, size: 0, failure: `it cannot be read: ${code}` };
  }
}

const stampOf = ({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string =>
  `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

function ignoreVanished(error: unknown): void {
  if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error))) throw error;
}

const below = (path: string, name: string): string => (path === '' ? name : `${path}/${name}`);

function tooMuch(directory: string, what: string): SpecError {
  return new SpecError('KM_SPEC_DIRECTORY', `${directory} has more than ${what}`, {
    remedy: 'name a directory that has little else than specs in it',
  });
}
