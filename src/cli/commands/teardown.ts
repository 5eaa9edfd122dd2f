import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../api/client.ts';
import { UnavailableError } from '../../model/errors.ts';
import type { Leftover, TeardownAnswer } from '../../model/teardown.ts';
import { type ClientOptions, connect } from '../connect.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { printable } from '../format/text.ts';
import { duration } from '../format/time.ts';
import { print } from '../output.ts';

export type TeardownOptions = ClientOptions & {
  readonly confirm: string;
  readonly timeout: number;
  readonly abandon?: boolean;
  readonly output?: 'json' | 'yaml' | 'wide';
};

const intervalMs = 1_000;

/** Ends the framework and everything of it; gives up waiting after the time-out, and says what is left where. */
export async function teardown(context: Context, options: TeardownOptions): Promise<ExitCode> {
  const client = await connect(context, options);
  const request = { confirm: options.confirm, author: userInfo().username };
  const deadlineMs = context.nowMs() + options.timeout;
  let last = await client.teardown({ ...request, abandon: false });
  let told = '';
  while (!last.done && context.nowMs() < deadlineMs) {
    const line = summary(last);
    if (line !== told) context.io.err(`${line}\n`);
    told = line;
    await sleep(intervalMs);
    last = (await look(client, request)) ?? last;
  }
  if (!last.done && options.abandon === true) {
    last = await client.teardown({ ...request, abandon: true });
  }
  await print(context, options, last, () => last.left.map(renderLeftover).join(''));
  if (last.done) {
    context.io.err(
      last.left.length === 0
        ? `Torn down: the master shows no task, reservation or volume of ${options.confirm} any more.\n`
        : `Torn down, and abandoned what is listed above.\n${remedies(last.left)}`,
    );
    return last.left.length === 0 ? exitCodes.ok : exitCodes.held;
  }
  context.io.err(
    `Not everything is gone after ${duration(options.timeout)}; the scheduler goes on with it.\n${remedies(last.left)}`,
  );
  return exitCodes.held;
}

/** Undefined when nobody answered just now: the scheduler goes on by itself. */
async function look(
  client: ApiClient,
  request: { readonly confirm: string; readonly author: string },
): Promise<TeardownAnswer | undefined> {
  try {
    return await client.teardown({ ...request, abandon: false });
  } catch (error) {
    if (error instanceof UnavailableError) return undefined;
    throw error;
  }
}

function summary({ clusters, left }: TeardownAnswer): string {
  const names = clusters.length === 0 ? 'no cluster' : `cluster ${clusters.map(printable).join(', ')}`;
  const counts = [...Map.groupBy(left, (l) => l.kind)].map(([kind, of]) => `${of.length} × ${kind}`);
  return `Left: ${[names, ...counts].join(', ')}`;
}

function renderLeftover({ kind, hostname, agentId, what }: Leftover): string {
  return `${kind.padEnd(16)} ${printable(hostname)} (${printable(agentId)})  ${printable(what)}\n`;
}

function remedies(left: readonly Leftover[]): string {
  const kinds = new Set(left.map((l) => l.kind));
  const lines = [
    ...(kinds.has('record') || kinds.has('unreachable-task') || kinds.has('unseen-agent')
      ? [
          'Bring these agents back and run it again. Of an agent that never comes back nothing has to be removed: run it with --abandon.',
        ]
      : []),
    ...(kinds.has('volume') || kinds.has('reservation')
      ? [
          'What the master shows can be removed by hand: POST /api/v1 of the master with DESTROY_VOLUMES, then UNRESERVE_RESOURCES, each with the resources as GET_AGENTS shows them.',
        ]
      : []),
  ];
  return lines.map((line) => `→ ${line}\n`).join('');
}
