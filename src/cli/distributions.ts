/** Kafka archives for the clusters' versions: fetched beside the loop, then served to the agents. */
import type { ArtifactServer } from '../api/artifacts.ts';
import { readEntry, versionKey } from '../kafka/dist/cache.ts';
import { type Distribution, resolveDistribution } from '../kafka/distribution.ts';
import { KafkaMesosError } from '../model/errors.ts';
import type { Artifact } from '../model/launch.ts';
import type { ArtifactCatalog } from '../model/observed.ts';
import type { Clock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';

export type Distributions = {
  /** Starts to fetch what is not there; harmless to repeat. */
  want(version: string): void;
  /** Takes what the cache has, so that a plan need not say that it would be fetched; fetches nothing. */
  recall(version: string): Promise<void>;
  kafka(): ArtifactCatalog['kafka'];
  kafkaMissing(): ArtifactCatalog['kafkaMissing'];
};

/** A source that failed is asked again after this. */
const retryMs = 60_000;

export function createDistributions(deps: {
  readonly cacheDir: string;
  readonly artifacts: ArtifactServer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Something became ready, or failed. */
  readonly onChange: () => void;
}): Distributions {
  const ready: Record<string, Artifact> = {};
  const missing: Record<string, { readonly why: string; readonly failed: boolean }> = {};

  function keep(version: string, { path, sha512 }: Distribution): void {
    ready[version] = { uri: deps.artifacts.register({ path, sha512 }), sha512 };
    delete missing[version];
  }

  async function fetch(version: string): Promise<void> {
    try {
      const found = await resolveDistribution(
        { kind: 'version', version },
        {
          cacheDir: deps.cacheDir,
          clock: deps.clock,
          logger: deps.logger,
          onProgress: ({ phase, doneBytes, totalBytes }) => {
            const share =
              totalBytes === undefined || totalBytes <= 0
                ? ''
                : ` (${Math.floor((doneBytes / totalBytes) * 100)} %)`;
            missing[version] = { why: `Kafka ${version} is being fetched: ${phase}${share}`, failed: false };
          },
        },
      );
      keep(version, found);
    } catch (error) {
      const why =
        error instanceof KafkaMesosError
          ? `${error.message}${error.remedy === undefined ? '' : `; ${error.remedy}`}`
          : String(error);
      deps.logger.error('no kafka distribution', { version, error: why });
      missing[version] = { why: `Kafka ${version} cannot be had: ${why}`, failed: true };
      deps.clock.setTimer(retryMs, () => delete missing[version] && deps.onChange());
    }
    deps.onChange();
  }

  return {
    want(version) {
      if (ready[version] === undefined && missing[version] === undefined) {
        missing[version] = { why: `Kafka ${version} is being fetched`, failed: false };
        void fetch(version);
      }
    },
    async recall(version) {
      if (ready[version] !== undefined || missing[version] !== undefined) return;
      const found = await readEntry(deps.cacheDir, versionKey(version), deps.logger);
      if (found !== undefined) keep(version, found);
    },
    kafka: () => ready,
    kafkaMissing: () => missing,
  };
}
