/**
 * What a pass decided: steps to take, needs that are held and offers that are turned down, each
 * with its reason. A plan leaves nothing to choose for whoever executes it.
 */
import type { DeletionPolicy } from './desired.ts';
import type { NewTopic } from './kafka.ts';
import type { MesosCall } from './mesos.ts';
import type { BrokerRecord, ClusterRecord } from './records.ts';

/** `+` makes something, `~` changes it, `-` ends it; `·` is housekeeping and hidden by default. */
export type StepMark = '+' | '~' | '-' | '·';

export type Step = {
  readonly mark: StepMark;
  /** One line for people: what is done. */
  readonly what: string;
  /** Why, as a phrase; for a roll one per key. */
  readonly why: readonly string[];
  readonly clusterName?: string;
  readonly brokerId?: number;
  readonly action: Action;
};

/** Records are written before calls are sent, in the order given here. */
export type Action =
  | { readonly kind: 'mesos'; readonly call: MesosCall }
  /** Persist the first voters and the cluster id; must be durable before any launch of the cluster. */
  | { readonly kind: 'bind-cluster'; readonly record: ClusterRecord }
  | { readonly kind: 'record-cluster'; readonly record: ClusterRecord }
  /** Persist, then send. */
  | { readonly kind: 'broker'; readonly record: BrokerRecord; readonly call?: MesosCall }
  /** The last trace of a broker that has left: nothing runs, nothing is reserved. */
  | { readonly kind: 'remove-broker'; readonly record: BrokerRecord }
  /** The cluster's records, its spec last; the spec stays when it wants the cluster anew. */
  | { readonly kind: 'remove-cluster'; readonly clusterName: string; readonly keepSpec: boolean }
  | { readonly kind: 'unregister-broker'; readonly clusterName: string; readonly brokerId: number }
  /** Persist the intent, then change Kafka; what was applied is folded back into the record. */
  | {
      readonly kind: 'alter-broker-config';
      readonly record: BrokerRecord;
      readonly changes: Readonly<Record<string, string | null>>;
    }
  | {
      readonly kind: 'alter-min-isr';
      readonly record: ClusterRecord;
      readonly value: string | null;
    }
  | { readonly kind: 'create-topic'; readonly topic: NewTopic }
  | { readonly kind: 'create-partitions'; readonly topic: string; readonly totalCount: number }
  | {
      readonly kind: 'alter-topic-config';
      readonly topic: string;
      readonly changes: Readonly<Record<string, string>>;
    };

