import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderLog4j2, renderServerProperties } from '../kafka/render.ts';
import { formatCommand, serverCommand } from '../kafka/tools.ts';
import type { BrokerLaunch } from '../model/launch.ts';
import type { Clock } from '../sys/clock.ts';
import { BrokerFailure, errorText } from './failure.ts';
import { findJava } from './java.ts';
import { layOut, pruneLayouts } from './layout.ts';
import { describeExit, type ProcessOptions, startProcess, volumeToken } from './process.ts';
import type { BrokerPlace, BrokerPrograms } from './run-broker.ts';
import { untilStopped } from './wait.ts';

/** Kafka itself: its archive and JRE by digest, its own main classes on `libs/*`. */
export function createKafkaPrograms(
  launch: BrokerLaunch,
  place: BrokerPlace,
  ports: { readonly clock: Clock; readonly env: Readonly<Record<string, string | undefined>> },
): BrokerPrograms {
  const volumePath = place.volumes[0]?.path ?? place.sandbox;
  const configFolder = join(place.sandbox, 'config');
  const propertiesPath = join(configFolder, 'server.properties');
  const log4j2Path = join(configFolder, 'log4j2.properties');
  let java = 'java';
  let libsDir = '';

  function processOptions(argv: readonly string[], outputName: string): ProcessOptions {
    const [command = java, ...rest] = argv;
    return {
      // First among the options of the JVM, so that whatever runs on this volume can be found by it.
      argv: [command, volumeToken(volumePath), ...rest],
      environment: environmentOf(launch, ports.env),
      folder: place.sandbox,
      outputPath: join(place.sandbox, outputName),
    };
  }

  return {
    async prepare(options) {
      const shared = { ...options, clock: ports.clock, volumePath };
      const jreHome = launch.jre === undefined ? undefined : await layOut(launch.jre, shared);
      // It answers while Kafka is unpacked.
      const found = findJava(
        { kafkaVersion: launch.kafkaVersion, ...(jreHome === undefined ? {} : { jreHome }) },
        ports.env,
      );
      found.catch(() => {});
      const kafkaHome = await layOut(launch.kafka, shared);
      await pruneLayouts(volumePath, [launch.kafka, ...(launch.jre === undefined ? [] : [launch.jre])]);
      libsDir = join(kafkaHome, 'libs');
      await requireJars(libsDir);
      java = await found;
      await mkdir(configFolder, { recursive: true });
      await writeConfig(propertiesPath, () =>
        renderServerProperties({ launch, logDirs: place.dataDirectories }),
      );
      await writeConfig(log4j2Path, () => renderLog4j2({ loggers: launch.log4j }));
    },
    async format({ mode, initialVoters }, signal) {
      const { clusterId } = launch;
      const argv = formatCommand({
        java,
        libsDir,
        log4j2Path,
        propertiesPath,
        clusterId,
        mode,
        initialVoters,
      });
      const running = startProcess(processOptions(argv, 'kafka-format.log'));
      // An interrupted format is done over by the next launch, so there is nothing to wait for.
      void untilStopped(signal).then(running.kill);
      const exit = await running.exited;
      if (signal.aborted || exit.code === 0) return;
      throw new BrokerFailure(
        'format-failed',
        `StorageTool ${describeExit(exit)}: ${running.lastLines().slice(-5).join('\n').slice(-1_000)}`,
        { remedy: 'Nothing has run on this disk yet; the next launch formats it again.' },
      );
    },
    async start(onLine) {
      const { heapMiB, jvmOptions } = launch;
      const argv = serverCommand({ java, libsDir, log4j2Path, propertiesPath, heapMiB, jvmOptions });
      return startProcess({ ...processOptions(argv, 'kafka-server.log'), onLine });
    },
  };
}

async function requireJars(libsDir: string): Promise<void> {
  const names = await readdir(libsDir).catch(() => []);
  if (names.some((name) => name.endsWith('.jar'))) return;
  throw new BrokerFailure('fetch-failed', 'the Kafka archive has no jars in libs/ below its top folder', {
    remedy:
      "Use Apache's binary archive (kafka_2.13-….tgz, not the sources), or one made by `kafka-mesos dist`.",
  });
}

async function writeConfig(path: string, render: () => string): Promise<void> {
  let text: string;
  try {
    text = render();
  } catch (error) {
    throw new BrokerFailure('invalid-launch', errorText(error), { cause: error });
  }
  // Configuration may hold secrets.
  await writeFile(path, text, { mode: 0o600 });
}

/** What any program needs, and the two names by which an agent finds what belongs to a container. */
const passedOn = [
  'PATH',
  'HOME',
  'USER',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'JAVA_HOME',
  'MESOS_SANDBOX',
  'MESOS_DIRECTORY',
];

/** The broker sees these and what the spec gives it, but not the token of the executor. */
function environmentOf(
  launch: BrokerLaunch,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of passedOn) {
    const value = env[name];
    if (value !== undefined) passed[name] = value;
  }
  return { ...passed, ...launch.environment };
}
