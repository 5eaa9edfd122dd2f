/** What the operator of a seed has: machines, one or two clusters on them, and edits while everything happens. */
import type { AgentConfig } from '../../src/local/model/state.ts';
import type { Desired, DesiredBroker, DesiredTopic } from '../../src/model/desired.ts';
import type { Direction } from './directions.ts';
import type { Dice } from './randomness.ts';

export const editNames = [
  'a setting that wants a restart',
  'a setting that changes while it runs',
  'another topic',
  'more partitions',
  'a broker stopped',
  'all brokers running',
  'more memory',
  'larger volumes',
  'a larger volume',
  'the roll paused or not',
  'back to the beginning',
  'a broker more',
  'a broker less',
  'a pool less',
  'removed, its data kept',
  'destroyed',
  'no longer removed',
] as const;
export type EditName = (typeof editNames)[number];

export type Workload = {
  readonly agents: readonly AgentConfig[];
  readonly first: readonly Desired[];
  /** How many edits at least there are to be. */
  readonly editsDirected: number;
  /** The next edit of what is wanted now: of one cluster. */
  edit(current: readonly Desired[]): { readonly what: EditName; readonly desired: Desired };
  /**
   * What is wanted in the end: all of it, running, or the cluster gone. `keeps`: brokers that left the spec and
   * still have replicas on them.
   */
  last(current: Desired, keeps: ReadonlySet<number>): Desired;
};

