import { execFile } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { UnavailableError } from '../../model/errors.ts';

/*
 * Which processes run, and which of them belong to a container.
 *
 * A pid alone names nothing: it may be another process's tomorrow. A process is named by its pid and the
 * moment it started. On Linux that moment is field 22 of /proc/PID/stat with the boot's id (proc(5)); on
 * macOS it is the `lstart` of ps, in seconds.
 */

/** A process by pid and start, so that a reused pid is not taken for it. */
export type ProcessRef = { readonly pid: number; readonly startTime: string };

export type ProcessInfo = ProcessRef & {
  readonly parentPid: number;
  readonly groupId: number;
  /** 0 where the platform does not tell (macOS). */
  readonly sessionId: number;
};

/** The living processes by pid; zombies are left out, they have ended. */
type ProcessTable = ReadonlyMap<number, ProcessInfo>;

/** What is known of a container. */
export type ContainerMark = {
  /** The first process. */
  readonly leader?: ProcessRef;
  /** Named by the environment of its processes. */
  readonly sandbox: string;
  /** Processes that were seen to be its own. */
  readonly seen?: readonly ProcessRef[];
};

/** Throws UnavailableError `KM_UNAVAILABLE_PROCESSES` when the processes cannot be listed. */
async function listProcesses(): Promise<ProcessTable> {
  return process.platform === 'linux' ? listFromProc() : parsePs(await ps(['-axo', psColumns]));
}

/** How `pid` is named now; undefined when it does not run. */
export async function findProcess(pid: number): Promise<ProcessRef | undefined> {
  if (process.platform !== 'linux')
    return parsePs(await ps(['-p', String(pid), '-o', psColumns], true)).get(pid);
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat === undefined ? undefined : parseStat(stat, await readBootId());
}

/**
 * Every living process of each container, by the index of its mark: processes whose environment names the
 * sandbox (MESOS_DIRECTORY), those of the first process's session or group, those seen before, and all their
 * descendants. A process that left the group, or whose parent is dead, or whose environment was cleared, is
 * still found by one of these.
 */
export async function findMembers(
  marks: readonly ContainerMark[],
): Promise<readonly (readonly ProcessInfo[])[]> {
  const table = await listProcesses();
  const bySandbox = await readMarkers(table);
  const children = new Map<number, ProcessInfo[]>();
  for (const one of table.values()) {
    const siblings = children.get(one.parentPid);
    if (siblings) siblings.push(one);
    else children.set(one.parentPid, [one]);
  }
  return marks.map((mark) => membersOf(mark, table, bySandbox, children));
}

/** The sandboxes named in the environments of living processes. */
export async function findSandboxes(): Promise<readonly string[]> {
  return [...(await readMarkers(await listProcesses())).keys()];
}

function membersOf(
  mark: ContainerMark,
  table: ProcessTable,
  bySandbox: ReadonlyMap<string, readonly ProcessInfo[]>,
  children: ReadonlyMap<number, readonly ProcessInfo[]>,
): readonly ProcessInfo[] {
  const found = new Map<number, ProcessInfo>();
  for (const one of bySandbox.get(mark.sandbox) ?? []) found.set(one.pid, one);
  const { leader } = mark;
  if (leader) {
    const holder = table.get(leader.pid);
    // Another process with the leader's pid means that session and group of that number are another's too.
    if (holder === undefined || holder.startTime === leader.startTime) {
      for (const one of table.values()) {
        if (one.sessionId !== leader.pid && one.groupId !== leader.pid) continue;
        if (isSameBoot(one, leader)) found.set(one.pid, one);
      }
    }
  }
  for (const ref of mark.seen ?? []) {
    const one = table.get(ref.pid);
    if (one?.startTime === ref.startTime) found.set(one.pid, one);
  }
  const open = [...found.values()];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    for (const child of children.get(one.pid) ?? []) {
      if (found.has(child.pid)) continue;
      found.set(child.pid, child);
      open.push(child);
    }
  }
  // A container can hold neither this process nor what this process descends from.
  let self = process.pid;
  while (self > 0) {
    found.delete(self);
    self = table.get(self)?.parentPid ?? 0;
  }
  return [...found.values()];
}

function isSameBoot(one: ProcessRef, other: ProcessRef): boolean {
  const boot = (startTime: string): string => startTime.split('/')[0] ?? '';
  return process.platform !== 'linux' || boot(one.startTime) === boot(other.startTime);
}