/** Why a need is not met by a step of this plan. Not an error: the loop looks again. */
export type HeldReason =
  | {
      readonly kind: 'no-matching-offer';
      readonly wanted: string;
      readonly rejections: readonly OfferRejection[];
      /** Hostnames of agents that we know and that offered nothing lately; the first ones. */
      readonly silent?: readonly string[];
    }
  /** The disk is on this agent; until `untilMs` no other will do. */
  | {
      readonly kind: 'waiting-for-agent';
      readonly agentId: string;
      readonly hostname: string;
      readonly untilMs: number;
      /** An operator drained it: it is back when it is reactivated. */
      readonly drained?: true;
      readonly isVoter?: true;
      /** It did offer lately, and why that would not do. */
      readonly rejections?: readonly OfferRejection[];
    }
  | {
      readonly kind: 'backing-off';
      readonly untilMs: number;
      readonly failures: number;
      readonly last: string;
      /** What went before its LAUNCH did not succeed: the broker itself never began. */
      readonly isHalfDone?: true;
    }
  /** No room on a disk, or it failed: tried again then, and at once with a changed spec. */
  | { readonly kind: 'disk-full' | 'disk-failed'; readonly detail: string; readonly untilMs: number }
  /** It runs without a directory that failed; a restart might not bring it back. */
  | { readonly kind: 'disk-offline'; readonly detail: string }
  /** TASK_ERROR: Mesos took the task itself for wrong, and would do so again. */
  | { readonly kind: 'refused-by-mesos'; readonly detail: string }
  | { readonly kind: 'gave-up'; readonly failures: number; readonly last: string }
  | { readonly kind: 'waiting-for-voters'; readonly missing: readonly number[] }
  /** A task is on its way up or down; nothing to do but wait. */
  | { readonly kind: 'task-in-progress'; readonly doing: string; readonly sinceMs: number }
  | {
      readonly kind: 'agent-unreachable';
      readonly agentId: string;
      readonly hostname: string;
      readonly sinceMs: number;
      /** The end of the stickiness period; absent: it is over, and Mesos has yet to say again how the task is. */
      readonly untilMs?: number;
      /** It is never relocated. */
      readonly isVoter?: true;
      /** It is only to be stopped there, and nothing else happens at any time. */
      readonly isToStop?: true;
      /** Its cluster goes, and waits for it. */
      readonly isDeleted?: DeletionPolicy;
    }
  /** Stopping it now would break a partition; the first few are named. */
  | { readonly kind: 'waiting-for-isr'; readonly partitions: readonly string[]; readonly more: number }
  | {
      readonly kind: 'waiting-for-roll';
      readonly brokerId: number;
      readonly detail: string;
      readonly untilMs?: number;
      /** The other one's agent has a maintenance without an end. */
      readonly endless?: { readonly agentId: string };
    }
  | { readonly kind: 'rollout-paused' }
  | {
      readonly kind: 'paused-by-operator';
      readonly author: string;
      readonly detail?: string;
      readonly untilMs?: number;
    }
  | { readonly kind: 'quorum-at-risk'; readonly detail: string }
  /** Relocation would or may lose data: the partitions or the vote that are at stake are named. */
  | {
      readonly kind: 'relocation-unsafe';
      readonly detail: string;
      readonly partitions: readonly string[];
      readonly more: number;
    }
  /** A broker leaves only when no partition has a replica on it; the first few that do are named. */
  | { readonly kind: 'hosts-replicas'; readonly partitions: readonly string[]; readonly more: number }
  /** Reservations and volumes that are to go, and cannot just now. Holds up nothing else. */
  | {
      readonly kind: 'left-behind';
      readonly hostname: string;
      readonly what: string;
      readonly detail: string;
      readonly untilMs?: number;
      /** Its cluster is destroyed, and the name of it waits for that. */
      readonly isDeleted?: true;
    }
  /** A volume that is to grow, and does not just now. Holds up nothing else. */
  | {
      readonly kind: 'volume-not-grown';
      readonly cause: 'no-offer' | 'no-room' | 'not-reserved' | 'refused';
      readonly brokerId: number;
      readonly hostname: string;
      readonly detail: string;
    }
  /** Something of ours that no record knows, and that may be somebody's data: a person has to look. */
  | {
      readonly kind: 'orphaned';
      readonly agentId: string;
      readonly hostname: string;
      readonly what: string;
      readonly detail: string;
    }
  /** Kafka's controller is in touch with an instance of it, and Mesos with none; `taskId`: the last that is known. */
  | { readonly kind: 'serves-already'; readonly taskId?: string; readonly agentId?: string }
  /** The cluster is newer than the store: nothing of it is touched until a person has looked. */
  | { readonly kind: 'store-outdated'; readonly detail: string }
  /** What was to be written or read is tried again all the time, and nothing is sent before. */
  | {
      readonly kind: 'store-unavailable';
      readonly detail: string;
      readonly sinceMs: number;
      readonly remedy?: string;
    }
  | {
      readonly kind: 'kafka-unknown';
      readonly detail: string;
      /** It answers; what it said last is too old to decide on. */
      readonly isBeingAsked?: true;
      /** Of a stop, after minutes without an answer: a person may consent to it all the same. */
      readonly mayConsent?: true;
    }
  /** What it says is too old by the time that all of it is said, and the next time will be no better. */
  | {
      readonly kind: 'kafka-slow';
      readonly purpose: string;
      readonly tookMs: number;
      readonly limitMs: number;
      readonly partitions: number;
    }
  | { readonly kind: 'refused-by-kafka'; readonly detail: string; readonly untilMs: number }
  | { readonly kind: 'mesos-unknown'; readonly detail: string }
  | { readonly kind: 'distribution-missing'; readonly detail: string }
  | { readonly kind: 'too-few-brokers'; readonly wanted: number; readonly available: number }
  | { readonly kind: 'impossible-change'; readonly detail: string }
  | { readonly kind: 'not-yet-supported'; readonly detail: string };

export type OfferRejection = {
  readonly offerId: string;
  readonly agentId: string;
  readonly hostname: string;
  /** What did not fit, each with what was wanted and what there was. */
  readonly reasons: readonly string[];
  /** When it was seen; absent: just now. */
  readonly atMs?: number;
};

export type Held = {
  readonly clusterName: string;
  readonly brokerId?: number;
  /** The need, as an infinitive: `start broker 2`, `restart broker 1`, `create topic events`. */
  readonly need: string;
  readonly reason: HeldReason;
  /** Whether a person has to act (stalled), or time and events will do (waiting). */
  readonly stalled: boolean;
  /** Since when it is held for this kind of reason, as far as this scheduler has seen. */
  readonly sinceMs?: number;
};

export type DeclinedOffer = {
  readonly offerId: string;
  readonly agentId: string;
  readonly hostname: string;
  readonly refuseSeconds: number;
  readonly reason: DeclineReason;
  readonly why: string;
};

/** For programs; `why` says it in words. */
export type DeclineReason =
  | 'nothing-waits'
  | 'fits-no-broker'
  /** Only agents with certain disks are waited for, and this is none of them. */
  | 'not-home'
  | 'grows-no-volume'
  /** It fits one of several that can only start together, and the others did not come. */
  | 'waited-for-others'
  /** Something that was left is to be given back, and is not in it. */
  | 'releases-nothing'
  /** It was looked at for what might be left over. */
  | 'nothing-left-over';

export type Plan = {
  readonly steps: readonly Step[];
  readonly held: readonly Held[];
  readonly declined: readonly DeclinedOffer[];
  /** When to plan again even if nothing happens; undefined: only on an event. */
  readonly wakeAtMs?: number;
};
