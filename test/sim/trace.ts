/** Everything that crossed a port, in order: hashed always, kept as text on demand. */
import { createHash } from 'node:crypto';

export type Trace = {
  note(line: string): void;
  /** Called with each line from now on. */
  listen(listener: (line: string) => void): void;
  readonly lines: readonly string[];
  count(): number;
  /** sha256 over all lines; ends the trace. */
  digest(): string;
};

export function createTrace(nowMs: () => number, keep: boolean): Trace {
  const hash = createHash('sha256');
  const lines: string[] = [];
  const startMs = nowMs();
  let count = 0;
  let listener: ((line: string) => void) | undefined;
  return {
    lines,
    count: () => count,
    note(line) {
      count += 1;
      const text = `${nowMs() - startMs} ${line}`;
      hash.update(text);
      hash.update('\n');
      if (keep) lines.push(text);
      listener?.(text);
    },
    listen(next) {
      listener = next;
    },
    digest: () => hash.digest('hex'),
  };
}
