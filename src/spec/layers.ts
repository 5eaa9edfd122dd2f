import type { Defaults, ListenerChange, Override, Pool, Storage } from './document.ts';

/** What may be said of a broker in `defaults`, in its pool and in its override. */
export type BrokerFields = Omit<Defaults, 'container' | 'files' | 'discovery' | 'metrics'>;

/** From the most general to the most special: the override lies over the pool, the pool over the defaults. */
export function layersOf(
  defaults: Defaults | undefined,
  pool: Pool,
  override: Override | undefined,
): readonly BrokerFields[] {
  return [defaults ?? {}, pool, override ?? {}];
}

/**
 * Lays special over general. Maps and settings with parts merge per key. Lists replace, and so do `rack`
 * and `jre`: half of one and half of another would be neither.
 */
export function mergeLayers(layers: readonly BrokerFields[]): BrokerFields {
  return layers.reduce(merge, {});
}

function merge(under: BrokerFields, over: BrokerFields): BrokerFields {
  return {
    ...under,
    ...over,
    ...mergedKey('config', under, over),
    ...mergedKey('environment', under, over),
    ...mergedKey('logLevels', under, over),
    ...mergedKey('controllerListener', under, over),
    ...mergedKey('stickiness', under, over),
    ...mergedKey('failover', under, over),
    ...mergeStorage(under.storage, over.storage),
    ...mergeListeners(under.listeners, over.listeners),
  };
}

function mergedKey<K extends keyof BrokerFields>(key: K, under: BrokerFields, over: BrokerFields) {
  if (under[key] === undefined || over[key] === undefined) return {};
  return { [key]: { ...Object(under[key]), ...Object(over[key]) } };
}

/**
 * Another kind of storage replaces: disks and paths belong to their kind. Of the same kind, one volume and
 * several are alternatives: the special layer's choice takes the other's place.
 */
function mergeStorage(under: Storage | undefined, over: Storage | undefined): { storage?: Storage } {
  if (under === undefined || over === undefined) return {};
  const kind = under.kind ?? 'persistent';
  if ((over.kind ?? kind) !== kind) return { storage: over };
  if (over.volumes !== undefined) return { storage: { kind, ...over } };
  const { volumes, ...withoutVolumes } = under;
  return { storage: { ...(over.size === undefined ? under : withoutVolumes), ...over } };
}

function mergeListeners(
  under: Readonly<Record<string, ListenerChange>> | undefined,
  over: Readonly<Record<string, ListenerChange>> | undefined,
): { listeners?: Readonly<Record<string, ListenerChange>> } {
  if (under === undefined || over === undefined) return {};
  const names = [...new Set([...Object.keys(under), ...Object.keys(over)])];
  return { listeners: Object.fromEntries(names.map((name) => [name, { ...under[name], ...over[name] }])) };
}
