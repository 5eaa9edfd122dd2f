/**
 * Runs test files one after another in this process: `node --import ./test/setup.mjs test/run-files.mjs FILE …`.
 * `▶ FILE` stands before what each prints and `■ MILLISECONDS` behind it, so that `run.mjs` knows what ran to its end,
 * wherever the process ends.
 */
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';

// uvu waits for `exec`, instead of for a timer after the first `.run()`.
globalThis.UVU_DEFER = 1;
const { exec } = await import('uvu');

let exitCode = 0;
for (const file of process.argv.slice(2)) {
  process.stdout.write(`\n▶ ${file}\n`);
  const startedMs = performance.now();
  // Where `.run()` puts what `exec` runs.
  globalThis.UVU_QUEUE = [[null]];
  await import(join(process.cwd(), file));
  // Now and not at the end, for the processes that begin meanwhile.
  flushCompileCache();
  await exec();
  // uvu sets it anew each time.
  exitCode ||= process.exitCode;
  process.stdout.write(`\n■ ${Math.round(performance.now() - startedMs)}\n`);
}
process.exitCode = exitCode;
// A failed test may have left a client or a server behind. A green one must not, or this process does not end.
if (exitCode !== 0) process.exit();