// Linux

let bootId: string | undefined;

async function readBootId(): Promise<string> {
  bootId ??= (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'unknown')).trim();
  return bootId;
}

async function listFromProc(): Promise<ProcessTable> {
  const boot = await readBootId();
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const table = new Map<number, ProcessInfo>();
  for (const name of names) {
    const stat = readProc(`/proc/${name}/stat`);
    const one = stat === undefined ? undefined : parseStat(stat, boot);
    if (one) table.set(one.pid, one);
  }
  return table;
}

/** One line of /proc/PID/stat; undefined for a zombie or a line cut by the process's end. */
export function parseStat(line: string, boot: string): ProcessInfo | undefined {
  // The name stands in parentheses and may hold parentheses and blanks itself.
  const nameEnd = line.lastIndexOf(')');
  const pid = Number.parseInt(line, 10);
  const [state, parentPid, groupId, sessionId, ...rest] = line.slice(nameEnd + 2).split(' ');
  const startTicks = rest[15];
  if (nameEnd < 0 || startTicks === undefined || state === 'Z' || state === 'X') return undefined;
  return {
    pid,
    parentPid: Number(parentPid),
    groupId: Number(groupId),
    sessionId: Number(sessionId),
    startTime: `${boot}/${startTicks.trim()}`,
  };
}

async function readMarkers(table: ProcessTable): Promise<Map<string, ProcessInfo[]>> {
  const markers = new Map<string, ProcessInfo[]>();
  const add = (sandbox: string | undefined, one: ProcessInfo): void => {
    if (sandbox === undefined) return;
    const members = markers.get(sandbox);
    if (members) members.push(one);
    else markers.set(sandbox, [one]);
  };
  if (process.platform === 'linux') {
    for (const one of table.values()) {
      // Not readable: another user's process, so none of ours.
      const environment = readProc(`/proc/${one.pid}/environ`) ?? '';
      if (environment.includes(sandboxPrefix)) add(sandboxOf(environment.split('\0')), one);
    }
    return markers;
  }
  for (const line of (await ps(['-axEww', '-o', 'pid=,command='])).split('\n')) {
    const one = table.get(Number.parseInt(line, 10));
    // ps joins by blanks; a sandbox path with blanks in it is then found by group and parents only.
    if (one) add(sandboxOf(line.split(' ')), one);
  }
  return markers;
}

/**
 * A file of /proc; undefined when its process has ended or is not ours to read. At once and into one buffer: the
 * kernel answers from memory, and `readFile` takes 64 KiB for each, which by the hundred and second is most of
 * what an idle local Mesos would do.
 */
function readProc(path: string): string | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    let length = 0;
    for (;;) {
      const count = readSync(file, procBuffer, length, procBuffer.length - length, null);
      if (count === 0) return procBuffer.toString('utf8', 0, length);
      length += count;
      if (length === procBuffer.length) procBuffer = Buffer.concat([procBuffer], 2 * length);
    }
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

let procBuffer: Buffer = Buffer.alloc(32 * 1024);

const sandboxPrefix = 'MESOS_DIRECTORY=';

function sandboxOf(variables: readonly string[]): string | undefined {
  return variables.find((variable) => variable.startsWith(sandboxPrefix))?.slice(sandboxPrefix.length);
}

// macOS

const psColumns = 'pid=,ppid=,pgid=,state=,lstart=';

/** Lines such as `  501     1   501 S    Mon Nov 23 10:00:00 2026`. */
export function parsePs(text: string): ProcessTable {
  const table = new Map<number, ProcessInfo>();
  for (const line of text.split('\n')) {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line);
    if (!match || match[4]?.startsWith('Z')) continue;
    const pid = Number(match[1]);
    table.set(pid, {
      pid,
      parentPid: Number(match[2]),
      groupId: Number(match[3]),
      sessionId: 0,
      startTime: match[5] ?? '',
    });
  }
  return table;
}

/** With `mayBeNone`, that ps found no such process is an empty answer. */
function ps(args: readonly string[], mayBeNone = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 64 * 1024 * 1024 };
    execFile('ps', args, options, (error, stdout) => {
      if (!error || (mayBeNone && error.code === 1)) return resolve(stdout);
      reject(
        new UnavailableError('KM_UNAVAILABLE_PROCESSES', 'The processes of this machine cannot be listed.', {
          cause: error,
          remedy: 'The command ps must be found in PATH.',
        }),
      );
    });
  });
}
