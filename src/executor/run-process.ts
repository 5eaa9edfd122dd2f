import { KafkaMesosError } from '../model/errors.ts';
import { systemClock } from '../sys/clock.ts';
import { createLogger } from '../sys/logger.ts';
import { systemRandom } from '../sys/random.ts';
import { readExecutorSettings } from './agent-connection.ts';
import { startExecutor } from './executor.ts';
import { errorText } from './failure.ts';
import type { RunOptions } from './run-broker.ts';

/**
 * Makes this process the executor: settings from Mesos' environment, logs on stderr (the sandbox's
 * `stderr`), exit code 0 after an orderly end. Whatever way it ends, the broker process goes first.
 */
export async function runAsProcess(createPrograms: RunOptions['createPrograms']): Promise<void> {
  const logger = createLogger();
  try {
    const executor = startExecutor(readExecutorSettings(process.env), {
      clock: systemClock,
      random: systemRandom,
      logger,
      createPrograms,
    });
    process.on('exit', executor.killNow);
    process.on('uncaughtException', (error) => {
      logger.error('a bug of the executor', { cause: error.stack });
      process.exit(70);
    });
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, executor.shutDown);
    process.exit(await executor.ended);
  } catch (error) {
    const remedy = error instanceof KafkaMesosError ? error.remedy : undefined;
    logger.error('the executor cannot run', { cause: errorText(error), remedy });
    process.exit(64);
  }
}
