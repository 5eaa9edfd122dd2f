import { mkdir, realpath } from 'node:fs/promises';
import { isAbsolute, resolve as resolvePath } from 'node:path';
import { formatAddress } from '../model/address.ts';
import type { BrokerLaunch, BrokerPhase, BrokerReport, ReportCode } from '../model/launch.ts';
import { executorProtocolVersion } from '../model/launch.ts';
import type { Clock, Timer } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { checkAdvertised, checkPorts, listenersOf } from './checks.ts';
import { createDiskWatch, type DiskWatch, diskCode, diskEnd, probeDisks } from './disks.ts';
import { BrokerFailure, errorText, lastWords, Stopped, systemCode, throwIfStopped } from './failure.ts';
import { countSegments, limitWarnings, readHostLimits } from './host-limits.ts';
import { answersApiVersions, probedListener } from './probe.ts';
import { describeExit, type Exit, endLeftovers, type RunningProcess } from './process.ts';
import {
  heartbeatMemoryMs,
  heartbeatsFail,
  initialView,
  isStalled,
  observeLine,
  type StartupView,
} from './readiness.ts';
import { decideStorage, type FormatIntent } from './storage.ts';
import {
  cleanInterrupted,
  type DiskVolume,
  dataDirectory,
  finishFormat,
  readStorage,
  writeMarker,
} from './storage-disk.ts';
import { untilStopped, waitUpTo } from './wait.ts';

/** The programs that make up a broker: Kafka's, or a stub's in the tests. */
export type BrokerPrograms = {
  /** Gets and checks all that `format` and `start` need. */
  prepare(options: {
    readonly signal: AbortSignal;
    readonly onProgress: (progress: { doneBytes: number; totalBytes: number }) => void;
  }): Promise<void>;
  /** Formats the data directories, all empty. Throws BrokerFailure `format-failed`. */
  format(intent: FormatIntent, signal: AbortSignal): Promise<void>;
  start(onLine: (line: string) => void): Promise<RunningProcess>;
};

export type BrokerPlace = {
  readonly sandbox: string;
  /** With real paths. The first holds the metadata log and the distributions. */
  readonly volumes: readonly DiskVolume[];
  readonly dataDirectories: readonly string[];
};

export type RunOptions = {
  readonly taskId: string;
  readonly sandbox: string;
  readonly memoryMiB?: number;
  readonly createPrograms: (launch: BrokerLaunch, place: BrokerPlace) => BrokerPrograms;
  /** Sends an update of the live task; resolves when the agent has it. */
  readonly send: (
    state: 'TASK_STARTING' | 'TASK_RUNNING' | 'TASK_KILLING',
    report: BrokerReport,
    options: { healthy?: boolean; replaceable?: boolean },
  ) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
};

export type BrokerEnd = {
  readonly state: 'TASK_FAILED' | 'TASK_KILLED';
  readonly report: BrokerReport;
};

export type BrokerRun = {
  /** Never rejects. The process is gone when it resolves. */
  readonly ended: Promise<BrokerEnd>;
  /** Asks for a controlled shutdown, `why` is what it will report; again with a shorter grace shortens it. */
  stop(graceMs: number, why: StopCode): void;
  /** For the last moment of the executor: no JVM may outlive it. */
  killNow(): void;
};

type StopCode = Extract<ReportCode, 'stopped' | 'shut-down'>;

/** The broker's last words before it serves make us look at once; without them (its log may be changed) so often. */
const startProbeMs = 1_000;
const startedProbeMs = 50;
const watchProbeMs = 5_000;
/** This many silent probes in a row are told. */
const silentProbes = 3;
const progressEveryMs = 2_000;
const maxMessageLength = 1_024;

type Prepared = {
  readonly programs: BrokerPrograms;
  readonly volumes: readonly DiskVolume[];
  readonly disks: DiskWatch;
};

