import { startLocalMesos } from '../local/server.ts';
import { defaultAgents } from '../local/topology.ts';
import { systemClock } from '../sys/clock.ts';
import { createLogger } from '../sys/logger.ts';
import { systemRandom } from '../sys/random.ts';
import { exitCodes } from './exit-codes.ts';

export type EmbeddedMesosOptions = {
  readonly directory: string;
  readonly port: number;
  /** Of the control API. */
  readonly token: string;
  readonly onReady: (masterUrl: string) => Promise<void>;
};

/**
 * Runs the embedded Mesos until the control API or a signal ends it; resolves to the exit code. After a
 * signal its tasks live on, as those of real agents do; the control API's shutdown stops them first.
 */
export async function runEmbeddedMesos(options: EmbeddedMesosOptions): Promise<number> {
  const logger = createLogger();
  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  const mesos = await startLocalMesos({
    directory: options.directory,
    port: options.port,
    agents: defaultAgents(options.port),
    clock: systemClock,
    random: systemRandom,
    logger,
    token: options.token,
    onShutdown: () => end(exitCodes.ok),
    onFatal: (error) => {
      logger.error('the embedded Mesos failed', {
        error: error instanceof Error ? error.stack : String(error),
      });
      end(exitCodes.failed);
    },
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.once(signal, () => end(exitCodes.ok));
  await options.onReady(mesos.masterUrl);
  logger.info('embedded mesos runs', { url: mesos.masterUrl, directory: options.directory });
  const code = await ended;
  // What failed is not asked to close: its state is no longer to be written.
  if (code !== exitCodes.ok) process.exit(code);
  await mesos.close();
  return code;
}
