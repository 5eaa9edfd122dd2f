import { mkdir, open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { KafkaMesosError, UnavailableError } from '../../model/errors.ts';
import { type Clock, delay, type Timer } from '../../sys/clock.ts';
import type { Logger } from '../../sys/logger.ts';
import type { ContainerInput, StartContainer, VolumeFacts } from '../model/io.ts';
import { fetchUri } from './fetch.ts';
import { ownerOf, spawnFirst } from './first-process.ts';
import { killMembers, signalAll, trySignal } from './kill.ts';
import {
  type ContainerMark,
  findMembers,
  findProcess,
  findSandboxes,
  type ProcessRef,
} from './process-table.ts';
import {
  collectSandboxes,
  createVolume,
  destroyVolume,
  emptyTrash,
  linkVolumes,
  makeSandbox,
} from './sandbox.ts';

/** Carries out what the model wants of processes and directories, for all agents of this machine. */
export type Runner = {
  /** A container id that is known already is not started again. */
  start(start: StartContainer): void;
  signal(containerId: string, signal: 'SIGTERM' | 'SIGKILL'): void;
  /** Ends with the report `container-exited`, unless the container is not known. */
  destroy(containerId: string): void;
  /** Links more volumes into the sandbox of a container. */
  addVolumes(containerId: string, volumes: readonly VolumeFacts[]): void;
  createVolume(agentName: string, volume: VolumeFacts): void;
  destroyVolume(agentName: string, volume: VolumeFacts): void;
  /** Container ids of the agent that are starting or running. */
  living(agentName: string): readonly string[];
  /** What has to be remembered to find the running containers again after a restart of this process. */
  records(): readonly ContainerRecord[];
  /** Takes back the containers of an earlier process that still run, and ends everything else of it. */
  adopt(records: readonly ContainerRecord[]): Promise<void>;
  /**
   * Kills every process of the agent's containers, SIGTERM first when `graceMs` is above 0, and returns
   * when none is left. Nothing is reported of them. Throws UnavailableError `KM_UNAVAILABLE_KILL`.
   */
  killAll(agentName: string, graceMs?: number): Promise<number>;
  /** Deletes what the agent has on disk, volumes included. Its containers must have ended. */
  wipe(agentName: string): Promise<void>;
  /** Reports nothing any more. The containers go on. */
  close(): void;
};

export type ContainerRecord = {
  readonly agentName: string;
  readonly containerId: string;
  readonly sandbox: string;
  readonly leader: ProcessRef;
  /** Processes known to be its own. */
  readonly seen: readonly ProcessRef[];
  /** It is being destroyed, which whoever finds it has to finish. */
  readonly ending: boolean;
};

export type RunnerOptions = {
  /** WORK of each agent: `agentsDirectory`/NAME. */
  readonly agentsDirectory: string;
  readonly cacheDirectory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  report(report: ContainerInput): void;
};

type Container = {
  readonly agentName: string;
  readonly containerId: string;
  readonly abort: AbortController;
  sandbox: string;
  leader?: ProcessRef;
  /** Otherwise of an earlier process of ours, and its end has to be polled for. */
  isChild: boolean;
  /** The processes found by the last look. */
  seen: readonly ProcessRef[];
  ending: boolean;
  silent: boolean;
};

/** How often the processes of the containers are listed, which takes some milliseconds. */
const watchIntervalMs = 1_000;
/** For an executor whose task was killed to say so. */
const farewellMs = 5_000;
/** What the model takes for "nobody knows how it ended". */
const unknownWaitStatus = -1;

export function createRunner(options: RunnerOptions): Runner {
  const { clock, logger } = options;
  const containers = new Map<string, Container>();
  let watching: Timer | undefined;
  let closed = false;

  const workDirectory = (agentName: string): string => path.join(options.agentsDirectory, agentName);
  const ofAgent = (agentName: string): Container[] =>
    [...containers.values()].filter((container) => container.agentName === agentName);

  const report = (container: Container, what: ContainerInput): void => {
    if (!closed && !container.silent) options.report(what);
  };

  const launch = async (container: Container, start: StartContainer): Promise<void> => {
    const { agentName, containerId } = container;
    try {
      const owner = await ownerOf(start.user);
      container.sandbox = await makeSandbox(workDirectory(agentName), start, owner);
      for (const uri of start.command.uris ?? []) {
        await fetchUri(uri, {
          sandbox: container.sandbox,
          cacheDirectory: options.cacheDirectory,
          signal: container.abort.signal,
        });
        container.abort.signal.throwIfAborted();
      }
      container.abort.signal.throwIfAborted();
      const { pid, exited } = await spawnFirst(start, container.sandbox, owner);
      container.isChild = true;
      // Gone already when it ended at once; then its exit says all.
      const leader = await findProcess(pid);
      if (leader) container.leader = leader;
      report(container, { kind: 'container-started', agentName, containerId, pid });
      if (container.abort.signal.aborted) void killRest(container);
      void exited.then((waitStatus) => finish(container, waitStatus));
    } catch (error) {
      containers.delete(containerId);
      if (container.abort.signal.aborted) {
        report(container, { kind: 'container-exited', agentName, containerId, waitStatus: 9 });
        return;
      }
      const message = error instanceof KafkaMesosError ? error.message : `Failed to start: ${String(error)}`;
      logger.warn('container did not start', { agentName, containerId, reason: message });
      await noteInSandbox(container.sandbox, message);
      report(container, { kind: 'container-failed', agentName, containerId, message });
    }
  };

  const finish = async (container: Container, waitStatus: number): Promise<void> => {
    const { agentName, containerId } = container;
    if (container.ending) return;
    container.ending = true;
    // The container ends with its first process: whatever it left behind goes too, as Mesos' launcher does.
    await killRest(container);
    containers.delete(containerId);
    report(container, { kind: 'container-exited', agentName, containerId, waitStatus });
    collect(agentName);
  };

  /** Comes back when nothing of the container is left, however long that takes. */
  const killRest = async (container: Container): Promise<void> => {
    while (!closed) {
      try {
        const left = await killMembers([markOf(container)], clock);
        if (left.length === 0) return;
        const pids = left.map(({ pid }) => pid);
        logger.error('processes of a container do not end', { containerId: container.containerId, pids });
      } catch (error) {
        logger.error('processes cannot be listed', { reason: String(error) });
        await delay(clock, 5_000);
      }
    }
  };

  const haveEnded = async (marks: readonly ContainerMark[], withinMs: number): Promise<boolean> => {
    const deadlineMs = clock.nowMs() + withinMs;
    for (;;) {
      if ((await findMembers(marks)).every((members) => members.length === 0)) return true;
      if (clock.nowMs() >= deadlineMs) return false;
      await delay(clock, 100);
    }
  };

  // One after the other: a directory that is being deleted has just been changed, and would count as the newest.
  let collected: Promise<void> = Promise.resolve();
  const collect = (agentName: string): void => {
    collected = collected
      .then(() => {
        const living = new Set(ofAgent(agentName).map(({ containerId }) => containerId));
        return collectSandboxes(workDirectory(agentName), living);
      })
      .catch((error: unknown) =>
        logger.warn('old sandboxes cannot be deleted', { agentName, reason: String(error) }),
      );
  };

  /** Looks after the running containers every now and then. */
  const watch = (): void => {
    watching ??= clock.setTimer(watchIntervalMs, () => {
      look()
        .catch((error: unknown) => logger.error('containers cannot be watched', { reason: String(error) }))
        .finally(() => {
          watching = undefined;
          if (!closed && containers.size > 0) watch();
        });
    });
  };

  const look = async (): Promise<void> => {
    const running = [...containers.values()].filter(({ leader, ending }) => leader && !ending);
    const members = await findMembers(running.map(markOf));
    running.forEach((container, index) => {
      // Remembered while their parents live: an orphan in a session of its own tells nothing of its origin.
      container.seen = (members[index] ?? []).map(({ pid, startTime }) => ({ pid, startTime }));
      const { leader, seen } = container;
      const isUp = seen.some(({ pid, startTime }) => pid === leader?.pid && startTime === leader.startTime);
      if (!isUp && !container.isChild) void finish(container, unknownWaitStatus);
    });
  };

  return {
    start(start) {
      if (containers.has(start.containerId)) return;
      const container: Container = {
        agentName: start.agentName,
        containerId: start.containerId,
        abort: new AbortController(),
        sandbox: path.join(workDirectory(start.agentName), start.sandboxPath),
        isChild: false,
        seen: [],
        ending: false,
        silent: false,
      };
      containers.set(start.containerId, container);
      void launch(container, start);
      watch();
    },

    signal(containerId, signal) {
      const container = containers.get(containerId);
      if (!container?.leader || container.ending) return;
      trySignal(-container.leader.pid, signal);
    },

    destroy(containerId) {
      const container = containers.get(containerId);
      if (!container || container.ending) return;
      container.abort.abort();
      if (!container.leader) return;
      void killRest(container).then(() => {
        // The end of our own child is told by its exit, with the true status.
        if (!container.isChild) void finish(container, unknownWaitStatus);
      });
    },

    addVolumes(containerId, volumes) {
      const container = containers.get(containerId);
      if (container) linkVolumes(workDirectory(container.agentName), container.sandbox, volumes);
    },

    createVolume: (agentName, volume) => createVolume(workDirectory(agentName), volume),
    destroyVolume(agentName, volume) {
      destroyVolume(workDirectory(agentName), volume).catch((error: unknown) =>
        logger.warn('a destroyed volume cannot be deleted', { agentName, reason: String(error) }),
      );
    },

    living: (agentName) =>
      ofAgent(agentName)
        .filter(({ ending }) => !ending)
        .map(({ containerId }) => containerId),

    records: () =>
      [...containers.values()].flatMap(({ agentName, containerId, sandbox, leader, seen, ending, abort }) =>
        leader
          ? [{ agentName, containerId, sandbox, leader, seen, ending: ending || abort.signal.aborted }]
          : [],
      ),

    async adopt(records) {
      for (const record of records) {
        const { agentName, containerId, sandbox, leader } = record;
        if (record.ending || (await findProcess(leader.pid))?.startTime !== leader.startTime) continue;
        const abort = new AbortController();
        containers.set(containerId, {
          agentName,
          containerId,
          sandbox,
          leader,
          abort,
          isChild: false,
          seen: record.seen,
          ending: false,
          silent: false,
        });
      }
      const living = new Set([...containers.values()].map(({ sandbox }) => sandbox));
      const dead = records.filter(({ sandbox }) => !living.has(sandbox));
      // Started, but not remembered: the process died between the start and the next write.
      const prefix = options.agentsDirectory + path.sep;
      const stray = (await findSandboxes()).filter((one) => one.startsWith(prefix) && !living.has(one));
      const left = await killMembers([...dead, ...stray.map((sandbox) => ({ sandbox }))], clock);
      if (left.length > 0) logger.error('processes do not end', { pids: left.map(({ pid }) => pid) });
      for (const agentName of await readdir(options.agentsDirectory).catch(() => [])) {
        await emptyTrash(workDirectory(agentName));
      }
      watch();
    },

    async killAll(agentName, graceMs = 0) {
      const ended = ofAgent(agentName);
      for (const container of ended) {
        container.silent = true;
        container.ending = true;
        container.abort.abort();
      }
      const marks = ended.map(markOf);
      const before = (await findMembers(marks)).flat().length;
      if (graceMs > 0) {
        for (const { leader } of ended) if (leader) trySignal(-leader.pid, 'SIGTERM');
        if (!(await haveEnded(marks, graceMs))) {
          // What an executor started goes before it, so that it still tells that it was stopped.
          const leaders = new Set(ended.map(({ leader }) => leader?.pid));
          const started = (await findMembers(marks)).flat().filter(({ pid }) => !leaders.has(pid));
          signalAll(started, 'SIGKILL');
          await haveEnded(marks, farewellMs);
        }
      }
      const left = await killMembers(marks, clock);
      if (left.length > 0) {
        const pids = left.map(({ pid }) => pid).join(', ');
        throw new UnavailableError('KM_UNAVAILABLE_KILL', `The processes ${pids} do not end.`, {
          remedy: 'They may belong to another user, or wait in the kernel; end them by hand.',
        });
      }
      for (const { containerId } of ended) containers.delete(containerId);
      return before;
    },

    wipe: (agentName) => rm(workDirectory(agentName), { recursive: true, force: true }),

    close() {
      closed = true;
      watching?.cancel();
    },
  };
}

function markOf({ leader, sandbox, seen }: Container): ContainerMark {
  return leader ? { leader, sandbox, seen } : { sandbox };
}

/** Where the task's owner looks first. */
async function noteInSandbox(sandbox: string, message: string): Promise<void> {
  try {
    await mkdir(sandbox, { recursive: true });
    const file = await open(path.join(sandbox, 'stderr'), 'a', 0o644);
    await file.write(`${message}\n`);
    await file.close();
  } catch {
    // The message reaches the scheduler anyway; here the disk itself may be what failed.
  }
}
