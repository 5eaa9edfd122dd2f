/**
 * ZooKeeper as far as an election needs it: sessions that end when nothing is heard of them, and a queue
 * in which the oldest living session leads. A process knows only when its last answered ping was sent.
 */
import type { Clock } from '../../src/sys/clock.ts';
import type { Faults } from './faults.ts';
import type { Dice } from './randomness.ts';
import type { SchedulerProcess } from './scheduler-process.ts';

export const sessionTimeoutMs = 10_000;
const pingMs = Math.round(sessionTimeoutMs / 6);

export type Membership = {
  /** As sure as the process can be: false once its session may have ended. */
  mayAct(): boolean;
  /** The process ends in order: its place is free at once. */
  leave(): void;
};

export type Election = {
  /** `lead` when its turn came, `ended` when its session is over. */
  join(process: SchedulerProcess, callbacks: { lead(): void; ended(): void }): Membership;
  /** Whether ZooKeeper can be reached by this process. */
  isReachable(process: SchedulerProcess): boolean;
  cut(process: SchedulerProcess, isCut: boolean): void;
  healAll(): void;
  /** ZooKeeper has given its session up, whether it knows or not: nothing of it may arrive anywhere. */
  hasExpired(process: SchedulerProcess): boolean;
};

type Session = {
  readonly process: SchedulerProcess;
  readonly lead: () => void;
  /** Its session is over, as the process learns of it. */
  readonly ended: () => void;
  alive: boolean;
  leading: boolean;
  heardAtMs: number;
};

export function createElection(deps: {
  readonly clock: Clock;
  readonly dice: Dice;
  readonly faults: Faults;
  readonly note: (line: string) => void;
}): Election {
  const { clock, dice, faults, note } = deps;
  /** In order of joining. */
  const queue: Session[] = [];
  const cutOff = new Set<SchedulerProcess>();
  const expired = new Set<SchedulerProcess>();

  function promote(): void {
    const first = queue[0];
    if (first === undefined || first.leading) return;
    first.leading = true;
    note(`zookeeper: scheduler ${first.process.number} leads`);
    first.process.after(dice.between(2, 50), () => {
      if (first.alive) first.lead();
    });
  }
  function end(session: Session): void {
    if (!session.alive) return;
    session.alive = false;
    queue.splice(queue.indexOf(session), 1);
    promote();
  }
  function watch(session: Session): void {
    const leftMs = session.heardAtMs + sessionTimeoutMs - clock.nowMs();
    clock.setTimer(Math.max(1, leftMs), () => {
      if (!session.alive) return;
      if (clock.nowMs() - session.heardAtMs < sessionTimeoutMs) return watch(session);
      note(`zookeeper: the session of scheduler ${session.process.number} expired`);
      expired.add(session.process);
      end(session);
    });
  }

  return {
    isReachable: (process) => !cutOff.has(process),
    cut(process, isCut) {
      if (isCut) cutOff.add(process);
      else cutOff.delete(process);
    },
    healAll: () => cutOff.clear(),
    hasExpired: (process) => expired.has(process),
    join(process, { lead, ended }) {
      const session: Session = {
        process,
        lead,
        ended,
        alive: true,
        leading: false,
        heardAtMs: clock.nowMs(),
      };
      let certainSinceMs = process.monotonicMs();
      queue.push(session);
      watch(session);
      promote();
      const ping = (): void => {
        const sentAtMs = process.monotonicMs();
        process.after(pingMs, ping);
        if (cutOff.has(process) || faults.strikes('zookeeper ping lost')) return;
        clock.setTimer(dice.between(1, 40), () => {
          if (session.alive) session.heardAtMs = clock.nowMs();
          process.after(dice.between(1, 40), () => {
            // Told of only once there is a connection again.
            if (session.alive) certainSinceMs = sentAtMs;
            else session.ended();
          });
        });
      };
      process.after(0, ping);
      return {
        mayAct: () => process.monotonicMs() - certainSinceMs < sessionTimeoutMs - sessionTimeoutMs / 3,
        leave: () => end(session),
      };
    },
  };
}
