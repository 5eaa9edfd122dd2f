import { type DesiredBroker, type DesiredListener, jvmOverheadMiB } from '../model/desired.ts';
import { listOf } from './check-fields.ts';
import type { Checked } from './checks.ts';
import { defaults } from './defaults.ts';
import type { KafkaCluster, Pool, Storage } from './document.ts';
import { type BrokerFields, layersOf, mergeLayers } from './layers.ts';
import { pickFields } from './partial.ts';
import { formatPath, type Path } from './path.ts';
import type { Finding } from './problems.ts';
import { idsOf, resolveBroker, volumesOf } from './resolve.ts';
import { formatSizeMiB, parseDurationMs } from './units.ts';

/**
 * What shows only when defaults, pool and override lie over each other. A pool's brokers are alike but for
 * their overrides, so one of each kind is looked at.
 */
export function checkBrokers(checked: Checked): readonly Finding[] {
  if (!checked.hasShape('spec', 'pools')) return [];
  const bare = pickFields(checked, ['memory', 'heap', 'roles', 'listeners', 'controllerListener']);
  const whole = pickFields(checked, ['storage', 'rack', 'failover']);
  const findings = listOf<Pool>(checked.document.spec?.pools).flatMap((_, index) =>
    checked.hasShape('spec', 'pools', index) ? checkPool(checked, bare, whole, index) : [],
  );
  // What a general layer says wrongly is wrong for each pool and override under it: once is enough.
  const places = findings.map(({ path, code }) => `${code} ${formatPath(path)}`);
  return findings.filter((_, index) => places.indexOf(places[index] ?? '') === index);
}

function checkPool(
  checked: Checked,
  bare: KafkaCluster,
  whole: KafkaCluster,
  index: number,
): readonly Finding[] {
  const { document, isSound } = checked;
  const pool = bare.spec.pools[index];
  const wholePool = whole.spec.pools[index];
  if (pool === undefined || wholePool === undefined) return [];
  const overridden = Object.keys(pool.overrides ?? {}).map(Number);
  // Which ids they are may not be known; that there are some without an override is likely then.
  const plain = isSound('spec', 'pools', index, 'ids')
    ? idsOf(pool).find((id) => !overridden.includes(id))
    : noId;
  const kinds = [...(plain === undefined ? [] : [plain]), ...overridden];
  return kinds.flatMap((id) => {
    const override = document.spec.pools[index]?.overrides?.[String(id)];
    const paths: Path[] = [
      ['spec', 'defaults'],
      ['spec', 'pools', index],
    ];
    if (id !== noId && override !== undefined) paths.push(['spec', 'pools', index, 'overrides', String(id)]);
    const said = layersOf(document.spec.defaults, document.spec.pools[index] ?? pool, override);
    const at: Blame = (...steps) => blame(said, paths, steps);
    const isSure: Sure = (...steps) => paths.every((path) => isSound(...path, ...steps));
    const fields = mergeLayers(layersOf(whole.spec.defaults, wholePool, wholePool.overrides?.[String(id)]));
    const findings = [
      ...checkStorage(fields, at, isSure),
      ...(isSure('rack') ? checkRack(fields, at) : []),
      ...(isSure('failover') ? checkFailover(fields, at) : []),
    ];
    const broker = resolveBroker(bare, pool, id, 1);
    if (isSure('memory') && isSure('heap')) findings.push(...checkMemory(broker, at));
    const hasKnownPorts =
      (['roles', 'listeners', 'controllerListener'] as const).every((field) => isSure(field)) &&
      isSound('spec', 'listeners') &&
      isSound('spec', 'controllerListener');
    if (hasKnownPorts) findings.push(...checkPorts(broker, document.spec.listeners !== undefined, at));
    return findings;
  });
}

/** Stands for the id of a broker that has no override. */
const noId = -1;

/** Nothing about this field is wrong in any layer, and no unknown key stands for it. */
type Sure = (...steps: Path) => boolean;

/** Where the field was said last; the pool where it was not said at all. */
type Blame = (...steps: Path) => Path;

function blame(layers: readonly BrokerFields[], paths: readonly Path[], steps: Path): Path {
  for (let layer = paths.length - 1; layer >= 0; layer -= 1) {
    let value: unknown = layers[layer];
    for (const step of steps) {
      value = typeof value === 'object' && value !== null ? Object(value)[step] : undefined;
    }
    if (value !== undefined) return [...(paths[layer] ?? []), ...steps];
  }
  return paths[1] ?? [];
}

