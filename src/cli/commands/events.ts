import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../api/client.ts';
import type { EventPage } from '../../model/api.ts';
import { UnavailableError } from '../../model/errors.ts';
import { type ClientOptions, connect, pickCluster } from '../connect.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { renderEventPage } from '../format/events.ts';
import { type OutputOptions, print } from '../output.ts';

export type EventsOptions = ClientOptions &
  OutputOptions & {
    /** The newest so many. */
    readonly limit: number;
    readonly follow?: boolean;
  };

const askAgainMs = 1_000;
/** Of one answer while following; what there is more of comes with the next. */
const pageSize = 200;

/** What happened, oldest first; of all clusters and the framework itself, or of one cluster. */
export async function events(
  context: Context,
  name: string | undefined,
  options: EventsOptions,
): Promise<ExitCode> {
  if (options.limit < 1 || options.limit > pageSize) {
    throw new UsageError(`--limit is from 1 to ${pageSize}`, 'more are not kept of a cluster');
  }
  if (options.follow === true && options.output !== undefined && options.output !== 'json') {
    throw new UsageError(`--follow and --output ${options.output} exclude one another`, 'follow as json');
  }
  const client = await connect(context, options);
  if (name !== undefined) await pickCluster(client, name, 'by its name');
  const query = name === undefined ? {} : { clusterName: name };
  const page = await client.events({ ...query, limit: options.limit });
  if (options.follow !== true) {
    await print(context, options, page.events, () => renderEventPage(page.events, context.io));
    if (page.events.length === 0 && options.output === undefined) context.io.err('No event yet.\n');
    return exitCodes.ok;
  }
  await followEvents(context, client, { query, page, asJson: options.output === 'json' });
  return exitCodes.detached;
}

/** Until Ctrl-C. A scheduler that is away, or hands over to another, interrupts nothing: the numbers go on. */
async function followEvents(
  { io }: Context,
  client: ApiClient,
  from: {
    readonly query: { readonly clusterName?: string };
    readonly page: EventPage;
    readonly asJson: boolean;
  },
): Promise<void> {
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  let { page } = from;
  let isSilent = false;
  while (!interrupt.signal.aborted) {
    io.out(
      from.asJson
        ? page.events.map((event) => `${JSON.stringify(event)}\n`).join('')
        : renderEventPage(page.events, io),
    );
    const afterSeq = page.lastSeq ?? 0;
    if (page.events.length < pageSize) {
      await sleep(askAgainMs, undefined, { signal: interrupt.signal }).catch(() => {});
    }
    try {
      page = await client.events({ ...from.query, afterSeq, limit: pageSize });
      isSilent = false;
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      if (!isSilent) io.err(`The scheduler does not answer (${error.message}); waiting for it.\n`);
      isSilent = true;
      page = { events: [], lastSeq: afterSeq };
    }
  }
}
