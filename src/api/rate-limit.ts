/** How much one client may ask: token buckets by address and by token. */
import { type BucketSize, type TokenBucket, tokensAt } from '../model/token-bucket.ts';

/**
 * Of one address: a live view takes ten requests a second, and a write costs as much as ten of them, because specs are
 * parsed beside the loop; so do streams, logs and metrics.
 */
export const requestBucket: BucketSize = { tokens: 1000, refillMs: 5 };
export const costOfWrite = 10;
/** Of one address: wrong tokens. */
export const failureBucket: BucketSize = { tokens: 20, refillMs: 3_000 };
/** Addresses that are remembered at once. */
const maxKeys = 10_000;

export type RateLimit = {
  /** Milliseconds until there is so much again; undefined: it was taken. */
  take(key: string, cost: number, nowMs: number): number | undefined;
  /** As `take`, and takes nothing. */
  look(key: string, nowMs: number): number | undefined;
};

export function createRateLimit(size: BucketSize): RateLimit {
  const buckets = new Map<string, TokenBucket>();
  const left = (key: string, nowMs: number) =>
    tokensAt(buckets.get(key) ?? { tokens: size.tokens, atMs: nowMs }, size, nowMs);
  const wait = (missing: number) => (missing <= 0 ? undefined : Math.ceil(missing * size.refillMs));
  return {
    look: (key, nowMs) => wait(1 - left(key, nowMs)),
    take(key, cost, nowMs) {
      const tokens = left(key, nowMs);
      if (tokens < cost) return wait(cost - tokens);
      buckets.delete(key);
      buckets.set(key, { tokens: tokens - cost, atMs: nowMs });
      // The one that asked longest ago: it is full again, or somebody comes by ten thousand addresses.
      for (const oldest of buckets.keys()) {
        if (buckets.size <= maxKeys) break;
        buckets.delete(oldest);
      }
      return undefined;
    },
  };
}

/** One client: an IPv4 address, or the /64 of an IPv6 one, of which a machine has as many as it likes. */
export function clientOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? [];
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  return [...first, ...Array<string>(gap).fill('0'), ...last].slice(0, 4).join(':');
}
