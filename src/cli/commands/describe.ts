import { type ClientOptions, connect, pickCluster } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { renderBrokerDescription, renderClusterDescription } from '../format/status.ts';
import { type OutputOptions, print } from '../output.ts';

export type DescribeOptions = ClientOptions & OutputOptions & { readonly cluster?: string };

export async function describeCluster(
  context: Context,
  name: string | undefined,
  options: DescribeOptions,
): Promise<ExitCode> {
  const client = await connect(context, options);
  const cluster = await pickCluster(client, name, 'by its name');
  await print(context, options, cluster, () => renderClusterDescription(cluster, context.io));
  return exitCodes.ok;
}

export async function describeBroker(
  context: Context,
  id: number,
  options: DescribeOptions,
): Promise<ExitCode> {
  const client = await connect(context, options);
  const cluster = await pickCluster(client, options.cluster);
  const broker = cluster.brokers.find((candidate) => candidate.id === id);
  if (broker === undefined) {
    const ids = cluster.brokers.map((candidate) => candidate.id).join(', ');
    throw new CommandError('KM_CLI_NO_BROKER', `cluster ${cluster.name} has no broker ${id}`, {
      remedy: `its brokers are ${ids}`,
    });
  }
  await print(context, options, broker, () => renderBrokerDescription(cluster, broker, context.io));
  return exitCodes.ok;
}