export function drawWorkload(
  dice: Dice,
  directed: Pick<
    Direction,
    'hasRoomToMove' | 'hasSingleReplicas' | 'hasClusterBeside' | 'disk' | 'edits'
  > = {},
): Workload {
  const moves = directed.hasRoomToMove === true;
  const drawnFollowers = dice.pick([0, 1, 1, 2]) ?? 0;
  const followers = moves ? Math.max(1, drawnFollowers) : drawnFollowers;
  const count = 3 + followers;
  const drawnDisk = dice.chance(0.2) ? 'mount' : 'root';
  const disk = directed.disk ?? drawnDisk;
  const drawnStickinessMs = dice.pick([60_000, 60_000, 150_000, 300_000]) ?? 60_000;
  const stickinessPeriodMs = moves ? 60_000 : drawnStickinessMs;
  const agentCount = count + Math.max(moves ? 1 : 0, dice.pick([0, 1, 1, 2]) ?? 1);
  // One that is too small: it is explained, not used.
  const small = dice.chance(0.4);
  const agents = Array.from({ length: agentCount + (small ? 1 : 0) }, (_, i) =>
    machine(i + 1, disk, small && i === agentCount),
  );
  // Its partitions have one replica each: their brokers may be restarted, and never be given up.
  const isSingle = (dice.chance(0.4) && !moves) || directed.hasSingleReplicas === true;
  const main: Desired = {
    name: 'sim',
    labels: {},
    kafka: { version: '4.0.0' },
    brokers: Array.from({ length: count }, (_, id) =>
      broker(id, { pool: 'main', isVoter: id < 3, disk, stickinessPeriodMs }),
    ),
    topics: [
      topic('events', 3, 3, 2),
      ...(dice.chance(0.5) ? [topic('logs', 4, 2, 1)] : []),
      ...(isSingle ? [topic('single', count, 1, 1)] : []),
    ],
    rollout: { allowSingleReplicaOutage: isSingle, paused: false },
    reassignment: { throttleBytesPerSecond: 50_000_000 },
  };
  const beside: Desired = {
    ...main,
    name: 'beside',
    kafka: { version: '4.1.0' },
    brokers: Array.from({ length: 3 }, (_, id) =>
      broker(id, { pool: 'main', isVoter: true, disk: 'root', stickinessPeriodMs }),
    ),
    topics: [topic('events', 2, 3, 2)],
    rollout: { allowSingleReplicaOutage: false, paused: false },
  };
  const isBeside = dice.chance(0.2) || directed.hasClusterBeside === true;
  const first = isBeside ? [main, beside] : [main];
  /** Volumes only grow: by broker of a cluster, the most that was ever wanted. */
  const sizesMiB = new Map<string, number>();
  const withLargerVolumes = (desired: Desired, grows: (b: DesiredBroker) => boolean): Desired =>
    everyBroker(desired, (b) => {
      const key = `${desired.name}/${b.id}`;
      const addMiB = grows(b) ? 128 : 0;
      return {
        ...b,
        storage: {
          ...b.storage,
          volumes: b.storage.volumes.map((v) => {
            const sizeMiB = Math.max(v.sizeMiB, sizesMiB.get(key) ?? 0) + (v.disk === 'root' ? addMiB : 0);
            sizesMiB.set(key, sizeMiB);
            return { ...v, sizeMiB };
          }),
        },
      };
    });
  /** Every broker there ever was: no id is used twice. */
  const everyone = new Map(first.map((d) => [d.name, [...d.brokers]]));
  let revision = 0;
  const forced = [...(directed.edits ?? [])];
  const everyBroker = (desired: Desired, change: (b: DesiredBroker) => DesiredBroker): Desired => ({
    ...desired,
    brokers: desired.brokers.map(change),
  });
  const withConfig = (desired: Desired, config: Readonly<Record<string, string>>): Desired =>
    everyBroker(desired, (b) => ({ ...b, config: { ...b.config, ...config } }));
  const stopOne = (desired: Desired): Desired => {
    const id = dice.pick(desired.brokers)?.id;
    return everyBroker(desired, (b) => (b.id === id ? { ...b, state: 'stopped' } : b));
  };
  const startAll = (desired: Desired): Desired => everyBroker(desired, (b) => ({ ...b, state: 'running' }));
  const without = (desired: Desired, leaves: (b: DesiredBroker) => boolean): Desired => ({
    ...desired,
    brokers: desired.brokers.filter((b) => b.roles.includes('controller') || !leaves(b)),
  });
  const withAnother = (desired: Desired): Desired => {
    const known = everyone.get(desired.name) ?? [];
    const added = {
      ...broker(known.length, { pool: 'spare', isVoter: false, disk: 'root', stickinessPeriodMs }),
      constraints: [],
    };
    known.push(added);
    return { ...desired, brokers: [...desired.brokers, added] };
  };
  return {
    agents,
    first,
    editsDirected: forced.length,
    edit(all) {
      const current = dice.pick(all) ?? main;
      const original = first.find((d) => d.name === current.name) ?? main;
      const { deletion: _gone, ...kept } = current;
      revision += 1;
      const edits: Readonly<Record<EditName, () => Desired>> = {
        'a setting that wants a restart': () =>
          withConfig(current, { 'num.partitions': String(revision + 1) }),
        'a setting that changes while it runs': () =>
          withConfig(current, { 'compression.type': dice.pick(['gzip', 'lz4', 'zstd']) ?? 'gzip' }),
        'another topic': () => ({
          ...current,
          topics: [
            ...current.topics,
            current.rollout.allowSingleReplicaOutage
              ? topic(`more-${revision}`, count, 1, 1)
              : topic(`more-${revision}`, 2, 3, 2),
          ],
        }),
        'more partitions': () => ({
          ...current,
          topics: current.topics.map((t) => ({ ...t, partitions: t.partitions + 1 })),
        }),
        'a broker stopped': () => stopOne(current),
        'all brokers running': () => startAll(current),
        'more memory': () => everyBroker(current, (b) => ({ ...b, memoryMiB: b.memoryMiB + 64 })),
        'larger volumes': () => withLargerVolumes(current, () => true),
        'a larger volume': () => {
          const id = dice.pick(current.brokers)?.id;
          return withLargerVolumes(current, (b) => b.id === id);
        },
        'the roll paused or not': () => ({
          ...current,
          rollout: { ...current.rollout, paused: !current.rollout.paused },
        }),
        'back to the beginning': () => ({ ...original, topics: current.topics }),
        'a broker more': () => withAnother(kept),
        'a broker less': () => {
          const id = dice.pick(current.brokers.filter((b) => !b.roles.includes('controller')))?.id;
          return without(current, (b) => b.id === id);
        },
        'a pool less': () => {
          const pool = dice.pick(['main', 'spare']);
          return without(current, (b) => b.pool === pool);
        },
        'removed, its data kept': () => ({ ...current, deletion: 'keepData' }),
        destroyed: () => ({ ...current, deletion: 'destroy' }),
        'no longer removed': () => kept,
      };
      const drawn = dice.pick(editNames) ?? 'more memory';
      const what = forced.shift() ?? drawn;
      return { what, desired: edits[what]() };
    },
    last(current, keeps) {
      const { deletion: _gone, ...kept } = current;
      const left = (everyone.get(current.name) ?? []).filter(
        ({ id }) => !current.brokers.some((b) => b.id === id),
      );
      const back = left.filter(({ id }) => keeps.has(id) || dice.chance(0.3));
      const brokers = [...current.brokers, ...back].sort((a, b) => a.id - b.id);
      const deletion = dice.chance(0.1) ? 'destroy' : dice.chance(0.1) ? 'keepData' : undefined;
      return {
        // A changed setting too: it is what a person does about a launch that Mesos refused.
        ...everyBroker(startAll(withLargerVolumes({ ...kept, brokers }, () => false)), (b) => ({
          ...b,
          memoryMiB: b.memoryMiB + 32,
        })),
        rollout: { ...current.rollout, paused: false },
        ...(deletion === undefined ? {} : { deletion }),
      };
    },
  };
}

