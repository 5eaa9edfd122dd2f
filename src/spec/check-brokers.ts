import { type DesiredBroker, type DesiredListener, jvmOverheadMiB } from '../model/desired.ts';
import { listOf } from './check-fields.ts';
import type { Checked } from './checks.ts';
import { defaults } from './defaults.ts';
import type { Pool } from './document.ts';
import { type BrokerFields, layersOf, mergeLayers } from './layers.ts';
import { formatPath, type Path } from './path.ts';
import type { Finding } from './problems.ts';
import { countBrokers, idsOf, resolveBroker, volumesOf } from './resolve.ts';
import { formatSizeMiB, parseDurationMs } from './units.ts';

/**
 * What shows only when defaults, pool and override lie over each other. A pool's brokers are alike but for
 * their overrides, so one of each kind is looked at.
 */
export function checkBrokers(checked: Checked): readonly Finding[] {
  const { document, isSound } = checked;
  const common = ['defaults', 'config', 'listeners', 'controllerListener'];
  if (!common.every((field) => isSound('spec', field))) return [];
  const findings = listOf<Pool>(document.spec?.pools).flatMap((pool, index) =>
    isSound('spec', 'pools', index) ? checkPool(checked, pool, index) : [],
  );
  // What a general layer says wrongly is wrong for each pool and override under it: once is enough.
  const places = findings.map(({ path }) => formatPath(path));
  return findings.filter((_, index) => places.indexOf(places[index] ?? '') === index);
}

function checkPool({ document, isSound }: Checked, pool: Pool, index: number): readonly Finding[] {
  const overridden = Object.keys(pool.overrides ?? {}).map(Number);
  const plain = idsOf(pool).find((id) => !overridden.includes(id));
  const kinds = [...(plain === undefined ? [] : [plain]), ...overridden];
  const brokerCount = isSound('spec', 'pools') ? countBrokers(document) : 1;
  return kinds.flatMap((id) => {
    const override = pool.overrides?.[String(id)];
    const layers = layersOf(document.spec.defaults, pool, override);
    const paths: Path[] = [
      ['spec', 'defaults'],
      ['spec', 'pools', index],
    ];
    if (override !== undefined) paths.push(['spec', 'pools', index, 'overrides', String(id)]);
    const at: Blame = (...steps) => blame(layers, paths, steps);
    const fields = mergeLayers(layers);
    const merged = [...checkStorage(fields, at), ...checkRack(fields, at), ...checkFailover(fields, at)];
    if (merged.length > 0) return merged;
    const broker = resolveBroker(document, pool, id, brokerCount);
    return [...checkMemory(broker, at), ...checkPorts(broker, document.spec.listeners !== undefined, at)];
  });
}

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

function checkStorage(fields: BrokerFields, at: Blame): readonly Finding[] {
  const { storage } = fields;
  const code = 'KM_SPEC_STORAGE';
  const path = at('storage');
  if (storage === undefined || (storage.size === undefined && storage.volumes === undefined)) {
    const message = 'nothing says how much disk these brokers have';
    const remedy = 'Add `storage: { size: 10GiB }` here, or under `spec.defaults` for all pools.';
    return [{ code: 'KM_SPEC_MISSING', path, on: 'key', message, remedy }];
  }
  if (storage.volumes !== undefined) {
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
    if (kind === 'hostPath' && volume.hostPath === undefined) {
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
      message: `the listeners ${other.name} and ${listener.name} of broker ${broker.id} both want port ${port.port}`,
      remedy: 'Give each a port of its own.',
    });
  }
  return findings;
}
