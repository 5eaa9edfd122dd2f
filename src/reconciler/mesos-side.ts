/** The loop's side of Mesos: what it said, folded into the table and the records, and what it is told. */
import { ConflictError } from '../model/errors.ts';
import type { MesosCall, MesosEvent, MesosPort, TaskUpdate } from '../model/mesos.ts';
import type { EndedTask } from '../model/records.ts';
import { emptyMesosTable, foldMesosEvent, foldSent, type MesosTable } from '../observe/mesos-table.ts';
import type { Clock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import type { EventLog } from './event-log.ts';
import { type FoldedUpdate, foldTaskUpdate } from './fold-into-memory.ts';
import { type Attempt, requireLeadership } from './guard.ts';
import type { Memory } from './memory.ts';
import type { Rates } from './rates.ts';
import { rememberRemoval } from './removed-framework.ts';
import { isTornDown, tornDown } from './teardown.ts';

export type MesosSide = {
  table(): MesosTable;
  /** Rejects when this process may not act any more. */
  send(call: MesosCall): Promise<void>;
  /** In its turn. */
  handle(event: MesosEvent): Promise<void>;
  /** Whether the store knows of the subscription, where there is one. */
  storeSubscription(): Promise<boolean>;
};

export function createMesosSide({
  memory,
  port,
  mayAct,
  clock,
  logger,
  events,
  rates,
  attempt,
  write,
  taskChanged,
  end,
}: {
  readonly memory: () => Memory;
  readonly port: MesosPort;
  readonly mayAct: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventLog;
  readonly rates: Rates;
  readonly attempt: Attempt;
  readonly write: (what: string, effect: () => Promise<void>) => Promise<boolean>;
  /** Of a cluster whose records changed by it; with how the task ended, where it did. */
  readonly taskChanged: (clusterName: string, ended: EndedTask | undefined) => void;
  /** Nothing is left to be done. */
  readonly end: (why: unknown) => void;
}): MesosSide {
  let table: MesosTable = emptyMesosTable;
  /** Of this subscription, and whether the store has been told of it. */
  let subscription: { readonly frameworkId: string; isStored: boolean } | undefined;

  async function send(call: MesosCall): Promise<void> {
    requireLeadership(mayAct);
    table = foldSent(table, call, clock.nowMs());
    await port.send(call);
  }

  /**
   * Durable before any task is: tasks of a forgotten framework could neither be seen nor stopped. And once in each
   * subscription, before anything is acknowledged: where there is no election only the fence of the store tells
   * that another scheduler has taken over, and what is unknown here may be in its records.
   */
  async function storeSubscription(): Promise<boolean> {
    if (subscription === undefined || subscription.isStored) {
      return true;
    }
    const { frameworkId } = subscription;
    const { removed: _before, ...known } = memory().framework() ?? {};
    subscription.isStored = await write('remember the framework id', () =>
      memory().writeFramework({ ...known, schema: 1, frameworkId }),
    );
    return subscription.isStored;
  }

  async function handle(event: MesosEvent): Promise<void> {
    switch (event.kind) {
      case 'failed-over':
        throw new ConflictError('KM_CONFLICT_FAILED_OVER', 'another scheduler subscribed as this framework', {
          remedy: 'run one scheduler per store',
        });
      case 'framework-removed':
        if (isTornDown(memory())) {
          // The last scheduler died between the TEARDOWN and its record.
          await memory().removeFramework();
          return end(tornDown());
        }
        throw await rememberRemoval(memory(), event.message, { attempt, nowMs: clock.nowMs() });
      case 'subscribed':
        subscription = { frameworkId: event.frameworkId, isStored: false };
        logger.info('subscribed', { frameworkId: event.frameworkId });
        break;
      case 'error':
        logger.error('mesos reports an error', { error: event.message });
        break;
      default:
        break;
    }
    const before = table;
    table = foldMesosEvent(
      table,
      event,
      (taskId) => memory().ownerOf(taskId)?.current === true,
      clock.nowMs(),
    );
    if (event.kind === 'update') {
      // One broker, one task, one executor: they share an id.
      const executorWaitStatus = before.executorExits.get(event.update.taskId)?.status;
      await handleUpdate({
        ...event.update,
        ...(executorWaitStatus === undefined ? {} : { executorWaitStatus }),
      });
    }
    if (event.kind === 'operation') {
      // Nothing is stored of it: what an operation did is seen in offers too, by whoever leads then.
      const { operationId, agentId, uuid } = event.update;
      if (uuid !== undefined && agentId !== undefined && (await storeSubscription())) {
        await attempt('acknowledge an operation', () =>
          send({ kind: 'acknowledge-operation', operationId, agentId, uuid }),
        );
      }
    }
  }

  async function handleUpdate(update: TaskUpdate): Promise<void> {
    const folded: FoldedUpdate = (await storeSubscription())
      ? await foldTaskUpdate(update, {
          memory: memory(),
          attempt,
          write,
          send,
          events,
          rates,
          nowMs: clock.nowMs(),
        })
      : { kind: 'not-stored' };
    if (folded.kind === 'not-stored') {
      const answered = new Set(table.answeredTasks);
      answered.delete(update.taskId);
      table = { ...table, answeredTasks: answered };
    } else if (folded.changedCluster !== undefined) {
      taskChanged(folded.changedCluster, folded.ended);
    }
  }

  return { table: () => table, send, handle, storeSubscription };
}
