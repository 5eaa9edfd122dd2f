/** Calls that keep our view and Mesos' in step: declines, revive and suppress, reconciliation, kills of strangers. */
import { count } from '../model/count.ts';
import type { MesosCall } from '../model/mesos.ts';
import type { PlanInput } from '../model/observed.ts';
import type { DeclinedOffer, DeclineReason, Step } from '../model/plan.ts';
import { placeTaskId } from '../model/task-id.ts';
import { reviveBucket, tokensAt } from '../model/token-bucket.ts';
import { killDueAtMs } from './kill.ts';

const implicitReconcileMs = 15 * 60_000;
/** A launch that brought no update by then is asked about. */
const launchSilenceMs = 30_000;
/** Offers may have been on their way when they were suppressed. */
const onTheirWayMs = 5_000;

/** What waits for resources, each need by a key that changes when other offers would do, and what was refused. */
export type OfferWishes = {
  readonly waiting: readonly string[];
  /** Why any offers are wanted. */
  readonly why: string;
  readonly declined: readonly DeclinedOffer[];
  /** Strangers that the records prove superseded. */
  readonly superseded: PlanInput['mesos']['strangers'];
};

/** Another one among `keys`: what was refused before is wanted after all. */
export type OffersWanted = {
  readonly keys: readonly string[];
  readonly reason: DeclineReason;
  readonly why: string;
  readonly withinSeconds: number;
};

export function planCalls(
  input: PlanInput,
  wishes: OfferWishes,
): { readonly steps: readonly Step[]; readonly wakes: readonly number[] } {
  const steps: Step[] = [];
  const wakes: number[] = [];
  const call = (what: string, why: string, mesosCall: MesosCall): void => {
    steps.push({ mark: '·', what, why: [why], action: { kind: 'mesos', call: mesosCall } });
  };

  // Before any offer is asked for: tasks that no record knows are to be heard of before it is used.
  const implicitAtMs =
    (input.mesos.lastImplicitReconcileAtMs ?? Number.NEGATIVE_INFINITY) + implicitReconcileMs;
  if (implicitAtMs <= input.nowMs) {
    call('reconcile all tasks', 'once in a while, to learn of tasks that no record knows', {
      kind: 'reconcile-tasks',
      tasks: [],
    });
    // The master leaves out tasks of unreachable agents and those that have ended, and its word of it comes once at most.
    const missed = missedTasks(input, wishes.superseded);
    if (missed.length > 0) {
      call(
        `reconcile ${count(missed.length, 'missed task')}`,
        'they or their agents may be gone for good by now',
        {
          kind: 'reconcile-tasks',
          tasks: missed,
        },
      );
    }
    wakes.push(input.nowMs + implicitReconcileMs);
  } else {
    wakes.push(implicitAtMs);
  }

  // Before the refusals of this very pass, which it would take back.
  const revive = planRevive(input, wishes.waiting);
  if (revive === 'now') {
    call('revive offers', wishes.why, { kind: 'revive' });
  } else if (revive !== undefined) {
    wakes.push(revive.atMs);
  }
  for (const [refuseSeconds, group] of Map.groupBy(wishes.declined, (d) => d.refuseSeconds)) {
    call(`decline ${count(group.length, 'offer')}`, group[0]?.why ?? '', {
      kind: 'decline',
      offerIds: group.map((d) => d.offerId),
      refuseSeconds,
      refusedFor: wishes.waiting,
    });
  }
  if (wishes.waiting.length === 0 && wantsSilence(input.mesos)) {
    call('suppress offers', 'nothing waits for resources', { kind: 'suppress' });
  }

  for (const stranger of wishes.superseded) {
    const sent = input.mesos.kills.get(stranger.taskId);
    const dueAtMs = killDueAtMs(sent);
    if (dueAtMs <= input.nowMs) {
      call(`kill task ${stranger.taskId}`, 'no record wants it any more', { kind: 'kill', ...stranger });
      // No update may ever come of it: look again when it is due again.
      wakes.push(killDueAtMs({ lastAtMs: input.nowMs, attempts: (sent?.attempts ?? 0) + 1 }));
    } else {
      wakes.push(dueAtMs);
    }
  }

  if (!input.mesos.operationsAsked && leavesAnything(input)) {
    call('reconcile operations', 'an earlier scheduler may not have heard how releases ended', {
      kind: 'reconcile-operations',
    });
  }
  const due = explicitDue(input);
  wakes.push(...due.wakes);
  if (due.tasks.length > 0) {
    call(`reconcile ${count(due.tasks.length, 'task')}`, 'Mesos has not said how they are', {
      kind: 'reconcile-tasks',
      tasks: due.tasks,
    });
  }
  return { steps, wakes };
}

function leavesAnything({ clusters }: PlanInput): boolean {
  return clusters.some((c) => [...c.brokers.values()].some((r) => r.leftBehind !== undefined));
}

/**
 * Tasks to ask about by name: those this subscription brought no word of, superseded ones too, and launches
 * that stay silent; 1 s, 2 s, 4 s, … up to a minute apart. Silence is never an answer.
 */