function checkStorage(fields: BrokerFields, at: Blame, isSure: Sure): readonly Finding[] {
  const code = 'KM_SPEC_STORAGE';
  const path = at('storage');
  // Another kind replaces all that is said of storage below it, and so do other volumes.
  if (!isSure('storage', 'kind') || !isSure('storage', 'volumes')) return [];
  const isSizeSaid = fields.storage?.size !== undefined || fields.storage?.volumes !== undefined;
  if (!isSizeSaid && isSure('storage', 'size')) {
    const message = 'nothing says how much disk these brokers have';
    const remedy = 'Add `storage: { size: 10GiB }` here, or under `spec.defaults` for all pools.';
    return [{ code: 'KM_SPEC_MISSING', path, on: 'key', message, remedy }];
  }
  // A size that is misspelt is as good as any other for what is judged here.
  const storage: Storage = isSizeSaid ? (fields.storage ?? {}) : { ...fields.storage, size: '1GiB' };
  if (storage.volumes !== undefined) {
    // A size would take the place of the volumes of a more general layer.
    if (!isSure('storage', 'size')) return [];
    const both = (['size', 'disk', 'path'] as const).find((key) => storage[key] !== undefined);
    if (both !== undefined) {
      const message = `\`${both}\` is short for one volume, and there are \`volumes\``;
      return [{ code, path: at('storage', both), on: 'key', message, remedy: 'Say it in each volume.' }];
    }
  }
  const kind = storage.kind ?? 'persistent';
  const findings: Finding[] = [];
  const names = new Set<string>();
  for (const [index, volume] of volumesOf(storage).entries()) {
    const said = storage.volumes?.[index] ?? storage;
    const place = storage.volumes === undefined ? path : at('storage', 'volumes', index);
    const field = (key: string) => (storage.volumes === undefined ? at('storage', key) : [...place, key]);
    if (names.has(volume.name)) {
      findings.push({ code, path: field('name'), message: `two volumes are named ${volume.name}` });
    }
    names.add(volume.name);
    if (kind === 'hostPath' && isSure('storage', 'path') && volume.hostPath === undefined) {
      const message = 'storage of kind hostPath needs the path on the agent';
      findings.push({ code, path: place, on: 'key', message, remedy: 'Add `path: /var/lib/kafka-$id`.' });
    }
    if (kind !== 'hostPath' && volume.hostPath !== undefined) {
      const message = `storage of kind ${kind} has no path on the agent`;
      const remedy = 'Remove it, or say `kind: hostPath`.';
      findings.push({ code, path: field('path'), on: 'key', message, remedy });
    }
    if (volume.hostPath?.split('/').includes('..')) {
      findings.push({ code, path: field('path'), message: 'a path on the agent cannot go up by `..`' });
    }
    if (kind !== 'persistent' && said.disk !== undefined) {
      const message = `storage of kind ${kind} is not made on a Mesos disk of its own`;
      findings.push({ code, path: field('disk'), on: 'key', message, remedy: 'Remove it.' });
    }
  }
  return findings;
}

function checkRack({ rack }: BrokerFields, at: Blame): readonly Finding[] {
  if (rack === undefined || (rack.attribute === undefined) !== (rack.faultDomain === undefined)) return [];
  return [
    {
      code: 'KM_SPEC_RACK',
      path: at('rack'),
      on: 'key',
      message: `a rack comes from an attribute or a fault domain, ${rack.attribute === undefined ? 'and neither is named' : 'not both'}`,
      allowed: '{ attribute: rack }, { faultDomain: zone }',
    },
  ];
}

function checkFailover({ failover }: BrokerFields, at: Blame): readonly Finding[] {
  const { delay = defaults.failoverDelay, maxDelay = defaults.failoverMaxDelay } = failover ?? {};
  if ((parseDurationMs(delay) ?? 0) <= (parseDurationMs(maxDelay) ?? 0)) return [];
  const message = `the first wait of ${delay} is longer than the longest, ${maxDelay}`;
  const path = at('failover', failover?.delay === undefined ? 'maxDelay' : 'delay');
  return [{ code: 'KM_SPEC_FAILOVER', path, message }];
}

function checkMemory(broker: DesiredBroker, at: Blame): readonly Finding[] {
  const { heapMiB, memoryMiB } = broker;
  if (heapMiB + jvmOverheadMiB <= memoryMiB) return [];
  const path = at('heap').at(-1) === 'heap' ? at('heap') : at('memory');
  const memory = formatSizeMiB(memoryMiB);
  return [
    {
      code: 'KM_SPEC_MEMORY',
      path,
      message: `a heap of ${formatSizeMiB(heapMiB)} and ${jvmOverheadMiB}MiB beside it do not fit into ${memory} of memory`,
      remedy: `The JVM needs room beside its heap. Raise \`memory\` to at least ${formatSizeMiB(heapMiB + jvmOverheadMiB)}, or lower \`heap\`.`,
    },
  ];
}

function checkPorts(broker: DesiredBroker, listenersSaid: boolean, at: Blame): readonly Finding[] {
  const findings: Finding[] = [];
  const taken = new Map<number, DesiredListener>();
  const { controllerListener } = broker;
  for (const listener of [
    ...broker.listeners,
    ...(controllerListener === undefined ? [] : [controllerListener]),
  ]) {
    const { port } = listener;
    if (port.kind !== 'fixed') continue;
    const other = taken.get(port.port);
    taken.set(port.port, listener);
    if (other === undefined) continue;
    const isController = listener === controllerListener;
    const said = isController ? at('controllerListener', 'port') : at('listeners', listener.name, 'port');
    // What no layer says comes from the cluster's own list of listeners.
    const index = broker.listeners.indexOf(listener);
    const general =
      isController || !listenersSaid
        ? ['spec', 'controllerListener', 'port']
        : ['spec', 'listeners', index, 'port'];
    findings.push({
      code: 'KM_SPEC_PORT_CLASH',
      path: said.at(-1) === 'port' ? said : general,
      message: `the listeners ${other.name} and ${listener.name} of ${broker.id === noId ? 'each broker' : `broker ${broker.id}`} both want port ${port.port}`,
      remedy: 'Give each a port of its own.',
    });
  }
  return findings;
}
