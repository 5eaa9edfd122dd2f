/** The executor as Mesos sees it: the real storage decision over a model of the disk, virtual time. */
import { decideStorage, type FormatMarker, type StorageFacts } from '../../src/executor/storage.ts';
import type { StartContainer } from '../../src/local/model/io.ts';
import type { ExecutorCall, ExecutorEvent, TaskInfo, TaskState } from '../../src/mesos/types.ts';
import type { BrokerLaunch, BrokerReport } from '../../src/model/launch.ts';
import type { Clock } from '../../src/sys/clock.ts';
import type { Random } from '../../src/sys/random.ts';
import type { KafkaModel } from './kafka-model.ts';

/** One persistent volume's content; it outlives tasks. */
export type Disk = { clusterId?: string; nodeId?: number; directoryId?: string; marker?: FormatMarker };

export type ExecutorHost = {
  readonly clock: Clock;
  readonly random: Random;
  diskOf(container: StartContainer): Disk;
  kafkaOf(clusterId: string): KafkaModel;
  /** POST /api/v1/executor. */
  call(container: StartContainer, call: ExecutorCall): void;
  exited(container: StartContainer, waitStatus: number): void;
  onFormat(launch: BrokerLaunch, disk: Disk): void;
  onServing(launch: BrokerLaunch, taskId: string, up: boolean): void;
};

export type ExecutorModel = {
  readonly container: StartContainer;
  readonly brokerId: () => number | undefined;
  event(event: ExecutorEvent): void;
  /** SIGKILL of the broker's JVM. */
  killBroker(): boolean;
  /** The whole container is gone. */
  destroy(): void;
};

