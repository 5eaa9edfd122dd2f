import { userInfo } from 'node:os';
import type { FollowAnswer } from '../../model/api.ts';
import { type ClientOptions, connect, pickCluster } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { renderDirectory, sourceText } from '../format/source.ts';
import { hang } from '../format/text.ts';
import { type OutputOptions, print } from '../output.ts';

type Options = ClientOptions & OutputOptions;
type ReasonOptions = Options & { readonly reason?: string };

export async function followOrder(
  context: Context,
  verb: 'suspend' | 'resume',
  name: string | undefined,
  options: ReasonOptions,
): Promise<ExitCode> {
  const client = await connect(context, options);
  const answer = await pickCluster(client, name, 'by its name').then(
    async (cluster) => demand(await client[verb](cluster.name, personOf(options)), cluster.name),
    async (error: unknown) => {
      // One that was removed beside its file is in no list, and can be resumed.
      const removed =
        verb === 'resume' && name !== undefined ? await client.resume(name, personOf(options)) : undefined;
      if (removed === undefined) throw error;
      return removed;
    },
  );
  await printAnswer(context, options, answer);
  return exitCodes.ok;
}

export async function rollback(
  context: Context,
  revision: number,
  options: ReasonOptions & { readonly cluster?: string },
): Promise<ExitCode> {
  const client = await connect(context, options);
  const cluster = await pickCluster(client, options.cluster);
  const request = { ...personOf(options), revision };
  const answer = demand(await client.rollback(cluster.name, request), cluster.name);
  await printAnswer(context, options, answer);
  if (options.output === undefined && answer.source !== undefined) {
    context.io.err(`The file is followed again by: kafka-mesos resume ${cluster.name}\n`);
  }
  return exitCodes.ok;
}

export async function reconcile(
  context: Context,
  name: string | undefined,
  options: Options,
): Promise<ExitCode> {
  const client = await connect(context, options);
  const answer = demand(await client.reconcile(name === undefined ? {} : { clusterName: name }), name ?? '');
  await print(context, options, answer, () =>
    answer.specs === undefined
      ? `Pass ${answer.pass}. No directory of specs is followed.\n`
      : `Pass ${answer.pass}.\n${renderDirectory(answer.specs, { ...context.io, nowMs: context.nowMs() })}\n`,
  );
  return exitCodes.ok;
}

const personOf = ({ reason }: ReasonOptions) => ({
  author: userInfo().username,
  ...(reason === undefined ? {} : { reason }),
});

async function printAnswer(context: Context, options: Options, answer: FollowAnswer): Promise<void> {
  const { clusterName, revision, source } = answer;
  const text = source === undefined ? '' : `, ${sourceText(source, context.nowMs())}`;
  const said = revision === 0 ? 'formed anew as soon as its file is read' : `revision ${revision}${text}`;
  const lines = hang('', `cluster ${clusterName}: ${said}`, context.io.width);
  await print(context, options, answer, () => `${lines.join('\n')}\n`);
}

function demand<T>(answer: T | undefined, name: string): T {
  if (answer !== undefined) return answer;
  throw new CommandError('KM_CLI_NO_CLUSTER', `there is no cluster named ${name}`, {
    remedy: 'look at `kafka-mesos get clusters`; a scheduler of an earlier release knows no such question',
  });
}
