import type { ClusterStatus } from '../../model/status.ts';
import { type ClientOptions, type Connection, connect, pickCluster } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError, UsageError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { follow } from '../follow.ts';
import { duration } from '../format/time.ts';
import { parseBrokerId } from '../program-values.ts';
import { reportHeld } from '../report-held.ts';
import { describeStand, describeWanted, isMet, parseWanted, type Wanted } from '../wait-condition.ts';

export type WaitOptions = ClientOptions & {
  readonly for?: string;
  readonly cluster?: string;
  readonly timeout: number;
};

/**
 * Waits for a cluster or a broker. A scheduler that is away meanwhile is waited for: what is to become so is not lost
 * by a failover, and the time-out bounds it.
 */
export async function wait(
  context: Context,
  what: readonly string[],
  options: WaitOptions,
): Promise<ExitCode> {
  const { name, brokerId } = targetOf(what, options);
  const of = brokerId === undefined ? 'cluster' : 'broker';
  const wanted = parseWanted(options.for ?? (of === 'broker' ? 'state=running' : 'converged'), of);
  const client = await connect(context, options);
  const startedAtMs = context.nowMs();
  const cluster = await findCluster(client, name, wanted, brokerId);
  const who = (clusterName: string) =>
    brokerId === undefined ? clusterName : `broker ${brokerId} of ${clusterName}`;
  const words = describeWanted(wanted);
  if (cluster === undefined || isMet(wanted, cluster, brokerId)) {
    context.io.err(`${who(cluster?.name ?? name ?? 'the cluster')} is ${words}.\n`);
    return exitCodes.ok;
  }
  const find = (statuses: readonly ClusterStatus[]) => statuses.find((one) => one.name === cluster.name);
  const isThere = (status: ClusterStatus | undefined) =>
    status !== undefined && (brokerId === undefined || status.brokers.some((one) => one.id === brokerId));
  const { reason, last } = await follow(context, client, {
    clusterNames: [cluster.name],
    timeoutMs: Math.max(0, options.timeout - (context.nowMs() - startedAtMs)),
    say: context.io.err,
    isPatient: true,
    until: (statuses) => !isThere(find(statuses)) || isMet(wanted, find(statuses), brokerId),
  });
  const status = find(last);
  if (reason === 'interrupted') {
    context.io.err(`Left. Watch it with: kafka-mesos status ${cluster.name} --watch\n`);
    return exitCodes.detached;
  }
  if (reason === 'until' && isMet(wanted, status, brokerId)) {
    context.io.err(`${who(cluster.name)} is ${words}.\n`);
    return exitCodes.ok;
  }
  if (reason === 'until') {
    throw new CommandError('KM_CLI_GONE', `${who(cluster.name)} was removed and will never be ${words}`, {
      remedy: 'see when it was: kafka-mesos events',
    });
  }
  const late = `${who(cluster.name)} is not ${words} after ${duration(options.timeout)}`;
  if (last.length === 0) {
    context.io.err(`${late}; the scheduler did not answer.\n`);
    return exitCodes.stillConverging;
  }
  const broker = status?.brokers.find((one) => one.id === brokerId);
  const held = last.map((one) => ({
    ...one,
    held: one.held.filter(
      (h) => brokerId === undefined || h.brokerId === undefined || h.brokerId === brokerId,
    ),
  }));
  // What holds it is told below, and once is enough.
  const isTold = held.some((one) => one.held.some(({ message }) => message === broker?.waiting?.why));
  const stand = isTold ? broker?.state : describeStand(wanted, status, broker);
  reportHeld(context, held, `${late}: ${stand}`);
  const look =
    brokerId === undefined ? `cluster ${cluster.name}` : `broker ${brokerId} --cluster ${cluster.name}`;
  context.io.err(`The scheduler goes on. Look closer: kafka-mesos describe ${look}\n`);
  return exitCodes.stillConverging;
}

/** `demo`, `cluster demo`, `broker 2`, or nothing for the only cluster. */
function targetOf(
  what: readonly string[],
  { cluster }: WaitOptions,
): { readonly name: string | undefined; readonly brokerId?: number } {
  const [first, second, ...more] = what;
  const remedy = 'name a cluster, or a broker as in kafka-mesos wait broker 2';
  if (more.length > 0) throw new UsageError(`${what.join(' ')} is too much to wait for`, remedy);
  if (first === 'broker') {
    if (second === undefined) throw new UsageError('which broker?', remedy);
    if (!/^\d{1,9}$/.test(second)) throw new UsageError(`${second} is no id of a broker`, remedy);
    return { name: cluster, brokerId: parseBrokerId(second) };
  }
  const name = first === 'cluster' ? second : first;
  if (second !== undefined && first !== 'cluster')
    throw new UsageError(`${what.join(' ')} is two things`, remedy);
  if (name !== undefined && cluster !== undefined && name !== cluster) {
    throw new UsageError(`${name} and --cluster ${cluster} are two clusters`, 'leave one of them out');
  }
  return { name: name ?? cluster };
}

/** Undefined when it is gone already and that is what is waited for. */
async function findCluster(
  client: Connection,
  name: string | undefined,
  wanted: Wanted,
  brokerId: number | undefined,
): Promise<ClusterStatus | undefined> {
  const sought = name ?? client.preferredCluster;
  if (wanted.kind === 'deleted' && sought !== undefined && brokerId === undefined) {
    return (await client.clusters()).find((one) => one.name === sought);
  }
  const cluster = await pickCluster(client, name, 'by its name');
  if (brokerId === undefined || wanted.kind === 'deleted' || cluster.brokers.some((b) => b.id === brokerId)) {
    return cluster;
  }
  throw new CommandError('KM_CLI_NO_BROKER', `cluster ${cluster.name} has no broker ${brokerId}`, {
    remedy: `there is ${cluster.brokers.map((one) => one.id).join(', ') || 'none'}`,
  });
}
