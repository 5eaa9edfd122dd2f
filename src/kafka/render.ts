import { formatAddress } from '../model/address.ts';
import { InvariantError, SpecError } from '../model/errors.ts';
import type { BrokerLaunch, LaunchListener } from '../model/launch.ts';
import { ownedConfig } from '../model/owned-config.ts';
import { renderProperties } from './properties.ts';

export type ServerPropertiesInput = {
  readonly launch: Pick<
    BrokerLaunch,
    | 'nodeId'
    | 'roles'
    | 'listeners'
    | 'controllerListener'
    | 'bootstrapControllers'
    | 'rack'
    | 'config'
    | 'heapMiB'
  >;
  /** Absolute; one per volume, in their order. The first holds the metadata log. */
  readonly logDirs: readonly string[];
};

/**
 * Renders server.properties of one node: what follows from its place first, then the declared settings by
 * key. The same input always gives the same text.
 *
 * The quorum is dynamic (KIP-853): only `controller.quorum.bootstrap.servers` is written, never
 * `controller.quorum.voters`; who votes is in the format of the disks and changes by Kafka's own records.
 *
 * Errors: `SpecError` for a setting that is ours, or a value that Kafka could not read.
 */
export function renderServerProperties(input: ServerPropertiesInput): string {
  const { launch, logDirs } = input;
  const problems = checkConfig(launch.config);
  if (problems.length > 0) {
    throw new SpecError('KM_SPEC_OWNED_CONFIG', problems.map((problem) => problem.message).join('; '), {
      remedy: problems.map((problem) => problem.remedy).join(' '),
    });
  }
  checkLogDirs(logDirs);
  const isController = launch.roles.includes('controller');
  if (isController !== (launch.controllerListener !== undefined)) {
    throw new InvariantError('KM_BUG_LAUNCH', 'a controller listener goes with the controller role only');
  }
  const clients = launch.roles.includes('broker') ? launch.listeners : [];
  const controller = launch.controllerListener;
  const all = controller === undefined ? clients : [...clients, controller];
  const controllerName = controller?.name ?? controllerListenerName;
  const protocols = new Map(all.map((listener) => [listener.name, listener.protocol]));
  // Brokers that are no controllers still need to know how to speak to them.
  if (!protocols.has(controllerName)) protocols.set(controllerName, 'PLAINTEXT');

  const placed: [string, string][] = [
    ['process.roles', launch.roles.toSorted().join(',')],
    ['node.id', String(launch.nodeId)],
    ['controller.quorum.bootstrap.servers', launch.bootstrapControllers.join(',')],
    ['controller.listener.names', controllerName],
    ['listeners', all.map((listener) => endpoint(listener, listener.bindHost, listener.port)).join(',')],
    [
      'advertised.listeners',
      all.map((listener) => endpoint(listener, listener.advertisedHost, listener.advertisedPort)).join(','),
    ],
    ['listener.security.protocol.map', [...protocols].map(([name, how]) => `${name}:${how}`).join(',')],
  ];
  const [interBroker] = clients;
  if (interBroker !== undefined) placed.push(['inter.broker.listener.name', interBroker.name]);
  placed.push(['log.dirs', logDirs.join(',')], ['metadata.log.dir', logDirs[0] ?? '']);
  if (launch.rack !== undefined) placed.push(['broker.rack', launch.rack]);

  const declared = Object.entries({ ...defaultsFor(launch.heapMiB), ...launch.config });
  declared.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
  return `# Made by kafka-mesos at every start; changes here are lost.\n${renderProperties([...placed, ...declared])}`;
}

/** Used by brokers that are no controllers and so have no listener that would name it. */
const controllerListenerName = 'CONTROLLER';

export type ConfigProblem = { readonly key: string; readonly message: string; readonly remedy: string };

/** Every setting that may not be declared, each with what to do instead; the spec checks call this too. */
export function checkConfig(config: Readonly<Record<string, string>>): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const key of Object.keys(config).sort()) {
    const field = Object.hasOwn(ownedConfig, key) ? ownedConfig[key] : undefined;
    if (field !== undefined) {
      const message = `config "${key}" is set by kafka-mesos itself`;
      problems.push({ key, message, remedy: `Remove it and use ${field}.` });
    } else if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(key)) {
      const message = `config ${JSON.stringify(key)} is not a name that Kafka could know`;
      problems.push({ key, message, remedy: 'Use letters, digits, dots, dashes and underscores.' });
    }
  }
  return problems;
}

/**
 * The log cleaner takes its whole buffer (128 MiB) from the heap when the broker starts: with 128 MiB of
 * heap Kafka 4.3.1 dies with OutOfMemoryError, with 256 MiB half the heap is gone. An eighth of a small
 * heap, and at least 1 MiB per cleaner thread, is what the cleaner works with instead.
 */
