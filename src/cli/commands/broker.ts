import { userInfo } from 'node:os';
import type { IntentBody } from '../../model/api.ts';
import { leftAlone } from '../../model/status.ts';
import { formatIds, parseIdRanges } from '../../spec/units.ts';
import { type ClientOptions, connect, pickCluster } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError, UsageError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { dateTime } from '../format/time.ts';

export type BrokerVerb = IntentBody['kind'] | 'start' | 'resume';

export type BrokerOptions = ClientOptions & {
  readonly cluster?: string;
  readonly reason?: string;
  /** Milliseconds. */
  readonly for?: number;
  readonly acceptLoss?: readonly string[];
  readonly withoutKafka?: boolean;
};

/** Asks something of brokers, one after the other. What was asked before an error stays asked. */
export async function broker(
  context: Context,
  verb: BrokerVerb,
  ids: string,
  options: BrokerOptions,
): Promise<ExitCode> {
  const client = await connect(context, options);
  const cluster = await pickCluster(client, options.cluster);
  const known = [...cluster.brokers.map((b) => b.id), ...(verb === 'resume' ? leftAlone(cluster) : [])];
  for (const brokerId of chosenBrokers(known, cluster.name, ids)) {
    const status = cluster.brokers.find((b) => b.id === brokerId);
    const standing = status?.intent;
    const isAsked = standing !== undefined || status === undefined || status.state === 'failed';
    if (verb === 'resume' && !isAsked) {
      context.io.out(`broker ${brokerId}: nothing was asked of it\n`);
      continue;
    }
    if (verb === 'start' && standing?.kind === 'pause') {
      throw new CommandError(
        'KM_CLI_PAUSED',
        `broker ${brokerId} is to be left alone, asked for by ${standing.author}`,
        { remedy: 'take that back first: `kafka-mesos broker resume`' },
      );
    }
    const answer = await client.setIntent({
      clusterName: cluster.name,
      brokerId,
      ...(verb === 'start' || verb === 'resume'
        ? { author: userInfo().username }
        : { intent: bodyOf(verb, options) }),
    });
    if (answer === undefined) {
      throw new CommandError('KM_CLI_NO_BROKER', `broker ${brokerId} of ${cluster.name} is gone by now`, {
        remedy: 'look at `kafka-mesos get brokers`',
      });
    }
    const until =
      answer.intent?.expiresAtMs === undefined ? '' : `, until ${dateTime(answer.intent.expiresAtMs)}`;
    context.io.out(
      answer.intent === undefined
        ? `broker ${brokerId}: as the spec says\n`
        : `broker ${brokerId}: ${said[answer.intent.kind]}${until}\n`,
    );
  }
  context.io.out(`See \`kafka-mesos status ${cluster.name}\` for what is done and what it waits for.\n`);
  return exitCodes.ok;
}

const said: Readonly<Record<IntentBody['kind'], string>> = {
  stop: 'to be stopped, and kept so',
  pause: 'left alone',
  restart: 'to be restarted once',
  replace: 'to leave its disk and start empty elsewhere',
};

function bodyOf(kind: IntentBody['kind'], options: BrokerOptions): IntentBody {
  return {
    kind,
    author: userInfo().username,
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.for === undefined ? {} : { expiresInMs: options.for }),
    ...(options.acceptLoss === undefined || options.acceptLoss.length === 0
      ? {}
      : { acceptLoss: options.acceptLoss.flatMap((p) => p.split(',')) }),
    ...(options.withoutKafka === undefined ? {} : { withoutKafka: options.withoutKafka }),
  };
}

/** `0`, `0..2`, `0,2,5..7` or `*`; each once, in the order of those that are known. */
function chosenBrokers(known: readonly number[], clusterName: string, expression: string): readonly number[] {
  if (expression === '*') return known;
  const ranges = parseIdRanges(expression);
  if (ranges === undefined) {
    throw new UsageError(`${expression} names no brokers`, 'write 2, 0..2, 0,3 or "*"');
  }
  const isMeant = (id: number) => ranges.some(({ first, last }) => first <= id && id <= last);
  const absent = ranges.find(({ first, last }) => !known.some((id) => first <= id && id <= last));
  if (absent !== undefined) {
    throw new CommandError('KM_CLI_NO_BROKER', `cluster ${clusterName} has no broker ${absent.first}`, {
      remedy: `its brokers are ${formatIds(known)}`,
    });
  }
  return known.filter(isMeant);
}
