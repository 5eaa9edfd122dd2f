import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { KafkaMesosError, SpecError, UnavailableError, unreachable } from '../model/errors.ts';
import type { Clock } from '../sys/clock.ts';
import { type Logger, silentLogger } from '../sys/logger.ts';
import { apacheMirrors, archiveName, fetchChecksum } from './dist/apache.ts';
import { diskError, keepArchive, readEntry, removeOrphans, versionKey } from './dist/cache.ts';
import { type DownloadLimits, defaultDownloadLimits, downloadVerified, redactUrl } from './dist/download.ts';
import { importArchive } from './dist/import.ts';
import { assembleWithMaven } from './dist/maven.ts';
import { createMeter, type DistributionProgress } from './dist/progress.ts';
import type { Distribution } from './dist/types.ts';

export type { DistributionProgress } from './dist/progress.ts';
export type { Distribution, DistributionOrigin } from './dist/types.ts';

/** The newest Kafka that is complete both at Apache and in Maven Central (4.4.0 lacks `kafka-tools` there). */
export const defaultKafkaVersion = '4.3.1';

export type DistributionRequest =
  | { readonly kind: 'version'; readonly version: string }
  /** A `kafka_2.13-VERSION.tgz` on this machine; the digest is checked when given. */
  | { readonly kind: 'archive'; readonly path: string; readonly sha512?: string }
  /** `http`, `https` or `file`; the digest is what makes it trustworthy. */
  | { readonly kind: 'uri'; readonly uri: string; readonly sha512: string };

export type DistributionDeps = {
  /** Made when it does not exist. Several processes may share it. */
  readonly cacheDir: string;
  readonly clock: Clock;
  readonly logger?: Logger;
  readonly onProgress?: (progress: DistributionProgress) => void;
  /** Folders that hold `VERSION/kafka_2.13-VERSION.tgz` and its `.sha512`, tried in turn. */
  readonly mirrors?: readonly string[];
  /** The `mvn` to run. */
  readonly mavenCommand?: string;
  readonly limits?: Partial<DownloadLimits>;
};

/**
 * Gets one Kafka archive into the cache and returns where it is. A version is asked of Apache's hosts
 * first; where they cannot be reached it is put together from Maven Central.
 *
 * What is in the cache is used without asking anybody. A process that dies here leaves a partial
 * download, which the next call goes on with; nothing half-made ever carries a final name.
 *
 * Errors: `UnavailableError` when no source can be reached (every reason is named), `ProtocolError` when
 * a digest does not match or the file is no Kafka archive, `SpecError` for a request that cannot be met.
 */
export async function resolveDistribution(
  request: DistributionRequest,
  deps: DistributionDeps,
): Promise<Distribution> {
  try {
    await mkdir(deps.cacheDir, { recursive: true });
    await removeOrphans(deps.cacheDir);
    return await resolveRequest(request, { ...deps, logger: deps.logger ?? silentLogger });
  } catch (error) {
    if (error instanceof KafkaMesosError) throw error;
    throw diskError(deps.cacheDir, error);
  }
}

function resolveRequest(request: DistributionRequest, deps: Deps): Promise<Distribution> {
  switch (request.kind) {
    case 'version':
      return resolveVersion(request.version, deps);
    case 'archive':
      return importArchive(request, deps.cacheDir, meterOf(deps), deps.logger);
    case 'uri':
      return resolveUri(request.uri, request.sha512, deps);
    default:
      return unreachable(request);
  }
}

type Deps = DistributionDeps & { readonly logger: Logger };

function meterOf(deps: Deps) {
  return createMeter(deps.clock, deps.onProgress ?? (() => {}));
}

