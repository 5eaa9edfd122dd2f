/** The product's own client as a framework of the test, and everything that came on its stream. */

import type { Connection } from '../../src/mesos/client.ts';
import { createSchedulerClient } from '../../src/mesos/client.ts';
import type { LeaderDetector } from '../../src/mesos/leader.ts';
import { toSubscribe } from '../../src/mesos/to-wire.ts';
import type { Offer, SchedulerCallBody, SchedulerEvent, TaskStatus } from '../../src/mesos/types.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { systemRandom } from '../../src/sys/random.ts';
import { until } from './report.ts';
import type { Settings } from './settings.ts';

export type Subscriber = {
  readonly events: readonly SchedulerEvent[];
  /** By their ids; neither rescinded nor, the test's own business, used. */
  readonly offers: Map<string, Offer>;
  /** When each came. */
  readonly heartbeatsMs: readonly number[];
  subscribed(waitMs: number): Promise<Extract<Connection, { kind: 'subscribed' }>>;
  subscribedAtMs(): number;
  /** The interval that the master said. */
  heartbeatMs(): number;
  /** How often it was subscribed. */
  subscriptions(): number;
  connection(): Connection;
  call(body: SchedulerCallBody): Promise<void>;
  /** The first update of the task that `is` accepts; any unless said. */
  update(taskId: string, waitMs: number, is?: (status: TaskStatus) => boolean): Promise<TaskStatus>;
  close(): void;
};

/** A minute: should this process die, the master forgets the framework by itself. */
const failoverTimeoutMs = 60_000;

export function subscribe(
  settings: Settings,
  detector: LeaderDetector,
  name: string,
  frameworkId?: string,
): Subscriber {
  const { role, principal, user, credentials } = settings;
  const events: SchedulerEvent[] = [];
  const offers = new Map<string, Offer>();
  const heartbeatsMs: number[] = [];
  let known = frameworkId;
  let subscribedAtMs = 0;
  let heartbeatMs = 0;
  const client = createSchedulerClient({
    detector,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    ...(credentials === undefined ? {} : { credentials }),
    subscription: () => toSubscribe({ name, user, role, principal, failoverTimeoutMs }, known),
    beforeCall: () => {},
    onConnection: () => {},
    onEvent(event) {
      events.push(event);
      switch (event.type) {
        case 'SUBSCRIBED':
          offers.clear();
          known = event.subscribed.framework_id.value;
          subscribedAtMs = Date.now();
          heartbeatMs = (event.subscribed.heartbeat_interval_seconds ?? 0) * 1_000;
          break;
        case 'OFFERS':
          for (const offer of event.offers.offers ?? []) offers.set(offer.id.value, offer);
          break;
        case 'RESCIND':
          offers.delete(event.rescind.offer_id.value);
          break;
        case 'HEARTBEAT':
          heartbeatsMs.push(Date.now());
          break;
        case 'UPDATE':
          acknowledge(event.update.status);
          break;
        default:
      }
    },
  });
  const acknowledge = ({ uuid, task_id, agent_id }: TaskStatus): void => {
    if (uuid === undefined || agent_id === undefined) return;
    // What is lost is sent again by the agent.
    void client.call({ type: 'ACKNOWLEDGE', acknowledge: { agent_id, task_id, uuid } }).catch(() => {});
  };
  client.start();
  return {
    events,
    offers,
    heartbeatsMs,
    subscribed: (waitMs) =>
      until(
        'SUBSCRIBED',
        waitMs,
        () => {
          const now = client.connection();
          return now.kind === 'subscribed' && events.some(({ type }) => type === 'SUBSCRIBED') && now;
        },
        () => {
          const now = client.connection();
          return now.kind === 'disconnected' ? now.error.message : `the connection is ${now.kind}`;
        },
      ),
    subscribedAtMs: () => subscribedAtMs,
    heartbeatMs: () => heartbeatMs,
    subscriptions: () => events.filter(({ type }) => type === 'SUBSCRIBED').length,
    connection: client.connection,
    call: client.call,
    update: (taskId, waitMs, is = () => true) =>
      until(
        `an update of task ${taskId}`,
        waitMs,
        () =>
          events
            .flatMap((event) => (event.type === 'UPDATE' ? [event.update.status] : []))
            .find((status) => status.task_id.value === taskId && is(status)),
        () =>
          events
            .flatMap((event) => (event.type === 'UPDATE' ? [event.update.status] : []))
            .filter((status) => status.task_id.value === taskId)
            .map(({ state, message }) => `it was ${state}${message === undefined ? '' : `: ${message}`}`)
            .join('\n'),
      ),
    close: client.close,
  };
}
