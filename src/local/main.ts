import { existsSync } from 'node:fs';
import { systemClock } from '../sys/clock.ts';
import { createLogger } from '../sys/logger.ts';
import { systemRandom } from '../sys/random.ts';
import { ensureToken, localHome, lockHome, openLog, writeInfo } from './home.ts';
import { defaultSettings } from './model/snapshot.ts';
import { claimPortBlock, type PortBlock } from './port-block.ts';
import { startLocalMesos } from './server.ts';
import { type AgentSpec, defaultAgents, defaultPort } from './topology.ts';

export type LocalOptions = {
  /** Of the master, the agents' following it. Default 5050; 0 takes free ones, or those of the last run. */
  readonly port?: number;
  readonly agents?: readonly AgentSpec[];
  /** After how long an agent that does not answer is unreachable; 75 s unless said, as in Mesos. */
  readonly agentTimeoutMs?: number;
};

/**
 * Runs the embedded Mesos of `home` in this process until it is told to end: by the control API's shutdown,
 * which ends all tasks too, or by SIGTERM or SIGINT, which leave them running for the next start. Logs to
 * HOME/local/mesos.log. Resolves when everything is closed.
 *
 * Throws ConflictError `KM_CONFLICT_LOCAL` when another one owns the home, and UnavailableError when a port
 * is taken or the saved state cannot be read. A bug ends the process with status 70: its tasks go on, and
 * the next start finds them.
 */
export async function runLocalMesos(home: string, options: LocalOptions = {}): Promise<void> {
  const local = localHome(home);
  const lock = await lockHome(local);
  let ports: PortBlock | undefined;
  try {
    const logger = createLogger({ destination: openLog(local.logFile) });
    const port = options.port ?? defaultPort;
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    ports = await claimPortBlock(local.portsFile, !existsSync(local.checkpointFile));
    const mesos = await startLocalMesos({
      directory: local.directory,
      port,
      agents: options.agents ?? defaultAgents(port, ports.firstPort),
      clock: systemClock,
      random: systemRandom,
      logger,
      token: await ensureToken(local),
      settings: options.agentTimeoutMs === undefined ? {} : pingsOver(options.agentTimeoutMs),
      onShutdown: () => end(),
      onFatal(error) {
        logger.error('the model failed', { reason: error instanceof Error ? error.stack : String(error) });
        // Nothing may be written any more: the last good state is on the disk.
        process.exit(70);
      },
    });
    process.once('SIGTERM', end).once('SIGINT', end);
    const { pid, startTime } = lock.self;
    const agents = mesos.agents().map(({ name, hostname, url }) => ({ name, hostname, url }));
    await writeInfo(local, { pid, startTime, masterUrl: mesos.masterUrl, agents });
    logger.info('embedded Mesos is up', { masterUrl: mesos.masterUrl, pid });
    await ended;
    process.off('SIGTERM', end).off('SIGINT', end);
    await mesos.close();
    logger.info('embedded Mesos ends');
  } finally {
    await ports?.release();
    await lock.release();
  }
}

/** As many pings as Mesos sends before it gives an agent up. */
function pingsOver(timeoutMs: number) {
  const { maxAgentPingTimeouts } = defaultSettings;
  return { maxAgentPingTimeouts, agentPingTimeoutMs: timeoutMs / maxAgentPingTimeouts };
}
