import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../e2e/harness.ts';
import { median, type Result, result } from './result.ts';

const rounds = 40;

/** What the command line costs before it does anything. */
export async function* measureHelp(): AsyncIterable<Result> {
  const run = (args: readonly string[]): number => {
    const startedMs = performance.now();
    const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' });
    if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`);
    return performance.now() - startedMs;
  };
  const help = [join(root, 'bin', 'kafka-mesos'), '--help'];
  const nothing = ['-e', '0'];
  // Once each for the page cache and the compile cache.
  run(help);
  run(nothing);
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    ours.push(run(help));
    bare.push(run(nothing));
  }
  yield result(
    {
      bench: 'help',
      aim: 2,
      ours: [median(ours)],
      reference: [median(bare)],
      meaning: `kafka-mesos --help against node -e 0, wall time, medians of ${rounds} interleaved runs`,
    },
    [median(ours) / median(bare)],
  );
}
