import type { ApiClient } from '../../api/client.ts';
import type { ClusterStatus } from '../../model/status.ts';
import { type ClientOptions, connect, pickCluster } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError, UsageError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { renderBrokerDescription } from '../format/broker.ts';
import { renderClusterDescription } from '../format/status.ts';
import { idRanges } from '../format/text.ts';
import { keptEvents } from '../kept-events.ts';
import { type OutputOptions, print } from '../output.ts';

export type DescribeOptions = ClientOptions & OutputOptions & { readonly cluster?: string };

export async function describeCluster(
  context: Context,
  name: string | undefined,
  options: DescribeOptions,
): Promise<ExitCode> {
  const client = await connect(context, options);
  const cluster = await pickCluster(client, name, 'by its name');
  const events = await keptEvents(client, cluster.name);
  await print(context, options, cluster, () => renderClusterDescription(cluster, events, context.io));
  return exitCodes.ok;
}

export async function describeBroker(
  context: Context,
  id: number,
  options: DescribeOptions,
): Promise<ExitCode> {
  const client = await connect(context, options);
  const cluster = await clusterOf(client, id, options.cluster);
  const broker = cluster.brokers.find((candidate) => candidate.id === id);
  const events = await keptEvents(client, cluster.name);
  const text = renderBrokerDescription(cluster, id, events, context.io);
  if (text === undefined) {
    const ids = cluster.brokers.map((candidate) => candidate.id);
    throw new CommandError('KM_CLI_NO_BROKER', `cluster ${cluster.name} has no broker ${id}`, {
      remedy: ids.length === 0 ? 'it has none' : `its brokers are ${idRanges(ids)}`,
    });
  }
  // One that has left the spec has no status: all that there is of it are the needs that are held.
  const data = broker ?? { id, held: cluster.held.filter((held) => held.brokerId === id) };
  await print(context, options, data, () => text);
  return exitCodes.ok;
}

/** The cluster named; else the only one that has such a broker. */
async function clusterOf(client: ApiClient, id: number, name: string | undefined): Promise<ClusterStatus> {
  if (name !== undefined) return pickCluster(client, name);
  const clusters = await client.clusters();
  const having = clusters.filter(
    ({ brokers, held }) => brokers.some((one) => one.id === id) || held.some((one) => one.brokerId === id),
  );
  const [only, ...others] = having;
  if (only === undefined) {
    if (clusters.length < 2) return pickCluster(client, name);
    throw new CommandError('KM_CLI_NO_BROKER', `no cluster has a broker ${id}`, {
      remedy: `there is ${clusters.map(({ name: one, brokers }) => `${one} with ${idRanges(brokers.map((b) => b.id)) || 'none'}`).join(', ')}`,
    });
  }
  if (others.length === 0) return only;
  throw new UsageError(
    `${having.length} clusters have a broker ${id}`,
    `choose one by --cluster: ${having.map((one) => one.name).join(', ')}`,
  );
}
