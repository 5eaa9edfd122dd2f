/**
 * The executor as its agent sees it: the real storage decision over a model of the disk, updates kept
 * until the agent has them, and a stream that is opened again when the agent comes back.
 */
import { decideStorage, type StorageFacts } from '../../src/executor/storage.ts';
import type { StartContainer } from '../../src/local/model/io.ts';
import type { ExecutorCall, ExecutorEvent, TaskInfo, TaskState, TaskStatus } from '../../src/mesos/types.ts';
import type { BrokerLaunch, BrokerReport } from '../../src/model/launch.ts';
import type { Clock } from '../../src/sys/clock.ts';
import type { Disk, Instance, KafkaModel } from './kafka-model.ts';
import type { Dice } from './randomness.ts';

export type ExecutorHost = {
  readonly clock: Clock;
  readonly dice: Dice;
  diskOf(container: StartContainer): Disk;
  kafkaOf(clusterId: string): KafkaModel;
  /** POST /api/v1/executor; the status of the answer, 0 when nobody answered. */
  call(container: StartContainer, call: ExecutorCall, answered: (status: number) => void): void;
  exited(container: StartContainer, waitStatus: number): void;
  onFormat(launch: BrokerLaunch, disk: Disk): void;
  onStarted(instance: Instance): void;
  /** Whether this start fails before the broker serves. */
  failsToStart(): boolean;
};

export type ExecutorModel = {
  readonly container: StartContainer;
  taskId(): string | undefined;
  launch(): BrokerLaunch | undefined;
  instance(): Instance | undefined;
  event(event: ExecutorEvent): void;
  /** The agent closed the stream. */
  disconnected(): void;
  /** SIGKILL of the broker's JVM. */
  killBroker(): boolean;
  /** From now on the broker dies soon after each start. */
  serving(): boolean;
  /** The whole container is gone. */
  destroy(): void;
};

type Report = Partial<BrokerReport> & Pick<BrokerReport, 'phase'>;

const recoveryTimeoutMs = 15 * 60_000;

