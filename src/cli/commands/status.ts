import { type ClientOptions, connect, pickCluster } from '../connect.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { follow } from '../follow.ts';
import { renderHeld } from '../format/plan.ts';
import { renderStatus } from '../format/status.ts';
import { type OutputOptions, print } from '../output.ts';

export type StatusOptions = ClientOptions & OutputOptions & { readonly watch?: boolean };

export async function status(
  context: Context,
  name: string | undefined,
  options: StatusOptions,
): Promise<ExitCode> {
  const client = await connect(context, options);
  if (options.watch === true) {
    await follow(context, client, {
      ...(name === undefined ? {} : { clusterNames: [name] }),
      until: () => false,
    });
    return exitCodes.detached;
  }
  const clusters = name === undefined ? await client.clusters() : [await pickCluster(client, name)];
  await print(context, options, name === undefined ? clusters : clusters[0], (wide) =>
    clusters.map((cluster) => renderStatus(cluster, { ...context.io, wide })).join('\n'),
  );
  if (name === undefined && options.output === undefined) {
    const { orphans } = await client.scheduler();
    const lines = orphans.flatMap((held) => renderHeld(held, context.io.style, context.io.width));
    if (lines.length > 0) context.io.out(`\nNo record knows\n${lines.join('\n')}\n`);
  }
  if (clusters.length === 0) {
    context.io.err('No cluster yet. Apply one: kafka-mesos apply -f examples/three-brokers.yaml\n');
  }
  return exitCodes.ok;
}
