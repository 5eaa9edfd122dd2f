/** What a broker process is started with, and how that differs from what is wanted now. */
import type { Desired, DesiredBroker } from '../model/desired.ts';
import type { BrokerRecord, BrokerSettings, Placement } from '../model/records.ts';
import type { PublicSettings } from '../model/task-labels.ts';
import { listenersOf } from './fit.ts';

export function settingsOf(desired: Desired, broker: DesiredBroker, kafkaSha512: string): BrokerSettings {
  return {
    kafkaVersion: desired.kafka.version,
    kafkaSha512,
    ...(broker.jre === undefined ? {} : { jreSha512: broker.jre.sha512 }),
    roles: [...broker.roles].sort(),
    cpus: broker.cpus,
    memoryMiB: broker.memoryMiB,
    heapMiB: broker.heapMiB,
    ...(broker.user === undefined ? {} : { user: broker.user }),
    listeners: listenersOf(broker).map(({ port: _bound, ...listener }) => listener),
    jvmOptions: broker.jvmOptions,
    environment: broker.environment,
    config: broker.config,
    log4j: broker.log4j,
  };
}

export function publicSettings(settings: BrokerSettings): PublicSettings {
  const { environment: _environment, jvmOptions: _options, config, ...shared } = settings;
  const keys = Object.keys(config).sort();
  return {
    ...shared,
    config: Object.fromEntries(keys.filter((k) => !holdsSecret(k)).map((k) => [k, config[k] ?? ''])),
    withheldConfig: keys.filter(holdsSecret),
  };
}

/** Of secret keys only that they were set: whoever recovers sets them again from the spec, or removes them. */
export function publicDynamic(
  dynamicConfig: NonNullable<BrokerRecord['dynamicConfig']>,
): NonNullable<BrokerRecord['dynamicConfig']> {
  return Object.fromEntries(
    Object.entries(dynamicConfig).map(([key, set]) => [
      key,
      holdsSecret(key) ? { value: null, applied: false } : set,
    ]),
  );
}

/** One phrase per difference, such as `config num.io.threads: 8 → 4`; empty when nothing differs. */
export function diffSettings(from: BrokerSettings, to: BrokerSettings): readonly string[] {
  // Asked for every broker at every pass, and mostly of equals: words are made where something differs only.
  const differences: string[] = [];
  const note = (name: string, was: string | number, is: string | number, unit = ''): void => {
    if (was !== is) differences.push(`${name}: ${was}${unit} → ${is}${unit}`);
  };
  note('Kafka', from.kafkaVersion, to.kafkaVersion);
  if (from.kafkaVersion === to.kafkaVersion && from.kafkaSha512 !== to.kafkaSha512) {
    differences.push(`Kafka distribution: ${short(from.kafkaSha512)} → ${short(to.kafkaSha512)}`);
  }
  if (from.jreSha512 !== to.jreSha512) {
    differences.push(`JRE: ${short(from.jreSha512)} → ${short(to.jreSha512)}`);
  }
  if (!isSameList(from.roles, to.roles)) {
    note('roles', [...from.roles].sort().join('+'), [...to.roles].sort().join('+'));
  }
  note('cpus', from.cpus, to.cpus);
  note('memory', from.memoryMiB, to.memoryMiB, ' MiB');
  note('heap', from.heapMiB, to.heapMiB, ' MiB');
  note('user', from.user ?? 'default', to.user ?? 'default');
  differences.push(
    ...diffListeners(from, to),
    ...diffOptions(from.jvmOptions, to.jvmOptions),
    // Values of the environment are not shown: people keep secrets there.
    ...diffMap(from.environment, to.environment, (key) => `environment ${key}`),
    ...diffMap(from.config, to.config, describeConfigChange),
    ...diffMap(from.log4j, to.log4j, (key, was, is) => `log level ${key}: ${shown(was)} → ${shown(is)}`),
  );
  return differences;
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one === other || (one.length === other.length && one.every((item, i) => item === other[i]));
}

function diffListeners(from: BrokerSettings, to: BrokerSettings): readonly string[] {
  const isSame =
    from.listeners.length === to.listeners.length &&
    from.listeners.every((was, i) => {
      const is = to.listeners[i];
      return (
        was.name === is?.name &&
        was.protocol === is.protocol &&
        (was.advertisedHost ?? '') === (is.advertisedHost ?? '') &&
        (was.advertisedPort ?? '') === (is.advertisedPort ?? '') &&
        (was.bindHost ?? '') === (is.bindHost ?? '')
      );
    });
  return isSame ? [] : ['listeners'];
}

