import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { walkDirectory } from '../gitops/walk-directory.ts';
import type { SpecRequest } from '../model/api.ts';
import { namesItsKind } from '../spec/spec-files.ts';
import { CommandError, UsageError } from './errors.ts';

/** What one command reads at most; the API takes 4 MiB with its JSON around the text. */
export const maxSpecBytes = 3 * 1024 * 1024;

/**
 * Reads spec files: files as they are named, of directories every `.yaml` and `.yml` below them in
 * order of path, `-` for stdin. A file that is named twice is read once. What a directory holds beside
 * specs, a configuration of the scheduler, say, is left out, and said on stderr.
 */
export async function readSpecFiles(
  paths: readonly string[],
  io: { readonly stdin: NodeJS.ReadStream; err(text: string): void },
): Promise<SpecRequest> {
  if (paths.length === 0) {
    throw new UsageError(
      'no spec file given',
      'name one by -f, as in -f examples/three-brokers.yaml; a directory or - works too',
    );
  }
  const files: { path: string; text: string }[] = [];
  const skipped: string[] = [];
  let left = maxSpecBytes;
  for (const path of new Set((await Promise.all(paths.map(expand))).flat())) {
    const content = path === '-' ? await readStdin(io.stdin) : await readSpec(path, left);
    left -= content.length;
    if (left < 0) throw tooLarge();
    const text = content.toString('utf8');
    if (!paths.includes(path) && !namesItsKind(text)) skipped.push(path);
    else files.push({ path: path === '-' ? 'stdin' : path, text });
  }
  if (files.length === 0) throw noSpec(`none of ${skipped.join(', ')} has an apiVersion and a kind`);
  for (const path of skipped) io.err(`Skipped ${path}: it has neither apiVersion nor kind.\n`);
  return { files };
}

async function expand(path: string): Promise<readonly string[]> {
  if (path === '-') return [path];
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(path, error);
  });
  if (!found.isDirectory()) return [path];
  const specs = (await walkDirectory(path)).map((found) => join(path, found.path));
  if (specs.length > 0) return specs;
  throw noSpec(`${path} has no .yaml or .yml file in it`);
}

function noSpec(message: string): CommandError {
  return new CommandError('KM_CLI_NO_SPEC', message, {
    remedy: 'name a directory with spec files; examples/ of the clone has some',
  });
}

async function readSpec(path: string, left: number): Promise<Buffer> {
  try {
    // Asked first, so that a huge file or a device is refused and not read.
    const found = await stat(path);
    if (found.size > left) throw tooLarge();
    return await readFile(path);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw unreadable(path, error as NodeJS.ErrnoException);
  }
}

async function readStdin(stdin: NodeJS.ReadStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  let total = 0;
  for await (const part of stdin) {
    total += part.length;
    if (total > maxSpecBytes) throw tooLarge();
    parts.push(Buffer.from(part));
  }
  return Buffer.concat(parts);
}

function tooLarge(): CommandError {
  return new CommandError('KM_CLI_TOO_LARGE', 'the spec files are larger than 3 MiB together', {
    remedy: 'name fewer files at a time; a spec of hundreds of brokers is far smaller',
  });
}

function unreadable(path: string, error: NodeJS.ErrnoException): CommandError {
  const why = { ENOENT: 'there is no such file', EACCES: 'permission denied', EISDIR: 'it is a directory' };
  return new CommandError(
    'KM_CLI_FILE',
    `cannot read ${path}: ${why[error.code as keyof typeof why] ?? error.message}`,
    { cause: error, remedy: 'check the path; it is relative to the current directory' },
  );
}
