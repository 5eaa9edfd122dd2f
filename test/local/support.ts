import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A directory of the test's own under the system's temporary one, gone when `remove` was called. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const directory = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'kafka-mesos-local-')));
  return { path: directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** Waits until `look` gives something. Throws with `what` after a minute: an outer bound, not a measure. */
export async function eventually<Value>(
  what: string,
  look: () => Value | undefined | false | Promise<Value | undefined | false>,
): Promise<Value> {
  for (let tries = 0; tries < 2_400; tries += 1) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`did not happen: ${what}`);
}
