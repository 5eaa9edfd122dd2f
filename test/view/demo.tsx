/**
 * The live view over a made-up story, to look at: `node --import ./test/setup.mjs test/view/demo.tsx [story]`.
 * Stories: `run` (bring-up to converged, then a roll; ends by itself), `lost` (the scheduler goes away
 * and comes back), `held`, `thousand`, `many` (several clusters).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterStatus } from '../../src/model/status.ts';
import { type LiveLook, renderLive } from '../../src/view/render-live.tsx';
import { cluster, noonMs, samples } from './samples.ts';

const story = process.argv[2] ?? 'run';
const startedAtMs = Date.now();
const elapsedMs = () => Date.now() - startedAtMs;

/** The sample as if it were observed now. */
function moved(status: ClusterStatus): ClusterStatus {
  const shift = (key: string, value: unknown) =>
    typeof value === 'number' && key.endsWith('AtMs') ? value - noonMs + startedAtMs : value;
  return JSON.parse(JSON.stringify(status), (key, value) =>
    key === 'untilMs' || key === 'atMs' ? shift('AtMs', value) : shift(key, value),
  );
}

function fetching(): ClusterStatus {
  const status = moved(samples.fetching);
  return {
    ...status,
    brokers: status.brokers.map((broker, index) => {
      if (broker.progress === undefined) return broker;
      const bytesPerSecond = (18 + 3 * index) * 1024 * 1024;
      const { totalBytes } = broker.progress;
      const doneBytes = Math.min(totalBytes, (elapsedMs() / 1000 - 3) * bytesPerSecond);
      const etaMs = ((totalBytes - doneBytes) / bytesPerSecond) * 1000;
      return { ...broker, progress: { label: 'fetching', doneBytes, totalBytes, bytesPerSecond, etaMs } };
    }),
  };
}

function run(): ClusterStatus {
  const seconds = elapsedMs() / 1000;
  if (seconds < 3) return moved(samples.bringUp);
  if (seconds < 9) return fetching();
  if (seconds < 12) return moved(samples.unreachable);
  if (seconds < 18) return moved(samples.rolling);
  return moved(samples.converged);
}

const polls: Readonly<Record<string, () => Promise<readonly ClusterStatus[]>>> = {
  run: async () => [run()],
  held: async () => [moved(samples.held)],
  thousand: async () => [moved(samples.thousand)],
  many: async () => [
    ...['billing', 'audit', 'search'].map((name) => moved(cluster({ name }))),
    moved({ ...samples.held, name: 'orders' }),
  ],
  lost: async () => {
    if (elapsedMs() > 3000 && elapsedMs() < 20_000) throw new Error('connect ECONNREFUSED 127.0.0.1:7070');
    return [moved(samples.converged)];
  },
};

const poll = polls[story] ?? fail();

function fail(): never {
  throw new Error(`no story ${story}; there are ${Object.keys(polls).join(', ')}`);
}

async function* looks(signal: AbortSignal): AsyncGenerator<LiveLook> {
  while (!signal.aborted) {
    yield await poll().then(
      (statuses): LiveLook => ({ kind: 'statuses', statuses }),
      (error: Error): LiveLook => ({ kind: 'away', error }),
    );
    await sleep(500);
  }
}

process.stdout.write('before the view\n');
const end = await renderLive({
  looks,
  stdout: process.stdout,
  stdin: process.stdin,
  ...(story === 'run' ? { until: ([status]) => status?.phase === 'converged' } : {}),
  clock: {
    nowMs: () => Date.now(),
    setTimer(delayMs, fire) {
      const timer = setTimeout(fire, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
  },
});
process.stdout.write(`after the view: ${end.reason}\n`);