function diffOptions(from: readonly string[], to: readonly string[]): readonly string[] {
  if (isSameList(from, to)) {
    return [];
  }
  const line = (options: readonly string[]): string => options.map(maskOption).join(' ') || 'none';
  return line(from) === line(to) ? ['JVM options'] : [`JVM options: ${line(from)} → ${line(to)}`];
}

type DescribeKey = (key: string, from: string | undefined, to: string | undefined) => string;

function diffMap(
  from: Readonly<Record<string, string>>,
  to: Readonly<Record<string, string>>,
  describe: DescribeKey,
): readonly string[] {
  return differingKeys(from, to).map((key) => describe(key, from[key], to[key]));
}

/** Keys of either whose values differ, sorted. */
export function differingKeys(
  one: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>,
): readonly string[] {
  if (one === other) {
    return [];
  }
  const keys: string[] = [];
  for (const key of Object.keys(one)) if (one[key] !== other[key]) keys.push(key);
  for (const key of Object.keys(other)) if (!Object.hasOwn(one, key)) keys.push(key);
  return keys.sort();
}

/** `config KEY: from → to`, without the values where Kafka keeps secrets. */
export function describeConfigChange(key: string, from: string | undefined, to: string | undefined): string {
  return holdsSecret(key) ? `config ${key}` : `config ${key}: ${shown(from)} → ${shown(to)}`;
}

/** What the spec says otherwise than the disk and the ports that the broker is bound to; none of it is acted on. */
export function diffPlacement(broker: DesiredBroker, placement: Placement): readonly string[] {
  const { storage } = broker;
  const placed = new Map(placement.volumes.map((v) => [v.name, v]));
  const wanted = new Set(storage.volumes.map((v) => v.name));
  return [
    ...storage.volumes.flatMap((volume) => {
      const was = placed.get(volume.name);
      if (was === undefined) {
        return [`volume ${volume.name} is not among its volumes`];
      }
      if (was.kind !== storage.kind) {
        return [`volume ${volume.name} is ${was.kind}, not ${storage.kind}`];
      }
      if (storage.kind === 'hostPath') {
        return was.path === volume.hostPath
          ? []
          : [`volume ${volume.name} is at ${was.path}, not ${volume.hostPath}`];
      }
      // A mount disk is taken whole, and may be larger than what was asked for; others may grow (growth.ts).
      const fits =
        was.source.kind === 'mount' ? was.sizeMiB >= volume.sizeMiB : was.sizeMiB <= volume.sizeMiB;
      return storage.kind === 'sandbox' || fits
        ? []
        : [`volume ${volume.name} has ${was.sizeMiB} MiB, not ${volume.sizeMiB}`];
    }),
    ...placement.volumes.flatMap((v) => (wanted.has(v.name) ? [] : [`it still has volume ${v.name}`])),
    ...listenersOf(broker).flatMap(({ name, port: choice }) => {
      const bound = placement.ports[name];
      if (bound === undefined || choice.kind === 'any') {
        return [];
      }
      const range = choice.kind === 'fixed' ? { begin: choice.port, end: choice.port } : choice;
      return range.begin <= bound && bound <= range.end ? [] : [`listener ${name} is bound to port ${bound}`];
    }),
  ];
}

/**
 * Keys whose values Kafka itself treats as passwords, or that carry such values (`sasl.jaas.config`,
 * key material in PEM); and whatever people name like one.
 */
function holdsSecret(key: string): boolean {
  return /passw|secret|credential|token|jaas|keystore\.key|certificate\.chain|private|api.?key/i.test(key);
}

/** `-Djavax.net.ssl.keyStorePassword=x` without its value. */
function maskOption(option: string): string {
  const at = option.indexOf('=');
  return at >= 0 && holdsSecret(option.slice(0, at)) ? `${option.slice(0, at)}=…` : option;
}

/** A value may be as long as a file; a reason is one line. */
const shown = (value: string | undefined): string =>
  value === undefined ? 'default' : value.length > 80 ? `${value.slice(0, 79)}…` : value;

const short = (digest: string | undefined): string => digest?.slice(0, 12) ?? 'of the agent';
