import type { Clock } from '../../sys/clock.ts';

export type DistributionProgress = {
  readonly phase: 'downloading' | 'verifying' | 'assembling' | 'packing' | 'copying';
  readonly doneBytes: number;
  /** Absent while nobody knows. */
  readonly totalBytes?: number;
  readonly bytesPerSecond: number;
};

export type Meter = {
  /** Says where a phase stands; callers may call it for every chunk. */
  report(phase: DistributionProgress['phase'], doneBytes: number, totalBytes?: number): void;
};

const emitEveryMs = 200;
const windowMs = 3000;

/** Thins reports out to a few a second and adds the rate over the last seconds. */
export function createMeter(clock: Clock, emit: (progress: DistributionProgress) => void): Meter {
  let phase: DistributionProgress['phase'] | undefined;
  let emittedAtMs = 0;
  let samples: { atMs: number; bytes: number }[] = [];
  return {
    report(nextPhase, doneBytes, totalBytes) {
      const atMs = clock.nowMs();
      const fresh = nextPhase !== phase;
      if (fresh) {
        phase = nextPhase;
        samples = [{ atMs, bytes: doneBytes }];
      }
      const complete = totalBytes !== undefined && doneBytes >= totalBytes;
      if (!fresh && !complete && atMs - emittedAtMs < emitEveryMs) return;
      emittedAtMs = atMs;
      samples = [...samples.filter((sample) => atMs - sample.atMs <= windowMs), { atMs, bytes: doneBytes }];
      const oldest = samples[0] ?? { atMs, bytes: doneBytes };
      const elapsedMs = atMs - oldest.atMs;
      emit({
        phase: nextPhase,
        doneBytes,
        ...(totalBytes === undefined ? {} : { totalBytes }),
        bytesPerSecond: elapsedMs <= 0 ? 0 : Math.round(((doneBytes - oldest.bytes) * 1000) / elapsedMs),
      });
    },
  };
}
