/**
 * What an operator asked of one broker, beside the spec: never a difference to be repaired, and forgotten when
 * it is done or its time is over.
 *
 * | Kind | Means | Ends |
 * |---|---|---|
 * | `stop` | keep it stopped, as `state: stopped` in the spec would | when taken back, or its time is over |
 * | `pause` | leave it alone: neither start, stop, restart nor relocate it | when taken back, or its time is over |
 * | `restart` | restart it once, behind the same gate as a roll | when another task of it runs |
 * | `replace` | give up its disk and start it empty on another agent, behind the gates of roll and relocation | when it runs on its new disk |
 *
 * `stop` and `restart` may come with the consent to go on where Kafka cannot be asked (`plan/without-kafka.ts`).
 * The end of the whole cluster, which was confirmed by its name, goes over all of them.
 */

import type { DesiredBroker } from '../model/desired.ts';
import type { HeldReason, Step } from '../model/plan.ts';
import type { BrokerIntent, BrokerRecord, ClusterMemory } from '../model/records.ts';

export function activeIntent(record: BrokerRecord | undefined, nowMs: number): BrokerIntent | undefined {
  const intent = record?.intent;
  return intent === undefined || (intent.expiresAtMs !== undefined && intent.expiresAtMs <= nowMs)
    ? undefined
    : intent;
}

/** The cluster as the spec says it and operators want it: what follows looks at one desired state only. */
export function withIntents(memory: ClusterMemory, nowMs: number): ClusterMemory {
  const isStopped = (id: number): boolean => activeIntent(memory.brokers.get(id), nowMs)?.kind === 'stop';
  const { desired } = memory.spec;
  if (!desired.brokers.some((b) => isStopped(b.id))) {
    return memory;
  }
  const brokers = desired.brokers.map((b) => (isStopped(b.id) ? { ...b, state: 'stopped' as const } : b));
  return { ...memory, spec: { ...memory.spec, desired: { ...desired, brokers } } };
}

/** `restart asked for by ann`, in the list of what a restart is for; empty when nothing is asked. */
export function askedRestart(record: BrokerRecord, nowMs: number): readonly string[] {
  const intent = activeIntent(record, nowMs);
  if (intent?.kind === 'restart' && intent.taskId === record.task?.taskId) {
    return [`restart ${askedBy(intent)}`];
  }
  return isBeingReplaced(record, nowMs) && intent !== undefined ? [`replacement ${askedBy(intent)}`] : [];
}

export function whyStopped(record: BrokerRecord | undefined, nowMs: number): string {
  const intent = activeIntent(record, nowMs);
  return intent?.kind === 'stop' ? `stop ${askedBy(intent)}` : 'the spec says stopped';
}

export function pausedBy({ author, reason, expiresAtMs }: BrokerIntent): {
  readonly reason: Extract<HeldReason, { kind: 'paused-by-operator' }>;
} {
  return {
    reason: {
      kind: 'paused-by-operator',
      author,
      ...(reason === undefined ? {} : { detail: reason }),
      ...(expiresAtMs === undefined ? {} : { untilMs: expiresAtMs }),
    },
  };
}

export function askedBy({ author, reason }: BrokerIntent): string {
  return `asked for by ${author}${reason === undefined ? '' : ` (${reason})`}`;
}

/** Its disk is to be given up, and still is its disk. */
export function isBeingReplaced(record: BrokerRecord, nowMs: number): boolean {
  const intent = activeIntent(record, nowMs);
  return intent?.kind === 'replace' && intent.incarnation === record.placement?.incarnation;
}

/** Partitions whose loss was consented to by name. */
export function acceptedLoss(record: BrokerRecord, nowMs: number): ReadonlySet<string> {
  const intent = activeIntent(record, nowMs);
  // Of the disk to be given up, which may have been left by now.
  const disks = [record.placement?.incarnation, record.oldHome?.placement.incarnation];
  return new Set(intent?.kind === 'replace' && disks.includes(intent.incarnation) ? intent.acceptLoss : []);
}

export type IntentRequest = {
  readonly kind: BrokerIntent['kind'];
  readonly author: string;
  readonly reason?: string;
  readonly expiresAtMs?: number;
  readonly acceptLoss?: readonly string[];
  readonly withoutKafka?: boolean;
};

