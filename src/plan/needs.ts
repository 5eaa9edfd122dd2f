/** What each broker needs just now, before any offer is looked at. */
import type { Desired, DesiredBroker } from '../model/desired.ts';
import type { KafkaObserved } from '../model/kafka.ts';
import type { ArtifactCatalog, ObservedMesos, Source } from '../model/observed.ts';
import type { Held, HeldReason, Step } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory, KillCause } from '../model/records.ts';
import type { Want } from './fit.ts';
import { blockRelocation } from './safety.ts';
import { diffSettings, settingsOf } from './settings.ts';

export type Need =
  /** Wants an offer. `relocate` gives up the old disk, which a gate has allowed. */
  | {
      readonly kind: 'launch';
      readonly broker: DesiredBroker;
      readonly record: BrokerRecord;
      readonly want: Want;
      readonly relocate: boolean;
    }
  | { readonly kind: 'held'; readonly broker: DesiredBroker; readonly held: Held; readonly untilMs?: number }
  | {
      readonly kind: 'kill';
      readonly broker: DesiredBroker;
      readonly record: BrokerRecord;
      readonly step: Step;
    }
  /** Runs; `drift` is what a restart would change. */
  | {
      readonly kind: 'running';
      readonly broker: DesiredBroker;
      readonly record: BrokerRecord;
      readonly drift: readonly string[];
    }
  | { readonly kind: 'stopped'; readonly broker: DesiredBroker };

export type NeedContext = {
  readonly nowMs: number;
  readonly memory: ClusterMemory;
  readonly desired: Desired;
  readonly mesos: ObservedMesos;
  readonly kafka: Source<KafkaObserved>;
  readonly artifacts: ArtifactCatalog;
};

/** A KILL that brought no terminal update is sent again, 5 s, 10 s, … up to a minute apart. */
export function killDueAtMs(
  sent: { readonly lastAtMs: number; readonly attempts: number } | undefined,
): number {
  return sent === undefined
    ? 0
    : sent.lastAtMs + Math.min(60_000, 5_000 * 2 ** Math.min(sent.attempts - 1, 5));
}

export function emptyRecord(clusterName: string, id: number): BrokerRecord {
  return { schema: 1, clusterName, id, formatted: false, launches: 0, superseded: [], failures: 0 };
}

export function needOf(broker: DesiredBroker, context: NeedContext): Need {
  const { desired, memory } = context;
  const known = memory.brokers.get(broker.id) ?? emptyRecord(desired.name, broker.id);
  // A first voter is bound in the cluster's record before its own is written.
  const voter = memory.cluster?.voters.find((v) => v.nodeId === broker.id);
  const record: BrokerRecord =
    known.placement === undefined && voter !== undefined ? { ...known, placement: voter.placement } : known;
  return record.task === undefined
    ? withoutTask(broker, record, context)
    : withTask(broker, record, record.task, context);
}

