import type {
  Desired,
  DesiredBroker,
  DesiredListener,
  DesiredTopic,
  DesiredVolume,
  RackSource,
  Storage as ResolvedStorage,
} from '../model/desired.ts';
import { InvariantError } from '../model/errors.ts';
import { parseConstraints } from './constraint-text.ts';
import { defaultReplicationFactor, defaults, internalTopicConfig } from './defaults.ts';
import type {
  ControllerListener,
  KafkaCluster,
  Listener,
  ListenerChange,
  Override,
  Pool,
  Rack,
  Spec,
  Storage,
  Topic,
} from './document.ts';
import { type BrokerFields, layersOf, mergeLayers } from './layers.ts';
import { compareText } from './problems.ts';
import { parseDurationMs, parseIdRanges, parsePort, parseRate, parseSizeMiB } from './units.ts';

/** Every broker by itself, units as numbers. The document has passed all checks. */
export function resolveCluster(document: KafkaCluster): Desired {
  const { metadata, spec } = document;
  const brokerCount = countBrokers(document);
  return {
    name: metadata.name,
    labels: textsOf(metadata.labels),
    kafka: {
      version: spec.kafka?.version ?? defaults.kafkaVersion,
      ...(spec.kafka?.distribution === undefined
        ? {}
        : { distribution: lowerDigest(spec.kafka.distribution) }),
    },
    brokers: spec.pools
      .flatMap((pool) => resolvePool(document, pool, brokerCount))
      .sort((a, b) => a.id - b.id),
    topics: (spec.topics ?? [])
      .map((topic) => resolveTopic(topic, brokerCount))
      .sort((a, b) => compareText(a.name, b.name)),
    ...(spec.deletion === undefined ? {} : { deletion: spec.deletion.policy }),
    rollout: {
      allowSingleReplicaOutage: spec.rollout?.allowSingleReplicaOutage ?? false,
      paused: spec.rollout?.paused ?? false,
    },
    reassignment: {
      throttleBytesPerSecond: checked(parseRate(spec.reassignment?.throttle ?? defaults.throttle)),
    },
  };
}

