/** The model of master and agents under virtual time: its timers, its containers, its streams, what happens to agents. */
import type { Input, OperatorCall, Output, StartContainer } from '../../src/local/model/io.ts';
import type { AgentConfig, Settings, State } from '../../src/local/model/state.ts';
import { defaultSettings, initialState, nextWakeMs, step } from '../../src/local/model/step.ts';
import { decodeExecutorEvent, encodeExecutorEvent } from '../../src/mesos/codec.ts';
import type { SchedulerEvent } from '../../src/mesos/types.ts';
import type { BrokerLaunch } from '../../src/model/launch.ts';
import type { Clock } from '../../src/sys/clock.ts';
import { quiet } from './clock.ts';
import { createExecutorModel, type ExecutorModel } from './executor-model.ts';
import type { Faults } from './faults.ts';
import type { Disk, Instance, KafkaModel } from './kafka-model.ts';
import type { Dice } from './randomness.ts';

/** An input without its time, which is always now. */
export type Happening = Input extends infer I
  ? I extends { readonly nowMs: number }
    ? Omit<I, 'nowMs'>
    : never
  : never;

export type SchedulerStream = { event(event: SchedulerEvent): void; closed(): void };

export type Answer = { readonly status: number; readonly text: string };

export type MesosCluster = {
  readonly state: State;
  readonly agentNames: readonly string[];
  /** What the master or an agent answers to a request; status 0 when there is none. */
  feed(happening: Happening): Answer;
  /** What an operator asks of the master; the status of its answer. */
  operate(call: OperatorCall): number;
  /** Its memory goes, and with it all streams; the agents find its successor after a while. */
  failOverMaster(masterId: string, agentsReturnAfterMs: number): void;
  openStream(streamId: string, stream: SchedulerStream): void;
  executors(): readonly ExecutorModel[];
  agentIdOf(agentName: string): string | undefined;
  isUp(agentName: string): boolean;
  /** Every agent is there, and the master has it. */
  isWhole(): boolean;
  /** Its process ends; with `machine` all that runs on it too. */
  stopAgent(agentName: string, machine: boolean): void;
  startAgent(agentName: string): void;
  /** Everything on its disk is gone, and what the agent remembers with it: whoever starts it next starts it afresh. */
  wipeDisks(agentName: string): void;
  /** All that exist. */
  disks(): readonly Disk[];
  /** Of a persistent volume, on whichever agent it is. */
  diskOf(persistenceId: string): Disk | undefined;
  /** How each agent is, for the one who looks for a cause. */
  describe(): Readonly<Record<string, string>>;
  /** Offers made from now on are taken back after this; undefined: never. */
  rescindAfter(ms: number | undefined): void;
  /** Ends the executor's container from outside. */
  crashExecutor(executor: ExecutorModel): void;
};

