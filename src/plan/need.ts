/** The shapes of what a broker needs, and the words in which one is held. */
import type { Desired, DesiredBroker } from '../model/desired.ts';
import type { KafkaObserved } from '../model/kafka.ts';
import type { Artifact } from '../model/launch.ts';
import type { ArtifactCatalog, Moment, ObservedMesos, Source } from '../model/observed.ts';
import type { Held, HeldReason, Step } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory, EndedTask } from '../model/records.ts';
import type { Want } from './fit.ts';
import { mayGrow } from './growth.ts';
import { isOnItsVolumes } from './owned.ts';

export type Need =
  /** Wants an offer. `relocate` gives up the old disk, which a gate has allowed. */
  | {
      readonly kind: 'launch';
      readonly broker: DesiredBroker;
      readonly record: BrokerRecord;
      readonly want: Want;
      readonly relocate: boolean;
      /** Where it was to go, when it takes the disk that it left instead. */
      readonly isBackFrom?: string;
      /** Its newest data may be where it is: it starts only if it is. */
      readonly finds?: true;
      /** Until then only the agent with its disk will do. */
      readonly homeUntilMs?: number;
    }
  | {
      readonly kind: 'held';
      readonly broker: DesiredBroker;
      readonly held: Held;
      readonly untilMs?: number;
      /** Only an offer tells that its disk is back: offers must keep coming. */
      readonly wantsHome?: true;
    }
  /** A step by itself: one that stops its task, or gives up the place of one that has none. */
  | {
      readonly kind: 'step';
      readonly broker: DesiredBroker;
      readonly record: BrokerRecord;
      readonly step: Step;
      /** It may have a vote or serve already: a gate decides whether it is stopped in this pass. */
      readonly onItsWayUp?: true;
    }
  /** Runs; `drift` is what a restart would change, `barred` why none may be begun, safe or not. */
  | {
      readonly kind: 'running';
      readonly broker: DesiredBroker;
      readonly record: BrokerRecord;
      readonly drift: readonly string[];
      readonly barred?: { readonly reason: HeldReason; readonly stalled: boolean };
    }
  | { readonly kind: 'stopped'; readonly broker: DesiredBroker };

export type HeldNeed = Extract<Need, { kind: 'held' }>;

export type NeedContext = Moment & {
  readonly memory: ClusterMemory;
  readonly desired: Desired;
  readonly mesos: ObservedMesos;
  readonly kafka: Source<KafkaObserved>;
  readonly artifacts: ArtifactCatalog;
};

export function heldNeed(
  context: NeedContext,
  broker: DesiredBroker,
  need: string,
  reason: HeldReason,
  stalled: boolean,
): HeldNeed {
  const untilMs = 'untilMs' in reason ? reason.untilMs : undefined;
  return {
    kind: 'held',
    broker,
    held: { clusterName: context.desired.name, brokerId: broker.id, need, reason, stalled },
    ...(untilMs === undefined ? {} : { untilMs }),
  };
}

export function heldForDistribution(broker: DesiredBroker, need: string, context: NeedContext): HeldNeed {
  const { desired, artifacts } = context;
  const missing = artifacts.kafkaMissing[desired.kafka.version];
  return heldNeed(
    context,
    broker,
    need,
    {
      kind: 'distribution-missing',
      detail: missing?.why ?? `Kafka ${desired.kafka.version} has to be fetched first`,
    },
    missing?.failed ?? false,
  );
}

/** Of a broker that is down for certain: only its volume may change before it starts. */
export function wantHome(context: NeedContext, broker: DesiredBroker, record: BrokerRecord): Want {
  return {
    ...wantOf(context, broker, record),
    ...(mayGrow(record, context.mesos) ? { mayGrow: true } : {}),
    ...(wasHalfDone(record.last) ? { asksWhy: true } : {}),
  };
}

export function wantOf(context: NeedContext, broker: DesiredBroker, record: BrokerRecord): Want {
  return {
    clusterName: context.desired.name,
    broker,
    ...(record.placement === undefined ? {} : { placement: record.placement }),
    formatted: isOnItsVolumes(record),
    ...(wouldDropVolume(broker, record) ? { keepsVolumes: true } : {}),
  };
}

/**
 * It would start on what the spec wants now, and a volume that was made for it stay on its agent, of an incarnation that
 * is its own: nobody would ever release it.
 */
export function wouldDropVolume({ storage }: DesiredBroker, record: BrokerRecord): boolean {
  return (
    !isOnItsVolumes(record) &&
    record.placement?.volumes.some(
      ({ name, kind }) =>
        kind === 'persistent' && !(storage.kind === kind && storage.volumes.some((v) => v.name === name)),
    ) === true
  );
}

/** How long the agents' offers may take to come after a (new) subscription. */
export const offersAfterSubscribedMs = 60_000;

/** Of a broker that no spec tells the stickiness period of any more: the spec's default. */
export const defaultStickinessMs = 600_000;

/** Until then nobody does without a task that is out of reach. */
export function missedUntilMs(
  sinceMs: number,
  stickinessPeriodMs = defaultStickinessMs,
  { subscribedAtMs = 0 }: Pick<ObservedMesos, 'subscribedAtMs'>,
): number {
  return Math.max(sinceMs + stickinessPeriodMs, subscribedAtMs + offersAfterSubscribedMs);
}

/** One of the first, which are all that there are. */
export function isVoter({ cluster }: Pick<ClusterMemory, 'cluster'>, id: number): boolean {
  return cluster?.voters.some((v) => v.nodeId === id) === true;
}

export function kafkaArtifact(desired: Desired, artifacts: ArtifactCatalog): Artifact | undefined {
  return desired.kafka.distribution ?? artifacts.kafka[desired.kafka.version];
}

export function emptyRecord(clusterName: string, id: number): BrokerRecord {
  return { schema: 1, clusterName, id, formatted: false, launches: 0, superseded: [], failures: 0 };
}

/**
 * Operations of one ACCEPT are judged one by one: where RESERVE or CREATE fails, the LAUNCH behind them asks for
 * what is not there. The task itself asks for nothing but what was offered, so that this is the only cause of the
 * master's word (validation.cpp, recording 08); the next offer shows what is done, and the rest is sent again.
 */
export function wasHalfDone(last: EndedTask | undefined): boolean {
  return last?.state === 'TASK_ERROR' && / more than available /.test(last.message ?? '');
}