/** Ids of a pool, ascending. The caller knows that there are not too many. */
export function idsOf(pool: Pool): readonly number[] {
  const ids = (parseIdRanges(pool.ids) ?? []).flatMap(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
  return [...new Set(ids)].sort((a, b) => a - b);
}

/** Roles of the pool's nodes. */
export function rolesOf(document: KafkaCluster, pool: Pool): readonly ('broker' | 'controller')[] {
  return pool.roles ?? document.spec.defaults?.roles ?? defaults.roles;
}

export function countBrokers(document: KafkaCluster): number {
  return document.spec.pools
    .filter((pool) => rolesOf(document, pool).includes('broker'))
    .reduce((count, pool) => count + idsOf(pool).length, 0);
}

/** The nodes of a pool. Those without an override share what does not speak of their id. */
export function resolvePool(
  document: KafkaCluster,
  pool: Pool,
  brokerCount: number,
): readonly DesiredBroker[] {
  const plain = kindOf(document, pool, undefined, brokerCount);
  return idsOf(pool).map((id) => {
    const override = pool.overrides?.[String(id)];
    return resolveNode(override === undefined ? plain : kindOf(document, pool, override, brokerCount), id);
  });
}

/** `brokerCount` is that of the cluster; Kafka's internal topics are replicated by it. */
export function resolveBroker(
  document: KafkaCluster,
  pool: Pool,
  id: number,
  brokerCount: number,
): DesiredBroker {
  return resolveNode(kindOf(document, pool, pool.overrides?.[String(id)], brokerCount), id);
}

/** What brokers of one pool with the same override have in common. */
type Kind = {
  readonly spec: Spec;
  readonly pool: string;
  readonly roles: readonly ('broker' | 'controller')[];
  readonly fields: BrokerFields;
  readonly config: Readonly<Record<string, string>>;
  readonly derivedConfig: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
};

function kindOf(
  document: KafkaCluster,
  pool: Pool,
  override: Override | undefined,
  brokerCount: number,
): Kind {
  const { spec } = document;
  const fields = mergeLayers(layersOf(spec.defaults, pool, override));
  return {
    spec,
    pool: pool.name,
    roles: rolesOf(document, pool).toSorted(compareText),
    fields,
    config: textsOf({ ...spec.config, ...fields.config }),
    derivedConfig: textsOf(internalTopicConfig(brokerCount)),
    environment: textsOf(fields.environment),
  };
}

function resolveNode(
  { spec, pool, roles, fields, config, derivedConfig, environment }: Kind,
  id: number,
): DesiredBroker {
  const memoryMiB = checked(parseSizeMiB(fields.memory ?? defaults.memory));
  const maxTries = fields.failover?.maxTries;
  return {
    id,
    pool,
    roles,
    state: fields.state ?? 'running',
    cpus: fields.cpus ?? defaults.cpus,
    memoryMiB,
    heapMiB:
      fields.heap === undefined
        ? Math.min(Math.floor(memoryMiB / 2), defaults.heapLimitMiB)
        : checked(parseSizeMiB(fields.heap)),
    storage: resolveStorage(checked(fields.storage), id),
    ...(fields.user === undefined ? {} : { user: fields.user }),
    listeners: roles.includes('broker') ? resolveListeners(spec.listeners, fields.listeners, id) : [],
    ...(roles.includes('controller')
      ? {
          controllerListener: resolveController(
            { ...spec.controllerListener, ...fields.controllerListener },
            id,
          ),
        }
      : {}),
    constraints: parseConstraints(fields.constraints ?? []),
    ...(fields.rack === undefined ? {} : { rack: resolveRack(fields.rack) }),
    stickinessPeriodMs: checked(parseDurationMs(fields.stickiness?.period ?? defaults.stickinessPeriod)),
    failover: {
      delayMs: checked(parseDurationMs(fields.failover?.delay ?? defaults.failoverDelay)),
      maxDelayMs: checked(parseDurationMs(fields.failover?.maxDelay ?? defaults.failoverMaxDelay)),
      ...(maxTries === undefined ? {} : { maxTries }),
    },
    jvmOptions: (fields.jvmOptions ?? []).map((option) => withId(option, id)),
    ...(fields.jre === undefined ? {} : { jre: lowerDigest(fields.jre) }),
    environment: withIds(environment, id),
    config: withIds(config, id),
    derivedConfig,
    log4j: sortKeys(fields.logLevels ?? {}),
    stopGraceMs: checked(parseDurationMs(fields.stopGrace ?? defaults.stopGrace)),
  };
}

/** Volumes of a storage that is known to be whole; `$id` stands in paths as it was written. */
export function volumesOf(storage: Storage): readonly DesiredVolume[] {
  const { size, disk, path } = storage;
  const only =
    size === undefined ? [] : [{ name: defaults.volume, size, ...(disk && { disk }), ...(path && { path }) }];
  return (storage.volumes ?? only).map((volume) => ({
    name: volume.name,
    sizeMiB: checked(parseSizeMiB(volume.size)),
    disk: volume.disk ?? 'root',
    ...(volume.path === undefined ? {} : { hostPath: volume.path }),
  }));
}

function resolveStorage(storage: Storage, id: number): ResolvedStorage {
  return {
    kind: storage.kind ?? 'persistent',
    volumes: volumesOf(storage).map((volume) => ({
      ...volume,
      ...(volume.hostPath === undefined ? {} : { hostPath: withId(volume.hostPath, id) }),
    })),
  };
}

function resolveListeners(
  listeners: readonly Listener[] | undefined,
  changes: BrokerFields['listeners'],
  id: number,
): readonly DesiredListener[] {
  return (listeners ?? [{ name: defaults.listener }]).map((listener) => {
    const change =
      changes !== undefined && Object.hasOwn(changes, listener.name) ? changes[listener.name] : {};
    return resolveListener(listener.name, listener.protocol ?? 'PLAINTEXT', { ...listener, ...change }, id);
  });
}

function resolveController(listener: ControllerListener, id: number): DesiredListener {
  return resolveListener(defaults.controllerListener, 'PLAINTEXT', listener, id);
}

function resolveListener(
  name: string,
  protocol: DesiredListener['protocol'],
  listener: ListenerChange,
  id: number,
): DesiredListener {
  const { advertisedHost, advertisedPort, bindHost } = listener;
  return {
    name,
    protocol,
    port: checked(parsePort(listener.port ?? 'any')),
    ...(advertisedHost === undefined ? {} : { advertisedHost: withId(advertisedHost, id) }),
    ...(advertisedPort === undefined ? {} : { advertisedPort }),
    ...(bindHost === undefined ? {} : { bindHost: withId(bindHost, id) }),
  };
}

function resolveRack(rack: Rack): RackSource {
  return rack.attribute === undefined
    ? { kind: 'faultDomain', level: checked(rack.faultDomain) }
    : { kind: 'attribute', name: rack.attribute };
}

function resolveTopic(topic: Topic, brokerCount: number): DesiredTopic {
  return {
    name: topic.name,
    partitions: topic.partitions ?? defaults.partitions,
    replicationFactor: topic.replicationFactor ?? defaultReplicationFactor(brokerCount),
    config: textsOf(topic.config),
  };
}

function lowerDigest<A extends { readonly uri: string; readonly sha512: string }>(artifact: A): A {
  return { ...artifact, sha512: artifact.sha512.toLowerCase() };
}

/** Values as texts, by key: the order in the file means nothing. */
function textsOf(
  map: Readonly<Record<string, string | number | boolean>> = {},
): Readonly<Record<string, string>> {
  return sortKeys(Object.fromEntries(Object.entries(map).map(([key, value]) => [key, String(value)])));
}

function sortKeys<T>(map: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => compareText(a, b)));
}

function withIds(map: Readonly<Record<string, string>>, id: number): Readonly<Record<string, string>> {
  if (!Object.values(map).some((value) => value.includes('$id'))) return map;
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, withId(value, id)]));
}

/** `$id`, but not the beginning of a longer word such as `$idle`. */
function withId(text: string, id: number): string {
  return text.replace(/\$id(?![A-Za-z0-9_])/g, String(id));
}

function checked<T>(value: T | undefined): T {
  if (value === undefined) throw new InvariantError('KM_BUG_SPEC', 'a spec was resolved that has errors');
  return value;
}