function withTask(
  broker: DesiredBroker,
  record: BrokerRecord,
  task: NonNullable<BrokerRecord['task']>,
  context: NeedContext,
): Need {
  const { nowMs, mesos, desired } = context;
  const hold = (need: string, reason: HeldReason, stalled = false): Need =>
    heldNeed(context, broker, need, reason, stalled);
  if (task.kill !== undefined) {
    const dueAtMs = killDueAtMs(mesos.kills.get(task.taskId));
    if (dueAtMs <= nowMs) {
      return {
        kind: 'kill',
        broker,
        record,
        step: killStep(desired, broker, record, task.kill.cause, task.kill.detail, [task.kill.detail], nowMs),
      };
    }
    return hold(`stop broker ${broker.id}`, {
      kind: 'task-in-progress',
      doing: `stopping it (${task.kill.detail})`,
      sinceMs: task.kill.atMs,
    });
  }
  if (task.unreachableSinceMs !== undefined) {
    const untilMs = task.unreachableSinceMs + broker.stickinessPeriodMs;
    const agent = { agentId: task.agentId, hostname: record.placement?.hostname ?? task.agentId };
    if (broker.state === 'stopped' || nowMs < untilMs) {
      return hold(`start broker ${broker.id}`, {
        kind: 'agent-unreachable',
        ...agent,
        sinceMs: task.unreachableSinceMs,
        untilMs,
      });
    }
    return relocation(broker, record, context);
  }
  switch (task.state) {
    case 'TASK_STAGING':
    case 'TASK_STARTING':
      return broker.state === 'stopped'
        ? {
            kind: 'kill',
            broker,
            record,
            step: killStep(
              desired,
              broker,
              record,
              'stop',
              'the spec says stopped',
              ['the spec says stopped'],
              nowMs,
            ),
          }
        : hold(`start broker ${broker.id}`, {
            kind: 'task-in-progress',
            doing: task.report?.phase ?? 'being launched by the agent',
            sinceMs: task.launchedAtMs,
          });
    default: {
      const artifact = kafkaArtifact(desired, context.artifacts);
      // Without the archive a restart could not be followed by a start, so no drift is seen.
      const drift =
        artifact === undefined
          ? []
          : diffSettings(task.startedWith, settingsOf(desired, broker, artifact.sha512));
      return { kind: 'running', broker, record, drift };
    }
  }
}

function withoutTask(broker: DesiredBroker, record: BrokerRecord, context: NeedContext): Need {
  const { nowMs, desired, memory } = context;
  const hold = (need: string, reason: HeldReason, stalled = false): Need =>
    heldNeed(context, broker, need, reason, stalled);
  const need = `start broker ${broker.id}`;
  if (broker.state === 'stopped') {
    return { kind: 'stopped', broker };
  }
  const artifact = kafkaArtifact(desired, context.artifacts);
  if (artifact === undefined) {
    const missing = context.artifacts.kafkaMissing[desired.kafka.version];
    return hold(
      need,
      {
        kind: 'distribution-missing',
        detail: missing?.why ?? `Kafka ${desired.kafka.version} is not fetched yet`,
      },
      missing?.failed ?? false,
    );
  }
  if (
    memory.cluster !== undefined &&
    broker.roles.includes('controller') &&
    !memory.cluster.voters.some((v) => v.nodeId === broker.id)
  ) {
    return hold(
      need,
      { kind: 'not-yet-supported', detail: 'a controller cannot join a quorum that is formed already' },
      true,
    );
  }
  const corrected =
    record.last !== undefined &&
    diffSettings(record.last.startedWith, settingsOf(desired, broker, artifact.sha512)).length > 0;
  if (!corrected) {
    const last =
      record.last === undefined ? '' : (record.last.message ?? record.last.reason ?? record.last.state);
    if (broker.failover.maxTries !== undefined && record.failures >= broker.failover.maxTries) {
      return hold(need, { kind: 'gave-up', failures: record.failures, last }, true);
    }
    if (record.retryAtMs !== undefined && nowMs < record.retryAtMs) {
      return hold(need, { kind: 'backing-off', untilMs: record.retryAtMs, failures: record.failures, last });
    }
  }
  const stickyUntilMs =
    record.stickyUntilMs ??
    (record.placement === undefined ? 0 : record.placement.boundAtMs + broker.stickinessPeriodMs);
  const atHome = record.placement !== undefined && context.mesos.offers.some((o) => isHome(o, record));
  if (record.placement === undefined || nowMs < stickyUntilMs || atHome) {
    return { kind: 'launch', broker, record, relocate: false, want: wantOf(context, broker, record) };
  }
  return relocation(broker, record, context);
}

