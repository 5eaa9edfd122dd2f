import { join } from 'node:path';
import { InvariantError } from '../model/errors.ts';
import type { QuorumVoter, StorageMode } from '../model/launch.ts';

/*
 * Command lines of Kafka's own main classes, straight on `libs/*`. bin/*.sh is not used: an archive made
 * from Maven artifacts has none, and a shell between us and the JVM swallows signals.
 *
 * Seen with Kafka 4.3.1 on Java 17, one combined node, 2 cores: formatting 0.8 s; start to the last line
 * of the log, "Kafka Server started", 1.6 s; resident 165 MiB with -Xmx96m, 190 with 128, 290 with 256;
 * SIGTERM ends it in 2 s with exit code 143 when all went well.
 */

type JavaInput = {
  /** `java`, or the absolute path of one. */
  readonly java: string;
  /** The folder that holds the jars. */
  readonly libsDir: string;
  /** Of `renderLog4j2`. */
  readonly log4j2Path: string;
};

export type FormatInput = JavaInput & {
  readonly propertiesPath: string;
  readonly clusterId: string;
  readonly mode: Exclude<StorageMode, 'expect' | 'find'>;
  readonly initialVoters: readonly QuorumVoter[];
};

/**
 * `StorageTool format`. For `form` all first voters are named, with directory ids that become those of
 * their metadata directories; data directories get random ones. For `join` none is.
 *
 * Seen with 4.3.1: `--ignore-formatted` skips directories that are formatted and still refuses those of
 * another cluster id, so a format that died between two directories can be repeated. The tool does not
 * check the cluster id's shape, nor that this node is among the voters: both are ours to check.
 */
export function formatCommand(input: FormatInput): readonly string[] {
  if (!/^[A-Za-z0-9_-]{22}$/.test(input.clusterId)) {
    throw new InvariantError('KM_BUG_CLUSTER_ID', `"${input.clusterId}" is not a cluster id of Kafka`);
  }
  return [
    ...javaCommand(input, ['-Xmx96m', ...smallJvm]),
    'kafka.tools.StorageTool',
    'format',
    '--config',
    input.propertiesPath,
    '--cluster-id',
    input.clusterId,
    '--ignore-formatted',
    ...(input.mode === 'form'
      ? ['--initial-controllers', formatVoters(input.initialVoters)]
      : ['--no-initial-controllers']),
  ];
}

/** `id@host:port:directoryId,…` as `--initial-controllers` reads it. */
function formatVoters(voters: readonly QuorumVoter[]): string {
  if (voters.length === 0) throw new InvariantError('KM_BUG_VOTERS', 'a quorum without voters');
  return voters
    .map(({ nodeId, host, port, directoryId }) => {
      const address = host.includes(':') ? `[${host}]` : host;
      return `${nodeId}@${address}:${port}:${directoryId}`;
    })
    .join(',');
}

export type ServerInput = JavaInput & {
  readonly propertiesPath: string;
  readonly heapMiB: number;
  /** Appended, so that they win. */
  readonly jvmOptions: readonly string[];
};

export function serverCommand(input: ServerInput): readonly string[] {
  const collector = input.heapMiB < 1024 ? ['-XX:+UseSerialGC'] : g1;
  // Two collectors at once are an error to the JVM, so ours gives way to one that was asked for.
  const choosesCollector = input.jvmOptions.some((option) => /^-XX:\+Use\w+GC$/.test(option));
  return [
    ...javaCommand(input, [
      `-Xms${input.heapMiB}m`,
      `-Xmx${input.heapMiB}m`,
      '-server',
      '-Djava.awt.headless=true',
      // A broker that ran out of memory half works; ended, it is started again.
      '-XX:+ExitOnOutOfMemoryError',
      ...(choosesCollector ? [] : collector),
      ...input.jvmOptions,
    ]),
    'kafka.Kafka',
    input.propertiesPath,
  ];
}

/** As in Kafka's kafka-run-class.sh. */
const g1 = [
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
];

/** For tools that live a second. */
const smallJvm = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

export type ConsoleInput = JavaInput & {
  readonly bootstrap: readonly string[];
  readonly topic: string;
};

/** Reads lines from stdin; every record is acknowledged by all in-sync replicas. */
export function consoleProducerCommand(input: ConsoleInput): readonly string[] {
  return [
    ...javaCommand(input, ['-Xmx64m', ...smallJvm]),
    'org.apache.kafka.tools.ConsoleProducer',
    '--bootstrap-server',
    input.bootstrap.join(','),
    '--topic',
    input.topic,
    '--command-property',
    'acks=all',
  ];
}

/** Prints values from the beginning; ends after `maxMessages`, or when none came for `timeoutMs`. */
export function consoleConsumerCommand(
  input: ConsoleInput & { readonly maxMessages: number; readonly timeoutMs: number },
): readonly string[] {
  return [
    ...javaCommand(input, ['-Xmx64m', ...smallJvm]),
    'org.apache.kafka.tools.consumer.ConsoleConsumer',
    '--bootstrap-server',
    input.bootstrap.join(','),
    '--topic',
    input.topic,
    '--from-beginning',
    '--max-messages',
    String(input.maxMessages),
    '--timeout-ms',
    String(input.timeoutMs),
  ];
}

function javaCommand(input: JavaInput, options: readonly string[]): readonly string[] {
  return [
    input.java,
    ...options,
    `-Dlog4j2.configurationFile=${input.log4j2Path}`,
    '-cp',
    join(input.libsDir, '*'),
  ];
}
