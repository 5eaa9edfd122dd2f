/** What agents are given besides Kafka, and how it gets onto a mirror. */
import { copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { artifactPath, sha512OfFile } from '../api/artifacts.ts';
import { UnavailableError } from '../model/errors.ts';

/** Beside the bundle that this file is part of (bin/build.mjs). */
export const executorBundle = fileURLToPath(new URL('kafka-mesos-executor.mjs', import.meta.url));

/** Absolute paths by platform, as `linux-arm64`. */
export type AgentNodes = Readonly<Record<string, string>>;

/** Of agents that do not say theirs: that of this machine. */
export const defaultPlatform = `${process.platform}-${process.arch}`;

/** From what `--agent-node` was given: `PLATFORM=PATH`, or a path for our own platform. */
export function parseAgentNodes(given: readonly string[]): AgentNodes {
  const nodes: Record<string, string> = { [defaultPlatform]: process.execPath };
  for (const one of given) {
    const [, platform = defaultPlatform, path = one] = /^([a-z0-9._]+-[a-z0-9_]+)=(.+)$/.exec(one) ?? [];
    nodes[platform] = resolve(path);
  }
  return nodes;
}

export type ExportedFile = { readonly source: string; readonly sha512: string; readonly path: string };

/**
 * Copies files below `directory` under the paths that `--artifact-url` expects of a mirror. A path holds the
 * content's digest: what is there already with that content stays, and files of earlier releases are left
 * for schedulers that still name them. A file gets its name only when it is whole and on disk.
 *
 * Errors: `UnavailableError` when a file cannot be read or the directory not be written.
 */
export async function exportFiles(
  sources: readonly string[],
  directory: string,
): Promise<readonly ExportedFile[]> {
  const exported: ExportedFile[] = [];
  for (const source of sources) {
    try {
      exported.push(await exportFile(source, directory));
    } catch (error) {
      throw new UnavailableError(
        'KM_UNAVAILABLE_EXPORT',
        `${source} cannot be exported to ${directory}: ${(error as Error).message}`,
        { cause: error, remedy: 'Check the path, its permissions and the space there; then run it again.' },
      );
    }
  }
  return exported;
}

async function exportFile(source: string, directory: string): Promise<ExportedFile> {
  const sha512 = await sha512OfFile(source);
  const path = resolve(directory, artifactPath({ path: source, sha512 }));
  const exported = { source, sha512, path };
  if ((await sha512OfFile(path).catch(() => undefined)) === sha512) return exported;
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const part = join(folder, `.${process.pid}.part`);
  try {
    await copyFile(source, part);
    // The source may have been replaced since it was read.
    if ((await sha512OfFile(part)) !== sha512) throw new Error('it changed while it was copied');
    const file = await open(part, 'r');
    await file.sync().finally(() => file.close());
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
  return exported;
}
