/** How often something may be done that is dear to somebody else: a few times at once, then at a steady rate. */
export type TokenBucket = { readonly tokens: number; readonly atMs: number };

export type BucketSize = { readonly tokens: number; readonly refillMs: number };

/** REVIVE makes the master look through all agents, and the HTTP API limits nobody's rate. */
export const reviveBucket: BucketSize = { tokens: 5, refillMs: 10_000 };

/** Tokens by now, the part of one included. A clock that went back fills the bucket: it is about load only. */
export function tokensAt({ tokens, atMs }: TokenBucket, size: BucketSize, nowMs: number): number {
  return nowMs < atMs ? size.tokens : Math.min(size.tokens, tokens + (nowMs - atMs) / size.refillMs);
}
