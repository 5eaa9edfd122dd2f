/**
 * `npm run bench [-- PART …]`: JSON lines on stdout, each a ratio measured in one run. Asserts nothing:
 * on a machine that does other work the figures say little.
 */

import { measureApi } from './api.ts';
import { measureDirectory } from './directory.ts';
import { measureHelp } from './help.ts';
import { measureBringUp, measureRestart } from './kafka.ts';
import { measureDecode, measurePlan } from './pure.ts';
import type { Result } from './result.ts';
import { measureIdle, measureMatching, measureScrape } from './scale.ts';
import { measureSimulation } from './simulation.ts';
import { measureTakeover } from './takeover.ts';

const parts: Readonly<Record<string, () => AsyncIterable<Result>>> = {
  help: measureHelp,
  plan: measurePlan,
  idle: measureIdle,
  match: measureMatching,
  scrape: measureScrape,
  decode: measureDecode,
  api: measureApi,
  takeover: measureTakeover,
  simulation: measureSimulation,
  view: async function* () {
    yield* (await import('./view.ts')).measureView();
  },
  /** These take several minutes. */
  directory: measureDirectory,
  'bring-up': measureBringUp,
  restart: measureRestart,
};

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts);
for (const name of wanted) {
  const measure = parts[name];
  if (measure === undefined) {
    process.stderr.write(`no part ${name}; there are ${Object.keys(parts).join(', ')}\n`);
    process.exit(64);
  }
  for await (const line of measure()) process.stdout.write(`${JSON.stringify(line)}\n`);
}
