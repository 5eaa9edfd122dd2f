import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listenersOf } from '../../src/executor/checks.ts';
import { startProcess, volumeToken } from '../../src/executor/process.ts';
import type { BrokerPlace, BrokerPrograms } from '../../src/executor/run-broker.ts';
import { untilStopped, waitUpTo } from '../../src/executor/wait.ts';
import type { BrokerLaunch } from '../../src/model/launch.ts';
import { systemClock } from '../../src/sys/clock.ts';

const fakeJvm = fileURLToPath(new URL('./fake-jvm.mjs', import.meta.url));

/**
 * A broker without Kafka: nothing is fetched, a format writes `meta.properties`, the JVM is
 * `fake-jvm.mjs`. Everything else (storage decisions, markers, checks, updates, stopping) is the real
 * executor. `launch.environment` steers it: `STUB_PREPARE_MS`, `STUB_FORMAT_MS`, and what
 * `fake-jvm.mjs` reads.
 */
export function createStubPrograms(launch: BrokerLaunch, place: BrokerPlace): BrokerPrograms {
  const waitFor = (name: string, signal: AbortSignal) =>
    waitUpTo(systemClock, Number(launch.environment[name] ?? 0), untilStopped(signal));
  return {
    async prepare({ signal }) {
      await waitFor('STUB_PREPARE_MS', signal);
    },
    async format({ mode, initialVoters }, signal) {
      for (const [index, folder] of place.dataDirectories.entries()) {
        await mkdir(folder, { recursive: true });
        if (index === 0) await mkdir(join(folder, '__cluster_metadata-0'), { recursive: true });
        // An executor that dies here leaves an interrupted format behind.
        await waitFor('STUB_FORMAT_MS', signal);
        if (signal.aborted) return;
        const voter = initialVoters.find(({ nodeId }) => nodeId === launch.nodeId);
        const made = `stub${launch.nodeId}x${index}`.padEnd(22, 'A');
        const directoryId = index === 0 && mode === 'form' ? (voter?.directoryId ?? made) : made;
        const meta = `version=1\ncluster.id=${launch.clusterId}\nnode.id=${launch.nodeId}\ndirectory.id=${directoryId}\n`;
        await writeFile(join(folder, 'meta.properties'), meta);
      }
    },
    async start(onLine) {
      const listen = listenersOf(launch).map(({ bindHost, port }) => `${bindHost}:${port}`);
      return startProcess({
        argv: [process.execPath, fakeJvm, volumeToken(place.volumes[0]?.path ?? '')],
        environment: {
          ...launch.environment,
          STUB_LISTEN: listen.join(','),
          STUB_DATA: place.dataDirectories[0] ?? '',
        },
        folder: place.sandbox,
        outputPath: join(place.sandbox, 'kafka.out'),
        onLine,
      });
    },
  };
}
