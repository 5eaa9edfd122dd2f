/**
 * Brokers that run, or have a disk, and are no longer in the spec. Such a one leaves step by step, each one
 * stored or seen in Kafka before the next: it hosts no replica; it is stopped, behind the lock of the roll;
 * it still hosts none; it is unregistered; its place is given up (release.ts); its record goes. Back in the
 * spec before its place is given up, it just starts again. Of one whose agent is away nobody may ever hear again:
 * after the stickiness period Kafka's word that it is fenced and hosts nothing is enough.
 */
import type { KafkaObserved } from '../model/kafka.ts';
import type { PlanInput, Source } from '../model/observed.ts';
import type { Held, HeldReason, Step } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory } from '../model/records.ts';
import { activeIntent, pausedBy } from './intents.ts';
import { killStep, standingOrder } from './kill.ts';
import { emptyRecord, isVoter, missedUntilMs, type Need } from './need.ts';
import { leavePlace } from './owned.ts';
import { askedAgain, hostedBy, isHealthy, tooOld } from './safety.ts';

export type Removals = {
  readonly steps: readonly Step[];
  /** Changes to Kafka, which it may refuse. */
  readonly changes: readonly Step[];
  readonly held: readonly Held[];
  readonly wakes: readonly number[];
};

const why = 'it is no longer in the spec';

/** Leaving brokers of the cluster, by id. */
export function leavingBrokers({ spec, cluster, brokers }: ClusterMemory): readonly BrokerRecord[] {
  const { name } = spec.desired;
  const wanted = new Set(spec.desired.brokers.map((b) => b.id));
  // A first voter is bound in the cluster's record before its own is written, and may never have got one.
  const unwritten = (cluster?.voters ?? [])
    .filter(({ nodeId }) => !brokers.has(nodeId))
    .map(({ nodeId, placement }) => ({ ...emptyRecord(name, nodeId), placement }));
  return [...brokers.values(), ...unwritten]
    .filter((record) => !wanted.has(record.id))
    .sort((a, b) => a.id - b.id);
}

/** The broker that is being stopped for good, and therefore has the lock of the roll. */
export function stoppingForGood(memory: ClusterMemory): BrokerRecord | undefined {
  // On an agent that is away it is not waited for: it hosts nothing, and may never be heard of again.
  return leavingBrokers(memory).find(
    ({ task }) => task?.kill !== undefined && task.unreachableSinceMs === undefined,
  );
}

export function planRemovals(
  memory: ClusterMemory,
  needs: readonly Need[],
  kafka: Source<KafkaObserved>,
  /** The broker that the roll stops or restarts in this pass. */
  rolling: number | undefined,
  input: PlanInput,
): Removals {
  const steps: Step[] = [];
  const changes: Step[] = [];
  const held: Held[] = [];
  const wakes: number[] = [];
  let holder = rolling ?? stoppingForGood(memory)?.id;
  for (const record of leavingBrokers(memory)) {
    const move = nextMove(record, memory, kafka, input);
    const hold = (reason: HeldReason, stalled = false): void => {
      held.push({
        clusterName: memory.spec.desired.name,
        brokerId: record.id,
        need: `remove broker ${record.id}`,
        reason,
        stalled,
      });
    };
    switch (move.kind) {
      case 'released':
        break;
      case 'held':
        hold(move.reason, move.stalled);
        wakes.push(...(move.wakeAtMs === undefined ? [] : [move.wakeAtMs]));
        break;
      case 'step':
        steps.push(move.step);
        break;
      case 'change':
        changes.push(move.step);
        break;
      case 'stop': {
        const blocker =
          holder === undefined || holder === record.id
            ? blockerOf(memory, needs, move.kafka)
            : { id: holder, detail: 'is being stopped' };
        if (blocker !== undefined) {
          hold({ kind: 'waiting-for-roll', brokerId: blocker.id, detail: blocker.detail });
          break;
        }
        holder = record.id;
        steps.push(move.step);
        break;
      }
    }
  }
  return { steps, changes, held, wakes };
}

type Move =
  | {
      readonly kind: 'held';
      readonly reason: HeldReason;
      readonly stalled: boolean;
      readonly wakeAtMs?: number;
    }
  | { readonly kind: 'step' | 'change'; readonly step: Step }
  /** Wants the lock. */
  | { readonly kind: 'stop'; readonly step: Step; readonly kafka: KafkaObserved }
  /** What it left is on its way out; release.ts tells of it. */
  | { readonly kind: 'released' };

