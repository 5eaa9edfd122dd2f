import { createHash, timingSafeEqual } from 'node:crypto';

export type Tokens = {
  readonly write: string;
  /** May look, plan and validate. */
  readonly read?: string;
};

/**
 * What the bearer of an `Authorization` header may do; undefined: nothing. In a time that depends on neither the
 * length nor the first different character.
 */
export function scopeOf(header: string | undefined, tokens: Tokens): 'read' | 'write' | undefined {
  const given = digest(/^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? '');
  const mayWrite = timingSafeEqual(given, digest(tokens.write));
  const mayRead = tokens.read !== undefined && timingSafeEqual(given, digest(tokens.read));
  return mayWrite ? 'write' : mayRead ? 'read' : undefined;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Rejects with `RangeError` what is no good token. */
export function checkTokens({ write, read }: Tokens): void {
  if (write.length < 16) throw new RangeError('the API token is shorter than 16 characters');
  if (read === undefined) return;
  if (read.length < 16) throw new RangeError('the API token for reading is shorter than 16 characters');
  if (read === write) throw new RangeError('the token for reading is the one that may write');
}