export function createExecutorModel(container: StartContainer, host: ExecutorHost): ExecutorModel {
  const { clock, random } = host;
  const ids = {
    executor_id: { value: container.executorId },
    framework_id: { value: container.frameworkId },
  };
  const between = (low: number, high: number): number => low + Math.floor(random.next() * (high - low));
  let task: TaskInfo | undefined;
  let launch: BrokerLaunch | undefined;
  let formatUuid: string | undefined;
  let jvm = false;
  let ended = false;
  let terminalUuid: string | undefined;

  const update = (state: TaskState, report: Partial<BrokerReport> & Pick<BrokerReport, 'phase'>): string => {
    const uuid = Buffer.from(random.bytes(16)).toString('base64');
    host.call(container, {
      ...ids,
      type: 'UPDATE',
      update: {
        status: {
          task_id: { value: task?.task_id.value ?? '' },
          state,
          source: 'SOURCE_EXECUTOR',
          uuid,
          timestamp: clock.nowMs() / 1000,
          data: Buffer.from(JSON.stringify({ protocol: 1, ...report })).toString('base64'),
        },
      },
    });
    return uuid;
  };
  const later = (low: number, high: number, run: () => void): void => {
    clock.setTimer(between(low, high), () => {
      if (!ended) run();
    });
  };
  const finish = (state: TaskState, report: Partial<BrokerReport> & Pick<BrokerReport, 'phase'>): void => {
    if (jvm && launch !== undefined) {
      jvm = false;
      host.onServing(launch, task?.task_id.value ?? '', false);
      host.kafkaOf(launch.clusterId).stop(launch.nodeId, state === 'TASK_KILLED');
    }
    terminalUuid = update(state, report);
    clock.setTimer(30_000, exit);
  };
  const exit = (): void => {
    if (ended) return;
    ended = true;
    host.exited(container, 0);
  };

  function begin(): void {
    if (launch === undefined) return;
    update('TASK_STARTING', { phase: 'fetching' });
    later(100, 3_000, () => {
      if (launch === undefined) return;
      const disk = host.diskOf(container);
      const decision = decideStorage(
        {
          mode: launch.storage.mode,
          clusterId: launch.clusterId,
          nodeId: launch.nodeId,
          initialVoters: launch.storage.initialVoters,
        },
        factsOf(disk, launch),
      );
      if (decision.kind === 'refuse') {
        finish('TASK_FAILED', { phase: 'stopped', code: decision.code, message: decision.message });
        return;
      }
      if (decision.kind === 'use') {
        startJvm();
        return;
      }
      disk.marker = {
        ...decision.intent,
        taskId: task?.task_id.value ?? '',
        clusterId: launch.clusterId,
        nodeId: launch.nodeId,
      };
      formatUuid = update('TASK_STARTING', { phase: 'formatting', formatted: true });
    });
  }

  function format(): void {
    later(100, 1_500, () => {
      if (launch === undefined) return;
      const disk = host.diskOf(container);
      host.onFormat(launch, disk);
      disk.clusterId = launch.clusterId;
      disk.nodeId = launch.nodeId;
      disk.directoryId =
        launch.storage.initialVoters.find((v) => v.nodeId === launch?.nodeId)?.directoryId ??
        `dir-${container.containerId}`;
      delete disk.marker;
      startJvm();
    });
  }

  function startJvm(): void {
    if (launch === undefined) return;
    jvm = true;
    const kafka = host.kafkaOf(launch.clusterId);
    kafka.start(launch);
    host.onServing(launch, task?.task_id.value ?? '', true);
    const waitUntilServing = (): void => {
      if (launch === undefined || !jvm) return;
      if (!kafka.serves(launch.nodeId)) {
        later(300, 400, waitUntilServing);
        return;
      }
      const disk = host.diskOf(container);
      const listener = launch.listeners[0];
      update('TASK_RUNNING', {
        phase: 'serving',
        formatted: true,
        jvmPid: 1,
        ...(disk.directoryId === undefined ? {} : { directoryId: disk.directoryId }),
        endpoint: `${listener?.advertisedHost}:${listener?.advertisedPort}`,
      });
    };
    waitUntilServing();
  }

  host.call(container, { ...ids, type: 'SUBSCRIBE', subscribe: {} });
  return {
    container,
    brokerId: () => launch?.nodeId,
    event(event) {
      if (ended) return;
      switch (event.type) {
        case 'LAUNCH':
          task = event.launch.task;
          launch = JSON.parse(Buffer.from(task.data ?? '', 'base64').toString('utf8')) as BrokerLaunch;
          begin();
          return;
        case 'ACKNOWLEDGED':
          // Only what the agent has checkpointed is sure to be heard of: then it may be formatted.
          if (event.acknowledged.uuid === formatUuid) {
            formatUuid = undefined;
            format();
          }
          if (event.acknowledged.uuid === terminalUuid) exit();
          return;
        case 'KILL':
          if (terminalUuid !== undefined || task === undefined) return;
          update('TASK_KILLING', { phase: 'stopping' });
          later(200, 4_000, () => {
            if (terminalUuid === undefined) finish('TASK_KILLED', { phase: 'stopped' });
          });
          return;
        default:
          return;
      }
    },
    killBroker() {
      if (!jvm || terminalUuid !== undefined) return false;
      jvm = false;
      if (launch !== undefined) {
        host.onServing(launch, task?.task_id.value ?? '', false);
        host.kafkaOf(launch.clusterId).stop(launch.nodeId, false);
      }
      finish('TASK_FAILED', {
        phase: 'stopped',
        code: 'process-exited',
        message: 'the broker was killed by signal 9',
      });
      return true;
    },
    destroy() {
      if (ended) return;
      ended = true;
      if (jvm && launch !== undefined) {
        jvm = false;
        host.onServing(launch, task?.task_id.value ?? '', false);
        host.kafkaOf(launch.clusterId).stop(launch.nodeId, false);
      }
    },
  };
}

function factsOf(disk: Disk, launch: BrokerLaunch): StorageFacts {
  const formatted = disk.clusterId !== undefined && disk.nodeId !== undefined;
  return {
    ...(disk.marker === undefined ? {} : { marker: disk.marker }),
    ...(formatted ? { record: { clusterId: disk.clusterId ?? '', nodeId: disk.nodeId ?? 0 } } : {}),
    volumes: launch.storage.volumes.map((v) => ({
      name: v.name,
      content: formatted
        ? {
            kind: 'formatted' as const,
            meta: {
              clusterId: disk.clusterId ?? '',
              nodeId: disk.nodeId ?? 0,
              ...(disk.directoryId === undefined ? {} : { directoryId: disk.directoryId }),
            },
            entries: ['meta.properties'],
          }
        : { kind: 'empty' as const },
    })),
  };
}
