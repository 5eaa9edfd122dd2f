import { setTimeout as sleep } from 'node:timers/promises';
import { maxLogBytes } from '../../api/requests.ts';
import type { LogAnswer } from '../../model/api.ts';
import { UnavailableError } from '../../model/errors.ts';
import { type ClientOptions, connect, pickCluster } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { lastLines, newPart } from '../format/log-tail.ts';

export type LogsOptions = ClientOptions & {
  readonly cluster?: string;
  readonly file: string;
  /** Lines from the end. */
  readonly tail: number;
  readonly follow?: boolean;
};

export async function logs(context: Context, brokerId: number, options: LogsOptions): Promise<ExitCode> {
  const client = await connect(context, options);
  const cluster = await pickCluster(client, options.cluster);
  const read = async (bytes: number): Promise<LogAnswer> => {
    const answer = await client.readLog({ clusterName: cluster.name, brokerId, file: options.file, bytes });
    if (answer !== undefined) return answer;
    throw new CommandError('KM_CLI_NO_BROKER', `cluster ${cluster.name} has no broker ${brokerId}`, {
      remedy: `its brokers are ${cluster.brokers.map(({ id }) => id).join(', ')}`,
    });
  };
  let last = await read(maxLogBytes);
  context.io.out(lastLines(last.text, options.tail));
  if (options.follow !== true) return exitCodes.ok;

  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  while (!interrupt.signal.aborted) {
    await sleep(1_000, undefined, { signal: interrupt.signal }).catch(() => {});
    try {
      const answer = await read(256 * 1024);
      const part = newPart(last, answer);
      if (part.note !== undefined) context.io.err(`--- ${part.note}\n`);
      context.io.out(part.text);
      last = answer;
    } catch (error) {
      // Between two runs of a broker, or while its agent is away, there is nothing to read: go on.
      if (!(error instanceof UnavailableError)) throw error;
    }
  }
  return exitCodes.detached;
}
