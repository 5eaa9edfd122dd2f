import path from 'node:path';
import { ConflictError, UnavailableError } from '../model/errors.ts';
import type { Clock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { type Random, uuid } from '../sys/random.ts';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { carryOutEffect, createEngine, type Engine } from './engine.ts';
import { refusal, sendReply } from './http/exchange.ts';
import { type Handler, type Listener, listen, listenAddress } from './http/listener.ts';
import { agentHandler, masterHandler } from './http/routes.ts';
import type { LocalMesos } from './local-mesos.ts';
import type { AgentConfig, Settings, State } from './model/state.ts';
import { defaultSettings, initialState, restore } from './model/step.ts';
import { createRunner, type Runner } from './runner/runner.ts';
import type { AgentSpec } from './topology.ts';

export type { AgentView, LocalMesos } from './local-mesos.ts';

export type LocalMesosOptions = {
  /** Everything is kept in here: state, work directories, cache. */
  readonly directory: string;
  /** Of the master; 0 takes a free one, or the one it had before. */
  readonly port: number;
  readonly agents: readonly AgentSpec[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The secret of the control API under /local/. */
  readonly token: string;
  /** Departures from Mesos' defaults, for tests. */
  readonly settings?: Partial<Settings>;
  /** The control API was asked to end this process; called after `shutdown` is through. */
  onShutdown?(): void;
  /** The state can no longer be trusted: the process has to end, and to be started again. */
  onFatal(error: unknown): void;
};

type Agent = { readonly spec: AgentSpec; config: AgentConfig; listener?: Listener | undefined };

/** Throws UnavailableError when a port is taken or the saved state cannot be read. */
export async function startLocalMesos(options: LocalMesosOptions): Promise<LocalMesos> {
  const { clock, logger } = options;
  const checkpointFile = path.join(options.directory, 'checkpoint.json');
  const agentsDirectory = path.join(options.directory, 'agents');
  const checkpoint = await readCheckpoint(checkpointFile);
  const stoppedAgents: Record<string, 'running' | 'gone'> = { ...checkpoint?.stoppedAgents };
  const agents = new Map<string, Agent>();
  let engine: Engine | undefined;
  let handleMaster: Handler | undefined;

  const recovering: Handler = (_request, response) =>
    sendReply(response, refusal(503, 'Master has not finished recovery'));
  const savedPort = checkpoint?.state.settings.port ?? 0;
  /** `port` 0: the saved one, since executors look for their agent there; any when none can be alive. */
  const listenOn = async (port: number, saved: number, handle: Handler): Promise<Listener> => {
    if (port !== 0 || saved === 0) return await listen(port, handle, logger);
    try {
      return await listen(saved, handle, logger);
    } catch (error) {
      if (engine || checkpoint?.containers.length !== 0) throw error;
      return await listen(0, handle, logger);
    }
  };

  const master = await listenOn(options.port, savedPort, (...exchange) =>
    (handleMaster ?? recovering)(...exchange),
  );

  const runner: Runner = createRunner({
    agentsDirectory,
    cacheDirectory: path.join(options.directory, 'fetch-cache'),
    clock,
    logger,
    report: (report) => void engine?.submit(report),
  });

  const listenAgent = async (agent: Agent): Promise<void> => {
    const { name } = agent.spec;
    const handle: Handler = async (...exchange) => {
      if (!engine) return recovering(...exchange);
      await agentHandler({ engine, agentName: name, workDirectory: workDirectory(name) })(...exchange);
    };
    agent.listener = await listenOn(agent.spec.port ?? 0, agent.config.port, handle);
    agent.config = { ...agent.config, port: agent.listener.port };
  };

  const closeAgent = async (agent: Agent): Promise<void> => {
    const { listener } = agent;
    agent.listener = undefined;
    await listener?.close();
  };

  const workDirectory = (name: string): string => path.join(agentsDirectory, name);

  const closeAll = async (): Promise<void> => {
    runner.close();
    await Promise.all([...agents.values()].map(closeAgent));
    await master.close();
  };

  try {
    for (const spec of options.agents) {
      const saved = checkpoint?.state.processes[spec.name]?.config.port ?? 0;
      const port = spec.port === undefined || spec.port === 0 ? saved : spec.port;
      const agent: Agent = { spec, config: { ...spec, ip: listenAddress, port } };
      agents.set(spec.name, agent);
      if (stoppedAgents[spec.name] === undefined) await listenAgent(agent);
    }
    await runner.adopt(checkpoint?.containers ?? []);
  } catch (error) {
    await closeAll();
    throw error;
  }
  for (const effect of checkpoint?.effects ?? []) {
    try {
      carryOutEffect(runner, effect);
    } catch (error) {
      logger.error('effect of the last run failed', { effect: effect.kind, reason: String(error) });
    }
  }

  const write = (part: Pick<Checkpoint, 'state' | 'effects'>): Promise<void> =>
    writeCheckpoint(checkpointFile, {
      formatVersion: 1,
      ...part,
      stoppedAgents,
      containers: runner.records(),
    });

  const started = createEngine({
    state: restoreState(checkpoint?.state, options, master.port),
    runner,
    clock,
    logger,
    write,
    onFatal: options.onFatal,
    onStopAgent(name, message) {
      const agent = agents.get(name);
      if (!agent?.listener) return;
      logger.warn('agent ends', { agentName: name, reason: message });
      stoppedAgents[name] = 'running';
      void closeAgent(agent);
      void started.submit({ kind: 'agent-stopped', agentName: name, executors: 'running' });
    },
  });
  engine = started;

  for (const agent of agents.values()) {
    const { name } = agent.spec;
    if (stoppedAgents[name] === 'gone') await runner.killAll(name);
    if (!agent.listener) continue;
    const livingContainers = runner.living(name);
    void started.submit({ kind: 'agent-started', agent: agent.config, livingContainers });
  }
  await started.submit({ kind: 'tick' });

  const mesos: LocalMesos = {
    masterUrl: `http://${listenAddress}:${master.port}`,

    agents: () =>
      [...agents.values()].map(({ spec, config, listener }) => ({
        name: spec.name,
        hostname: spec.hostname,
        url: `http://${listenAddress}:${config.port}`,
        workDirectory: workDirectory(spec.name),
        running: listener !== undefined,
        containers: runner.living(spec.name),
      })),

    async stopAgent(name, executors) {
      const agent = findAgent(agents, name);
      stoppedAgents[name] = executors;
      await closeAgent(agent);
      await started.submit({ kind: 'agent-stopped', agentName: name, executors });
      // The model has forgotten them by now: nobody can report what happens to a machine that is gone.
      if (executors === 'gone') await runner.killAll(name);
    },

    async startAgent(name, wiped) {
      const agent = findAgent(agents, name);
      if (agent.listener) {
        throw new ConflictError('KM_CONFLICT_AGENT', `The agent ${name} runs already.`);
      }
      if (wiped) {
        await runner.killAll(name);
        await runner.wipe(name);
      }
      await listenAgent(agent);
      delete stoppedAgents[name];
      const livingContainers = runner.living(name);
      await started.submit({ kind: 'agent-started', agent: agent.config, wiped, livingContainers });
    },

    async setPartitioned(name, partitioned) {
      findAgent(agents, name);
      await started.submit({ kind: partitioned ? 'agent-partitioned' : 'agent-healed', agentName: name });
    },

    async restartMaster() {
      await started.submit({ kind: 'master-restarted', masterId: uuid(options.random) });
    },

    async shutdown(graceMs) {
      const names = [...agents.keys()];
      const containers = names.flatMap((name) => runner.living(name)).length;
      const end = () => Promise.all(names.map((name) => runner.killAll(name, graceMs)));
      // Where there is time, the agents listen to the last: executors say that they were stopped, which is no failure.
      const killedInOrder = graceMs > 0 ? await end() : undefined;
      await Promise.all([...agents.values()].map(closeAgent));
      await Promise.all(
        names.map((agentName) => started.submit({ kind: 'agent-stopped', agentName, executors: 'gone' })),
      );
      const killed = killedInOrder ?? (await end());
      return { containers, processes: killed.reduce((sum, count) => sum + count, 0) };
    },

    async close() {
      await started.stop();
      await write({ state: started.state, effects: [] });
      await closeAll();
    },
  };
  handleMaster = masterHandler({
    engine: started,
    mesos,
    token: options.token,
    onShutdown: options.onShutdown,
  });
  return mesos;
}

function findAgent(agents: ReadonlyMap<string, Agent>, name: string): Agent {
  const agent = agents.get(name);
  if (agent) return agent;
  throw new UnavailableError('KM_UNAVAILABLE_AGENT', `There is no agent ${JSON.stringify(name)}.`, {
    remedy: `The agents are ${[...agents.keys()].join(', ')}.`,
  });
}

/** The saved state under today's settings; ids and counters go on where they were. */
function restoreState(saved: State | undefined, options: LocalMesosOptions, port: number): State {
  const settings: Settings = {
    masterId: saved?.settings.masterId ?? uuid(options.random),
    hostname: listenAddress,
    ip: listenAddress,
    port,
    ...defaultSettings,
    // What finished is kept in the file that every batch rewrites.
    maxCompletedTasks: 50,
    ...options.settings,
  };
  const nowMs = options.clock.nowMs();
  return saved ? restore(JSON.stringify(saved), nowMs, settings) : initialState(settings, nowMs);
}
