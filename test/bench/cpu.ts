/** Time of the processor, which other work on the machine changes far less than the time on the clock. Linux. */
import { readFileSync } from 'node:fs';

export type CpuMs = {
  /** Of this process and its children, those that have ended included: all of ours, the embedded Mesos being here. */
  readonly ours: number;
  /** Of what the children started: the JVMs, whether of executors or of shells. */
  readonly kafka: number;
};

/** What was used so far, in milliseconds. */
export function cpuMs(): CpuMs {
  const children = childrenOf(process.pid).map(timesOf);
  const grandchildren = childrenOf(process.pid).flatMap(childrenOf).map(timesOf);
  const self = timesOf(process.pid);
  const sum = (values: readonly number[]) => values.reduce((total, ms) => total + ms, 0);
  return {
    ours: self.ownMs + self.endedMs + sum(children.map(({ ownMs }) => ownMs)),
    kafka: sum(children.map(({ endedMs }) => endedMs)) + sum(grandchildren.map(({ ownMs }) => ownMs)),
  };
}

/** Only what its first thread started, which is all of Node's. */
function childrenOf(pid: number): readonly number[] {
  return readIfThere(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** Fields 14 to 17 of proc(5)'s stat, in hundredths of a second; of a process that is gone, nothing. */
function timesOf(pid: number): { readonly ownMs: number; readonly endedMs: number } {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number);
  return { ownMs: (user + system) * 10, endedMs: (endedUser + endedSystem) * 10 };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