function broker(
  id: number,
  {
    pool,
    isVoter,
    disk,
    stickinessPeriodMs,
  }: {
    readonly pool: string;
    readonly isVoter: boolean;
    readonly disk: 'root' | 'mount';
    readonly stickinessPeriodMs: number;
  },
): DesiredBroker {
  return {
    id,
    pool,
    roles: isVoter ? ['broker', 'controller'] : ['broker'],
    state: 'running',
    cpus: 0.5,
    memoryMiB: 1024,
    heapMiB: 512,
    storage: { kind: 'persistent', volumes: [{ name: 'data', sizeMiB: 1024, disk }] },
    listeners: [{ name: 'CLIENT', protocol: 'PLAINTEXT', port: { kind: 'any' } }],
    ...(isVoter
      ? {
          controllerListener: {
            name: 'CONTROLLER',
            protocol: 'PLAINTEXT' as const,
            port: { kind: 'any' as const },
          },
        }
      : {}),
    constraints: [{ kind: 'unique', attribute: 'hostname' }],
    rack: { kind: 'attribute', name: 'rack' },
    stickinessPeriodMs,
    failover: { delayMs: 5_000, maxDelayMs: 60_000 },
    jvmOptions: [],
    environment: {},
    config: {},
    derivedConfig: {},
    log4j: {},
    stopGraceMs: 30_000,
  };
}

function topic(name: string, partitions: number, replicationFactor: number, minIsr: number): DesiredTopic {
  return { name, partitions, replicationFactor, config: { 'min.insync.replicas': String(minIsr) } };
}

function machine(n: number, disk: 'root' | 'mount', isSmall: boolean): AgentConfig {
  const scalar = (name: string, value: number) => ({ name, type: 'SCALAR' as const, scalar: { value } });
  return {
    name: `agent-${n}`,
    hostname: `agent-${n}`,
    ip: '127.0.0.1',
    port: 5050 + n,
    resources: [
      scalar('cpus', isSmall ? 0.3 : 4),
      scalar('mem', 8192),
      scalar('disk', 20_000),
      ...(disk === 'mount'
        ? [
            {
              ...scalar('disk', 2_048),
              disk: { source: { type: 'MOUNT' as const, mount: { root: '/mnt/a' } } },
            },
          ]
        : []),
      {
        name: 'ports',
        type: 'RANGES',
        ranges: { range: [{ begin: 31_000 + n * 100, end: 31_099 + n * 100 }] },
      },
    ],
    attributes: [{ name: 'rack', type: 'TEXT', text: { value: `r${n % 3}` } }],
  };
}
