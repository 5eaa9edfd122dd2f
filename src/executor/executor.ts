import type { KillPolicy, TaskInfo } from '../mesos/types.ts';
import { type BrokerLaunch, type BrokerReport, executorProtocolVersion } from '../model/launch.ts';
import type { Clock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import type { Random } from '../sys/random.ts';
import { type AgentConnection, createAgentConnection, type ExecutorSettings } from './agent-connection.ts';
import { BrokerFailure, errorText } from './failure.ts';
import { readLaunch } from './launch.ts';
import { type BrokerEnd, type BrokerRun, type RunOptions, runBroker } from './run-broker.ts';
import { waitUpTo } from './wait.ts';

export type ExecutorPorts = {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly createPrograms: RunOptions['createPrograms'];
};

export type Executor = {
  /** The exit code of the process; the broker is gone by then. Never rejects. */
  readonly ended: Promise<number>;
  /** Ends as on a SHUTDOWN of the agent. */
  shutDown(): void;
  /** For the last moment: takes the broker along. */
  killNow(): void;
};

type Running = {
  readonly taskId: string;
  readonly task: TaskInfo;
  readonly launch: BrokerLaunch;
  readonly run: BrokerRun;
};

/** The executor of one broker: subscribes with the agent and runs the one task that it is given. */
export function startExecutor(settings: ExecutorSettings, ports: ExecutorPorts): Executor {
  const { clock, logger } = ports;
  let running: Running | undefined;
  let ending = false;
  let hurried = () => {};
  const hurry = new Promise<void>((resolve) => {
    hurried = resolve;
  });
  let exit: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    exit = resolve;
  });

  const connection: AgentConnection = createAgentConnection(
    settings,
    { onLaunch, onKill, onShutdown: shutDown, onLost },
    ports,
  );

  function onLaunch(task: TaskInfo): void {
    const taskId = task.task_id.value;
    if (taskId === running?.taskId) return;
    if (running !== undefined || ending) {
      refuse(taskId, 'this executor runs one broker only');
      return;
    }
    logger.info('launch', { taskId });
    let launch: BrokerLaunch;
    try {
      launch = readLaunch(task);
    } catch (error) {
      void finish(taskId, failureOf(error));
      return;
    }
    const memoryMiB = task.resources?.find(({ name }) => name === 'mem')?.scalar?.value;
    const run = runBroker(launch, {
      ...ports,
      taskId,
      sandbox: settings.sandbox,
      ...(memoryMiB === undefined ? {} : { memoryMiB }),
      send: (state, report, { healthy, replaceable }) =>
        connection.update(taskId, {
          state,
          ...withReport(report),
          ...(healthy === undefined ? {} : { healthy }),
          ...(replaceable === undefined ? {} : { replaceable }),
        }),
    });
    running = { taskId, task, launch, run };
    void run.ended.then((end) => finish(taskId, end));
  }

  function onKill(taskId: string, policy: KillPolicy | undefined): void {
    if (running?.taskId !== taskId) return;
    const { task, launch, run } = running;
    const nanoseconds = (policy ?? task.kill_policy)?.grace_period?.nanoseconds;
    run.stop(nanoseconds === undefined ? launch.stopGraceMs : nanoseconds / 1e6, 'stopped');
  }

  function shutDown(): void {
    logger.info('shutting down', { graceMs: settings.shutdownGraceMs });
    hurried();
    if (running === undefined) {
      exit(0);
      return;
    }
    // The agent kills all that is left after its grace period: keep a tenth of it for the farewell.
    running.run.stop(settings.shutdownGraceMs * 0.9, 'shut-down');
  }

  function onLost(): void {
    hurried();
    // The agent has forgotten us, and another instance may come: this one ends, in order.
    if (running === undefined) exit(1);
    else running.run.stop(running.launch.stopGraceMs, 'shut-down');
  }

  function refuse(taskId: string, message: string): void {
    const report: BrokerReport = {
      protocol: executorProtocolVersion,
      phase: 'stopped',
      code: 'invalid-launch',
      message,
    };
    void connection.update(taskId, { state: 'TASK_FAILED', ...withReport(report) });
  }

  async function finish(taskId: string, end: BrokerEnd): Promise<void> {
    ending = true;
    logger.info('the broker has ended', { taskId, state: end.state, cause: end.report.message });
    const acknowledged = connection.update(taskId, { state: end.state, ...withReport(end.report) });
    // Gone before the agent has it, all that the scheduler would learn is "executor terminated".
    await waitUpTo(clock, settings.recoveryTimeoutMs, acknowledged, hurry);
    await waitUpTo(clock, Math.min(5_000, settings.shutdownGraceMs * 0.1), acknowledged);
    connection.close();
    exit(0);
  }

  connection.start();
  return { ended, shutDown, killNow: () => running?.run.killNow() };
}

function withReport(report: BrokerReport): { data: string; message?: string } {
  const { message } = report;
  return { data: JSON.stringify(report), ...(message === undefined ? {} : { message }) };
}

function failureOf(error: unknown): BrokerEnd {
  const code = error instanceof BrokerFailure ? error.reportCode : 'executor-failed';
  const remedy = error instanceof BrokerFailure && error.remedy !== undefined ? `. ${error.remedy}` : '';
  const message = `${errorText(error)}${remedy}`;
  return {
    state: 'TASK_FAILED',
    report: { protocol: executorProtocolVersion, phase: 'stopped', code, message },
  };
}
