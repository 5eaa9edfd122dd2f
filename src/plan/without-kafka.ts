/**
 * Stops while Kafka cannot be asked. It may be the very stop that would give it back: a start that hangs by what it was
 * started with, or an address that is advertised wrongly. None of it costs data, since the broker comes back on its own
 * disk; what it may cost is availability, where only we are cut off from a Kafka that serves. So nothing of it is done
 * before Kafka has been silent for long, and one at a time.
 */
import type { KafkaObserved } from '../model/kafka.ts';
import type { ObservedMesos, Source } from '../model/observed.ts';
import type { HeldReason } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory, TaskRecord } from '../model/records.ts';
import { activeIntent, consentsToSilence, isBeingReplaced } from './intents.ts';

/**
 * A quorum elects within seconds, a start on a clean disk takes less than a minute, and the words of an agent that was cut
 * off come after 75 s: what has not shown itself by then will not, or not soon.
 */
const silentMs = 5 * 60_000;

export type SilentKafka = Extract<Source<KafkaObserved>, { known: false }>;

/** Why a broker is not stopped now. */
export type Blocked = {
  readonly reason: HeldReason;
  readonly stalled: boolean;
  /** From then on it may be another verdict. */
  readonly untilMs?: number;
};

/** A change that is under way or an answer that was lost make it unknown for a moment; this is not meant. */
function silentFromMs({ sinceMs }: SilentKafka): number | undefined {
  return sinceMs === undefined ? undefined : sinceMs + silentMs;
}

/**
 * Nobody may be stopped on no answer; once that has lasted a person may consent to it. Not of one that comes back on an
 * empty disk only, which wants to know what the others have.
 */
export function heldWithoutKafka(kafka: SilentKafka, nowMs: number, record?: BrokerRecord): Blocked {
  const fromMs = silentFromMs(kafka);
  const isSilent = fromMs !== undefined && fromMs <= nowMs;
  const mayConsent =
    isSilent && record !== undefined && !isBeingReplaced(record, nowMs) && !losesItsDisk(record);
  return {
    reason: { kind: 'kafka-unknown', detail: kafka.why, ...(mayConsent ? { mayConsent } : {}) },
    stalled: isSilent,
    ...(isSilent || fromMs === undefined ? {} : { untilMs: fromMs }),
  };
}

/** By name, of the task that runs. */
export function isConsentedWithoutKafka(record: BrokerRecord, nowMs: number): boolean {
  const intent = activeIntent(record, nowMs);
  return (
    intent !== undefined &&
    consentsToSilence(intent) &&
    (intent.kind !== 'restart' || intent.taskId === record.task?.taskId)
  );
}

/** Whether a broker that an operator has consented for may stop now. */
export function blockConsented(
  memory: ClusterMemory,
  record: BrokerRecord,
  kafka: SilentKafka,
  nowMs: number,
): Blocked | undefined {
  const held = heldWithoutKafka(kafka, nowMs, record);
  if (!held.stalled) {
    return held;
  }
  return losesItsDisk(record) ? losing() : besideAnother(memory, record.id, nowMs);
}

/**
 * Whether a start may be given up: one that has hung for long in the eyes of this scheduler too, which may have taken over
 * from one that died before it heard of its RUNNING. Log recovery takes what it takes. A replacement gives Kafka nothing
 * back: what is stopped for it starts only when Kafka has been asked.
 */
export function blockHungStart(
  memory: ClusterMemory,
  record: BrokerRecord,
  task: TaskRecord,
  kafka: SilentKafka,
  { subscribedAtMs, answeredTasks }: Pick<ObservedMesos, 'subscribedAtMs' | 'answeredTasks'>,
  nowMs: number,
): Blocked | undefined {
  const held = heldWithoutKafka(kafka, nowMs, record);
  const isUnderWay = task.report?.phase === 'recovering' || !answeredTasks.has(task.taskId);
  if (!held.stalled || isUnderWay || isBeingReplaced(record, nowMs)) {
    return held;
  }
  if (losesItsDisk(record)) {
    return losing();
  }
  const hangsFromMs = Math.max(task.stateSinceMs, subscribedAtMs ?? nowMs) + silentMs;
  if (hangsFromMs > nowMs) {
    return { ...held, stalled: false, untilMs: hangsFromMs };
  }
  return besideAnother(memory, record.id, nowMs);
}

/** The one before may yet give Kafka back; if it does not in its time, it is not the one to wait for. */
function besideAnother(memory: ClusterMemory, id: number, nowMs: number): Blocked | undefined {
  const other = restarting(memory, id).find(({ sinceMs }) => nowMs - sinceMs < silentMs);
  return (
    other && {
      reason: { kind: 'waiting-for-roll', brokerId: other.id, detail: other.detail },
      stalled: false,
      untilMs: other.sinceMs + silentMs,
    }
  );
}

type Restarting = { readonly id: number; readonly sinceMs: number; readonly detail: string };

/** The other brokers of which somebody has ordered an end, and that are not back. What is out of reach is not waited for. */
function restarting({ spec, brokers }: ClusterMemory, except: number): readonly Restarting[] {
  const toRun = new Set(spec.desired.brokers.filter((b) => b.state === 'running').map((b) => b.id));
  return [...brokers.values()]
    .sort((a, b) => a.id - b.id)
    .flatMap(({ id, task, last }): readonly Restarting[] => {
      if (id === except || task?.unreachableSinceMs !== undefined) {
        return [];
      }
      if (task?.kill !== undefined) {
        return [{ id, sinceMs: task.kill.atMs, detail: 'is being stopped' }];
      }
      return last?.ordered === true && task?.state !== 'TASK_RUNNING' && toRun.has(id)
        ? [{ id, sinceMs: Math.max(last.endedAtMs, task?.launchedAtMs ?? 0), detail: 'is not running' }]
        : [];
    });
}

/** A sandbox goes with its task. */
const losesItsDisk = ({ placement }: BrokerRecord): boolean =>
  placement?.volumes.some((v) => v.kind === 'sandbox') === true;

const losing = (): Blocked => ({
  reason: {
    kind: 'kafka-unknown',
    detail: 'its disk is its sandbox, which goes with its task, and nobody can say who else has its data',
  },
  stalled: true,
});