function explicitDue(input: PlanInput): {
  readonly tasks: readonly NamedTask[];
  readonly wakes: readonly number[];
} {
  const silent = input.clusters.flatMap((memory) =>
    [...memory.brokers.values()].flatMap((record) => {
      const { task } = record;
      const olderThanSubscription =
        task !== undefined && task.launchedAtMs < (input.mesos.subscribedAtMs ?? 0);
      const askable =
        task !== undefined &&
        !input.mesos.answeredTasks.has(task.taskId) &&
        (olderThanSubscription || input.nowMs - task.launchedAtMs >= launchSilenceMs);
      const sleeping = task !== undefined && !input.mesos.answeredTasks.has(task.taskId) && !askable;
      return task === undefined
        ? []
        : [
            {
              taskId: task.taskId,
              agentId: task.agentId,
              askable,
              wakeAtMs: sleeping ? task.launchedAtMs + launchSilenceMs : undefined,
            },
          ];
    }),
  );
  const tasks = [
    ...silent.filter((s) => s.askable).map(({ taskId, agentId }) => ({ taskId, agentId })),
    ...supersededTasks(input).filter(({ taskId }) => !input.mesos.answeredTasks.has(taskId)),
  ];
  const { lastAtMs, attempts } = input.mesos.explicitReconcile;
  const dueAtMs =
    lastAtMs === undefined ? 0 : lastAtMs + Math.min(60_000, 1_000 * 2 ** Math.min(attempts - 1, 6));
  const wakes = silent.flatMap((s) => s.wakeAtMs ?? []);
  if (tasks.length === 0) {
    return { tasks, wakes };
  }
  return dueAtMs <= input.nowMs
    ? { tasks, wakes: [...wakes, input.nowMs + 1_000] }
    : { tasks: [], wakes: [...wakes, dueAtMs] };
}

/**
 * REVIVE clears suppression and refusals: due when something waits that has not seen what was refused
 * before it came, and allowed by the token bucket.
 */
function planRevive(
  { mesos, nowMs }: PlanInput,
  waiting: readonly string[],
): 'now' | { readonly atMs: number } | undefined {
  const { refusedFor } = mesos;
  const isNew = (need: string): boolean => refusedFor !== undefined && !refusedFor.has(need);
  if (waiting.length === 0 || !(mesos.suppressed || waiting.some(isNew))) {
    return undefined;
  }
  const tokens = tokensAt(mesos.revives, reviveBucket, nowMs);
  return tokens >= 1 ? 'now' : { atMs: nowMs + Math.ceil((1 - tokens) * reviveBucket.refillMs) };
}

/** Offers that come although we suppressed them: the call was lost, or the master is another. */
function wantsSilence({ suppressed, suppressedAtMs, offers }: PlanInput['mesos']): boolean {
  return (
    !suppressed ||
    (suppressedAtMs !== undefined && offers.some((o) => o.receivedAtMs >= suppressedAtMs + onTheirWayMs))
  );
}

/** An agent that is there has offered by then what was left on it. */
const leftLongMs = 5 * 60_000;

type NamedTask = { readonly taskId: string; readonly agentId: string };

function missedTasks(input: PlanInput, killed: OfferWishes['superseded']): readonly NamedTask[] {
  const { clusters, mesos } = input;
  const unreachable = clusters.flatMap((memory) =>
    [...memory.brokers.values()].flatMap(({ task }) =>
      task?.unreachableSinceMs === undefined ? [] : [{ taskId: task.taskId, agentId: task.agentId }],
    ),
  );
  // One that shows itself is killed as a stranger; of the others nobody knows more than that they were.
  const alive = new Set(mesos.strangers.flatMap((s) => (s.isAway === true ? [] : [s.taskId])));
  // What was said of it may have come late, when its end was told and its record gone: then it holds up its cluster.
  const unowned = mesos.strangers
    .filter((s) => !killed.includes(s))
    .map(({ taskId, agentId }) => ({ taskId, agentId }));
  const missed = [
    ...unreachable,
    ...unowned,
    ...supersededTasks(input).filter(({ taskId }) => !alive.has(taskId)),
  ].filter(({ taskId }) => mesos.answeredTasks.has(taskId));
  return [...new Map(missed.map((task) => [task.taskId, task])).values()];
}

/**
 * Only their end makes them forgotten, and nothing but a question may ever bring it. The same goes for places that were
 * left, on agents that are marked gone.
 */
function supersededTasks({ clusters, nowMs }: PlanInput): readonly NamedTask[] {
  return clusters.flatMap((memory) =>
    [...memory.brokers.values()].flatMap(({ superseded, leftBehind = [] }) => [
      ...superseded,
      ...leftBehind
        .filter(({ sinceMs }) => sinceMs + leftLongMs <= nowMs)
        .map(({ incarnation, agentId }) => ({ taskId: placeTaskId(incarnation), agentId })),
    ]),
  );
}
