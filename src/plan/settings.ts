/** What a broker process is started with, and how that differs from what is wanted now. */
import type { Desired, DesiredBroker } from '../model/desired.ts';
import type { BrokerSettings } from '../model/records.ts';

export function settingsOf(desired: Desired, broker: DesiredBroker, kafkaSha512: string): BrokerSettings {
  return {
    kafkaVersion: desired.kafka.version,
    kafkaSha512,
    ...(broker.jre === undefined ? {} : { jreSha512: broker.jre.sha512 }),
    roles: broker.roles,
    cpus: broker.cpus,
    memoryMiB: broker.memoryMiB,
    heapMiB: broker.heapMiB,
    ...(broker.user === undefined ? {} : { user: broker.user }),
    listeners: broker.listeners.map(({ port: _bound, ...listener }) => listener),
    jvmOptions: broker.jvmOptions,
    environment: broker.environment,
    config: broker.config,
    log4j: broker.log4j,
  };
}

/** One phrase per difference, such as `config num.io.threads: 8 → 4`; empty when nothing differs. */
export function diffSettings(from: BrokerSettings, to: BrokerSettings): readonly string[] {
  return [
    ...diffValue('Kafka', from.kafkaVersion, to.kafkaVersion),
    ...(from.kafkaVersion === to.kafkaVersion && from.kafkaSha512 !== to.kafkaSha512
      ? [`Kafka distribution: ${short(from.kafkaSha512)} → ${short(to.kafkaSha512)}`]
      : []),
    ...(from.jreSha512 === to.jreSha512 ? [] : [`JRE: ${short(from.jreSha512)} → ${short(to.jreSha512)}`]),
    ...diffValue('roles', from.roles.join('+'), to.roles.join('+')),
    ...diffValue('cpus', from.cpus, to.cpus),
    ...diffValue('memory', `${from.memoryMiB} MiB`, `${to.memoryMiB} MiB`),
    ...diffValue('heap', `${from.heapMiB} MiB`, `${to.heapMiB} MiB`),
    ...diffValue('user', from.user ?? 'default', to.user ?? 'default'),
    ...diffListeners(from, to),
    ...diffValue('JVM options', from.jvmOptions.join(' ') || 'none', to.jvmOptions.join(' ') || 'none'),
    ...diffMap('environment', from.environment, to.environment, false),
    ...diffMap('config', from.config, to.config, true),
    ...diffMap('log level', from.log4j, to.log4j, true),
  ];
}

function diffValue(name: string, from: string | number, to: string | number): readonly string[] {
  return from === to ? [] : [`${name}: ${from} → ${to}`];
}

function diffListeners(from: BrokerSettings, to: BrokerSettings): readonly string[] {
  const line = (settings: BrokerSettings): string =>
    settings.listeners
      .map((l) =>
        [l.name, l.protocol, l.advertisedHost ?? '', l.advertisedPort ?? '', l.bindHost ?? ''].join('/'),
      )
      .join(',');
  return line(from) === line(to) ? [] : ['listeners'];
}

/** Values of the environment are not shown: people keep secrets there. */
function diffMap(
  name: string,
  from: Readonly<Record<string, string>>,
  to: Readonly<Record<string, string>>,
  showValues: boolean,
): readonly string[] {
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return keys
    .filter((key) => from[key] !== to[key])
    .map((key) =>
      showValues ? `${name} ${key}: ${from[key] ?? 'default'} → ${to[key] ?? 'default'}` : `${name} ${key}`,
    );
}

const short = (digest: string | undefined): string => digest?.slice(0, 12) ?? 'of the agent';
