/** What happens to machines, masters and schedulers by itself; each trouble ends by itself, or at the healing. */
import type { VirtualClock } from './clock.ts';
import type { Faults, WorldFault } from './faults.ts';
import type { KafkaModel } from './kafka-model.ts';
import type { MesosCluster } from './mesos-cluster.ts';
import type { CoverageWatch } from './observe-coverage.ts';
import type { Dice } from './randomness.ts';
import type { Scheduler, Schedulers } from './schedulers.ts';

export type Trouble = {
  /** Draws when what happens until then. */
  begin(untilMs: number): void;
  /** Everything that can be mended is mended now. */
  heal(): void;
  isKafkaReachable(): boolean;
  isMasterUp(): boolean;
};

export function createTrouble(deps: {
  readonly clock: VirtualClock;
  readonly dice: Dice;
  readonly faults: Faults;
  readonly cluster: MesosCluster;
  readonly schedulers: Schedulers;
  readonly kafkas: () => readonly KafkaModel[];
  readonly coverage: CoverageWatch;
  readonly note: (line: string) => void;
}): Trouble {
  const { clock, dice, faults, cluster, schedulers, coverage, note } = deps;
  /** What is still to be undone. */
  const undone = new Set<() => void>();
  let isKafkaReachable = true;
  let isMasterUp = true;
  let isMaintained = false;
  let masters = 0;
  let disksLost = 0;
  let healed = false;

  /** Undoes it after a while, or when everything is healed, whichever comes first. */
  function until(afterMs: number, undo: () => void): void {
    const once = (): void => {
      if (undone.delete(once)) undo();
    };
    undone.add(once);
    clock.setTimer(afterMs, once);
  }
  const comeBack = (agentName: string) => (): void => {
    if (!cluster.isUp(agentName)) cluster.startAgent(agentName);
  };
  const someAgent = (): string | undefined => dice.pick(cluster.agentNames.filter(cluster.isUp));
  /** Of a disk at most one copy is ever lost: more of it no cluster survives. */
  const mayLoseDisk = (): boolean => {
    disksLost += 1;
    return disksLost <= 1;
  };
  const leader = (): Scheduler | undefined => schedulers.leader();

  /** Preferably one whose broker may be relocated: without a voter's disk a cluster is held for good. */
  function agentOfFollower(): string | undefined {
    const followers = cluster.executors().filter((e) => e.launch()?.roles.includes('controller') === false);
    return dice.chance(0.6) ? (dice.pick(followers)?.container.agentName ?? someAgent()) : someAgent();
  }

  function partition(withBroker: boolean, forMs = dice.between(10_000, 400_000)): boolean {
    const agentName = agentOfFollower();
    if (agentName === undefined) return false;
    cluster.feed({ kind: 'agent-partitioned', agentName });
    if (withBroker) for (const kafka of deps.kafkas()) kafka.cut(agentName, true);
    until(forMs, () =>
      cluster.feed({ kind: 'agent-healed', agentName, registrationDelayMs: dice.between(0, 3_000) }),
    );
    if (withBroker) {
      until(Math.max(5_000, forMs + dice.between(-30_000, 30_000)), () => {
        for (const kafka of deps.kafkas()) kafka.cut(agentName, false);
      });
    }
    return true;
  }

  /** Each says whether there was anything that it could happen to. */
  const actions: Readonly<Record<WorldFault, () => boolean>> = {
    'broker killed': () => dice.pick(cluster.executors())?.killBroker() === true,
    'broker flaps': () => {
      const victim = dice.pick(cluster.executors())?.launch();
      if (victim === undefined) return false;
      let over = false;
      until(dice.between(60_000, 240_000), () => {
        over = true;
      });
      const kill = (): void => {
        if (over) return;
        for (const executor of cluster.executors()) {
          const { nodeId, clusterId } = executor.launch() ?? {};
          const isIt = nodeId === victim.nodeId && clusterId === victim.clusterId;
          if (isIt && executor.serving()) executor.killBroker();
        }
        clock.setTimer(dice.between(500, 3_000), kill);
      };
      kill();
      return true;
    },
    'executor crashed': () => {
      const executor = dice.pick(cluster.executors());
      if (executor !== undefined) cluster.crashExecutor(executor);
      return executor !== undefined;
    },
    'stream broken': () => {
      leader()?.client()?.breakOff();
      return leader() !== undefined;
    },
    'rescind storm': () => {
      cluster.rescindAfter(dice.between(1, 60));
      until(dice.between(20_000, 90_000), () => cluster.rescindAfter(undefined));
      return true;
    },
    'agent process restarted': () => {
      const agentName = someAgent();
      if (agentName === undefined) return false;
      cluster.stopAgent(agentName, false);
      until(dice.between(500, 120_000), comeBack(agentName));
      return true;
    },
    'agent rebooted': () => {
      const agentName = someAgent();
      if (agentName === undefined) return false;
      cluster.stopAgent(agentName, true);
      coverage.rebooted(agentName);
      until(dice.between(5_000, 200_000), comeBack(agentName));
      return true;
    },
    'agent rebooted under another id': () => {
      const agentName = someAgent();
      if (agentName === undefined) return false;
      cluster.stopAgent(agentName, true);
      clock.setTimer(dice.between(100, 2_000), () => {
        if (!cluster.isUp(agentName)) cluster.feed({ kind: 'agent-unregistered', agentName });
      });
      until(dice.between(5_000, 100_000), comeBack(agentName));
      return true;
    },
    'agent wiped': () => {
      const agentName = agentOfFollower();
      if (agentName === undefined || !mayLoseDisk()) return false;
      cluster.stopAgent(agentName, true);
      cluster.wipeDisks(agentName);
      until(dice.between(5_000, 100_000), comeBack(agentName));
      return true;
    },
    'agent partitioned': () => partition(false),
    'agent partitioned, its broker too': () => partition(true),
    // Long enough for its broker to be replaced: then both are there.
    'agent partitioned for long': () =>
      cluster.executors().some((e) => e.launch()?.roles.includes('controller') === false) &&
      partition(true, dice.between(230_000, 330_000)),
    'agent marked gone': () => {
      const agentName = agentOfFollower();
      const value = agentName === undefined ? undefined : cluster.agentIdOf(agentName);
      if (agentName === undefined || value === undefined || !mayLoseDisk()) return false;
      cluster.operate({ type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id: { value } } });
      cluster.wipeDisks(agentName);
      until(dice.between(60_000, 300_000), () => {
        if (cluster.isUp(agentName)) cluster.stopAgent(agentName, true);
        cluster.startAgent(agentName);
      });
      return true;
    },
    'agent drained': () => {
      const agentName = someAgent();
      const value = agentName === undefined ? undefined : cluster.agentIdOf(agentName);
      if (value === undefined) return false;
      const drained = cluster.operate({
        type: 'DRAIN_AGENT',
        drain_agent: { agent_id: { value }, max_grace_period: { seconds: dice.between(1, 20) } },
      });
      // Refused as long as its tasks are not gone, which may want the agent to come back first.
      const reactivate = (triesLeft: number): void => {
        const call = { type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id: { value } } } as const;
        if (cluster.operate(call) !== 200 && triesLeft > 0) {
          clock.setTimer(5_000, () => reactivate(triesLeft - 1));
        }
      };
      until(dice.between(20_000, 200_000), () => reactivate(400));
      return drained === 200;
    },
    'machine maintained': () => {
      const agentName = someAgent();
      if (agentName === undefined || isMaintained) return false;
      isMaintained = true;
      maintain(agentName);
      return true;
    },
    'master failover': () => failOver(),
    'agent lost in a master failover': () => {
      const agentName = someAgent();
      if (agentName === undefined) return false;
      cluster.stopAgent(agentName, true);
      if (dice.chance(0.5)) until(dice.between(60_000, 300_000), comeBack(agentName));
      // Given up by the new master before that: no healing may bring it back earlier.
      else clock.setTimer(dice.between(620_000, 700_000), comeBack(agentName));
      return failOver();
    },
    'scheduler crashed': () => {
      const one = leader();
      if (one !== undefined) schedulers.crash(one);
      return one !== undefined;
    },
    'scheduler paused': () => {
      const one = leader();
      if (one === undefined) return false;
      one.process.pause();
      until(dice.between(1_000, 40_000), () => one.process.wake());
      return true;
    },
    // On a store without an election: only the fence tells them apart, and something has to be written.
    'second scheduler started': () => {
      if (schedulers.election !== undefined || leader() === undefined || cluster.executors().length === 0) {
        return false;
      }
      schedulers.startAnother();
      clock.setTimer(dice.between(1, 30), () => dice.pick(cluster.executors())?.killBroker());
      return true;
    },
    'zookeeper session expired': () => cutOff(dice.between(12_000, 30_000)),
    'zookeeper unreachable': () => cutOff(dice.between(500, 9_000)),
    'clock jumped': () => {
      const one = leader();
      if (one === undefined) return false;
      one.process.jump(dice.between(20_000, 1_800_000) * (dice.chance(0.5) ? 1 : -1));
      coverage.clockJumped();
      return true;
    },
    'kafka unreachable': () => {
      isKafkaReachable = false;
      until(dice.between(5_000, 90_000), () => {
        isKafkaReachable = true;
      });
      return true;
    },
    'stranger launched': () => launchStranger(),
  };

  function failOver(): boolean {
    if (!isMasterUp) return false;
    isMasterUp = false;
    masters += 1;
    const downMs = dice.between(500, 15_000);
    cluster.failOverMaster(`m${masters}`, downMs + dice.between(100, 5_000));
    clock.setTimer(downMs, () => {
      isMasterUp = true;
    });
    return true;
  }

  /** Announced, then begun, then over; what remains of it is undone at the healing. */
  function maintain(agentName: string): void {
    const machine = { hostname: agentName, ip: '127.0.0.1' };
    const startNs = (clock.nowMs() + dice.between(10_000, 120_000)) * 1e6;
    const schedule = (windows: readonly object[]): number =>
      cluster.operate({
        type: 'UPDATE_MAINTENANCE_SCHEDULE',
        update_maintenance_schedule: { schedule: { windows: windows as [] } },
      });
    schedule([{ machine_ids: [machine], unavailability: { start: { nanoseconds: startNs } } }]);
    let isDown = false;
    const begin = (): void => {
      if (healed) return;
      isDown =
        cluster.operate({ type: 'START_MAINTENANCE', start_maintenance: { machines: [machine] } }) === 200;
    };
    if (dice.chance(0.6)) clock.setTimer(startNs / 1e6 - clock.nowMs(), begin);
    until(dice.between(130_000, 240_000), () => {
      if (isDown) cluster.operate({ type: 'STOP_MAINTENANCE', stop_maintenance: { machines: [machine] } });
      else schedule([]);
      isMaintained = false;
      clock.setTimer(dice.between(1_000, 5_000), comeBack(agentName));
    });
  }

  function cutOff(forMs: number): boolean {
    const { election } = schedulers;
    const one = leader();
    if (election === undefined || one === undefined) return false;
    election.cut(one.process, true);
    until(forMs, () => election.cut(one.process, false));
    return true;
  }

  /** A task of our framework that no record has, as one from before a store was restored. */
  function launchStranger(): boolean {
    const { state } = cluster;
    const offer = Object.values(state.offers)[0];
    const framework = offer === undefined ? undefined : state.frameworks[offer.frameworkId];
    if (offer === undefined || framework?.streamId === undefined) return false;
    const scalar = (name: string, value: number) => ({
      name,
      type: 'SCALAR' as const,
      scalar: { value },
      allocation_info: { role: offer.role },
    });
    const taskId = `stranger.${state.nowMs}`;
    const { status } = cluster.feed({
      kind: 'call',
      streamId: framework.streamId,
      call: {
        type: 'ACCEPT',
        framework_id: { value: framework.id },
        accept: {
          offer_ids: [{ value: offer.id }],
          operations: [
            {
              type: 'LAUNCH',
              launch: {
                task_infos: [
                  {
                    name: 'stranger',
                    task_id: { value: taskId },
                    agent_id: { value: offer.agentId },
                    resources: [scalar('cpus', 0.1), scalar('mem', 32)],
                    executor: {
                      type: 'CUSTOM',
                      executor_id: { value: taskId },
                      command: { value: 'true' },
                      resources: [scalar('cpus', 0.1), scalar('mem', 32)],
                    },
                  },
                ],
              },
            },
          ],
        },
      },
    });
    return status === 202;
  }

  /** What has nothing to happen to just now is tried again a little later. */
  function strike(kind: WorldFault, triesLeft: number): void {
    if (healed) return;
    if (actions[kind]()) {
      note(`trouble: ${kind}`);
      faults.happened(kind);
    } else if (triesLeft > 0) {
      clock.setTimer(700, () => strike(kind, triesLeft - 1));
    }
  }

  return {
    isKafkaReachable: () => isKafkaReachable,
    isMasterUp: () => isMasterUp,
    begin(untilMs) {
      for (const kind of faults.chosen) {
        const isLong = kind === 'agent partitioned for long';
        const times = isLong ? 1 : dice.between(1, 4);
        for (let i = 0; i < times; i += 1) {
          clock.setTimer(dice.between(5_000, untilMs / (isLong ? 3 : 1) - 5_000), () => strike(kind, 60));
        }
      }
    },
    heal() {
      healed = true;
      for (const undo of [...undone]) undo();
      schedulers.election?.healAll();
    },
  };
}