function defaultsFor(heapMiB: number): Record<string, string> {
  if (heapMiB >= 1024) return {};
  return { 'log.cleaner.dedupe.buffer.size': String(Math.max(4, Math.floor(heapMiB / 8)) * 1024 * 1024) };
}

function checkLogDirs(logDirs: readonly string[]): void {
  if (logDirs.length === 0) throw new InvariantError('KM_BUG_LAUNCH', 'a broker without a log directory');
  for (const path of logDirs) {
    if (path.startsWith('/') && !path.includes(',') && path.trim() === path) continue;
    throw new SpecError('KM_SPEC_LOG_DIR', `${JSON.stringify(path)} cannot be a log directory of Kafka`, {
      remedy: 'It has to be an absolute path without commas; Kafka separates directories by commas.',
    });
  }
}

function endpoint(listener: LaunchListener, host: string, port: number): string {
  if (!/^[A-Za-z0-9_]+$/.test(listener.name) || !/^[A-Za-z0-9_.:-]+$/.test(host)) {
    throw new SpecError('KM_SPEC_LISTENER', `listener ${listener.name} at ${host}:${port} is malformed`, {
      remedy: 'Names have letters, digits and underscores; hosts are names or addresses.',
    });
  }
  return `${listener.name}://${formatAddress(host, port)}`;
}

const levels: ReadonlySet<string> = new Set([
  'OFF',
  'FATAL',
  'ERROR',
  'WARN',
  'INFO',
  'DEBUG',
  'TRACE',
  'ALL',
]);

/**
 * What the executor reads in the log (recovery, registration, failing directories) has to be in it: a
 * broker that is taken for merely starting while it recovers could be stopped. Old and new class names.
 */
const watchedLoggers = [
  'kafka.log.LogManager',
  'kafka.server.BrokerLifecycleManager',
  'kafka.server.KafkaRaftServer',
  'org.apache.kafka.server.BrokerLifecycleManager',
  'org.apache.kafka.storage.internals.log.LogDirFailureChannel',
  'org.apache.kafka.storage.internals.log.LogLoader',
  'org.apache.kafka.storage.internals.log.LogManager',
];

const quieterThanInfo: ReadonlySet<string> = new Set(['OFF', 'FATAL', 'ERROR', 'WARN']);

/** The declared loggers, with INFO for each watched one that they would make quieter. */
function withWatched(loggers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const levelOf = (name: string): string => {
    const parent = name.slice(0, Math.max(0, name.lastIndexOf('.')));
    return (loggers[name] ?? (parent === '' ? (loggers.root ?? 'INFO') : levelOf(parent))).toUpperCase();
  };
  const silenced = watchedLoggers.filter((name) => quieterThanInfo.has(levelOf(name)));
  return { ...loggers, ...Object.fromEntries(silenced.map((name) => [name, 'INFO'])) };
}

/**
 * Renders log4j2.properties: everything to stdout, which is the task's sandbox file, at INFO unless said
 * otherwise. `loggers` is logger name to level; `root` is the root logger. What the executor reads is never
 * quieter than INFO. Properties are used because
 * log4j2 reads them without Jackson or SnakeYAML on the class path.
 *
 * Errors: `SpecError` for a level or a name that log4j2 would not take.
 */
export function renderLog4j2(input: { readonly loggers: Readonly<Record<string, string>> }): string {
  const loggers = withWatched(input.loggers);
  const entries: [string, string][] = [
    ['status', 'warn'],
    ['appender.stdout.type', 'Console'],
    ['appender.stdout.name', 'STDOUT'],
    ['appender.stdout.layout.type', 'PatternLayout'],
    ['appender.stdout.layout.pattern', '[%d] %p %m (%c)%n'],
    ['rootLogger.level', 'INFO'],
    ['rootLogger.appenderRef.stdout.ref', 'STDOUT'],
  ];
  const names = Object.keys(loggers).sort();
  for (const [index, name] of names.entries()) {
    const level = (loggers[name] ?? '').toUpperCase();
    if (!levels.has(level) || !/^[A-Za-z0-9_$.-]+$/.test(name)) {
      throw new SpecError('KM_SPEC_LOG4J', `log4j "${name}: ${loggers[name]}" is not a logger and a level`, {
        remedy: `Levels are ${[...levels].join(', ')}; a logger is named like a Java package or class.`,
      });
    }
    if (name === 'root') {
      entries.push(['rootLogger.level', level]);
    } else {
      entries.push([`logger.${index}.name`, name], [`logger.${index}.level`, level]);
    }
  }
  // A later `root` takes the place of the default; one key is never written twice.
  return renderProperties(new Map(entries));
}