function nextMove(
  record: BrokerRecord,
  memory: ClusterMemory,
  kafka: Source<KafkaObserved>,
  input: PlanInput,
): Move {
  const { desired } = memory.spec;
  const wait = (reason: HeldReason, stalled = false): Move => ({ kind: 'held', reason, stalled });
  const common = { clusterName: desired.name, brokerId: record.id } as const;
  if (record.task === undefined && record.placement === undefined) {
    return record.leftBehind !== undefined
      ? { kind: 'released' }
      : {
          kind: 'step',
          step: {
            mark: '-',
            what: `remove the record of broker ${record.id}`,
            why: ['nothing of it is left'],
            ...common,
            action: { kind: 'remove-broker', record },
          },
        };
  }
  if (isVoter(memory, record.id)) {
    return wait(
      {
        kind: 'not-yet-supported',
        detail: 'a voter cannot leave the controller quorum; give it back to the spec',
      },
      true,
    );
  }
  const { task } = record;
  const intent = activeIntent(record, input.nowMs);
  if (intent?.kind === 'pause' && task?.kill === undefined) {
    return { kind: 'held', ...pausedBy(intent), stalled: false };
  }
  const isAway = task?.unreachableSinceMs !== undefined;
  if (task?.unreachableSinceMs !== undefined) {
    const wakeAtMs = missedUntilMs(task.unreachableSinceMs, undefined, input.mesos);
    // As for a relocation: news of it that could not be stored is forgotten as an answer too.
    if (input.nowMs < wakeAtMs || !input.mesos.answeredTasks.has(task.taskId)) {
      return {
        kind: 'held',
        reason: {
          kind: 'task-in-progress',
          doing: `${record.placement?.hostname ?? task.agentId} is unreachable; whether it runs there is not known`,
          sinceMs: task.unreachableSinceMs,
        },
        stalled: false,
        wakeAtMs,
      };
    }
  }
  const order = isAway ? undefined : standingOrder(desired, record, record, input.mesos, input.nowMs);
  // It may have run on for long, and host replicas by now: what is due again is looked at again.
  if (order !== undefined && !(order.kind === 'due' && order.runsOn)) {
    return order.kind === 'waiting'
      ? { kind: 'held', reason: order.reason, stalled: false, wakeAtMs: order.untilMs }
      : { kind: 'step', step: order.step };
  }
  const sinceMs = Math.max(
    task?.stateSinceMs ?? 0,
    task?.unreachableSinceMs ?? 0,
    record.last?.endedAtMs ?? 0,
  );
  const reading = readingFor(record, memory, kafka, sinceMs, input.nowMs);
  if (reading.kind === 'blocked') {
    return wait(reading.reason, reading.stalled);
  }
  const observed = reading.kafka;
  const own = Object.keys(record.dynamicConfig ?? {});
  if (task !== undefined && !isAway) {
    if (own.length > 0 && task.state === 'TASK_RUNNING') {
      // Afterwards nobody could: only the broker itself takes its settings, and they would outlive it.
      return { kind: 'change', step: forgetConfig(record, own) };
    }
    return {
      kind: 'stop',
      step: killStep(desired, record, record, 'removed', why, [why], input.nowMs),
      kafka: observed,
    };
  }
  const registered = observed.brokers.find((b) => b.id === record.id);
  if (registered !== undefined) {
    return registered.fenced
      ? {
          kind: 'change',
          step: {
            mark: '-',
            what: `unregister broker ${record.id}`,
            why: [why],
            ...common,
            action: { kind: 'unregister-broker', ...common },
          },
        }
      : wait({
          kind: 'task-in-progress',
          doing: 'waits until the controller has fenced it',
          sinceMs,
        });
  }
  const kept = record.placement?.volumes.filter((v) => v.kind === 'hostPath').map((v) => v.path) ?? [];
  return {
    kind: 'step',
    step: {
      mark: '-',
      what: `give up the place of broker ${record.id} on ${record.placement?.hostname ?? 'no agent'}`,
      why: [
        'it hosts no replica and is not registered any more',
        ...(task === undefined ? [] : ['its agent is away; should its task come back, it is stopped']),
        ...(own.length === 0
          ? []
          : [`what was set dynamically stays in Kafka, for whoever has its id next: ${own.join(', ')}`]),
        ...(kept.length === 0
          ? []
          : [`its data in ${kept.join(', ')} stays there: it is not ours to delete`]),
      ],
      ...common,
      action: {
        kind: 'broker',
        record: withoutTask(leavePlace(record, 'removed', input.nowMs), input.nowMs),
      },
    },
  };
}