/** The life of one broker from LAUNCH to its end. Tells each step through `send`. */
export function runBroker(launch: BrokerLaunch, options: RunOptions): BrokerRun {
  const { clock, logger, taskId } = options;
  const stopping = new AbortController();
  let stopCode: StopCode = 'stopped';
  const stopDeadline: { timer?: Timer; atMs: number } = { atMs: Number.POSITIVE_INFINITY };
  let process: RunningProcess | undefined;
  let live = false;
  let over = false;
  let facts: Partial<BrokerReport> = {};
  let warnings: readonly string[] = [];

  function report(phase: BrokerPhase, more: Partial<BrokerReport> = {}): BrokerReport {
    const shown = warnings.length === 0 ? {} : { warnings };
    return { protocol: executorProtocolVersion, phase, ...facts, ...shown, ...more };
  }

  const progress = createThrottle(clock, progressEveryMs, (latest: BrokerReport) => {
    if (!live && !stopping.signal.aborted) void options.send('TASK_STARTING', latest, { replaceable: true });
  });

  function starting(phase: BrokerPhase, more: Partial<BrokerReport> = {}): Promise<void> {
    progress.reset();
    logger.info('starting', { taskId, phase });
    return options.send('TASK_STARTING', report(phase, more), {});
  }

  async function prepare(): Promise<Prepared> {
    void starting('fetching');
    const volumes = await openVolumes(launch, options.sandbox);
    const [first] = volumes;
    if (first === undefined) throw new BrokerFailure('invalid-launch', 'the launch names no volume');
    const dataDirectories = volumes.map(({ path }) => dataDirectory(path));
    const ended = await endLeftovers(first.path, clock, launch.stopGraceMs);
    if (ended.length > 0) logger.warn('ended what an earlier executor left behind', { taskId, pids: ended });

    const wish = { ...launch, ...launch.storage };
    const disk = await readStorage(volumes);
    const decision = decideStorage(wish, disk);
    if (decision.kind === 'refuse') {
      // A disk that was formatted and not used is another thing than one that is empty.
      const wasFormatted = disk.marker !== undefined || disk.record !== undefined;
      if (decision.code === 'never-used' && wasFormatted) facts = { ...facts, formatted: true };
      throw new BrokerFailure(decision.code, decision.message, { remedy: decision.remedy });
    }
    if (decision.kind === 'use') facts = { ...facts, formatted: true };
    await probeDisks(volumes);

    const programs = options.createPrograms(launch, { sandbox: options.sandbox, volumes, dataDirectories });
    await programs.prepare({
      signal: stopping.signal,
      onProgress: (done) => progress.offer(report('fetching', { progress: done })),
    });
    warnings = [
      ...(await checkAdvertised(launch)),
      ...limitWarnings(await readHostLimits(), {
        heapMiB: launch.heapMiB,
        ...(options.memoryMiB === undefined ? {} : { memoryMiB: options.memoryMiB }),
        segments: await countSegments(dataDirectories),
      }),
    ];
    await checkPorts(listenersOf(launch));
    throwIfStopped(stopping.signal);

    if (decision.kind === 'format') {
      await format(programs, volumes, decision.intent, decision.clean);
    } else if (disk.record === undefined || disk.marker !== undefined) {
      await finishFormat(volumes, wish);
    }
    const [metadata] = (await readStorage(volumes)).volumes;
    if (metadata?.content.kind === 'formatted' && metadata.content.meta.directoryId !== undefined) {
      facts = { ...facts, directoryId: metadata.content.meta.directoryId };
    }
    return { programs, volumes, disks: createDiskWatch(clock, dataDirectories) };
  }

  async function format(
    programs: BrokerPrograms,
    volumes: readonly DiskVolume[],
    intent: FormatIntent,
    clean: boolean,
  ): Promise<void> {
    const { clusterId, nodeId } = launch;
    await writeMarker(volumes, { ...intent, taskId, clusterId, nodeId });
    facts = { ...facts, formatted: true };
    // Once the agent has checkpointed this, the scheduler will learn of it whatever happens here, and
    // never again take an empty disk of this node for a new one. Not a byte is formatted before.
    await Promise.race([starting('formatting'), untilStopped(stopping.signal)]);
    throwIfStopped(stopping.signal);
    if (clean) await cleanInterrupted(volumes);
    await programs.format(intent, stopping.signal);
    throwIfStopped(stopping.signal);
    const made = decideStorage({ ...launch, ...launch.storage, mode: 'expect' }, await readStorage(volumes));
    if (made.kind !== 'use') {
      const why = made.kind === 'refuse' ? made.message : 'meta.properties is missing';
      throw new BrokerFailure('format-failed', `the format left something else than asked for: ${why}`);
    }
    await finishFormat(volumes, { clusterId, nodeId });
  }

  async function serve({ programs, disks }: Prepared): Promise<Exit> {
    throwIfStopped(stopping.signal);
    let view: StartupView = initialView;
    const told = starting('starting');
    // From here on it may serve. That a disk has been formatted is known where data are expected, and where it was
    // formatted just now; else whoever hears of its end must have heard of this.
    if (launch.storage.mode !== 'expect') {
      await Promise.race([told, untilStopped(stopping.signal)]);
      throwIfStopped(stopping.signal);
    }
    let tellStarted: () => void = () => {};
    const started = new Promise<void>((resolve) => {
      tellStarted = resolve;
    });
    const running = await programs.start((line) => {
      const before = view;
      disks.observe(line);
      view = observeLine(view, line, clock.nowMs());
      if (view.started) tellStarted();
      if (view !== before && !live) tellStart(before, view);
    });
    process = running;
    facts = { ...facts, jvmPid: running.pid };
    logger.info('the broker process runs', { taskId, pid: running.pid });
    if (stopping.signal.aborted) running.terminate();
    let gone = false;
    void running.exited.then(() => {
      gone = true;
    });
    void watch(
      running,
      disks,
      () => view,
      started,
      () => gone,
    );
    return running.exited;

    function tellStart(before: StartupView, now: StartupView): void {
      const latest = startReport(now);
      if (now.phase === before.phase || now.phase !== 'recovering') {
        progress.offer(latest);
        return;
      }
      // Whether it recovers decides whether it may be stopped: that is never held back.
      progress.reset();
      void options.send('TASK_STARTING', latest, {});
    }
  }

  function startReport({ phase, waitingFor, recovery }: StartupView, hasStalled = false): BrokerReport {
    if (recovery === undefined) {
      return report(phase, waitingFor === undefined ? {} : { message: `waiting for ${waitingFor}` });
    }
    const { doneLogs, totalLogs, doneSegments, movedAtMs } = recovery;
    const minutes = Math.floor((clock.nowMs() - movedAtMs) / 60_000);
    return report(phase, {
      recovery: { doneLogs, totalLogs, doneSegments },
      ...(hasStalled
        ? { code: 'recovery-stalled', message: `log recovery has not moved for ${minutes} min` }
        : {}),
    });
  }

  async function watch(
    running: RunningProcess,
    disks: DiskWatch,
    view: () => StartupView,
    started: Promise<void>,
    gone: () => boolean,
  ): Promise<void> {
    const listener = probedListener(launch);
    if (listener === undefined) return;
    let silent = 0;
    let trouble: string | undefined;
    let stalled = false;
    const endpoint = formatAddress(listener.advertisedHost, listener.advertisedPort);
    while (!gone() && !stopping.signal.aborted) {
      const answers = await answersApiVersions(listener, clock, watchProbeMs);
      if (gone() || stopping.signal.aborted) return;
      if (answers && !live) {
        progress.reset();
        live = true;
        facts = { ...facts, endpoint };
        logger.info('serving', { taskId, pid: running.pid, endpoint });
        await lookAtDisks();
        if (gone() || stopping.signal.aborted) return;
        tell();
      } else if (live) {
        silent = answers ? 0 : silent + 1;
        const before = trouble;
        trouble = troubleOf(silent, heartbeatsFail(view(), clock.nowMs()));
        const isHealthChanged = (trouble === undefined) !== (before === undefined);
        if (isHealthChanged)
          logger.warn(trouble === undefined ? 'serving again' : 'in trouble', { taskId, cause: trouble });
        const hasDiskNews = await lookAtDisks();
        if (gone() || stopping.signal.aborted) return;
        if (isHealthChanged || hasDiskNews) tell();
      } else if (isStalled(view(), clock.nowMs()) !== stalled) {
        stalled = !stalled;
        logger.warn(stalled ? 'log recovery has stalled' : 'log recovery moves again', { taskId });
        if (stalled) void options.send('TASK_STARTING', startReport(view(), true), {});
      }
      const pauseMs = live ? watchProbeMs : view().started ? startedProbeMs : startProbeMs;
      const words = live || view().started ? [] : [started];
      await waitUpTo(clock, pauseMs, running.exited, untilStopped(stopping.signal), ...words);
    }

    async function lookAtDisks(): Promise<boolean> {
      const news = await disks.look();
      if (news === undefined) return false;
      facts = { ...facts, disks: news };
      for (const { path, error } of news)
        if (error !== undefined) logger.warn('a disk failed', { taskId, path, cause: error });
      return true;
    }

    function tell(): void {
      const why: Partial<BrokerReport> =
        trouble === undefined ? {} : { code: 'registration-lost', message: `${endpoint} ${trouble}` };
      void options.send('TASK_RUNNING', report('serving', why), { healthy: trouble === undefined });
    }
  }

  function failed(code: ReportCode, message: string): BrokerEnd {
    return {
      state: 'TASK_FAILED',
      report: report('stopped', { code, message: message.slice(0, maxMessageLength * 2) }),
    };
  }

  async function run(): Promise<BrokerEnd> {
    try {
      const prepared = await prepare();
      const exit = await serve(prepared);
      if (!stopping.signal.aborted) {
        const disk = await diskEnd(prepared.disks.words(), process?.lastLines() ?? [], prepared.volumes);
        if (disk !== undefined) return failed(disk.reportCode, disk.message);
        const lines = lastWords(process?.lastLines() ?? [], maxMessageLength);
        return failed('process-exited', `the broker process ${describeExit(exit)}${lines}`);
      }
      // A JVM that ends of SIGTERM says 143 when all went well.
      const message =
        exit.code === 143 || exit.code === 0
          ? 'stopped as it was asked to'
          : `while it was being stopped the broker process ${describeExit(exit)}`;
      return { state: 'TASK_KILLED', report: report('stopped', { code: stopCode, message }) };
    } catch (error) {
      if (error instanceof Stopped || stopping.signal.aborted) {
        const message = 'stopped before the broker was started';
        return { state: 'TASK_KILLED', report: report('stopped', { code: stopCode, message }) };
      }
      if (error instanceof BrokerFailure) {
        return failed(
          diskCode(error) ?? error.reportCode,
          error.remedy === undefined ? error.message : `${error.message}. ${error.remedy}`,
        );
      }
      logger.error('the broker cannot be started', { taskId, cause: (error as Error).stack });
      // What is left are errors of the file system: a full or failing disk, missing rights.
      const code =
        diskCode(error) ?? (systemCode(error) === undefined ? 'executor-failed' : 'storage-unusable');
      return failed(code, `the executor could not start the broker: ${errorText(error)}`);
    } finally {
      over = true;
      progress.reset();
      stopDeadline.timer?.cancel();
    }
  }

  return {
    ended: run(),
    stop(graceMs, why) {
      if (over) return;
      const atMs = clock.nowMs() + graceMs;
      if (!stopping.signal.aborted) {
        logger.info('stopping', { taskId, graceMs, why });
        stopCode = why;
        stopping.abort();
        void options.send('TASK_KILLING', report('stopping'), {});
        process?.terminate();
      }
      if (atMs >= stopDeadline.atMs) return;
      stopDeadline.atMs = atMs;
      stopDeadline.timer?.cancel();
      stopDeadline.timer = clock.setTimer(graceMs, () => {
        logger.warn('the broker did not stop in time, killing it', { taskId, graceMs });
        process?.kill();
      });
    },
    killNow: () => process?.kill(),
  };
}

