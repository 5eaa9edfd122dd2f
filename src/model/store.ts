/** The store port: small JSON records by path, version-checked and fenced. */

export type StoredRecord = {
  readonly value: unknown;
  /** Grows with each write of this path; compare for equality only. */
  readonly version: number;
};

/**
 * Paths are `/`-separated segments of `[A-Za-z0-9._-]+`, at most 8. Records are JSON of
 * at most 32 MiB, and 900 KiB when written down: compressed where that is needed, refused by
 * `KM_SPEC_RECORD_TOO_LARGE` where that is not enough.
 *
 * Errors: `ConflictError` (`KM_CONFLICT_VERSION` when the path has another version than expected,
 * `KM_CONFLICT_FENCED` when this writer's epoch is no longer the newest), `UnavailableError` (with
 * `outcome: 'unknown'` when a write may have happened), `ProtocolError` for a record that cannot be read.
 */
export type Store = {
  read(path: string): Promise<StoredRecord | undefined>;
  /** Names of the direct children of a path, sorted; empty when there are none. */
  list(path: string): Promise<readonly string[]>;
  /** Durable before it resolves. `expectedVersion: 0` means "must not exist". Returns the new version. */
  write(path: string, value: unknown, expectedVersion: number): Promise<number>;
  remove(path: string, expectedVersion: number): Promise<void>;
  /**
   * Makes this writer the only one: every later write of an earlier claimant fails with
   * `KM_CONFLICT_FENCED`. Returns the epoch. Writes before a claim are refused.
   */
  claim(): Promise<number>;
  close(): Promise<void>;
};

export const recordPaths = {
  framework: 'framework',
  /** The last events that belong to no cluster, for people. */
  frameworkEvents: 'events',
  /** There while a lost store is being made again, and not complete yet. */
  recovery: 'recovery',
  clusters: 'clusters',
  /** Clusters that were removed while their file was not followed. */
  removed: 'removed',
  removedCluster: (clusterName: string) => `removed/${clusterName}`,
  spec: (clusterName: string) => `clusters/${clusterName}/spec`,
  /** Past specs, by their revision. */
  revisions: (clusterName: string) => `clusters/${clusterName}/revisions`,
  revision: (clusterName: string, revision: number) => `clusters/${clusterName}/revisions/${revision}`,
  /** The last events, for people. */
  events: (clusterName: string) => `clusters/${clusterName}/events`,
  cluster: (clusterName: string) => `clusters/${clusterName}/cluster`,
  brokers: (clusterName: string) => `clusters/${clusterName}/brokers`,
  broker: (clusterName: string, brokerId: number) => `clusters/${clusterName}/brokers/${brokerId}`,
} as const;
