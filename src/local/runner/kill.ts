import { type Clock, delay } from '../../sys/clock.ts';
import { type ContainerMark, findMembers, type ProcessInfo } from './process-table.ts';

/** Sends the signal to each; a process that has just ended, or is another user's, is no error. */
export function signalAll(processes: readonly ProcessInfo[], signal: NodeJS.Signals): void {
  for (const { pid } of processes) trySignal(pid, signal);
}

/** `target` is a pid, or minus a process group's id. Tells whether somebody was there to get it. */
export function trySignal(target: number, signal: NodeJS.Signals): boolean {
  // 0, 1 and -1 would mean ourselves, init and everybody.
  if (Math.abs(target) <= 1) return false;
  try {
    process.kill(target, signal);
    return true;
  } catch {
    return false;
  }
}

/**
 * SIGKILLs every process of the containers and waits until none is left. Looks again after each round,
 * because a process may have forked between being listed and being killed. Gives the processes that
 * would not go within about 20 s: stuck in the kernel, or another user's.
 */
export async function killMembers(
  marks: readonly ContainerMark[],
  clock: Clock,
): Promise<readonly ProcessInfo[]> {
  let left: readonly ProcessInfo[] = [];
  for (let round = 0; round < 100; round += 1) {
    left = (await findMembers(marks)).flat();
    if (left.length === 0) return [];
    signalAll(left, 'SIGKILL');
    await delay(clock, Math.min(200, 5 * (round + 1)));
  }
  return left;
}
