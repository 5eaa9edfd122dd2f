/**
 * Tables by ids that clients choose: without a prototype, so that `constructor` and `__proto__` are ids
 * like any other.
 */
export function table<T>(entries: Readonly<Record<string, T>> = {}): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, entries);
}

/** As `JSON.parse`, with every object a table. */
export function parseTables(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? table(value as Record<string, unknown>)
      : value,
  );
}
