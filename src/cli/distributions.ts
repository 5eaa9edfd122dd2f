/** Kafka archives for the clusters' versions: fetched beside the loop, then served to the agents. */
import type { ArtifactServer } from '../api/artifacts.ts';
import { resolveDistribution } from '../kafka/distribution.ts';
import { KafkaMesosError } from '../model/errors.ts';
import type { Artifact } from '../model/launch.ts';
import type { ArtifactCatalog } from '../model/observed.ts';
import type { Clock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';

export type Distributions = {
  /** Starts to fetch what is not there; harmless to repeat. */
  want(version: string): void;
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
      ready[version] = {
        uri: deps.artifacts.register({ path: found.path, sha512: found.sha512 }),
        sha512: found.sha512,
      };
      delete missing[version];
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
    kafka: () => ready,
    kafkaMissing: () => missing,
  };
}