/** It is to be done also where Kafka cannot be asked whether the broker can be spared. */
export function consentsToSilence(intent: BrokerIntent): boolean {
  return (intent.kind === 'stop' || intent.kind === 'restart') && intent.withoutKafka === true;
}

/** One intent a broker: a later one takes the place of an earlier one. Failures are forgotten, so that it is tried at once. */
export function askFor(record: BrokerRecord, request: IntentRequest, nowMs: number): BrokerRecord {
  const { kind, author, reason, expiresAtMs } = request;
  const common = {
    author,
    atMs: nowMs,
    ...(reason === undefined ? {} : { reason }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
  const consent = request.withoutKafka === true ? { withoutKafka: true as const } : {};
  const fresh = kind === 'pause' ? record : forgetFailures(withoutIntent(record, nowMs));
  switch (kind) {
    case 'stop':
      return { ...fresh, intent: { kind, ...common, ...consent } };
    case 'pause':
      return { ...fresh, intent: { kind, ...common } };
    case 'restart':
      return {
        ...fresh,
        intent: {
          kind,
          ...common,
          ...consent,
          ...(record.task === undefined ? {} : { taskId: record.task.taskId }),
        },
      };
    case 'replace':
      return {
        ...fresh,
        intent: {
          kind,
          ...common,
          incarnation: record.placement?.incarnation ?? '',
          acceptLoss: request.acceptLoss ?? [],
        },
      };
  }
}

/** Takes back whatever was asked, and tries at once what was backing off. */
export function askNothing(record: BrokerRecord, nowMs: number): BrokerRecord {
  return withoutIntent(forgetFailures(record), nowMs);
}

/** While it was kept down nobody asked its agent for anything: that it did not offer says nothing. */
function withoutIntent({ intent, ...rest }: BrokerRecord, nowMs: number): BrokerRecord {
  const wasKeptDown = (intent?.kind === 'stop' || intent?.kind === 'pause') && rest.task === undefined;
  return wasKeptDown ? { ...rest, wantedSinceMs: nowMs } : rest;
}

function forgetFailures(record: BrokerRecord): BrokerRecord {
  const { retryAtMs: _due, last, ...rest } = record;
  if (last?.state !== 'TASK_ERROR') {
    return { ...rest, ...(last === undefined ? {} : { last }), failures: 0 };
  }
  // What Mesos refused may have been mended elsewhere: it is asked again, at the same revision too.
  const { revision: _refused, ...known } = last;
  return { ...rest, last: known, failures: 0 };
}

/**
 * Intents that are done or whose time is over; `busy` records are written by another step of this pass. `memory`: with
 * the spec as it is stored.
 */
export function endedIntents(
  memory: ClusterMemory,
  busy: ReadonlySet<number>,
  nowMs: number,
): readonly Step[] {
  return [...memory.brokers.values()].flatMap((record) => {
    const { intent } = record;
    if (intent === undefined || busy.has(record.id)) {
      return [];
    }
    const isOver = activeIntent(record, nowMs) === undefined;
    const broker = memory.spec.desired.brokers.find((b) => b.id === record.id);
    if (!isOver && !isDone(record, intent, broker?.state)) {
      return [];
    }
    return [
      {
        mark: '·' as const,
        what: `forget that broker ${record.id} was to ${intent.kind}`,
        why: [isOver ? 'its time is over' : 'it is done'],
        clusterName: record.clusterName,
        brokerId: record.id,
        action: { kind: 'broker' as const, record: withoutIntent(record, nowMs) },
      },
    ];
  });
}

function isDone(
  record: BrokerRecord,
  intent: BrokerIntent,
  inSpec: DesiredBroker['state'] | undefined,
): boolean {
  const { task } = record;
  const runs = task?.state === 'TASK_RUNNING' && task.kill === undefined;
  switch (intent.kind) {
    case 'restart':
      return runs && task.taskId !== intent.taskId;
    case 'replace':
      return runs && record.placement?.incarnation !== intent.incarnation;
    case 'stop':
      // To a stop of the spec it gave its consent only.
      return consentsToSilence(intent) && inSpec === 'stopped' && task === undefined;
    case 'pause':
      return false;
  }
}

/** When the next one ends by itself. */
export function intentWakes(memory: ClusterMemory): readonly number[] {
  return [...memory.brokers.values()].flatMap((r) => r.intent?.expiresAtMs ?? []);
}