/** Its task, if it may be alive, is one to stop whenever it shows itself. */
function withoutTask({ task, ...record }: BrokerRecord, nowMs: number): BrokerRecord {
  if (task === undefined) {
    return record;
  }
  const { taskId, agentId, startedWith } = task;
  return {
    ...record,
    last: {
      taskId,
      agentId,
      state: 'TASK_LOST',
      message: 'its agent is away, and Kafka does without it',
      endedAtMs: nowMs,
      ordered: true,
      startedWith,
    },
    superseded: [...record.superseded, { taskId, agentId }],
  };
}

/** A reading of Kafka on which the broker may go, or why it may not. */
function readingFor(
  record: BrokerRecord,
  { spec: { desired } }: ClusterMemory,
  kafka: Source<KafkaObserved>,
  sinceMs: number,
  nowMs: number,
):
  | { readonly kind: 'ok'; readonly kafka: KafkaObserved }
  | { readonly kind: 'blocked'; readonly reason: HeldReason; readonly stalled: boolean } {
  const blocked = (reason: HeldReason, stalled = false) => ({ kind: 'blocked' as const, reason, stalled });
  if (!kafka.known) {
    return blocked({ kind: 'kafka-unknown', detail: kafka.why });
  }
  const observed = kafka.value;
  const old =
    tooOld(observed, nowMs, 'let a broker go') ??
    (observed.observedAtMs <= sinceMs
      ? askedAgain('its last answer is from before the last change of the broker')
      : undefined);
  if (old !== undefined) {
    return blocked(old.reason, old.stalled);
  }
  if (observed.quorum.voters.some((v) => v.nodeId === record.id)) {
    return blocked(
      {
        kind: 'not-yet-supported',
        detail: 'a voter cannot leave the controller quorum; give it back to the spec',
      },
      true,
    );
  }
  const partitions = hostedBy(observed, record.id);
  if (partitions.length > 0) {
    return blocked(
      {
        kind: 'hosts-replicas',
        partitions: partitions.slice(0, 5),
        more: Math.max(0, partitions.length - 5),
      },
      true,
    );
  }
  const others = desired.brokers.filter((b) => b.roles.includes('broker')).length;
  const wanted = Math.max(
    1,
    ...desired.topics.map((t) => t.replicationFactor),
    ...observed.topics.flatMap((t) => t.partitions.map((p) => p.replicas.length)),
  );
  return others < wanted
    ? blocked({ kind: 'too-few-brokers', wanted, available: others }, true)
    : { kind: 'ok', kafka: observed };
}

/** As for a restart: nobody else of the cluster may be down or behind. One that never ran blocks nobody. */
function blockerOf(
  memory: ClusterMemory,
  needs: readonly Need[],
  kafka: KafkaObserved,
): { readonly id: number; readonly detail: string } | undefined {
  const unsettled = needs.find(
    (n) =>
      n.kind !== 'running' && n.kind !== 'stopped' && (memory.brokers.get(n.broker.id)?.launches ?? 0) > 0,
  );
  if (unsettled !== undefined) {
    return { id: unsettled.broker.id, detail: 'is not running' };
  }
  const behind = needs.find((n) => n.kind === 'running' && !isHealthy(kafka, n.broker));
  return behind === undefined ? undefined : { id: behind.broker.id, detail: 'is not back in sync' };
}

function forgetConfig(record: BrokerRecord, keys: readonly string[]): Step {
  return {
    mark: '-',
    what: `remove settings of broker ${record.id}`,
    why: keys.map((key) => `config ${key}: ${why}`),
    clusterName: record.clusterName,
    brokerId: record.id,
    action: {
      kind: 'alter-broker-config',
      record: {
        ...record,
        dynamicConfig: Object.fromEntries(keys.map((key) => [key, { value: null, applied: false }])),
      },
      changes: Object.fromEntries(keys.map((key) => [key, null])),
    },
  };
}