function troubleOf(silent: number, heartbeatsLost: boolean): string | undefined {
  if (silent >= silentProbes) return `has not answered for ${(silent * watchProbeMs) / 1000} s`;
  return heartbeatsLost
    ? `answers, but several of its heartbeats to the controllers failed within the last ${heartbeatMemoryMs / 1000} s`
    : undefined;
}

/** Gives the volumes their real paths, so that the same volume has one name from every sandbox. */
async function openVolumes(launch: BrokerLaunch, sandbox: string): Promise<DiskVolume[]> {
  const volumes: DiskVolume[] = [];
  for (const { name, path, persistent } of launch.storage.volumes) {
    const place = resolvePath(sandbox, path);
    // What is missing where Mesos or a mount should have put it would, made here, look like an empty disk, and what is
    // written to it would be lost with the sandbox.
    if (persistent !== true && !isAbsolute(path)) await mkdir(place, { recursive: true });
    const real = await realpath(place).catch((cause: unknown) => {
      throw new BrokerFailure('storage-unusable', `volume "${name}" at ${place}: ${errorText(cause)}`, {
        cause,
        remedy:
          persistent === true
            ? "The Mesos agent did not put the persistent volume into the sandbox; its log says why (search for the volume's name). One of an earlier release, at volumes/NAME, is never put there: replace the broker."
            : 'Create or mount the folder on this agent and let the task user own it.',
      });
    });
    volumes.push({ name, path: real });
  }
  return volumes;
}

/** Passes on the first value at once and then the latest one at most every `everyMs`. */
function createThrottle<T>(clock: Clock, everyMs: number, pass: (value: T) => void) {
  let latest: T | undefined;
  let timer: Timer | undefined;
  let lastMs = Number.NEGATIVE_INFINITY;
  const flush = () => {
    timer = undefined;
    if (latest === undefined) return;
    lastMs = clock.nowMs();
    pass(latest);
    latest = undefined;
  };
  return {
    offer(value: T): void {
      latest = value;
      if (timer !== undefined) return;
      const waitMs = lastMs + everyMs - clock.nowMs();
      if (waitMs <= 0) flush();
      else timer = clock.setTimer(waitMs, flush);
    },
    /** Forgets what has not been passed on: a more important update follows. */
    reset(): void {
      timer?.cancel();
      timer = undefined;
      latest = undefined;
      lastMs = clock.nowMs();
    },
  };
}
