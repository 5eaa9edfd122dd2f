import { runSeed } from '../sim/run-seed.ts';
import { type Result, result } from './result.ts';

const seeds = 20;
const rounds = 3;

/** How much of a cluster's life, troubles included, one core goes through. */
export async function* measureSimulation(): AsyncIterable<Result> {
  const virtual: number[] = [];
  const wall: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const startedMs = performance.now();
    let virtualMs = 0;
    for (let seed = 1; seed <= seeds; seed += 1)
      virtualMs += (await runSeed({ seed: round * seeds + seed })).virtualMs;
    virtual.push(virtualMs);
    wall.push(performance.now() - startedMs);
  }
  yield result(
    {
      bench: 'simulation',
      ours: virtual,
      reference: wall,
      meaning: `simulated hours per second in one process; virtual time and wall time of ${seeds} seeds a round`,
    },
    virtual.map((ms, round) => ms / 3_600_000 / ((wall[round] ?? Number.NaN) / 1000)),
  );
}