async function resolveVersion(version: string, deps: Deps): Promise<Distribution> {
  if (!/^[4-9]\.\d{1,3}\.\d{1,3}$/.test(version)) {
    throw new SpecError('KM_SPEC_KAFKA_VERSION', `"${version}" is not a Kafka version this can run`, {
      remedy: `Name a release from 4.0.0 on, for example ${defaultKafkaVersion}.`,
    });
  }
  const key = versionKey(version);
  const cached = await readEntry(deps.cacheDir, key, deps.logger);
  if (cached !== undefined) return cached;

  const failures: KafkaMesosError[] = [];
  for (const mirror of deps.mirrors ?? apacheMirrors) {
    try {
      return await downloadFromApache(mirror, version, key, deps);
    } catch (error) {
      // Only "cannot be had from there" leads on: a wrong digest must be seen, not worked around.
      if (!(error instanceof UnavailableError)) throw error;
      failures.push(error);
    }
  }
  const why = failures.map((failure) => failure.message).join('; ');
  deps.logger.info('Apache hosts cannot be used, assembling from Maven Central', { version, why });
  try {
    const made = await assembleWithMaven(version, {
      cacheDir: deps.cacheDir,
      command: deps.mavenCommand ?? 'mvn',
      clock: deps.clock,
      meter: meterOf(deps),
    });
    return await keepArchive(deps.cacheDir, key, made.part, {
      version,
      sha512: made.sha512,
      origin: { kind: 'maven', detail: `put together from Maven Central, because ${why}` },
    });
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    throw new UnavailableError(
      'KM_UNAVAILABLE_DISTRIBUTION',
      `Kafka ${version} cannot be had: ${why}; Maven: ${error.message}`,
      {
        cause: error,
        remedy: `Install Maven with a route to Maven Central, or get ${archiveName(version)} from https://kafka.apache.org/downloads and name its path.`,
      },
    );
  }
}

async function downloadFromApache(
  mirror: string,
  version: string,
  key: string,
  deps: Deps,
): Promise<Distribution> {
  const limits = { ...defaultDownloadLimits, ...deps.limits };
  const checksum = await fetchChecksum(mirror, version, deps.clock, limits);
  const part = await downloadVerified(checksum.archiveUrl, checksum.sha512, {
    cacheDir: deps.cacheDir,
    key,
    clock: deps.clock,
    logger: deps.logger,
    meter: meterOf(deps),
    limits,
  });
  return keepArchive(deps.cacheDir, key, part, {
    version,
    sha512: checksum.sha512,
    origin: { kind: 'apache', detail: `downloaded from ${redactUrl(checksum.archiveUrl)}` },
  });
}

async function resolveUri(uri: string, sha512: string, deps: Deps): Promise<Distribution> {
  const digest = sha512.toLowerCase();
  if (!/^[0-9a-f]{128}$/.test(digest)) {
    throw new SpecError('KM_SPEC_SHA512', `the sha512 of ${redactUrl(uri)} is not 128 hexadecimal digits`, {
      remedy: 'Copy it from the .sha512 file that is published beside the archive.',
    });
  }
  const protocol = URL.canParse(uri) ? new URL(uri).protocol : undefined;
  if (protocol === 'file:') {
    const meter = meterOf(deps);
    return importArchive({ path: fileURLToPath(uri), sha512: digest }, deps.cacheDir, meter, deps.logger);
  }
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new SpecError('KM_SPEC_DISTRIBUTION_URI', `${redactUrl(uri)} is not an http, https or file URI`, {
      remedy: 'Give such a URI, or the path of an archive on this machine.',
    });
  }
  const key = `sha512-${digest}`;
  const cached = await readEntry(deps.cacheDir, key, deps.logger);
  if (cached !== undefined) return cached;
  const part = await downloadVerified(uri, digest, {
    cacheDir: deps.cacheDir,
    key,
    clock: deps.clock,
    logger: deps.logger,
    meter: meterOf(deps),
    limits: { ...defaultDownloadLimits, ...deps.limits },
  });
  return keepArchive(deps.cacheDir, key, part, {
    sha512: digest,
    origin: { kind: 'uri', detail: `downloaded from ${redactUrl(uri)}` },
  });
}
