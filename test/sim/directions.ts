/**
 * What seldom happens by itself, made to happen: each direction leaves a seed its dice, and adds what leads to the
 * scenarios that it is named after. So the tests meet every scenario with few seeds, whatever the loop does.
 */
import type { BrokerIntent } from '../../src/model/records.ts';
import type { FaultKind } from './faults.ts';
import type { EditName } from './workload.ts';

export type Direction = {
  /** Beside those that the seed draws; at crossings they strike often. */
  readonly faults?: readonly FaultKind[];
  /** Nothing that the seed draws happens beside them. */
  readonly isAlone?: true;
  /** The first edits of the specs, in this order. */
  readonly edits?: readonly EditName[];
  /** What is asked of brokers first, of those that may be given up where there are any. */
  readonly asks?: readonly (BrokerIntent['kind'] | 'nothing')[];
  readonly schedulers?: 1 | 2 | 3;
  /** Brokers that may be given up soon, and an agent to go to. */
  readonly hasRoomToMove?: true;
  /** A topic whose partitions have one replica each. */
  readonly hasSingleReplicas?: true;
  readonly hasClusterBeside?: true;
  readonly disk?: 'root' | 'mount';
  /** Schedulers die before or after what crosses for the first time, whatever it is. */
  readonly crashesEverywhere?: true;
  /** In the end the framework's id is lost, then the framework removed. */
  readonly losesFramework?: true;
};

export const directions = {
  replaced: {
    hasRoomToMove: true,
    asks: ['replace', 'replace', 'replace'],
    faults: ['scheduler crashed', 'answer lost'],
    isAlone: true,
  },
  'marked gone': {
    hasRoomToMove: true,
    faults: ['agent marked gone', 'update lost', 'stream broken', 'scheduler crashed'],
    isAlone: true,
  },
  'partitioned for long': {
    hasRoomToMove: true,
    faults: ['agent partitioned for long', 'update repeated', 'kafka change unanswered'],
    isAlone: true,
  },
  'last replica': {
    hasRoomToMove: true,
    hasSingleReplicas: true,
    edits: ['another topic', 'another topic', 'another topic', 'another topic'],
    faults: ['agent partitioned for long'],
    isAlone: true,
  },
  rescinded: {
    faults: [
      'rescind storm',
      'rescind overtakes its offer',
      'broker flaps',
      'call delayed',
      'master failover',
    ],
  },
  'half done': {
    faults: ['create refused', 'call repeated', 'launch taken and not acted on', 'kafka change unanswered'],
    edits: ['a setting that changes while it runs', 'a broker more', 'another topic'],
  },
  'taken over': {
    schedulers: 1,
    faults: ['second scheduler started', 'stranger launched', 'crash after send', 'crash before send'],
  },
  elected: {
    schedulers: 3,
    faults: [
      'zookeeper session expired',
      'zookeeper unreachable',
      'zookeeper ping lost',
      'scheduler paused',
      'crash before persist',
      'crash after persist',
    ],
  },
  removed: {
    hasRoomToMove: true,
    hasClusterBeside: true,
    edits: ['destroyed', 'a broker less', 'no longer removed', 'removed, its data kept', 'no longer removed'],
    faults: ['call repeated', 'kafka unreachable'],
  },
  'a broker less': {
    hasRoomToMove: true,
    edits: ['a broker less', 'a broker more', 'a broker less'],
    faults: ['broker killed', 'call repeated'],
    isAlone: true,
  },
  'serves on': { hasRoomToMove: true, faults: ['agent partitioned'], isAlone: true },
  crashing: {
    hasRoomToMove: true,
    crashesEverywhere: true,
    edits: [
      'another topic',
      'more partitions',
      'a setting that changes while it runs',
      'a broker less',
      'destroyed',
    ],
    faults: ['machine maintained'],
    isAlone: true,
  },
  edited: {
    edits: ['a broker stopped', 'all brokers running', 'the roll paused or not', 'back to the beginning'],
    faults: ['update delayed', 'call delayed'],
    isAlone: true,
  },
  lost: {
    losesFramework: true,
    faults: ['agent drained', 'machine maintained', 'agent lost in a master failover', 'clock jumped'],
  },
  grown: {
    disk: 'root',
    edits: ['larger volumes', 'a larger volume', 'larger volumes'],
    faults: ['grow not done', 'answer lost', 'update delayed', 'call repeated'],
  },
  asked: {
    hasRoomToMove: true,
    asks: ['stop', 'pause', 'restart', 'stop', 'pause', 'nothing', 'restart'],
    faults: [
      'scheduler crashed',
      'start fails',
      'store unavailable, written',
      'store unavailable, not written',
    ],
  },
  mounted: {
    disk: 'mount',
    faults: [
      'agent wiped',
      'agent rebooted',
      'agent rebooted under another id',
      'agent process restarted',
      'agent partitioned',
      'agent partitioned, its broker too',
      'executor crashed',
      'call lost',
    ],
  },
} as const satisfies Readonly<Record<string, Direction>>;

export type DirectionName = keyof typeof directions;

export const directionNames = Object.keys(directions) as readonly DirectionName[];

/** A seed, as it is or directed. */
export type Run = { readonly seed: number; readonly direction?: DirectionName };

export const replayOf = ({ seed, direction }: Run): string =>
  `npm run sim -- --seed ${seed}${direction === undefined ? '' : ` --direction '${direction}'`}`;