/** The old disk may be given up only behind its gate; a disk that was never formatted holds nothing. */
function relocation(broker: DesiredBroker, record: BrokerRecord, context: NeedContext): Need {
  const need = `relocate broker ${broker.id}`;
  const home = record.placement?.hostname ?? 'its agent';
  const away: Need = {
    kind: 'launch',
    broker,
    record,
    relocate: true,
    want: { clusterName: context.desired.name, broker, formatted: false },
  };
  if (context.memory.cluster?.voters.some((v) => v.nodeId === broker.id)) {
    return heldNeed(
      context,
      broker,
      need,
      {
        kind: 'relocation-unsafe',
        detail: `its disk on ${home} holds a vote of the controller quorum`,
        partitions: [],
        more: 0,
      },
      true,
    );
  }
  if (!record.formatted && record.task === undefined) {
    return away;
  }
  if (broker.storage.kind === 'hostPath') {
    return heldNeed(
      context,
      broker,
      need,
      { kind: 'relocation-unsafe', detail: `its data is in a host path on ${home}`, partitions: [], more: 0 },
      true,
    );
  }
  if (!context.kafka.known) {
    return heldNeed(context, broker, need, { kind: 'kafka-unknown', detail: context.kafka.why }, false);
  }
  const blocked = blockRelocation(context.kafka.value, broker.id);
  if (blocked === undefined) {
    return away;
  }
  return heldNeed(
    context,
    broker,
    need,
    {
      kind: 'relocation-unsafe',
      detail: blocked.detail,
      partitions: blocked.partitions.slice(0, 5).map((p) => p.partition),
      more: Math.max(0, blocked.partitions.length - 5),
    },
    blocked.partitions.length > 0,
  );
}

function wantOf(context: NeedContext, broker: DesiredBroker, record: BrokerRecord): Want {
  return {
    clusterName: context.desired.name,
    broker,
    ...(record.placement === undefined ? {} : { placement: record.placement }),
    formatted: record.formatted,
  };
}

/**
 * Whether an offer comes from where the broker's disk is. A reboot may give the agent a new id, so
 * a volume of ours in the offer says more than the id does.
 */
export function isHome(
  offer: {
    readonly agentId: string;
    readonly resources: readonly {
      readonly disk?: { readonly volume?: { readonly persistenceId: string } };
    }[];
  },
  record: BrokerRecord,
): boolean {
  const { placement } = record;
  if (placement === undefined) {
    return false;
  }
  const ids = new Set(placement.volumes.flatMap((v) => v.persistenceId ?? []));
  return (
    offer.agentId === placement.agentId ||
    offer.resources.some((r) => r.disk?.volume !== undefined && ids.has(r.disk.volume.persistenceId))
  );
}

export function kafkaArtifact(
  desired: Desired,
  artifacts: ArtifactCatalog,
): { readonly uri: string; readonly sha512: string } | undefined {
  return desired.kafka.distribution ?? artifacts.kafka[desired.kafka.version];
}

/** Marks the kill in the record, then sends it; also used to send it again. */
export function killStep(
  desired: Desired,
  broker: DesiredBroker,
  record: BrokerRecord,
  cause: KillCause,
  detail: string,
  why: readonly string[],
  nowMs: number,
): Step {
  const task = record.task;
  return {
    mark: cause === 'roll' ? '~' : '-',
    what: cause === 'roll' ? `restart broker ${broker.id}` : `stop broker ${broker.id}`,
    why,
    clusterName: desired.name,
    brokerId: broker.id,
    action: {
      kind: 'broker',
      record:
        task === undefined || task.kill !== undefined
          ? record
          : { ...record, task: { ...task, kill: { cause, detail, atMs: nowMs } } },
      call: {
        kind: 'kill',
        taskId: task?.taskId ?? '',
        agentId: task?.agentId ?? '',
        graceMs: broker.stopGraceMs,
      },
    },
  };
}

function heldNeed(
  context: NeedContext,
  broker: DesiredBroker,
  need: string,
  reason: HeldReason,
  stalled: boolean,
): Need {
  const untilMs = 'untilMs' in reason ? reason.untilMs : undefined;
  return {
    kind: 'held',
    broker,
    held: { clusterName: context.desired.name, brokerId: broker.id, need, reason, stalled },
    ...(untilMs === undefined ? {} : { untilMs }),
  };
}