export function createMesosCluster(deps: {
  readonly clock: Clock;
  readonly dice: Dice;
  readonly faults: Faults;
  readonly agents: readonly AgentConfig[];
  readonly kafkaOf: (clusterId: string) => KafkaModel;
  readonly onFormat: (launch: BrokerLaunch, disk: Disk) => void;
  readonly onStarted: (instance: Instance) => void;
  /** An update reaches its agent after one that its executor sent later. */
  readonly onOvertaken: () => void;
  readonly onDestroyed: (persistenceId: string, disk: Disk | undefined) => void;
}): MesosCluster {
  const { clock, dice, faults } = deps;
  const settings = { ...defaultSettings, masterId: 'm', hostname: 'localhost', ip: '127.0.0.1', port: 5050 };
  const state: State & { settings: Settings } = initialState(settings, clock.nowMs());
  const configs = new Map(deps.agents.map((agent) => [agent.name, agent]));
  const streams = new Map<string, SchedulerStream>();
  const executors = new Map<string, ExecutorModel>();
  const executorStreams = new Map<string, ExecutorModel>();
  const disks = new Map<string, Disk>();
  const wipedAgents = new Set<string>();
  let nextStream = 0;
  let wake: { cancel(): void } | undefined;
  let wakeAtMs = Number.POSITIVE_INFINITY;

  function feed(happening: Happening): Answer {
    return carryOut(step(state, { ...happening, nowMs: clock.nowMs() } as Input).outputs);
  }
  function carryOut(outputs: readonly Output[]): Answer {
    let answer: Answer = { status: 0, text: '' };
    for (const output of outputs) {
      if (output.kind === 'reply') answer = { status: output.status, text: output.text ?? '' };
      else perform(output);
    }
    const nextMs = nextWakeMs(state);
    if (nextMs < wakeAtMs) {
      wake?.cancel();
      wakeAtMs = nextMs;
      wake = clock.setTimer(Math.max(0, nextMs - clock.nowMs()), () => {
        wakeAtMs = Number.POSITIVE_INFINITY;
        const made = step(state, { kind: 'tick', nowMs: clock.nowMs() }).outputs;
        carryOut(made);
        return made.length === 0 ? quiet : undefined;
      });
    }
    return answer;
  }

  function perform(output: Output): void {
    switch (output.kind) {
      case 'event':
        streams.get(output.streamId)?.event(output.event);
        return;
      case 'close-stream':
        streams.get(output.streamId)?.closed();
        streams.delete(output.streamId);
        return;
      case 'start-container':
        clock.setTimer(dice.between(100, 1_000), () => startContainer(output));
        return;
      case 'executor-event': {
        const executor = executorStreams.get(output.streamId);
        const event = decodeExecutorEvent(encodeExecutorEvent(output.event));
        clock.setTimer(dice.between(1, 6), () => executor?.event(event));
        return;
      }
      case 'close-executor-stream':
        executorStreams.get(output.streamId)?.disconnected();
        executorStreams.delete(output.streamId);
        return;
      case 'signal-container':
        if (output.signal === 'SIGKILL') end(output.agentName, output.containerId);
        return;
      case 'destroy-container':
        end(output.agentName, output.containerId);
        return;
      case 'stop-agent':
        clock.setTimer(10, () => {
          if (cluster.isUp(output.agentName)) cluster.stopAgent(output.agentName, true);
        });
        return;
      case 'destroy-volume': {
        const { persistenceId } = output.volume;
        const key = `${output.agentName}/${persistenceId}`;
        deps.onDestroyed(persistenceId, disks.get(key));
        disks.delete(key);
        return;
      }
      default:
        return;
    }
  }

  function end(agentName: string, containerId: string): void {
    executors.get(containerId)?.destroy();
    executors.delete(containerId);
    clock.setTimer(10, () => feed({ kind: 'container-exited', agentName, containerId, waitStatus: 9 }));
  }

  function startContainer(container: StartContainer): void {
    const { agentName, containerId } = container;
    // The agent may have gone, or have given it up, while it was fetching.
    const known = Object.values(state.processes[agentName]?.executors ?? {}).find(
      (one) => one.containerId === containerId,
    );
    if (known === undefined || known.phase === 'terminated' || !configs.has(agentName)) return;
    if (state.processes[agentName]?.phase === 'down') return;
    feed({ kind: 'container-started', agentName, containerId, pid: 1 });
    /** Updates of this executor: sent, and the newest that has arrived. */
    let sent = 0;
    let newest = 0;
    const model = createExecutorModel(container, {
      clock,
      dice,
      diskOf(c) {
        const key = `${c.agentName}/${c.volumes[0]?.persistenceId ?? c.containerId}`;
        const disk = disks.get(key) ?? { logs: new Map() };
        disks.set(key, disk);
        return disk;
      },
      kafkaOf: deps.kafkaOf,
      call(c, call, answered) {
        const isUpdate = call.type === 'UPDATE';
        const isLate = isUpdate && faults.strikes('update delayed');
        sent += isUpdate ? 1 : 0;
        const mine = sent;
        clock.setTimer(isLate ? dice.between(1_000, 8_000) : dice.between(1, 6), () => {
          if (!executors.has(c.containerId)) return;
          if (isUpdate && mine < newest) deps.onOvertaken();
          newest = Math.max(newest, isUpdate ? mine : 0);
          if (state.processes[c.agentName]?.phase === 'down') return answered(0);
          if (call.type !== 'SUBSCRIBE') {
            return answered(feed({ kind: 'executor-call', agentName: c.agentName, call }).status);
          }
          nextStream += 1;
          const streamId = `x-${nextStream}`;
          executorStreams.set(streamId, model);
          answered(feed({ kind: 'executor-subscribe', agentName: c.agentName, streamId, call }).status);
        });
      },
      exited(c, waitStatus) {
        executors.delete(c.containerId);
        if (state.processes[c.agentName]?.phase === 'down') return;
        feed({
          kind: 'container-exited',
          agentName: c.agentName,
          containerId: c.containerId,
          waitStatus,
        });
      },
      onFormat: deps.onFormat,
      onStarted: deps.onStarted,
      failsToStart: () => faults.strikes('start fails'),
    });
    executors.set(containerId, model);
  }

  const onAgent = (agentName: string): ExecutorModel[] =>
    [...executors.values()].filter((e) => e.container.agentName === agentName);

  const cluster: MesosCluster = {
    state,
    agentNames: [...configs.keys()],
    feed,
    operate: (call) => feed({ kind: 'operator-call', call }).status,
    failOverMaster: (masterId, agentsReturnAfterMs) =>
      void feed({ kind: 'master-restarted', masterId, agentsReturnAfterMs }),
    openStream: (streamId, stream) => void streams.set(streamId, stream),
    executors: () => [...executors.values()],
    agentIdOf: (agentName) => state.processes[agentName]?.agentId,
    isWhole: () =>
      [...configs.keys()].every((name) => {
        const { agentId = '', phase, linked } = state.processes[name] ?? {};
        return phase === 'up' && linked === true && state.agents[agentId]?.connected === true;
      }),
    isUp: (agentName) => state.processes[agentName]?.phase !== 'down',
    stopAgent(agentName, machine) {
      if (machine) {
        for (const executor of onAgent(agentName)) {
          executor.destroy();
          executors.delete(executor.container.containerId);
        }
      }
      feed({ kind: 'agent-stopped', agentName, executors: machine ? 'gone' : 'running' });
    },
    startAgent(agentName) {
      const agent = configs.get(agentName);
      if (agent === undefined) return;
      const wiped = wipedAgents.delete(agentName);
      feed({
        kind: 'agent-started',
        agent,
        wiped,
        livingContainers: onAgent(agentName).map((e) => e.container.containerId),
        registrationDelayMs: dice.between(100, 3_000),
      });
    },
    wipeDisks(agentName) {
      for (const key of [...disks.keys()]) {
        if (key.startsWith(`${agentName}/`)) disks.delete(key);
      }
      wipedAgents.add(agentName);
    },
    disks: () => [...disks.values()],
    diskOf: (persistenceId) => [...disks].find(([key]) => key.endsWith(`/${persistenceId}`))?.[1],
    describe: () =>
      Object.fromEntries(
        [...configs.keys()].map((name) => {
          const {
            agentId = 'no id',
            phase = 'down',
            linked = false,
            total = [],
          } = state.processes[name] ?? {};
          const volumes = total.flatMap((r) => r.disk?.persistence?.id ?? []);
          const record = state.agents[agentId];
          const seen =
            record === undefined ? 'unknown to the master' : record.connected ? '' : 'disconnected';
          return [name, [agentId, phase, linked ? 'linked' : 'cut off', seen, ...volumes].join(' ')];
        }),
      ),
    rescindAfter(ms) {
      const { masterId } = state.settings;
      state.settings = { ...settings, masterId, ...(ms === undefined ? {} : { offerTimeoutMs: ms }) };
    },
    crashExecutor: (executor) => end(executor.container.agentName, executor.container.containerId),
  };
  for (const agentName of cluster.agentNames) cluster.startAgent(agentName);
  return cluster;
}
