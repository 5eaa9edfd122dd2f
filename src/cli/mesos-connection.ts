/** What the client of Mesos tells of its connection, for people and for the loop. */
import type { SchedulerClient } from '../mesos/client.ts';
import { formatHostPort } from '../mesos/master-address.ts';
import type { MesosConnection } from '../model/api.ts';
import type { Reconciler } from '../reconciler/ports.ts';
import type { Logger } from '../sys/logger.ts';

type Connection = ReturnType<SchedulerClient['connection']>;

/** What people see of it: since when, and to which master. */
export function foldConnection(before: MesosConnection, news: Connection, nowMs: number): MesosConnection {
  if (news.kind === 'subscribed') {
    const master = formatHostPort(news.master);
    const isSame = before.state === 'subscribed' && before.master === master;
    return isSame ? before : { state: 'subscribed', sinceMs: nowMs, master };
  }
  const known = before.state === 'not-subscribed' ? before : undefined;
  const why = news.kind === 'disconnected' ? news.error.message : known?.why;
  return {
    state: 'not-subscribed',
    sinceMs: known?.sinceMs ?? nowMs,
    ...(why === undefined ? {} : { why }),
  };
}

export function tellConnection(reconciler: Reconciler, connection: Connection, logger: Logger): void {
  switch (connection.kind) {
    case 'disconnected':
      logger.warn('disconnected from mesos', {
        error: connection.error.message,
        retryAtMs: connection.retryAtMs,
      });
      reconciler.onMesosEvent({ kind: 'disconnected' });
      return;
    case 'failed-over':
      reconciler.onMesosEvent({ kind: 'failed-over' });
      return;
    case 'removed':
      reconciler.onMesosEvent({
        kind: 'framework-removed',
        message: 'it was torn down, or away for longer than its failover timeout',
      });
      return;
    case 'connecting':
    case 'subscribed':
    case 'closed':
      return;
  }
}