export function createExecutorModel(container: StartContainer, host: ExecutorHost): ExecutorModel {
  const { clock, dice } = host;
  const ids = {
    executor_id: { value: container.executorId },
    framework_id: { value: container.frameworkId },
  };
  /** Not taken by the agent yet, in order. */
  const pending: TaskStatus[] = [];
  let task: TaskInfo | undefined;
  let launch: BrokerLaunch | undefined;
  let instance: Instance | undefined;
  let awaited: { readonly uuid: string; readonly go: () => void } | undefined;
  let terminalUuid: string | undefined;
  let isServing = false;
  let connected = false;
  let lostAtMs = clock.nowMs();
  let ended = false;

  const later = (low: number, high: number, run: () => void): void => {
    clock.setTimer(dice.between(low, high), () => {
      if (!ended) run();
    });
  };

  function subscribe(): void {
    host.call(
      container,
      {
        ...ids,
        type: 'SUBSCRIBE',
        subscribe: {
          unacknowledged_tasks: task === undefined ? [] : [task],
          unacknowledged_updates: pending.map((status) => ({ status })),
        },
      },
      (status) => {
        if (ended || connected) return;
        if (status === 200) {
          connected = true;
        } else if (status === 400 || clock.nowMs() - lostAtMs > recoveryTimeoutMs) {
          // The agent knows nothing of it any more, or never came back.
          endBroker(false);
          exit();
        } else {
          later(200, 1_000, subscribe);
        }
      },
    );
  }

  function update(state: TaskState, report: Report): string {
    const uuid = Buffer.from(dice.bytes(16)).toString('base64');
    const status: TaskStatus = {
      task_id: { value: task?.task_id.value ?? '' },
      state,
      source: 'SOURCE_EXECUTOR',
      uuid,
      timestamp: clock.nowMs() / 1000,
      data: Buffer.from(JSON.stringify({ protocol: 1, ...report })).toString('base64'),
    };
    pending.push(status);
    if (connected) host.call(container, { ...ids, type: 'UPDATE', update: { status } }, () => {});
    return uuid;
  }

  function endBroker(clean: boolean): void {
    isServing = false;
    if (instance !== undefined && launch !== undefined) host.kafkaOf(launch.clusterId).stop(instance, clean);
    instance = undefined;
  }
  function finish(state: TaskState, report: Report): void {
    if (terminalUuid !== undefined) return;
    endBroker(state === 'TASK_KILLED');
    terminalUuid = update(state, report);
    clock.setTimer(30_000, exit);
  }
  function exit(): void {
    if (ended) return;
    ended = true;
    host.exited(container, 0);
  }

  const starting: Report = { phase: 'starting', formatted: true };

  function begin(): void {
    update('TASK_STARTING', { phase: 'fetching' });
    later(100, 3_000, () => {
      if (launch === undefined || terminalUuid !== undefined) return;
      const decision = decideStorage(
        {
          mode: launch.storage.mode,
          clusterId: launch.clusterId,
          nodeId: launch.nodeId,
          initialVoters: launch.storage.initialVoters,
        },
        factsOf(host.diskOf(container), launch),
      );
      if (decision.kind === 'refuse') {
        const { marker, clusterId } = host.diskOf(container);
        finish('TASK_FAILED', {
          phase: 'stopped',
          code: decision.code,
          message: decision.message,
          ...(decision.code === 'never-used' && (marker !== undefined || clusterId !== undefined)
            ? { formatted: true }
            : {}),
        });
      } else if (decision.kind === 'use') {
        // Where nobody may know that it is formatted, somebody has to before it serves.
        if (launch.storage.mode === 'expect') startBroker();
        else awaited = { uuid: update('TASK_STARTING', starting), go: startBroker };
      } else {
        host.diskOf(container).marker = {
          ...decision.intent,
          taskId: task?.task_id.value ?? '',
          clusterId: launch.clusterId,
          nodeId: launch.nodeId,
        };
        awaited = { uuid: update('TASK_STARTING', { phase: 'formatting', formatted: true }), go: format };
      }
    });
  }

  function format(): void {
    later(100, 1_500, () => {
      if (launch === undefined || terminalUuid !== undefined) return;
      const disk = host.diskOf(container);
      host.onFormat(launch, disk);
      disk.clusterId = launch.clusterId;
      disk.nodeId = launch.nodeId;
      disk.directoryId =
        launch.storage.initialVoters.find((v) => v.nodeId === launch?.nodeId)?.directoryId ??
        `dir-${container.containerId}`;
      delete disk.marker;
      startBroker();
    });
  }

  function startBroker(): void {
    if (launch === undefined || terminalUuid !== undefined) return;
    if (host.failsToStart()) {
      finish('TASK_FAILED', { phase: 'stopped', code: 'process-exited', message: 'it exited with status 1' });
      return;
    }
    const kafka = host.kafkaOf(launch.clusterId);
    instance = kafka.start(launch, task?.task_id.value ?? '', container.agentName, host.diskOf(container));
    host.onStarted(instance);
    update('TASK_STARTING', starting);
    const waitUntilServing = (): void => {
      if (launch === undefined || instance === undefined) return;
      if (!kafka.serves(instance)) {
        later(500, 700, waitUntilServing);
        return;
      }
      isServing = true;
      const { directoryId } = host.diskOf(container);
      const listener = launch.listeners[0] ?? launch.controllerListener;
      update('TASK_RUNNING', {
        phase: 'serving',
        formatted: true,
        jvmPid: 1,
        ...(directoryId === undefined ? {} : { directoryId }),
        endpoint: `${listener?.advertisedHost}:${listener?.advertisedPort}`,
      });
    };
    waitUntilServing();
  }

  subscribe();
  return {
    container,
    taskId: () => task?.task_id.value,
    launch: () => launch,
    instance: () => instance,
    serving: () => isServing,
    event(event) {
      if (ended) return;
      switch (event.type) {
        case 'LAUNCH': {
          task = event.launch.task;
          const data = Buffer.from(task.data ?? '', 'base64').toString('utf8');
          if (data === '') {
            // Somebody else's, or of a past that nobody remembers.
            update('TASK_RUNNING', { phase: 'serving' });
            return;
          }
          launch = JSON.parse(data) as BrokerLaunch;
          begin();
          return;
        }
        case 'ACKNOWLEDGED': {
          const { uuid } = event.acknowledged;
          const at = pending.findIndex((status) => status.uuid === uuid);
          if (at >= 0) pending.splice(at, 1);
          // Only what the agent has checkpointed is sure to be heard of: then it may be formatted.
          if (uuid === awaited?.uuid) {
            const { go } = awaited;
            awaited = undefined;
            go();
          }
          if (uuid === terminalUuid) later(1, 3_000, exit);
          return;
        }
        case 'KILL':
          if (terminalUuid !== undefined || task === undefined) return;
          update('TASK_KILLING', { phase: 'stopping' });
          later(200, 4_000, () => finish('TASK_KILLED', { phase: 'stopped' }));
          return;
        case 'SHUTDOWN':
          if (task !== undefined) finish('TASK_KILLED', { phase: 'stopped', code: 'shut-down' });
          later(1, 500, exit);
          return;
        default:
          return;
      }
    },
    disconnected() {
      if (ended) return;
      connected = false;
      lostAtMs = clock.nowMs();
      later(200, 1_000, subscribe);
    },
    killBroker() {
      if (instance === undefined || terminalUuid !== undefined) return false;
      endBroker(false);
      finish('TASK_FAILED', {
        phase: 'stopped',
        code: 'process-exited',
        message: 'the broker was killed by signal 9',
      });
      return true;
    },
    destroy() {
      endBroker(false);
      ended = true;
    },
  };
}

function factsOf(disk: Disk, launch: BrokerLaunch): StorageFacts {
  const { clusterId, nodeId, directoryId, marker } = disk;
  const isFormatted = clusterId !== undefined && nodeId !== undefined;
  return {
    ...(marker === undefined ? {} : { marker }),
    ...(isFormatted ? { record: { clusterId, nodeId } } : {}),
    volumes: launch.storage.volumes.map((v) => ({
      name: v.name,
      content: isFormatted
        ? {
            kind: 'formatted' as const,
            meta: { clusterId, nodeId, ...(directoryId === undefined ? {} : { directoryId }) },
            entries: ['meta.properties', ...disk.logs.keys()],
          }
        : { kind: 'empty' as const },
    })),
  };
}
