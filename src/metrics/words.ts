/** The words that labels can have, from the unions that they come from: a new member that is not here is a type error. */
import type { DeclineReason, HeldReason } from '../model/plan.ts';
import type { KillCause } from '../model/records.ts';
import type { DirectoryStatus, SourceStatus } from '../model/source.ts';
import type { ClusterPhase, DiskStatus, TopicStatus } from '../model/status.ts';
import type { Store } from '../model/store.ts';

function keysOf<Word extends string>(words: Readonly<Record<Word, 0>>): readonly Word[] {
  return Object.keys(words) as Word[];
}

export const phases = keysOf<ClusterPhase>({ forming: 0, converging: 0, rolling: 0, held: 0, converged: 0 });

export const topicStates = keysOf<TopicStatus['state']>({
  missing: 0,
  ready: 0,
  'under-replicated': 0,
  offline: 0,
  differs: 0,
  unknown: 0,
});

export const diskStates = keysOf<DiskStatus['state']>({ fine: 0, low: 0, full: 0, failed: 0 });

export const directoryStates = keysOf<DirectoryStatus['state']>({
  reading: 0,
  read: 0,
  broken: 0,
  emptied: 0,
  unreadable: 0,
});

export const sourceStates = keysOf<SourceStatus['state']>({
  following: 0,
  suspended: 0,
  pinned: 0,
  'taken-over': 0,
  broken: 0,
  missing: 0,
  behind: 0,
  unknown: 0,
});

export const heldReasons = keysOf<HeldReason['kind']>({
  'no-matching-offer': 0,
  'waiting-for-agent': 0,
  'backing-off': 0,
  'disk-full': 0,
  'disk-failed': 0,
  'disk-offline': 0,
  'refused-by-mesos': 0,
  'gave-up': 0,
  'waiting-for-voters': 0,
  'task-in-progress': 0,
  'agent-unreachable': 0,
  'waiting-for-isr': 0,
  'waiting-for-roll': 0,
  'rollout-paused': 0,
  'paused-by-operator': 0,
  'quorum-at-risk': 0,
  'relocation-unsafe': 0,
  'hosts-replicas': 0,
  'left-behind': 0,
  'volume-not-grown': 0,
  orphaned: 0,
  'serves-already': 0,
  'store-outdated': 0,
  'store-unavailable': 0,
  'kafka-unknown': 0,
  'kafka-slow': 0,
  'refused-by-kafka': 0,
  'mesos-unknown': 0,
  'distribution-missing': 0,
  'too-few-brokers': 0,
  'impossible-change': 0,
  'not-yet-supported': 0,
});

export const declineReasons = keysOf<DeclineReason>({
  'nothing-waits': 0,
  'fits-no-broker': 0,
  'not-home': 0,
  'grows-no-volume': 0,
  'waited-for-others': 0,
  'releases-nothing': 0,
  'nothing-left-over': 0,
});

export const killCauses = keysOf<KillCause>({ roll: 0, stop: 0, superseded: 0, removed: 0 });

export const storeOperations = keysOf<Exclude<keyof Store, 'close'>>({
  read: 0,
  list: 0,
  write: 0,
  remove: 0,
  claim: 0,
});

/** What became of an operation or a call; all but `ok` are classes of our errors. */
export const results = [
  'ok',
  'unavailable',
  'conflict',
  'protocol',
  'refused',
  'unsafe',
  'bug',
  'unknown',
] as const;
export type Result = (typeof results)[number];

export const passResults = ['complete', 'interrupted', 'no-store'] as const;
export const startKinds = ['first', 'restart', 'relocation'] as const;
export const severities = ['error', 'warning'] as const;
export const truths = ['true', 'false'] as const;
export const codes = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;
