/** Calls that keep our view and Mesos' in step: declines, revive and suppress, reconciliation, kills of strangers. */
import type { MesosCall } from '../model/mesos.ts';
import type { PlanInput } from '../model/observed.ts';
import type { DeclinedOffer, Step } from '../model/plan.ts';
import { killDueAtMs } from './kill.ts';

const implicitReconcileMs = 15 * 60_000;
/** A launch that brought no update by then is asked about. */
const launchSilenceMs = 30_000;

export type OffersWanted = { readonly why: string; readonly withinSeconds: number };

export function planCalls(
  input: PlanInput,
  offers: {
    /** Why offers must keep coming, and how soon those that were declined must come again. */
    readonly wanted: OffersWanted | undefined;
    readonly declined: readonly DeclinedOffer[];
  },
): { readonly steps: readonly Step[]; readonly wakes: readonly number[] } {
  const steps: Step[] = [];
  const wakes: number[] = [];
  const call = (what: string, why: string, mesosCall: MesosCall): void => {
    steps.push({ mark: '·', what, why: [why], action: { kind: 'mesos', call: mesosCall } });
  };

  for (const [refuseSeconds, group] of Map.groupBy(offers.declined, (d) => d.refuseSeconds)) {
    call(`decline ${group.length} offer${group.length === 1 ? '' : 's'}`, group[0]?.why ?? '', {
      kind: 'decline',
      offerIds: group.map((d) => d.offerId),
      refuseSeconds,
    });
  }
  const { wanted } = offers;
  if (wanted !== undefined && (input.mesos.suppressed || isFiltered(input, wanted))) {
    call('revive offers', wanted.why, { kind: 'revive' });
  }
  if (wanted === undefined && !input.mesos.suppressed) {
    call('suppress offers', 'nothing waits for resources', { kind: 'suppress' });
  }

  for (const stranger of input.mesos.strangers) {
    const sent = input.mesos.kills.get(stranger.taskId);
    const dueAtMs = killDueAtMs(sent);
    if (dueAtMs <= input.nowMs) {
      call(`kill task ${stranger.taskId}`, 'no record wants it', { kind: 'kill', ...stranger });
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
    call(
      `reconcile ${due.tasks.length} task${due.tasks.length === 1 ? '' : 's'}`,
      'Mesos has not said how they are',
      { kind: 'reconcile-tasks', tasks: due.tasks },
    );
  }
  const implicitAtMs =
    (input.mesos.lastImplicitReconcileAtMs ?? Number.NEGATIVE_INFINITY) + implicitReconcileMs;
  if (implicitAtMs <= input.nowMs) {
    call('reconcile all tasks', 'once in a while, to learn of tasks that no record knows', {
      kind: 'reconcile-tasks',
      tasks: [],
    });
    wakes.push(input.nowMs + implicitReconcileMs);
  } else {
    wakes.push(implicitAtMs);
  }
  return { steps, wakes };
}

function leavesAnything({ clusters }: PlanInput): boolean {
  return clusters.some((c) => [...c.brokers.values()].some((r) => r.leftBehind !== undefined));
}

/** What was declined while less was wanted would stay away for longer than is wanted now. */
function isFiltered({ mesos, nowMs }: PlanInput, { withinSeconds }: OffersWanted): boolean {
  return (mesos.refusedUntilMs ?? 0) > nowMs + withinSeconds * 1_000;
}

/**
 * Tasks to ask about by name: those this subscription brought no word of, and launches that stay
 * silent; 1 s, 2 s, 4 s, … up to a minute apart. Silence is never an answer.
 */
function explicitDue(input: PlanInput): {
  readonly tasks: readonly { readonly taskId: string; readonly agentId: string }[];
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
  const tasks = silent.filter((s) => s.askable).map(({ taskId, agentId }) => ({ taskId, agentId }));
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
