/** What an operator asked of a broker: never repaired as a difference, done once, let go in time, and never lost. */
import type { BrokerIntent, BrokerRecord } from '../../src/model/records.ts';
import { brokerRecords, isToGo, specRecord, type Truth, Violation } from './truth.ts';

/** How an intent came to its end. */
export type IntentEnd = 'done' | 'expired' | 'taken back';

export type IntentChecks = {
  written(path: string, value: unknown, before: unknown): void;
  atTheEnd(isStuck: (clusterName: string) => boolean): void;
};

/** Clocks of schedulers differ, and one goes up to a tenth faster or slower, back to a wall clock that was set. */
const clockMs = 60_000;
const clockFactor = 0.89;

export function createIntentChecks(
  truth: Truth,
  deps: {
    readonly isOpen: (clusterName: string, brokerId: number) => boolean;
    readonly ended: (intent: BrokerIntent, how: IntentEnd) => void;
  },
): IntentChecks {
  /** By who asked: the tasks that were killed for it. */
  const killed = new Map<string, Set<string>>();
  /** By who asked: when that was stored. */
  const storedAtMs = new Map<string, number>();

  function mayBeOver({ author, atMs, expiresAtMs }: BrokerIntent): boolean {
    const nowMs = truth.nowMs();
    const forMs = nowMs - (storedAtMs.get(author) ?? nowMs);
    return (
      expiresAtMs !== undefined &&
      (nowMs > expiresAtMs - clockMs || forMs >= (expiresAtMs - atMs) * clockFactor)
    );
  }
  function endOf(is: BrokerRecord, was: BrokerIntent): IntentEnd {
    if (isDone(is, was)) return 'done';
    if (deps.isOpen(is.clusterName, is.id)) return 'taken back';
    if (mayBeOver(was)) return 'expired';
    throw new Violation(`${was.kind} of broker ${is.id}, asked for by ${was.author}, was forgotten`);
  }
  function checkObeyed(is: BrokerRecord, was: BrokerRecord, intent: BrokerIntent): void {
    const { kind, author } = intent;
    if (mayBeOver(intent)) return;
    const isStarted = is.task !== undefined && is.task.taskId !== was.task?.taskId;
    if (isStarted && (kind === 'stop' || kind === 'pause')) {
      throw new Violation(`broker ${is.id} is started against the ${kind} of ${author}`);
    }
    if (kind === 'pause' && isKilled(is, was) && !isToGo(truth, is.clusterName)) {
      throw new Violation(`broker ${is.id} is stopped against the pause of ${author}`);
    }
  }

  return {
    written(path, value, before) {
      if (!path.includes('/brokers/') || before === undefined) return;
      const is = value as BrokerRecord;
      const was = before as BrokerRecord;
      if (is.intent !== undefined && !storedAtMs.has(is.intent.author)) {
        storedAtMs.set(is.intent.author, truth.nowMs());
      }
      if (was.intent !== undefined) {
        if (is.intent?.author === was.intent.author) checkObeyed(is, was, was.intent);
        else deps.ended(was.intent, endOf(is, was.intent));
      }
      const author = isKilled(is, was)
        ? /asked for by (op-\d+\.)/.exec(is.task?.kill?.detail ?? '')?.[1]
        : undefined;
      if (author === undefined || was.intent?.kind !== 'restart') return;
      const tasks = killed.get(author) ?? new Set();
      killed.set(author, tasks.add(is.task?.taskId ?? ''));
      if (tasks.size > 1) throw new Violation(`broker ${is.id} was restarted twice for ${author}`);
    },
    atTheEnd(isStuck) {
      for (const { clusterName, id, intent } of brokerRecords(truth)) {
        const { desired } = specRecord(truth, clusterName) ?? {};
        const isWanted =
          desired?.deletion === undefined && desired?.brokers.some((b) => b.id === id) === true;
        if (intent === undefined || isStuck(clusterName) || !isWanted) continue;
        throw new Violation(
          `${intent.kind} of broker ${id}, asked for by ${intent.author}, never came to an end`,
        );
      }
    },
  };
}

const isKilled = (is: BrokerRecord, was: BrokerRecord): boolean =>
  is.task?.kill !== undefined && was.task?.taskId === is.task.taskId && was.task.kill === undefined;

function isDone({ task, placement }: BrokerRecord, intent: BrokerIntent): boolean {
  const runs = task?.state === 'TASK_RUNNING' && task.kill === undefined;
  if (intent.kind === 'restart') return runs && task.taskId !== intent.taskId;
  return intent.kind === 'replace' && runs && placement?.incarnation !== intent.incarnation;
}
