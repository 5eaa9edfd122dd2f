import type { ApiClient } from '../../api/client.ts';
import { type ClientOptions, connect, pickCluster } from '../connect.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { follow } from '../follow.ts';
import { renderHeld } from '../format/plan.ts';
import { renderScheduler } from '../format/scheduler.ts';
import { renderStatuses } from '../format/status.ts';
import { type OutputOptions, print } from '../output.ts';

export type StatusOptions = ClientOptions & OutputOptions & { readonly watch?: boolean };

export async function status(
  context: Context,
  name: string | undefined,
  options: StatusOptions,
): Promise<ExitCode> {
  if (options.watch === true && options.output !== undefined) {
    throw new UsageError('--watch and --output exclude one another', 'leave one of them out');
  }
  const client = await connect(context, options);
  if (options.watch === true) return watch(context, client, name);
  const clusters = name === undefined ? await client.clusters() : [await pickCluster(client, name)];
  if (options.output === undefined || options.output === 'wide') {
    const scheduler = await client.scheduler();
    const format = { ...context.io, nowMs: context.nowMs() };
    context.io.out(`${renderScheduler(scheduler, format)}${clusters.length === 0 ? '' : '\n'}`);
    await print(context, options, clusters, (wide) => renderStatuses(clusters, { ...context.io, wide }));
    const orphans = name === undefined ? scheduler.orphans : [];
    const lines = orphans.flatMap((held) => renderHeld(held, context.io.style, context.io.width));
    if (lines.length > 0) context.io.out(`\nNo record knows\n${lines.join('\n')}\n`);
  } else {
    await print(context, options, name === undefined ? clusters : clusters[0], () => '');
  }
  if (clusters.length === 0) {
    context.io.err('No cluster yet. Apply one: kafka-mesos apply -f examples/three-brokers.yaml\n');
  }
  return exitCodes.ok;
}

/** Until Ctrl-C, or until the cluster that was named is gone. */
async function watch(context: Context, client: ApiClient, name: string | undefined): Promise<ExitCode> {
  if (name !== undefined) await pickCluster(client, name);
  const end = await follow(context, client, {
    ...(name === undefined ? {} : { clusterNames: [name] }),
    say: context.io.out,
    until: (clusters) => name !== undefined && clusters.length === 0,
  });
  return end.reason === 'interrupted' ? exitCodes.detached : exitCodes.ok;
}
