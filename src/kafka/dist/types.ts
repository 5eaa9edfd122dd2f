/** Kafka 4.x brokers, controllers and tools want Java 17 (KIP-1013). */
export const kafkaJavaMinimum = 17;

export type Distribution = {
  readonly version: string;
  /** One gzipped tar with a top-level folder and `libs/*.jar` in it. Never written to again. */
  readonly path: string;
  /** Lower-case hex of the archive. */
  readonly sha512: string;
  readonly sizeBytes: number;
  readonly javaMinimum: number;
  readonly origin: DistributionOrigin;
};

export type DistributionOrigin = {
  readonly kind: 'apache' | 'maven' | 'archive' | 'uri';
  /** Where it came from and why from there, as one sentence for people. */
  readonly detail: string;
};
