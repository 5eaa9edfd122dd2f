import { readdir, stat } from 'node:fs/promises';
import { answerForVersion, readEntry } from '../../kafka/dist/cache.ts';
import {
  type Distribution,
  type DistributionProgress,
  type DistributionRequest,
  defaultKafkaVersion,
  resolveDistribution,
} from '../../kafka/distribution.ts';
import { systemClock } from '../../sys/clock.ts';
import { silentLogger } from '../../sys/logger.ts';
import { executorBundle, exportFiles, parseAgentNodes } from '../agent-files.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { renderTable } from '../format/table.ts';
import { truncate } from '../format/text.ts';
import { byteSize, duration } from '../format/time.ts';
import { type OutputOptions, print } from '../output.ts';

export type DistGetOptions = OutputOptions & { readonly from?: string; readonly sha512?: string };

export async function distGet(
  context: Context,
  version: string | undefined,
  options: DistGetOptions,
): Promise<ExitCode> {
  const progress = createProgress(context);
  const found = await resolveDistribution(await requestFor(version, options), {
    cacheDir: context.home.dist,
    clock: systemClock,
    onProgress: progress.show,
  }).finally(progress.end);
  await print(
    context,
    options,
    found,
    () => `Kafka ${found.version}  ${byteSize(found.sizeBytes)}  ${found.path}\n`,
  );
  if (options.output === undefined) context.io.err(`${found.origin.detail}\n`);
  if (options.from !== undefined) await adopt(context, found);
  return exitCodes.ok;
}

/** What was brought is what clusters of its version get from here on. */
async function adopt({ home, io }: Context, brought: Distribution): Promise<void> {
  const used = await answerForVersion(home.dist, brought, silentLogger);
  if (used.sha512 === brought.sha512) return;
  io.err(
    `warning: clusters of Kafka ${brought.version} still get another archive, which was here before:\n  ${used.path}\n  → delete that file and run this again, if they are to be restarted with this one\n`,
  );
}

export async function distList(context: Context, options: OutputOptions): Promise<ExitCode> {
  const found = await cached(context);
  await print(context, options, found, () =>
    found.length === 0 ? '' : `${renderTable(columns, found, context.io).join('\n')}\n`,
  );
  if (found.length === 0) context.io.err('No Kafka yet. Get one by: kafka-mesos dist get\n');
  return exitCodes.ok;
}

/** By version, the oldest first. */
async function cached(context: Context): Promise<readonly Distribution[]> {
  const names = await readdir(context.home.dist).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const keys = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
  const entries = await Promise.all(keys.map((key) => readEntry(context.home.dist, key, silentLogger)));
  // One archive may have been asked for by version and by digest.
  const byPath = new Map(
    entries.flatMap((entry) => (entry === undefined ? [] : [[entry.path, entry] as const])),
  );
  return [...byPath.values()].sort((a, b) => a.version.localeCompare(b.version, 'en', { numeric: true }));
}

export type DistExportOptions = OutputOptions & { readonly agentNode: readonly string[] };

/** Everything a launch fetches, for a mirror: executor, Node, and Kafka of these versions or all that are there. */
export async function distExport(
  context: Context,
  directory: string,
  versions: readonly string[],
  options: DistExportOptions,
): Promise<ExitCode> {
  const progress = createProgress(context);
  const kafka =
    versions.length === 0
      ? await cached(context)
      : await Promise.all(
          versions.map((version) =>
            resolveDistribution(
              { kind: 'version', version },
              { cacheDir: context.home.dist, clock: systemClock, onProgress: progress.show },
            ),
          ),
        ).finally(progress.end);
  if (kafka.length === 0) {
    throw new UsageError('there is no Kafka to export', 'name versions, or get one by: kafka-mesos dist get');
  }
  const files = await exportFiles(
    [executorBundle, ...Object.values(parseAgentNodes(options.agentNode)), ...kafka.map(({ path }) => path)],
    directory,
  );
  await print(context, options, files, () => `${files.map(({ path }) => path).join('\n')}\n`);
  if (options.output === undefined) {
    context.io.err(
      'Serve this directory to the agents, and name its URL by: kafka-mesos scheduler --artifact-url URL\n',
    );
  }
  return exitCodes.ok;
}

const columns = [
  { title: 'KAFKA', cell: (one: Distribution) => one.version },
  { title: 'SIZE', cell: (one: Distribution) => byteSize(one.sizeBytes) },
  { title: 'SHA512', cell: (one: Distribution) => one.sha512.slice(0, 16) },
  { title: 'FROM', cell: (one: Distribution) => one.origin.kind },
  { title: 'PATH', cell: (one: Distribution) => one.path },
];

async function requestFor(
  version: string | undefined,
  options: DistGetOptions,
): Promise<DistributionRequest> {
  const { from, sha512 } = options;
  if (from === undefined) {
    if (sha512 !== undefined)
      throw new UsageError('--sha512 goes with --from', 'Apache publishes its own checksums');
    return { kind: 'version', version: version ?? defaultKafkaVersion };
  }
  if (version !== undefined)
    throw new UsageError('give a version or --from, not both', 'the archive says its version itself');
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(from)) {
    if (sha512 !== undefined) return { kind: 'uri', uri: from, sha512 };
    throw new UsageError(
      'a URI wants --sha512',
      'copy it from the .sha512 file that is published beside the archive',
    );
  }
  await stat(from).catch(() => {
    throw new UsageError(
      `there is no file ${from}`,
      'name a kafka_2.13-VERSION.tgz, or a URI with its --sha512',
    );
  });
  return { kind: 'archive', path: from, ...(sha512 === undefined ? {} : { sha512 }) };
}

/** A line that is drawn over on a terminal; elsewhere one line per phase. */
function createProgress({ io }: Context): { show(progress: DistributionProgress): void; end(): void } {
  const drawn = process.stderr.isTTY === true;
  let phase: string | undefined;
  let open = false;
  return {
    show(progress) {
      if (!drawn) {
        if (progress.phase !== phase) io.err(`${progress.phase} …\n`);
        phase = progress.phase;
        return;
      }
      // A line that wraps cannot be drawn over.
      io.err(`\r\u001b[2K${truncate(progressLine(progress), (process.stderr.columns ?? 80) - 1)}`);
      open = true;
    },
    end() {
      if (open) io.err('\r\u001b[2K');
    },
  };
}

export function progressLine({ phase, doneBytes, totalBytes, bytesPerSecond }: DistributionProgress): string {
  const rate = bytesPerSecond > 0 ? `  ${byteSize(bytesPerSecond)}/s` : '';
  if (totalBytes === undefined || totalBytes === 0) return `${phase}  ${byteSize(doneBytes)}${rate}`;
  const share = Math.min(1, doneBytes / totalBytes);
  const bar = '#'.repeat(Math.round(share * 14)).padEnd(14, '.');
  const left =
    bytesPerSecond > 0 ? `  ${duration(((totalBytes - doneBytes) / bytesPerSecond) * 1000)} left` : '';
  return `${phase}  [${bar}] ${Math.floor(share * 100)}%  ${byteSize(doneBytes)} of ${byteSize(totalBytes)}${rate}${left}`;
}
