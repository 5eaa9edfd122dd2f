import { type ClientOptions, connect, pickCluster } from '../connect.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { renderBrokers, renderClusters, renderTopics } from '../format/status.ts';
import { type OutputOptions, print } from '../output.ts';

export type GetOptions = ClientOptions & OutputOptions & { readonly cluster?: string };

export const getKinds = ['brokers', 'topics', 'clusters'] as const;
export type GetKind = (typeof getKinds)[number];

export async function get(context: Context, kind: GetKind, options: GetOptions): Promise<ExitCode> {
  const client = await connect(context, options);
  const format = (wide: boolean) => ({ ...context.io, wide });
  const text = (lines: readonly string[]) => `${lines.join('\n')}\n`;
  if (kind === 'clusters') {
    const clusters = await client.clusters();
    await print(context, options, clusters, (wide) => text(renderClusters(clusters, format(wide))));
    return exitCodes.ok;
  }
  const cluster = await pickCluster(client, options.cluster);
  if (kind === 'brokers') {
    await print(context, options, cluster.brokers, (wide) =>
      text(renderBrokers(cluster.brokers, format(wide))),
    );
  } else {
    await print(context, options, cluster.topics, (wide) => text(renderTopics(cluster.topics, format(wide))));
  }
  return exitCodes.ok;
}
